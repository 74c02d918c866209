//! Watching objects: what is there, and then every change of it, for as long as anybody waits.
//!
//! A watch outlives what it is made of: a server closes each after a while, forgets what has been (410), goes away and
//! comes back. Whoever waits hears nothing of that but the changes, and a word when the server is away.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream as Events, StreamExt as _};
use indexmap::IndexMap;
use kube::core::WatchEvent;
use runbook_action::{Call, Failure, Stream};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::cluster::{Ask, Cluster};
use crate::kinds::Resource;
use crate::object::{self, Target};
use crate::trouble::Trouble;

/// After so long a server ends a watch, and it is begun again.
const SPAN: Duration = Duration::from_mins(4);

/// After so long without the end of a watch the connection counts as lost.
const SILENT: Duration = Duration::from_secs(270);

/// How long one waits before a lost server is asked again: at first, and at most.
const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(5);

type Opened = Pin<Box<dyn Events<Item = Result<WatchEvent<Value>, kube::Error>> + Send>>;

/// Objects that are watched.
pub(crate) struct Watch<'a> {
    cluster: &'a Cluster,
    call: Call<'a>,
    kind: std::sync::Arc<Resource>,
    list: Ask,
    /// The objects as they are, in the order in which they were seen first.
    pub(crate) objects: IndexMap<String, Value>,
    version: String,
    events: Option<Opened>,
    pause: Duration,
    is_away: bool,
}

impl<'a> Watch<'a> {
    /// Reads what is there.
    pub(crate) async fn open(
        cluster: &'a Cluster,
        call: Call<'a>,
        kind: &std::sync::Arc<Resource>,
        namespace: Option<&str>,
        query: &[(&'static str, String)],
    ) -> Result<Self, Failure> {
        let list = Ask::get(kind.path(namespace))
            .with_all(query)
            .needs("list", kind, None, namespace);
        let mut watch = Self {
            cluster,
            call,
            kind: std::sync::Arc::clone(kind),
            list,
            objects: IndexMap::new(),
            version: String::new(),
            events: None,
            pause: FIRST,
            is_away: false,
        };
        while let Err(trouble) = watch.relist().await {
            watch.endure(trouble).await?;
        }
        Ok(watch)
    }

    /// Watches one object.
    pub(crate) async fn one(cluster: &'a Cluster, call: Call<'a>, target: &Target) -> Result<Self, Failure> {
        let query = [("fieldSelector", format!("metadata.name={}", target.name))];
        Self::open(cluster, call, &target.kind, target.namespace.as_deref(), &query).await
    }

    async fn relist(&mut self) -> Result<(), Trouble> {
        let list = self.cluster.ask(&self.list).await?;
        self.version = object::text(&list, "/metadata/resourceVersion");
        let items = object::items(&list, &self.kind);
        self.objects = items.into_iter().map(|item| (key(&item), item)).collect();
        self.events = None;
        Ok(())
    }

    /// Returns when something has changed. The future may be dropped, and nothing is lost.
    pub(crate) async fn changed(&mut self) -> Result<(), Failure> {
        loop {
            match self.step().await {
                Ok(()) => {
                    self.is_away = false;
                    return Ok(());
                }
                Err(trouble) if trouble.is_gone() => {
                    // What has been in between shows in what is there.
                    while let Err(trouble) = self.relist().await {
                        self.endure(trouble).await?;
                    }
                    return Ok(());
                }
                Err(trouble) => self.endure(trouble).await?,
            }
        }
    }

    /// Takes the next event, if there is one; what ends without an error is begun again by the next step.
    async fn step(&mut self) -> Result<(), Trouble> {
        loop {
            if self.events.is_none() {
                self.events = Some(begin(self.cluster, &self.list, &self.version).await?);
            }
            let Some(events) = &mut self.events else {
                continue;
            };
            let Ok(event) = timeout(SILENT, events.next()).await else {
                self.events = None;
                continue;
            };
            match event {
                None => {
                    self.events = None;
                    // A server that ends watches at once is not to be asked without a pause.
                    sleep(FIRST).await;
                }
                Some(Err(error)) => {
                    self.events = None;
                    return Err(self.cluster.lost(&error));
                }
                Some(Ok(event)) => {
                    self.pause = FIRST;
                    if self.take(event)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Whether it changes anything.
    fn take(&mut self, event: WatchEvent<Value>) -> Result<bool, Trouble> {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                self.version = object::text(&object, "/metadata/resourceVersion");
                let object = object::typed(object, &self.kind);
                self.objects.insert(key(&object), object);
                Ok(true)
            }
            WatchEvent::Deleted(object) => {
                self.version = object::text(&object, "/metadata/resourceVersion");
                self.objects.shift_remove(&key(&object));
                Ok(true)
            }
            WatchEvent::Bookmark(bookmark) => {
                self.version = bookmark.metadata.resource_version;
                Ok(false)
            }
            WatchEvent::Error(status) => {
                self.events = None;
                Err(self.cluster.lost(&kube::Error::Api(status)))
            }
        }
    }

    /// Waits a moment after a trouble that may pass; any other ends the watch.
    async fn endure(&mut self, trouble: Trouble) -> Result<(), Failure> {
        if trouble.code == 401 {
            return self.cluster.renew().await;
        }
        if !trouble.is_passing() {
            return Err(trouble.failure());
        }
        let wait = trouble.retry_after.unwrap_or(self.pause);
        if !self.is_away {
            self.is_away = true;
            tell(self.call, &format!("{}; it is asked again", trouble.message)).await?;
        }
        sleep(wait).await;
        self.pause = (self.pause * 2).min(MOST);
        Ok(())
    }
}

/// Begins to watch what has changed since this version.
async fn begin(cluster: &Cluster, list: &Ask, version: &str) -> Result<Opened, Trouble> {
    let mut ask = list
        .clone()
        .with("watch", "true")
        .with("allowWatchBookmarks", "true")
        .with("resourceVersion", version)
        .with("timeoutSeconds", SPAN.as_secs().to_string());
    ask.right.verb = "watch";
    let request = Cluster::streamed(&ask).map_err(Trouble::from_failure)?;
    let client = cluster.client().await.map_err(Trouble::from_failure)?;
    let events = client.request_events::<Value>(request).await;
    let events = events.map_err(|error| cluster.lost_of(&error, &ask.right))?;
    Ok(Box::pin(events))
}

/// A line in the timeline beside what the step gives.
pub(crate) async fn tell(call: Call<'_>, line: &str) -> Result<(), Failure> {
    let line = format!("{}\n", call.mask(line));
    call.host.write(Stream::Stderr, line.as_bytes()).await
}

fn key(object: &Value) -> String {
    format!(
        "{}/{}",
        object::text(object, "/metadata/namespace"),
        object::name(object)
    )
}
