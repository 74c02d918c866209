//! Databases and servers that are reached by way of another machine: its SSH server is a real one, and so are they.

use std::os::unix::fs::PermissionsExt as _;

use runbook_testkit::docker::{Engine, IMAGE};
use runbook_testkit::mariadb::Server as Mariadb;
use runbook_testkit::postgres::Cluster;
use runbook_testkit::prometheus::{Options, Prometheus};
use runbook_testkit::sshd;

use crate::harness::{Project, until};

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

/// A project whose client of `ssh` has the configuration of this server: `box` is the machine.
fn with_client(project: Project, server: &sshd::Server) -> Project {
    let config = server.config();
    let script = format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", config.display());
    let project = project.with("bin/ssh", &script);
    let program = project.path("bin/ssh");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", project.path("bin").display());
    project.variable("PATH", &path)
}

/// A runbook that asks an engine and what is in a container of it; `engine` is the connection to it.
fn asking(engine: &str) -> Project {
    Project::runbook(&format!(
        "connections:\n  engine: {{docker: {engine}}}\n  web: {{container: web, via: engine}}\n  page: {{http: \"http://localhost:8000\", via: web}}\n\
         steps:\n  - {{id: listed, docker: {{ps: running}}, capture: {{name: 'containers[0].name'}}}}\n  \
         - {{id: file, exec: [cat, /www/index.html], target: web, effect: read, capture: {{page: stdout}}}}\n  \
         - {{id: page, http: {{get: /}}, capture: {{page: text}}}}\n\
         verify:\n  - {{id: same, docker: {{inspect: web}}, expect: 'steps.listed.name == \"web\" and steps.file.page == \"one\" and steps.page.page == \"one\"'}}\n"
    ))
}

#[test]
fn an_engine_is_reached_by_a_url_of_ssh() {
    let (server, engine) = (sshd::Server::start(), Engine::start());
    let _web = engine.docker(&["run", "-d", "--name", "web", IMAGE, "serve"]);
    let url = format!("ssh://box{}", engine.socket().display());
    let said = asking(&format!("{{host: \"{url}\"}}"));
    let around = asking("default").variable("DOCKER_HOST", &url);
    let context = asking("far");
    // The client of Docker itself writes down what a context is; Debian's knows no paths in such URLs yet.
    let client = context.path(".docker");
    let named = client.display().to_string();
    let _made = engine.docker(&[
        "--config",
        &named,
        "context",
        "create",
        "far",
        "--docker",
        "host=ssh://box",
    ]);
    let kept = std::fs::read_dir(client.join("contexts/meta")).unwrap().next();
    let kept = kept.unwrap().unwrap().path().join("meta.json");
    let text = std::fs::read_to_string(&kept).unwrap();
    std::fs::write(&kept, text.replace("ssh://box", &url)).unwrap();
    let chosen = asking("default")
        .variable("DOCKER_CONTEXT", "far")
        .variable("DOCKER_CONFIG", &named);
    let projects = [said, around, context, chosen].map(|project| with_client(project, &server));
    for project in &projects {
        project.run(&["check", "runbook.yaml"]).expect(0);
        project
            .run(&["exec", "runbook.yaml", "--yes"])
            .expect(0)
            .says(&["resolved"]);
        // Without the key nobody gets through, so that was the way.
        server.is_known_by(Some("other")).unwrap();
        let refused = project.run(&["exec", "runbook.yaml", "--yes"]);
        refused.expect(4).says(&["host key"]);
        server.is_known_by(Some("host")).unwrap();
    }
    let config = server.config().display().to_string();
    until("the connections are closed", || {
        let processes = std::fs::read_dir("/proc").unwrap();
        let lines = processes.filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
        let mut lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
        (!lines.any(|line| line.contains(&config))).then_some(())
    });
}

#[test]
fn what_is_wrong_with_a_url_of_ssh_is_told() {
    let server = sshd::Server::start();
    let config = server.config();
    let hop = format!(", via: hop}}\n  hop: {{ssh: box, config: {}", config.display());
    for (engine, kind, said) in [
        (
            "{host: \"ssh://box/not/here.sock\"}".to_owned(),
            4,
            "`/not/here.sock`, as seen from",
        ),
        (
            "{host: \"ssh://ops:hunter2@box\"}".to_owned(),
            2,
            "a password is written out",
        ),
        (
            "{host: \"ssh://\"}".to_owned(),
            4,
            "is not the address of an engine",
        ),
        (
            "{host: \"ssh://nowhere.invalid\"}".to_owned(),
            4,
            "nowhere.invalid",
        ),
        (
            "{host: \"ssh://box\", tls: {ca: a, cert: b, key: c}}".to_owned(),
            4,
            "is for a TCP address",
        ),
        (format!("{{host: \"ssh://box\"}}{hop}"), 4, "is a way of its own"),
    ] {
        let project = Project::runbook(&format!(
            "connections:\n  engine: {{docker: {engine}}}\nsteps:\n  - {{id: listed, docker: {{ps: running}}, verify: [{{docker: {{ps: running}}, expect: 'true'}}]}}\n"
        ));
        let ended = with_client(project, &server).run(&["exec", "runbook.yaml", "--yes"]);
        let ended = ended.expect(kind).says(&[said]);
        assert!(!ended.all().contains("panicked"));
    }
}

#[test]
fn a_project_is_brought_up_on_an_engine_behind_ssh() {
    let (server, engine) = (sshd::Server::start(), Engine::start());
    let url = format!("ssh://box{}", engine.socket().display());
    let files = format!(
        "version: '2.4'\nservices:\n  web: {{image: \"{IMAGE}\", command: [serve], stop_grace_period: 1s}}\n"
    );
    for (connections, variable) in [
        (
            format!("  engine: {{docker: {{host: \"{url}\"}}}}\n  shop: {{compose: shop, via: engine}}\n"),
            ("UNUSED", ""),
        ),
        (
            "  shop: {compose: shop}\n".to_owned(),
            ("DOCKER_HOST", url.as_str()),
        ),
    ] {
        let project = Project::runbook(&format!(
            "connections:\n{connections}steps:\n  - {{id: up, compose: {{up: all}}, irreversible: it runs, capture: {{running: services.web.running}}}}\n  \
             - {{id: down, compose: {{down: all}}, irreversible: it is over}}\nverify:\n  - {{id: ran, compose: {{ps: web}}, expect: steps.up.running == 1 and services.web.running == 0}}\n"
        ))
        .with("shop/docker-compose.yml", &files)
        .variable(variable.0, variable.1);
        with_client(project, &server)
            .run(&["exec", "runbook.yaml", "--yes"])
            .expect(0)
            .says(&["resolved"]);
    }
}
