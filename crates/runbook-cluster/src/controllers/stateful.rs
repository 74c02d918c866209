//! Stateful sets: pods with numbers, which come and go in order.

use std::sync::Arc;

use serde_json::{Value, json};

use super::owned::{self, count, tally};
use super::revisions;
use crate::api::Objects;
use crate::object::{Fields as _, escape};
use crate::rules::is_ready;

const ID: &str = "statefulsets.apps";

struct Work<'a> {
    objects: &'a Objects,
    set: &'a Arc<Value>,
    wanted: i64,
    parallel: bool,
    current: String,
    update: Arc<Value>,
    revisions: Vec<Arc<Value>>,
}

/// Does what is missing for every stateful set.
pub(super) fn reconcile(objects: &Objects) {
    for set in objects.list(ID, None).iter().filter(|set| !set.is_deleting()) {
        let (revisions, update) = revisions::of(objects, set);
        let Some(update) = update else { continue };
        let known = set.text("/status/currentRevision");
        let known_is_there = revisions.iter().any(|revision| revision.name() == known);
        let current = if known_is_there { known } else { update.name() };
        let all = Work {
            objects,
            set,
            wanted: set.number("/spec/replicas").unwrap_or(1),
            parallel: set.text("/spec/podManagementPolicy") == "Parallel",
            current: current.to_owned(),
            update: update.clone(),
            revisions,
        };
        all.step();
        all.status();
    }
}

fn is_healthy(pod: &Value) -> bool {
    !pod.is_deleting() && is_ready(pod)
}

