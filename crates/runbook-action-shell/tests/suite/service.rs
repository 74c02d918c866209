//! Services of a host. No systemd runs where these tests do, so a stand-in takes the place of `systemctl`, with its
//! options and words; what the real one says where systemd is not running is asked too.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use runbook_action::{
    Action, Connection, Effect, ErrorKind, Kind as _, Opening, TransportKind as _, Undoing,
};
use runbook_action_shell::{LocalServices, Ssh, Systemd};
use runbook_testkit::contract::{Subject, Use, check, written};
use runbook_testkit::host::FakeHost;
use runbook_testkit::sshd::Server;
use serde_json::{Value, json};

use crate::{Place, environment};

/// Keeps in files which units run, and notes how it was called.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >>calls
for last do :; done
verb=$(echo "$*" | tr ' ' '\n' | grep -xE 'show|start|stop|restart' | head -n 1)
case $last in
    nginx) ;;
    slow) [ "$verb" = show ] || { echo begun >begun; exec sleep 1000; } ;;
    broken) [ "$verb" = show ] || { echo "Job for broken.service failed." >&2; exit 1; } ;;
    secured) [ "$verb" = show ] || { echo "Failed to start secured.service: Access denied" >&2; exit 4; } ;;
    *) [ "$verb" = show ] && { echo LoadState=not-found; echo ActiveState=inactive; echo SubState=dead; exit 0; }
       echo "Unit $last.service not found." >&2; exit 5;;
esac
case $verb in
    show) echo LoadState=loaded
        if [ -e "$last.runs" ]; then echo ActiveState=active; echo SubState=running
        else echo ActiveState=inactive; echo SubState=dead; fi;;
    start|restart) : >"$last.runs";;
    stop) rm -f "$last.runs";;
esac
"#;

const JOURNALCTL: &str = "#!/bin/sh\necho \"$*\" >>calls\nprintf 'one\\ntwo\\n'\n";

fn with_stand_ins() -> (Place, Systemd) {
    let place = Place::new();
    for (name, text) in [("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)] {
        let file = place.path(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", place.root.path().display());
    let systemd = Systemd::new(environment(place.root.path(), &path));
    (place, systemd)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a `&` before each `json!` says nothing"
)]
fn through(connection: Value, params: &Value) -> Use {
    Use {
        params: written(params),
        connection: Some(Connection {
            name: "units".to_owned(),
            params: written(&connection),
        }),
        ..Use::default()
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a `&` before each `json!` says nothing"
)]
fn unit(params: Value) -> Use {
    through(json!({"systemd": "system"}), &params)
}

#[test]
fn the_summary_says_what_it_becomes() {
    let (_, systemd) = with_stand_ins();
    for (params, effect, undoing, summary) in [
        (
            json!({"status": "nginx"}),
            Effect::Read,
            Undoing::Needless,
            "systemctl status nginx",
        ),
        (
            json!({"logs": "nginx", "lines": 5}),
            Effect::Read,
            Undoing::Needless,
            "journalctl -u nginx",
        ),
        (
            json!({"start": "nginx"}),
            Effect::Change,
            Undoing::Automatic,
            "systemctl start nginx",
        ),
        (
            json!({"stop": "nginx"}),
            Effect::Change,
            Undoing::Automatic,
            "systemctl stop nginx",
        ),
        (
            json!({"restart": "nginx"}),
            Effect::Change,
            Undoing::Needless,
            "systemctl restart nginx",
        ),
    ] {
        let known = systemd.recognise(&written(&params)).unwrap();
        assert_eq!(
            (known.effect, known.undoing, known.summary.as_str(), known.certain),
            (effect, undoing, summary, true)
        );
    }
    for (params, param) in [
        (json!({"scale": "nginx", "replicas": 2}), Some("scale")),
        (json!({"start": "-x"}), Some("start")),
        (json!({"start": "a*"}), Some("start")),
        (json!({"start": ""}), Some("start")),
        (json!({"start": "a", "lines": 5}), Some("lines")),
        (json!({}), None),
    ] {
        let failure = systemd.recognise(&written(&params)).unwrap_err();
        assert_eq!(failure.param.as_deref(), param, "{failure:?}");
    }
}

#[tokio::test]
async fn units_are_looked_at_started_and_stopped() {
    let (place, systemd) = with_stand_ins();
    let does = |params: Value| {
        let case = unit(params);
        let systemd = &systemd;
        async move { case.run(systemd, &FakeHost::new()).await.unwrap().value }
    };
    let stopped = json!({"running": false, "state": "inactive (dead)", "replicas": 1, "ready": 0, "lines": [], "changed": false,
        "pid": null, "memory": null, "limits": {"memory": null, "cpus": null}});
    assert_eq!(does(json!({"status": "nginx"})).await, stopped);
    let started = does(json!({"start": "nginx"})).await;
    assert_eq!(
        (&started["running"], &started["state"], &started["changed"]),
        (&json!(true), &json!("active (running)"), &json!(true))
    );
    assert_eq!(does(json!({"start": "nginx"})).await["changed"], false);
    assert_eq!(does(json!({"restart": "nginx"})).await["changed"], true);
    assert_eq!(does(json!({"stop": "nginx"})).await["running"], false);
    let host = FakeHost::new();
    let logs = unit(json!({"logs": "nginx", "lines": 5, "since": "10m"}))
        .run(&systemd, &host)
        .await
        .unwrap();
    assert_eq!(logs.value["lines"], json!(["one", "two"]));
    assert_eq!(host.stdout(), b"one\ntwo\n");
    let calls = std::fs::read_to_string(place.path("calls")).unwrap();
    assert!(
        calls.contains("--no-ask-password --no-pager start -- nginx\n"),
        "{calls}"
    );
    assert!(calls.contains("--unit=nginx --lines=5 --since=-10m\n"), "{calls}");
    let case = through(json!({"systemd": "user"}), &json!({"status": "nginx"}));
    case.run(&systemd, &FakeHost::new()).await.unwrap();
    let calls = std::fs::read_to_string(place.path("calls")).unwrap();
    assert!(calls.contains("--user show"), "{calls}");
}

#[tokio::test]
async fn what_systemd_refuses_is_told_with_its_kind() {
    let (_place, systemd) = with_stand_ins();
    for (params, kind, message) in [
        (
            json!({"start": "none"}),
            ErrorKind::NotFound,
            "there is no service `none` on this machine",
        ),
        (
            json!({"start": "broken"}),
            ErrorKind::Other,
            "`systemctl start` failed: Job for broken.service failed",
        ),
        (
            json!({"start": "secured"}),
            ErrorKind::Forbidden,
            "`systemctl start` failed: Failed to start secured.service: Access denied",
        ),
    ] {
        let failure = unit(params).run(&systemd, &FakeHost::new()).await.unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (kind, message));
    }
}

/// The real one, which is installed, where systemd does not run.
#[tokio::test]
async fn a_host_without_systemd_is_told_as_such() {
    let place = Place::new();
    let systemd = Systemd::new(environment(place.root.path(), "/usr/bin:/bin"));
    let server = Server::start();
    let ssh = Connection {
        name: "box".to_owned(),
        params: written(&json!({"ssh": "box", "config": server.config()})),
    };
    let opening = Opening {
        kind: "ssh",
        connection: &ssh,
        via: None,
        behind: None,
        through: None,
    };
    let open = Ssh::new(environment(place.root.path(), "/usr/bin:/bin"))
        .open(opening)
        .await
        .unwrap();
    let here = unit(json!({"status": "nginx"}));
    let there = Use {
        transport: Some(Arc::clone(&open)),
        ..unit(json!({"status": "nginx"}))
    };
    for case in [here, there] {
        let failure = case.run(&systemd, &FakeHost::new()).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Unreachable, "{failure:?}");
        assert!(failure.message.contains("systemctl show"), "{failure:?}");
    }
    let empty = Systemd::new(environment(place.root.path(), "/not/here"));
    let failure = unit(json!({"status": "nginx"}))
        .run(&empty, &FakeHost::new())
        .await
        .unwrap_err();
    assert_eq!((failure.kind, failure.param), (ErrorKind::MissingProgram, None));
}

