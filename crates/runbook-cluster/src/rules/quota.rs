//! Resource quotas: what a namespace may hold in all.

use serde_json::Value;

use super::quantity;
use crate::failure::Failure;
use crate::kinds::Kind;
use crate::object::Fields as _;
use crate::store::Store;

/// Refuses an object that would be too much for one of the quotas of its namespace.
pub(super) fn check(store: &Store, kind: &Kind, object: &Value) -> Result<(), Failure> {
    let id = kind.id();
    for quota in store.list("resourcequotas", Some(object.namespace())) {
        let mut over = [Vec::new(), Vec::new(), Vec::new()];
        let mut missing = Vec::new();
        for (resource, hard) in quota.map("/spec/hard").into_iter().flatten() {
            let Some(asked) = demand(&id, object, resource) else {
                continue;
            };
            let without = silent(object, resource);
            if !without.is_empty() {
                missing.push(format!("{resource} for: {}", without.join(",")));
                continue;
            }
            let hard = hard.as_str().unwrap_or_default();
            let used = used(store, object.namespace(), resource);
            if asked > 0.0 && quantity(hard).is_some_and(|hard| used + asked > hard) {
                let numbers = [shown(resource, asked), shown(resource, used), hard.to_owned()];
                for (list, number) in over.iter_mut().zip(numbers) {
                    list.push(format!("{resource}={number}"));
                }
            }
        }
        if !missing.is_empty() {
            let why = format!(
                "failed quota: {}: must specify {}",
                quota.name(),
                missing.join("; ")
            );
            return Err(Failure::forbidden(kind, object.name(), &why));
        }
        let [asked, used, hard] = over.map(|list| list.join(","));
        if !asked.is_empty() {
            let why = format!(
                "exceeded quota: {}, requested: {asked}, used: {used}, limited: {hard}",
                quota.name()
            );
            return Err(Failure::forbidden(kind, object.name(), &why));
        }
    }
    Ok(())
}

/// How much of a resource a namespace uses.
fn used(store: &Store, namespace: &str, resource: &str) -> f64 {
    let id = resource.strip_prefix("count/").unwrap_or(match resource {
        "services" | "secrets" | "configmaps" | "persistentvolumeclaims" | "replicationcontrollers" => {
            resource
        }
        _ => "pods",
    });
    let all = store.list(id, Some(namespace));
    total(all.filter_map(|object| demand(id, object, resource)))
}

/// What every quota of a namespace says is used.
pub(crate) fn usage(store: &Store, quota: &Value) -> Vec<(String, String)> {
    let hard = quota.map("/spec/hard").into_iter().flatten();
    hard.map(|(resource, _)| {
        let used = used(store, quota.namespace(), resource);
        (resource.clone(), shown(resource, used))
    })
    .collect()
}

/// How much of a resource an object takes; none if it takes nothing of it by its kind.
fn demand(id: &str, object: &Value, resource: &str) -> Option<f64> {
    if let Some(counted) = resource.strip_prefix("count/") {
        return (counted == id).then_some(1.0);
    }
    let is_ended = matches!(object.text("/status/phase"), "Succeeded" | "Failed");
    if id != "pods" || is_ended {
        return (id == resource && id != "pods").then_some(1.0);
    }
    if resource == "pods" {
        return Some(1.0);
    }
    let pointer = computed(resource)?;
    let containers = object.items("/spec/containers").iter();
    let each = containers.map(|container| quantity(container.text(&pointer)).unwrap_or(0.0));
    Some(total(each))
}

/// A sum that is 0 without anything, where `sum` says -0.
fn total(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, |sum, number| sum + number)
}

/// The containers that do not say how much of a resource they take, although they have to.
fn silent<'a>(object: &'a Value, resource: &str) -> Vec<&'a str> {
    let Some(pointer) = computed(resource) else {
        return Vec::new();
    };
    let containers = object.items("/spec/containers").iter();
    containers
        .filter(|container| container.text(&pointer).is_empty())
        .map(|container| container.text("/name"))
        .collect()
}

/// Where a container says how much of a resource it takes.
fn computed(resource: &str) -> Option<String> {
    let (part, name) = match resource {
        "cpu" | "memory" => ("requests", resource),
        _ => resource.split_once('.')?,
    };
    matches!((part, name), ("requests" | "limits", "cpu" | "memory"))
        .then(|| format!("/resources/{part}/{name}"))
}

/// A number as quotas write it.
fn shown(resource: &str, number: f64) -> String {
    if resource.ends_with("cpu") && number.fract() != 0.0 {
        return format!("{}m", (number * 1000.0).ceil());
    }
    if resource.ends_with("memory") && number > 0.0 {
        for (unit, size) in [("Gi", 1_073_741_824.0), ("Mi", 1_048_576.0), ("Ki", 1024.0)] {
            if (number % size).abs() < f64::EPSILON {
                return format!("{}{unit}", number / size);
            }
        }
    }
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_quotas_write_them() {
        for (resource, number, text) in [
            ("pods", 2.0, "2"),
            ("requests.cpu", 0.25, "250m"),
            ("limits.memory", 67_108_864.0, "64Mi"),
            ("memory", 0.0, "0"),
        ] {
            assert_eq!(shown(resource, number), text);
        }
    }
}
