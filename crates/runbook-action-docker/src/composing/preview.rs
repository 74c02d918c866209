//! What `compose` would do, found out without doing it.

use std::fmt::Write as _;

use bollard::query_parameters::ListVolumesOptionsBuilder;
use runbook_action::{Failure, Mark, Preview, PreviewLine};
use serde_json::Value;

use super::Asked;
use super::changes::scaled;
use super::looks::{self, services};
use super::program::Program;
use crate::verbs::read::Filters;
use crate::volumes::Sizes;

/// What the verb would do; nothing where only doing it tells.
pub(crate) async fn preview(asked: Asked<'_>) -> Result<Option<Preview>, Failure> {
    let preview = match asked.chosen.verb.key {
        "down" => down(asked).await?,
        "scale" => scale(asked).await?,
        "stop" | "restart" => {
            let state = looks::state(asked, &services(&asked.chosen.value)?).await?;
            let lines = lines(&state.value, Mark::Note);
            let verb = asked.chosen.verb.key;
            let verb = if verb == "stop" {
                "be stopped"
            } else {
                "be restarted"
            };
            Preview {
                summary: format!("{} would {verb}", counted(lines.len(), "container")),
                lines,
                ..Preview::default()
            }
        }
        _ => return Ok(None),
    };
    let program = Program::find(asked).await?;
    let mut preview = preview;
    preview
        .lines
        .push(PreviewLine::new(Mark::Note, format!("by `{}`", program.name())));
    Ok(Some(preview))
}

fn counted(count: usize, word: &str) -> String {
    if count == 1 {
        format!("1 {word}")
    } else {
        format!("{count} {word}s")
    }
}

fn lines(state: &Value, mark: Mark) -> Vec<PreviewLine> {
    let containers = state.get("containers").and_then(Value::as_array);
    let text = |container: &Value| {
        let word = |path: &str| {
            container
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        PreviewLine::new(
            mark,
            format!("container {}, {}", word("/name"), word("/state/status")),
        )
    };
    containers.into_iter().flatten().map(text).collect()
}

async fn down(asked: Asked<'_>) -> Result<Preview, Failure> {
    let meant = services(&asked.chosen.value)?;
    let state = looks::state(asked, &meant).await?;
    let mut lines = lines(&state.value, Mark::Removed);
    let mut summary = counted(lines.len(), "container");
    if asked.chosen.is_on("volumes") {
        let volumes = volumes(asked, &state.value).await?;
        let sizes = Sizes::read(asked.engine).await?;
        let bytes: i64 = volumes.iter().filter_map(|volume| sizes.of(volume)).sum();
        summary = format!(
            "{summary}, {} with {bytes} bytes",
            counted(volumes.len(), "volume")
        );
        let line = |volume: String| {
            let held = sizes.shown(&volume);
            PreviewLine::new(
                Mark::Removed,
                format!("volume {volume}, with all that is in it {held}"),
            )
        };
        lines.extend(volumes.into_iter().map(line));
    }
    Ok(Preview {
        summary: format!("{summary} would go"),
        lines,
        ..Preview::default()
    })
}

/// The volumes that the project has named.
async fn volumes(asked: Asked<'_>, state: &Value) -> Result<Vec<String>, Failure> {
    let first = state
        .pointer("/containers/0/labels")
        .and_then(|labels| labels.get("com.docker.compose.project"));
    let Some(project) = first
        .and_then(Value::as_str)
        .map(str::to_owned)
        .or_else(|| asked.project.name.clone())
    else {
        return Ok(Vec::new());
    };
    let label = format!("com.docker.compose.project={project}");
    let filters: Filters = [("label".to_owned(), vec![label])].into_iter().collect();
    let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
    let found = asked.engine.docker.list_volumes(Some(options)).await;
    let found = found
        .map_err(|error| asked.engine.failure(&error))?
        .volumes
        .unwrap_or_default();
    Ok(found.into_iter().map(|volume| volume.name).collect())
}

async fn scale(asked: Asked<'_>) -> Result<Preview, Failure> {
    let (mut before, mut after) = (String::new(), String::new());
    let members = asked.project.members(asked.engine).await?;
    for (service, wanted) in scaled(asked)? {
        let now = members.iter().filter(|member| member.service == service).count();
        let _ = writeln!(before, "{service}: {now}");
        let _ = writeln!(after, "{service}: {wanted}");
    }
    Ok(Preview::of_texts(&before, &after))
}
