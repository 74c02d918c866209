//! Containers and projects of compose, as runbooks use them: with a real engine, and with the real program of compose.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use runbook_testkit::docker::{Engine, IMAGE, NEWER};
use rustix::process::Signal;

use crate::harness::Project;

const HEALTHY: [&str; 6] = [
    "--health-cmd",
    "wget -q -O /dev/null http://127.0.0.1:8000/",
    "--health-interval",
    "200ms",
    "--health-start-period",
    "30s",
];

fn runbook(engine: &Engine, rest: &str) -> Project {
    let socket = engine.socket();
    Project::runbook(&format!(
        "connections:\n  engine: {{docker: {{socket: {}}}}}\n{rest}",
        socket.display()
    ))
}

#[test]
fn programs_and_files_in_a_container_are_as_anywhere_else() {
    let engine = Engine::start();
    let _web = engine.docker(&["run", "-d", "--name", "web", "-w", "/tmp", IMAGE, "serve"]);
    let _set = engine.docker(&["exec", "web", "sh", "-c", "echo SIZE=5 > /tmp/app.env"]);
    let project = runbook(
        &engine,
        r#"  inside: {container: web, via: engine}
  as_app: {container: web, via: engine, user: app}
secrets: {token: {env: TOKEN}}
steps:
  - id: script
    shell: 'printf "%s %s\n" "$T" "$(cat /www/index.html)"; test -n "$RUNBOOK_RUN"; cd /; umask'
    target: inside
    effect: read
    env: {T: "{{ secrets.token }}"}
    capture: {said: lines}
  - {id: whole, shell: {run: cat, cwd: /www, stdin: read, umask: "077"}, target: inside, effect: read, capture: {read: stdout}}
  - {id: who, exec: [id, -u], target: as_app, effect: read, capture: {uid: stdout}}
  - {id: size, file: {path: /tmp/app.env, set: {SIZE: 200}}, target: inside, rollback: auto}
  - {id: seen, exec: [cat, /tmp/app.env], target: inside, effect: read, capture: {env: stdout}}
verify:
  - {id: ok, exec: ["true"], target: inside, expect: 'steps.who.uid == "1000" and steps.whole.read == "read" and steps.seen.env == "SIZE=200"'}
  - {id: wrong, exec: ["false"], target: inside, expect: exit_code == 0}
"#,
    )
    .variable("TOKEN", "hunter2-hunter2");
    let ended = project
        .run(&["exec", "runbook.yaml", "--yes", "--output"])
        .expect(5);
    assert!(!ended.all().contains("hunter2"));
    ended.says(&["‹secret token› one", "✓ true"]);
    assert_eq!(
        engine.docker(&["exec", "web", "cat", "/tmp/app.env"]),
        "SIZE=5",
        "it is put back"
    );
}

#[test]
fn a_database_is_reached_through_a_container() {
    use runbook_testkit::postgres::Cluster;
    let (engine, cluster) = (Engine::start(), Cluster::start());
    // In the network of the machine the container reaches what the machine does, and has `nc` for the way.
    let _hop = engine.docker(&["run", "-d", "--name", "hop", "--network", "host", IMAGE]);
    let url = cluster.url("postgres").replace("127.0.0.1", "localhost");
    let project = runbook(
        &engine,
        &format!(
            "  hop: {{container: hop, via: engine}}\n  db: {{sql: \"{url}\", via: hop}}\n\
             steps:\n  - {{id: asked, sql: SELECT 6 * 7 AS answer, verify: [{{sql: SELECT 6 * 7 AS answer, expect: 'rows[0].answer == 42'}}]}}\n"
        ),
    );
    project
        .run(&["exec", "runbook.yaml"])
        .expect(0)
        .says(&["resolved"]);
    let _gone = engine.docker(&["stop", "-t", "1", "hop"]);
    project
        .run(&["exec", "runbook.yaml"])
        .expect(4)
        .says(&["container `hop` is exited"]);
}

