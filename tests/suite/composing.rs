//! Projects of compose: which program does it, what is shown before it is done, and what is put back.

use std::os::unix::fs::PermissionsExt as _;

use runbook_testkit::docker::{Engine, IMAGE, NEWER, Registry};

use crate::containers::{compose, running};
use crate::harness::Project;

/// Docker's plugin: it says so when it is asked, notes what it is told, and hands over to the program that there is.
const PLUGIN: &str = r#"#!/bin/sh
if [ "$1" = docker-cli-plugin-metadata ]; then
    echo '{"SchemaVersion": "0.1.0", "Vendor": "lab", "Version": "v2.0.0"}'
    exit
fi
shift
[ "$1" = version ] || echo "$*" >>"$CALLS"
case "$*" in
    *" --pull never "*) exit 0 ;;
esac
exec /usr/bin/docker-compose "$@"
"#;

/// The project where only the program of its own is found.
fn alone(project: Project) -> Project {
    project.variable("PATH", "/usr/bin:/bin")
}

/// The project where Docker's plugin is found, too.
fn with_plugin(project: Project) -> Project {
    let project = project.with("client/cli-plugins/docker-compose", PLUGIN);
    let plugin = project.path("client/cli-plugins/docker-compose");
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (client, calls) = (project.path("client"), project.path("calls"));
    let (client, calls) = (client.display().to_string(), calls.display().to_string());
    alone(project)
        .variable("DOCKER_CONFIG", &client)
        .variable("CALLS", &calls)
}

#[test]
fn a_plan_says_which_program_it_would_be_on_any_machine() {
    let engine = Engine::shared();
    let steps = "steps:\n  - {id: up, compose: {up: all}, rollback: auto}\n  - {id: seen, compose: {ps: all}}\n  \
                 - {id: more, service: {scale: web, replicas: 2}, target: shop, rollback: auto}\n";
    let project = alone(compose(engine, steps));
    let rule = "by docker compose, or docker-compose where that is not there";
    for command in ["plan", "show"] {
        let said = project.run(&[command, "runbook.yaml"]).expect(0);
        let lines = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(lines.matches(rule).count(), 2, "{}", said.all());
        assert!(
            lines.contains(&format!("up all on shop, {rule}")),
            "{}",
            said.all()
        );
        // Where there is none at all, it says the same.
        let mut nowhere = project.command(env!("CARGO_BIN_EXE_runbook"), &[command, "runbook.yaml"]);
        let output = nowhere.env("PATH", "/nowhere").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), said.stdout);
    }
    let plan = project
        .run(&["plan", "runbook.yaml", "--format", "json"])
        .expect(0);
    assert!(
        plan.stdout
            .contains("\"means\": \"docker compose, or docker-compose where"),
        "{}",
        plan.stdout
    );
}

#[test]
fn the_plugin_is_preferred_where_it_exists() {
    let engine = Engine::start();
    let steps = "steps:\n  - {id: up, compose: {up: all, dependencies: false, grace: 1s}, rollback: auto}\n  \
                 - {id: never, compose: {up: web, pull_policy: never}, rollback: auto}\n  \
                 - {id: more, compose: {scale: {web: 2}}, rollback: auto}\n  \
                 - {id: down, compose: {down: all, grace: 1s}, irreversible: it is over}\n";
    let project = compose(&engine, steps);
    // A project without the plugin has the other program, and that one says what it cannot do.
    let other = alone(compose(&engine, steps));
    let probed = other.run(&["plan", "runbook.yaml", "--probe"]);
    probed.says(&["by `docker-compose`"]);
    other
        .run(&["exec", "runbook.yaml", "--yes", "--output"])
        .expect(5)
        .says(&[
            "by `docker-compose`\n",
            "is not what `docker-compose` can do",
            "install Docker's plugin",
        ]);

    let project = with_plugin(project);
    let probed = project.run(&["plan", "runbook.yaml", "--probe"]);
    probed.says(&["by `docker compose`"]);
    let ended = project
        .run(&["exec", "runbook.yaml", "--yes", "--output"])
        .expect(0);
    ended.says(&["by `docker compose`\n"]);
    let calls = std::fs::read_to_string(project.path("calls")).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    assert_eq!(
        calls,
        [
            "--ansi never -p shop up -d --no-deps -t 1",
            "--ansi never -p shop up -d --pull never web",
            "--ansi never -p shop up -d --no-recreate --scale web=2 web",
            "--ansi never -p shop down -t 1",
        ]
    );
    assert_eq!(running(&engine), 0);
}