async fn is_undone(action: &dyn Action, case: impl Fn(&str) -> Use, runs: impl Fn() -> bool) {
    let host = FakeHost::new();
    for (verb, before) in [("start", false), ("stop", true), ("start", true), ("stop", false)] {
        let set = if before { "start" } else { "stop" };
        case(set).run(action, &host).await.unwrap();
        let used = case(verb);
        let inverse = used.prepare(action, &host).await.unwrap().unwrap();
        assert_eq!(runs(), before, "to prepare only reads");
        assert_eq!(
            used.undo(action, &host, &inverse).await.unwrap().value["changed"],
            false
        );
        used.run(action, &host).await.unwrap();
        used.run(action, &host).await.unwrap();
        assert_eq!(runs(), verb == "start");
        for _ in 0..2 {
            used.undo(action, &host, &inverse).await.unwrap();
            assert_eq!(runs(), before, "{verb}");
        }
    }
}

#[tokio::test]
async fn starting_and_stopping_are_undone() {
    let (place, systemd) = with_stand_ins();
    let case = |verb: &str| unit(json!({ verb: "nginx" }));
    is_undone(&systemd, case, || place.path("nginx.runs").exists()).await;

    let (place, services, connection) = described();
    let case = |verb: &str| through(connection.clone(), &json!({ verb: "web" }));
    is_undone(&services, case, || place.path("web.runs").exists()).await;
}

