//! The result of `docker`: every name that it has, with nothing in those that a verb does not speak of.

use runbook_action::Output;
use serde_json::{Value, json};

/// A result in which nothing is said yet.
pub(crate) fn empty() -> Output {
    Output::from(json!({
        "container": null, "containers": [], "object": null, "image": null, "changed": false,
        "logs": null, "stats": null, "all_stats": {}, "events": [], "removed": [], "bytes": 0,
        "exit_code": null, "stdout": "", "stderr": "", "json": null, "lines": [],
    }))
}

/// The same with this.
pub(crate) fn with(mut output: Output, name: &str, value: impl Into<Value>) -> Output {
    if let Value::Object(result) = &mut output.value {
        result.insert(name.to_owned(), value.into());
    }
    output
}

/// A result about containers; about the one, if there is only one.
pub(crate) fn containers(containers: Vec<Value>) -> Output {
    let one = match containers.as_slice() {
        [one] => one.clone(),
        _ => Value::Null,
    };
    with(with(empty(), "container", one), "containers", containers)
}
