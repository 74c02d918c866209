//! The nodes of the cluster: all of them are this machine.
//!
//! ```no_run
//! let cluster = runbook_cluster::Cluster::start().expect("a port is free");
//! let kubelet = runbook_cluster::kubelet::Kubelet::start(&cluster, &Default::default()).expect("this is root");
//! ```
//!
//! What is bound to one of them is run as processes in namespaces of their own , and what becomes of
//! it is written to the store as the kubelet of a real node writes it: phases, conditions, the states of containers,
//! events. [`Kubelet`] also serves the streams of pods (logs, programs, ports) and tells what they use.

mod environment;
mod link;
mod member;
mod metrics;
mod names;
mod pod;
mod probe;
mod pull;
mod resources;
mod sandbox;
mod services;
mod spec;
mod status;
mod stream;
mod supervise;
mod volume;

use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use self::link::Link;
use self::pod::Pod;
use self::sandbox::Machine;
pub use self::sandbox::{Error, Image, Images};
use crate::Cluster;
use crate::object::Fields as _;
use crate::shared::lock;
use crate::streams::Streams;

/// The address of all nodes. An endpoint of this address is a port of 127.0.0.1 of this machine: so a server that a test
/// has started becomes a service, by an `EndpointSlice` or `Endpoints` of a service without selector.
pub const HOST: &str = "192.168.49.2";
/// How often the memory of containers with a limit is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How much faster than on a real node time goes where a kubelet waits: parts of a second for a second.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Before a container that failed is started again, or an image is pulled again: on a real node ten seconds at
    /// first, and up to five minutes.
    pub back_off: f64,
    /// Between the signal that asks a container to end and the one that ends it.
    pub grace: f64,
    /// Between two looks of a probe.
    pub probes: f64,
}

impl Default for Pace {
    /// Of a test: back-offs begin at a fifth of a second, probes look ten times as often.
    fn default() -> Self {
        Self {
            back_off: 0.02,
            grace: 0.1,
            probes: 0.1,
        }
    }
}

impl Pace {
    /// That of a real node.
    #[must_use]
    pub const fn real() -> Self {
        Self {
            back_off: 1.0,
            grace: 1.0,
            probes: 1.0,
        }
    }
}

/// What the nodes are.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Their names. If none is given, every pod that is bound is run.
    pub nodes: Vec<String>,
    /// From where they pull.
    pub images: Images,
    /// How fast their time goes.
    pub pace: Pace,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            images: Images::new(),
            pace: Pace::default(),
        }
    }
}

/// What all parts of the kubelet share.
pub(crate) struct Inner {
    link: Link,
    machine: Arc<Machine>,
    images: Images,
    pace: Pace,
    nodes: Vec<String>,
    pods: Mutex<HashMap<String, Arc<Pod>>>,
    /// Directories that outlive pods, by what they are for.
    kept: Mutex<HashMap<String, PathBuf>>,
    /// Which images a node has: node and image.
    pulled: Mutex<std::collections::HashSet<(String, String)>>,
    addresses: AtomicU32,
}

/// Runs the pods. Dropping it ends them, and leaves their objects as they are.
pub struct Kubelet {
    tasks: Mutex<Vec<JoinHandle<()>>>,
    runtime: tokio::runtime::Handle,
    inner: Arc<Inner>,
}

impl Kubelet {
    /// Runs what is bound to the nodes, and serves the streams of it. It takes some hundredths of a second.
    pub fn start(cluster: &Cluster, settings: &Settings) -> Result<Self, Error> {
        let inner = Arc::new(Inner {
            link: Link::new(Arc::clone(cluster.shared())),
            machine: Arc::new(Machine::start()?),
            images: settings.images.clone(),
            pace: settings.pace,
            nodes: settings.nodes.clone(),
            pods: Mutex::default(),
            kept: Mutex::default(),
            pulled: Mutex::default(),
            addresses: AtomicU32::new(0),
        });
        cluster.run_pods(Arc::clone(&inner) as Arc<dyn Streams>);
        let runtime = cluster.handle();
        let tasks = vec![
            runtime.spawn(Arc::clone(&inner).follow()),
            runtime.spawn(Arc::clone(&inner).watch_memory()),
            runtime.spawn(services::serve(Arc::clone(&inner))),
            runtime.spawn(names::serve(Arc::clone(&inner))),
        ];
        Ok(Self {
            tasks: Mutex::new(tasks),
            runtime,
            inner,
        })
    }