async fn is_foreseen(
    action: &dyn Action,
    case: impl Fn(&str) -> Use,
    words: [&str; 2],
    runs: impl Fn() -> bool,
) {
    let host = FakeHost::new();
    for (verb, before, becomes) in [
        ("start", false, "started"),
        ("restart", false, "started"),
        ("stop", false, ""),
        ("start", true, ""),
        ("restart", true, "restarted"),
        ("stop", true, "stopped"),
    ] {
        let set = if before { "start" } else { "stop" };
        case(set).run(action, &host).await.unwrap();
        let preview = case(verb).preview(action, &host).await.unwrap().unwrap();
        let now = words[usize::from(before)];
        let end = if becomes.is_empty() {
            "would stay so".to_owned()
        } else {
            format!("would be {becomes}")
        };
        assert_eq!(preview.summary, format!("{now} and {end}"), "{verb}");
        assert_eq!(runs(), before, "to preview only reads");
    }
    // What only looks is asked.
    assert_eq!(case("status").preview(action, &host).await, Ok(None));
}

#[tokio::test]
async fn what_becomes_of_a_service_is_told_and_not_done() {
    let (place, systemd) = with_stand_ins();
    let case = |verb: &str| unit(json!({ verb: "nginx" }));
    let words = ["`nginx` is inactive (dead)", "`nginx` is active (running)"];
    is_foreseen(&systemd, case, words, || place.path("nginx.runs").exists()).await;
    let calls = std::fs::read_to_string(place.path("calls")).unwrap();
    assert!(!calls.contains(" restart "), "{calls}");
    let failure = unit(json!({"start": "none"}))
        .preview(&systemd, &FakeHost::new())
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::NotFound);
    assert!(!failure.may_have_applied);

    let (place, services, connection) = described();
    let case = |verb: &str| through(connection.clone(), &json!({ verb: "web" }));
    let words = ["`web` is stopped", "`web` is running"];
    is_foreseen(&services, case, words, || place.path("web.runs").exists()).await;
}

#[tokio::test]
async fn it_keeps_to_the_contract() {
    let (place, systemd) = with_stand_ins();
    let failing = vec![
        unit(json!({"start": "none"})),
        unit(json!({"start": "broken"})),
        unit(json!({"scale": "nginx"})),
        unit(json!({"start": "a b"})),
        unit(json!({})),
        through(json!({}), &json!({"start": "nginx"})),
    ];
    check(&Subject {
        action: &systemd,
        endless: unit(json!({"start": "slow"})),
        begun: &|_| place.path("begun").exists(),
        failing,
        world: &|| {
            format!(
                "{} {}",
                place.path("nginx.runs").exists(),
                place.path("slow.runs").exists()
            )
        },
    })
    .await;
}

/// A service that is described by the programs that look after it.
fn described() -> (Place, LocalServices, Value) {
    let place = Place::new();
    let services = LocalServices::new(environment(place.root.path(), "/usr/bin:/bin"));
    let connection = json!({"local": true, "services": {
        "web": {
            "start": ["touch", "web.runs"],
            "stop": ["rm", "web.runs"],
            "status": ["test", "-e", "web.runs"],
            "logs": ["printf", "%s\n", "a", "b", "c"],
        },
        "told": {
            "start": ["true"], "stop": ["true"], "restart": ["touch", "restarted"],
            "status": ["echo", "  up for 5 min"],
        },
        "lost": {"start": ["true"], "stop": ["true"], "status": ["no-such-program"]},
        "dead": {"start": ["true"], "stop": ["true"], "status": ["false"]},
    }});
    (place, services, connection)
}

#[tokio::test]
async fn services_that_are_described_are_looked_after() {
    let (place, services, connection) = described();
    let does = |params: Value| {
        let case = through(connection.clone(), &params);
        let services = &services;
        async move { case.run(services, &FakeHost::new()).await }
    };
    assert_eq!(
        does(json!({"status": "web"})).await.unwrap().value["state"],
        "stopped"
    );
    assert_eq!(
        does(json!({"start": "web"})).await.unwrap().value["running"],
        true
    );
    assert_eq!(
        does(json!({"restart": "web"})).await.unwrap().value["changed"],
        true
    );
    assert_eq!(
        does(json!({"logs": "web", "lines": 2})).await.unwrap().value["lines"],
        json!(["b", "c"])
    );
    assert_eq!(
        does(json!({"status": "told"})).await.unwrap().value["state"],
        "up for 5 min"
    );
    does(json!({"restart": "told"})).await.unwrap();
    assert!(place.path("restarted").exists());
    let failure = does(json!({"status": "lost"})).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::MissingProgram);
    let failure = does(json!({"start": "dead"})).await.unwrap_err();
    assert_eq!(failure.message, "`dead` is stopped after `start`");
    assert!(failure.may_have_applied);
    let failure = does(json!({"start": "none"})).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::NotFound);
}

#[test]
fn what_is_not_described_is_refused_before_anything_runs() {
    let (_, services, connection) = described();
    let connection = written(&connection);
    let lacks = |params: Value| {
        let lacks = services.lacks(&written(&params), Some(("local", &connection)));
        lacks.into_iter().map(|lack| lack.what).collect::<Vec<_>>()
    };
    assert_eq!(lacks(json!({"restart": "web"})), Vec::<String>::new());
    assert_eq!(
        lacks(json!({"logs": "told"})),
        ["`logs` of the service `told`, for which the connection names no program"]
    );
    assert_eq!(
        lacks(json!({"start": "none"})),
        ["the service `none`, which the connection does not describe under `services`"]
    );
}
