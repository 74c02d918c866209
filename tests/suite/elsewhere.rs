//! Runs whose steps are on another machine, through a real SSH server, and on this one as somebody else.

use runbook_testkit::sshd::Server;

use crate::harness::{Project, until};

fn runbook(server: &Server, rest: &str) -> Project {
    let connections = format!(
        "connections:\n  bastion: {{ssh: box, config: {config}}}\n  inner: {{ssh: box, config: {config}, via: bastion}}\n",
        config = server.config().display(),
    );
    Project::runbook(&format!("{connections}{rest}"))
}

#[test]
fn steps_run_on_another_machine_and_their_secrets_are_nowhere() {
    let server = Server::start();
    let project = runbook(
        &server,
        r#"secrets:
  token: {env: TOKEN}
steps:
  - id: there
    shell: printf '%s %s\n' "$T" "$SSH_CONNECTION"
    target: bastion
    env: {T: "{{ secrets.token }}"}
    effect: read
    capture: {seen: stdout}
  - {id: behind, exec: [sh, -c, "echo ok"], target: inner, effect: read, capture: {said: stdout}}
verify: [{id: ok, exec: ["true"], target: inner, expect: steps.behind.said == "ok"}]
"#,
    )
    .variable("TOKEN", "hunter2-hunter2");
    let ended = project
        .run(&["exec", "runbook.yaml", "--yes", "--output"])
        .expect(0)
        .says(&["‹secret token› 127.0.0.1"]);
    assert!(!ended.all().contains("hunter2"));
    // All that went to the first machine went by one connection, and the other one is behind it.
    let log = std::fs::read_to_string(server.path("log")).expect("the server logs");
    assert_eq!(log.matches("Accepted publickey").count(), 2, "{log}");
}

#[test]
fn a_file_on_another_machine_is_put_back() {
    let server = Server::start();
    let project = runbook(
        &server,
        r#"steps:
  - {id: size, file: {path: PATH, set: {SIZE: 200}}, target: bastion, rollback: auto}
verify: [{id: no, exec: ["false"], expect: exit_code == 0}]
"#,
    );
    let file = project.path("app.env");
    let text = std::fs::read_to_string(project.path("runbook.yaml")).expect("it is there");
    let text = text.replace("PATH", &file.display().to_string());
    std::fs::write(project.path("runbook.yaml"), text).expect("it is written");
    let before = "# kept\nSIZE=5 # old\n";
    std::fs::write(&file, before).expect("it is written");
    project.run(&["exec", "runbook.yaml", "--yes"]).expect(5);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), before);
}

/// A machine that is not reached is an ordinary failure, and what it was kept from is undone.
#[test]
fn a_host_that_is_not_known_fails_the_step() {
    let server = Server::start();
    server.is_known_by(None).expect("it is written");
    let project = runbook(
        &server,
        r#"steps:
  - {id: made, exec: [touch, made], rollback: {exec: [rm, made]}}
  - {id: there, exec: [touch, ran], target: bastion, rollback: not_needed}
verify: [{id: ok, exec: ["true"]}]
"#,
    );
    project
        .run(&["exec", "runbook.yaml", "--yes"])
        .expect(5)
        .says(&["has a host key that is not known here", "compare its fingerprint"]);
    assert!(!project.path("made").exists() && !project.path("ran").exists());
}

/// The program is killed without a chance to do anything; what it had started there does not go on.
#[test]
fn a_killed_run_leaves_nothing_running_there() {
    let server = Server::start();
    let project = runbook(
        &server,
        r#"steps:
  - {id: long, shell: "echo $$ >PIDFILE; sleep 1000", target: bastion, irreversible: It only sleeps.}
verify: [{id: ok, exec: ["true"]}]
"#,
    );
    let pid = project.path("pid");
    let text = std::fs::read_to_string(project.path("runbook.yaml")).expect("it is there");
    let text = text.replace("PIDFILE", &pid.display().to_string());
    std::fs::write(project.path("runbook.yaml"), text).expect("it is written");
    let running = project.start(&["exec", "runbook.yaml", "--yes"]);
    let leader = until("it runs there", || {
        std::fs::read_to_string(&pid)
            .ok()
            .filter(|text| text.ends_with('\n'))
    });
    drop(running);
    until("it is gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", leader.trim()));
        stat.map_or(true, |stat| {
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
        })
        .then_some(())
    });
}

/// What a service becomes is said before anything runs, and a host that has none of them says so.
#[test]
fn a_plan_says_what_a_service_becomes() {
    let project = Project::runbook(
        r"connections:
  units: {systemd: system}
  here:
    local: true
    services:
      worker: {start: [touch, runs], stop: [rm, runs], status: [test, -e, runs]}
steps:
  - {id: nginx, service: {restart: nginx}, target: units}
  - {id: worker, service: {start: worker}, target: here, rollback: auto}
verify: [{id: runs, service: {status: worker}, target: here, expect: running}]
",
    );
    project
        .run(&["show", "runbook.yaml"])
        .expect(0)
        .says(&["systemctl restart nginx", "start service worker"]);
    let scaled = project.path("runbook.yaml");
    let text = std::fs::read_to_string(&scaled).expect("it is there");
    std::fs::write(
        &scaled,
        text.replace("{restart: nginx}", "{scale: nginx, replicas: 2}"),
    )
    .expect("it is written");
    project
        .run(&["check", "runbook.yaml"])
        .expect(2)
        .says(&["is for containers"]);
    let text = std::fs::read_to_string(&scaled).expect("it is there");
    let nginx = text.lines().filter(|line| !line.contains("nginx"));
    std::fs::write(&scaled, nginx.collect::<Vec<_>>().join("\n")).expect("it is written");
    project.run(&["exec", "runbook.yaml", "--yes"]).expect(0);
    assert!(project.path("runs").exists());
}
