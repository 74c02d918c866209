//! What is part of the language and cannot be run yet is told beforehand, and never left out in silence.

use runbook_action::{Action, Connection, Kind, Lack};
use runbook_action_shell::{Exec, Shell};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use crate::{Place, run, used};

fn paths(lacks: &[Lack]) -> Vec<&str> {
    lacks.iter().map(|lack| lack.param.as_str()).collect()
}

/// The parameters that cannot be run yet.
fn lacking() -> [(&'static str, Value); 5] {
    [
        ("user", json!("postgres")),
        ("tty", json!(true)),
        ("umask", json!("027")),
        ("inherit", json!("none")),
        ("inherit", json!(["PATH"])),
    ]
}

#[tokio::test]
async fn what_cannot_be_run_is_told_and_is_not_run() {
    let place = Place::new();
    for (key, given) in lacking() {
        let uses: [(&dyn Action, Value); 2] = [
            (&place.shell, json!({"run": "touch ran", key: given})),
            (&place.exec, json!({"argv": ["touch", "ran"], key: given})),
        ];
        for (action, params) in uses {
            let case = used(params);
            action.recognise(&case.params).unwrap();
            assert_eq!(paths(&action.lacks(&case.params, None)), [key]);
            let failure = run(action, &case, &FakeHost::new()).await.unwrap_err();
            assert_eq!(failure.param.as_deref(), Some(key));
            assert!(!place.path("ran").exists(), "{key}");
        }
    }
}

#[tokio::test]
async fn what_is_usual_is_run() {
    let place = Place::new();
    let params = json!({"run": "true", "tty": false, "inherit": "all"});
    assert_eq!(place.shell.lacks(&written(&params), None), []);
    place.shell(params).await.unwrap();
}

#[tokio::test]
async fn programs_run_here_only() {
    let place = Place::new();
    let ssh = written(&json!({"ssh": "ops@db"}));
    let local = written(&json!({"local": true}));
    let script = written(&json!("touch ran"));
    assert_eq!(place.shell.lacks(&script, Some(("local", &local))), []);
    assert_eq!(paths(&place.shell.lacks(&script, Some(("ssh", &ssh)))), [""]);
    let there = Use {
        params: script,
        connection: Some(Connection {
            name: "db".to_owned(),
            params: ssh,
        }),
        ..Use::default()
    };
    run(&place.shell, &there, &FakeHost::new()).await.unwrap_err();
    assert!(!place.path("ran").exists());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = Place::new();
    for (key, given, param) in [
        ("umask", json!(27), "umask"),
        ("umask", json!("rwx"), "umask"),
        ("inherit", json!("some"), "inherit"),
        ("inherit", json!(["A", "B=C"]), "inherit[1]"),
        ("inherit", json!([""]), "inherit[0]"),
    ] {
        let shell: &Shell = &place.shell;
        let exec: &Exec = &place.exec;
        let script = written(&json!({"run": "true", key: given}));
        let program = written(&json!({"argv": ["true"], key: given}));
        for failure in [shell.recognise(&script), exec.recognise(&program)] {
            assert_eq!(failure.unwrap_err().param.as_deref(), Some(param));
        }
    }
}