#[test]
fn a_rolling_restart_fails_no_request() {
    let engine = Engine::start();
    let ports: Vec<u16> = (0..3)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .map(|listener| listener.local_addr().unwrap().port())
        .collect();
    for (number, port) in ports.iter().enumerate() {
        let (name, publish) = (format!("hub-{number}"), format!("127.0.0.1:{port}:8000"));
        let head = [
            "run", "-d", "--name", &name, "--label", "tier=hub", "-p", &publish,
        ];
        let _id = engine.docker(&[&head[..], &HEALTHY, &[IMAGE, "serve"]].concat());
    }
    let started = |number: usize| engine.field(&format!("hub-{number}"), "{{.State.StartedAt}}");
    let project = runbook(
        &engine,
        r#"steps:
  - {id: hubs, docker: {ps: running, labels: {tier: hub}}, capture: {names: 'containers | map(attribute="name") | list'}}
  - {id: ready, docker: {wait_healthy: [hub-0, hub-1, hub-2]}}
  - id: each
    for_each: {item: hub, in: steps.hubs.names, batch: 1, max_failures: 0}
    steps:
      - {id: restart, docker: {restart: "{{ hub }}", grace: 1s}}
      - {id: healthy, docker: {wait_healthy: "{{ hub }}"}}
verify: [{id: all, docker: {ps: running, labels: {tier: hub}}, expect: containers | length == 3}]
"#,
    );
    let before: Vec<String> = (0..3).map(started).collect();
    // As a balancer does, the client goes to the next one when one does not answer.
    let (requests, failed, over) = (AtomicU32::new(0), AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while answers(ports[0]).is_none() {
                std::thread::yield_now();
            }
            while !over.load(Ordering::Relaxed) {
                let number = requests.fetch_add(1, Ordering::Relaxed) as usize;
                let order = (0..3).map(|step| ports[(number + step) % 3]);
                if order.into_iter().find_map(answers).is_none() {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        project
            .run(&["exec", "runbook.yaml", "--yes"])
            .expect(0)
            .says(&["resolved"]);
        over.store(true, Ordering::Relaxed);
    });
    let (requests, failed) = (requests.into_inner(), failed.into_inner());
    assert!(requests > 50, "the client asked only {requests} times");
    assert_eq!(failed, 0, "of {requests} requests");
    let after: Vec<String> = (0..3).map(started).collect();
    assert!(
        before.iter().zip(&after).all(|(before, after)| before != after),
        "all were restarted"
    );
}

/// The page at a port, if one is served.
fn answers(port: u16) -> Option<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    server.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    server.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut page = String::new();
    server.read_to_string(&mut page).ok()?;
    page.contains("200 OK").then_some(())
}

/// A project of compose with a service `web`.
pub(crate) fn compose(engine: &Engine, rest: &str) -> Project {
    let project = runbook(
        engine,
        &format!("  shop: {{compose: {{project: shop, directory: shop}}, via: engine}}\n{rest}"),
    );
    let files = project.path("shop");
    std::fs::create_dir_all(&files).unwrap();
    let text = format!(
        "version: '2.4'\nservices:\n  web:\n    image: {IMAGE}\n    command: [serve]\n    stop_grace_period: 1s\n    volumes: [data:/data]\nvolumes: {{data: {{}}}}\n"
    );
    std::fs::write(files.join("docker-compose.yml"), text).unwrap();
    project
}

pub(crate) fn running(engine: &Engine) -> usize {
    engine
        .docker(&["ps", "-q", "--filter", "label=com.docker.compose.service=web"])
        .lines()
        .count()
}

#[test]
fn a_project_is_brought_up_scaled_and_put_back() {
    let engine = Engine::start();
    let up = compose(
        &engine,
        r#"  web: {container: web, via: shop, index: 2}
steps:
  - {id: up, compose: {up: all}, rollback: auto, capture: {changed: changed, image: services.web.image}}
  - {id: more, compose: {scale: {web: 3}}, rollback: auto, capture: {web: services.web}}
  - {id: said, exec: [cat, /www/index.html], target: web, effect: read, capture: {page: stdout}}
  - {id: inside, compose: {exec: web, argv: [sh, -c, "echo out; echo err >&2"], index: 3}, effect: read, capture: {out: stdout, err: stderr}}
  - {id: log, compose: {logs: all, tail: 5}, capture: {lines: logs.lines}}
  - {id: limits, service: {set_limits: web, memory: 64Mi}, target: shop, rollback: auto}
  - {id: status, service: {status: web}, target: shop, capture: {ready: ready}}
verify:
  - {id: seen, compose: {ps: web}, expect: 'steps.more.web.running == 3 and steps.said.page == "one" and steps.inside.out == "out" and steps.inside.err == "err" and steps.status.ready == 3 and steps.up.changed'}
"#,
    );
    up.run(&["exec", "runbook.yaml", "--yes"])
        .expect(0)
        .says(&["resolved"]);
    assert_eq!(running(&engine), 3);
    let container = engine.docker(&[
        "ps",
        "-q",
        "--latest",
        "--filter",
        "label=com.docker.compose.service=web",
    ]);
    assert_eq!(engine.field(&container, "{{.HostConfig.Memory}}"), "67108864");

    // A step after these fails, and what they did is undone.
    let back = compose(
        &engine,
        r"steps:
  - {id: fewer, compose: {scale: {web: 1}}, rollback: auto}
  - {id: stop, service: {stop: web}, target: shop, rollback: auto}
  - {id: fails, fail: on purpose}
",
    );
    std::fs::remove_dir_all(back.path("shop")).unwrap();
    std::os::unix::fs::symlink(up.path("shop"), back.path("shop")).unwrap();
    back.run(&["exec", "runbook.yaml", "--yes"]).expect(5);
    assert_eq!(running(&engine), 3);

    let down = compose(
        &engine,
        "steps:\n  - {id: down, compose: {down: all, volumes: true, grace: 1s}, irreversible: gone}\n",
    );
    down.run(&["exec", "runbook.yaml", "--yes"]).expect(0);
    assert_eq!(
        (running(&engine), engine.docker(&["volume", "ls", "-q"])),
        (0, String::new())
    );
}

