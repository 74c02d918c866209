//! Sending a request and reading the answer.

use reqwest::header::{CONTENT_TYPE, HOST, HeaderValue};
use reqwest::{Response, Url};
use runbook_action::{Failure, Host, Stream};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::body::Body;
use crate::client::{Clients, Way};
use crate::connection::Server;
use crate::failure::{At, of_error, was_sent};
use crate::redirect::{self, Rule};
use crate::request::Request;
use crate::target::host_of;

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

impl Purpose<'_> {
    fn failure(&self, error: &reqwest::Error, url: &Url, server: &Server) -> Failure {
        let proxy = server.proxy_for(url).map(ToString::to_string);
        let at = At {
            host: &host_of(url),
            proxy: proxy.as_deref(),
        };
        let failure = of_error(error, self.line, at);
        if was_sent(error) && !self.only_reads {
            failure.maybe_applied()
        } else {
            failure
        }
    }
}

/// Sends the request, follows redirects as it says, and reads the answer.
pub(crate) async fn exchange(
    clients: &Clients,
    mut request: Request,
    server: &Server,
    purpose: Purpose<'_>,
    host: &dyn Host,
) -> Result<Answer, Failure> {
    let begin = Instant::now();
    let mut redirects = 0;
    loop {
        let response = send(clients, &request, server, purpose).await?;
        let next = if redirects < REDIRECTS && request.redirects != Rule::None {
            redirect::next(&request, &response)
        } else {
            None
        };
        let Some(next) = next else {
            let failure = |error: &reqwest::Error| purpose.failure(error, &request.url, server);
            return read(response, (begin, purpose.seen), failure, host).await;
        };
        redirects += 1;
        request = next;
    }
}

async fn send(
    clients: &Clients,
    request: &Request,
    server: &Server,
    purpose: Purpose<'_>,
) -> Result<Response, Failure> {
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
    let way = Way {
        tls,
        proxy: server.proxy_for(&request.url),
        host: name.and_then(|_| request.url.host_str()).map(bare),
    };
    let mut builder = clients
        .of(server, way)?
        .request(request.method.clone(), url)
        .headers(headers);
    if let Some(body) = &request.body {
        builder = body.put(builder).await?;
    }
    let sent = builder.send().await;
    sent.map_err(|error| purpose.failure(&error, &request.url, server))
}

/// As the header `Host` has it: with a port only if that is not the usual one.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

async fn read(
    mut response: Response,
    (begin, seen): (Instant, usize),
    failure: impl Fn(&reqwest::Error) -> Failure,
    host: &dyn Host,
) -> Result<Answer, Failure> {
    let mut body = Vec::new();
    let mut total = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
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
