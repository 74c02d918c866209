//! Images come to nodes, or do not.

use std::sync::Arc;

use super::link::Weight;
use super::member::{Member, digest};
use super::pod::{Pod, Stop};
use super::sandbox::{Image, complete};
use crate::object::Fields as _;
use crate::shared::lock;

/// Between two attempts, in seconds of a real node: at first, and at last.
const FIRST: f64 = 10.0;
const LAST: f64 = 300.0;
/// From the failure until the state says that it backs off.
const SHOWN: f64 = 1.0;

impl Pod {
    /// The image of a container, as soon as it can be had; `None` if the pod must end.
    pub(super) async fn pull(&self, member: &Member, stop: &mut Stop) -> Option<Image> {
        let name = member.spec.image.as_str();
        let mut wait = FIRST;
        loop {
            let why = match self.attempt(member) {
                Ok(image) => return Some(image),
                Err(why) => why,
            };
            let (reason, message) = why;
            self.wait_for(member, reason, message.clone());
            if reason == "ErrImagePull" {
                if stop.sleep(self.node.back_off(SHOWN)).await {
                    return None;
                }
                self.event_of(
                    member,
                    Weight::Normal,
                    "BackOff",
                    format!("Back-off pulling image {name:?}"),
                );
                self.event_of(
                    member,
                    Weight::Warning,
                    "Failed",
                    "Error: ImagePullBackOff".to_owned(),
                );
                let message = format!("Back-off pulling image {name:?}: ErrImagePull: {message}");
                self.wait_for(member, "ImagePullBackOff", message);
            }
            if stop.sleep(self.node.back_off(wait)).await {
                return None;
            }
            wait = (wait * 2.0).min(LAST);
        }
    }

    /// Tells why a container does not run.
    pub(super) fn wait_for(&self, member: &Member, reason: &'static str, message: String) {
        {
            let mut life = member.life();
            life.waiting = Some((reason, message));
            life.is_ready = false;
        }
        self.publish();
    }

    fn attempt(&self, member: &Member) -> Result<Image, (&'static str, String)> {
        let name = member.spec.image.as_str();
        if let Some(why) = invalid(name) {
            self.event_of(member, Weight::Warning, "InspectFailed", why.clone());
            self.event_of(
                member,
                Weight::Warning,
                "Failed",
                "Error: InvalidImageName".to_owned(),
            );
            return Err(("InvalidImageName", why));
        }
        let full = complete(name);
        let key = (self.object().text("/spec/nodeName").to_owned(), full.clone());
        let is_there = lock(&self.node.pulled).contains(&key);
        let found = self.node.images.find(name);
        let policy = member.spec.value.text("/imagePullPolicy");
        if is_there && policy != "Always" {
            // What a node has, it keeps, even if it was withdrawn; then there is nothing here to take it from.
            if let Some(image) = found {
                let message = format!("Container image {name:?} already present on machine");
                self.event_of(member, Weight::Normal, "Pulled", message);
                return Ok(image);
            }
        }
        if policy == "Never" {
            let message = format!("Container image {name:?} is not present with pull policy of Never");
            self.event_of(member, Weight::Warning, "ErrImageNeverPull", message.clone());
            self.event_of(
                member,
                Weight::Warning,
                "Failed",
                "Error: ErrImageNeverPull".to_owned(),
            );
            return Err(("ErrImageNeverPull", message));
        }
        self.event_of(
            member,
            Weight::Normal,
            "Pulling",
            format!("Pulling image {name:?}"),
        );
        if let Some(image) = found {
            lock(&self.node.pulled).insert(key);
            let message = format!(
                "Successfully pulled image {name:?} in 12ms (12ms including waiting). Image size: 2221186 bytes."
            );
            self.event_of(member, Weight::Normal, "Pulled", message);
            return Ok(image);
        }
        let why = format!("failed to resolve reference {full:?}: {full}: not found");
        let why =
            format!("rpc error: code = NotFound desc = failed to pull and unpack image {full:?}: {why}");
        self.event_of(
            member,
            Weight::Warning,
            "Failed",
            format!("Failed to pull image {name:?}: {why}"),
        );
        self.event_of(
            member,
            Weight::Warning,
            "Failed",
            "Error: ErrImagePull".to_owned(),
        );
        Err(("ErrImagePull", why))
    }

    /// The name by which the runtime knows the next life of a container.
    pub(super) fn container_id(self: &Arc<Self>, member: &Member, restarts: u32) -> String {
        let object = self.object();
        digest(&format!("{} {} {restarts}", object.uid(), member.spec.name))
    }
}

fn invalid(name: &str) -> Option<String> {
    let is_odd = |sign: char| !(sign.is_ascii_alphanumeric() || "./:@_-".contains(sign));
    let repository = complete(name);
    let (repository, _) = repository.rsplit_once([':', '@']).unwrap_or((&repository, ""));
    let why = if name.is_empty() || name.contains(is_odd) {
        "invalid reference format".to_owned()
    } else if repository.contains(|sign: char| sign.is_ascii_uppercase()) {
        let short = repository.strip_prefix("docker.io/").unwrap_or(repository);
        format!("invalid reference format: repository name ({short}) must be lowercase")
    } else {
        return None;
    };
    Some(format!(
        "Failed to apply default image tag {name:?}: couldn't parse image name {name:?}: {why}"
    ))
}
