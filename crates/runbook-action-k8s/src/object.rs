//! Objects of a cluster as JSON, and where one is.

use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value};

use crate::cluster::{Ask, Cluster};
use crate::kinds::Resource;
use crate::trouble::Trouble;

/// Fields that only a server writes. They say nothing of what an object is meant to be.
const OF_SERVER: &[&str] = &[
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// Where a deployment and its replica sets say which revision they are.
pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) kind: Arc<Resource>,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl Target {
    /// One of this kind; a kind that is in no namespace is in none.
    pub(crate) fn new(kind: Arc<Resource>, namespace: &str, name: impl Into<String>) -> Self {
        let namespace = kind.namespaced.then(|| namespace.to_owned());
        Self {
            kind,
            namespace,
            name: name.into(),
        }
    }

    /// Where this object is.
    pub(crate) fn of(kind: &Arc<Resource>, object: &Value) -> Self {
        Self::new(
            Arc::clone(kind),
            &text(object, "/metadata/namespace"),
            name(object),
        )
    }

    /// `deployment/web`.
    pub(crate) fn shown(&self) -> String {
        format!("{}/{}", self.kind.kind.to_lowercase(), self.name)
    }

    /// The path of the object, or of a part of it.
    pub(crate) fn path(&self, part: Option<&str>) -> String {
        let path = format!("{}/{}", self.kind.path(self.namespace.as_deref()), self.name);
        match part {
            Some(part) => format!("{path}/{part}"),
            None => path,
        }
    }

    /// A request about it.
    pub(crate) fn ask(&self, verb: &'static str, part: Option<&str>) -> Ask {
        Ask::get(self.path(part)).needs(verb, &self.kind, part, self.namespace.as_deref())
    }

    /// The object as it is.
    pub(crate) async fn read(&self, cluster: &Cluster) -> Result<Value, Trouble> {
        self.read_part(cluster, None).await
    }

    /// A part of it as it is.
    pub(crate) async fn read_part(&self, cluster: &Cluster, part: Option<&str>) -> Result<Value, Trouble> {
        cluster.ask(&self.ask("get", part)).await
    }

    /// The object, if it is there.
    pub(crate) async fn look(&self, cluster: &Cluster) -> Result<Option<Value>, Trouble> {
        match self.read(cluster).await {
            Ok(object) => Ok(Some(object)),
            Err(trouble) if trouble.is_missing() => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// A request that changes it by a merge patch.
    pub(crate) fn merge(&self, part: Option<&str>, patch: Value) -> Ask {
        self.ask("patch", part)
            .sends(Method::PATCH, "application/merge-patch+json", patch)
            .with("fieldManager", MANAGER)
    }
}

/// By this name what is written is told from what others write.
pub(crate) const MANAGER: &str = "runbook";

/// All objects of a list, each with the kind that the list says once for all.
pub(crate) fn items(list: &Value, kind: &Resource) -> Vec<Value> {
    let items = list.get("items").and_then(Value::as_array);
    let items = items.into_iter().flatten().cloned();
    items.map(|item| typed(item, kind)).collect()
}

/// The object with its kind.
pub(crate) fn typed(item: Value, kind: &Resource) -> Value {
    let Value::Object(fields) = item else {
        return item;
    };
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), kind.api_version().into());
    object.insert("kind".to_owned(), kind.kind.clone().into());
    object.extend(fields);
    Value::Object(object)
}

/// The text at this place, or nothing.
pub(crate) fn text(object: &Value, pointer: &str) -> String {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// The number at this place, or none.
pub(crate) fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The list at this place, or an empty one.
pub(crate) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Its name.
pub(crate) fn name(object: &Value) -> String {
    text(object, "/metadata/name")
}

/// The value of a label.
pub(crate) fn label<'a>(object: &'a Value, label: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(label)?.as_str()
}

/// The value of an annotation.
pub(crate) fn annotation<'a>(object: &'a Value, annotation: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(annotation)?.as_str()
}

/// The object that sees to it that this one is there, as kind and identity.
pub(crate) fn controller(object: &Value) -> Option<&Value> {
    list(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| owner.get("controller") == Some(&Value::Bool(true)))
}

/// Whether `owner` sees to it that this one is there.
pub(crate) fn belongs_to(object: &Value, owner: &Value) -> bool {
    controller(object).is_some_and(|reference| reference.get("uid") == owner.pointer("/metadata/uid"))
}

/// What was meant, without what servers add.
pub(crate) fn meant(object: &Value) -> Value {
    let mut object = object.clone();
    if let Value::Object(fields) = &mut object {
        fields.remove("status");
        if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
            for field in OF_SERVER {
                metadata.remove(*field);
            }
            // The controller counts there when it gets to it, which may be between two looks.
            if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
                annotations.remove(REVISION);
                if annotations.is_empty() {
                    metadata.remove("annotations");
                }
            }
        }
    }
    object
}

/// What of it can be made again: what was meant, without what was decided for this very object.
pub(crate) fn again(object: &Value) -> Value {
    let mut object = meant(object);
    let is_pod = object.get("kind").and_then(Value::as_str) == Some("Pod");
    if let (true, Some(Value::Object(spec))) = (is_pod, object.get_mut("spec")) {
        // Where it is to run is decided anew.
        spec.remove("nodeName");
    }
    object
}

/// The selector of an object that has pods, as a list of labels asks for it.
pub(crate) fn selector(object: &Value) -> Option<String> {
    let selector = object.pointer("/spec/selector")?;
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let labels = |map: &Value| -> Vec<String> {
        map.as_object()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
            .collect()
    };
    if kind == "Service" || kind == "ReplicationController" {
        let labels = labels(selector);
        return (!labels.is_empty()).then(|| labels.join(","));
    }
    let mut parts = selector.get("matchLabels").map(labels).unwrap_or_default();
    for expression in list(selector, "/matchExpressions") {
        let key = text(expression, "/key");
        let values: Vec<&str> = list(expression, "/values")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        parts.push(match text(expression, "/operator").as_str() {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key,
        });
    }
    (!parts.is_empty()).then(|| parts.join(","))
}
