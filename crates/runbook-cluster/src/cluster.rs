//! The cluster as a whole: starting, ending, users, and what a test orders to go wrong.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::api::{Faulty, MASTERS, Objects};
use crate::controllers;
use crate::failure::Failure;
use crate::object::Fields as _;
use crate::rules::{Webhook, suffix};
use crate::server::{self, Identity, Wish};
use crate::shared::Shared;
use crate::streams::Streams;
use crate::usage::Usage;

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no port or no thread to be had.
    #[error("the cluster cannot start")]
    Start(#[from] io::Error),
    /// There is no certificate to be had.
    #[error("the cluster's certificate cannot be made: {0}")]
    Tls(String),
    /// The cluster's own objects could not be made.
    #[error("the cluster's own objects cannot be made")]
    Objects(#[from] Failure),
}

/// What a cluster starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The names of its nodes, each of which is ready.
    pub nodes: Vec<String>,
    /// Whether controllers run. Without them, objects stay as they are written.
    pub controllers: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            nodes: vec!["node-1".to_owned(), "node-2".to_owned()],
            controllers: true,
        }
    }
}

/// A running cluster. It ends when it is dropped.
pub struct Cluster {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    identity: Identity,
    port: u16,
    wishes: watch::Sender<Wish>,
    listening: watch::Receiver<bool>,
}

impl Cluster {
    /// Starts a cluster with two nodes and the user `admin`, who may do anything.
    pub fn start() -> Result<Self, Error> {
        Self::start_with(&Settings::default())
    }

