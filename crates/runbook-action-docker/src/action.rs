//! The action `docker`.

use runbook_action::{
    Action, Args, Call, Chosen, Failure, Handle, Inverse, Kind, Output, Param, Preview, Recognised, Settled,
    Spec, Verb, async_trait,
};

use crate::attend::unless_cancelled;
use crate::engine::Engine;
use crate::settings::Environment;
use crate::verb::DOCKER;
use crate::verbs::Asked;
use crate::{docker, inverse, preview, recognise, settle};

/// The action `docker`: one verb on containers, images or volumes of an engine.
#[derive(Debug, Clone, Default)]
pub struct Docker {
    around: Environment,
}

impl Docker {
    /// Opens nothing yet.
    #[must_use]
    pub const fn new(around: Environment) -> Self {
        Self { around }
    }

    /// The engine of a call, which is looked for unless the call is to end.
    async fn engine(&self, call: Call<'_>) -> Result<Engine, Failure> {
        unless_cancelled(call, false, Box::pin(Engine::of_call(call, &self.around))).await
    }
}

/// The verb, after a look at all that it is given: values that were not known before are known now.
fn chosen(params: &Param) -> Result<Chosen<'_>, Failure> {
    recognise::docker(params)?;
    Verb::chosen(DOCKER, &Args::new(params))
}

impl Kind for Docker {
    fn spec(&self) -> &'static Spec {
        &docker::SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        recognise::docker(params)
    }
}

#[async_trait]
impl Action for Docker {
    fn carriers(&self) -> &'static [&'static str] {
        &["ssh"]
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let chosen = chosen(call.params)?;
        let engine = self.engine(call).await?;
        let asked = Asked {
            engine: &engine,
            chosen: &chosen,
            call,
            around: &self.around,
        };
        let changes = chosen.verb.effect != runbook_action::Effect::Read;
        match chosen.verb.key {
            // These end what they have started before they return.
            "run" | "exec" => Box::pin(asked.run())
                .await
                .map_err(|failure| call.mask_failure(failure)),
            _ => unless_cancelled(call, changes, Box::pin(asked.run())).await,
        }
    }

    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        let chosen = chosen(call.params)?;
        let engine = self.engine(call).await?;
        let asked = Asked {
            engine: &engine,
            chosen: &chosen,
            call,
            around: &self.around,
        };
        unless_cancelled(call, false, preview::preview(asked)).await
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        let chosen = chosen(call.params)?;
        let engine = self.engine(call).await?;
        unless_cancelled(call, false, inverse::prepare(&engine, &chosen)).await
    }

    async fn undo(&self, call: Call<'_>, kept: &Inverse) -> Result<Output, Failure> {
        let chosen = chosen(call.params)?;
        let engine = self.engine(call).await?;
        unless_cancelled(call, true, inverse::undo(&engine, &chosen, kept)).await
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        let Ok(chosen) = chosen(call.params) else {
            return Ok(Settled::Nothing);
        };
        let makes = chosen.verb.key == "run" && !launchless(call);
        if !makes && !handles.iter().any(settle::is_ours) {
            return Ok(Settled::Nothing);
        }
        let engine = self.engine(call).await?;
        let detached = chosen.is_on("detach");
        unless_cancelled(
            call,
            true,
            Box::pin(settle::settle(&engine, call, handles, detached)),
        )
        .await
    }
}

/// Whether nothing tells this attempt's containers from others.
fn launchless(call: Call<'_>) -> bool {
    crate::launch::attempt(call).is_empty()
}
