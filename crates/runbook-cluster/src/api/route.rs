//! Paths to what they mean.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::kinds::Kind;
use crate::store::Store;

/// What a path is about.
#[derive(Debug, Clone)]
pub(crate) enum Route {
    /// Objects of a kind, or one of them.
    Objects(Target),
    /// The versions of the oldest group: `/api`.
    Legacy,
    /// All other groups: `/apis`.
    Groups,
    /// One group: `/apis/apps`.
    Group(String),
    /// What a version of a group has: `/api/v1`.
    Resources(String, String),
    /// Anything else.
    Other,
}

/// Objects of a kind, or one of them.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Which kind.
    pub(crate) kind: Arc<Kind>,
    /// In which namespace; empty for all, and for kinds that have none.
    pub(crate) namespace: String,
    /// Which object; empty for all.
    pub(crate) name: String,
    /// Which part of it; empty for the object itself.
    pub(crate) part: String,
    /// Whether the path asks in the old way to watch.
    pub(crate) watch: bool,
}

impl Route {
    pub(crate) fn of(path: &str, store: &Store) -> Self {
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["api"] => Self::Legacy,
            ["apis"] => Self::Groups,
            ["api", version] => Self::Resources(String::new(), (*version).to_owned()),
            ["apis", group] => Self::Group((*group).to_owned()),
            ["apis", group, version] => Self::Resources((*group).to_owned(), (*version).to_owned()),
            ["api", version, rest @ ..] => Self::objects(store, "", version, rest),
            ["apis", group, version, rest @ ..] => Self::objects(store, group, version, rest),
            _ => Self::Other,
        }
    }

    fn objects(store: &Store, group: &str, version: &str, parts: &[&str]) -> Self {
        let (watch, parts) = match parts {
            ["watch", rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let (namespace, plural, rest) = match parts {
            // A namespace is an object too.
            ["namespaces"] | ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => {
                ("", parts[0], &parts[1..])
            }
            ["namespaces", namespace, plural, rest @ ..] => (*namespace, *plural, rest),
            [plural, rest @ ..] => ("", *plural, rest),
            [] => return Self::Other,
        };
        let Some(kind) = store.kind(group, version, plural) else {
            return Self::Other;
        };
        if rest.len() > 2 || (!kind.namespaced && !namespace.is_empty()) {
            return Self::Other;
        }
        let name = rest.first().copied().unwrap_or_default();
        if kind.namespaced && namespace.is_empty() && !name.is_empty() {
            return Self::Other;
        }
        let part = rest.get(1).copied().unwrap_or_default();
        if !part.is_empty() && !kind.subresources().iter().any(|(known, ..)| *known == part) {
            return Self::Other;
        }
        Self::Objects(Target {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            part: part.to_owned(),
            watch,
        })
    }
}
