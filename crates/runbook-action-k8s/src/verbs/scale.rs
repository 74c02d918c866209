//! `scale`: how many replicas there are to be, of any kind that has them.

use runbook_action::{ErrorKind, Failure};
use serde_json::json;

use super::Asked;
use crate::change::{Form, Write, conflict};
use crate::{asked, object};

pub(crate) async fn planned(asked: Asked<'_>) -> Result<Vec<Write>, Failure> {
    let target = asked.target().await?;
    if !target.kind.parts.iter().any(|part| part == "scale") {
        let message = format!("a `{}` has no replicas", target.kind.singular);
        return Err(Failure::new(ErrorKind::Other, message).about("scale"));
    }
    let wanted = asked::integer(asked.chosen, "replicas")?.unwrap_or_default();
    let scale = target.read_part(asked.cluster, Some("scale")).await;
    let scale = scale.map_err(|trouble| asked.failed(trouble))?;
    let now = object::number(&scale, "/spec/replicas").unwrap_or(0);
    if let Some(expected) = asked::integer(asked.chosen, "current_replicas")?
        && expected != now
    {
        let message = format!(
            "{} has {now} replicas, and {expected} were expected",
            target.shown()
        );
        return Err(conflict(message).about("current_replicas"));
    }
    if now == wanted {
        return Ok(Vec::new());
    }
    let mut patch = json!({ "spec": { "replicas": wanted } });
    if asked.chosen.get("current_replicas").is_some()
        && let Some(metadata) = patch.as_object_mut()
    {
        // Nobody may have changed the number between the look and this.
        let version = object::text(&scale, "/metadata/resourceVersion");
        metadata.insert("metadata".to_owned(), json!({ "resourceVersion": version }));
    }
    let mut write = Write::new(target, Form::Merge, patch, scale);
    write.part = Some("scale");
    Ok(vec![write])
}
