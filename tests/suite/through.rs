//! Databases and servers that are reached by way of another machine: its SSH server is a real one, and so are they.

use runbook_testkit::docker::{Engine, IMAGE};
use runbook_testkit::mariadb::Server as Mariadb;
use runbook_testkit::postgres::Cluster;
use runbook_testkit::prometheus::{Options, Prometheus};
use runbook_testkit::sshd;

use crate::harness::Project;

/// A runbook that asks a database through the machine `box`.
fn project(url: &str, server: &sshd::Server) -> Project {
    let config = server.config();
    let config = config.display();
    Project::runbook(&format!(
        "secrets: {{url: {{env: DATABASE_URL}}}}\n\
         connections:\n  hop: {{ssh: box, config: {config}}}\n  db: {{sql: \"{{{{ secrets.url }}}}\", via: hop}}\n\
         steps:\n  - {{id: asked, sql: SELECT 6 * 7 AS answer, verify: [{{sql: SELECT 6 * 7 AS answer, expect: 'rows[0].answer == 42'}}]}}\n"
    ))
    .variable("DATABASE_URL", url)
}

#[test]
fn postgres_is_asked_through_another_machine() {
    let (server, cluster) = (sshd::Server::start(), Cluster::start());
    let project = project(&cluster.url("postgres"), &server);
    project
        .run(&["exec", "runbook.yaml"])
        .expect(0)
        .says(&["resolved"]);
    // Without the key nobody gets through, so that was the way.
    server.is_known_by(Some("other")).unwrap();
    let refused = project.run(&["exec", "runbook.yaml"]).expect(4);
    refused.says(&["asked: failed", "host key"]);
}

#[test]
fn a_socket_of_another_machine_is_reached() {
    let (server, cluster) = (sshd::Server::start(), Cluster::start());
    let project = project(&cluster.socket_url("postgres"), &server);
    project
        .run(&["exec", "runbook.yaml"])
        .expect(0)
        .says(&["resolved"]);
}

#[test]
fn mariadb_is_asked_through_another_machine() {
    let (server, mariadb) = (sshd::Server::start(), Mariadb::start());
    let project = project(&mariadb.url("mysql"), &server);
    project
        .run(&["exec", "runbook.yaml"])
        .expect(0)
        .says(&["resolved"]);
}

#[test]
fn servers_are_asked_through_another_machine() {
    let (server, prometheus) = (sshd::Server::start(), Prometheus::start(&Options::default()));
    let (config, url) = (server.config(), prometheus.url("http", "localhost"));
    let project = Project::runbook(&format!(
        "connections:\n  hop: {{ssh: box, config: {}}}\n  api: {{http: \"{url}\", via: hop}}\n  \
         metrics: {{prometheus: \"{url}\", via: hop}}\n\
         steps:\n  - {{id: asked, http: {{get: /-/healthy}}, verify: [{{promql: vector(42), expect: value == 42}}]}}\n",
        config.display()
    ));
    project
        .run(&["exec", "runbook.yaml"])
        .expect(0)
        .says(&["resolved"]);
    // Without the key nobody gets through, so that was the way.
    server.is_known_by(Some("other")).unwrap();
    let refused = project.run(&["exec", "runbook.yaml"]).expect(4);
    refused.says(&["asked: failed", "host key"]);
}

#[test]
fn where_nobody_listens_over_there_is_told() {
    let server = sshd::Server::start();
    let project = project("postgres://nobody@127.0.0.1:1/none", &server);
    let refused = project.run(&["exec", "runbook.yaml"]).expect(4);
    refused.says(&["asked: failed", "nobody listens at `127.0.0.1:1/none`"]);
}

#[test]
fn a_file_is_not_reached_through_another_machine() {
    let server = sshd::Server::start();
    let project = project("sqlite:here.db", &server);
    let refused = project.run(&["exec", "runbook.yaml"]).expect(4);
    refused.says(&[
        "a file of SQLite is not reached through a connection",
        "leave out `via`",
    ]);
}

#[test]
fn an_engine_and_its_containers_are_reached_through_another_machine() {
    let (server, engine) = (sshd::Server::start(), Engine::start());
    let _web = engine.docker(&["run", "-d", "--name", "web", IMAGE, "serve"]);
    let (config, socket) = (server.config(), engine.socket());
    let project = Project::runbook(&format!(
        "connections:\n  hop: {{ssh: box, config: {}}}\n  engine: {{docker: {{socket: {}}}, via: hop}}\n  web: {{container: web, via: engine}}\n\
         steps:\n  - {{id: listed, docker: {{ps: running}}, capture: {{name: 'containers[0].name'}}}}\n  - {{id: page, exec: [cat, /www/index.html], target: web, effect: read, capture: {{page: stdout}}}}\n\
         verify:\n  - {{id: same, docker: {{inspect: web}}, expect: 'steps.listed.name == \"web\" and steps.page.page == \"one\"'}}\n",
        config.display(),
        socket.display()
    ));
    project
        .run(&["exec", "runbook.yaml", "--yes"])
        .expect(0)
        .says(&["resolved"]);
    // Without the key nobody gets through, so that was the way.
    server.is_known_by(Some("other")).unwrap();
    let refused = project.run(&["exec", "runbook.yaml", "--yes"]);
    refused.expect(4).says(&["host key"]);
}
