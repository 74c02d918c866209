//! The verbs that run programs: `run` in a container of its own, `exec` in one that is there.

use bollard::query_parameters::CreateContainerOptionsBuilder;
use indexmap::IndexMap;
use runbook_action::{Call, Chosen, Command, ErrorKind, Failure, Output};

use super::{Asked, about, health, image};
use crate::attend::{self, Fine};
use crate::execution::Execution;
use crate::launch::{Launch, Pull};
use crate::launched::{self, Launched};
use crate::{answer, asked, look};

pub(crate) async fn execute(asked: Asked<'_>) -> Result<Output, Failure> {
    let name = asked.chosen.value.text()?.reveal();
    let command = told(asked.chosen, asked.call)?;
    let start = Execution::start(asked.engine, &name, &command);
    attended(start, asked.chosen, asked.call, answer::empty()).await
}

/// What the program of an `exec` is told.
pub(crate) fn told(chosen: &Chosen<'_>, call: Call<'_>) -> Result<Command, Failure> {
    let own = call.env.iter().map(|(name, text)| (name.clone(), text.reveal()));
    let mut env: IndexMap<String, String> = own.collect();
    env.extend(asked::map(chosen, "env")?);
    Ok(Command {
        argv: asked::argv(chosen, "argv")?.unwrap_or_default(),
        env,
        cwd: asked::text(chosen, "workdir")?,
        stdin: asked::text(chosen, "stdin")?.map(String::into_bytes),
        user: asked::text(chosen, "user")?,
        ..Command::default()
    })
}

/// Starts the program of an `exec` and attends to it; `into` is the result that its output is put in.
pub(crate) async fn attended(
    start: impl Future<Output = Result<Execution, Failure>>,
    chosen: &Chosen<'_>,
    call: Call<'_>,
    into: Output,
) -> Result<Output, Failure> {
    let fine = Fine(asked::exit_codes(chosen)?);
    let started = tokio::select! {
        biased;
        started = start => started,
        () = call.host.cancelled() => {
            Err(Failure::new(ErrorKind::Cancelled, "was stopped before it began").maybe_applied())
        }
    };
    let path = chosen.value.path();
    let mut process = started.map_err(|failure| about(call.mask_failure(parameter(failure)), path))?;
    let output = answer::with(into, "changed", true);
    attend::run(&mut process, &fine, call, || output).await
}

/// A place knows the command and not what gave it.
fn parameter(failure: Failure) -> Failure {
    match failure.param.as_deref() {
        Some("cwd") => failure.about("workdir"),
        Some(_) | None => failure,
    }
}

pub(crate) async fn launch(asked: Asked<'_>) -> Result<Output, Failure> {
    let launch = Launch::read(asked.chosen, asked.call, &asked.around.root)?;
    let fine = Fine(asked::exit_codes(asked.chosen)?);
    let engine = asked.engine;
    let made = attend::unless_cancelled(asked.call, true, make(asked, &launch)).await;
    let id = made?;
    let keep = launch.keep || launch.detach;
    // From here on there is something to remove, whatever happens.
    let began = async {
        asked.call.host.record(launched::handle(&id, keep)).await?;
        if launch.detach {
            let path = asked.chosen.value.path();
            super::state::begin(engine, &id)
                .await
                .map_err(|failure| about(failure, path))?;
            return health::lasts(engine, &id).await.map(|_| None);
        }
        Launched::start(engine, &id, launch.keep, launch.stdin.clone())
            .await
            .map(Some)
    };
    let began = attend::unless_cancelled(asked.call, true, began).await;
    let process = match began {
        Ok(process) => process,
        Err(failure) => {
            // A container that died at once and is to stay is what a person wants to look at.
            let is_kept = keep && failure.kind == ErrorKind::Conflict && failure.may_have_applied;
            if !is_kept {
                launched::remove(engine, &id).await?;
            }
            return Err(asked.call.mask_failure(not_started(failure)));
        }
    };
    let described = look::inspect(engine, &id).await;
    let output = match &described {
        Ok(container) => {
            let output = answer::containers(vec![look::described(container)]);
            answer::with(output, "image", container.image.clone())
        }
        Err(_) => answer::empty(),
    };
    let output = answer::with(output, "changed", true);
    let Some(mut process) = process else {
        return Ok(output);
    };
    attend::run(&mut process, &fine, asked.call, || output).await
}

/// Why a container did not start, with the parameter that is to blame.
fn not_started(failure: Failure) -> Failure {
    let said = failure.message.as_str();
    let argv = said.contains("executable file not found") || said.contains("exec: ");
    if argv && said.contains("runc create failed") {
        let message = "the program is not in the image".to_owned();
        return Failure {
            kind: ErrorKind::MissingProgram,
            message,
            ..failure
        };
    }
    failure
}

/// Makes the container, with its image pulled before if that is wished for.
async fn make(asked: Asked<'_>, launch: &Launch) -> Result<String, Failure> {
    let docker = &asked.engine.docker;
    let path = asked.chosen.value.path();
    let is_there = match launch.pull {
        Pull::Always => false,
        Pull::Never => true,
        Pull::Missing => image::identity(asked.engine, &launch.image).await?.is_some(),
    };
    if !is_there {
        image::fetch(asked, &launch.image)
            .await
            .map_err(|failure| about(failure, path))?;
    }
    let options = launch
        .name
        .as_ref()
        .map(|name| CreateContainerOptionsBuilder::new().name(name).build());
    let created = docker.create_container(options, launch.body.clone()).await;
    let created = created.map_err(|error| {
        let failure = asked.engine.failure(&error);
        if failure.kind == ErrorKind::Conflict && launch.name.is_some() {
            failure
                .about("name")
                .help("remove the other one, or choose another name")
        } else {
            about(failure, path)
        }
    })?;
    Ok(created.id)
}
