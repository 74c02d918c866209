//! The pods of the secure MCP server: full of memory, cutting connections, overrun, and looked at every morning.

use std::fs;
use std::process::Stdio;

use runbook_testkit::postgres::Cluster as Postgres;
use runbook_testkit::prometheus::{Metrics, Options, Prometheus};
use serde_json::json;

use crate::harness::{Ended, Project, until};
use crate::production::{Outside, Production, Running, free_port};

const MEMORY: &str = "incident/pod-memory.yaml";
const WEBSOCKETS: &str = "incident/websockets.yaml";
const DIAGNOSTICS: &str = "operations/diagnostics.yaml";
const REMEDIATE: &str = "operations/auto-remediate.yaml";
const MORNING: &str = "routine/morning-check.yaml";
const LIMIT: &str = "/spec/template/spec/containers/0/resources/limits/memory";

#[test]
fn a_pod_that_is_full_of_memory_tells_of_what_and_gets_more() {
    let production = Production::start();
    production.exec(MEMORY, &["memory=120Mi"], "not_needed");
    let pod = production.hold(150);
    let folder = production.project.path("dumps");
    fs::create_dir(&folder).unwrap();
    let folder = format!("folder={}", folder.display());
    let (_, run) = production.exec(
        MEMORY,
        &["memory=120Mi", "memory_limit=400Mi", &folder],
        "resolved",
    );
    assert_eq!(run.captured("usage")["pod"], json!(pod));
    let dump = production
        .project
        .path("dumps")
        .join(format!("{}.hprof", run.name()));
    assert_eq!(fs::read_to_string(dump).unwrap(), "{\"megabytes\": [150]}");
    assert_eq!(production.field("mcp-server", LIMIT), "400Mi");
    assert!(!production.pods("mcp-server").contains(&pod));
    production
        .project
        .run(&["rollback", &run.name(), "--yes"])
        .expect(5);
    assert_eq!(production.field("mcp-server", LIMIT), "256Mi");
}

