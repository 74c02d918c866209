//! What the shipped runbooks of `CodeSage` repair, as real parts: an engine of containers, a project of compose whose
//! service is a small server, and a balancer before it. The programs are in `tests/site/codesage/`.
//!
//! The image is a static busybox. Python comes from this machine, mounted so that nothing can change it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use runbook_testkit::docker::{Engine, IMAGE};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Ended, Project, Run, repository, until};

pub(crate) const OLD_KEY: &str = "gsk-old-0123456789";
pub(crate) const NEW_KEY: &str = "gsk-new-9876543210";

/// Where containers find this machine's programs. What is not there is not mounted.
const MOUNTS: [(&str, &str); 3] = [("/usr", "/usr"), ("/usr/lib", "/lib"), ("/usr/lib64", "/lib64")];

/// How often a server is asked by [`CodeSage::asked_meanwhile`].
const BETWEEN: Duration = Duration::from_millis(20);

/// Somebody may take a port between our look and the start of what listens there; then other ones are tried.
const STARTS: u32 = 3;

/// A running system with a project in whose environment the runbooks' addresses are those of its parts. Its containers end
/// when it is dropped; the engine takes network, volumes and images with it, and ends with the process.
pub(crate) struct CodeSage {
    pub(crate) project: Project,
    directory: TempDir,
    name: String,
    port: u16,
    balancer_port: u16,
}

impl CodeSage {
    /// The service and its balancer, healthy.
    pub(crate) fn start() -> Self {
        Self::start_with(true)
    }

    /// The same without a port of the service itself, so that there may be several of it.
    pub(crate) fn behind_its_balancer() -> Self {
        Self::start_with(false)
    }

