//! `pods/log`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use jiff::Timestamp;
use tokio::sync::watch;

use super::{container, is_early, waiting};
use crate::failure::Failure;
use crate::kubelet::member::Member;
use crate::kubelet::pod::Pod;
use crate::kubelet::sandbox::Log;
use crate::object::Fields as _;
use crate::streams::{Asked, Body};

/// A log on its way to a client.
struct Reading {
    log: Log,
    state: watch::Receiver<(u64, bool)>,
    next: u64,
    ready: VecDeque<Bytes>,
    is_following: bool,
    with_times: bool,
    since: Option<Timestamp>,
    /// How many bytes may still be sent.
    left: Option<usize>,
}

/// Answers with what was printed, and with what will be.
pub(super) fn serve(pod: Option<&Arc<Pod>>, asked: &Asked) -> Result<Response<Body>, Failure> {
    let number = |name: &str| -> Result<Option<u64>, Failure> {
        let text = asked.parameter(name).filter(|text| !text.is_empty());
        let parsed = text.map(|text| {
            text.parse().map_err(|_| {
                let why = format!("strconv.ParseInt: parsing {text:?}: invalid syntax");
                Failure::bad_request(format!("unable to decode query parameters: {name}: {why}"))
            })
        });
        parsed.transpose()
    };
    let (tail, limit, seconds) = (
        number("tailLines")?,
        number("limitBytes")?,
        number("sinceSeconds")?,
    );
    let member = container(pod, asked)?;
    let (log, is_over) = find(&member, asked)?;
    let now = crate::clock::now();
    let ago = seconds.and_then(|seconds| i64::try_from(seconds).ok());
    let since =
        match (ago, asked.parameter("sinceTime")) {
            (Some(ago), _) => now.checked_sub(jiff::SignedDuration::from_secs(ago)).ok(),
            (None, Some(time)) => Some(time.parse().map_err(|_| {
                Failure::bad_request(format!("unable to parse {time:?} as a time of RFC 3339"))
            })?),
            (None, None) => None,
        };
    let mut reading = Reading {
        state: log.follow(),
        next: 0,
        ready: VecDeque::new(),
        is_following: asked.flag("follow") && !asked.flag("previous") && !is_over,
        with_times: asked.flag("timestamps"),
        since,
        left: limit.and_then(|limit| usize::try_from(limit).ok()),
        log,
    };
    reading.read();
    if let Some(tail) = tail.and_then(|tail| usize::try_from(tail).ok()) {
        reading.keep_last(tail);
    }
    let frames = futures_util::stream::unfold(reading, |mut reading| async move {
        let bytes = reading.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(bytes)), reading))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let kind = hyper::header::HeaderValue::from_static("text/plain");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    Ok(response)
}

/// The log that is meant, and whether it is complete.
fn find(member: &Member, asked: &Asked) -> Result<(Log, bool), Failure> {
    let (pod, name) = (asked.pod.name(), &member.spec.name);
    let life = member.life();
    if asked.flag("previous") {
        // While it waits to be started again, the last life is not over for those who ask for the one before.
        let is_waiting = life.waiting.is_some() || life.ended.is_none();
        let found = if is_waiting && life.waiting.is_some() && life.current.is_some() {
            life.current.as_ref()
        } else {
            life.previous.as_ref()
        };
        let message = format!("previous terminated container {name:?} in pod {pod:?} not found");
        return found
            .map(|container| (container.log.clone(), true))
            .ok_or_else(|| Failure::bad_request(message));
    }
    if let Some(container) = &life.current {
        return Ok((container.log.clone(), container.exit().is_some()));
    }
    let why = match &life.waiting {
        Some(("ErrImagePull" | "ImagePullBackOff", _)) => "trying and failing to pull image",
        Some((reason, _)) => reason,
        None if is_early(member) => "PodInitializing",
        None => "ContainerCreating",
    };
    Err(waiting(pod, name, why))
}

impl Reading {
    /// Takes what there is.
    fn read(&mut self) {
        let (entries, next) = self.log.since(self.next);
        self.next = next;
        for entry in entries {
            if self.since.is_some_and(|since| entry.time < since) {
                continue;
            }
            let mut line = Vec::new();
            if self.with_times {
                line.extend_from_slice(
                    entry
                        .time
                        .strftime("%Y-%m-%dT%H:%M:%S.%9fZ ")
                        .to_string()
                        .as_bytes(),
                );
            }
            line.extend_from_slice(&entry.text);
            self.ready.push_back(Bytes::from(line));
        }
    }

    fn keep_last(&mut self, tail: usize) {
        let surplus = self.ready.len().saturating_sub(tail);
        self.ready.drain(..surplus);
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.left == Some(0) {
                return None;
            }
            if let Some(mut line) = self.ready.pop_front() {
                if let Some(left) = &mut self.left {
                    line.truncate(*left);
                    *left -= line.len();
                }
                return Some(line);
            }
            if !self.is_following {
                return None;
            }
            let is_over = self.state.borrow_and_update().1;
            self.read();
            if self.ready.is_empty() && (is_over || self.state.changed().await.is_err()) {
                return None;
            }
        }
    }
}
