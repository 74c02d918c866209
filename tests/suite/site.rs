//! What the shipped runbooks of codebase-mcp repair, as real parts: PostgreSQL, Redis, two servers, a stand-in for
//! Ollama and one for systemd. `tests/site/site.py` runs them, on free ports and in a directory of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::{Ended, Project, Run, repository, until};

/// A running site with a project in whose environment `site` the runbooks' addresses are those of its parts. It ends
/// when it is dropped, and when the test dies: `site.py` ends all that it started when its standard input is closed.
pub(crate) struct Site {
    pub(crate) project: Project,
    process: Child,
    facts: Value,
}

impl Site {
    pub(crate) fn start() -> Self {
        let script = repository().join("tests/site/site.py");
        let mut process = command("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there: `cargo xtask setup` says how to get it");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it prints");
        let facts: Value = serde_json::from_str(&line).expect("the site has started");
        let project = Project::empty().with_copy("runbooks");
        let project = project
            .with("runbook.config.yaml", &config(&facts))
            .variable("PATH", text(&facts["path"]));
        Self {
            project,
            process,
            facts,
        }
    }

    /// A path in the site's directory.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        Path::new(text(&self.facts["directory"])).join(path)
    }

    pub(crate) fn port(&self, part: &str) -> &str {
        text(&self.facts["port_texts"][part])
    }

    /// Runs a runbook, answers yes to all that it asks, and expects this outcome.
    #[track_caller]
    pub(crate) fn exec(&self, runbook: &str, inputs: &[&str], outcome: &str) -> (Ended, Run) {
        self.project.exec(runbook, inputs, outcome)
    }

    /// A program of the site or the system, to its end; answers what it printed.
    #[track_caller]
    pub(crate) fn run(&self, argv: &[&str]) -> String {
        let ended = self.try_run(argv).expect(0);
        ended.stdout.trim_end().to_owned()
    }

    pub(crate) fn try_run(&self, argv: &[&str]) -> Ended {
        let output = self.command(argv).output().expect("the program starts");
        Ended::of(&output)
    }

    /// A program on the site's path.
    pub(crate) fn command(&self, argv: &[&str]) -> Command {
        let mut command = command(argv[0]);
        command
            .args(&argv[1..])
            .env("PATH", text(&self.facts["path"]))
            .stdin(Stdio::null());
        command
    }

    /// The stand-in for systemd.
    #[track_caller]
    pub(crate) fn systemctl(&self, args: &[&str]) -> String {
        self.run(&[&["systemctl"], args].concat())
    }

    /// Whether a service is `active`, `inactive` or `failed`.
    pub(crate) fn state(&self, service: &str) -> String {
        self.try_run(&["systemctl", "is-active", service])
            .stdout
            .trim_end()
            .to_owned()
    }

    /// Ends the process of a service as a crash does.
    pub(crate) fn kill(&self, service: &str) {
        let shown = self.systemctl(&["show", "--property=MainPID", service]);
        self.run(&["kill", "-KILL", shown.trim_start_matches("MainPID=")]);
        until("the service is seen to be dead", || {
            (self.state(service) == "failed").then_some(())
        });
    }

    /// What PostgreSQL answers to a query, in a database.
    #[track_caller]
    pub(crate) fn sql(&self, query: &str) -> String {
        self.sql_in("codebase_mcp", query)
    }

    #[track_caller]
    pub(crate) fn sql_in(&self, database: &str, query: &str) -> String {
        self.run(&[&self.psql(database)[..], &["-Atqc", query]].concat())
    }

    pub(crate) fn psql<'a>(&'a self, database: &'a str) -> [&'a str; 8] {
        let port = self.port("postgres");
        ["psql", "-h", "127.0.0.1", "-p", port, "-U", "postgres", database]
    }

    pub(crate) fn redis(&self, args: &[&str]) -> String {
        self.run(&[&["redis-cli", "-p", self.port("redis")], args].concat())
    }

    /// The health of a server, whatever its status code is, as soon as it answers.
    pub(crate) fn health(&self, server: &str) -> Value {
        let url = format!("http://127.0.0.1:{}/health/status", self.port(server));
        let answer = until("the server answers", || {
            let ended = self.try_run(&["curl", "-sS", "-m", "10", &url]);
            (ended.code == 0).then_some(ended.stdout)
        });
        serde_json::from_str(&answer).expect("the health is JSON")
    }

    /// A POST request to codebase-mcp; answers the status code.
    pub(crate) fn post(&self, path: &str, body: &str) -> String {
        let url = format!("http://127.0.0.1:{}{path}", self.port("codebase"));
        let args = [
            "curl",
            "-s",
            "-m",
            "20",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-d",
            body,
            &url,
        ];
        self.try_run(&args).stdout
    }

    /// Settings in the drop-in file of codebase-mcp, which is restarted with them.
    pub(crate) fn drop_in(&self, name: &str, settings: &str) {
        let file = self.path("units/codebase-mcp.service.d").join(name);
        fs::write(file, format!("[Service]\n{settings}\n")).expect("there is room");
        self.systemctl(&["daemon-reload"]);
        self.systemctl(&["restart", "codebase-mcp"]);
        self.until_it_answers();
    }

    pub(crate) fn until_it_answers(&self) {
        let url = format!("http://127.0.0.1:{}/metrics", self.port("codebase"));
        until("codebase-mcp answers", || {
            (self.try_run(&["curl", "-s", &url]).code == 0).then_some(())
        });
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ended = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the suite starts real parts")]
fn command(program: &str) -> Command {
    Command::new(program)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("the site tells it as a text")
}

/// The project file: where each part is. In the environment `systemd` services are asked for as systemd's.
fn config(facts: &Value) -> String {
    let (directory, ports) = (text(&facts["directory"]), &facts["ports"]);
    let drop_ins = format!("{directory}/units/codebase-mcp.service.d");
    let as_postgres = if rustix::process::geteuid().is_root() {
        "[setpriv, --reuid=postgres, --regid=postgres, --init-groups]"
    } else {
        "[env]"
    };
    let service = |name| {
        format!(
            "{name}: {{start: [systemctl, start, {name}], stop: [systemctl, stop, {name}], status: [systemctl, status, {name}]}}"
        )
    };
    let services = ["postgresql", "redis", "ollama", "codebase-mcp", "workflow-mcp"].map(service);
    let rest = format!(
        "      database: {{sql: \"postgres://postgres@127.0.0.1:{postgres}/codebase_mcp\"}}
      maintenance: {{sql: \"postgres://postgres@127.0.0.1:{postgres}/postgres\"}}
    inputs:
      codebase_url: \"http://127.0.0.1:{codebase}\"
      workflow_url: \"http://127.0.0.1:{workflow}\"
      ollama_url: \"http://127.0.0.1:{ollama}\"
      codebase_port: {codebase}
      workflow_port: {workflow}
      redis_host: 127.0.0.1
      redis_port: {redis}
      host: 127.0.0.1
      port: {postgres}
      data: {directory}/postgres/data
      log: {directory}/postgresql.log
      backup_host: 127.0.0.1
      backup_port: {backup}
      backups: {directory}/backups
      cache: {directory}/cache/codebase-mcp
      temporary: {directory}/temp
      drop_in: {drop_ins}/override.conf
      memory_drop_in: {drop_ins}/memory.conf
      codebase_drop_in: {drop_ins}/recovery.conf
      workflow_drop_in: {directory}/units/workflow-mcp.service.d/recovery.conf
      as_postgres: {as_postgres}
",
        postgres = ports["postgres"],
        codebase = ports["codebase"],
        workflow = ports["workflow"],
        ollama = ports["ollama"],
        redis = ports["redis"],
        backup = ports["backup"],
    );
    let services = services.join("\n          ");
    format!(
        "default_environment: site
environments:
  site:
    connections:
      host:
        local: true
        services:
          {services}
{rest}  systemd:
    connections:
{rest}"
    )
}
