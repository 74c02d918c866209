//! The kinds of objects that the cluster knows: those of Kubernetes, and those that custom resources define.

mod builtin;
mod custom;

use std::sync::Arc;

use serde_json::{Value, json};

pub(crate) use self::custom::of_definition;

/// One kind of objects in one version of its interface.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// The group; empty for the oldest kinds.
    pub group: String,
    /// The version.
    pub version: String,
    /// The name of the kind: `Deployment`.
    pub kind: String,
    /// The name in paths: `deployments`.
    pub plural: String,
    /// The name that people type: `deployment`.
    pub singular: String,
    /// Shorter names: `deploy`.
    pub short: Vec<String>,
    /// The groups of kinds that it belongs to: `all`.
    pub categories: Vec<String>,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// Whether there is `/status`.
    pub status: bool,
    /// Whether there is `/scale`, and where its fields are.
    pub scale: Option<Scale>,
    /// What the definition of a custom kind says.
    pub custom: Option<Custom>,
    /// Whether objects of it are only made, and answered at once, as reviews of access are.
    pub review: bool,
}

/// Where the fields of `/scale` are in an object, as JSON pointers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// How many there are to be.
    pub wanted: String,
    /// How many there are.
    pub actual: String,
    /// Which they are.
    pub selector: Option<String>,
}

/// What is special about a kind that somebody defined.
#[derive(Debug, Clone, PartialEq)]
pub struct Custom {
    /// The schema of its objects.
    pub schema: Value,
    /// The columns in which it is shown.
    pub columns: Value,
    /// Whether this version is the one in which objects are kept.
    pub storage: bool,
}

impl Kind {
    /// The name of the kind of things across versions: `deployments.apps`, `pods`.
    #[must_use]
    pub fn id(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// The `apiVersion` of its objects.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The verbs that its paths have.
    #[must_use]
    pub fn verbs(&self) -> Vec<&'static str> {
        if self.review {
            return vec!["create"];
        }
        if self.group == "metrics.k8s.io" {
            return vec!["get", "list"];
        }
        vec![
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
        ]
    }

    /// The kinds of answer to its subresources, by their names.
    #[must_use]
    pub fn subresources(&self) -> Vec<(&'static str, Value, Vec<&'static str>)> {
        let mut found = Vec::new();
        let own = json!({"group": self.group, "version": self.version, "kind": self.kind});
        if self.status {
            found.push(("status", own.clone(), vec!["get", "patch", "update"]));
        }
        if self.scale.is_some() {
            let scale = json!({"group": "autoscaling", "version": "v1", "kind": "Scale"});
            found.push(("scale", scale, vec!["get", "patch", "update"]));
        }
        let of = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
        match self.id().as_str() {
            "pods" => {
                found.push(("attach", of("", "v1", "PodAttachOptions"), vec!["create", "get"]));
                found.push(("binding", of("", "v1", "Binding"), vec!["create"]));
                found.push(("eviction", of("policy", "v1", "Eviction"), vec!["create"]));
                found.push(("exec", of("", "v1", "PodExecOptions"), vec!["create", "get"]));
                found.push(("log", of("", "v1", "Pod"), vec!["get"]));
                found.push((
                    "portforward",
                    of("", "v1", "PodPortForwardOptions"),
                    vec!["create", "get"],
                ));
            }
            "namespaces" => found.push(("finalize", own, vec!["update"])),
            "serviceaccounts" => {
                found.push((
                    "token",
                    of("authentication.k8s.io", "v1", "TokenRequest"),
                    vec!["create"],
                ));
            }
            _ => {}
        }
        found
    }
}

/// The kinds that every cluster has.
pub(crate) fn builtin() -> Vec<Arc<Kind>> {
    builtin::all()
}
