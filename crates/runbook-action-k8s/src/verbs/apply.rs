//! `apply`: objects become what manifests say, and the cluster keeps who said what.

use runbook_action::Failure;
use serde_json::Value;

use super::Asked;
use crate::change::{Form, Write};
use crate::manifest;

pub(crate) async fn planned(asked: Asked<'_>) -> Result<Vec<Write>, Failure> {
    let mut writes = Vec::new();
    for manifest in manifest::read(asked, &asked.chosen.value).await? {
        let before = manifest
            .target
            .look(asked.cluster)
            .await
            .map_err(|trouble| asked.failed(trouble))?;
        let mut write = Write::new(
            manifest.target,
            Form::Apply,
            manifest.body,
            before.unwrap_or(Value::Null),
        );
        write.force = asked.chosen.is_on("force_conflicts");
        writes.push(write);
    }
    Ok(writes)
}
