//! A cluster whose pods run.

use std::sync::Arc;
use std::time::Duration;

use runbook_cluster::kubelet::{Image, Kubelet, Settings};
use runbook_cluster::{Cluster, Fields as _};
use serde_json::{Value, json};

use crate::kubectl::Kubectl;

/// A change that takes longer than this does not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster, its nodes and a client.
pub(crate) struct Pods {
    pub(crate) kubelet: Kubelet,
    pub(crate) cluster: Cluster,
    pub(crate) kubectl: Kubectl,
    pub(crate) settings: Settings,
}

impl Pods {
    pub(crate) fn start() -> Self {
        let cluster = Cluster::start().unwrap();
        let settings = Settings::default();
        let kubelet = Kubelet::start(&cluster, &settings).unwrap();
        let kubectl = Kubectl::new(&cluster, "admin");
        Self {
            kubelet,
            cluster,
            kubectl,
            settings,
        }
    }

    /// Publishes an image that runs a script.
    pub(crate) fn image(&self, name: &str, script: &str) {
        let image = Image::busybox().with_command(["/bin/sh", "-c", script]);
        self.settings.images.register(name, image);
    }

    /// Makes a pod of one container, `app`, from busybox; `change` is laid over its container.
    pub(crate) fn run(&self, name: &str, script: &str, change: &Value) {
        self.run_in(name, script, change, &json!({}));
    }

    /// The same with what is laid over the pod's specification.
    pub(crate) fn run_in(&self, name: &str, script: &str, change: &Value, spec: &Value) {
        let mut container = json!({"name": "app", "image": "busybox:1.36", "command": ["sh", "-c", script]});
        lay(&mut container, change);
        let mut pod = json!({
            "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
            "spec": {"nodeName": "node-1", "containers": [container]},
        });
        lay(&mut pod["spec"], spec);
        self.cluster.objects().create("pods", &pod).unwrap();
    }

    /// Waits until a pod is as it should be, and answers it.
    pub(crate) fn until(&self, name: &str, is_so: impl Fn(&Value) -> bool) -> Arc<Value> {
        let objects = self.cluster.objects();
        let mut woken = objects.woken();
        let mut last = None;
        let found = self.cluster.handle().block_on(async {
            tokio::time::timeout(PATIENCE, async {
                loop {
                    woken.mark_unchanged();
                    let pod = objects.get("pods", "default", name);
                    if let Some(pod) = &pod
                        && is_so(pod)
                    {
                        return pod.clone();
                    }
                    last = pod;
                    woken.changed().await.unwrap();
                }
            })
            .await
        });
        found.unwrap_or_else(|_| panic!("{name} does not become so: {last:#?}"))
    }

    /// Waits until some pod is as it should be, and answers it.
    pub(crate) fn until_any(&self, is_so: impl Fn(&Value) -> bool) -> Arc<Value> {
        let objects = self.cluster.objects();
        let mut woken = objects.woken();
        let found = async {
            loop {
                woken.mark_unchanged();
                let all = objects.list("pods", Some("default"));
                if let Some(pod) = all.into_iter().find(|pod| is_so(pod)) {
                    return pod;
                }
                woken.changed().await.unwrap();
            }
        };
        let found = self
            .cluster
            .handle()
            .block_on(async { tokio::time::timeout(PATIENCE, found).await });
        found.unwrap_or_else(|_| panic!("no pod becomes so"))
    }

    /// Waits until a pod is gone.
    pub(crate) fn until_gone(&self, name: &str) {
        let objects = self.cluster.objects();
        let mut woken = objects.woken();
        let gone = async {
            while objects.get("pods", "default", name).is_some() {
                woken.changed().await.unwrap();
            }
        };
        let gone = self
            .cluster
            .handle()
            .block_on(async { tokio::time::timeout(PATIENCE, gone).await });
        gone.unwrap_or_else(|_| panic!("{name} is still there"));
    }

    pub(crate) fn until_ready(&self, name: &str) -> Arc<Value> {
        self.until(name, is_ready)
    }

    /// The reasons and messages of the events about a pod, in the order in which they came first.
    pub(crate) fn events(&self, name: &str) -> Vec<String> {
        let mut events: Vec<Arc<Value>> = self.cluster.objects().list("events", Some("default"));
        events.retain(|event| event.text("/involvedObject/name") == name);
        events.sort_by_key(|event| event.text("/metadata/name").to_owned());
        let told = events
            .iter()
            .map(|event| format!("{} {}", event.text("/reason"), event.text("/message")));
        told.collect()
    }
}

pub(crate) fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready") == "True"
}

pub(crate) fn condition<'a>(pod: &'a Value, kind: &str) -> &'a str {
    let conditions = pod.items("/status/conditions").iter();
    let mut found = conditions.filter(|condition| condition.text("/type") == kind);
    found.next().map_or("", |condition| condition.text("/status"))
}

/// The status of its first container.
pub(crate) fn app(pod: &Value) -> &Value {
    pod.at("/status/containerStatuses/0")
}

pub(crate) fn waits_for(pod: &Value, reason: &str) -> bool {
    app(pod).text("/state/waiting/reason") == reason
}

fn lay(onto: &mut Value, change: &Value) {
    match (onto, change) {
        (Value::Object(onto), Value::Object(change)) => {
            for (key, value) in change {
                lay(onto.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (onto, change) => *onto = change.clone(),
    }
}
