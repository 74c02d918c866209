//! What the shipped runbooks of MCP-SUPERSERVER repair, as a real project of compose on a real engine: `tests/site/hub/`.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use runbook_testkit::docker::{Engine, unique};
use runbook_testkit::prometheus::{Options, Prometheus};
use serde_json::{Value, json};

use crate::harness::{Ended, Project, Run, repository, until};

pub(crate) const PASSWORD: &str = "graph-password";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running stack, with a balancer before its hubs, and a project whose environment says where all of it is. Containers and
/// balancer end when it is dropped; the engine takes what is left with it.
pub(crate) struct Hub {
    pub(crate) project: Project,
    pub(crate) name: String,
    engine: &'static Engine,
    balancer: Child,
    balancer_port: u16,
    graph_port: u16,
    gateway: String,
}

impl Hub {
    pub(crate) fn start() -> Self {
        let engine = Engine::shared();
        let name = unique(&format!("hub{}", std::process::id()));
        let gateway = engine.docker(&[
            "network",
            "inspect",
            "-f",
            "{{range .IPAM.Config}}{{.Gateway}}{{end}}",
            "bridge",
        ]);
        let (graph_port, models_port) = (free_port(&gateway), free_port(&gateway));
        let balancer_port = free_port("127.0.0.1");
        let project = laid_out(engine, &name, &gateway, graph_port, models_port);
        let conf = project.path("stack/balancer/upstream.conf");
        fs::write(
            &conf,
            format!("upstream mcp_hub {{\n    least_conn;\n    server {name}_mcp-hub_1:3000;\n}}\n"),
        )
        .unwrap();
        let balancer = command("python3")
            .arg(repository().join("tests/site/hub/balancer.py"))
            .arg(balancer_port.to_string())
            .arg(&conf)
            .arg(engine.socket())
            .stdin(Stdio::piped())
            .spawn()
            .expect("python3 is there: `cargo xtask setup` says how to get it");
        let mut hub = Self {
            project,
            name,
            engine,
            balancer,
            balancer_port,
            graph_port,
            gateway,
        };
        hub.configure();
        hub.compose(&["up", "-d"]);
        hub.until_healthy();
        hub
    }

    /// The project file: where each part is.
    fn configure(&mut self) {
        let (balancer, stack) = (self.balancer_url(), self.project.path("stack"));
        let config = format!(
            "severities: {{P1: {{title: one}}, P2: {{title: two}}, P3: {{title: three}}}}
default_environment: stack
environments:
  stack:
    connections:
      engine: {{docker: {{socket: {socket}}}}}
    inputs:
      directory: {stack}
      logs: {stack}/logs
      upstream: {stack}/balancer/upstream.conf
      reload: [kill, -HUP, \"{pid}\"]
      scan: [{stack}/scripts/scan.sh]
      project: {name}
      container: {name}_mcp-hub_1
      hub_url: {balancer}
      balancer_url: {balancer}
      neo4j_url: \"http://{gateway}:{graph}\"
",
            socket = self.engine.socket().display(),
            stack = stack.display(),
            pid = self.balancer.id(),
            name = self.name,
            gateway = self.gateway,
            graph = self.graph_port,
        );
        let project = std::mem::replace(&mut self.project, Project::empty());
        self.project = project
            .with("runbook.config.yaml", &config)
            .variable("DOCKER_HOST", &self.engine.url())
            .variable("NEO4J_PASSWORD", PASSWORD);
    }

    pub(crate) fn balancer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.balancer_port)
    }

    /// The name of a container.
    pub(crate) fn container(&self, service: &str, number: u32) -> String {
        format!("{}_{service}_{number}", self.name)
    }

    pub(crate) fn docker(&self, args: &[&str]) -> String {
        self.engine.docker(args)
    }

    pub(crate) fn compose(&self, args: &[&str]) {
        let mut command = command("docker-compose");
        command
            .args(["-p", &self.name])
            .args(args)
            .current_dir(self.project.path("stack"));
        let output = command.env("DOCKER_HOST", self.engine.url()).output().unwrap();
        Ended::of(&output).expect(0);
    }

    /// The address of the first hub itself.
    pub(crate) fn hub_address(&self) -> String {
        let template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = self.engine.field(&self.container("mcp-hub", 1), template);
        format!("{address}:3000")
    }

    /// A Prometheus that asks the graph, and the hub through the balancer: there is one then.
    pub(crate) fn metrics(&self) -> Prometheus {
        let graph = format!("{}:{}", self.gateway, self.graph_port);
        Prometheus::start(&Options {
            targets: vec![format!("127.0.0.1:{}", self.balancer_port), graph],
            ..Options::default()
        })
    }

    /// Runs a runbook, answers yes to all that it asks, and expects this outcome.
    #[track_caller]
    pub(crate) fn exec(&self, runbook: &str, inputs: &[&str], outcome: &str) -> Run {
        let mut args = vec!["exec", runbook, "--yes", "--output"];
        for input in inputs {
            args.extend(["-i", input]);
        }
        let before = self.project.runs().len();
        let ended = self.project.run(&args);
        let mut runs = self.project.runs();
        assert_eq!(runs.len(), before + 1, "there is one more run\n{}", ended.all());
        let changed = |run: &Run| fs::metadata(run.path("journal.jsonl")).and_then(|file| file.modified());
        runs.sort_by_key(|run| changed(run).unwrap_or(SystemTime::UNIX_EPOCH));
        let run = runs.remove(before);
        assert_eq!(run.outcome(), outcome, "{}", ended.all());
        run
    }

    /// What the balancer answers: the status code, and the body if it is JSON.
    pub(crate) fn ask(&self, path: &str, body: Option<&str>) -> (String, Value) {
        ask(&format!("{}{path}", self.balancer_url()), body)
    }

    /// Calls the tool that the runbooks call, and answers the status code.
    pub(crate) fn tool(&self) -> String {
        self.tool_of("neo4j-memory")
    }

    /// A tool of this server: `neo4j-memory` or `ollama`.
    pub(crate) fn tool_of(&self, server: &str) -> String {
        let body = json!({"server": server, "tool": "count_entities", "arguments": {"label": "Task"}});
        self.ask("/tools/call", Some(&body.to_string())).0
    }

    /// Undoes a run that has ended, and expects that all of it was undone.
    #[track_caller]
    pub(crate) fn undo(&self, run: &Run) {
        let ended = self.project.run(&["rollback", &run.name(), "--yes"]);
        let _ended = ended.expect(5);
    }

    /// A field of the first container of a service.
    pub(crate) fn field(&self, service: &str, template: &str) -> String {
        self.engine.field(&self.container(service, 1), template)
    }

    /// All that is known of the first container of a service.
    pub(crate) fn inspect(&self, service: &str) -> Value {
        self.engine.inspect(&self.container(service, 1))
    }

    /// How many hubs run.
    pub(crate) fn hubs(&self) -> usize {
        let project = format!("label=com.docker.compose.project={}", self.name);
        let service = "label=com.docker.compose.service=mcp-hub";
        let ids = self
            .engine
            .docker(&["ps", "-q", "--filter", &project, "--filter", service]);
        ids.lines().count()
    }

    pub(crate) fn until_healthy(&self) {
        until("the stack is healthy", || {
            (self.ask("/health", None).0 == "200").then_some(())
        });
    }

    /// The graph's data.
    pub(crate) fn graph(&self) -> std::path::PathBuf {
        self.project.path("stack/data/neo4j/data/graph.json")
    }
}