#[test]
fn what_would_go_with_a_project_is_counted() {
    let engine = Engine::start();
    let up = alone(compose(
        &engine,
        "steps:\n  - {id: up, compose: {up: all}, irreversible: it runs}\n",
    ));
    up.run(&["exec", "runbook.yaml", "--yes"]).expect(0);
    let container = engine.docker(&["ps", "-q"]);
    let _filled = engine.docker(&[
        "exec",
        &container,
        "sh",
        "-c",
        "head -c 12345 /dev/zero >/data/x; head -c 500 /dev/zero >/x",
    ]);
    let down = alone(compose(
        &engine,
        "steps:\n  - {id: down, compose: {down: all, volumes: true}, irreversible: gone}\n",
    ));
    let probed = down.run(&["plan", "runbook.yaml", "--probe"]);
    probed.says(&[
        "1 container, 1 volume would go, 12845 bytes",
        "container shop_web_1, running (500 bytes)",
        "volume shop_data, with all that is in it (12345 bytes)",
        "by `docker-compose`",
    ]);
    assert_eq!(running(&engine), 1, "it is only looked at");
}

/// A project that has run one image, and is brought up with another one by a runbook that then fails.
fn replaced(engine: &Engine, rest: &str) -> Project {
    let _tagged = engine.docker(&["tag", IMAGE, "shop:1"]);
    let text = format!("steps:\n  - {{id: up, compose: {{up: web}}, rollback: auto}}\n{rest}");
    let project = alone(compose(engine, &text));
    let first = project.path("first.yaml");
    let before = std::fs::read_to_string(project.path("runbook.yaml")).unwrap();
    let steps = before.find("steps:").unwrap();
    let first_text = format!(
        "{}steps:\n  - {{id: up, compose: {{up: web}}, irreversible: it runs}}\n",
        &before[..steps]
    );
    std::fs::write(first, first_text).unwrap();
    let file = project.path("shop/docker-compose.yml");
    let text = std::fs::read_to_string(&file).unwrap().replace(IMAGE, "shop:1");
    std::fs::write(&file, text).unwrap();
    project.run(&["exec", "first.yaml", "--yes"]).expect(0);
    let _tagged = engine.docker(&["tag", NEWER, "shop:1"]);
    project
}

fn images(engine: &Engine) -> Vec<String> {
    let web = ["ps", "-q", "--filter", "label=com.docker.compose.service=web"];
    let containers = engine.docker(&web);
    let mut images: Vec<String> = containers
        .lines()
        .map(|container| engine.field(container, "{{.Image}}"))
        .collect();
    images.dedup();
    images
}

#[test]
fn what_somebody_has_changed_since_is_not_overwritten() {
    let engine = Engine::start();
    // The change of somebody else comes between the step and its undo.
    let project = replaced(
        &engine,
        "  - {id: else, compose: {scale: {web: 3}}, irreversible: somebody else does it}\n  - {id: fails, fail: on purpose}\n",
    );
    let ended = project.run(&["exec", "runbook.yaml", "--yes"]).expect(6);
    ended.says(&["somebody else has changed it since: `replicas of web` is 3, and was left as 1"]);
    assert_eq!(images(&engine), [engine.field(NEWER, "{{.Id}}")]);
    assert_eq!(running(&engine), 3);
}