impl Work<'_> {
    fn pods(&self) -> Vec<(i64, Arc<Value>)> {
        let mut pods: Vec<(i64, Arc<Value>)> = owned::of(self.objects, "pods", self.set)
            .into_iter()
            .filter_map(|pod| Some((self.number(pod.name())?, pod)))
            .collect();
        pods.sort_by_key(|(number, _)| *number);
        pods
    }

    fn number(&self, name: &str) -> Option<i64> {
        name.strip_prefix(self.set.name())?
            .strip_prefix('-')?
            .parse()
            .ok()
    }

    fn seconds(&self) -> i64 {
        self.set.number("/spec/minReadySeconds").unwrap_or(0)
    }

    fn step(&self) {
        let pods = self.pods();
        for number in 0..self.wanted {
            match pods.iter().find(|(known, _)| *known == number) {
                None => {
                    self.make(number);
                    if !self.parallel {
                        return;
                    }
                }
                Some((_, pod))
                    if matches!(pod.text("/status/phase"), "Failed" | "Succeeded") && !pod.is_deleting() =>
                {
                    owned::unmake(self.objects, self.set, pod);
                    if !self.parallel {
                        return;
                    }
                }
                Some((_, pod))
                    if !self.parallel && (pod.is_deleting() || !owned::is_available(pod, self.seconds())) =>
                {
                    return;
                }
                Some(_) => {}
            }
        }
        let spare: Vec<&(i64, Arc<Value>)> =
            pods.iter().filter(|(number, _)| *number >= self.wanted).collect();
        for (_, pod) in spare.iter().rev() {
            if !pod.is_deleting() {
                owned::unmake(self.objects, self.set, pod);
            }
            if !self.parallel {
                return;
            }
        }
        if self.set.text("/spec/updateStrategy/type") != "OnDelete" {
            self.renew(&pods);
        }
    }

    /// Replaces pods of older templates, the last one first, one at a time.
    fn renew(&self, pods: &[(i64, Arc<Value>)]) {
        let first = self
            .set
            .number("/spec/updateStrategy/rollingUpdate/partition")
            .unwrap_or(0);
        for (number, pod) in pods.iter().rev().filter(|(number, _)| *number < self.wanted) {
            if *number < first {
                return;
            }
            if revisions::label_of(pod) != self.update.name() && !pod.is_deleting() {
                owned::unmake(self.objects, self.set, pod);
                return;
            }
            if !is_healthy(pod) {
                return;
            }
        }
    }

    fn make(&self, number: i64) {
        let first = self
            .set
            .number("/spec/updateStrategy/rollingUpdate/partition")
            .unwrap_or(0);
        let old = self
            .revisions
            .iter()
            .find(|revision| revision.name() == self.current);
        let revision = match old {
            Some(old) if number < first => old,
            _ => &self.update,
        };
        let mut pod = owned::pod(self.set, &revisions::template(revision));
        let name = format!("{}-{number}", self.set.name());
        for (key, value) in [
            ("controller-revision-hash", revision.name()),
            ("statefulset.kubernetes.io/pod-name", &name),
            ("apps.kubernetes.io/pod-index", &number.to_string()),
        ] {
            pod.put(&format!("/metadata/labels/{}", escape(key)), Value::from(value));
        }
        self.claims(&mut pod, &name);
        pod.put("/spec/hostname", Value::from(name.as_str()));
        let domain = self.set.text("/spec/serviceName");
        if !domain.is_empty() {
            pod.put("/spec/subdomain", Value::from(domain));
        }
        pod.put("/metadata/name", Value::from(name));
        owned::make(self.objects, self.set, &pod);
    }

    /// Every pod has claims of its own, which outlive it.
    fn claims(&self, pod: &mut Value, name: &str) {
        let mut volumes = pod.items("/spec/volumes").to_vec();
        for template in self.set.items("/spec/volumeClaimTemplates") {
            let claim = format!("{}-{name}", template.name());
            let known = self
                .objects
                .get("persistentvolumeclaims", self.set.namespace(), &claim);
            if known.is_none() {
                let mut made = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim"});
                made.put(
                    "/metadata",
                    json!({"name": claim, "namespace": self.set.namespace(), "labels": self.set.at("/spec/selector/matchLabels")}),
                );
                made.put("/spec", template.at("/spec").clone());
                let _made = self.objects.create("persistentvolumeclaims", &made);
            }
            volumes.retain(|volume| volume.name_of() != template.name());
            volumes.push(json!({"name": template.name(), "persistentVolumeClaim": {"claimName": claim}}));
        }
        if !volumes.is_empty() {
            pod.put("/spec/volumes", Value::Array(volumes));
        }
    }

    fn status(&self) {
        let pods: Vec<Arc<Value>> = self.pods().into_iter().map(|(_, pod)| pod).collect();
        let update = self.update.name();
        let live: Vec<&Arc<Value>> = pods.iter().filter(|pod| !pod.is_deleting()).collect();
        let of = |name: &str| live.iter().filter(|pod| revisions::label_of(pod) == name).count();
        let ready = tally(live.iter().copied().filter(|pod| is_ready(pod)));
        let available = tally(
            live.iter()
                .copied()
                .filter(|pod| owned::is_available(pod, self.seconds())),
        );
        let updated = i64::try_from(of(update)).unwrap_or(0);
        let all = tally(pods.iter());
        let done = updated == self.wanted && ready == self.wanted && all == self.wanted;
        let current = if done { update } else { &self.current };
        let current_pods = i64::try_from(of(current)).unwrap_or(0);
        let generation = self.set.at("/metadata/generation").clone();
        let _told = self.objects.change_status(ID, self.set, |set| {
            set.put("/status/observedGeneration", generation.clone());
            set.put("/status/replicas", json!(all));
            count(set, "readyReplicas", ready);
            set.put("/status/availableReplicas", json!(available));
            count(set, "currentReplicas", current_pods);
            count(set, "updatedReplicas", updated);
            set.put("/status/currentRevision", json!(current));
            set.put("/status/updateRevision", json!(update));
            set.put("/status/collisionCount", json!(0));
        });
        revisions::clean(self.objects, self.set, &pods, &[update, current]);
    }
}

/// Volumes have their names at their top.
trait Named {
    fn name_of(&self) -> &str;
}

impl Named for Value {
    fn name_of(&self) -> &str {
        self.text("/name")
    }
}
