//! `patch`: fields of one object, as the author says.

use runbook_action::Failure;
use serde_json::Value;

use super::Asked;
use crate::change::{Form, Write};

pub(crate) async fn planned(asked: Asked<'_>) -> Result<Vec<Write>, Failure> {
    let (target, object) = asked.object().await?;
    let forms = [
        ("merge", Form::Merge),
        ("strategic", Form::Strategic),
        ("json", Form::Json),
    ];
    let found = forms
        .iter()
        .find_map(|(key, form)| Some((*form, asked.chosen.get(key)?)));
    let Some((form, args)) = found else {
        return Ok(Vec::new());
    };
    let mut body = args.param().reveal();
    if form == Form::Json
        && let Value::Array(operations) = &mut body
    {
        // A key that is not given is one that is not there, not one that is null.
        for operation in operations.iter_mut().filter_map(Value::as_object_mut) {
            let takes = matches!(
                operation.get("op").and_then(Value::as_str),
                Some("add" | "replace" | "test")
            );
            operation.retain(|key, value| !value.is_null() || (takes && key == "value"));
        }
    }
    Ok(vec![Write::new(target, form, body, object)])
}
