//! What `compose` would do, found out without doing it.

use std::fmt::Write as _;

use bollard::query_parameters::{InspectContainerOptionsBuilder, ListVolumesOptionsBuilder};
use runbook_action::{Failure, Mark, Preview, PreviewLine};
use serde_json::Value;

use super::Asked;
use super::changes::scaled;
use super::looks::{self, services};
use super::program::Program;
use crate::look;
use crate::trouble::is_missing;
use crate::verbs::read::Filters;
use crate::volumes::Sizes;

/// What the verb would do; nothing where only doing it tells.
pub(crate) async fn preview(asked: Asked<'_>) -> Result<Option<Preview>, Failure> {
    let preview = match asked.chosen.verb.key {
        "down" => down(asked).await?,
        "scale" => scale(asked).await?,
        verb @ ("start" | "stop" | "restart") => {
            let state = looks::state(asked, &services(&asked.chosen.value)?).await?;
            let lines = lines(&state.value, Mark::Note);
            let verb = match verb {
                "start" => "run",
                "stop" => "be stopped",
                _ => "be restarted",
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

/// The containers, each with a line about it and its name.
fn named(state: &Value) -> Vec<(String, String)> {
    let containers = state.get("containers").and_then(Value::as_array);
    let text = |container: &Value| {
        let word = |path: &str| {
            container
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let name = word("/name");
        (format!("container {name}, {}", word("/state/status")), name)
    };
    containers.into_iter().flatten().map(text).collect()
}

fn lines(state: &Value, mark: Mark) -> Vec<PreviewLine> {
    let named = named(state).into_iter();
    named.map(|(text, _)| PreviewLine::new(mark, text)).collect()
}

async fn down(asked: Asked<'_>) -> Result<Preview, Failure> {
    let meant = services(&asked.chosen.value)?;
    let state = looks::state(asked, &meant).await?;
    let (mut lines, mut bytes) = (Vec::new(), 0_i64);
    for (text, name) in named(&state.value) {
        let written = written(asked, &name).await?;
        bytes = bytes.saturating_add(written);
        lines.push(PreviewLine::new(
            Mark::Removed,
            format!("{text} ({written} bytes)"),
        ));
    }
    let mut summary = counted(lines.len(), "container");
    if asked.chosen.is_on("volumes") {
        let volumes = volumes(asked, &state.value).await?;
        let sizes = Sizes::read(asked.engine).await?;
        let held = volumes.iter().filter_map(|volume| sizes.of(volume));
        bytes = held.fold(bytes, i64::saturating_add);
        summary = format!("{summary}, {}", counted(volumes.len(), "volume"));
        let line = |volume: String| {
            let held = sizes.shown(&volume);
            PreviewLine::new(
                Mark::Removed,
                format!("volume {volume}, with all that is in it {held}"),
            )
        };
        lines.extend(volumes.into_iter().map(line));
    }
    if asked.chosen.get("images").is_some() {
        lines.push(PreviewLine::new(
            Mark::Note,
            "and images, of which only compose knows the names",
        ));
    }
    Ok(Preview {
        summary: format!("{summary} would go, {bytes} bytes"),
        lines,
        ..Preview::default()
    })
}

/// What a container has written beside its image and its volumes.
async fn written(asked: Asked<'_>, name: &str) -> Result<i64, Failure> {
    let options = InspectContainerOptionsBuilder::new().size(true).build();
    let docker = &asked.engine.docker;
    let looked = look::patiently(|| docker.inspect_container(name, Some(options.clone()))).await;
    match looked {
        Ok(container) => Ok(container.size_rw.unwrap_or(0)),
        Err(error) if is_missing(&error) => Ok(0),
        Err(error) => Err(asked.engine.failure(&error)),
    }
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
