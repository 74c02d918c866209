//! What `k8s` would do: the cluster is asked to try it without any effect, webhooks and quotas included.

use runbook_action::{Failure, Mark, Preview, PreviewLine, Sounding};
use serde_json::Value;

use crate::change::{self, Written};
use crate::object;
use crate::verbs::{Asked, delete, drain, node};

/// What the verb would do; nothing where only doing it tells.
pub(crate) async fn preview(asked: Asked<'_>) -> Result<Option<Preview>, Failure> {
    match asked.chosen.verb.key {
        "delete" => deleted(asked).await.map(Some),
        "drain" => drained(asked).await.map(Some),
        "scale" | "restart" | "set_image" | "set_env" | "set_resources" | "patch" | "apply" | "cordon"
        | "uncordon" | "undo" => changed(asked).await.map(Some),
        _ => Ok(None),
    }
}

async fn changed(asked: Asked<'_>) -> Result<Preview, Failure> {
    let written = change::carry_out(asked, true).await?;
    let (mut lines, mut comes, mut changes) = (Vec::new(), 0_usize, 0_usize);
    for one in &written {
        let is_new = one.write.before.is_null();
        if !is_new && !one.has_changed() {
            continue;
        }
        if is_new {
            comes += 1;
        } else {
            changes += 1;
        }
        lines.push(PreviewLine::new(Mark::Note, one.write.target.shown()));
        lines.extend(Preview::of_texts(&before(one), &yaml(&one.after)).lines);
    }
    let objects = |count: usize| {
        if count == 1 {
            "1 object".to_owned()
        } else {
            format!("{count} objects")
        }
    };
    let summary = match (comes, changes) {
        (0, 0) => "nothing would change".to_owned(),
        (comes, 0) => format!("{} would come", objects(comes)),
        (0, changes) => format!("{} would change", objects(changes)),
        (comes, changes) => format!(
            "{} would come and {} would change",
            objects(comes),
            objects(changes)
        ),
    };
    Ok(Preview {
        summary,
        sounding: Sounding::Tried,
        lines,
    })
}

fn before(one: &Written) -> String {
    if one.write.before.is_null() {
        String::new()
    } else {
        yaml(&one.write.before)
    }
}

/// What was meant with an object, for people. What a secret holds is not for them.
fn yaml(object: &Value) -> String {
    let mut meant = object::meant(object);
    let is_secret = meant.get("kind").and_then(Value::as_str) == Some("Secret");
    for field in ["data", "stringData"] {
        if let (true, Some(Value::Object(data))) = (is_secret, meant.get_mut(field)) {
            for value in data.values_mut() {
                // Whether it differs shows; what it is does not.
                *value = format!("‹{:016x}›", digest(&value.to_string())).into();
            }
        }
    }
    serde_yaml::to_string(&meant).unwrap_or_default()
}

/// Differs for different texts within one run of the program, and tells nothing of them.
fn digest(text: &str) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    use std::sync::OnceLock;
    static STATE: OnceLock<RandomState> = OnceLock::new();
    STATE.get_or_init(RandomState::new).hash_one(text)
}

async fn deleted(asked: Asked<'_>) -> Result<Preview, Failure> {
    let mut lines = Vec::new();
    for one in delete::doomed(asked).await? {
        match asked.cluster.ask(&delete::request(asked, &one, true)?).await {
            Ok(_) => lines.push(PreviewLine::new(Mark::Removed, one.target.shown())),
            Err(trouble) if trouble.is_missing() => {}
            Err(trouble) => return Err(asked.failed(trouble)),
        }
    }
    let summary = match lines.len() {
        0 => "nothing would be deleted".to_owned(),
        1 => "1 object would be deleted".to_owned(),
        count => format!("{count} objects would be deleted"),
    };
    Ok(Preview {
        summary,
        sounding: Sounding::Tried,
        lines,
    })
}

async fn drained(asked: Asked<'_>) -> Result<Preview, Failure> {
    let closes = !node::planned(asked, true).await?.is_empty();
    let (pods, staying) = drain::leaving(asked).await?;
    let mut lines = Vec::new();
    if closes {
        lines.push(PreviewLine::new(Mark::Added, "no new pods come to the node"));
    }
    for pod in &pods {
        lines.push(PreviewLine::new(Mark::Removed, pod.target.shown()));
        if let Some(why) = drain::try_eviction(asked, pod).await? {
            lines.push(PreviewLine::new(Mark::Note, format!("is not let go now: {why}")));
        }
    }
    lines.extend(staying.into_iter().map(|word| PreviewLine::new(Mark::Note, word)));
    let summary = match pods.len() {
        1 => "1 pod would be evicted".to_owned(),
        count => format!("{count} pods would be evicted"),
    };
    Ok(Preview {
        summary,
        sounding: Sounding::Tried,
        lines,
    })
}
