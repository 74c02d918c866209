//! A cluster with the service that the runbooks of Kubernetes look after: `mcp-server` in the namespace `mcp`, PostgreSQL in
//! the pod `postgres-0`, and what is outside of both. The manifests and programs are in `tests/site/k8s/`; pods are real
//! processes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use runbook_cluster::Cluster;
use runbook_cluster::kubelet::{Image, Images, Kubelet, Settings};
use serde_json::{Value, json};

use super::{Ended, Project, Run, repository, until};

/// How long an answer of the service may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The namespace of the service.
pub(crate) const NAMESPACE: &str = "mcp";

/// A running cluster, and a project whose environment says where all of it is. Pods end when it is dropped.
pub(crate) struct Site {
    pub(crate) project: Project,
    /// Where images come from: tests publish and withdraw them.
    pub(crate) images: Images,
    pub(crate) cluster: Cluster,
    // Pods end before the cluster that they are pods of.
    kubelet: Option<Kubelet>,
    service: SocketAddr,
    database: SocketAddr,
    metrics: SocketAddr,
}

impl Site {
    /// The service with two pods that are ready, and its database.
    pub(crate) fn start() -> Self {
        let site = Self::bare();
        site.apply(&[&manifest("database.yaml")]);
        until("the database takes connections", || {
            site.try_sql("SELECT 1").then_some(())
        });
        let schema = fs::read_to_string(repository().join("tests/site/k8s/schema.sql")).unwrap();
        site.sql(&schema);
        site.apply(&[&manifest("mcp.yaml")]);
        site.until_ready("mcp-server", 2);
        site
    }

