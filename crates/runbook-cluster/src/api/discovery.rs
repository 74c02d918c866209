//! What the server has: its version, its groups, and the kinds in them.

use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::store::Store;

/// `/version`.
pub(crate) fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
        "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "clean", "buildDate": "2026-04-22T00:00:00Z",
        "goVersion": "go1.26", "compiler": "gc", "platform": "linux/amd64",
    })
}

/// `/api`.
pub(crate) fn legacy(address: &str) -> Value {
    json!({
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    })
}

/// `/apis`.
pub(crate) fn groups(store: &Store) -> Value {
    let groups: Vec<Value> = names(store)
        .iter()
        .filter(|group| !group.is_empty())
        .filter_map(|name| group(store, name))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`, as an item of `/apis` has it.
pub(crate) fn group(store: &Store, name: &str) -> Option<Value> {
    let versions: Vec<Value> = versions(store, name)
        .iter()
        .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    let preferred = versions.first()?.clone();
    Some(json!({"name": name, "versions": versions, "preferredVersion": preferred}))
}

/// `/apis/GROUP`, as a document of its own.
pub(crate) fn group_document(store: &Store, name: &str) -> Option<Value> {
    let mut found = group(store, name)?;
    if let Some(fields) = found.as_object_mut() {
        fields.shift_insert(0, "kind".to_owned(), json!("APIGroup"));
        fields.shift_insert(1, "apiVersion".to_owned(), json!("v1"));
    }
    Some(found)
}

/// `/apis/GROUP/VERSION`.
pub(crate) fn resources(store: &Store, group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    for kind in of(store, group, version) {
        let mut resource = json!({
            "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
            "verbs": kind.verbs(),
        });
        if let Some(fields) = resource.as_object_mut() {
            if !kind.short.is_empty() {
                fields.insert("shortNames".to_owned(), json!(kind.short));
            }
            if !kind.categories.is_empty() {
                fields.insert("categories".to_owned(), json!(kind.categories));
            }
        }
        resources.push(resource);
        for (name, of, verbs) in kind.subresources() {
            let mut resource = json!({
                "name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
                "kind": of["kind"], "verbs": verbs,
            });
            if let Some(fields) = resource.as_object_mut()
                && (of["group"] != json!(kind.group) || of["version"] != json!(kind.version))
            {
                fields.insert("group".to_owned(), of["group"].clone());
                fields.insert("version".to_owned(), of["version"].clone());
            }
            resources.push(resource);
        }
    }
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    (!resources.is_empty())
        .then(|| json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}))
}

/// All of it at once, as clients ask for it since 1.26.
pub(crate) fn aggregated(store: &Store, legacy: bool) -> Value {
    let items: Vec<Value> = names(store)
        .iter()
        .filter(|name| name.is_empty() == legacy)
        .map(|name| {
            let versions: Vec<Value> = versions(store, name)
                .iter()
                .map(|version| {
                    let resources: Vec<Value> = of(store, name, version).map(aggregated_kind).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if name.is_empty() {
                json!({"creationTimestamp": null})
            } else {
                json!({"name": name})
            };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated_kind(kind: &Kind) -> Value {
    let subresources: Vec<Value> = kind
        .subresources()
        .into_iter()
        .map(|(name, of, verbs)| json!({"subresource": name, "responseKind": of, "verbs": verbs}))
        .collect();
    let mut found = json!({
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": kind.verbs(),
    });
    if let Some(fields) = found.as_object_mut() {
        for (key, names) in [("shortNames", &kind.short), ("categories", &kind.categories)] {
            if !names.is_empty() {
                fields.insert(key.to_owned(), json!(names));
            }
        }
        if !subresources.is_empty() {
            fields.insert("subresources".to_owned(), Value::Array(subresources));
        }
    }
    found
}

/// The groups, in the order in which they are told.
fn names(store: &Store) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for kind in store.kinds() {
        if !names.contains(&kind.group) {
            names.push(kind.group.clone());
        }
    }
    names
}

/// The versions of a group, the preferred one first.
fn versions(store: &Store, group: &str) -> Vec<String> {
    let mut versions: Vec<String> = Vec::new();
    for kind in store.kinds().filter(|kind| kind.group == group) {
        if !versions.contains(&kind.version) {
            versions.push(kind.version.clone());
        }
    }
    versions.sort_by_key(|version| rank(version));
    versions
}

/// Released versions come before betas, those before alphas, and higher ones before lower ones.
fn rank(version: &str) -> (u8, i64, i64) {
    let rest = version.strip_prefix('v').unwrap_or(version);
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let major: i64 = digits.parse().unwrap_or_default();
    let rest = &rest[digits.len()..];
    let (stage, minor) = if let Some(minor) = rest.strip_prefix("beta") {
        (1, minor)
    } else if let Some(minor) = rest.strip_prefix("alpha") {
        (2, minor)
    } else {
        (0, "")
    };
    (stage, -major, -minor.parse::<i64>().unwrap_or_default())
}

fn of<'a>(store: &'a Store, group: &'a str, version: &'a str) -> impl Iterator<Item = &'a Kind> {
    store
        .kinds()
        .map(|kind| &**kind)
        .filter(move |kind| kind.group == group && kind.version == version)
}
