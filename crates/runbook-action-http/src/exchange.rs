//! Sending a request and reading the answer.

use reqwest::header::{CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, Url};
use runbook_action::{Failure, Host, Stream};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::connection::Server;
use crate::failure::{of_error, was_sent};
use crate::request::Request;

/// How much of a body expressions may see.
const SEEN: usize = 1024 * 1024;

/// How much of a body is read at all.
const READ: usize = 64 * 1024 * 1024;

const REDIRECTS: usize = 10;

/// What a message needs to name the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    /// `GET /health/status`.
    pub(crate) line: &'a str,
    /// `db:8000`.
    pub(crate) host: &'a str,
    /// Whether asking leaves all as it was.
    pub(crate) only_reads: bool,
}

impl Names<'_> {
    fn failure(&self, error: &reqwest::Error) -> Failure {
        let failure = of_error(error, self.line, self.host);
        if was_sent(error) && !self.only_reads {
            failure.maybe_applied()
        } else {
            failure
        }
    }
}

/// Sends the request, follows redirects on the same origin, and reads the answer.
pub(crate) async fn exchange(
    client: &Client,
    mut request: Request,
    server: &Server,
    names: Names<'_>,
    host: &dyn Host,
) -> Result<Answer, Failure> {
    let begin = Instant::now();
    let mut redirects = 0;
    loop {
        let response = send(client, &request, server)
            .await
            .map_err(|error| names.failure(&error))?;
        let next = if redirects < REDIRECTS {
            redirected(&request, &response)
        } else {
            None
        };
        let Some(next) = next else {
            return read(response, begin, names, host).await;
        };
        redirects += 1;
        request = next;
    }
}

async fn send(client: &Client, request: &Request, server: &Server) -> reqwest::Result<Response> {
    let mut headers = server.headers_for(&request.url);
    // A request's own header takes the place of the connection's.
    for name in request.headers.keys() {
        headers.remove(name);
    }
    for (name, value) in &request.headers {
        headers.append(name, value.clone());
    }
    let mut builder = client
        .request(request.method.clone(), request.url.clone())
        .headers(headers);
    if let Some(body) = &request.body {
        builder = builder.body(body.clone());
    }
    builder.send().await
}

/// The request to send instead, where the answer is a redirect that stays on the origin.
fn redirected(request: &Request, response: &Response) -> Option<Request> {
    let keeps_method = match response.status() {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method != Method::POST,
        StatusCode::SEE_OTHER => request.method == Method::GET || request.method == Method::HEAD,
        _ => return None,
    };
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let url = same_origin(&request.url, location)?;
    Some(if keeps_method {
        Request {
            method: request.method.clone(),
            url,
            headers: request.headers.clone(),
            body: request.body.clone(),
        }
    } else {
        Request {
            method: Method::GET,
            url,
            headers: without_content(&request.headers),
            body: None,
        }
    })
}

/// Where `location` leads, if that is the same scheme, host and port. Credentials in the URL go along.
fn same_origin(from: &Url, location: &str) -> Option<Url> {
    let mut url = from
        .join(location)
        .ok()
        .filter(|url| url.origin() == from.origin())?;
    url.set_username(from.username()).ok()?;
    url.set_password(from.password()).ok()?;
    Some(url)
}

fn without_content(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE] {
        headers.remove(name);
    }
    headers
}

async fn read(
    mut response: Response,
    begin: Instant,
    names: Names<'_>,
    host: &dyn Host,
) -> Result<Answer, Failure> {
    let mut body = Vec::new();
    let mut total = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| names.failure(&error))? {
        let room = READ - total;
        let chunk = chunk.get(..room).unwrap_or(&chunk);
        total += chunk.len();
        let seen = (SEEN - body.len()).min(chunk.len());
        body.extend_from_slice(chunk.get(..seen).unwrap_or_default());
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
