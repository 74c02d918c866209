//! Which pod is meant, and which of its containers.

use std::sync::Arc;

use runbook_action::{ErrorKind, Failure};
use serde_json::Value;

use crate::asked::Several;
use crate::change::conflict;
use crate::cluster::Cluster;
use crate::kinds::Resource;
use crate::object::{self, Target};
use crate::trouble::Trouble;
use crate::verbs::cause;

/// Where a pod lists its containers, and where it says how they are.
const LISTS: [(&str, &str); 3] = [
    ("/spec/containers", "/status/containerStatuses"),
    ("/spec/initContainers", "/status/initContainerStatuses"),
    ("/spec/ephemeralContainers", "/status/ephemeralContainerStatuses"),
];

/// The kind of pods, which is the same in every cluster.
pub(crate) fn kind() -> Arc<Resource> {
    Arc::new(Resource {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        plural: "pods".to_owned(),
        singular: "pod".to_owned(),
        short: vec!["po".to_owned()],
        namespaced: true,
        parts: Vec::new(),
    })
}

/// The pods that these labels choose.
pub(crate) async fn selected(
    cluster: &Cluster,
    namespace: Option<&str>,
    selector: String,
) -> Result<Vec<Value>, Trouble> {
    let several = Several {
        kind: kind(),
        namespace: namespace.map(str::to_owned),
        query: vec![("labelSelector", selector)],
    };
    several.read(cluster, None).await
}

/// The pods of something that has pods; nothing if it is of no such kind.
pub(crate) async fn of(cluster: &Cluster, target: &Target) -> Result<Option<Vec<Value>>, Trouble> {
    let object = object::typed(target.read(cluster).await?, &target.kind);
    match object::selector(&object) {
        Some(selector) => selected(cluster, target.namespace.as_deref(), selector)
            .await
            .map(Some),
        None => Ok(None),
    }
}

/// Of these pods the one in which a program is run: `known` if it still is ready, else the first that is. `owner` says
/// whose pods they are.
pub(crate) fn ready(mut pods: Vec<Value>, owner: &str, known: Option<&str>) -> Result<Value, Failure> {
    pods.sort_by_key(object::name);
    let is_known = |pod: &Value| known == Some(object::text(pod, "/metadata/uid").as_str());
    let (mut ready, others): (Vec<Value>, Vec<Value>) = pods.into_iter().partition(cause::is_ready);
    if let Some(at) = ready.iter().position(is_known) {
        return Ok(ready.swap_remove(at));
    }
    if !ready.is_empty() {
        return Ok(ready.swap_remove(0));
    }
    let why = others.iter().find_map(cause::waiting);
    let message = match (others.is_empty(), why) {
        (true, _) => format!("{owner} has no pods"),
        (false, Some(why)) => format!("no pod of {owner} is ready: {}", why.shown()),
        (false, None) => format!("no pod of {owner} is ready"),
    };
    Err(conflict(message))
}

/// The names of all containers of a pod.
pub(crate) fn containers(pod: &Value) -> Vec<String> {
    LISTS
        .iter()
        .flat_map(|(list, _)| object::list(pod, list))
        .map(|container| object::text(container, "/name"))
        .collect()
}

/// The container that is meant, of those that a pod has.
pub(crate) fn container(pod: &Value, wanted: Option<&str>) -> Result<String, Failure> {
    let names = containers(pod);
    if let Some(name) = wanted {
        if names.iter().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        let failure = Failure::new(
            ErrorKind::NotFound,
            format!("pod `{}` has no container `{name}`", object::name(pod)),
        );
        return Err(failure
            .about("container")
            .help(format!("it has {}", listed(&names))));
    }
    if let Some(usual) = object::annotation(pod, "kubectl.kubernetes.io/default-container") {
        return Ok(usual.to_owned());
    }
    let running: Vec<String> = object::list(pod, "/spec/containers")
        .iter()
        .map(|one| object::text(one, "/name"))
        .collect();
    if let [one] = running.as_slice() {
        return Ok(one.clone());
    }
    let failure = conflict(format!("pod `{}` has several containers", object::name(pod)));
    Err(failure.help(format!("say which one as `container`: {}", listed(&running))))
}

fn listed(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What a pod says of a container.
pub(crate) fn status<'a>(pod: &'a Value, container: &str) -> Option<&'a Value> {
    LISTS
        .iter()
        .flat_map(|(_, statuses)| object::list(pod, statuses))
        .find(|status| status.get("name").and_then(Value::as_str) == Some(container))
}

/// Programs are run only in what runs itself; gives what tells this life of the container from the next.
pub(crate) fn running(pod: &Value, container: &str) -> Result<String, Failure> {
    let status = status(pod, container);
    if let Some(status) = status.filter(|status| status.pointer("/state/running").is_some()) {
        return Ok(object::text(status, "/containerID"));
    }
    let name = object::name(pod);
    let phase = object::text(pod, "/status/phase");
    let reason = status.map(|status| {
        let waiting = object::text(status, "/state/waiting/reason");
        if waiting.is_empty() {
            object::text(status, "/state/terminated/reason")
        } else {
            waiting
        }
    });
    let failure = match reason.filter(|reason| !reason.is_empty()) {
        None => conflict(format!("pod `{name}` is not running but {phase}")),
        Some(reason) => conflict(format!(
            "container `{container}` of pod `{name}` is not running but {reason}"
        )),
    };
    Err(failure.help(format!(
        "`k8s: {{logs: pod/{name}, container: {container}}}` shows what it printed, and `k8s: {{events: pod/{name}}}` \
         what became of it"
    )))
}
