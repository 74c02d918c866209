//! The action `http`.

use std::path::PathBuf;

use runbook_action::{
    Action, Args, Call, ErrorKind, Failure, Kind, Output, Param, Recognised, Spec, Undoing, async_trait,
};
use tokio::time::timeout;

use crate::client::Clients;
use crate::connection::Server;
use crate::exchange::{Purpose, Route, exchange};
use crate::request::{Line, Request};
use crate::{request, spec, target};

/// How much of a body expressions may see.
const SEEN: usize = 1024 * 1024;

/// The action `http`: a request and its answer.
///
/// It has no preview. A request that changes something cannot be sent without changing it, and what another method
/// answers (a HEAD, an OPTIONS) says nothing of what this one would do; some servers act on those too.
#[derive(Debug)]
pub struct Http {
    clients: Clients,
    root: PathBuf,
}

impl Http {
    /// Opens nothing yet. The names of files start at `root`, the project's root.
    #[must_use]
    pub const fn new(root: PathBuf) -> Self {
        Self {
            clients: Clients::new(),
            root,
        }
    }
}

impl Kind for Http {
    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let args = Args::new(params);
        let line = Line::read(&args)?;
        target::foresee(&line.url)?;
        request::is_sound(&args)?;
        let (effect, certain) = line.effect();
        Ok(Recognised {
            effect,
            certain,
            summary: format!("{}{}", line.shown()?, sent(params)),
            undoing: Undoing::ByAuthor,
        })
    }
}

#[async_trait]
impl Action for Http {
    fn carriers(&self) -> &'static [&'static str] {
        spec::THROUGH
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let args = Args::new(call.params);
        let line = Line::read(&args)?;
        let server = Server::read(call.connection, "http", &self.root).await?;
        let request = Request::read(&args, &line, &server, &self.root)?;

        let shown = line.shown()?;
        let host = call.mask(&target::host_of(&request.url));
        let purpose = Purpose {
            line: &shown,
            only_reads: line.only_reads(),
            seen: SEEN,
        };
        let limit = call
            .host
            .remaining()
            .map_or(server.timeout, |left| left.min(server.timeout));
        let not_read = |failure: Failure| {
            if purpose.only_reads {
                failure
            } else {
                failure.maybe_applied()
            }
        };
        let route = Route {
            clients: &self.clients,
            server: &server,
            place: call.transport,
        };
        let answer = tokio::select! {
            biased;
            answer = timeout(limit, exchange(route, request, purpose, call.host)) => answer,
            () = call.host.cancelled() => {
                let message = format!("`{shown}` was stopped before it was answered");
                return Err(not_read(Failure::new(ErrorKind::Cancelled, message)));
            }
        };
        let answer = answer
            .map_err(|_elapsed| {
                let message = format!("`{shown}`: `{host}` did not answer within {limit:?}");
                not_read(Failure::new(ErrorKind::Timeout, message))
            })?
            .map_err(|failure| call.mask_failure(failure))?;
        answer.judge(&args, &line, call)
    }
}

/// What is sent, for people, where it is JSON: a size that is set belongs to what is approved and reported.
fn sent(params: &Param) -> String {
    let Some(json) = params.get("json") else {
        return String::new();
    };
    let text = json.masked().to_string();
    match text.char_indices().nth(100) {
        Some((end, _)) => format!(" {}…", &text[..end]),
        None => format!(" {text}"),
    }
}
