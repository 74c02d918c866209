//! Which fields objects have, and of which types their values are.
//!
//! `types.txt` has a line for every type: its name, and its fields. `s` is a text, `i` a whole number, `b` true or
//! false, `q` a quantity, `x` a number or a text, `*` anything; `[]` is a list, `{}` a mapping of such values.

mod custom;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

pub(crate) use self::custom::causes;
use crate::failure::Failure;
use crate::kinds::Kind;
use crate::rules::quantity;

static TYPES: OnceLock<Types> = OnceLock::new();

/// The fields of every type, each with its own type.
type Types = BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>;

fn types() -> &'static Types {
    TYPES.get_or_init(|| {
        include_str!("types.txt")
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let name = words.next()?;
                Some((name, words.filter_map(|word| word.split_once(':')).collect()))
            })
            .collect()
    })
}

/// Takes fields out that the kind does not have, and answers their names. A value of a wrong type is refused.
pub(crate) fn prune(kind: &Kind, object: &mut Value) -> Result<Vec<String>, Failure> {
    let mut unknown = Vec::new();
    if let Some(defined) = &kind.custom {
        custom::prune(&defined.schema, object, &mut unknown);
        return Ok(unknown);
    }
    let Some(fields) = types().get(kind.kind.as_str()) else {
        return Ok(unknown);
    };
    let Some(object) = object.as_object_mut() else {
        return Ok(unknown);
    };
    let names: Vec<String> = object.keys().cloned().collect();
    for name in names {
        if matches!(name.as_str(), "apiVersion" | "kind") {
            continue;
        }
        if let (Some(of), Some(value)) = (fields.get(name.as_str()), object.get_mut(&name)) {
            typed(of, value, &name, &mut unknown).map_err(|why| refused(kind, &why))?;
        } else {
            object.shift_remove(&name);
            unknown.push(name);
        }
    }
    Ok(unknown)
}

/// An object that is none of its kind.
pub(crate) fn refused(kind: &Kind, why: &str) -> Failure {
    Failure::bad_request(format!(
        "{0} in version {1:?} cannot be handled as a {0}: {why}",
        kind.kind, kind.version
    ))
}

fn typed(of: &str, value: &mut Value, path: &str, unknown: &mut Vec<String>) -> Result<(), String> {
    if value.is_null() {
        return Ok(());
    }
    if let Some(of) = of.strip_prefix("[]") {
        let Some(items) = value.as_array_mut() else {
            return Err(wrong(value, path, "[]"));
        };
        for (index, item) in items.iter_mut().enumerate() {
            typed(of, item, &format!("{path}[{index}]"), unknown)?;
        }
        return Ok(());
    }
    if let Some(of) = of.strip_prefix("{}") {
        let Some(fields) = value.as_object_mut() else {
            return Err(wrong(value, path, "map"));
        };
        for (key, value) in fields.iter_mut() {
            typed(of, value, &format!("{path}.{key}"), unknown)?;
        }
        return Ok(());
    }
    let fits = match of {
        "*" => true,
        "s" => value.is_string(),
        "i" => value.as_i64().is_some(),
        "b" => value.is_boolean(),
        "x" => value.as_i64().is_some() || value.is_string(),
        "q" => return amount(value),
        name => return fields(name, value, path, unknown),
    };
    let name = match of {
        "s" => "string",
        "b" => "bool",
        _ => "int32",
    };
    if fits {
        Ok(())
    } else {
        Err(wrong(value, path, name))
    }
}

fn fields(name: &str, value: &mut Value, path: &str, unknown: &mut Vec<String>) -> Result<(), String> {
    let (Some(known), Some(fields)) = (types().get(name), value.as_object_mut()) else {
        return Err(wrong(value, path, name));
    };
    let names: Vec<String> = fields.keys().cloned().collect();
    for key in names {
        let full = format!("{path}.{key}");
        if let (Some(of), Some(value)) = (known.get(key.as_str()), fields.get_mut(&key)) {
            typed(of, value, &full, unknown)?;
        } else {
            fields.shift_remove(&key);
            unknown.push(full);
        }
    }
    Ok(())
}

/// Quantities are kept as texts.
fn amount(value: &mut Value) -> Result<(), String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    };
    if quantity(&text).is_none() {
        return Err(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                .to_owned(),
        );
    }
    *value = Value::String(text);
    Ok(())
}

fn wrong(value: &Value, path: &str, wanted: &str) -> String {
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {is} into Go struct field .{path} of type {wanted}")
}
