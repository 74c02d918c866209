//! Asking Prometheus: its two queries, and what it says where it refuses one.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use runbook_action::schema::duration::parse_duration;
use runbook_action::{Args, ErrorKind, Failure, Host, Output, Stream};
use serde_json::Value;

use crate::answer::{Answer, kind};
use crate::body::Body;
use crate::exchange::{Purpose, READ, Route, exchange};
use crate::redirect::Rule;
use crate::request::Request;
use crate::retry;
use crate::samples::{self, Samples};
use crate::shown::excerpt;
use crate::target::encode;

const FORM: &str = "application/x-www-form-urlencoded";

/// Into how many parts a range is cut unless the author says otherwise.
const STEPS: u32 = 100;

/// Which time is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// The moment, or the end of the range, in seconds; now if there is none.
    end: Option<f64>,
    /// How far back to look, and how far apart the samples are.
    range: Option<(Duration, Duration)>,
}

impl Asked {
    /// Reads `range`, `step` and `time`.
    pub(crate) fn read(args: &Args<'_>) -> Result<Self, Failure> {
        let end = args.get("time").map(|time| moment(&time)).transpose()?;
        let Some(range) = args.get("range") else {
            return Ok(Self { end, range: None });
        };
        let whole = length(&range)?;
        let step = match args.get("step") {
            Some(step) => {
                let given = length(&step)?;
                if given > whole {
                    return Err(step.wrong("is longer than the range"));
                }
                given
            }
            // Prometheus counts in milliseconds.
            None => (whole / STEPS).max(Duration::from_millis(1)),
        };
        Ok(Self {
            end,
            range: Some((whole, step)),
        })
    }
}

fn moment(time: &Args<'_>) -> Result<f64, Failure> {
    let text = time.text()?.reveal();
    let moment: Timestamp = text.parse().map_err(|_wrong| {
        time.wrong("is not a moment")
            .help("write it as in `2025-01-31T12:00:00Z`")
    })?;
    Ok(Duration::try_from(moment.duration_since(Timestamp::UNIX_EPOCH))
        .map_err(|_before| time.wrong("is before 1970"))?
        .as_secs_f64())
}

fn length(args: &Args<'_>) -> Result<Duration, Failure> {
    parse_duration(&args.text()?.reveal())
        .filter(|length| *length >= Duration::from_millis(1))
        .ok_or_else(|| args.wrong("expected a length of time such as `5m`"))
}

/// A query with its values.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) query: String,
    pub(crate) asked: Asked,
    /// Where the text stands.
    pub(crate) path: String,
}

impl Question {
    /// Asks it.
    pub(crate) async fn ask(&self, route: Route<'_>, host: &dyn Host) -> Result<Output, Failure> {
        let asker = Asker { route, host };
        let Some((range, step)) = self.asked.range else {
            let time = self.asked.end.map(|end| ("time", end.to_string()));
            let data = asker.ask(self, "query", time.into_iter().collect()).await?;
            return samples::instant(&data, host).await;
        };
        let end = match self.asked.end {
            Some(end) => end,
            None => asker.now().await?,
        };
        // The samples are counted from the start, and the last one is to be at the end.
        let steps = f64::from(u32::try_from(range.as_millis() / step.as_millis()).unwrap_or(u32::MAX));
        let start = end - steps * step.as_secs_f64();
        let fields = vec![
            ("start", format!("{start:.3}")),
            ("end", format!("{end:.3}")),
            ("step", format!("{:.3}", step.as_secs_f64())),
        ];
        let data = asker.ask(self, "query_range", fields).await?;
        samples::range(&data, end - step.as_secs_f64() / 2.0, host).await
    }
}

struct Asker<'a> {
    route: Route<'a>,
    host: &'a dyn Host,
}

impl Asker<'_> {
    /// The time by the server's clock: its samples have that time, and this machine's may differ.
    async fn now(&self) -> Result<f64, Failure> {
        let question = Question {
            query: "time()".to_owned(),
            asked: Asked {
                end: None,
                range: None,
            },
            path: String::new(),
        };
        let data = self.ask(&question, "query", Vec::new()).await?;
        let Samples::One(sample) = samples::read(&data)? else {
            return Err(Failure::new(
                ErrorKind::Protocol,
                "the server does not tell the time",
            ));
        };
        Ok(sample)
    }

    /// The `data` of an answer.
    async fn ask(
        &self,
        question: &Question,
        what: &str,
        fields: Vec<(&str, String)>,
    ) -> Result<Value, Failure> {
        let mut form = format!("query={}", encode(&question.query));
        for (name, value) in fields {
            form.extend(["&", name, "=", &encode(&value)]);
        }
        let base = self
            .route
            .server
            .base
            .as_ref()
            .map(Url::as_str)
            .unwrap_or_default();
        let url = format!("{}/api/v1/{what}", base.trim_end_matches('/'));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        let request = Request {
            method: Method::POST,
            url: Url::parse(&url).map_err(|error| {
                Failure::new(ErrorKind::Other, format!("the connection's URL is none: {error}"))
            })?,
            headers,
            body: Some(Body::Bytes(FORM, form.into_bytes())),
            is_body_secret: true,
            redirects: Rule::SameOrigin,
            has_left: false,
        };
        let line = format!("POST /api/v1/{what}");
        let purpose = Purpose {
            line: &line,
            only_reads: true,
            seen: READ,
        };
        let answer = exchange(self.route, request, purpose, self.host).await?;
        self.data(question, answer).await
    }

    async fn data(&self, question: &Question, answer: Answer) -> Result<Value, Failure> {
        if answer.is_cut {
            return Err(Failure::new(ErrorKind::Other, "the answer is longer than 64 MiB")
                .help("ask for less: aggregate, or make the step longer"));
        }
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if said["status"] != "success" {
            return Err(refused(question, &answer, &said));
        }
        for kind in ["warnings", "infos"] {
            for warning in said[kind].as_array().into_iter().flatten() {
                let line = format!("{}\n", warning.as_str().unwrap_or_default());
                self.host.write(Stream::Stderr, line.as_bytes()).await?;
            }
        }
        Ok(said["data"].clone())
    }
}

/// In Prometheus' own words, where it has some.
fn refused(question: &Question, answer: &Answer, said: &Value) -> Failure {
    let status = answer.status;
    let Some(error) = said["error"].as_str() else {
        if status.is_success() {
            return Failure::new(ErrorKind::Protocol, "the answer is none of Prometheus'")
                .help("let the connection's URL lead to the server, without `/api/v1`");
        }
        let text = excerpt(&String::from_utf8_lossy(&answer.body));
        let mut failure = Failure::new(kind(status), format!("Prometheus answered {status}: {text}"));
        failure.retry_after = retry::after(&answer.headers);
        return failure;
    };
    let kind = match said["errorType"].as_str() {
        Some("timeout") => ErrorKind::Timeout,
        Some("unavailable") => ErrorKind::Unreachable,
        Some("not_found") => ErrorKind::NotFound,
        _ => ErrorKind::Other,
    };
    let failure = Failure::new(kind, format!("Prometheus refused the query: {}", excerpt(error)));
    let is_about_query = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
    if is_about_query && !question.path.is_empty() {
        failure.about(&question.path)
    } else {
        failure
    }
}