#[test]
fn clients_get_longer_and_all_that_is_known_is_brought_together() {
    let production = Production::start();
    production.exec(WEBSOCKETS, &[], "not_needed");
    production.patch(&json!({"env": [{"name": "CLIENTS", "value": "2"}, {"name": "WS_HEARTBEAT_TIMEOUT", "value": "100"}]}));
    until("connections are cut", || {
        let log = production.kubectl(&["logs", "deployment/mcp-server"]);
        (log.matches("websocket closed").count() > 3).then_some(())
    });
    let (_, run) = production.exec(
        DIAGNOSTICS,
        &[&format!("folder={}", production.project.path(".").display())],
        "resolved",
    );
    let bundle = format!("{}.tar.gz", run.name());
    let listed = production
        .project
        .command("tar", &["-xzvf", &bundle])
        .output()
        .unwrap();
    let listed = Ended::of(&listed).expect(0).stdout;
    let pods = production.pods("mcp-server");
    for pod in &pods {
        assert!(listed.contains(&format!("{pod}.txt")), "{listed}");
    }
    let read = |name: &str| fs::read_to_string(production.project.path(&run.name()).join(name)).unwrap();
    assert!(read(&format!("{}.txt", pods[0])).contains("websocket closed"));
    let overview = read("overview.txt");
    for text in ["HTTP/1.1 200 OK", "PostgreSQL is not found", "ScalingReplicaSet"] {
        assert!(overview.contains(text), "{overview}");
    }

    let (_, run) = production.exec(WEBSOCKETS, &["cut=3"], "resolved");
    assert!(!run.captured("log")["lines"].as_array().unwrap().is_empty());
    let env = production.field("mcp-server", "/spec/template/spec/containers/0/env");
    assert!(
        env.to_string()
            .contains(r#"{"name":"WS_HEARTBEAT_TIMEOUT","value":"60000"}"#),
        "{env}"
    );
}

/// Whether a query has an answer.
fn is_so(production: &Production, prometheus: &Prometheus, query: &str) -> bool {
    let url = format!("{}/api/v1/query", prometheus.url("http", "127.0.0.1"));
    let query = format!("query={query}");
    let asked = production
        .project
        .command("curl", &["-s", "-G", "--data-urlencode", &query, &url])
        .output();
    Ended::of(&asked.unwrap()).stdout.contains("\"value\"")
}

/// A client that holds a session and does nothing.
fn idle_session(production: &Production, url: &str) -> Running {
    let mut psql = production.project.command("psql", &["-Atq", url]);
    Running(psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
}

/// A server that shows a certificate which ends in three days, and its address.
fn shown() -> (Running, String) {
    let project = Project::empty();
    let arguments = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "3",
    ];
    let files = ["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"];
    let made = project
        .command("openssl", &[&arguments[..], &files].concat())
        .output();
    Ended::of(&made.unwrap()).expect(0);
    let address = format!("127.0.0.1:{}", free_port());
    let serve = [
        "s_server", "-quiet", "-accept", &address, "-key", "key.pem", "-cert", "cert.pem",
    ];
    let server = Running(
        project
            .command("openssl", &serve)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    until("it listens", || {
        std::net::TcpStream::connect(&address).ok().map(drop)
    });
    (server, address)
}

/// What the service and Prometheus say of requests: so many since it started.
fn metrics(requests: u32) -> String {
    format!("mcp_server_requests_total {requests}\nmcp_server_errors_total 0\n")
}

#[test]
fn what_is_known_to_help_is_done_and_mornings_tell_whether_all_is_well() {
    let (postgres, told) = (Postgres::start(), Metrics::start(&metrics(0)));
    let prometheus = Prometheus::start(&Options {
        targets: vec![told.address().to_owned()],
        job: Some("mcp-server"),
        ..Options::default()
    });
    let (pages, (_shown, tls)) = (Outside::pages(), shown());
    let vault = Outside::start("vault.py", "vault", &[("VAULT_TOKENS", "")]);
    let inputs = format!(
        "{{prometheus_url: \"{}\", api_url: \"{}\", vault_url: \"{}\", tls: \"{}\", data: /, memory: 120Mi}}",
        prometheus.url("http", "127.0.0.1"),
        pages.url,
        vault.url,
        tls
    );
    let url = postgres.create_database("mcp_production").unwrap();
    let production = Production::start_with("{}", &inputs, &[("MCP_DATABASE_URL", &url)]);
    until("the metrics are seen", || {
        is_so(
            &production,
            &prometheus,
            "mcp_server_requests_total == 0 and on() up == 1",
        )
        .then_some(())
    });
    production.exec(REMEDIATE, &[], "not_needed");
    let (ended, run) = production.exec(MORNING, &[], "resolved");
    assert_eq!(run.captured("morning")["worst"], "warn");
    ended.says(&["! certificate: `value` is 2"]);

    let pod = production.hold(150);
    let idle: Vec<Running> = (0..12).map(|_| idle_session(&production, &url)).collect();
    told.tell(&metrics(90_000));
    until("the load is seen", || {
        is_so(
            &production,
            &prometheus,
            "rate(mcp_server_requests_total[5m]) > 10",
        )
        .then_some(())
    });
    let (_, run) = production.exec(
        REMEDIATE,
        &["idle_for=0s", "requests=10", "per_pod=3", "most=3"],
        "resolved",
    );
    assert_eq!(run.captured("pods")["large"], json!([pod]));
    assert_eq!(run.captured("end")["ended"], 12);
    assert_eq!(production.field("mcp-server", "/spec/replicas"), 3);
    assert!(!production.pods("mcp-server").contains(&pod));
    drop(idle);

    fs::write(vault.path("vault.sealed"), "").unwrap();
    let (ended, run) = production.exec(MORNING, &[], "failed");
    ended.says(&["Vault is not sealed"]);
    assert_eq!(run.steps("step_failed"), ["morning"]);
}
