//! What each verb of `docker` does with an engine.

pub(crate) mod copy;
pub(crate) mod health;
pub(crate) mod image;
pub(crate) mod limits;
pub(crate) mod program;
pub(crate) mod prune;
pub(crate) mod read;
pub(crate) mod state;

use runbook_action::{Call, Chosen, Failure, Output};

use crate::engine::Engine;
use crate::settings::Environment;

/// A verb with all that it takes.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) chosen: &'a Chosen<'a>,
    pub(crate) call: Call<'a>,
    pub(crate) around: &'a Environment,
}

impl Asked<'_> {
    /// Does it.
    pub(crate) async fn run(self) -> Result<Output, Failure> {
        match self.chosen.verb.key {
            "ps" => read::list(self).await,
            "inspect" => read::inspect(self).await,
            "wait_healthy" => health::wait(self).await,
            "logs" => read::logs(self).await,
            "stats" => read::stats(self).await,
            "events" => read::events(self).await,
            "start" => state::start(self).await,
            "stop" => state::stop(self).await,
            "restart" => state::restart(self).await,
            "kill" => state::kill(self).await,
            "rm" => state::remove(self).await,
            "run" => Box::pin(program::launch(self)).await,
            "exec" => program::execute(self).await,
            "update" => limits::update(self).await,
            "pull" => image::pull(self).await,
            "prune" => prune::prune(self).await,
            _ => copy::copy(self).await,
        }
    }

    /// The failure of something that was asked of the engine about what this parameter names.
    pub(crate) fn failed(self, error: &bollard::errors::Error, path: &str) -> Failure {
        about(self.engine.failure(error), path)
    }
}

/// What a failure of the engine is about, unless it is about the engine itself.
pub(crate) fn about(failure: Failure, path: &str) -> Failure {
    use runbook_action::ErrorKind::{Auth, Conflict, Dns, Forbidden, NotFound, Other, Refused};
    let named = matches!(failure.kind, NotFound | Conflict | Other | Auth)
        || (matches!(failure.kind, Refused | Dns | Forbidden) && !failure.message.contains("the engine at"));
    if named && failure.param.is_none() {
        failure.about(path)
    } else {
        failure
    }
}
