//! What a crash left running of an attempt: a container that was made, a program that was started in one.

use bollard::query_parameters::{KillContainerOptionsBuilder, ListContainersOptionsBuilder};
use runbook_action::{Call, ErrorKind, Failure, Handle, Settled};
use serde_json::Value;

use crate::engine::Engine;
use crate::execution::{self, Marked};
use crate::launch;
use crate::launched;
use crate::look;
use crate::verbs::read::Filters;

/// Whether there is anything to look for.
pub(crate) fn is_ours(handle: &Handle) -> bool {
    handle.what == launched::HANDLE || handle.what == execution::HANDLE
}

/// Ends what was recorded, and what carries the labels of the attempt. `detached` is whether the container was to go on
/// by itself: then it may, if it ever began.
pub(crate) async fn settle(
    engine: &Engine,
    call: Call<'_>,
    handles: &[Handle],
    detached: bool,
) -> Result<Settled, Failure> {
    let mut settled = Settled::Nothing;
    for handle in handles {
        if handle.what == execution::HANDLE && end_program(engine, handle).await? {
            settled = Settled::Ended;
        }
        let text = |name: &str| handle.data.get(name).and_then(Value::as_str);
        if let (launched::HANDLE, Some(id)) = (handle.what.as_str(), text("id")) {
            let keep = handle.data.get("keep") == Some(&Value::Bool(true));
            if end_container(engine, id, keep, detached).await? {
                settled = Settled::Ended;
            }
        }
    }
    // It may have been made so shortly before the crash that nobody wrote it down.
    let labels = launch::attempt(call);
    if !labels.is_empty() {
        let labels = labels.iter().map(|(label, value)| format!("{label}={value}"));
        let filters: Filters = [("label".to_owned(), labels.collect())].into_iter().collect();
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let found = look::patiently(|| engine.docker.list_containers(Some(options.clone()))).await;
        for found in found.map_err(|error| engine.failure(&error))? {
            let id = found.id.unwrap_or_default();
            let is_known = handles
                .iter()
                .any(|handle| handle.data.get("id").and_then(Value::as_str) == Some(&id));
            if !is_known && end_container(engine, &id, false, detached).await? {
                settled = Settled::Ended;
            }
        }
    }
    Ok(settled)
}

/// Whether a program was found running; it is ended then.
pub(crate) async fn end_program(engine: &Engine, handle: &Handle) -> Result<bool, Failure> {
    let text = |name: &str| handle.data.get(name).and_then(Value::as_str).map(str::to_owned);
    let (Some(container), Some(mark)) = (text("container"), text("mark")) else {
        return Ok(false);
    };
    let marked = Marked {
        container: container.clone(),
        mark,
        user: text("user"),
    };
    match look::ask(engine, &container).await {
        Ok(container) if !look::is_running(&container) => return Ok(false),
        Ok(_) => {}
        Err(error) if crate::trouble::is_missing(&error) => return Ok(false),
        Err(error) => return Err(engine.failure(&error)),
    }
    if marked.signal(engine, "TERM").await == Some(0) {
        return Ok(false);
    }
    if marked.kill(engine).await {
        return Ok(true);
    }
    Err(Failure::new(
        ErrorKind::Other,
        format!("a program of the interrupted attempt may still be running in container `{container}`"),
    )
    .maybe_applied()
    .help("end it, and resume the run again"))
}

/// Whether a container was there; it is ended then, and removed unless it is to stay.
async fn end_container(engine: &Engine, id: &str, keep: bool, detached: bool) -> Result<bool, Failure> {
    let container = match look::ask(engine, id).await {
        Ok(container) => container,
        Err(error) if crate::trouble::is_missing(&error) => return Ok(false),
        Err(error) => return Err(engine.failure(&error)),
    };
    let runs = look::is_running(&container);
    let has_begun = look::status(&container) != "created";
    if detached && has_begun {
        // It was there to go on.
        return Ok(false);
    }
    if keep && has_begun {
        if runs {
            let options = KillContainerOptionsBuilder::new().signal("KILL").build();
            let sent = engine.docker.kill_container(id, Some(options)).await;
            sent.map_err(|error| engine.failure(&error).maybe_applied())?;
        }
        return Ok(runs);
    }
    launched::remove(engine, id)
        .await
        .map_err(Failure::maybe_applied)?;
    Ok(true)
}
