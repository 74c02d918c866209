//! What runs, runs against a cluster: the one that `RUNBOOK_TEST_KUBECONFIG` names, or one that the tests start. No test
//! knows which, but for those in `orders` and `draining`, which need a cluster that does as it is told.

mod access;
mod changes;
mod custom;
mod draining;
mod keeping;
mod orders;
mod ports;
mod programs;
mod reading;
mod rights;
mod rollouts;
mod services;
mod sets;
mod stuck;
mod targets;
mod undoing;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use runbook_action::{Connection, Failure, Inverse, Output, Preview, Transport};
use runbook_action_k8s::{Environment, K8s};
use runbook_action_shell::Local;
use runbook_cluster::Cluster;
use runbook_cluster::kubelet::{Kubelet, Settings};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The image of the pods of tests.
const IMAGE: &str = "busybox:1.36";

/// A cluster of the tests' own.
struct Own {
    cluster: Cluster,
    kubelet: Option<Kubelet>,
    directory: TempDir,
}

impl Own {
    fn start() -> Self {
        let cluster = Cluster::start().unwrap();
        let kubelet = Kubelet::start(&cluster, &Settings::default()).unwrap();
        let own = Self {
            cluster,
            kubelet: Some(kubelet),
            directory: TempDir::with_prefix("runbook-").unwrap(),
        };
        std::fs::write(own.config("admin"), own.cluster.kubeconfig("admin")).unwrap();
        own
    }

    fn config(&self, user: &str) -> PathBuf {
        self.directory.path().join(user.replace(':', "-"))
    }

    /// A kubeconfig for this user, with a token that is good now.
    fn user(&self, user: &str) -> PathBuf {
        std::fs::write(self.config(user), self.cluster.kubeconfig(user)).unwrap();
        self.config(user)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Pods end before the cluster that they are pods of.
        drop(self.kubelet.take());
    }
}

/// The kubeconfig of the cluster that the tests share.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests names the cluster"
)]
fn kubeconfig() -> PathBuf {
    static OWN: OnceLock<Own> = OnceLock::new();
    match std::env::var_os("RUNBOOK_TEST_KUBECONFIG") {
        Some(path) => PathBuf::from(path),
        None => OWN.get_or_init(Own::start).config("admin"),
    }
}

/// A namespace of a test's own, which goes when the test ends.
struct Stage {
    action: K8s,
    config: PathBuf,
    namespace: String,
    root: TempDir,
}

impl Stage {
    async fn new() -> Self {
        Self::of(kubeconfig()).await
    }

    /// In the cluster of this kubeconfig.
    async fn of(config: PathBuf) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = TempDir::with_prefix("runbook-").unwrap();
        let stage = Self {
            action: action(root.path(), Vec::new()),
            config,
            namespace: format!("runbook-{}-{number}", std::process::id()),
            root,
        };
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage.namespace}});
        stage.done(json!({"apply": namespace})).await;
        stage
    }

    fn used(&self, params: &Value) -> Use {
        let k8s = json!({"kubeconfig": self.config, "namespace": self.namespace});
        Use {
            params: written(params),
            connection: Some(connection(&k8s)),
            ..Use::default()
        }
    }

    async fn run(&self, params: Value) -> Result<Output, Failure> {
        self.used(&params).run(&self.action, &FakeHost::new()).await
    }

    /// The result of what must succeed.
    async fn done(&self, params: Value) -> Value {
        match self.run(params.clone()).await {
            Ok(output) => output.value,
            Err(failure) => panic!("{params}: {failure:?}"),
        }
    }

    /// The failure of what must fail.
    async fn fails(&self, params: Value) -> Failure {
        match self.run(params.clone()).await {
            Ok(output) => panic!("{params}: {output:?}"),
            Err(failure) => failure,
        }
    }

    async fn preview(&self, params: Value) -> Preview {
        let seen = self.used(&params).preview(&self.action, &FakeHost::new()).await;
        seen.unwrap().unwrap()
    }

    async fn keeps(&self, params: &Value) -> Inverse {
        let kept = self.used(params).prepare(&self.action, &FakeHost::new()).await;
        kept.unwrap().unwrap()
    }

    async fn undoes(&self, params: &Value, kept: &Inverse) -> Result<Value, Failure> {
        let undone = self.used(params).undo(&self.action, &FakeHost::new(), kept).await;
        undone.map(|output| output.value)
    }

    /// The object as it is.
    async fn object(&self, name: &str) -> Value {
        self.done(json!({"get": name})).await["object"].clone()
    }

    /// A deployment of this many pods that only sleep, rolled out.
    async fn deployment(&self, name: &str, replicas: u32) {
        self.done(json!({"apply": deployment(name, replicas)})).await;
        self.done(json!({"rollout_status": format!("deployment/{name}")}))
            .await;
    }

    /// A pod that runs a script, ready.
    async fn pod(&self, name: &str, script: &str) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container(script)]},
        });
        self.done(json!({"apply": pod})).await;
        self.done(json!({"wait": format!("pod/{name}"), "for": {"condition": "Ready"}}))
            .await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let used = self.used(&json!({"delete": format!("namespace/{}", self.namespace), "missing_ok": true}));
        let root = self.root.path().to_owned();
        // A test that fails removes it too. Connections belong to the runtime that opened them, so this opens its own.
        let removing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                drop(used.run(&action(&root, Vec::new()), &FakeHost::new()).await);
            });
        });
        drop(removing.join());
    }
}

fn action(root: &Path, vars: Vec<(std::ffi::OsString, std::ffi::OsString)>) -> K8s {
    let around = Environment {
        vars: vars.clone(),
        root: root.to_owned(),
        account: None,
    };
    K8s::new(around, here(root, vars))
}

/// This machine, where programs run that give credentials.
#[expect(
    clippy::disallowed_methods,
    reason = "programs are found as the tests find them"
)]
fn here(root: &Path, vars: Vec<(std::ffi::OsString, std::ffi::OsString)>) -> Arc<dyn Transport> {
    let here = runbook_action_shell::Environment {
        vars: std::env::vars_os()
            .filter(|(name, _)| name == "PATH")
            .chain(vars)
            .collect(),
        root: root.to_owned(),
    };
    Arc::new(Local::new(here))
}

fn connection(k8s: &Value) -> Connection {
    Connection {
        name: "cluster".to_owned(),
        params: written(&json!({"k8s": k8s})),
    }
}

fn container(script: &str) -> Value {
    json!({"name": "main", "image": IMAGE, "command": ["sh", "-c", script]})
}

fn deployment(name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container("sleep 3600")]},
            },
        },
    })
}
