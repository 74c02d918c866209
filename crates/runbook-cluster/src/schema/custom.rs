//! The schemas that custom resource definitions bring.

use serde_json::Value;

use crate::failure::Cause;
use crate::object::Fields as _;

/// Takes fields out that the schema does not have.
pub(super) fn prune(schema: &Value, object: &mut Value, unknown: &mut Vec<String>) {
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    if schema.is_true("/x-kubernetes-preserve-unknown-fields") {
        return;
    }
    let names: Vec<String> = fields.keys().cloned().collect();
    for name in names {
        if matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        if let (Some(schema), Some(value)) = (schema.at("/properties").get(&name), fields.get_mut(&name)) {
            inner(schema, value, &name, unknown);
        } else {
            fields.shift_remove(&name);
            unknown.push(name);
        }
    }
}

fn inner(schema: &Value, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let open = schema.is_true("/x-kubernetes-preserve-unknown-fields")
                || schema.is_true("/x-kubernetes-embedded-resource")
                || schema.is_true("/additionalProperties");
            let names: Vec<String> = fields.keys().cloned().collect();
            for name in names {
                let full = format!("{path}.{name}");
                let known = schema.at("/properties").get(&name);
                let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
                match (known.or(rest), fields.get_mut(&name)) {
                    (Some(schema), Some(value)) => inner(schema, value, &full, unknown),
                    _ if open => {}
                    _ => {
                        fields.shift_remove(&name);
                        unknown.push(full);
                    }
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                inner(schema.at("/items"), item, &format!("{path}[{index}]"), unknown);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What is wrong with an object by its schema.
pub(crate) fn causes(schema: &Value, value: &Value, path: &str, found: &mut Vec<Cause>) {
    if value.is_null() && schema.is_true("/nullable") {
        return;
    }
    let fits = match schema.text("/type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_i64().is_some(),
        "number" => value.is_number(),
        _ => true,
    };
    if schema.is_true("/x-kubernetes-int-or-string") {
        return;
    }
    if !fits {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let why = format!(
            "{path} in body must be of type {}: {kind:?}",
            schema.text("/type")
        );
        found.push(Cause::invalid(path, &Value::from(kind), &why));
        return;
    }
    bounds(schema, value, path, found);
    let within = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    for name in schema.items("/required").iter().filter_map(Value::as_str) {
        if value.is_object() && value.get(name).is_none() {
            found.push(Cause::required(&within(name), ""));
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        if path.is_empty() && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
        if let Some(schema) = schema.at("/properties").get(name).or(rest) {
            causes(schema, value, &within(name), found);
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        causes(schema.at("/items"), item, &format!("{path}[{index}]"), found);
    }
}

fn bounds(schema: &Value, value: &Value, path: &str, found: &mut Vec<Cause>) {
    if let (Some(least), Some(number)) = (schema.at("/minimum").as_f64(), value.as_f64())
        && number < least
    {
        let why = format!("{path} in body should be greater than or equal to {least}");
        found.push(Cause::invalid(path, value, &why));
    }
    if let (Some(most), Some(number)) = (schema.at("/maximum").as_f64(), value.as_f64())
        && number > most
    {
        let why = format!("{path} in body should be less than or equal to {most}");
        found.push(Cause::invalid(path, value, &why));
    }
    let choices = schema.items("/enum");
    if !choices.is_empty() && !choices.contains(value) {
        let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        found.push(Cause::unsupported(path, value, &choices));
    }
}