    fn start_with(has_port: bool) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        for attempt in 1..=STARTS {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let directory = TempDir::with_prefix("runbook-codesage-").expect("there is room");
            let (port, balancer_port) = (free_port(), free_port());
            let name = format!("codesage{}x{number}", std::process::id());
            let project = Project::empty()
                .with_copy("runbooks")
                .variable("GROQ_API_KEY", NEW_KEY)
                .variable("NEW_GROQ_API_KEY", NEW_KEY);
            let this = Self {
                project,
                directory,
                name,
                port,
                balancer_port,
            };
            this.lay_out(has_port);
            let started = this.try_compose(&["up", "-d", "--build"]);
            if started.code == 0 {
                this.until_healthy();
                return this;
            }
            let is_taken = started.all().contains("address already in use");
            assert!(
                is_taken && attempt < STARTS,
                "it does not start\n{}",
                started.all()
            );
        }
        unreachable!("the last attempt returns or panics")
    }

    fn lay_out(&self, has_port: bool) {
        fs::create_dir(self.path("app")).expect("there is room");
        for (name, to) in [
            ("server.py", "app/server.py"),
            ("benchmark.py", "app/benchmark.py"),
            ("balancer.py", "balancer.py"),
        ] {
            let from = repository().join("tests/site/codesage").join(name);
            fs::copy(from, self.path(to)).expect("there is room");
        }
        self.write("app/version", "1.0.0\n");
        // Of a folder the engine makes one copy, of several files one each.
        self.write("Dockerfile", &format!("FROM {IMAGE}\nCOPY app /app/\n"));
        self.write(
            ".env",
            &format!("# The settings of CodeSage.\nGROQ_API_KEY={OLD_KEY}\nMAX_MEMORY_MB=2048\n"),
        );
        self.write("nginx.conf", &format!("    server {}:8000;\n", self.container()));
        self.write("docker-compose.yml", &self.services(has_port).to_string());
        let config = self.config().to_string();
        fs::write(self.project.path("runbook.config.yaml"), config).expect("there is room");
    }

    /// JSON is YAML too.
    fn services(&self, has_port: bool) -> Value {
        let mounts: Vec<String> = MOUNTS
            .iter()
            .filter(|(from, _)| Path::new(from).exists())
            .map(|(from, to)| format!("{from}:{to}:ro"))
            .collect();
        let own = |more: &[String]| [mounts.clone(), more.to_vec()].concat();
        let socket = Engine::shared().socket();
        let ports = if has_port {
            json!([format!("127.0.0.1:{}:8000", self.port)])
        } else {
            json!([])
        };
        json!({
            "version": "2.4",
            "services": {
                "codesage-mcp": {
                    "build": ".",
                    "image": format!("{}:latest", self.name),
                    "command": ["/usr/bin/python3", "/app/server.py"],
                    "env_file": ".env",
                    "mem_limit": "96m",
                    "stop_grace_period": "5s",
                    "ports": ports,
                    "volumes": own(&["data:/app/.codesage".to_owned()]),
                    "healthcheck": {
                        "test": ["CMD", "/bin/wget", "-q", "-O-", "http://127.0.0.1:8000/"],
                        "interval": "500ms", "timeout": "20s", "retries": 2, "start_period": "60s",
                    },
                },
                "balancer": {
                    "image": IMAGE,
                    "command": ["/usr/bin/python3", "/app/balancer.py"],
                    "stop_grace_period": "5s",
                    "network_mode": "host",
                    "environment": {"PORT": self.balancer_port},
                    "volumes": own(&[
                        "./balancer.py:/app/balancer.py:ro".to_owned(),
                        "./nginx.conf:/etc/nginx/nginx.conf:ro".to_owned(),
                        format!("{}:/docker.sock", socket.display()),
                    ]),
                },
            },
            "volumes": {"data": {}},
        })
    }

    /// The project file: where each part is.
    fn config(&self) -> Value {
        let directory = self.directory.path().display().to_string();
        json!({
            "default_environment": "site",
            "environments": {"site": {
                "connections": {
                    "engine": {"docker": {"socket": Engine::shared().socket()}},
                    "stack": {"compose": {"project": self.name, "directory": directory}, "via": "engine"},
                },
                "inputs": {
                    "directory": directory,
                    "url": self.url(),
                    "container": self.container(),
                    "balancer_url": self.balancer_url(),
                    "balancer_config": format!("{directory}/nginx.conf"),
                    "backups": format!("{directory}/backups"),
                    "backup": format!("{directory}/backups/latest"),
                    "archive": format!("{directory}/index_backup.tar.gz"),
                    "version_command": ["cat", "/app/version"],
                    "benchmark_command": ["/usr/bin/python3", "/app/benchmark.py"],
                },
            }},
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The name of the service's first container.
    pub(crate) fn container(&self) -> String {
        format!("{}_codesage-mcp_1", self.name)
    }

    /// A path below the directory of `docker-compose.yml`.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).expect("there is room");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("it is there")
    }

    pub(crate) fn try_compose(&self, args: &[&str]) -> Ended {
        let mut compose = command("docker-compose");
        compose.args(["-p", &self.name]).args(args);
        compose
            .current_dir(self.directory.path())
            .env("DOCKER_HOST", Engine::shared().url());
        Ended::of(&compose.output().expect("docker-compose is there"))
    }

    #[track_caller]
    pub(crate) fn compose(&self, args: &[&str]) {
        let _ended = self.try_compose(args).expect(0);
    }

    /// Undoes a run that has ended, and expects that all of it was undone.
    #[track_caller]
    pub(crate) fn undo(&self, run: &Run) {
        let ended = self.project.run(&["rollback", &run.name(), "--yes"]);
        let _ended = ended.expect(5);
    }

    /// A script in the service's container.
    #[track_caller]
    pub(crate) fn inside(&self, script: &str) -> String {
        Engine::shared().docker(&["exec", &self.container(), "/bin/sh", "-c", script])
    }

    /// A field of the service's container.
    pub(crate) fn field(&self, template: &str) -> String {
        Engine::shared().field(&self.container(), template)
    }

    /// Ends the service's container as a crash does.
    pub(crate) fn kill(&self) {
        let _name = Engine::shared().docker(&["kill", &self.container()]);
    }

    pub(crate) fn until_healthy(&self) {
        self.until_it_is("healthy");
    }

    pub(crate) fn until_it_is(&self, health: &str) {
        until(&format!("the container is {health}"), || {
            (self.now()["Health"]["Status"] == health).then_some(())
        });
    }

    pub(crate) fn until_it_has_ended(&self) {
        until("the container has ended", || {
            (self.now()["Status"] == "exited").then_some(())
        });
    }

    /// The state of the service's container.
    fn now(&self) -> Value {
        Engine::shared().inspect(&self.container())["State"].clone()
    }

    pub(crate) fn balancer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.balancer_port)
    }

    /// What the service itself says of itself.
    #[track_caller]
    pub(crate) fn state(&self) -> Value {
        ask(&self.url(), None)
    }

    /// A tool of the service.
    #[track_caller]
    pub(crate) fn call(&self, tool: &str) -> Value {
        ask(&format!("{}/mcp", self.url()), Some(&request(tool)))["result"].clone()
    }

    /// Has the service answer 503 until it is started anew.
    pub(crate) fn is_stuck(&self) {
        let _answer = ask(&format!("{}/stuck", self.url()), Some("{}"));
    }

    /// Whom the balancer passes a request on to.
    #[track_caller]
    pub(crate) fn balanced(&self) -> String {
        let answer = ask(&self.balancer_url(), None);
        answer["host"].as_str().expect("the service tells it").to_owned()
    }

    /// Searches all the while until what is answered here is dropped.
    pub(crate) fn asked_meanwhile(&self) -> Client {
        let url = format!("{}/mcp", self.url());
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let _answer = try_ask(&url, Some(&request("search_codebase")));
                thread::sleep(BETWEEN); // paced: a client is not a flood
            }
        });
        Client {
            is_over,
            thread: Some(thread),
        }
    }
}

