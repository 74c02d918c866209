//! The verbs that read: `ps`, `inspect`, `logs`, `stats`, `events`.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{ContainerStatsResponse, EventMessage};
use bollard::query_parameters::{
    EventsOptionsBuilder, ListContainersOptionsBuilder, LogsOptionsBuilder, StatsOptionsBuilder,
};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use runbook_action::{Failure, Output, Stream};
use serde_json::{Map, Value, json};

use super::{Asked, about};
use crate::asked::{self, Named};
use crate::engine::Engine;
use crate::printed::Printed;
use crate::{answer, look};

/// The filters of a list, as the interface wants them.
pub(crate) type Filters = HashMap<String, Vec<String>>;

pub(crate) async fn list(asked: Asked<'_>) -> Result<Output, Failure> {
    let mut filters = Filters::new();
    if let Some(name) = asked::text(asked.chosen, "name")? {
        filters.insert("name".to_owned(), vec![name]);
    }
    let status = asked
        .chosen
        .get("status")
        .map(|status| status.literal())
        .transpose()?;
    if let Some(status) = status {
        filters.insert("status".to_owned(), vec![status.to_owned()]);
    }
    let labels = asked::map(asked.chosen, "labels")?;
    if !labels.is_empty() {
        let labels = labels.iter().map(|(name, value)| format!("{name}={value}"));
        filters.insert("label".to_owned(), labels.collect());
    }
    let all = asked.chosen.value.literal()? == "all" || status.is_some();
    Ok(answer::containers(listed(asked, all, &filters).await?))
}

/// The containers that there are, by name. One that goes meanwhile is not there.
pub(crate) async fn listed(asked: Asked<'_>, all: bool, filters: &Filters) -> Result<Vec<Value>, Failure> {
    let options = ListContainersOptionsBuilder::new()
        .all(all)
        .filters(filters)
        .build();
    let engine = asked.engine;
    let found = look::patiently(|| engine.docker.list_containers(Some(options.clone()))).await;
    let mut containers = Vec::new();
    for found in found.map_err(|error| engine.failure(&error))? {
        let id = found.id.unwrap_or_default();
        match look::ask(engine, &id).await {
            Ok(container) => containers.push(look::described(&container)),
            Err(error) if crate::trouble::is_missing(&error) => {}
            Err(error) => return Err(engine.failure(&error)),
        }
    }
    containers.sort_by_key(|container| container.get("name").map(Value::to_string));
    Ok(containers)
}

pub(crate) async fn inspect(asked: Asked<'_>) -> Result<Output, Failure> {
    let docker = &asked.engine.docker;
    let (name, path) = (asked.chosen.value.text()?.reveal(), asked.chosen.value.path());
    let kind = asked.chosen.get("type").map(|kind| kind.literal()).transpose()?;
    let failed = |error: bollard::errors::Error| asked.failed(&error, path);
    let mut output = answer::empty();
    let object = match kind.unwrap_or("container") {
        "image" => {
            let image = docker.inspect_image(&name).await.map_err(failed)?;
            output = answer::with(output, "image", image.id.clone());
            serde_json::to_value(image)
        }
        "volume" => serde_json::to_value(docker.inspect_volume(&name).await.map_err(failed)?),
        "network" => serde_json::to_value(docker.inspect_network(&name, None).await.map_err(failed)?),
        _ => {
            let container = look::ask(asked.engine, &name).await.map_err(failed)?;
            output = answer::containers(vec![look::described(&container)]);
            output = answer::with(output, "image", container.image.clone());
            serde_json::to_value(container)
        }
    };
    Ok(answer::with(output, "object", object.unwrap_or_default()))
}

/// The engine's own time: ours may be another.
async fn now(engine: &Engine) -> Result<Timestamp, Failure> {
    let info = engine.docker.info().await;
    let info = info.map_err(|error| engine.failure(&error))?;
    let time = info.system_time.and_then(|time| time.parse().ok());
    time.ok_or_else(|| {
        Failure::new(
            runbook_action::ErrorKind::Protocol,
            format!("{} does not tell its time", engine.shown),
        )
    })
}