    /// A cluster without anything, in which the images of the site can be had.
    fn bare() -> Self {
        let cluster = Cluster::start().expect("a port is free");
        let images = images();
        let settings = Settings {
            images: images.clone(),
            ..Settings::default()
        };
        let kubelet = Kubelet::start(&cluster, &settings).expect("the suite runs as root");
        let open = |service: &str, port: u16| kubelet.open(NAMESPACE, service, port).expect("a port is free");
        let (service, database) = (open("mcp-server", 8000), open("postgres", 5432));
        let (external, metrics) = (open("external-api", 80), open("prometheus", 9090));
        let project = Project::empty().with_copy("runbooks");
        let project = project.with("kubeconfig", &cluster.kubeconfig("admin"));
        let inputs = format!(
            "    inputs:
      url: http://{service}
      prometheus_url: http://{metrics}
      external_url: http://{external}
"
        );
        // From outside all is reached at ports of this machine, and from within at the pods' own.
        let config = format!(
            "severities: {{P1: {{title: one}}, P2: {{title: two}}, P3: {{title: three}}}}
default_environment: outside
environments:
  outside:
    connections:
      postgres: {{local: true}}
      database: {{sql: \"postgres://mcp_user@{database}/mcp_prod\"}}
      service: {{http: \"http://{service}\", timeout: 3s}}
{inputs}  inside:
    connections:
      service: {{http: \"http://{service}\", timeout: 3s}}
{inputs}",
        );
        let kubeconfig = project.path("kubeconfig").display().to_string();
        let project = project
            .with("runbook.config.yaml", &config)
            .variable("KUBECONFIG", &kubeconfig)
            .variable("MCP_DATABASE_URL", "postgres://mcp_user@localhost/mcp_prod");
        Self {
            project,
            images,
            cluster,
            kubelet: Some(kubelet),
            service,
            database,
            metrics,
        }
    }

    /// Where the service is reached.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.service)
    }

    /// Where the database is reached, by somebody.
    pub(crate) fn database_url(&self, user: &str) -> String {
        format!("postgres://{user}@{}/mcp_prod", self.database)
    }

    /// What Prometheus answers to a query, if that is one number.
    pub(crate) fn metric(&self, query: &str) -> Option<f64> {
        let url = format!("http://{}/api/v1/query", self.metrics);
        let query = format!("query={query}");
        let args = ["-sf", "-m", "20", "--data-urlencode", &query, &url];
        let output = self
            .project
            .command("curl", &args)
            .output()
            .expect("curl is there");
        let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    /// The revision of the service with this image.
    pub(crate) fn revision_of(&self, image: &str) -> String {
        let sets = self.cluster.objects().list("replicasets.apps", Some(NAMESPACE));
        let is_it = |set: &&Arc<Value>| set["spec"]["template"]["spec"]["containers"][0]["image"] == image;
        let set = sets.iter().find(is_it).expect("there is one");
        let revision = &set["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
        revision.as_str().unwrap().to_owned()
    }

    /// The same, where the database is reached through its pod.
    #[track_caller]
    pub(crate) fn exec_inside(&self, runbook: &str, inputs: &[&str], outcome: &str) -> (Ended, Run) {
        self.project
            .exec_with(&["--env", "inside"], runbook, inputs, outcome)
    }

    /// Runs a runbook, answers yes to all that it asks, and expects this outcome.
    #[track_caller]
    pub(crate) fn exec(&self, runbook: &str, inputs: &[&str], outcome: &str) -> (Ended, Run) {
        self.project.exec(runbook, inputs, outcome)
    }

    /// `kubectl`, in the namespace of the service.
    #[track_caller]
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        let args = [&["-n", NAMESPACE], args].concat();
        let output = self.project.command("kubectl", &args).output();
        let output = output.expect("kubectl is there: `cargo xtask setup` says how to get it");
        Ended::of(&output).expect(0).stdout
    }

    /// Applies files of manifests.
    #[track_caller]
    pub(crate) fn apply(&self, files: &[&str]) {
        let files = files.iter().flat_map(|file| ["-f", file]);
        let _printed = self.kubectl(&["apply"].into_iter().chain(files).collect::<Vec<_>>());
    }

    /// An object of the namespace as it is.
    #[track_caller]
    pub(crate) fn object(&self, resource: &str, name: &str) -> Value {
        let object = self.cluster.objects().get(resource, NAMESPACE, name);
        (*object.unwrap_or_else(|| panic!("there is no {resource} {name}"))).clone()
    }

    /// The pods of the service.
    pub(crate) fn pods(&self) -> Vec<Arc<Value>> {
        let mut pods = self.cluster.objects().list("pods", Some(NAMESPACE));
        pods.retain(|pod| pod["metadata"]["labels"]["app"] == "mcp-server");
        pods
    }

    /// The names of the pods of the service.
    pub(crate) fn pod_names(&self) -> Vec<String> {
        let name = |pod: &Arc<Value>| pod["metadata"]["name"].as_str().unwrap().to_owned();
        self.pods().iter().map(name).collect()
    }

    /// The first container of the service's pods, as its deployment has it.
    pub(crate) fn container(&self) -> Value {
        self.object("deployments.apps", "mcp-server")["spec"]["template"]["spec"]["containers"][0].clone()
    }

    /// Waits until a deployment has this many pods, all new and ready.
    pub(crate) fn until_ready(&self, deployment: &str, replicas: u64) {
        until("all pods are ready", || {
            let object = self.object("deployments.apps", deployment);
            let status = &object["status"];
            let is_seen = status["observedGeneration"] == object["metadata"]["generation"];
            let counts = ["replicas", "updatedReplicas", "readyReplicas"];
            let is_there = counts.iter().all(|count| status[count] == replicas);
            (is_seen && is_there).then_some(())
        });
    }

    /// Changes the deployment of the service.
    #[track_caller]
    pub(crate) fn patch(&self, change: &Value) {
        let change = change.to_string();
        let _printed = self.kubectl(&["patch", "deployment/mcp-server", "-p", &change]);
    }

    /// Changes the container of the service, and waits for nothing.
    #[track_caller]
    pub(crate) fn patch_container(&self, change: &Value) {
        let mut container = change.clone();
        container["name"] = json!("mcp-server");
        self.patch(&json!({"spec": {"template": {"spec": {"containers": [container]}}}}));
    }

    /// Variables of the container, and pods that have them.
    #[track_caller]
    pub(crate) fn configure(&self, variables: &[(&str, &str)]) {
        let variables: Vec<Value> = variables
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        self.patch_container(&json!({"env": variables}));
        self.until_ready("mcp-server", 2);
    }

    /// A Prometheus that asks every pod of the service.
    pub(crate) fn measure(&self) {
        self.apply(&[&manifest("prometheus.yaml")]);
        self.until_ready("prometheus", 1);
    }

    /// What the service answers; nothing if there is no answer.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        ask(self.service, method, path, body)
    }

    /// A program in a pod.
    #[track_caller]
    pub(crate) fn in_pod(&self, pod: &str, argv: &[&str]) -> String {
        self.kubectl(&[&["exec", pod, "--"], argv].concat())
    }

    /// Orders a fault in every pod of the service.
    #[track_caller]
    pub(crate) fn order(&self, faults: &Value) {
        for pod in self.pod_names() {
            let faults = faults.to_string();
            let _answer = self.in_pod(
                &pod,
                &["curl", "-sf", "-d", &faults, "http://localhost:8000/faults"],
            );
        }
    }

    /// What PostgreSQL answers.
    #[track_caller]
    pub(crate) fn sql(&self, query: &str) -> String {
        self.sql_in("mcp_prod", query)
    }

    #[track_caller]
    pub(crate) fn sql_in(&self, database: &str, query: &str) -> String {
        let output = self.psql(database, query).output();
        let ended = Ended::of(&output.expect("psql is there")).expect(0);
        ended.stdout.trim_end().to_owned()
    }

    fn try_sql(&self, query: &str) -> bool {
        let output = self.psql("mcp_prod", query).output();
        output.expect("psql is there").status.success()
    }

    fn psql(&self, database: &str, query: &str) -> std::process::Command {
        let port = self.database.port().to_string();
        let args = ["-h", "127.0.0.1", "-p", &port, "-U", "mcp_user", "-d", database];
        let args = [&args[..], &["-v", "ON_ERROR_STOP=1", "-Atqc", query]].concat();
        self.project.command("psql", &args)
    }

    /// Clients that call a tool again and again, until they are dropped.
    pub(crate) fn clients(&self, tool: &str, count: usize) -> Clients {
        let is_over = Arc::new(AtomicBool::new(false));
        let (service, path) = (self.service, format!("/tools/{tool}"));
        let client = |_| {
            let (path, is_over) = (path.clone(), Arc::clone(&is_over));
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = ask(service, "GET", &path, "");
                    let is_fine = answer.is_some_and(|(code, _)| code == 200);
                    let pause = if is_fine { AFTER_AN_ANSWER } else { AFTER_A_FAILURE };
                    std::thread::sleep(pause); // paced: clients of a real service wait between two calls
                }
            })
        };
        let threads = (0..count).map(client).collect();
        Clients { is_over, threads }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.kubelet.take());
    }
}

/// How long a client waits after an answer, and after a failure.
const AFTER_AN_ANSWER: Duration = Duration::from_millis(4);
const AFTER_A_FAILURE: Duration = Duration::from_millis(100);

/// Clients of the service.
pub(crate) struct Clients {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

/// The path of a file of manifests.
pub(crate) fn manifest(name: &str) -> String {
    let path = repository().join("tests/site/k8s").join(name);
    path.display().to_string()
}

/// The images of the site. All of them hold the programs of this machine.
fn images() -> Images {
    let file = |name: &str| fs::read(repository().join("tests/site/k8s").join(name)).unwrap();
    let images = Images::new();
    let server = Image::host()
        .with_file("/app/server.py", file("server.py"))
        .with_file("/usr/local/bin/python", "#!/bin/sh\nexec python3 \"$@\"\n")
        .with_working_directory("/app")
        .with_command(["python3", "-u", "/app/server.py"]);
    images.register("mcp-server:1", server.clone().with_variable("VERSION", "1"));
    images.register("mcp-server:2", server.with_variable("VERSION", "2"));
    let postgres = Image::host().with_file("/entry.sh", file("postgres.sh"));
    images.register("postgres:15", postgres.with_command(["sh", "/entry.sh"]));
    images.register("prometheus:2", Image::host());
    images
}

fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: mcp-server\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    let _end = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some((code, body.to_owned()))
}
