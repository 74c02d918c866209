//! Rights as rules of roles: what is alike becomes one rule, and what another one allows anyway is left out.

use std::collections::{BTreeMap, BTreeSet};

use super::{Right, Scope};

/// A rule of a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// `apiGroups`
    pub group: String,
    /// `resources`
    pub resources: Vec<String>,
    /// `verbs`
    pub verbs: Vec<&'static str>,
    /// `resourceNames`; any if there are none.
    pub names: Vec<String>,
}

/// A role: what may be done in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Where it is to be bound.
    pub scope: Scope,
    /// What it allows.
    pub rules: Vec<Rule>,
}

/// The verbs in the order in which people write them.
const ORDER: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete"];

/// Names by what may be done; none is any.
type Names<'a> = BTreeMap<(&'a Scope, &'a str, &'a str, &'static str), BTreeSet<Option<&'a str>>>;

/// The roles that grant these rights.
pub(super) fn roles<'a>(rights: impl Iterator<Item = &'a Right>) -> Vec<Role> {
    let mut names: Names<'a> = BTreeMap::new();
    for right in rights {
        let key = (
            &right.scope,
            right.group.as_str(),
            right.resource.as_str(),
            right.verb,
        );
        names.entry(key).or_default().insert(right.name.as_deref());
    }
    for found in names.values_mut() {
        // Who may do it to any may do it to each.
        if found.contains(&None) {
            found.retain(Option::is_none);
        }
    }
    let everywhere: Names<'a> = names
        .iter()
        .filter(|((scope, ..), _)| **scope == Scope::Everywhere)
        .map(|(key, found)| (*key, found.clone()))
        .collect();
    names.retain(|(scope, group, resource, verb), _| {
        let wide = everywhere.get(&(&Scope::Everywhere, *group, *resource, *verb));
        **scope == Scope::Everywhere || wide.is_none_or(|wide| !wide.contains(&None))
    });
    let mut verbs: BTreeMap<_, BTreeSet<&'static str>> = BTreeMap::new();
    for ((scope, group, resource, verb), found) in names {
        let key = (scope, group, resource, found);
        verbs.entry(key).or_default().insert(verb);
    }
    let mut resources: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for ((scope, group, resource, found), verbs) in verbs {
        let key = (scope, group, verbs, found);
        resources.entry(key).or_default().insert(resource);
    }
    let mut roles: BTreeMap<&Scope, BTreeSet<Rule>> = BTreeMap::new();
    for ((scope, group, verbs, found), resources) in resources {
        roles.entry(scope).or_default().insert(Rule {
            group: group.to_owned(),
            resources: resources.into_iter().map(str::to_owned).collect(),
            verbs: ORDER
                .iter()
                .filter(|verb| verbs.contains(*verb))
                .copied()
                .collect(),
            names: found.into_iter().flatten().map(str::to_owned).collect(),
        });
    }
    roles
        .into_iter()
        .map(|(scope, rules)| Role {
            scope: scope.clone(),
            rules: rules.into_iter().collect(),
        })
        .collect()
}
