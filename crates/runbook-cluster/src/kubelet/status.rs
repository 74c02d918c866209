//! The status of a pod, as it follows from what its containers do.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::member::Member;
use super::spec::{Restart, Role};
use crate::object::Fields as _;

/// A time as statuses say it.
pub(super) fn stamp_of(time: Timestamp) -> String {
    crate::clock::stamp(time)
}

/// What a pod's status is made from.
pub(super) struct Seen<'a> {
    pub(super) members: &'a [std::sync::Arc<Member>],
    pub(super) restart: Restart,
    pub(super) has_network: bool,
    pub(super) address: &'a str,
    pub(super) started: Timestamp,
}

/// Puts it into the object, and says whether that changed it.
pub(super) fn write(pod: &mut Value, seen: &Seen<'_>) -> bool {
    let before = pod.at("/status").clone();
    let of = |wanted: fn(Role) -> bool| -> Vec<Value> {
        let members = seen.members.iter().filter(|member| wanted(member.spec.role));
        members.map(|member| member.status()).collect()
    };
    let init = of(|role| role != Role::Main);
    let main = of(|role| role == Role::Main);
    let phase = phase(seen, &init, &main);
    pod.put("/status/phase", json!(phase));
    for (kind, told) in conditions(seen, &init, &main, phase) {
        condition(pod, kind, told);
    }
    if !init.is_empty() {
        pod.put("/status/initContainerStatuses", Value::Array(init));
    }
    pod.put("/status/containerStatuses", Value::Array(main));
    pod.put("/status/hostIP", json!(super::HOST));
    pod.put("/status/hostIPs", json!([{"ip": super::HOST}]));
    pod.default_to("/status/startTime", json!(stamp_of(seen.started)));
    if seen.has_network {
        pod.put("/status/podIP", json!(seen.address));
        pod.put("/status/podIPs", json!([{"ip": seen.address}]));
    }
    let class = class(pod);
    pod.default_to("/status/qosClass", json!(class));
    *pod.at("/status") != before
}

/// Whether a condition holds; if not, why.
type Told = Result<(), (&'static str, String)>;

fn conditions(seen: &Seen<'_>, init: &[Value], main: &[Value], phase: &str) -> Vec<(&'static str, Told)> {
    let names = |list: &[Value], is_bad: fn(&Value) -> bool| -> Vec<String> {
        let bad = list.iter().filter(|status| is_bad(status));
        bad.map(|status| status.text("/name").to_owned()).collect()
    };
    let is_incomplete = |status: &Value| {
        status.number("/state/terminated/exitCode") != Some(0)
            && !status.is_true("/started")
            && !status.is_true("/ready")
    };
    let incomplete = names(init, is_incomplete);
    let mut unready = names(main, |status| !status.is_true("/ready"));
    let sidecars = seen
        .members
        .iter()
        .filter(|member| member.spec.role == Role::Sidecar);
    unready.extend(
        sidecars
            .filter(|member| !member.life().is_ready)
            .map(|member| member.spec.name.clone()),
    );
    let listed = |names: &[String]| names.join(" ");
    let has_begun = matches!(phase, "Running" | "Succeeded");
    let initialized = if incomplete.is_empty() || has_begun {
        Ok(())
    } else {
        let message = format!("containers with incomplete status: [{}]", listed(&incomplete));
        Err(("ContainersNotInitialized", message))
    };
    let ready = if phase == "Succeeded" {
        Err(("PodCompleted", String::new()))
    } else if phase == "Failed" {
        Err(("PodFailed", String::new()))
    } else if unready.is_empty() {
        Ok(())
    } else {
        let message = format!("containers with unready status: [{}]", listed(&unready));
        Err(("ContainersNotReady", message))
    };
    let network = if seen.has_network {
        Ok(())
    } else {
        Err(("", String::new()))
    };
    vec![
        ("PodReadyToStartContainers", network),
        ("Initialized", initialized),
        ("Ready", ready.clone()),
        ("ContainersReady", ready),
        ("PodScheduled", Ok(())),
    ]
}

/// Sets a condition; the time of its transition stays while it says the same.
fn condition(pod: &mut Value, kind: &str, told: Told) {
    let now = stamp_of(crate::clock::now());
    let status = if told.is_ok() { "True" } else { "False" };
    let mut conditions = pod.items("/status/conditions").to_vec();
    let known = conditions.iter().position(|known| known.text("/type") == kind);
    let since = known
        .and_then(|at| conditions.get(at))
        .filter(|known| known.text("/status") == status)
        .map(|known| known.text("/lastTransitionTime").to_owned());
    let mut condition = json!({
        "type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since.unwrap_or(now),
    });
    if let Err((reason, message)) = told {
        if !reason.is_empty() {
            condition["reason"] = json!(reason);
        }
        if !message.is_empty() {
            condition["message"] = json!(message);
        }
    }
    match known.and_then(|at| conditions.get_mut(at)) {
        Some(known) => *known = condition,
        None => conditions.push(condition),
    }
    pod.put("/status/conditions", Value::Array(conditions));
}

/// The phase, after the rules of the kubelet.
fn phase(seen: &Seen<'_>, init: &[Value], main: &[Value]) -> &'static str {
    let ended = |status: &Value| status.number("/state/terminated/exitCode");
    let inits = seen
        .members
        .iter()
        .filter(|member| member.spec.role != Role::Main);
    for (member, status) in inits.zip(init) {
        match (member.spec.role, ended(status)) {
            (Role::Init, Some(0)) => {}
            (Role::Init, Some(_)) if seen.restart == Restart::Never => return "Failed",
            (Role::Sidecar, _)
                if status.is_true("/started") || main.iter().any(|main| ended(main).is_some()) => {}
            (Role::Init | Role::Sidecar | Role::Main, _) => return "Pending",
        }
    }
    let (mut running, mut failed) = (0, 0);
    for status in main {
        let last = status.number("/lastState/terminated/exitCode");
        match ended(status).or(last) {
            _ if !status.at("/state/running").is_null() => running += 1,
            Some(0) => {}
            Some(_) => failed += 1,
            None => return "Pending",
        }
    }
    let is_over = seen
        .members
        .iter()
        .filter(|member| member.spec.role == Role::Main)
        .all(|member| member.life().is_over);
    match seen.restart {
        _ if running > 0 => "Running",
        Restart::Always if !is_over => "Running",
        Restart::OnFailure if failed > 0 && !is_over => "Running",
        Restart::Always | Restart::OnFailure | Restart::Never if failed > 0 => "Failed",
        Restart::Always | Restart::OnFailure | Restart::Never => "Succeeded",
    }
}

/// The class of service, from requests and limits.
fn class(pod: &Value) -> &'static str {
    let containers = pod
        .items("/spec/containers")
        .iter()
        .chain(pod.items("/spec/initContainers"));
    let (mut any, mut all) = (false, true);
    for container in containers {
        for kind in ["cpu", "memory"] {
            let limit = container.at(&format!("/resources/limits/{kind}"));
            let request = container.at(&format!("/resources/requests/{kind}"));
            any |= !limit.is_null() || !request.is_null();
            all &= !limit.is_null() && (request.is_null() || request == limit);
        }
    }
    match (any, all) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