/// A registry that has one image under every name. It ends when this is dropped.
pub(crate) struct Registry {
    process: Child,
    pub(crate) port: u16,
}

impl Registry {
    /// One that has this image of the hub's engine.
    pub(crate) fn of(hub: &Hub, image: &str) -> Self {
        let archive = hub.project.path("image.tar").display().to_string();
        let _saved = hub.docker(&["save", "-o", &archive, image]);
        let mut process = command("setpriv")
            .args(["--pdeathsig", "KILL", "python3"])
            .arg(repository().join("tests/site/hub/registry.py"))
            .arg(archive)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let stdout = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it prints its port");
        let port = line.trim().parse().expect("it is a port");
        Self { process, port }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        drop(self.balancer.stdin.take());
        let _ended = self.balancer.wait();
        let label = format!("label=com.docker.compose.project={}", self.name);
        let ids = self.engine.try_docker(&["ps", "-aq", "--filter", &label]);
        let ids = ids.unwrap_or_default();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if !ids.is_empty() {
            let _removed = self
                .engine
                .try_docker(&[&["rm", "-f"], &ids[..]].concat())
                .is_ok();
        }
        let network = format!("{}_default", self.name);
        let _removed = self.engine.try_docker(&["network", "rm", &network]).is_ok();
    }
}

/// Asks a server once. Without an answer the status code is empty.
pub(crate) fn ask(url: &str, body: Option<&str>) -> (String, Value) {
    let answer = try_ask(url, body).unwrap_or_default();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).unwrap_or_default();
    (status.to_owned(), serde_json::from_str(body).unwrap_or_default())
}

/// The whole answer. A client that asks all the while needs the processor less than programs for each request would.
fn try_ask(url: &str, body: Option<&str>) -> io::Result<String> {
    let rest = url.trim_start_matches("http://");
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.unwrap_or_default();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Of HTTP/1.0, so that the answer comes in one piece and ends with the connection.
    let head = format!("{method} /{path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json");
    stream.write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The folder of the project of compose, with a graph of five tasks and three log entries from 1970.
fn laid_out(engine: &Engine, name: &str, gateway: &str, graph: u16, models: u16) -> Project {
    let programs = repository().join("tests/site/hub");
    let compose = fs::read_to_string(programs.join("docker-compose.yml")).unwrap();
    let task = r#"{"label": "Task"}"#;
    let entry = r#"{"label": "LogEntry", "timestamp": 0}"#;
    let nodes = [[task; 5].join(","), [entry; 3].join(",")].join(",");
    let project = Project::empty()
        .with_copy("runbooks")
        .with_copy("tests/site/hub/scripts")
        .with("stack/docker-compose.yml", &compose)
        .with(
            "stack/.env",
            &format!(
                "HUB_IMAGE={image}\nIMAGE={image}\nHUB_PROGRAMS={programs}\nNEO4J_PASSWORD={PASSWORD}\nGATEWAY={gateway}\n\
                 NEO4J_PORT={graph}\nOLLAMA_PORT={models}\n",
                image = runbook_testkit::docker::IMAGE,
                programs = programs.display(),
            ),
        )
        .with("stack/data/neo4j/data/auth", PASSWORD)
        .with("stack/data/neo4j/data/graph.json", &format!("[{nodes}]"))
        .with("stack/exports/.keep", name)
        .with("stack/logs/.keep", &engine.url())
        .with("stack/balancer/.keep", "");
    fs::rename(
        project.path("tests/site/hub/scripts"),
        project.path("stack/scripts"),
    )
    .unwrap();
    project
}

fn free_port(address: &str) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("there is a port");
    listener.local_addr().expect("it has one").port()
}

#[expect(clippy::disallowed_methods, reason = "the suite starts real parts")]
fn command(program: &str) -> Command {
    Command::new(program)
}