    /// The same with other settings.
    pub fn start_with(settings: &Settings) -> Result<Self, Error> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("cluster")
            .enable_all()
            .build()?;
        let identity = Identity::new()?;
        let shared = Arc::new(Shared::new());
        shared
            .users
            .add(format!("admin-{}", token()), "admin", &[MASTERS]);
        let objects = Objects::new(shared.clone(), "kube-apiserver");
        furnish(&objects, settings)?;
        let wishes = watch::Sender::new(Wish::default());
        let listener = {
            let _inside = runtime.enter();
            server::bind(0)?
        };
        let port = listener.local_addr()?.port();
        let (told, listening) = watch::channel(true);
        runtime.spawn(server::serve(
            shared.clone(),
            identity.clone(),
            listener,
            wishes.subscribe(),
            told,
        ));
        if settings.controllers {
            runtime.spawn(controllers::run(objects));
        }
        Ok(Self {
            shared,
            runtime: Some(runtime),
            identity,
            port,
            wishes,
            listening,
        })
    }

    /// Where the server is reached: `https://127.0.0.1:41231`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The certificate of the server's authority, in PEM form.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.identity.authority
    }

    /// The token of a user, who is made if nobody has that name. `admin` may do anything, all others what roles say.
    /// The name of a service account is `system:serviceaccount:NAMESPACE:NAME`.
    #[must_use]
    pub fn token(&self, user: &str) -> String {
        if let Some(token) = self.shared.users.token(user) {
            return token;
        }
        let new = format!("token-{}", token());
        let groups: &[&str] = if user == "admin" { &[MASTERS] } else { &[] };
        self.shared.users.add(new.clone(), user, groups);
        new
    }

    /// Makes all tokens of a user worthless. [`Cluster::token`] then gives a new one.
    pub fn expire(&self, user: &str) {
        self.shared.users.expire(user);
    }

    /// A kubeconfig with one context, `cluster`, for a user. Its namespace is `default`.
    #[must_use]
    pub fn kubeconfig(&self, user: &str) -> String {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "cluster",
            "clusters": [{"name": "cluster", "cluster": {
                "server": self.url(), "certificate-authority-data": STANDARD.encode(&self.identity.authority),
            }}],
            "users": [{"name": user, "user": {"token": self.token(user)}}],
            "contexts": [{"name": "cluster", "context": {"cluster": "cluster", "user": user, "namespace": "default"}}],
        });
        serde_yaml::to_string(&config).unwrap_or_default()
    }

    /// The objects, past the server.
    #[must_use]
    pub fn objects(&self) -> Objects {
        Objects::new(self.shared.clone(), "test")
    }

    /// Leaves logs, programs and ports of pods to whoever runs them.
    pub fn run_pods(&self, streams: Arc<dyn Streams>) {
        self.shared.run_pods(streams);
    }

    /// What the parts of the cluster have in common.
    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The runtime on which the cluster runs, for what becomes part of it.
    ///
    /// # Panics
    ///
    /// Never: the runtime is there until the cluster is dropped.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "the runtime is there until the cluster is dropped"
    )]
    pub fn handle(&self) -> tokio::runtime::Handle {
        self.runtime.as_ref().expect("the cluster runs").handle().clone()
    }

    /// Lets requests go wrong.
    pub fn fault(&self, faulty: Faulty) {
        self.shared.faults.add(faulty);
    }

    /// Takes back all faults that nobody has met, and all webhooks.
    pub fn mend(&self) {
        self.shared.faults.clear();
        self.shared.hooks.clear();
    }

    /// Puts a webhook in the way of every change that comes through the server.
    pub fn webhook(&self, webhook: Webhook) {
        self.shared.hooks.add(webhook);
    }

    /// The same for a webhook whose `failurePolicy` is `Ignore`: what it does not judge in time is let through.
    pub fn optional_webhook(&self, webhook: Webhook) {
        self.shared.hooks.add_optional(webhook);
    }

    /// Sets the clock forward by which cron jobs fire and autoscalers wait. All else goes by the clock of the machine,
    /// which clients look at, too.
    pub fn advance(&self, by: Duration) {
        self.shared
            .advance(i64::try_from(by.as_secs()).unwrap_or(i64::MAX));
    }

    /// Says what each pod of a namespace uses whose name begins with `pods`: thousandths of a processor, and bytes. It is
    /// what `metrics.k8s.io` tells of these pods from then on, and what autoscalers see.
    pub fn set_usage(&self, namespace: &str, pods: &str, cpu: u32, memory: u32) {
        self.shared.usages.set(namespace, pods, Usage::new(cpu, memory));
        self.shared.wake();
    }

    /// Forgets the history: who watches from an earlier version is told that it is gone.
    pub fn compact(&self) {
        self.shared.write(crate::store::Store::compact);
        self.shared.faults.end_watches();
        self.shared.wake();
    }

    /// Keeps no more changes than this for those who watch.
    pub fn keep_history(&self, changes: usize) {
        self.shared.write(|store| store.keep(changes));
    }

    /// Cuts all connections in the middle of whatever they do.
    pub fn cut(&self) {
        self.wishes.send_modify(|wish| wish.cuts += 1);
    }

    /// Lets the server go away: all connections are cut, and nobody listens. Objects and controllers stay.
    pub fn go_away(&self) {
        self.wish(true);
    }

    /// Lets it come back on the same port.
    pub fn come_back(&self) {
        self.wish(false);
    }

    fn wish(&self, away: bool) {
        self.wishes.send_modify(|wish| {
            wish.away = away;
            wish.cuts += 1;
        });
        let mut listening = self.listening.clone();
        let reached = async move { listening.wait_for(|listening| *listening != away).await.map(drop) };
        if let Some(runtime) = &self.runtime {
            let (done, wait) = std::sync::mpsc::channel();
            runtime.spawn(async move {
                let _told = reached.await;
                let _heard = done.send(());
            });
            let _waited = wait.recv_timeout(Duration::from_secs(10));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn token() -> String {
    (0..5).map(|_| suffix()).collect()
}

/// What every cluster has from the start.
fn furnish(objects: &Objects, settings: &Settings) -> Result<(), Failure> {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        objects.create("namespaces", &json!({"metadata": {"name": name}}))?;
        objects.create(
            "serviceaccounts",
            &json!({"metadata": {"name": "default", "namespace": name}}),
        )?;
    }
    for name in &settings.nodes {
        objects.create("nodes", &node(name))?;
        let made = json!({"metadata": {"name": name}});
        objects.change_status("nodes", &made, node_status)?;
    }
    Ok(())
}

fn node(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64",
        }},
        "spec": {},
    })
}

fn node_status(node: &mut Value) {
    let now = crate::clock::now_stamp();
    let name = node.name().to_owned();
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    let room = json!({"cpu": "4", "memory": "8Gi", "ephemeral-storage": "50Gi", "pods": "110"});
    node.put(
        "/status",
        json!({
            "capacity": room, "allocatable": room,
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "6.1.0", "osImage": "Debian GNU/Linux",
                "containerRuntimeVersion": "containerd://2.1.0", "kubeletVersion": "v1.36.0", "kubeProxyVersion": "",
                "operatingSystem": "linux", "architecture": "amd64",
            },
        }),
    );
}