/// The second that was so long ago.
pub(crate) async fn before_now(engine: &Engine, length: Duration) -> Result<i64, Failure> {
    let length = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    Ok(now(engine).await?.as_second().saturating_sub(length).max(0))
}

/// The second from which on is looked.
async fn since(asked: Asked<'_>) -> Result<i64, Failure> {
    match asked::duration(asked.chosen, "since")? {
        Some(length) => before_now(asked.engine, length).await,
        None => Ok(0),
    }
}

pub(crate) async fn logs(asked: Asked<'_>) -> Result<Output, Failure> {
    let path = asked.chosen.value.path();
    let name = asked.chosen.value.text()?.reveal();
    let container = look::container(asked.engine, &name)
        .await
        .map_err(|failure| about(failure, path))?;
    let since = since(asked).await?;
    let mut options = LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .since(i32::try_from(since).unwrap_or(i32::MAX))
        .timestamps(asked.chosen.is_on("timestamps"));
    if let Some(tail) = asked::integer(asked.chosen, "tail")? {
        options = options.tail(&tail.to_string());
    }
    let mut printed = Printed::default();
    let mut pieces = asked.engine.docker.logs(&name, Some(options.build()));
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| asked.failed(&error, path))?;
        let stream = match &piece {
            bollard::container::LogOutput::StdErr { .. } => Stream::Stderr,
            bollard::container::LogOutput::StdOut { .. }
            | bollard::container::LogOutput::StdIn { .. }
            | bollard::container::LogOutput::Console { .. } => Stream::Stdout,
        };
        printed.push(Stream::Stdout, piece.as_ref());
        asked.call.host.write(stream, piece.as_ref()).await?;
    }
    let (logs, is_cut) = printed.logs();
    let mut output = answer::with(answer::containers(vec![container]), "logs", logs);
    if is_cut {
        output.cut.push("logs".to_owned());
    }
    Ok(output)
}

/// What is asked for, or all that run, or all.
async fn named_or_all(asked: Asked<'_>) -> Result<(Vec<Named>, bool), Failure> {
    let names = asked::names(&asked.chosen.value)?;
    let [(only, path)] = names.as_slice() else {
        return Ok((names, false));
    };
    if only != "all" {
        return Ok((names, false));
    }
    let running = listed(asked, false, &Filters::new()).await?;
    let name = |container: &Value| container.get("name")?.as_str().map(str::to_owned);
    let all = running.iter().filter_map(name).map(|name| (name, path.clone()));
    Ok((all.collect(), true))
}

pub(crate) async fn stats(asked: Asked<'_>) -> Result<Output, Failure> {
    let (names, are_all) = named_or_all(asked).await?;
    let readings = names.iter().map(|(name, path)| async move {
        let container = match look::inspect(asked.engine, name).await {
            // Of all that run, some end meanwhile.
            Ok(container) if are_all && look::status(&container) != "running" => return Ok(None),
            Err(failure) if are_all && failure.kind == runbook_action::ErrorKind::NotFound => {
                return Ok(None);
            }
            container => container.map_err(|failure| about(failure, path))?,
        };
        if !look::is_running(&container) {
            let message = format!("container `{name}` is {}", look::status(&container));
            return Err(about(
                Failure::new(runbook_action::ErrorKind::Conflict, message),
                path,
            ));
        }
        let options = StatsOptionsBuilder::new().stream(false).one_shot(false).build();
        let mut readings = std::pin::pin!(asked.engine.docker.stats(name, Some(options)));
        match readings.next().await {
            Some(Ok(reading)) => Ok(Some((container, used(&reading)))),
            Some(Err(error)) => Err(asked.failed(&error, path)),
            None => {
                let message = format!("the engine tells nothing of `{name}`");
                Err(Failure::new(runbook_action::ErrorKind::Protocol, message))
            }
        }
    });
    let mut containers = Vec::new();
    let mut all = Map::new();
    let mut one = Value::Null;
    // Each reading takes a second, since it compares two: they are taken side by side.
    for reading in futures_util::future::join_all(readings).await {
        let Some((container, used)) = reading? else {
            continue;
        };
        one.clone_from(&used);
        all.insert(look::name_of(&container), used);
        containers.push(look::described(&container));
    }
    let one = if all.len() == 1 { one } else { Value::Null };
    let output = answer::with(answer::containers(containers), "stats", one);
    Ok(answer::with(output, "all_stats", all))
}

