//! The action `http`.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use runbook_action::{
    Action, Args, Call, ErrorKind, Failure, Kind, Lack, Output, Param, Recognised, Spec, Undoing, async_trait,
};
use tokio::time::timeout;

use crate::connection::Server;
use crate::exchange::{Names, exchange};
use crate::request::{Line, Request};
use crate::{request, spec, target};

/// How long it may take until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);

/// The action `http`: a request and its answer.
#[derive(Debug, Default)]
pub struct Http {
    client: OnceLock<Client>,
}

impl Http {
    /// Opens nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            client: OnceLock::new(),
        }
    }

    /// The client that all requests share. It keeps no connections: one that the server has given up meanwhile
    /// would make a request fail for no reason that a runbook could know.
    fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Whoever installed one before us has the same.
        let _installed = rustls::crypto::ring::default_provider().install_default().is_ok();
        let client = builder()
            .build()
            // Without the system's certificates there is no https, and http goes on.
            .or_else(|_| builder().tls_certs_only([]).build())
            .map_err(|error| Failure::new(ErrorKind::Tls, format!("no client could be made: {error}")))?;
        Ok(self.client.get_or_init(|| client))
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("runbook/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT)
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
    fn lacks(&self, params: &Param, connection: Option<(&str, &Param)>) -> Vec<Lack> {
        spec::lacks(params, connection.map(|(_, params)| params))
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        Lack::refuse(spec::lacks(
            call.params,
            call.connection.map(|connection| &connection.params),
        ))?;
        let args = Args::new(call.params);
        let line = Line::read(&args)?;
        let server = Server::read(call.connection)?;
        let request = Request::read(&args, &line, &server)?;
        let client = self.client()?;

        let shown = line.shown()?;
        let host = call.mask(&host_of(&request.url));
        let names = Names {
            line: &shown,
            host: &host,
            only_reads: line.only_reads(),
        };
        let limit = call
            .host
            .remaining()
            .map_or(server.timeout, |left| left.min(server.timeout));
        let not_read = |failure: Failure| {
            if names.only_reads {
                failure
            } else {
                failure.maybe_applied()
            }
        };
        let answer = tokio::select! {
            biased;
            answer = timeout(limit, exchange(client, request, &server, names, call.host)) => answer,
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
            .map_err(|failure| Failure {
                message: call.mask(&failure.message),
                ..failure
            })?;
        answer.judge(&args, &line, call)
    }
}

/// `db:8000`, without credentials.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
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
