//! What pods ask of a cluster that are places: where programs run, and from where ports are reached.

use runbook_action::{Param, Text};

use super::things::Thing;
use super::{Aim, Rights, Scope, known};

/// How the pods of a place are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pods {
    /// One pod, by its name where that is known.
    One(Option<String>),
    /// By their labels.
    Labelled,
    /// Those of something that has pods, by its plural: `deployments`.
    Of(&'static str, Option<String>),
}

impl Pods {
    /// Those of a connection of the kind `pod` or `deployment`, and the namespace in which they are.
    #[must_use]
    pub fn of(connection: &Param, own: &Scope) -> Option<(Self, Scope)> {
        let text = |key: &str| match connection.get(key) {
            Some(Param::Text(text)) => Some(text),
            Some(Param::Null | Param::Bool(_) | Param::Number(_) | Param::List(_) | Param::Map(_)) | None => {
                None
            }
        };
        let scope = text("namespace").map_or_else(|| own.clone(), Scope::of);
        let name = |text: &Text| known(text);
        let pods = match connection.get("pod") {
            Some(Param::Map(_)) => Self::Labelled,
            Some(_) => Self::One(text("pod").and_then(name)),
            None => Self::Of("deployments", text("deployment").map(name)?),
        };
        Some((pods, scope))
    }

    /// How it is asked which pods these are.
    fn found(&self, rights: &mut Rights, scope: &Scope) -> Option<String> {
        let pods = Thing::known("", "pods");
        let mut name = None;
        match self {
            Self::One(known) => {
                rights.grant(scope, &pods, "", known.as_deref(), ("get", Aim::Do));
                name.clone_from(known);
            }
            Self::Labelled => rights.grant(scope, &pods, "", None, ("list", Aim::Do)),
            Self::Of(plural, known) => {
                let group = if *plural == "services" { "" } else { "apps" };
                let owner = Thing::known(group, plural);
                rights.grant(scope, &owner, "", known.as_deref(), ("get", Aim::Do));
                rights.grant(scope, &pods, "", None, ("list", Aim::Do));
            }
        }
        name
    }
}

/// What it takes to run programs there.
#[must_use]
pub fn of_place(pods: &Pods, scope: &Scope) -> Rights {
    let mut rights = Rights::default();
    let name = pods.found(&mut rights, scope);
    let thing = Thing::known("", "pods");
    for verb in ["get", "create"] {
        rights.grant(scope, &thing, "exec", name.as_deref(), (verb, Aim::Do));
    }
    rights.grant(scope, &thing, "", name.as_deref(), ("get", Aim::Resume));
    rights
}

/// What it takes to reach ports there.
#[must_use]
pub fn forwarded(pods: &Pods, scope: &Scope) -> Rights {
    let mut rights = Rights::default();
    let name = pods.found(&mut rights, scope);
    let thing = Thing::known("", "pods");
    for verb in ["get", "create"] {
        rights.grant(scope, &thing, "portforward", name.as_deref(), (verb, Aim::Do));
    }
    rights
}
