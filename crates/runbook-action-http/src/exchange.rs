//! Sending a request and reading the answer.

use reqwest::header::{CONTENT_TYPE, HOST, HeaderValue};
use reqwest::{Response, Url};
use runbook_action::{Failure, Host, Stream, Transport};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::body::Body;
use crate::client::{Clients, Way};
use crate::connection::Server;
use crate::failure::{At, of_error, was_sent};
use crate::redirect::{self, Rule};
use crate::request::Request;
use crate::target::{bare, host_of};
use crate::tunnel::{Tunnel, Tunnels};

/// How much of a body is read at all.
pub(crate) const READ: usize = 64 * 1024 * 1024;

const REDIRECTS: usize = 10;

/// What a message needs to name the request, and what is made of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose<'a> {
    /// `GET /health/status`.
    pub(crate) line: &'a str,
    /// Whether asking leaves all as it was.
    pub(crate) only_reads: bool,
    /// How much of the body is kept in memory.
    pub(crate) seen: usize,
}

/// What a request is sent with, and where from.
#[derive(Clone, Copy)]
pub(crate) struct Route<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) server: &'a Server,
    /// The place that reaches the servers; nothing is this machine.
    pub(crate) place: Option<&'a dyn Transport>,
}

/// A request that was sent: what a failure of it has to tell.
struct Sending<'a> {
    purpose: Purpose<'a>,
    route: Route<'a>,
    url: Url,
    tunnel: Option<&'a Tunnel>,
}

impl Sending<'_> {
    async fn failure(&self, error: &reqwest::Error) -> Failure {
        let proxy = self.route.server.proxy_for(&self.url).map(ToString::to_string);
        let place = self.route.place.map(Transport::place);
        let at = At {
            host: &host_of(&self.url),
            proxy: proxy.as_deref(),
            place: place.as_deref(),
        };
        let of_way = match self.tunnel {
            Some(tunnel) => tunnel.failure().await,
            None => None,
        };
        let was_connected = self.tunnel.is_none_or(Tunnel::was_connected);
        let (failure, was_sent) = match of_way {
            Some(failure) => {
                let message = format!("`{}`: {}", self.purpose.line, failure.message);
                let was_sent = failure.may_have_applied;
                (
                    Failure {
                        message,
                        may_have_applied: false,
                        ..failure
                    },
                    was_sent,
                )
            }
            None => (
                of_error(error, self.purpose.line, at),
                was_sent(error) && was_connected,
            ),
        };
        if was_sent && !self.purpose.only_reads {
            failure.maybe_applied()
        } else {
            failure
        }
    }
}

/// Sends the request, follows redirects as it says, and reads the answer.
pub(crate) async fn exchange(
    route: Route<'_>,
    mut request: Request,
    purpose: Purpose<'_>,
    host: &dyn Host,
) -> Result<Answer, Failure> {
    let begin = Instant::now();
    let mut redirects = 0;
    // Each origin that a redirect leads to is reached by a way of its own, and all are closed at the end.
    let mut tunnels = Tunnels::default();
    loop {
        let tunnel = match route.place {
            Some(place) => Some(tunnels.to(place, &request.url, route.server).await?),
            None => None,
        };
        let sending = Sending {
            purpose,
            route,
            url: request.url.clone(),
            tunnel,
        };
        let response = send(&request, &sending).await?;
        let next = if redirects < REDIRECTS && request.redirects != Rule::None {
            redirect::next(&request, &response)
        } else {
            None
        };
        let Some(next) = next else {
            return read(response, (begin, purpose.seen), &sending, host).await;
        };
        redirects += 1;
        request = next;
    }
}

async fn send(request: &Request, sending: &Sending<'_>) -> Result<Response, Failure> {
    let server = sending.route.server;
    let mut headers = request.headers.clone();
    if !request.has_left {
        let has_parts = matches!(request.body, Some(Body::Parts(_)));
        for (name, value) in &server.headers_for(&request.url) {
            // A request's own header takes the place of the connection's, and parts have a type of their own.
            let is_taken = request.headers.contains_key(name) || (has_parts && name == CONTENT_TYPE);
            if !is_taken {
                headers.append(name, value.clone());
            }
        }
    }
    let tls = server.tls_for(&request.url);
    let name = tls
        .and_then(|tls| tls.server_name.as_deref())
        .filter(|_| request.url.scheme() == "https");
    let mut url = request.url.clone();
    if let Some(name) = name {
        if !headers.contains_key(HOST)
            && let Ok(value) = HeaderValue::try_from(authority(&request.url))
        {
            headers.insert(HOST, value);
        }
        // A name that was read from the connection is one that a URL can have.
        let _named = url.set_host(Some(name)).is_ok();
    }
    let proxy = server.proxy_for(&request.url).map(|proxy| match sending.tunnel {
        Some(tunnel) => proxy.reached_at(tunnel.local()),
        None => proxy.clone(),
    });
    let way = Way {
        tls,
        proxy: proxy.as_ref(),
        host: name.and_then(|_| request.url.host_str()).map(bare),
        socket: sending.tunnel.map(Tunnel::socket),
    };
    let mut builder = sending
        .route
        .clients
        .of(server, way)?
        .request(request.method.clone(), url)
        .headers(headers);
    if let Some(body) = &request.body {
        builder = body.put(builder).await?;
    }
    match builder.send().await {
        Ok(response) => Ok(response),
        Err(error) => Err(sending.failure(&error).await),
    }
}

/// As the header `Host` has it: with a port only if that is not the usual one.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

async fn read(
    mut response: Response,
    (begin, seen): (Instant, usize),
    sending: &Sending<'_>,
    host: &dyn Host,
) -> Result<Answer, Failure> {
    let mut body = Vec::new();
    let mut total = 0;
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(error) => return Err(sending.failure(&error).await),
        };
        let room = READ - total;
        let chunk = chunk.get(..room).unwrap_or(&chunk);
        total += chunk.len();
        let kept = (seen - body.len()).min(chunk.len());
        body.extend_from_slice(chunk.get(..kept).unwrap_or_default());
        host.write(Stream::Stdout, chunk).await?;
        if total == READ {
            break;
        }
    }
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        is_cut: total > body.len(),
        body,
        elapsed_ms: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}
