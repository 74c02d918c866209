//! `cordon` and `uncordon`: whether new pods come to a node.

use runbook_action::Failure;
use serde_json::{Value, json};

use super::Asked;
use crate::asked;
use crate::change::{Form, Write};

pub(crate) async fn planned(asked: Asked<'_>, closed: bool) -> Result<Vec<Write>, Failure> {
    let target = asked::node(asked.cluster, asked.chosen).await?;
    let node = target
        .read(asked.cluster)
        .await
        .map_err(|trouble| asked.failed(trouble))?;
    let is_closed = node.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
    if is_closed == closed {
        return Ok(Vec::new());
    }
    let value = if closed { json!(true) } else { Value::Null };
    let patch = json!({ "spec": { "unschedulable": value } });
    Ok(vec![Write::new(target, Form::Merge, patch, node)])
}
