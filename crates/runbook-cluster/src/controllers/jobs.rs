//! Jobs: pods until enough of them have succeeded.

use std::sync::Arc;

use serde_json::{Value, json};

use super::owned::{self, count, tally};
use crate::api::Objects;
use crate::clock;
use crate::object::Fields as _;
use crate::rules;

const ID: &str = "jobs.batch";

/// Does what is missing for every job.
pub(super) fn reconcile(objects: &Objects) {
    for job in objects.list(ID, None).iter().filter(|job| !job.is_deleting()) {
        if is_finished(job) {
            expire(objects, job);
        } else {
            one(objects, job);
        }
    }
}

fn is_finished(job: &Value) -> bool {
    rules::holds(job, "Complete") || rules::holds(job, "Failed")
}

fn expire(objects: &Objects, job: &Value) {
    let Some(limit) = job.number("/spec/ttlSecondsAfterFinished") else {
        return;
    };
    let ended = job.items("/status/conditions").iter();
    let ended = ended.filter(|condition| matches!(condition.text("/type"), "Complete" | "Failed"));
    let since = ended
        .filter_map(|condition| clock::seconds_since(condition.text("/lastTransitionTime")))
        .max();
    if since.is_some_and(|since| since >= limit) {
        let _gone = objects.delete(ID, job, None);
    }
}

fn one(objects: &Objects, job: &Arc<Value>) {
    let pods = owned::of(objects, "pods", job);
    let phase = |name: &str| tally(pods.iter().filter(|pod| pod.text("/status/phase") == name));
    let (succeeded, failed) = (phase("Succeeded"), phase("Failed"));
    let active: Vec<&Arc<Value>> = pods.iter().filter(|pod| owned::is_active(pod)).collect();
    let wanted = job.number("/spec/completions");
    let limit = job.number("/spec/backoffLimit").unwrap_or(6);
    let late = job
        .number("/spec/activeDeadlineSeconds")
        .zip(clock::seconds_since(job.text("/status/startTime")))
        .is_some_and(|(limit, since)| since >= limit);
    let over = if failed > limit {
        Some((
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
        ))
    } else if late {
        Some((
            "DeadlineExceeded",
            "Job was active longer than specified deadline",
        ))
    } else {
        None
    };
    let suspended = job.is_true("/spec/suspend");
    let complete = match wanted {
        Some(wanted) => succeeded >= wanted,
        None => succeeded > 0 && active.is_empty(),
    };
    if over.is_some() || suspended {
        for pod in &active {
            owned::unmake(objects, job, pod);
        }
    } else if !complete {
        let parallel = job.number("/spec/parallelism").unwrap_or(1);
        let missing = match wanted {
            Some(wanted) => parallel.min(wanted - succeeded),
            None if succeeded > 0 => 0,
            None => parallel,
        };
        for _ in tally(active.iter().copied())..missing {
            let mut pod = owned::pod(job, job.at("/spec/template"));
            pod.put("/metadata/generateName", json!(format!("{}-", job.name())));
            owned::make(objects, job, &pod);
        }
    }
    status(objects, job, (succeeded, failed), over, complete);
}

fn status(
    objects: &Objects,
    job: &Arc<Value>,
    (succeeded, failed): (i64, i64),
    over: Option<(&str, &str)>,
    complete: bool,
) {
    let pods = owned::of(objects, "pods", job);
    let active: Vec<&Arc<Value>> = pods.iter().filter(|pod| owned::is_active(pod)).collect();
    let ready = tally(active.iter().copied().filter(|pod| rules::is_ready(pod)));
    let active = tally(active.into_iter());
    let now = clock::now_stamp();
    let suspended = job.is_true("/spec/suspend");
    let was = rules::holds(job, "Suspended");
    let _told = objects.change_status(ID, job, |job| {
        if !suspended {
            job.default_to("/status/startTime", json!(now));
        }
        count(job, "active", active);
        count(job, "succeeded", succeeded);
        count(job, "failed", failed);
        job.put("/status/ready", json!(ready));
        if suspended {
            job.take_out("/status/startTime");
            rules::condition(job, "Suspended", "True", "JobSuspended", "Job suspended");
        } else if was {
            rules::condition(job, "Suspended", "False", "JobResumed", "Job resumed");
        }
        if let Some((reason, message)) = over {
            rules::condition(job, "FailureTarget", "True", reason, message);
            rules::condition(job, "Failed", "True", reason, message);
        } else if complete && !suspended {
            job.put("/status/completionTime", json!(now));
            let message = "Reached expected number of succeeded pods";
            rules::condition(job, "SuccessCriteriaMet", "True", "CompletionsReached", message);
            rules::condition(job, "Complete", "True", "CompletionsReached", message);
        }
    });
    if let Some((reason, message)) = over {
        objects.note(job, "Warning", reason, message);
    } else if complete && !suspended {
        objects.note(job, "Normal", "Completed", "Job completed");
    }
}
