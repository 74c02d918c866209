//! Why pods are not there: what their containers wait for, what they died of, what keeps them from being made.

use runbook_action::Failure;
use serde_json::Value;

use super::Asked;
use crate::object::{self, Target};
use crate::trouble::one_line;

/// Reasons after which nothing comes by itself: somebody has to change something.
const HOPELESS: &[&str] = &[
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// How many of the last lines of a container that died are shown.
const LINES: usize = 5;

/// What a pod waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) pod: String,
    pub(crate) container: String,
    /// In one word: `ImagePullBackOff`.
    pub(crate) reason: String,
    /// In a sentence; may be empty.
    pub(crate) message: String,
    /// How it ended before, in one word: `OOMKilled`; may be empty.
    pub(crate) ended: String,
}

impl Waiting {
    /// Whether nothing comes of it by itself.
    pub(crate) fn is_hopeless(&self) -> bool {
        HOPELESS.contains(&self.reason.as_str())
    }

    /// `web-0: ImagePullBackOff: …`.
    pub(crate) fn shown(&self) -> String {
        if self.message.is_empty() {
            format!("pod `{}`: {}", self.pod, self.reason)
        } else {
            format!("pod `{}`: {}: {}", self.pod, self.reason, one_line(&self.message))
        }
    }

    /// Why it will not come, with the last lines of a container that keeps dying.
    pub(crate) async fn told(&self, asked: Asked<'_>, target: &Target) -> String {
        let mut told = self.shown();
        if self.reason != "CrashLoopBackOff" {
            return told;
        }
        // `Error` says no more than that it ended, which its last lines say better.
        if !self.ended.is_empty() && self.ended != "Error" {
            told = format!("{told}; it ended as {}", self.ended);
        }
        let last = asked.cluster.log(target, &self.container, true, LINES).await;
        let lines: Vec<&str> = last.lines().filter(|line| !line.trim().is_empty()).collect();
        let first = lines.len().saturating_sub(LINES);
        let lines = lines.get(first..).unwrap_or_default();
        if !lines.is_empty() {
            told = format!("{told}; its last lines: {}", one_line(&lines.join(" / ")));
        }
        told
    }
}

/// What keeps a pod from being ready, if it says so.
pub(crate) fn waiting(pod: &Value) -> Option<Waiting> {
    let of = |container: &str, reason: String, message: String| Waiting {
        pod: object::name(pod),
        container: container.to_owned(),
        reason,
        message,
        ended: String::new(),
    };
    for list in ["/status/initContainerStatuses", "/status/containerStatuses"] {
        for status in object::list(pod, list) {
            let name = object::text(status, "/name");
            let reason = object::text(status, "/state/waiting/reason");
            // These two say no more than that it goes on.
            if !reason.is_empty() && reason != "ContainerCreating" && reason != "PodInitializing" {
                return Some(Waiting {
                    ended: object::text(status, "/lastState/terminated/reason"),
                    ..of(&name, reason, object::text(status, "/state/waiting/message"))
                });
            }
        }
    }
    let conditions = object::list(pod, "/status/conditions").iter();
    let unscheduled =
        conditions.filter(|one| one.get("type").and_then(Value::as_str) == Some("PodScheduled"));
    for condition in unscheduled {
        if condition.get("status").and_then(Value::as_str) == Some("False") {
            return Some(of(
                "",
                object::text(condition, "/reason"),
                object::text(condition, "/message"),
            ));
        }
    }
    None
}

/// The condition of this type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object::list(object, "/status/conditions");
    conditions
        .iter()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))
}

/// Whether a pod is ready and meant to stay.
pub(crate) fn is_ready(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_none()
        && condition(pod, "Ready").and_then(|ready| ready.get("status")?.as_str()) == Some("True")
}

/// The failure of what cannot come to be.
pub(crate) fn hopeless(what: &str, why: &str) -> Failure {
    crate::change::conflict(format!("{what} cannot succeed: {why}"))
}
