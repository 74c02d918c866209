//! Revisions: what a rollout was like before, and how one goes back to it, as `kubectl rollout` does both.
//!
//! Of a deployment they are its replica sets, each with the template of its pods; of a statefulset or a daemonset they are
//! objects of a kind of their own, which hold the template as a patch.

use runbook_action::{ErrorKind, Failure, Output};
use serde_json::{Map, Value, json};

use super::Asked;
use crate::change::{Form, Write, conflict};
use crate::object::{self, REVISION, Target};
use crate::{answer, asked};

/// Where whoever changed it may say why.
const CAUSE: &str = "kubernetes.io/change-cause";

/// The label by which a replica set tells its pods from those of others.
pub(crate) const HASH: &str = "pod-template-hash";

/// Annotations of a replica set that are not the deployment's.
const OF_SET: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// A revision.
pub(crate) struct Revision {
    pub(crate) number: i64,
    pub(crate) object: Value,
}

impl Revision {
    fn is_of_deployment(&self) -> bool {
        self.object.get("kind").and_then(Value::as_str) == Some("ReplicaSet")
    }

    /// The template of its pods.
    fn template(&self) -> Value {
        let pointer = if self.is_of_deployment() {
            "/spec/template"
        } else {
            "/data/spec/template"
        };
        let mut template = self.object.pointer(pointer).cloned().unwrap_or_default();
        if let Some(Value::Object(labels)) = template.pointer_mut("/metadata/labels") {
            labels.remove(HASH);
        }
        if let Value::Object(template) = &mut template {
            template.remove("$patch");
        }
        template
    }

    fn described(&self) -> Value {
        let template = self.template();
        let images: Map<String, Value> = object::list(&template, "/spec/containers")
            .iter()
            .map(|container| {
                (
                    object::text(container, "/name"),
                    object::text(container, "/image").into(),
                )
            })
            .collect();
        let cause = object::annotation(&self.object, CAUSE);
        json!({ "revision": self.number, "cause": cause, "images": images })
    }
}

/// The revisions of what has been rolled out, the oldest first.
pub(crate) async fn all(asked: Asked<'_>, target: &Target, object: &Value) -> Result<Vec<Revision>, Failure> {
    let is_deployment = target.kind.is("apps", "Deployment");
    let kind = if is_deployment {
        "replicasets.apps"
    } else {
        "controllerrevisions.apps"
    };
    let kind = asked.cluster.kind_named(kind).await?;
    let selector = object::selector(object).unwrap_or_default();
    let namespace = target.namespace.as_deref();
    let ask = crate::cluster::Ask::get(kind.path(namespace))
        .with("labelSelector", selector)
        .needs("list", &kind, None, namespace);
    let list = asked
        .cluster
        .ask(&ask)
        .await
        .map_err(|trouble| asked.failed(trouble))?;
    let mut revisions: Vec<Revision> = object::items(&list, &kind)
        .into_iter()
        .filter(|item| object::belongs_to(item, object))
        .filter_map(|item| {
            let number = if is_deployment {
                object::annotation(&item, REVISION)?.parse().ok()?
            } else {
                object::number(&item, "/revision")?
            };
            Some(Revision { number, object: item })
        })
        .collect();
    revisions.sort_by_key(|revision| revision.number);
    Ok(revisions)
}

/// `rollout_history`.
pub(crate) async fn history(asked: Asked<'_>) -> Result<Output, Failure> {
    let (target, object) = asked.object().await?;
    let mut revisions = all(asked, &target, &object).await?;
    if let Some(number) = asked::integer(asked.chosen, "revision")? {
        revisions.retain(|revision| revision.number == number);
        if revisions.is_empty() {
            return Err(missing(&target, number).about("revision"));
        }
    }
    let latest = revisions.last().map_or(0, |revision| revision.number);
    let described: Value = revisions.iter().map(Revision::described).collect();
    let output = answer::with(answer::one(object), "revisions", described);
    Ok(answer::with(output, "revision", latest))
}

/// What `undo` writes.
pub(crate) async fn undo(asked: Asked<'_>) -> Result<Vec<Write>, Failure> {
    let (target, object) = asked.object().await?;
    if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        let failure = conflict(format!(
            "{} is paused, so nothing would be rolled back",
            target.shown()
        ));
        return Err(failure.help("`kubectl rollout resume` lets it go on"));
    }
    let revisions = all(asked, &target, &object).await?;
    let wanted = if let Some(number) = asked::integer(asked.chosen, "to_revision")? {
        let found = revisions.iter().find(|revision| revision.number == number);
        found.ok_or_else(|| missing(&target, number).about("to_revision"))?
    } else {
        let mut earlier = revisions.iter().rev().skip(1);
        earlier.next().ok_or_else(|| {
            let message = format!("{} has no revision before the present one", target.shown());
            Failure::new(ErrorKind::NotFound, message).about(asked.chosen.value.path())
        })?
    };
    let template = wanted.template();
    if object.pointer("/spec/template") == Some(&template) {
        return Ok(Vec::new());
    }
    if !wanted.is_of_deployment() {
        let patch = wanted.object.get("data").cloned().unwrap_or_default();
        return Ok(vec![Write::new(target, Form::Strategic, patch, object)]);
    }
    let mut annotations = Map::new();
    let kept = |name: &str| OF_SET.contains(&name);
    for (from, is_kept) in [(&object, true), (&wanted.object, false)] {
        let all = from.pointer("/metadata/annotations").and_then(Value::as_object);
        for (name, value) in all
            .into_iter()
            .flatten()
            .filter(|(name, _)| kept(name) == is_kept)
        {
            annotations.insert(name.clone(), value.clone());
        }
    }
    let mut operations = vec![json!({ "op": "replace", "path": "/spec/template", "value": template })];
    operations.push(json!({ "op": "add", "path": "/metadata/annotations", "value": annotations }));
    Ok(vec![Write::new(
        target,
        Form::Json,
        Value::Array(operations),
        object,
    )])
}

fn missing(target: &Target, number: i64) -> Failure {
    Failure::new(
        ErrorKind::NotFound,
        format!("{} has no revision {number}", target.shown()),
    )
    .help("`rollout_history` lists those that are kept")
}
