//! One container of a pod through all its lives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use super::sandbox::{Container, complete};
use super::spec::{Role, Spec};
use super::status::stamp_of;

/// How one life ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) started: Timestamp,
    pub(super) finished: Timestamp,
    pub(super) id: String,
}

/// What is known of it now.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// Why it does not run, in one word and in a sentence that may be empty.
    pub(super) waiting: Option<(&'static str, String)>,
    pub(super) current: Option<Arc<Container>>,
    pub(super) ended: Option<Ended>,
    pub(super) last: Option<Ended>,
    pub(super) previous: Option<Arc<Container>>,
    pub(super) restarts: u32,
    pub(super) is_ready: bool,
    pub(super) is_started: bool,
    /// Nothing will be started again.
    pub(super) is_over: bool,
    /// What it was last seen to use, and when: ticks of the processor.
    pub(super) measured: Option<(u64, Timestamp)>,
    pub(super) id: String,
}

impl Life {
    /// The container that runs.
    pub(super) fn running(&self) -> Option<&Arc<Container>> {
        self.current
            .as_ref()
            .filter(|container| self.waiting.is_none() && self.ended.is_none() && container.exit().is_none())
    }
}

/// A container of a pod.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) spec: Spec,
    /// A probe has decided that it must be started anew.
    pub(super) unhealthy: Notify,
    life: Mutex<Life>,
}

impl Member {
    pub(super) fn new(spec: Spec, has_init: bool) -> Self {
        let reason = if has_init && spec.role == Role::Main {
            "PodInitializing"
        } else {
            "ContainerCreating"
        };
        let life = Life {
            waiting: Some((reason, String::new())),
            ..Life::default()
        };
        Self {
            spec,
            unhealthy: Notify::new(),
            life: Mutex::new(life),
        }
    }

    pub(super) fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its entry in a list of statuses.
    pub(super) fn status(&self) -> Value {
        let life = self.life();
        let mut status = json!({
            "name": self.spec.name, "image": self.spec.image, "imageID": "", "restartCount": life.restarts,
            "ready": life.is_ready, "started": life.is_started, "state": state(&life), "lastState": {},
        });
        if let Some(last) = &life.last {
            status["lastState"] = terminated(last);
        }
        if !life.id.is_empty() {
            status["containerID"] = json!(format!("containerd://{}", life.id));
            status["image"] = json!(complete(&self.spec.image));
            status["imageID"] = json!(image_id(&self.spec.image));
        }
        let resources = &self.spec.value["resources"];
        if resources.is_object() {
            status["resources"] = resources.clone();
            if !resources["requests"].is_null() {
                status["allocatedResources"] = resources["requests"].clone();
            }
        }
        status
    }
}

fn state(life: &Life) -> Value {
    if let Some((reason, message)) = &life.waiting {
        let mut waiting = json!({"reason": reason});
        if !message.is_empty() {
            waiting["message"] = json!(message);
        }
        return json!({"waiting": waiting});
    }
    match (&life.ended, &life.current) {
        (Some(ended), _) => terminated(ended),
        (None, Some(container)) => json!({"running": {"startedAt": stamp_of(container.started)}}),
        (None, None) => json!({"waiting": {"reason": "ContainerCreating"}}),
    }
}

fn terminated(ended: &Ended) -> Value {
    let mut terminated = json!({
        "exitCode": ended.code, "reason": ended.reason,
        "startedAt": stamp_of(ended.started), "finishedAt": stamp_of(ended.finished),
        "containerID": format!("containerd://{}", ended.id),
    });
    if !ended.message.is_empty() {
        terminated["message"] = json!(ended.message);
    }
    json!({"terminated": terminated})
}

/// A text of sixty-four hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    super::hex(&Sha256::digest(text.as_bytes()))
}

fn image_id(image: &str) -> String {
    let name = complete(image);
    let repository = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        Some(_) | None => &name,
    };
    format!("{repository}@sha256:{}", digest(&name))
}
