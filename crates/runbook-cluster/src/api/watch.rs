//! Watching: the changes of a kind of objects, as they happen.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::{self, Instant};

use super::query::{Query, Shown};
use super::read::{self, Choice};
use super::route::Target;
use super::table;
use crate::failure::Failure;
use crate::kinds::Kind;
use crate::object::Fields as _;
use crate::shared::Shared;
use crate::store::{Change, Store};
use crate::streams::Body;

/// How often a client that wants bookmarks gets one although nothing happens. A real server takes a minute; clients
/// must bear either.
const BOOKMARKS: Duration = Duration::from_secs(2);

/// How long a watch lasts that does not say: a real server takes half an hour to an hour.
const LONGEST: Duration = Duration::from_mins(30);

struct Watching {
    shared: Arc<Shared>,
    kind: Arc<Kind>,
    choice: Choice,
    shown: Shown,
    /// All changes up to here have been told.
    told: u64,
    changes: Receiver<u64>,
    until: Instant,
    bookmarks: bool,
    next_bookmark: Instant,
    waiting: VecDeque<Bytes>,
    over: bool,
    first_table: bool,
    faults: u64,
}

/// Answers with the changes, for as long as the client listens.
pub(crate) fn watch(
    shared: &Arc<Shared>,
    target: &Target,
    query: &Query,
    shown: Shown,
) -> Result<Response<Body>, Failure> {
    let choice = Choice::of(target, query)?;
    let seconds = query
        .number("timeoutSeconds")?
        .and_then(|seconds| u64::try_from(seconds).ok());
    let length = seconds
        .filter(|&seconds| seconds > 0)
        .map_or(LONGEST, Duration::from_secs);
    let now = Instant::now();
    let mut watching = Watching {
        shared: shared.clone(),
        kind: target.kind.clone(),
        choice,
        shown,
        told: 0,
        changes: shared.changes(),
        until: now + length,
        bookmarks: query.flag("allowWatchBookmarks"),
        next_bookmark: now + BOOKMARKS,
        waiting: VecDeque::new(),
        over: false,
        first_table: true,
        faults: shared.faults.watches_gone(),
    };
    shared.read(|store| watching.start(store, query))?;
    let frames = stream::unfold(watching, |mut watching| async move {
        let bytes = watching.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(bytes)), watching))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(
        "content-type",
        hyper::header::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

impl Watching {
    /// Decides from where changes are told, and tells first what is there if that is asked for.
    fn start(&mut self, store: &Store, query: &Query) -> Result<(), Failure> {
        let matching = query.get("resourceVersionMatch");
        let initial = query
            .get("sendInitialEvents")
            .map(|_| query.flag("sendInitialEvents"));
        if initial.is_none() && matching.is_some() {
            return Err(read::invalid_options(
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            ));
        }
        if initial.is_some() && matching != Some("NotOlderThan") {
            return Err(read::invalid_options(
                "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ));
        }
        let version = read::version_of(query.get("resourceVersion").unwrap_or("0"))?;
        if version > store.version() {
            return Err(read::too_large(version, store.version()));
        }
        self.told = store.version();
        if initial.unwrap_or(version == 0) {
            let id = self.kind.id();
            let objects: Vec<Arc<Value>> = store
                .list(&id, self.choice.namespace.as_deref())
                .cloned()
                .collect();
            for object in objects {
                if self.choice.matches(&object) {
                    self.push("ADDED", &object);
                }
            }
            if initial == Some(true) && self.bookmarks {
                self.bookmark(true);
            }
        } else if version > 0 {
            self.told = version;
        }
        Ok(())
    }

    /// The next events, as lines.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.waiting.pop_front() {
                return Some(bytes);
            }
            if self.over {
                return None;
            }
            self.changes.mark_unchanged();
            let id = self.kind.id();
            if self.shared.faults.watches_gone() != self.faults {
                self.gone();
                continue;
            }
            let found = self.shared.read(|store| {
                let changes = store.since(&id, self.told);
                (changes, store.version())
            });
            match found {
                (None, _) => self.gone(),
                (Some(changes), version) => {
                    for change in &changes {
                        self.tell(change);
                    }
                    self.told = version;
                    if self.waiting.is_empty() {
                        self.wait().await;
                    }
                }
            }
        }
    }

    async fn wait(&mut self) {
        let next = if self.bookmarks {
            self.until.min(self.next_bookmark)
        } else {
            self.until
        };
        tokio::select! {
            changed = self.changes.changed() => self.over = changed.is_err(),
            () = time::sleep_until(next) => {
                self.over = next == self.until;
                if self.bookmarks {
                    self.next_bookmark = Instant::now() + BOOKMARKS;
                    self.bookmark(false);
                }
            }
        }
    }

    /// Objects that begin or cease to match are added or deleted for this client.
    fn tell(&mut self, change: &Change) {
        let before = change.old.as_ref().is_some_and(|old| self.choice.matches(old));
        let after = !change.removed && self.choice.matches(&change.new);
        match (before, after) {
            (false, true) => self.push("ADDED", &change.new),
            (true, true) => self.push("MODIFIED", &change.new),
            (true, false) => {
                // What is told of an object that ceased to match is its last state that did, with the new version.
                let mut last = change
                    .old
                    .as_ref()
                    .map_or_else(|| (*change.new).clone(), |old| (**old).clone());
                last.put(
                    "/metadata/resourceVersion",
                    Value::from(change.version.to_string()),
                );
                self.push("DELETED", &last);
            }
            (false, false) => {}
        }
    }

    fn push(&mut self, event: &str, object: &Value) {
        let object = read::in_version(&self.kind, object);
        let object = match self.shown {
            Shown::Objects => object,
            Shown::Metadata => table::metadata(&object),
            Shown::Table => table::table(&self.kind, &json!({}), &[Arc::new(object)], self.first_table),
        };
        self.first_table = false;
        self.line(&json!({"type": event, "object": object}));
    }

    fn bookmark(&mut self, initial: bool) {
        let mut object = json!({
            "kind": self.kind.kind, "apiVersion": self.kind.api_version(),
            "metadata": {"resourceVersion": self.told.to_string(), "creationTimestamp": null},
        });
        if initial {
            object.put(
                "/metadata/annotations",
                json!({"k8s.io/initial-events-end": "true"}),
            );
        }
        self.line(&json!({"type": "BOOKMARK", "object": object}));
    }

    fn gone(&mut self) {
        let oldest = self.shared.read(Store::forgotten);
        let failure = Failure::expired(format!(
            "too old resource version: {} ({})",
            self.told,
            oldest + 1
        ));
        self.line(&json!({"type": "ERROR", "object": failure.status()}));
        self.over = true;
    }

    fn line(&mut self, event: &Value) {
        let mut line = event.to_string();
        line.push('\n');
        self.waiting.push_back(Bytes::from(line));
    }
}
