//! What the shipped runbooks of the secure MCP server look after: the namespace `mcp-production` of a cluster whose pods are
//! real processes, and servers outside of it. The programs are in `tests/site/secure/` and `tests/site/outside/`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use runbook_cluster::Cluster;
use runbook_cluster::kubelet::{Image, Images, Kubelet, Settings};
use serde_json::Value;

use crate::harness::{Ended, Project, Run, repository, until};

/// What the service is known by to those who page.
pub(crate) const PAGERDUTY_KEY: &str = "0123456789abcdef0123456789abcdef";
/// Who may write on the status page.
pub(crate) const STATUS_TOKEN: &str = "status-token-1";

const NAMESPACE: &str = "mcp-production";
const POOLER: &str = "#!/bin/sh
# It starts with a pool of connections, or not at all.
if [ -e /etc/pgbouncer/pgbouncer.ini ] && ! grep -Eq '^default_pool_size = [0-9]{1,3}$' /etc/pgbouncer/pgbouncer.ini; then
  echo 'FATAL: invalid default_pool_size'
  exit 1
fi
touch /tmp/ready
exec sleep 3600
";

/// The namespace with all that is in it, and a project whose environment is it. Pods end when it is dropped.
pub(crate) struct Production {
    pub(crate) project: Project,
    /// Where images come from: tests withdraw them.
    pub(crate) images: Images,
    cluster: Cluster,
    // Pods end before the cluster that they are pods of.
    kubelet: Option<Kubelet>,
}

impl Production {
    /// Two pods of the service that are ready, Redis, a replica of the database, a pooler, and what is not critical.
    pub(crate) fn start() -> Self {
        Self::start_with("{}", "{}", &[])
    }

    /// The same in an environment with these connections and inputs, and with variables.
    pub(crate) fn start_with(connections: &str, inputs: &str, variables: &[(&str, &str)]) -> Self {
        let cluster = Cluster::start().expect("a port is free");
        let images = images();
        let settings = Settings {
            images: images.clone(),
            ..Settings::default()
        };
        let kubelet = Kubelet::start(&cluster, &settings).expect("the suite runs as root");
        let this = Self {
            project: project_on(&cluster, connections, inputs, variables),
            images,
            cluster,
            kubelet: Some(kubelet),
        };
        let manifests = repository().join("tests/site/secure/production.yaml");
        this.kubectl(&["apply", "-f", &manifests.display().to_string()]);
        for deployment in ["mcp-server", "pgbouncer", "monitoring"] {
            this.until_ready("deployments.apps", deployment);
        }
        for set in ["redis", "postgres", "postgres-replicas"] {
            this.until_ready("statefulsets.apps", set);
        }
        this
    }

    /// Runs a runbook, answers yes to all that it asks, and expects this outcome.
    #[track_caller]
    pub(crate) fn exec(&self, runbook: &str, inputs: &[&str], outcome: &str) -> (Ended, Run) {
        self.project.exec(runbook, inputs, outcome)
    }

    /// `kubectl`, in the namespace.
    #[track_caller]
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        let args = [&["-n", NAMESPACE], args].concat();
        let output = self.project.command("kubectl", &args).output();
        let output = output.expect("kubectl is there: `cargo xtask setup` says how to get it");
        Ended::of(&output).expect(0).stdout
    }

    /// An object of the namespace; nothing if it is not there.
    pub(crate) fn object(&self, resource: &str, name: &str) -> Option<Value> {
        let found = self.cluster.objects().get(resource, NAMESPACE, name);
        found.map(|object| (*object).clone())
    }

    /// What a path leads to in a deployment of the namespace.
    #[track_caller]
    pub(crate) fn field(&self, deployment: &str, pointer: &str) -> Value {
        let object = self.object("deployments.apps", deployment).expect("it is there");
        object.pointer(pointer).cloned().unwrap_or_default()
    }

    /// The names of the pods with this label that are not about to end.
    pub(crate) fn pods(&self, app: &str) -> Vec<String> {
        let mut pods = self.cluster.objects().list("pods", Some(NAMESPACE));
        pods.retain(|pod| pod["metadata"]["labels"]["app"] == app);
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let name =
            |pod: &std::sync::Arc<Value>| pod["metadata"]["name"].as_str().expect("it has one").to_owned();
        pods.iter().map(name).collect()
    }

    /// The names of the nodes where no new pod may go.
    pub(crate) fn cordoned(&self) -> Vec<String> {
        let mut nodes = self.cluster.objects().list("nodes", None);
        nodes.retain(|node| node["spec"]["unschedulable"] == true);
        let name =
            |node: &std::sync::Arc<Value>| node["metadata"]["name"].as_str().expect("it has one").to_owned();
        nodes.iter().map(name).collect()
    }

    /// A change of the deployment of the service, and pods that have it.
    #[track_caller]
    pub(crate) fn patch(&self, container: &Value) {
        let mut container = container.clone();
        container["name"] = "mcp-server".into();
        let change = serde_json::json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        self.kubectl(&["patch", "deployment/mcp-server", "-p", &change.to_string()]);
        self.until_ready("deployments.apps", "mcp-server");
    }

    /// Has one of the service's pods hold as many megabytes, and answers its name.
    #[track_caller]
    pub(crate) fn hold(&self, megabytes: u32) -> String {
        let pod = self.pods("mcp-server").remove(0);
        let data = megabytes.to_string();
        let curl = ["curl", "-sf", "-d", &data, "http://localhost:3000/hold"];
        self.kubectl(&[&["exec", &pod, "--"], &curl[..]].concat());
        pod
    }

    /// Waits until all replicas are new and ready.
    #[track_caller]
    pub(crate) fn until_ready(&self, resource: &str, name: &str) {
        until(&format!("{name} is ready"), || {
            let object = self.object(resource, name)?;
            let (wanted, status) = (&object["spec"]["replicas"], &object["status"]);
            let is_seen = status["observedGeneration"] == object["metadata"]["generation"];
            let counts = ["replicas", "updatedReplicas", "readyReplicas"];
            (is_seen && counts.iter().all(|count| &status[count] == wanted)).then_some(())
        });
    }
}

