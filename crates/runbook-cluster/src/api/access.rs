//! Who may do what: roles, and what they are bound to.

use serde_json::{Value, json};

use super::route::Target;
use super::users::{self, User};
use crate::failure::Failure;
use crate::object::Fields as _;
use crate::store::Store;

const GROUP: &str = "rbac.authorization.k8s.io";

/// What somebody wants to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    /// With the part: `pods/log`.
    pub(crate) resource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

/// Refuses what no role of the user allows.
pub(crate) fn check(store: &Store, user: &User, verb: &str, target: &Target) -> Result<(), Failure> {
    let kind = &*target.kind;
    let resource = if target.part.is_empty() {
        kind.plural.clone()
    } else {
        format!("{}/{}", kind.plural, target.part)
    };
    let namespace = if kind.id() == "namespaces" {
        &target.name
    } else {
        &target.namespace
    };
    let act = Act {
        verb,
        group: &kind.group,
        resource: &resource,
        namespace,
        name: &target.name,
    };
    if allowed(store, user, act) {
        return Ok(());
    }
    let place = if namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {namespace:?}")
    };
    let why = format!(
        "User {:?} cannot {verb} resource {resource:?} in API group {:?} {place}",
        user.name, kind.group
    );
    Err(Failure::forbidden(kind, &target.name, &why))
}

/// The same for a path that is about no objects.
pub(crate) fn check_path(store: &Store, user: &User, path: &str) -> Result<(), Failure> {
    let open = ["/version", "/healthz", "/livez", "/readyz"].contains(&path);
    let discovery = ["/api", "/apis", "/openapi"]
        .iter()
        .any(|root| path == *root || path.starts_with(&format!("{root}/")));
    let known = user.groups.iter().any(|group| group == "system:authenticated");
    let granted = rules(store, user, "").into_iter().any(|rule| {
        let paths = rule.items("/nonResourceURLs").iter().filter_map(Value::as_str);
        has(&rule, "/verbs", "get")
            && paths.into_iter().any(|known| {
                known == path || known.strip_suffix('*').is_some_and(|stem| path.starts_with(stem))
            })
    });
    if user.is_master() || open || (discovery && known) || granted {
        Ok(())
    } else {
        Err(users::denied_path(user, "get", path))
    }
}

/// Whether a role of the user allows it.
pub(crate) fn allowed(store: &Store, user: &User, act: Act<'_>) -> bool {
    if user.is_master() {
        return true;
    }
    let basic = act.verb == "create"
        && matches!(
            (act.group, act.resource),
            ("authorization.k8s.io", "selfsubjectaccessreviews")
                | ("authentication.k8s.io", "selfsubjectreviews")
        );
    let known = user.groups.iter().any(|group| group == "system:authenticated");
    (basic && known)
        || rules(store, user, act.namespace)
            .iter()
            .any(|rule| covers(rule, act))
}

fn covers(rule: &Value, act: Act<'_>) -> bool {
    let part = act.resource.split_once('/').map(|(_, part)| format!("*/{part}"));
    let names = rule.items("/resourceNames");
    has(rule, "/verbs", act.verb)
        && has(rule, "/apiGroups", act.group)
        && (has(rule, "/resources", act.resource) || part.is_some_and(|part| has(rule, "/resources", &part)))
        && (names.is_empty() || names.iter().any(|name| name == act.name))
}

fn has(rule: &Value, pointer: &str, wanted: &str) -> bool {
    rule.items(pointer)
        .iter()
        .any(|value| value == "*" || value == wanted)
}

/// The rules of all roles that the user has in a namespace, and everywhere.
fn rules(store: &Store, user: &User, namespace: &str) -> Vec<Value> {
    let mut rules = Vec::new();
    let everywhere = store.list(&format!("clusterrolebindings.{GROUP}"), None);
    for binding in everywhere.filter(|binding| binds(binding, user)) {
        rules.extend(of_role(store, binding, ""));
    }
    if !namespace.is_empty() {
        let here = store.list(&format!("rolebindings.{GROUP}"), Some(namespace));
        for binding in here.filter(|binding| binds(binding, user)) {
            rules.extend(of_role(store, binding, namespace));
        }
    }
    rules
}

fn of_role(store: &Store, binding: &Value, namespace: &str) -> Vec<Value> {
    let name = binding.text("/roleRef/name");
    let role = match binding.text("/roleRef/kind") {
        "Role" => store.get(&format!("roles.{GROUP}"), namespace, name),
        _ => store.get(&format!("clusterroles.{GROUP}"), "", name),
    };
    role.map(|role| role.items("/rules").to_vec()).unwrap_or_default()
}

fn binds(binding: &Value, user: &User) -> bool {
    binding.items("/subjects").iter().any(|subject| {
        let name = subject.text("/name");
        match subject.text("/kind") {
            "User" => name == user.name,
            "Group" => user.groups.iter().any(|group| group == name),
            "ServiceAccount" => {
                user.name == format!("system:serviceaccount:{}:{name}", subject.text("/namespace"))
            }
            _ => false,
        }
    })
}

/// Refuses to act as somebody else whom the user may not act as.
pub(crate) fn check_impersonation(store: &Store, user: &User, other: &User) -> Result<(), Failure> {
    let may = |resource: &str, name: &str| {
        let act = Act {
            verb: "impersonate",
            group: "",
            resource,
            namespace: "",
            name,
        };
        allowed(store, user, act)
    };
    let refuse = |resource: &str, name: &str| {
        let message = format!(
            "{resource} {name:?} is forbidden: User {:?} cannot impersonate resource {resource:?} in API group \"\" at the cluster scope",
            user.name
        );
        let mut failure = Failure::new(403, "Forbidden", message);
        failure.details.insert("name".to_owned(), json!(name));
        failure.details.insert("kind".to_owned(), json!(resource));
        failure
    };
    if !may("users", &other.name) {
        return Err(refuse("users", &other.name));
    }
    let groups = other
        .groups
        .iter()
        .filter(|group| *group != "system:authenticated");
    match groups.into_iter().find(|group| !may("groups", group)) {
        Some(group) => Err(refuse("groups", group)),
        None => Ok(()),
    }
}

/// The answer to a question about access, or about who one is.
pub(crate) fn review(store: &Store, user: &User, kind: &str, mut body: Value) -> Value {
    body.take_out("/metadata/uid");
    if kind == "SelfSubjectReview" {
        body.put("/status", json!({"userInfo": user.info()}));
        return body;
    }
    let asked = body.at("/spec/resourceAttributes").clone();
    let granted = if asked.is_object() {
        let mut resource = asked.text("/resource").to_owned();
        if !asked.text("/subresource").is_empty() {
            resource = format!("{resource}/{}", asked.text("/subresource"));
        }
        let act = Act {
            verb: asked.text("/verb"),
            group: asked.text("/group"),
            resource: &resource,
            namespace: asked.text("/namespace"),
            name: asked.text("/name"),
        };
        allowed(store, user, act)
    } else {
        check_path(store, user, body.text("/spec/nonResourceAttributes/path")).is_ok()
    };
    body.put("/status", json!({"allowed": granted}));
    body
}
