//! What makes no sense is refused, and what belongs elsewhere is not run here.

use runbook_action::{Connection, Kind};
use runbook_action_shell::{Exec, Shell};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::{Place, run};

#[tokio::test]
async fn nothing_is_run_here_that_belongs_elsewhere() {
    let place = Place::new();
    let there = Use {
        params: written(&json!("touch ran")),
        connection: Some(Connection {
            name: "db".to_owned(),
            params: written(&json!({"ssh": "ops@db"})),
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
