//! `events`: what the cluster noted about objects.

use jiff::Timestamp;
use runbook_action::{Failure, Output};
use serde_json::{Value, json};

use super::Asked;
use crate::asked::{self, About, Several};
use crate::object;
use crate::{answer, clock};

pub(crate) async fn read(asked: Asked<'_>) -> Result<Output, Failure> {
    let kind = asked.cluster.kind_named("events").await?;
    let mut fields = Vec::new();
    let mut namespace = Some(asked::namespace(asked.cluster, asked.chosen)?);
    if asked.chosen.value.text()?.as_literal() != Some("all") {
        match asked::about(asked.cluster, asked.chosen).await? {
            About::One(target) => {
                fields.push(format!("involvedObject.kind={}", target.kind.kind));
                fields.push(format!("involvedObject.name={}", target.name));
                // What is in no namespace has its events in one all the same.
                namespace = target.namespace;
            }
            About::Some(several) => {
                fields.push(format!("involvedObject.kind={}", several.kind.kind));
                namespace = several.namespace;
            }
        }
    }
    if asked.chosen.is_on("all_namespaces") {
        namespace = None;
    }
    if let Some(wanted) = asked::text(asked.chosen, "type")? {
        fields.push(format!("type={wanted}"));
    }
    let query = if fields.is_empty() {
        Vec::new()
    } else {
        vec![("fieldSelector", fields.join(","))]
    };
    let several = Several {
        kind,
        namespace,
        query,
    };
    let items = several
        .read(asked.cluster, None)
        .await
        .map_err(|trouble| asked.failed(trouble))?;
    let since = asked::duration(asked.chosen, "since")?;
    let since = since.and_then(|length| clock::now().checked_sub(length).ok());
    let mut found: Vec<(Option<Timestamp>, Value)> = items
        .iter()
        .map(|event| (seen(event), event))
        .filter(|(seen, _)| since.is_none_or(|since| seen.is_none_or(|seen| seen >= since)))
        .map(|(seen, event)| (seen, described(event, seen)))
        .collect();
    found.sort_by_key(|(seen, _)| *seen);
    let limit = asked::integer(asked.chosen, "limit")?.and_then(|limit| usize::try_from(limit).ok());
    let skipped = limit.map_or(0, |limit| found.len().saturating_sub(limit));
    let events: Value = found.into_iter().skip(skipped).map(|(_, event)| event).collect();
    Ok(answer::with(answer::empty(), "events", events))
}

/// When it was last seen.
fn seen(event: &Value) -> Option<Timestamp> {
    [
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/eventTime",
        "/firstTimestamp",
        "/metadata/creationTimestamp",
    ]
    .iter()
    .find_map(|pointer| event.pointer(pointer)?.as_str()?.parse().ok())
}

fn described(event: &Value, seen: Option<Timestamp>) -> Value {
    let count = object::number(event, "/series/count").or_else(|| object::number(event, "/count"));
    json!({
        "type": object::text(event, "/type"),
        "reason": object::text(event, "/reason"),
        "message": object::text(event, "/message"),
        "object": format!(
            "{}/{}",
            object::text(event, "/involvedObject/kind").to_lowercase(),
            object::text(event, "/involvedObject/name"),
        ),
        "count": count.unwrap_or(1),
        "last_seen": seen.map(|seen| seen.to_string()),
    })
}
