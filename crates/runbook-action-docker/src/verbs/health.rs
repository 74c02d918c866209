//! Waiting for the health of containers: the engine asks them, and this asks the engine.

use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use runbook_action::{ErrorKind, Failure, Output};
use serde_json::Value;
use tokio::time::sleep;

use super::{Asked, about};
use crate::asked;
use crate::engine::Engine;
use crate::trouble::one_line;
use crate::{answer, look};

/// How often the engine is asked.
const POLL: Duration = Duration::from_millis(100);

/// How long a container that has just been started must last before it counts as running.
const LASTS: Duration = Duration::from_millis(300);

pub(crate) async fn wait(asked: Asked<'_>) -> Result<Output, Failure> {
    let mut containers = Vec::new();
    for (name, path) in asked::names(&asked.chosen.value)? {
        let healthy = until_healthy(asked.engine, &name).await;
        containers.push(healthy.map_err(|failure| about(failure, &path))?);
    }
    Ok(answer::containers(containers))
}

/// Returns when a container is healthy, or cannot be.
pub(crate) async fn until_healthy(engine: &Engine, name: &str) -> Result<Value, Failure> {
    loop {
        let container = look::inspect(engine, name).await?;
        let state = container.state.clone().unwrap_or_default();
        let conflict = |message: String| Err(Failure::new(ErrorKind::Conflict, message));
        if state.running != Some(true) && state.restarting != Some(true) {
            return conflict(format!("container `{name}` {}", how_it_ended(&container)));
        }
        match look::health(&container).as_str() {
            "healthy" => return Ok(look::described(&container)),
            "unhealthy" => {
                let last = state.health.and_then(|health| health.log?.pop()?.output);
                let said = last.map_or_else(String::new, |said| format!(": {}", one_line(&said)));
                let said = said.trim_end_matches([':', ' ']);
                return conflict(format!("container `{name}` is unhealthy{said}"));
            }
            "none" if state.running == Some(true) => {
                let failure = Failure::new(
                    ErrorKind::Conflict,
                    format!("container `{name}` has no health check"),
                );
                return Err(
                    failure.help("give its image a health check, or ask the service itself, with `http`")
                );
            }
            _ => sleep(POLL).await,
        }
    }
}

/// How a container that does not run came to that.
pub(crate) fn how_it_ended(container: &ContainerInspectResponse) -> String {
    let state = container.state.clone().unwrap_or_default();
    let status = look::status(container);
    if status == "created" {
        return "was never started".to_owned();
    }
    if state.oom_killed == Some(true) {
        return "was killed because it used too much memory".to_owned();
    }
    let code = state.exit_code.unwrap_or(-1);
    let said = state.error.map_or_else(String::new, |error| one_line(&error));
    if said.is_empty() {
        format!("has {status} with code {code}")
    } else {
        format!("has {status} with code {code}: {said}")
    }
}

/// Makes sure that a container that was just started does not die at once.
pub(crate) async fn lasts(engine: &Engine, name: &str) -> Result<Value, Failure> {
    let mut left = LASTS;
    loop {
        let container = look::inspect(engine, name).await?;
        let state = container.state.clone().unwrap_or_default();
        let fell = state.running != Some(true) || state.restarting == Some(true);
        // One that ends well has done its work.
        if fell && state.exit_code != Some(0) {
            let message = format!("container `{name}` {} at once", how_it_ended(&container));
            let failure = Failure::new(ErrorKind::Conflict, message).maybe_applied();
            return Err(failure.help("look at its `logs`"));
        }
        if fell || left.is_zero() {
            return Ok(look::described(&container));
        }
        sleep(POLL).await;
        left = left.saturating_sub(POLL);
    }
}
