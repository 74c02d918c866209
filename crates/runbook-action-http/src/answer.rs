//! What was answered, and whether that is what was asked for.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION};
use runbook_action::{Args, Call, ErrorKind, Failure, Output};
use serde_json::{Map, Value, json};

use crate::redirect::Rule;
use crate::request::Line;
use crate::retry;
use crate::shown::excerpt;

/// How much of the body a failure keeps.
const KEPT: usize = 16 * 1024;

/// An answer, as far as it was read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether there was more of the body than is kept.
    pub(crate) is_cut: bool,
    pub(crate) elapsed_ms: u64,
}

impl Answer {
    /// The result, or a failure if the status does not mean success.
    pub(crate) fn judge(&self, args: &Args<'_>, line: &Line<'_>, call: Call<'_>) -> Result<Output, Failure> {
        if call.asking || is_ok(args, self.status)? {
            Ok(self.output())
        } else {
            Err(self.failure(line, Rule::read(args)?, call)?)
        }
    }

    fn output(&self) -> Output {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let body = if self.is_cut { Value::Null } else { json_of(&text) };
        let cut: &[&str] = if self.is_cut { &["text", "body"] } else { &[] };
        Output {
            value: json!({
                "status": self.status.as_u16(),
                "headers": headers_of(&self.headers),
                "body": body,
                "text": text,
                "elapsed_ms": self.elapsed_ms,
            }),
            cut: cut.iter().map(|&name| name.to_owned()).collect(),
            ..Output::default()
        }
    }

    fn failure(&self, line: &Line<'_>, redirects: Rule, call: Call<'_>) -> Result<Failure, Failure> {
        let text = call.mask(&String::from_utf8_lossy(&self.body));
        let mut message = format!("`{}` answered {}", line.shown()?, self.status);
        let said = excerpt(&text);
        if !said.is_empty() {
            message.push_str(": ");
            message.push_str(said.trim_end_matches('.'));
        }
        let kept: String = text.chars().take(KEPT).collect();
        let parsed = json_of(&kept);
        let body = if parsed.is_null() {
            Value::String(kept)
        } else {
            parsed
        };
        let mut failure = Failure::new(kind(self.status), message)
            .with_result(json!({"status": self.status.as_u16(), "body": body}));
        if self.status.is_redirection() && self.headers.contains_key(LOCATION) {
            failure = failure.help(redirects.help());
        }
        failure.retry_after = retry::after(&self.headers);
        // A client's error means that the server refused. All else may come after it did what was asked.
        let refused = self.status.is_client_error() && self.status != StatusCode::REQUEST_TIMEOUT;
        Ok(if refused || line.only_reads() {
            failure
        } else {
            failure.maybe_applied()
        })
    }
}

fn is_ok(args: &Args<'_>, status: StatusCode) -> Result<bool, Failure> {
    let Some(list) = args.get("ok_status") else {
        return Ok(status.is_success());
    };
    let mut is_ok = false;
    for item in list.items()? {
        is_ok |= item.integer()? == i64::from(status.as_u16());
    }
    Ok(is_ok)
}

pub(crate) fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 | 407 => ErrorKind::Auth,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 | 412 => ErrorKind::Conflict,
        408 | 504 => ErrorKind::Timeout,
        // Somebody answered that for now there is nobody who could.
        429 | 502 | 503 => ErrorKind::Unreachable,
        _ => ErrorKind::Other,
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// By name, in the order of their first appearance; several of one name are joined as the standard says.
fn headers_of(headers: &HeaderMap) -> Value {
    let mut all = Map::new();
    for name in headers.keys() {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        all.insert(name.as_str().to_owned(), Value::String(values.join(", ")));
    }
    Value::Object(all)
}
