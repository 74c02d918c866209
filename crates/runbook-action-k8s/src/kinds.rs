//! The kinds of objects that a cluster knows, its own and those that were added to it, as its discovery tells them.

use std::sync::Arc;

use runbook_action::{ErrorKind, Failure};
use serde_json::Value;

use crate::cluster::{Ask, Cluster};
use crate::trouble::Trouble;

/// By this a server is asked for all its kinds at once.
const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// A kind of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    /// The group of its interface; empty for the first one.
    pub(crate) group: String,
    /// The version in which it is spoken of.
    pub(crate) version: String,
    /// `Deployment`.
    pub(crate) kind: String,
    /// `deployments`.
    pub(crate) plural: String,
    /// `deployment`.
    pub(crate) singular: String,
    /// `deploy`.
    pub(crate) short: Vec<String>,
    /// Whether each of its objects is in a namespace.
    pub(crate) namespaced: bool,
    /// What can be done with an object of it beside reading and writing it: `scale`.
    pub(crate) parts: Vec<String>,
}

impl Resource {
    /// `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, as roles name it.
    pub(crate) fn full(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Where its objects are.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }

    fn is_called(&self, name: &str) -> bool {
        self.plural == name
            || self.singular == name
            || self.short.iter().any(|short| short == name)
            || self.kind.eq_ignore_ascii_case(name)
    }

    /// Whether it is this kind of Kubernetes itself.
    pub(crate) fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }
}

/// All kinds of a cluster, in the order in which it prefers them.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    all: Vec<Arc<Resource>>,
}

impl Kinds {
    /// Asks for them.
    pub(crate) async fn read(cluster: &Cluster) -> Result<Self, Trouble> {
        let mut all = Vec::new();
        for (root, is_first) in [("/api", true), ("/apis", false)] {
            let answer = cluster
                .ask(&Ask::get(root.to_owned()).accepting(AGGREGATED))
                .await?;
            match answer.get("kind").and_then(Value::as_str) {
                Some("APIGroupDiscoveryList") => aggregated(&answer, &mut all),
                _ if is_first => one_version(cluster, "", "v1", "/api/v1", &mut all).await?,
                _ => one_by_one(cluster, &answer, &mut all).await?,
            }
        }
        Ok(Self { all })
    }

    /// The kind that an author names: `deployment`, `deployments.apps`, `deployments.v1.apps`.
    pub(crate) fn named(&self, name: &str) -> Option<Arc<Resource>> {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        let fits = |resource: &&Arc<Resource>| {
            resource.is_called(first)
                && (rest.is_empty()
                    || resource.group == rest
                    || (!resource.group.is_empty()
                        && rest == format!("{}.{}", resource.version, resource.group)))
        };
        self.all.iter().find(fits).cloned()
    }

    /// The kind of a manifest.
    pub(crate) fn of(&self, api_version: &str, kind: &str) -> Option<Arc<Resource>> {
        let fits = |resource: &&Arc<Resource>| resource.kind == kind && resource.api_version() == api_version;
        self.all.iter().find(fits).cloned()
    }

    /// What to say of a kind that is not there.
    pub(crate) fn unknown(name: &str, shown: &str) -> Failure {
        Failure::new(ErrorKind::NotFound, format!("{shown} knows no kind `{name}`"))
            .help("`kubectl api-resources` lists those that it knows")
    }
}

/// What a server says of all its groups at once. The first version of a group is the one that it prefers.
fn aggregated(answer: &Value, all: &mut Vec<Arc<Resource>>) {
    for group in list(answer, "items") {
        let name = group
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        for version in list(group, "versions") {
            for resource in list(version, "resources") {
                let parts = list(resource, "subresources")
                    .iter()
                    .map(|part| text(part, "subresource"));
                all.push(Arc::new(Resource {
                    group: name.to_owned(),
                    version: text(version, "version"),
                    kind: resource
                        .pointer("/responseKind/kind")
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned(),
                    plural: text(resource, "resource"),
                    singular: text(resource, "singularResource"),
                    short: texts(resource, "shortNames"),
                    namespaced: text(resource, "scope") == "Namespaced",
                    parts: parts.collect(),
                }));
            }
        }
    }
}

async fn one_by_one(cluster: &Cluster, groups: &Value, all: &mut Vec<Arc<Resource>>) -> Result<(), Trouble> {
    for group in list(groups, "groups") {
        let preferred = group
            .pointer("/preferredVersion/version")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut versions: Vec<String> = list(group, "versions")
            .iter()
            .map(|version| text(version, "version"))
            .collect();
        versions.sort_by_key(|version| version != preferred);
        let name = text(group, "name");
        for version in versions {
            let path = format!("/apis/{name}/{version}");
            match one_version(cluster, &name, &version, &path, all).await {
                Ok(()) => {}
                // A server of one group that is down does not hide the others.
                Err(trouble) if trouble.code == 503 || trouble.is_missing() => {}
                Err(trouble) => return Err(trouble),
            }
        }
    }
    Ok(())
}

async fn one_version(
    cluster: &Cluster,
    group: &str,
    version: &str,
    path: &str,
    all: &mut Vec<Arc<Resource>>,
) -> Result<(), Trouble> {
    let answer = cluster.ask(&Ask::get(path.to_owned())).await?;
    let resources = list(&answer, "resources");
    for resource in resources {
        let plural = text(resource, "name");
        if plural.contains('/') {
            continue;
        }
        let parts = resources.iter().filter_map(|part| {
            let name = part.get("name")?.as_str()?;
            Some(name.strip_prefix(&format!("{plural}/"))?.to_owned())
        });
        all.push(Arc::new(Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: text(resource, "kind"),
            singular: text(resource, "singularName"),
            short: texts(resource, "shortNames"),
            namespaced: resource.get("namespaced") == Some(&Value::Bool(true)),
            parts: parts.collect(),
            plural,
        }));
    }
    Ok(())
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    list(value, key)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
