//! What the API server hands to whoever runs the pods: logs, programs in containers, forwarded ports, usage.
//!
//! The server has authenticated and authorised the request, found the pod, and checked that it is bound to a node.
//! All else is up to the implementation, the answer's status too: a request with an `Upgrade` header is answered
//! with `101 Switching Protocols`, and the connection is then had from `hyper::upgrade::on`.

use std::convert::Infallible;

use async_trait::async_trait;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use serde_json::Value;

/// The body of an answer: whole, or a stream that ends when the client or the server goes.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Which of a pod's streams is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// `pods/log`.
    Log,
    /// `pods/exec`.
    Exec,
    /// `pods/attach`.
    Attach,
    /// `pods/portforward`.
    PortForward,
}

/// One request for a stream of a pod.
#[derive(Debug)]
pub struct Asked {
    /// Which stream.
    pub stream: Stream,
    /// The pod, as the store had it when the request came.
    pub pod: Value,
    /// The parameters of the query, decoded, in their order: `command` and `ports` may come several times.
    pub query: Vec<(String, String)>,
    /// The request itself, for its headers and for the upgrade of its connection.
    pub request: Request<Incoming>,
}

impl Asked {
    /// The first value of a parameter of the query.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a parameter of the query is set to what Kubernetes reads as true.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        matches!(
            self.parameter(name),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True")
        )
    }
}

/// Runs the pods, or stands in for what does.
#[async_trait]
pub trait Streams: Send + Sync {
    /// Answers one request for a stream of a pod. A failure is answered with `runbook_cluster::Failure`.
    async fn serve(&self, asked: Asked) -> Response<Body>;

    /// What the containers of a pod use, as `containers` of `PodMetrics` says it: `[{name, usage: {cpu, memory}}]`.
    /// `None` while nothing has been measured.
    async fn pod_usage(&self, pod: &Value) -> Option<Value>;

    /// What a node uses, as `usage` of `NodeMetrics` says it: `{cpu, memory}`. `None` while nothing has been measured.
    async fn node_usage(&self, node: &Value) -> Option<Value>;
}