    /// A port of 127.0.0.1 that leads to a port of a service. Who connects waits until the service has a pod that is
    /// ready, but not for ever. It is there as long as the kubelet.
    ///
    /// Within pods the services are reached by their addresses and by their names: the resolver of the cluster answers
    /// `web`, `web.shop` and `web.shop.svc.cluster.local`.
    pub fn open(&self, namespace: &str, service: &str, port: u16) -> std::io::Result<SocketAddr> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let _inside = self.runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let service = (namespace.to_owned(), service.to_owned());
        let leading = services::lead(Arc::clone(&self.inner), listener, service, port);
        lock(&self.tasks).push(self.runtime.spawn(leading));
        Ok(address)
    }
}

impl fmt::Debug for Kubelet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kubelet").finish_non_exhaustive()
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        lock(&self.tasks).drain(..).for_each(|task| task.abort());
        lock(&self.inner.pods).drain().for_each(|(_, pod)| pod.abandon());
        self.inner.machine.end();
    }
}

impl Inner {
    /// Starts a pod for every object that is bound to a node, and tells it what becomes of the object.
    async fn follow(self: Arc<Self>) {
        let mut changes = self.link.changes();
        loop {
            changes.mark_unchanged();
            let found = self.link.pods(&self.nodes);
            {
                let mut pods = lock(&self.pods);
                pods.retain(|uid, pod| {
                    let is_there = found.iter().any(|object| object.uid() == uid);
                    if !is_there {
                        pod.vanish();
                    }
                    is_there
                });
                for object in found {
                    if let Some(pod) = pods.get(object.uid()) {
                        pod.tell(object);
                    } else {
                        let pod = Pod::start(&self, &object);
                        pods.insert(object.uid().to_owned(), pod);
                    }
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Ends what uses more memory than it may, as the kernel does for a real container.
    async fn watch_memory(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let mut limited = Vec::new();
            for pod in self.all() {
                for member in &pod.members {
                    let Some(limit) = member.spec.memory_limit() else {
                        continue;
                    };
                    if let Some(container) = member.life().running() {
                        limited.push((Arc::clone(container), limit));
                    }
                }
            }
            let namespaces: Vec<PathBuf> = limited
                .iter()
                .map(|(container, _)| container.namespace().cloned().unwrap_or_default())
                .collect();
            if namespaces.is_empty() {
                continue;
            }
            for (usage, (container, limit)) in sandbox::usage_of(&namespaces).into_iter().zip(limited) {
                if usage.memory > limit {
                    container.kill_for_memory();
                }
            }
        }
    }

    fn all(&self) -> Vec<Arc<Pod>> {
        lock(&self.pods).values().cloned().collect()
    }

    fn pod(&self, object: &Value) -> Option<Arc<Pod>> {
        lock(&self.pods).get(object.uid()).cloned()
    }

    /// A directory that is the same whenever it is asked for.
    fn kept(&self, key: &str) -> Result<PathBuf, Error> {
        let mut kept = lock(&self.kept);
        if let Some(path) = kept.get(key) {
            return Ok(path.clone());
        }
        let path = self.machine.directory("volumes")?;
        kept.insert(key.to_owned(), path.clone());
        Ok(path)
    }

    fn address(&self) -> String {
        let number = self.addresses.fetch_add(1, Ordering::Relaxed) + 2;
        format!("10.244.{}.{}", (number >> 8) & 255, number & 255)
    }

    fn back_off(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * self.pace.back_off)
    }
}

/// A UID that nothing else has.
fn unique() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness of the system names may repeat, which a test would notice.
    let _worse = getrandom::fill(&mut bytes);
    let hex = hex(&bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-4{}-8{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}

/// Two digits for each byte.
fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .flatten()
        .collect()
}