#[test]
fn an_image_that_was_replaced_comes_back() {
    let engine = Engine::start();
    let _tagged = engine.docker(&["tag", IMAGE, "shop:1"]);
    let first = compose(
        &engine,
        "steps:\n  - {id: up, compose: {up: web}, irreversible: it runs}\n",
    );
    let file = first.path("shop/docker-compose.yml");
    let text = std::fs::read_to_string(&file).unwrap().replace(IMAGE, "shop:1");
    std::fs::write(&file, text).unwrap();
    first.run(&["exec", "runbook.yaml", "--yes"]).expect(0);
    // It runs the one image, and then there is another under the name.
    let project = compose(
        &engine,
        "steps:\n  - {id: up, compose: {up: web}, rollback: auto}\n  - {id: fails, fail: on purpose}\n",
    );
    std::fs::remove_dir_all(project.path("shop")).unwrap();
    std::os::unix::fs::symlink(first.path("shop"), project.path("shop")).unwrap();
    let _tagged = engine.docker(&["tag", NEWER, "shop:1"]);
    project.run(&["exec", "runbook.yaml", "--yes"]).expect(5);
    assert_eq!(running(&engine), 1);
    let container = engine.docker(&["ps", "-q", "--filter", "label=com.docker.compose.service=web"]);
    let image = |name: &str| engine.field(name, "{{.Id}}");
    assert_eq!(engine.field(&container, "{{.Image}}"), image(IMAGE));
    assert_eq!(image("shop:1"), image(IMAGE));
}

#[test]
fn what_runs_in_a_container_ends_with_its_step() {
    let engine = Engine::start();
    let _web = engine.docker(&["run", "-d", "--name", "web", IMAGE, "idle"]);
    for step in [
        "{id: long, shell: 'echo $((40 + 2))x; sleep 1000', target: inside, rollback: not_needed}",
        "{id: long, exec: [sh, -c, 'echo $((40 + 2))x; sleep 1000'], target: inside, rollback: not_needed}",
        "{id: long, docker: {exec: web, argv: [sh, -c, 'echo $((40 + 2))x; sleep 1000']}, rollback: not_needed}",
        "{id: long, docker: {run: 'lab:1', argv: [sh, -c, 'echo $((40 + 2))x; sleep 1000']}, rollback: not_needed}",
    ] {
        let project = runbook(
            &engine,
            &format!("  inside: {{container: web, via: engine}}\nsteps:\n  - {step}\n"),
        );
        let mut running = project.start(&["exec", "runbook.yaml", "--yes", "--output"]);
        running.wait_for("42x");
        running.signal(Signal::INT);
        running.end().expect(5).says(&["was cancelled"]);
        let listed = engine.docker(&["exec", "web", "ps", "-o", "args"]);
        assert!(!listed.contains("sleep 1000"), "{step}\n{listed}");
        assert_eq!(
            engine.docker(&["ps", "-a", "--format", "{{.Names}}"]),
            "web",
            "{step}"
        );
    }
}

#[test]
fn a_container_is_a_service() {
    let engine = Engine::start();
    let script = ["sh", "-c", "echo begun; exec idle"];
    let name = ["run", "-d", "--name", "web", "--memory", "64m", IMAGE];
    let _web = engine.docker(&[&name[..], &script].concat());
    let asked = |rest: &str| runbook(&engine, rest);
    let project = asked(
        r#"steps:
  - {id: status, service: {status: web}, target: engine, capture: {status: '[running, state, replicas, ready]'}}
  - {id: stop, service: {stop: web}, target: engine, rollback: auto, capture: {changed: changed}}
  - {id: start, service: {start: web}, target: engine, rollback: auto}
  - {id: restart, service: {restart: web}, target: engine}
  - {id: limits, service: {set_limits: web, memory: 96Mi}, target: engine, rollback: auto}
  - {id: logs, service: {logs: web, lines: 2}, target: engine, capture: {lines: lines}}
verify:
  - {id: said, service: {status: web}, target: engine, expect: 'running and steps.status.status == [true, "running", 1, 1] and steps.stop.changed and steps.logs.lines == ["begun", "begun"]'}
  - {id: fails, service: {status: web}, target: engine, expect: ready == 2}
"#,
    );
    // The last check fails, so all of it is put back.
    project
        .run(&["exec", "runbook.yaml", "--yes"])
        .expect(5)
        .says(&["rolled_back"]);
    let field = |template: &str| engine.field("web", template);
    assert_eq!(
        (field("{{.State.Status}}"), field("{{.HostConfig.Memory}}")),
        ("running".to_owned(), "67108864".to_owned())
    );
    let absent = asked(
        "steps:\n  - {id: pid, service: {status: web}, target: engine, capture: {pid: pid}, rollback: not_needed}\n",
    );
    absent
        .run(&["exec", "runbook.yaml", "--yes"])
        .expect(4)
        .says(&["only systemd tells it"]);
    let single =
        asked("steps:\n  - {id: more, service: {scale: web, replicas: 2}, target: engine, rollback: auto}\n");
    single
        .run(&["exec", "runbook.yaml", "--yes"])
        .expect(2)
        .says(&["of a single container"]);
}
