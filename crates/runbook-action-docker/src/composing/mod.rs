//! The action `compose`: the program of compose changes what there is, and the engine tells what that is.
//!
//! Compose is no part of the interface of engines. So what changes a project is done by its program, `docker compose`
//! where there is one and `docker-compose` otherwise, and what is asked is asked of the engine, which finds the
//! project's containers by their labels.

mod changes;
mod inverse;
mod looks;
mod preview;
mod program;
mod service;

pub use service::Services;

use std::sync::Arc;

use runbook_action::{
    Action, Args, Call, Chosen, Connection, ErrorKind, Failure, Handle, Inverse, Kind, Output, Param,
    Preview, Recognised, Settled, Spec, Transport, Verb, async_trait,
};

use crate::attend::unless_cancelled;
use crate::engine::Engine;
use crate::project::Project;
use crate::settings::Environment;
use crate::verb::COMPOSE;
use crate::{compose, place, recognise, settle};

/// The action `compose`: one verb on the services of a project.
#[derive(Debug, Clone)]
pub struct Compose {
    around: Environment,
    here: Arc<dyn Transport>,
}

/// A project with all that it takes to do something with it.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) project: &'a Project,
    pub(crate) engine: &'a Engine,
    /// Where the program of compose is run.
    pub(crate) place: &'a dyn Transport,
    /// Whether the program must be told which engine.
    pub(crate) is_told: bool,
    pub(crate) chosen: &'a Chosen<'a>,
    pub(crate) call: Call<'a>,
}

impl Compose {
    /// The program of compose is run in `here`, which is this machine.
    #[must_use]
    pub const fn new(around: Environment, here: Arc<dyn Transport>) -> Self {
        Self { around, here }
    }

    async fn open<'a>(&'a self, call: Call<'a>) -> Result<Opened<'a>, Failure> {
        open(call, &self.around, &*self.here).await
    }
}

/// A project whose engine answers.
pub(crate) struct Opened<'a> {
    project: Project,
    engine: Engine,
    place: &'a dyn Transport,
    is_told: bool,
}

impl<'a> Opened<'a> {
    pub(crate) fn asked(&'a self, chosen: &'a Chosen<'a>, call: Call<'a>) -> Asked<'a> {
        Asked {
            project: &self.project,
            engine: &self.engine,
            place: self.place,
            is_told: self.is_told,
            chosen,
            call,
        }
    }
}

/// The project of a call's connection, and the engine that it goes through.
pub(crate) async fn open<'a>(
    call: Call<'a>,
    around: &Environment,
    here: &'a dyn Transport,
) -> Result<Opened<'a>, Failure> {
    let connection = call
        .connection
        .ok_or_else(|| Failure::new(ErrorKind::Other, "needs a connection of kind `compose`"))?;
    let project = Project::read(connection, around)?;
    let is_engine = |via: &&Connection| via.params.get("docker").is_some();
    let of = call.via.filter(is_engine);
    let engine = unless_cancelled(call, false, place::engine(of, call.transport, around)).await?;
    let is_told = of.is_some() || engine.machine.is_some();
    Ok(Opened {
        project,
        engine,
        // Through an engine the files are here; through another machine they are there.
        place: match (of, call.transport) {
            (None, Some(there)) => there,
            (Some(_), _) | (None, None) => here,
        },
        is_told,
    })
}

fn chosen(params: &Param) -> Result<Chosen<'_>, Failure> {
    recognise::compose(params)?;
    Verb::chosen(COMPOSE, &Args::new(params))
}

impl Kind for Compose {
    fn spec(&self) -> &'static Spec {
        &compose::SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        recognise::compose(params)
    }

    fn means(&self, params: &Param) -> Option<&'static str> {
        let chosen = Verb::chosen(COMPOSE, &Args::new(params)).ok()?;
        let is_program = !["ps", "logs", "exec"].contains(&chosen.verb.key);
        is_program.then_some(program::EITHER)
    }
}

#[async_trait]
impl Action for Compose {
    fn carriers(&self) -> &'static [&'static str] {
        &["docker", "ssh"]
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let chosen = chosen(call.params)?;
        let opened = self.open(call).await?;
        let asked = opened.asked(&chosen, call);
        match chosen.verb.key {
            "ps" => unless_cancelled(call, false, looks::ps(asked)).await,
            "logs" => unless_cancelled(call, false, looks::logs(asked)).await,
            // These end what they have started before they return.
            "exec" => looks::execute(asked)
                .await
                .map_err(|failure| call.mask_failure(failure)),
            _ => changes::run(asked)
                .await
                .map_err(|failure| call.mask_failure(failure)),
        }
    }

    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        let chosen = chosen(call.params)?;
        let opened = self.open(call).await?;
        unless_cancelled(call, false, preview::preview(opened.asked(&chosen, call))).await
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        let chosen = chosen(call.params)?;
        let opened = self.open(call).await?;
        unless_cancelled(call, false, inverse::prepare(opened.asked(&chosen, call))).await
    }

    async fn undo(&self, call: Call<'_>, kept: &Inverse) -> Result<Output, Failure> {
        let chosen = chosen(call.params)?;
        let opened = self.open(call).await?;
        let undone = inverse::undo(opened.asked(&chosen, call), kept).await;
        undone.map_err(|failure| call.mask_failure(failure))
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        let mut settled = Settled::Nothing;
        if handles.iter().any(settle::is_ours) {
            let opened = self.open(call).await?;
            for handle in handles.iter().filter(|handle| settle::is_ours(handle)) {
                if settle::end_program(&opened.engine, handle).await? {
                    settled = Settled::Ended;
                }
            }
        }
        let is_there = call.via.is_none() && call.transport.is_some();
        let place = call.transport.filter(|_| is_there).unwrap_or(&*self.here);
        let others = handles.iter().filter(|handle| !settle::is_ours(handle)).cloned();
        let others: Vec<Handle> = others.collect();
        match place.settle(call, &others).await? {
            Settled::Nothing => Ok(settled),
            found @ (Settled::Ended | Settled::Finished) => Ok(found),
        }
    }
}
