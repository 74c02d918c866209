//! What is asked about a project: its services and containers, what they print, and programs in them.

use runbook_action::{Args, Failure, Output, Stream};
use serde_json::{Map, Value, json};

use super::Asked;
use crate::asked::{self, Named};
use crate::execution::Execution;
use crate::printed::Printed;
use crate::project::Member;
use crate::verbs::program::{attended, told};
use crate::{answer, look};

/// The services that are meant; none means all.
pub(crate) fn services(value: &Args<'_>) -> Result<Vec<Named>, Failure> {
    let names = asked::names(value)?;
    let is_all = matches!(names.as_slice(), [(name, _)] if name == "all");
    Ok(if is_all { Vec::new() } else { names })
}

/// The containers of these services, or of all.
pub(crate) async fn members(asked: Asked<'_>, services: &[Named]) -> Result<Vec<Member>, Failure> {
    let members = asked.project.members(asked.engine).await?;
    let is_meant =
        |member: &Member| services.is_empty() || services.iter().any(|(name, _)| *name == member.service);
    Ok(members.into_iter().filter(is_meant).collect())
}

/// A result in which nothing is said yet.
pub(crate) fn empty() -> Output {
    Output::from(json!({
        "services": {}, "containers": [], "changed": false, "logs": null, "removed": [],
        "exit_code": null, "stdout": "", "stderr": "", "json": null, "lines": [],
    }))
}

/// The services as they are.
pub(crate) async fn state(asked: Asked<'_>, services: &[Named]) -> Result<Output, Failure> {
    let mut containers = Vec::new();
    let mut counted: Map<String, Value> = Map::new();
    for (name, _) in services {
        counted.insert(
            name.clone(),
            json!({"containers": 0, "running": 0, "healthy": 0, "image": ""}),
        );
    }
    for member in members(asked, services).await? {
        let container = match look::ask(asked.engine, &member.id).await {
            Ok(container) => look::described(&container),
            Err(error) if crate::trouble::is_missing(&error) => continue,
            Err(error) => return Err(asked.engine.failure(&error)),
        };
        let word = |path: &str| {
            container
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let runs = word("/state/status") == "running";
        let is_well = runs && ["healthy", "none"].contains(&word("/state/health"));
        let service = counted.entry(member.service).or_insert_with(|| json!({}));
        let count = |name: &str| service.get(name).and_then(Value::as_u64).unwrap_or(0);
        *service = json!({
            "containers": count("containers") + 1,
            "running": count("running") + u64::from(runs),
            "healthy": count("healthy") + u64::from(is_well),
            "image": word("/image"),
        });
        containers.push(container);
    }
    let output = answer::with(empty(), "services", counted);
    Ok(answer::with(output, "containers", containers))
}

pub(crate) async fn ps(asked: Asked<'_>) -> Result<Output, Failure> {
    state(asked, &services(&asked.chosen.value)?).await
}

pub(crate) async fn logs(asked: Asked<'_>) -> Result<Output, Failure> {
    use bollard::query_parameters::LogsOptionsBuilder;
    use futures_util::StreamExt as _;
    let services = services(&asked.chosen.value)?;
    let output = state(asked, &services).await?;
    let since = match asked::duration(asked.chosen, "since")? {
        None => 0,
        Some(length) => crate::verbs::read::before_now(asked.engine, length).await?,
    };
    let mut options = LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .since(i32::try_from(since).unwrap_or(i32::MAX))
        .timestamps(asked.chosen.is_on("timestamps"));
    if let Some(tail) = asked::integer(asked.chosen, "tail")? {
        options = options.tail(&tail.to_string());
    }
    let options = options.build();
    let mut printed = Printed::default();
    for member in members(asked, &services).await? {
        let mut pieces = asked.engine.docker.logs(&member.id, Some(options.clone()));
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| asked.engine.failure(&error))?;
            printed.push(Stream::Stdout, piece.as_ref());
            asked.call.host.write(Stream::Stdout, piece.as_ref()).await?;
        }
    }
    let (logs, is_cut) = printed.logs();
    let mut output = answer::with(output, "logs", logs);
    if is_cut {
        output.cut.push("logs".to_owned());
    }
    Ok(output)
}

pub(crate) async fn execute(asked: Asked<'_>) -> Result<Output, Failure> {
    let service = asked.chosen.value.text()?.reveal();
    let index = asked::integer(asked.chosen, "index")?.unwrap_or(1);
    let command = told(asked.chosen, asked.call)?;
    let start = async {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let member = asked.project.member(asked.engine, &service, index).await?;
        Execution::start(asked.engine, &member.id, &command).await
    };
    attended(start, asked.chosen, asked.call, empty()).await
}
