//! The parameters of a request's query, and what its headers ask for.

use hyper::HeaderMap;
use percent_encoding::percent_decode_str;

use crate::failure::Failure;

/// The parameters, decoded, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let decode = |part: &str| {
            let spaced = part.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        let parts = text.split('&').filter(|part| !part.is_empty());
        Self(
            parts
                .map(|part| {
                    let (key, value) = part.split_once('=').unwrap_or((part, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }

    /// The first value, unless it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name)?;
        Some(found.1.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let wrong = |_| Failure::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"));
        text.parse().map(Some).map_err(wrong)
    }

    /// Whether nothing is to be kept.
    pub(crate) fn dry_run(&self) -> Result<bool, Failure> {
        match self.get("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => Err(Failure::new(
                422,
                "Invalid",
                format!(" \"\" is invalid: dryRun: Unsupported value: {other:?}: supported values: \"All\""),
            )),
        }
    }
}

/// What becomes of fields that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    /// They are dropped.
    Ignore,
    /// They are dropped, and the answer warns of it.
    Warn,
    /// The request is refused.
    Strict,
}

impl Validation {
    pub(crate) fn of(query: &Query) -> Result<Self, Failure> {
        match query.get("fieldValidation") {
            None | Some("Warn") => Ok(Self::Warn),
            Some("Ignore") => Ok(Self::Ignore),
            Some("Strict") => Ok(Self::Strict),
            Some(other) => Err(Failure::new(
                422,
                "Invalid",
                format!(
                    " \"\" is invalid: fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
                ),
            )),
        }
    }
}

/// Who the fields belong to that a request sets.
pub(crate) fn manager(query: &Query, headers: &HeaderMap) -> String {
    if let Some(given) = query.get("fieldManager") {
        return given.to_owned();
    }
    let agent = headers.get("user-agent").and_then(|agent| agent.to_str().ok());
    let agent = agent.unwrap_or("unknown").split('/').next().unwrap_or_default();
    if agent.is_empty() {
        "unknown".to_owned()
    } else {
        agent.to_owned()
    }
}

/// How a client wants to see objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Whole.
    Objects,
    /// As rows of a table.
    Table,
    /// Only their metadata.
    Metadata,
}

impl Shown {
    /// The first of the acceptable forms that there is.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let accept = headers.get("accept").and_then(|accept| accept.to_str().ok());
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
            return Ok(Self::Objects);
        };
        for form in accept.split(',') {
            let mut parts = form.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            if !matches!(media, "application/json" | "*/*" | "application/*") {
                continue;
            }
            let mut of = None;
            let mut version = None;
            for part in parts {
                match part.split_once('=') {
                    Some(("as", kind)) => of = Some(kind),
                    Some(("v", given)) => version = Some(given),
                    _ => {}
                }
            }
            match (of, version) {
                (None, _) => return Ok(Self::Objects),
                (Some("Table"), Some("v1")) => return Ok(Self::Table),
                (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), Some("v1")) => {
                    return Ok(Self::Metadata);
                }
                _ => {}
            }
        }
        Err(Failure::new(
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
        ))
    }
}
