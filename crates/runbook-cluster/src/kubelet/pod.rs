//! One pod, from the moment it is bound to a node until it is gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::Inner;
use super::link::{Told, Weight};
use super::member::Member;
use super::sandbox::Network;
use super::spec::{Restart, Role, Spec};
use super::status::{self, Seen};
use super::volume::Volumes;
use crate::object::Fields as _;
use crate::shared::lock;

/// The longest name of a host.
const HOST_NAME: usize = 63;

/// Tells when something must end, and how long it may take.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<Option<Duration>>);

impl Stop {
    /// Waits until it must, and answers how long it may take.
    pub(super) async fn asked(&mut self) -> Duration {
        match self.0.wait_for(Option::is_some).await {
            Ok(grace) => grace.unwrap_or_default(),
            Err(_) => Duration::ZERO,
        }
    }

    /// Waits until it is asked for again, with another time.
    pub(super) async fn asked_again(&mut self) -> Duration {
        match self.0.changed().await {
            Ok(()) => self.0.borrow().unwrap_or_default(),
            Err(_) => Duration::ZERO,
        }
    }

    pub(super) fn is_asked(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits for the time to pass; answers whether it must end instead.
    pub(super) async fn sleep(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.asked()).await.is_ok()
    }
}

/// A pod that is run.
pub(super) struct Pod {
    pub(super) node: Arc<Inner>,
    pub(super) members: Vec<Arc<Member>>,
    pub(super) address: String,
    uid: String,
    namespace: String,
    name: String,
    restart: Restart,
    started: Timestamp,
    object: watch::Sender<Arc<Value>>,
    stop: watch::Sender<Option<Duration>>,
    stop_sidecars: watch::Sender<Option<Duration>>,
    network: Mutex<Option<Arc<Network>>>,
    has_network: AtomicBool,
    volumes: Mutex<Option<Arc<Volumes>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Pod {
    pub(super) fn start(node: &Arc<Inner>, object: &Arc<Value>) -> Arc<Self> {
        let specs = Spec::all(object);
        let has_init = specs.iter().any(|spec| spec.role != Role::Main);
        let members = specs
            .into_iter()
            .map(|spec| Arc::new(Member::new(spec, has_init)));
        let pod = Arc::new(Self {
            node: Arc::clone(node),
            members: members.collect(),
            address: node.address(),
            uid: object.uid().to_owned(),
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            restart: Restart::of(object),
            started: crate::clock::now(),
            object: watch::Sender::new(Arc::clone(object)),
            stop: watch::Sender::new(None),
            stop_sidecars: watch::Sender::new(None),
            network: Mutex::default(),
            has_network: AtomicBool::new(false),
            volumes: Mutex::default(),
            task: Mutex::default(),
        });
        pod.tell(Arc::clone(object));
        *lock(&pod.task) = Some(tokio::spawn(Arc::clone(&pod).run()));
        pod
    }

    /// The object as it was last seen.
    pub(super) fn object(&self) -> Arc<Value> {
        Arc::clone(&self.object.borrow())
    }

    /// Hears of a new state of the object.
    pub(super) fn tell(&self, object: Arc<Value>) {
        if object.is_deleting() {
            let seconds = object
                .number("/metadata/deletionGracePeriodSeconds")
                .and_then(|seconds| u32::try_from(seconds).ok())
                .unwrap_or(30);
            let grace = Duration::from_secs_f64(f64::from(seconds) * self.node.pace.grace);
            self.stop.send_if_modified(|known| {
                let is_sooner = known.is_none_or(|known| grace < known);
                if is_sooner {
                    *known = Some(grace);
                }
                is_sooner
            });
        }
        self.object.send_replace(object);
    }

    /// The object is gone, so nobody waits any more.
    pub(super) fn vanish(&self) {
        self.stop.send_replace(Some(Duration::ZERO));
    }

    /// Ends what runs at once, and says nothing.
    pub(super) fn abandon(&self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
        for member in &self.members {
            if let Some(container) = member.life().current.take() {
                container.signal(rustix::process::Signal::KILL);
            }
        }
        lock(&self.network).take();
    }

    pub(super) fn network(&self) -> Option<Arc<Network>> {
        lock(&self.network).clone()
    }

    pub(super) fn volumes(&self) -> Arc<Volumes> {
        lock(&self.volumes).clone().unwrap_or_default()
    }

    pub(super) fn event(&self, weight: Weight, reason: &str, message: String, field: Option<String>) {
        let told = Told {
            weight,
            reason,
            message,
            field,
        };
        self.node.link.tell(&self.object(), told);
    }

    /// An event about one of its containers.
    pub(super) fn event_of(&self, member: &Member, weight: Weight, reason: &str, message: String) {
        self.event(weight, reason, message, Some(member.spec.field()));
    }

    /// Writes what has become of it.
    pub(super) fn publish(&self) {
        let seen = Seen {
            members: &self.members,
            restart: self.restart,
            has_network: self.has_network.load(Ordering::Relaxed),
            address: &self.address,
            started: self.started,
        };
        let link = &self.node.link;
        link.update(&self.namespace, &self.name, &self.uid, |pod| {
            status::write(pod, &seen)
        });
    }

    /// How long its containers may take to end when nobody says.
    pub(super) fn grace(&self) -> Duration {
        let seconds = self
            .object()
            .number("/spec/terminationGracePeriodSeconds")
            .unwrap_or(30);
        let seconds = u32::try_from(seconds).unwrap_or_default();
        Duration::from_secs_f64(f64::from(seconds) * self.node.pace.grace)
    }

    pub(super) const fn restart(&self) -> Restart {
        self.restart
    }

    async fn run(self: Arc<Self>) {
        self.publish();
        let mut stop = self.stop();
        Arc::clone(&self).live(&mut stop).await;
        for member in &self.members {
            let mut life = member.life();
            life.is_over = true;
            life.is_ready = false;
        }
        self.publish();
        lock(&self.network).take();
        stop.asked().await;
        self.node.link.remove(&self.namespace, &self.name, &self.uid);
        for member in &self.members {
            let (current, previous) = {
                let mut life = member.life();
                (life.current.take(), life.previous.take())
            };
            for container in current.iter().chain(&previous) {
                container.remove().await;
            }
        }
    }

    fn stop(&self) -> Stop {
        Stop(self.stop.subscribe())
    }

    /// All that happens until the last container has ended for good.
    async fn live(self: Arc<Self>, stop: &mut Stop) {
        if stop.is_asked() || !self.make_volumes(stop).await || !self.make_network(stop).await {
            return;
        }
        let mut sidecars = JoinSet::new();
        let mut mains = JoinSet::new();
        if self.initialize(stop, &mut sidecars).await {
            for member in self.with(Role::Main) {
                mains.spawn(Arc::clone(&self).supervise(member, self.stop()));
            }
        }
        let mut changes = self.node.link.changes();
        while !mains.is_empty() {
            tokio::select! {
                _ = mains.join_next() => {}
                _ = changes.changed() => self.volumes().refresh(&self.node, &self.object(), &self.address),
            }
        }
        let grace = self.grace();
        self.stop_sidecars.send_replace(Some(grace));
        while sidecars.join_next().await.is_some() {}
    }

    fn with(&self, role: Role) -> Vec<Arc<Member>> {
        let members = self.members.iter().filter(|member| member.spec.role == role);
        members.cloned().collect()
    }

    /// Runs the init containers one after the other; answers whether the others may start.
    async fn initialize(self: &Arc<Self>, stop: &mut Stop, sidecars: &mut JoinSet<()>) -> bool {
        for member in self
            .members
            .iter()
            .filter(|member| member.spec.role != Role::Main)
        {
            if stop.is_asked() {
                return false;
            }
            if member.spec.role == Role::Sidecar {
                let ends = Stop(self.stop_sidecars.subscribe());
                sidecars.spawn(Arc::clone(self).supervise(Arc::clone(member), ends));
                let mut changes = self.node.link.changes();
                while !member.life().is_started {
                    tokio::select! {
                        _ = stop.asked() => return false,
                        _ = changes.changed() => {}
                    }
                }
                continue;
            }
            Arc::clone(self).supervise(Arc::clone(member), stop.clone()).await;
            if member.life().ended.as_ref().is_none_or(|ended| ended.code != 0) {
                return false;
            }
        }
        !stop.is_asked()
    }

    async fn make_volumes(&self, stop: &mut Stop) -> bool {
        let mut changes = self.node.link.changes();
        loop {
            changes.mark_unchanged();
            let object = self.object();
            match Volumes::make(&self.node, &object, &self.address) {
                Ok(volumes) => {
                    *lock(&self.volumes) = Some(Arc::new(volumes));
                    return true;
                }
                Err(why) => self.event(Weight::Warning, "FailedMount", why, None),
            }
            changes.mark_unchanged();
            tokio::select! {
                _ = stop.asked() => return false,
                _ = changes.changed() => {}
            }
        }
    }

    async fn make_network(&self, stop: &mut Stop) -> bool {
        let object = self.object();
        let host = match object.text("/spec/hostname") {
            "" => &self.name,
            host => host,
        };
        let host = host.get(..HOST_NAME).unwrap_or(host);
        loop {
            match Network::start(&self.node.machine, &self.address, host).await {
                Ok(network) => {
                    *lock(&self.network) = Some(Arc::new(network));
                    self.has_network.store(true, Ordering::Relaxed);
                    self.publish();
                    return true;
                }
                Err(error) => {
                    let message = format!("Failed to create pod sandbox: {error}");
                    self.event(Weight::Warning, "FailedCreatePodSandBox", message, None);
                }
            }
            if stop.sleep(Duration::from_secs(1)).await {
                return false;
            }
        }
    }
}