#[test]
fn the_same_is_told_long_after_the_run() {
    let engine = Engine::start();
    let project = replaced(&engine, "");
    project.run(&["exec", "runbook.yaml", "--yes"]).expect(0);
    let scale = |count: u32| {
        let scale = format!("web={count}");
        let arguments = ["-p", "shop", "up", "-d", "--no-recreate", "--scale", &scale];
        let mut compose = project.command("/usr/bin/docker-compose", &arguments);
        compose
            .current_dir(project.path("shop"))
            .env("DOCKER_HOST", engine.url());
        assert!(compose.output().unwrap().status.success());
    };
    scale(2);
    project
        .run(&["rollback", "last", "--yes"])
        .expect(6)
        .says(&["somebody else has changed it since"]);
    assert_eq!(images(&engine), [engine.field(NEWER, "{{.Id}}")]);
    // Whose change it was takes it back, and the undo is tried again.
    scale(1);
    project.run(&["rollback", "last", "--yes"]).expect(5);
    assert_eq!(images(&engine), [engine.field(IMAGE, "{{.Id}}")]);
}

/// What each verb of `compose` does to a project whose image is built, and which of it is data.
#[test]
fn every_verb_of_a_project_does_what_it_says() {
    let (engine, registry) = (Engine::start(), Registry::start());
    let pulled = registry.push(&engine, NEWER, "lab/pulled:1");
    let steps = r#"steps:
  - {id: build, compose: {build: web, build_args: {WORD: built}}, irreversible: it is there}
  - {id: pull, compose: {pull: other}, irreversible: it is there}
  - {id: up, compose: {up: [web]}, rollback: auto, capture: {changed: changed}}
  - {id: page, compose: {exec: web, argv: [cat, /www/index.html]}, effect: read, capture: {page: lines}}
  - {id: stop, compose: {stop: web, grace: 1s}, rollback: auto, capture: {running: services.web.running}}
  - {id: start, compose: {start: web}, rollback: auto, capture: {state: 'containers[0].state.status'}}
  - {id: restart, compose: {restart: web, grace: 1s}, capture: {changed: changed}}
  - {id: logs, compose: {logs: web}, capture: {lines: logs.lines}}
  - {id: seen, compose: {ps: all}, capture: {web: services.web}}
  - {id: down, compose: {down: web, grace: 1s}, irreversible: it is over, capture: {removed: removed}}
verify:
  - {id: changed, compose: {ps: web}, expect: 'steps.up.changed and steps.restart.changed and services.web.containers == 0'}
  - {id: page, compose: {ps: web}, expect: 'steps.page.page == ["built"]'}
  - {id: states, compose: {ps: web}, expect: 'steps.stop.running == 0 and steps.start.state == "running" and steps.seen.web.running == 1'}
  - {id: lines, compose: {ps: web}, expect: 'steps.logs.lines == ["begun", "begun", "begun"]'}
  - {id: removed, compose: {ps: web}, expect: 'steps.down.removed == ["shop_web_1"]'}
"#;
    let text = format!(
        "version: '2.4'\nservices:\n  web: {{build: {{context: ., args: [WORD]}}, image: 'shop-built:1', command: [sh, -c, 'echo begun; exec serve'], stop_grace_period: 1s}}\n  other: {{image: '{pulled}'}}\n"
    );
    let dockerfile = format!("FROM {IMAGE}\nARG WORD\nRUN echo $WORD >/www/index.html\n");
    let project = alone(compose(&engine, steps))
        .with("shop/docker-compose.yml", &text)
        .with("shop/Dockerfile", &dockerfile);
    let ended = project.run(&["exec", "runbook.yaml", "--yes"]).expect(0);
    ended.says(&["resolved"]);
    assert_eq!(engine.field(&pulled, "{{.Id}}"), engine.field(NEWER, "{{.Id}}"));
    assert_eq!(running(&engine), 0);
}
