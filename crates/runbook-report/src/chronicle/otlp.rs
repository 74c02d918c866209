//! Runs as traces of OpenTelemetry, in the JSON encoding of OTLP: the run, its steps, their attempts and undos are spans;
//! gates, questions, answers and what people wrote are events on them.
//!
//! Ids are made of the run's name, so the same run gives the same trace, alone or among others.

mod spans;

use std::fmt::Write as _;

use jiff::Timestamp;
use runbook_event::Record;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::spans::Spans;
use crate::story::Error;
use crate::text::visible;

/// `SPAN_KIND_INTERNAL`: nothing here is a request that another process answers.
const INTERNAL: u8 = 1;

/// Runs as one export of traces, which any collector of OpenTelemetry takes on `/v1/traces`.
pub fn otlp(runs: &[&[Record]]) -> Result<Value, Error> {
    let mut resources = Vec::new();
    for records in runs {
        resources.push(Spans::of(records)?.finish());
    }
    Ok(json!({ "resourceSpans": resources }))
}

/// An id: so many bytes of a digest, in hexadecimal. Never all zeros, which would be none.
fn id(parts: &[&str], bytes: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut text = String::with_capacity(2 * bytes);
    for byte in digest.iter().take(bytes) {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// A time as OTLP writes it: nanoseconds since 1970, as a text, since a number of JSON does not hold them.
fn nanos(at: Timestamp) -> String {
    at.as_nanosecond().max(0).to_string()
}

/// A text as an attribute.
fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": visible(value)}})
}

/// A number as an attribute. OTLP writes whole numbers as texts.
fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn flag(key: &str, value: bool) -> Value {
    json!({"key": key, "value": {"boolValue": value}})
}

/// Something that happened within a span.
fn event(at: Timestamp, name: &str, attributes: &[Value]) -> Value {
    json!({"timeUnixNano": nanos(at), "name": name, "attributes": attributes})
}