#[expect(clippy::cast_precision_loss, reason = "percentages are rounded anyway")]
fn used(reading: &ContainerStatsResponse) -> Value {
    let total = |cpu: Option<&bollard::models::ContainerCpuStats>| {
        let cpu = cpu?;
        let used = cpu.cpu_usage.as_ref()?.total_usage?;
        Some((used as f64, cpu.system_cpu_usage? as f64))
    };
    let now = reading.cpu_stats.as_ref();
    let cpus = now
        .and_then(|cpu| cpu.online_cpus)
        .filter(|cpus| *cpus > 0)
        .unwrap_or(1);
    let cpu_percent = match (total(now), total(reading.precpu_stats.as_ref())) {
        (Some((used, system)), Some((used_before, system_before))) if system > system_before => {
            (used - used_before) / (system - system_before) * f64::from(cpus) * 100.0
        }
        _ => 0.0,
    };
    let memory = reading.memory_stats.as_ref();
    // Pages of files that are not in use are given back when somebody needs them.
    let idle = memory.and_then(|memory| {
        let stats = memory.stats.as_ref()?;
        stats
            .get("total_inactive_file")
            .or_else(|| stats.get("inactive_file"))
            .copied()
    });
    let usage = memory.and_then(|memory| memory.usage).unwrap_or(0);
    let usage = usage.saturating_sub(idle.filter(|idle| *idle < usage).unwrap_or(0));
    let limit = memory.and_then(|memory| memory.limit).unwrap_or(0);
    let percent = if limit == 0 {
        0.0
    } else {
        usage as f64 / limit as f64 * 100.0
    };
    let pids = reading.pids_stats.as_ref().and_then(|pids| pids.current);
    json!({
        "cpu_percent": hundredths(cpu_percent.max(0.0)),
        "memory": usage,
        "memory_limit": limit,
        "memory_percent": hundredths(percent),
        "pids": pids.unwrap_or(0),
    })
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

pub(crate) async fn events(asked: Asked<'_>) -> Result<Output, Failure> {
    let names = asked::names(&asked.chosen.value)?;
    let kind = asked.chosen.get("type").map(|kind| kind.literal()).transpose()?;
    let mut filters = Filters::new();
    let all = matches!(names.as_slice(), [(name, _)] if name == "all");
    if !all {
        let kind = kind.unwrap_or("container");
        filters.insert(
            kind.to_owned(),
            names.iter().map(|(name, _)| name.clone()).collect(),
        );
    }
    if let Some(kind) = kind {
        filters.insert("type".to_owned(), vec![kind.to_owned()]);
    }
    let until = now(asked.engine).await?;
    let from = since(asked).await?;
    let options = EventsOptionsBuilder::new()
        .since(&from.to_string())
        .until(&format!("{}.{:09}", until.as_second(), until.subsec_nanosecond()))
        .filters(&filters)
        .build();
    let mut events = Vec::new();
    let mut found = std::pin::pin!(asked.engine.docker.events(Some(options)));
    while let Some(event) = found.next().await {
        let event = event.map_err(|error| asked.engine.failure(&error))?;
        events.push(told(&event));
    }
    Ok(answer::with(answer::empty(), "events", events))
}

fn told(event: &EventMessage) -> Value {
    let actor = event.actor.clone().unwrap_or_default();
    let name = actor
        .attributes
        .and_then(|attributes| attributes.get("name").cloned());
    let nanos = event.time_nano.map(i128::from);
    let at = nanos.and_then(|nanos| Timestamp::from_nanosecond(nanos).ok());
    json!({
        "at": at.map(|at| at.to_string()),
        "type": event.typ.map(|kind| kind.to_string()),
        "action": event.action,
        "name": name.or(actor.id),
    })
}
