//! The streams of pods, on the wire as the API server of Kubernetes speaks them.

mod exec;
mod forward;
mod log;
mod socket;

use std::sync::Arc;

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::Inner;
use super::member::Member;
use super::pod::Pod;
use super::spec::Role;
use crate::failure::Failure;
use crate::object::Fields as _;
use crate::streams::{Asked, Body, Stream, Streams};

#[async_trait]
impl Streams for Inner {
    async fn serve(&self, asked: Asked) -> Response<Body> {
        let pod = self.pod(&asked.pod);
        let served = match asked.stream {
            Stream::Log => log::serve(pod.as_ref(), &asked),
            Stream::Exec | Stream::Attach => exec::serve(pod.as_ref(), asked),
            Stream::PortForward => forward::serve(pod.as_ref(), asked),
        };
        served.unwrap_or_else(|failure| failure.response())
    }

    async fn pod_usage(&self, object: &Value) -> Option<Value> {
        let pod = self.pod(object)?;
        let used = Self::usage(&pod);
        if used.is_empty() {
            return None;
        }
        let shown = used.into_iter().map(|(name, cpu, memory)| {
            let usage = Self::shown(cpu, memory);
            json!({"name": name, "usage": usage})
        });
        Some(Value::Array(shown.collect()))
    }

    async fn node_usage(&self, node: &Value) -> Option<Value> {
        if !self.nodes.is_empty() && !self.nodes.iter().any(|name| name == node.name()) {
            return None;
        }
        // What a node needs for itself.
        let (mut cpu, mut memory) = (20_000_000, 256 << 20);
        for pod in self.all() {
            if pod.object().text("/spec/nodeName") == node.name() {
                for (_, used, resident) in Self::usage(&pod) {
                    cpu += used;
                    memory += resident;
                }
            }
        }
        Some(Self::shown(cpu, memory))
    }
}

/// The container that is meant, or why none is.
fn container(pod: Option<&Arc<Pod>>, asked: &Asked) -> Result<Arc<Member>, Failure> {
    let name = asked.pod.name();
    let names = |pointer: &str| -> Vec<&str> {
        asked
            .pod
            .items(pointer)
            .iter()
            .map(|item| item.text("/name"))
            .collect()
    };
    let (main, init) = (names("/spec/containers"), names("/spec/initContainers"));
    let wanted = match asked.parameter("container").filter(|wanted| !wanted.is_empty()) {
        Some(wanted) => wanted,
        None => match main.as_slice() {
            [only] if init.is_empty() || asked.stream != Stream::Log => only,
            [only] => only,
            all => {
                let mut message = format!(
                    "a container name must be specified for pod {name}, choose one of: [{}]",
                    all.join(" ")
                );
                if !init.is_empty() {
                    message = format!("{message} or one of the init containers: [{}]", init.join(" "));
                }
                return Err(Failure::bad_request(message));
            }
        },
    };
    if !main.iter().chain(&init).any(|known| *known == wanted) {
        return Err(Failure::bad_request(format!(
            "container {wanted} is not valid for pod {name}"
        )));
    }
    if asked.pod.text("/spec/nodeName").is_empty() {
        return Err(Failure::bad_request(format!(
            "pod {name} does not have a host assigned"
        )));
    }
    let member = pod.and_then(|pod| pod.members.iter().find(|member| member.spec.name == wanted));
    member
        .cloned()
        .ok_or_else(|| waiting(name, wanted, "ContainerCreating"))
}

fn waiting(pod: &str, container: &str, why: &str) -> Failure {
    Failure::bad_request(format!(
        "container {container:?} in pod {pod:?} is waiting to start: {why}"
    ))
}

/// Whether a container runs before those that the pod is for.
fn is_early(member: &Member) -> bool {
    member.spec.role != Role::Main
}

/// Text as an answer.
fn plain(code: u16, text: String) -> Response<Body> {
    let mut response = Response::new(http_body_util::Full::new(Bytes::from(text)).boxed_unsync());
    *response.status_mut() =
        hyper::StatusCode::from_u16(code).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let kind = hyper::header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}
