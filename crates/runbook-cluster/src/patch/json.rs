//! JSON patches: operations done in turn, all or none.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::object::Fields as _;

/// The object after the operations.
pub(super) fn apply(live: &Value, patch: &Value) -> Result<Value, Failure> {
    let Some(operations) = patch.as_array() else {
        return Err(Failure::bad_request(
            "json: cannot unmarshal object into Go value of type jsonpatch.Patch",
        ));
    };
    if operations.len() > 10_000 {
        return Err(Failure::new(
            413,
            "RequestEntityTooLarge",
            format!(
                "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got {}",
                operations.len()
            ),
        ));
    }
    let mut object = live.clone();
    for operation in operations {
        one(&mut object, operation).map_err(|why| refused(&why))?;
    }
    Ok(object)
}

fn refused(why: &str) -> Failure {
    let message = "the server rejected our request due to an error in our request";
    Failure::new(422, "Invalid", message)
        .caused(json!({"reason": "UnexpectedServerResponse", "message": why}))
}

fn one(object: &mut Value, operation: &Value) -> Result<(), String> {
    let path = operation.text("/path");
    let value = || {
        operation.get("value").cloned().ok_or_else(|| {
            format!(
                "{} operation for path {path:?}: missing value",
                operation.text("/op")
            )
        })
    };
    match operation.text("/op") {
        "add" => add(object, path, value()?),
        "remove" => remove(object, path).map(drop),
        "replace" => {
            let missing =
                || format!("replace operation does not apply: doc is missing key: {path}: missing value");
            *object.pointer_mut(path).ok_or_else(missing)? = value()?;
            Ok(())
        }
        "move" => {
            let moved = remove(object, operation.text("/from"))?;
            add(object, path, moved)
        }
        "copy" => {
            let from = operation.text("/from");
            let missing =
                || format!("copy operation does not apply: doc is missing from path: {from}: missing value");
            let copied = object.pointer(from).cloned().ok_or_else(missing)?;
            add(object, path, copied)
        }
        "test" => {
            let expected = operation.at("/value");
            if object.at(path) == expected {
                Ok(())
            } else {
                Err(format!("testing path {path} value failed: test failed"))
            }
        }
        other => Err(format!("Unexpected kind: {other}")),
    }
}

fn split(path: &str) -> Result<(&str, String), String> {
    let (parent, last) = path
        .rsplit_once('/')
        .ok_or_else(|| format!("invalid path: {path}"))?;
    Ok((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn add(object: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *object = value;
        return Ok(());
    }
    let (parent, last) = split(path)?;
    let missing = || format!("add operation does not apply: doc is missing path: {path:?}: missing value");
    match object.pointer_mut(parent).ok_or_else(missing)? {
        Value::Object(fields) => {
            fields.insert(last, value);
            Ok(())
        }
        Value::Array(items) if last == "-" => {
            items.push(value);
            Ok(())
        }
        Value::Array(items) => match last.parse::<usize>() {
            Ok(index) if index <= items.len() => {
                items.insert(index, value);
                Ok(())
            }
            _ => Err(format!(
                "add operation does not apply: doc is missing path: {path:?}: Unable to access invalid index: {last}: invalid index referenced"
            )),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(missing()),
    }
}

fn remove(object: &mut Value, path: &str) -> Result<Value, String> {
    let (parent, last) = split(path)?;
    let missing = || format!("remove operation does not apply: doc is missing path: {path:?}: missing value");
    match object.pointer_mut(parent).ok_or_else(missing)? {
        Value::Object(fields) => fields.shift_remove(&last).ok_or_else(missing),
        Value::Array(items) => match last.parse::<usize>() {
            Ok(index) if index < items.len() => Ok(items.remove(index)),
            _ => Err(missing()),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(missing()),
    }
}
