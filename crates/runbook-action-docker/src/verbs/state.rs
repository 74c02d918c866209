//! The verbs that start and end containers: `start`, `stop`, `restart`, `kill`, `rm`.

use bollard::query_parameters::{
    KillContainerOptionsBuilder, RemoveContainerOptionsBuilder, RestartContainerOptionsBuilder,
    StopContainerOptionsBuilder,
};
use runbook_action::{Failure, Output};

use super::{Asked, about, health};
use crate::asked;
use crate::engine::Engine;
use crate::trouble::{is_missing, is_so_already};
use crate::{answer, look};

pub(crate) async fn start(asked: Asked<'_>) -> Result<Output, Failure> {
    let mut containers = Vec::new();
    let mut changed = false;
    for (name, path) in asked::names(&asked.chosen.value)? {
        let named = |failure: Failure| applied(about(failure, &path), changed);
        let before = look::inspect(asked.engine, &name).await.map_err(named)?;
        let runs = look::is_running(&before);
        if !runs {
            begin(asked.engine, &name).await.map_err(named)?;
        }
        let after = if runs {
            look::described(&before)
        } else {
            health::lasts(asked.engine, &name).await.map_err(named)?
        };
        changed |= !runs;
        containers.push(after);
    }
    Ok(answer::with(answer::containers(containers), "changed", changed))
}

/// Where several are asked for, those before this one have been dealt with.
fn applied(failure: Failure, changed: bool) -> Failure {
    if changed { failure.maybe_applied() } else { failure }
}

/// Starts a container.
pub(crate) async fn begin(engine: &Engine, name: &str) -> Result<(), Failure> {
    match engine.docker.start_container(name, None).await {
        Ok(()) => Ok(()),
        Err(error) if is_so_already(&error) => Ok(()),
        Err(error) => {
            let failure = engine.failure(&error);
            Err(if is_missing(&error) {
                failure
            } else {
                failure.maybe_applied()
            })
        }
    }
}

/// Stops a container.
pub(crate) async fn end(engine: &Engine, name: &str, grace: Option<i32>) -> Result<(), Failure> {
    let options = grace.map(|grace| StopContainerOptionsBuilder::new().t(grace).build());
    match engine.docker.stop_container(name, options).await {
        Ok(()) => Ok(()),
        Err(error) if is_so_already(&error) => Ok(()),
        Err(error) => {
            let failure = engine.failure(&error);
            Err(if is_missing(&error) {
                failure
            } else {
                failure.maybe_applied()
            })
        }
    }
}

pub(crate) async fn stop(asked: Asked<'_>) -> Result<Output, Failure> {
    let grace = asked::grace(asked.chosen)?;
    let mut containers = Vec::new();
    let mut changed = false;
    for (name, path) in asked::names(&asked.chosen.value)? {
        let named = |failure: Failure| applied(about(failure, &path), changed);
        let before = look::inspect(asked.engine, &name).await.map_err(named)?;
        let state = before.state.clone().unwrap_or_default();
        let runs = look::is_running(&before) || state.restarting == Some(true);
        if runs {
            end(asked.engine, &name, grace).await.map_err(named)?;
        }
        let after = look::container(asked.engine, &name).await;
        containers.push(after.map_err(|failure| applied(about(failure, &path), changed || runs))?);
        changed |= runs;
    }
    Ok(answer::with(answer::containers(containers), "changed", changed))
}

pub(crate) async fn restart(asked: Asked<'_>) -> Result<Output, Failure> {
    let grace = asked::grace(asked.chosen)?;
    let mut containers = Vec::new();
    let mut changed = false;
    for (name, path) in asked::names(&asked.chosen.value)? {
        let named = |failure: Failure| applied(about(failure, &path), changed);
        let options = grace.map(|grace| RestartContainerOptionsBuilder::new().t(grace).build());
        let done = asked.engine.docker.restart_container(&name, options).await;
        done.map_err(|error| {
            let failure = asked.engine.failure(&error);
            named(if is_missing(&error) {
                failure
            } else {
                failure.maybe_applied()
            })
        })?;
        changed = true;
        containers.push(
            health::lasts(asked.engine, &name)
                .await
                .map_err(|failure| about(failure, &path))?,
        );
    }
    Ok(answer::with(answer::containers(containers), "changed", changed))
}

pub(crate) async fn kill(asked: Asked<'_>) -> Result<Output, Failure> {
    let signal = asked::text(asked.chosen, "signal")?.unwrap_or_else(|| "KILL".to_owned());
    let mut containers = Vec::new();
    let mut changed = false;
    for (name, path) in asked::names(&asked.chosen.value)? {
        let named = |failure: Failure| applied(about(failure, &path), changed);
        let options = KillContainerOptionsBuilder::new().signal(&signal).build();
        let sent = asked.engine.docker.kill_container(&name, Some(options)).await;
        sent.map_err(|error| named(asked.engine.failure(&error)))?;
        changed = true;
        containers.push(
            look::container(asked.engine, &name)
                .await
                .map_err(|failure| about(failure, &path))?,
        );
    }
    Ok(answer::with(answer::containers(containers), "changed", changed))
}

pub(crate) async fn remove(asked: Asked<'_>) -> Result<Output, Failure> {
    let options = RemoveContainerOptionsBuilder::new()
        .force(asked.chosen.is_on("force"))
        .v(asked.chosen.is_on("volumes"))
        .build();
    let mut removed: Vec<String> = Vec::new();
    for (name, path) in asked::names(&asked.chosen.value)? {
        let named = |failure: Failure| applied(about(failure, &path), !removed.is_empty());
        let looked = look::inspect(asked.engine, &name).await.map_err(named)?;
        if look::is_running(&looked) && !asked.chosen.is_on("force") {
            let message = format!("container `{name}` is running");
            let failure = Failure::new(runbook_action::ErrorKind::Conflict, message);
            return Err(named(failure).help("stop it before, or remove it with `force: true`"));
        }
        let done = asked
            .engine
            .docker
            .remove_container(&name, Some(options.clone()))
            .await;
        done.map_err(|error| named(asked.engine.failure(&error).maybe_applied()))?;
        removed.push(look::name_of(&looked));
    }
    Ok(answer::with(
        answer::with(answer::empty(), "removed", removed),
        "changed",
        true,
    ))
}