impl Drop for Production {
    fn drop(&mut self) {
        drop(self.kubelet.take());
    }
}

/// A project with the shipped runbooks in an environment with these connections and inputs, in YAML's short form.
pub(crate) fn project(connections: &str, inputs: &str, variables: &[(&str, &str)]) -> Project {
    let config = format!(
        "severities: {{P1: {{title: one}}, P2: {{title: two}}, P3: {{title: three}}, P4: {{title: four}}}}
default_environment: production
environments:
  production: {{connections: {connections}, inputs: {inputs}}}
"
    );
    let project = Project::empty()
        .with_copy("runbooks")
        .with("runbook.config.yaml", &config);
    let add = |project: Project, (name, value): &(&str, &str)| project.variable(name, value);
    variables.iter().fold(project, add)
}

fn project_on(cluster: &Cluster, connections: &str, inputs: &str, variables: &[(&str, &str)]) -> Project {
    let project = project(connections, inputs, variables).with("kubeconfig", &cluster.kubeconfig("admin"));
    let kubeconfig = project.path("kubeconfig").display().to_string();
    project.variable("KUBECONFIG", &kubeconfig)
}

/// A server outside of the cluster, which is a program of `tests/site/outside/`. It ends when it is dropped, and with the test.
pub(crate) struct Outside {
    process: Child,
    pub(crate) url: String,
    folder: tempfile::TempDir,
}

impl Outside {
    /// It gets a path in a folder of its own.
    pub(crate) fn start(program: &str, path: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::TempDir::with_prefix("runbook-outside-").expect("there is room");
        let script = repository().join("tests/site/outside").join(program);
        let mut server = command("setpriv");
        server.args(["--pdeathsig", "KILL", "python3"]).arg(script);
        server
            .arg(folder.path().join(path))
            .envs(variables.iter().copied());
        let mut process = server.stdout(Stdio::piped()).spawn().expect("python3 is there");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it prints its port");
        Self {
            process,
            url: format!("http://127.0.0.1:{}", line.trim()),
            folder,
        }
    }

    /// Who pages, a status page, and an endpoint with a health.
    pub(crate) fn pages() -> Self {
        let variables = [
            ("PAGERDUTY_KEY", PAGERDUTY_KEY),
            ("STATUS_PAGE_TOKEN", STATUS_TOKEN),
        ];
        Self::start("pages.py", ".", &variables)
    }

    /// A file of its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it noted in a file of its folder; nothing if there is none.
    pub(crate) fn noted(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A request with JSON; its status and what is answered.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (String, Value) {
        let url = format!("{}{path}", self.url);
        let mut curl = command("curl");
        curl.args(["-s", "-m", "20", "-X", method, "-w", "\n%{http_code}", &url]);
        if !body.is_empty() {
            curl.args(["-H", "Content-Type: application/json", "--data-binary", body]);
        }
        let printed = curl.output().expect("curl is there").stdout;
        let printed = String::from_utf8_lossy(&printed).into_owned();
        let (body, status) = printed.rsplit_once('\n').expect("there is a status");
        (status.to_owned(), serde_json::from_str(body).unwrap_or_default())
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// All of them hold the programs of this machine.
fn images() -> Images {
    let server = fs::read(repository().join("tests/site/secure/server.py")).expect("it is there");
    let server = Image::host().with_file("/app/server.py", server);
    let images = Images::new();
    images.register(
        "secure-mcp-server:*",
        server.with_command(["/usr/bin/python3", "-u", "/app/server.py"]),
    );
    images.register(
        "redis:7",
        Image::host().with_command(["redis-server", "--save", ""]),
    );
    images.register("tools:1", Image::host());
    let pooler = Image::host().with_file("/entry.sh", POOLER);
    images.register("pgbouncer:1", pooler.with_command(["/entry.sh"]));
    images
}

/// A program that ends when this is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

#[expect(clippy::disallowed_methods, reason = "the suite starts real parts")]
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}
