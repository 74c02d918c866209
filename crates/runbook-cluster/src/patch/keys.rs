//! By what the items of lists are told apart.

use serde_json::Value;

use crate::kinds::Kind;
use crate::object::Fields as _;

/// How the items of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Items {
    /// They are not: the list is one value.
    Whole,
    /// Each is itself.
    Themselves,
    /// By these fields.
    By(Vec<String>),
}

/// How the items of the list in this field are told apart in a strategic merge patch.
pub(super) fn strategic(kind: &Kind, path: &[&str]) -> Items {
    match built_in(kind, path) {
        // Only the first of the keys counts there.
        Items::By(keys) => Items::By(keys.into_iter().take(1).collect()),
        Items::Whole => Items::Whole,
        Items::Themselves => Items::Themselves,
    }
}

/// The same for what managers apply.
pub(crate) fn applied(kind: &Kind, path: &[&str]) -> Items {
    match &kind.custom {
        Some(custom) if path.first() != Some(&"metadata") => by_schema(&custom.schema, path),
        _ => built_in(kind, path),
    }
}

fn built_in(kind: &Kind, path: &[&str]) -> Items {
    let Some((field, above)) = path.split_last() else {
        return Items::Whole;
    };
    let parent = above.last().copied().unwrap_or_default();
    let by = |keys: &[&str]| Items::By(keys.iter().map(|&key| key.to_owned()).collect());
    match (*field, parent) {
        (
            "containers"
            | "initContainers"
            | "ephemeralContainers"
            | "volumes"
            | "imagePullSecrets"
            | "schedulingGates"
            | "resourceClaims",
            "spec",
        )
        | ("env", _) => by(&["name"]),
        ("secrets" | "imagePullSecrets", "") if kind.kind == "ServiceAccount" => {
            Items::By(vec!["name".to_owned()])
        }
        ("volumeMounts", _) => by(&["mountPath"]),
        ("volumeDevices", _) => by(&["devicePath"]),
        ("hostAliases", _) | ("podIPs", "status") => by(&["ip"]),
        ("topologySpreadConstraints", _) => by(&["topologyKey", "whenUnsatisfiable"]),
        ("ports", "spec") if kind.kind == "Service" => by(&["port", "protocol"]),
        ("ports", "containers" | "initContainers" | "ephemeralContainers") => {
            by(&["containerPort", "protocol"])
        }
        ("conditions" | "addresses", "status") => by(&["type"]),
        ("ownerReferences", "metadata") => by(&["uid"]),
        ("finalizers", "metadata" | "spec") => Items::Themselves,
        _ => Items::Whole,
    }
}

fn by_schema(schema: &Value, path: &[&str]) -> Items {
    let mut here = schema;
    for part in path {
        let field = here.at("/properties").get(part);
        here = match field {
            Some(field) => field,
            None if here.at("/additionalProperties").is_object() => here.at("/additionalProperties"),
            None => return Items::Whole,
        };
        // The path names no items: what is in a list has the schema of its items.
        if here.text("/type") == "array" && part != path.last().unwrap_or(part) {
            here = here.at("/items");
        }
    }
    match here.text("/x-kubernetes-list-type") {
        "set" => Items::Themselves,
        "map" => {
            let keys = here
                .items("/x-kubernetes-list-map-keys")
                .iter()
                .filter_map(Value::as_str);
            Items::By(keys.map(str::to_owned).collect())
        }
        _ => Items::Whole,
    }
}
