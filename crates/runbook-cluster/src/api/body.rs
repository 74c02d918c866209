//! The bodies of requests.

use http_body_util::{BodyExt as _, Limited};
use hyper::HeaderMap;
use hyper::body::{Bytes, Incoming};
use serde_json::Value;

use crate::failure::Failure;

/// What a real server takes at most.
const LARGEST: usize = 3 * 1024 * 1024;

pub(crate) async fn read(body: Incoming) -> Result<Bytes, Failure> {
    match Limited::new(body, LARGEST).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(_) => Err(Failure::new(
            413,
            "RequestEntityTooLarge",
            format!("Request entity too large: limit is {LARGEST}"),
        )),
    }
}

/// The content type of a request, without its parameters.
pub(crate) fn media(headers: &HeaderMap) -> &str {
    let text = headers.get("content-type").and_then(|value| value.to_str().ok());
    text.unwrap_or("application/json")
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
}

/// An object, written as JSON or as YAML. What kubectl makes by itself (`kubectl create configmap`) it writes as protobuf,
/// which is refused, as a real server refuses it for kinds that somebody has defined; `--dry-run=client -o yaml` gives
/// what can be sent.
pub(crate) fn object(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Failure> {
    match media(headers) {
        "application/json" | "" => json(bytes),
        "application/yaml" => yaml(bytes),
        _ => Err(Failure::unsupported_media(&[
            "application/json",
            "application/yaml",
            "application/vnd.kubernetes.protobuf",
        ])),
    }
}

/// A patch; what is applied may be YAML.
pub(crate) fn patch(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Failure> {
    if media(headers) == "application/apply-patch+yaml" {
        return json(bytes).or_else(|_| yaml(bytes));
    }
    json(bytes)
}

pub(crate) fn json(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        Failure::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
    })
}

fn yaml(bytes: &[u8]) -> Result<Value, Failure> {
    serde_yaml::from_slice(bytes)
        .map_err(|error| Failure::bad_request(format!("error decoding YAML: {error}")))
}
