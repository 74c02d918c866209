//! What is demanded of pods and of templates of pods.

use serde_json::{Value, json};

use super::metadata::is_dns_label;
use super::quantity::quantity;
use crate::failure::Cause;
use crate::object::Fields as _;

const DNS: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

/// What is wrong with what a pod is to be.
pub(super) fn spec(spec: &Value, field: &str, found: &mut Vec<Cause>) {
    if spec.items("/containers").is_empty() {
        found.push(Cause::required(&format!("{field}.containers"), ""));
    }
    let volumes: Vec<&str> = spec
        .items("/volumes")
        .iter()
        .map(|volume| volume.text("/name"))
        .collect();
    for (index, name) in volumes.iter().enumerate() {
        let at = format!("{field}.volumes[{index}].name");
        if !is_dns_label(name) {
            found.push(Cause::invalid(&at, &json!(name), DNS));
        }
        if volumes[..index].contains(name) {
            found.push(Cause::duplicate(&at, &json!(name)));
        }
    }
    let mut names: Vec<&str> = Vec::new();
    for list in ["initContainers", "containers"] {
        for (index, one) in spec.items(&format!("/{list}")).iter().enumerate() {
            let at = format!("{field}.{list}[{index}]");
            container(one, &at, &volumes, found);
            let name = one.text("/name");
            if names.contains(&name) {
                found.push(Cause::duplicate(&format!("{at}.name"), &json!(name)));
            }
            names.push(name);
        }
    }
    let policy = spec.at("/restartPolicy");
    if policy.is_string() && !matches!(policy.as_str(), Some("Always" | "OnFailure" | "Never")) {
        let known = ["Always", "Never", "OnFailure"];
        found.push(Cause::unsupported(
            &format!("{field}.restartPolicy"),
            policy,
            &known,
        ));
    }
    if spec
        .number("/terminationGracePeriodSeconds")
        .is_some_and(|seconds| seconds < 0)
    {
        let at = format!("{field}.terminationGracePeriodSeconds");
        found.push(Cause::invalid(
            &at,
            spec.at("/terminationGracePeriodSeconds"),
            "must be greater than or equal to 0",
        ));
    }
}

fn container(container: &Value, at: &str, volumes: &[&str], found: &mut Vec<Cause>) {
    let name = container.text("/name");
    if name.is_empty() {
        found.push(Cause::required(&format!("{at}.name"), ""));
    } else if !is_dns_label(name) {
        found.push(Cause::invalid(&format!("{at}.name"), &json!(name), DNS));
    }
    let image = container.text("/image");
    if image.is_empty() {
        found.push(Cause::required(&format!("{at}.image"), ""));
    } else if image.trim() != image {
        let why = "must not have leading or trailing whitespace";
        found.push(Cause::invalid(&format!("{at}.image"), &json!(image), why));
    }
    let policy = container.at("/imagePullPolicy");
    if policy.is_string() && !matches!(policy.as_str(), Some("Always" | "IfNotPresent" | "Never")) {
        let known = ["Always", "IfNotPresent", "Never"];
        found.push(Cause::unsupported(
            &format!("{at}.imagePullPolicy"),
            policy,
            &known,
        ));
    }
    for (index, port) in container.items("/ports").iter().enumerate() {
        if !port
            .number("/containerPort")
            .is_some_and(|number| (1..=65535).contains(&number))
        {
            let why = "must be between 1 and 65535, inclusive";
            let field = format!("{at}.ports[{index}].containerPort");
            found.push(Cause::invalid(&field, port.at("/containerPort"), why));
        }
    }
    for (index, variable) in container.items("/env").iter().enumerate() {
        let field = format!("{at}.env[{index}]");
        if variable.text("/name").is_empty() {
            found.push(Cause::required(&format!("{field}.name"), ""));
        }
        if !variable.text("/value").is_empty() && variable.at("/valueFrom").is_object() {
            let why = "may not be specified when `value` is not empty";
            found.push(Cause::invalid(&format!("{field}.valueFrom"), &json!(""), why));
        }
    }
    for (index, mount) in container.items("/volumeMounts").iter().enumerate() {
        let field = format!("{at}.volumeMounts[{index}]");
        if !volumes.contains(&mount.text("/name")) {
            found.push(Cause::not_found(&format!("{field}.name"), mount.at("/name")));
        }
        if mount.text("/mountPath").is_empty() {
            found.push(Cause::required(&format!("{field}.mountPath"), ""));
        }
    }
    resources(container, at, found);
}

fn resources(container: &Value, at: &str, found: &mut Vec<Cause>) {
    for list in ["limits", "requests"] {
        for (key, value) in container.map(&format!("/resources/{list}")).into_iter().flatten() {
            let number = value.as_str().and_then(quantity).unwrap_or(0.0);
            let field = format!("{at}.resources.{list}[{key}]");
            if number < 0.0 {
                found.push(Cause::invalid(
                    &field,
                    value,
                    "must be greater than or equal to 0",
                ));
            }
            let plain = matches!(key.as_str(), "cpu" | "memory" | "ephemeral-storage")
                || key.starts_with("hugepages-");
            if !plain && !key.contains('/') {
                found.push(Cause::invalid(
                    &field,
                    &json!(key),
                    "must be a standard resource type or fully qualified",
                ));
            }
        }
    }
    for (key, request) in container.map("/resources/requests").into_iter().flatten() {
        let limit = container.at("/resources/limits").get(key).and_then(Value::as_str);
        let wanted = request.as_str().and_then(quantity);
        if let (Some(limit), Some(wanted)) = (limit, wanted)
            && quantity(limit).is_some_and(|most| wanted > most)
        {
            let why = format!("must be less than or equal to {key} limit of {limit}");
            found.push(Cause::invalid(&format!("{at}.resources.requests"), request, &why));
        }
    }
}

/// Little of a pod can change once it is there.
pub(super) fn update(live: &Value, object: &Value, found: &mut Vec<Cause>) {
    let bare = |pod: &Value| {
        let mut spec = pod.at("/spec").clone();
        for key in [
            "activeDeadlineSeconds",
            "tolerations",
            "terminationGracePeriodSeconds",
            "nodeName",
        ] {
            spec.take_out(&format!("/{key}"));
        }
        for list in ["containers", "initContainers"] {
            for index in 0..spec.items(&format!("/{list}")).len() {
                spec.take_out(&format!("/{list}/{index}/image"));
            }
        }
        spec
    };
    let moved =
        !live.text("/spec/nodeName").is_empty() && live.at("/spec/nodeName") != object.at("/spec/nodeName");
    if moved || bare(live) != bare(object) {
        found.push(Cause::forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        ));
    }
}