impl Drop for CodeSage {
    fn drop(&mut self) {
        let engine = Engine::shared();
        let label = format!("label=com.docker.compose.project={}", self.name);
        let ids = engine
            .try_docker(&["ps", "-aq", "--filter", &label])
            .unwrap_or_default();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if !ids.is_empty() {
            let _removed = engine
                .try_docker(&[&["rm", "-f", "-v"], &ids[..]].concat())
                .is_ok();
        }
    }
}

/// Somebody who asks all the while.
pub(crate) struct Client {
    is_over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// A stand-in for whoever issues keys. It accepts those of a file.
pub(crate) struct Provider {
    process: Child,
    pub(crate) url: String,
}

impl Provider {
    pub(crate) fn start(keys: &Path) -> Self {
        let script = repository().join("tests/site/codesage/provider.py");
        // It ends with whoever started it.
        let mut provider = command("setpriv");
        provider
            .args(["--pdeathsig", "KILL", "python3"])
            .arg(script)
            .arg(keys);
        let mut process = provider.stdout(Stdio::piped()).spawn().expect("python3 is there");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it prints its port");
        let url = format!("http://127.0.0.1:{}", line.trim());
        Self { process, url }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn request(tool: &str) -> String {
    json!({"jsonrpc": "2.0", "method": "tools/call", "id": 1, "params": {"name": tool}}).to_string()
}

/// A request with curl; nothing if it was not answered with JSON.
fn try_ask(url: &str, body: Option<&str>) -> Option<Value> {
    let mut curl = command("curl");
    curl.args(["-s", "-m", "20", url]);
    if let Some(body) = body {
        curl.args(["-d", body]);
    }
    let output = curl.output().expect("curl is there");
    serde_json::from_slice(&output.stdout).ok()
}

#[track_caller]
fn ask(url: &str, body: Option<&str>) -> Value {
    until("the service answers", || try_ask(url, body))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

#[expect(clippy::disallowed_methods, reason = "the suite starts real parts")]
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command
}
