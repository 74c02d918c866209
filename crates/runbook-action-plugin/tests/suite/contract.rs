//! The example passes the same suite as the actions within the program.

use std::fs;

use runbook_action::{Connection, Effect, Kind, Param, Undoing};
use runbook_testkit::contract::{Subject, Use, check, declares, secret, written};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::one::One;
use crate::{Project, used};

fn with_secret(name: &str, key: &str, more: &serde_json::Value) -> Use {
    let mut case = used(name, more.clone());
    if let Param::Map(params) = &mut case.params
        && let Some(Param::Map(with)) = params.get_mut("with")
    {
        with.insert(key.to_owned(), secret("token", "hunter2-hunter2"));
    }
    case
}

#[tokio::test]
async fn a_plugin_keeps_to_the_contract_of_actions() {
    let project = Project::with_ledger().await;
    let file = project.root().join("ledger.txt");
    fs::write(&file, "there=1\n").unwrap();
    fs::write(project.root().join("garbage"), "garbage\n").unwrap();
    let one = One::of(&project, "ledger");
    check(&Subject {
        action: &one,
        endless: with_secret("ledger", "watch", &json!({"file": "ledger.txt"})),
        begun: &|host: &FakeHost| !host.stderr().is_empty(),
        failing: vec![
            used("ledger", json!({})),
            used("ledger", json!({"file": "garbage"})),
            used("ledger", json!({"file": ".", "set": "a", "value": "b"})),
            used("ledger", json!({"file": "ledger.txt", "set": "a=", "value": "b"})),
            used("ledger", json!({"file": "ledger.txt", "set": "a"})),
            used("ledger", json!({"file": "ledger.txt", "gett": "a"})),
            used("ledger", json!({"file": "ledger.txt", "clear": "yes"})),
            used("ledger", json!([])),
            used("nobody", json!({})),
            with_secret("ledger", "get", &json!({"file": "ledger.txt"})),
            with_secret("ledger", "file", &json!({"set": "no value"})),
            with_secret("ledger", "clear", &json!({"file": "ledger.txt"})),
            Use::default(),
        ],
        world: &|| fs::read_to_string(&file).unwrap(),
    })
    .await;
}

#[tokio::test]
async fn what_a_use_does_is_known_without_starting_it() {
    let project = Project::with_ledger().await;
    fs::remove_file(project.program("ledger")).unwrap();
    let one = One::of(&project, "ledger");
    for (with, effect, undoing) in [
        (json!({"file": "x"}), Effect::Read, Undoing::Needless),
        (json!({"file": "x", "get": "a"}), Effect::Read, Undoing::Needless),
        (
            json!({"file": "x", "set": "a", "value": "b"}),
            Effect::Change,
            Undoing::Automatic,
        ),
        (
            json!({"file": "x", "set": "a", "clear": true}),
            Effect::Destructive,
            Undoing::ByAuthor,
        ),
    ] {
        let case = used("ledger", with.clone());
        declares(&one, std::slice::from_ref(&case), &[]);
        let known = one.recognise(&case.params).unwrap();
        assert_eq!(
            (known.effect, known.certain, known.undoing),
            (effect, true, undoing),
            "{with}"
        );
        assert_eq!(known.summary, format!("ledger {with}"));
    }
}

#[tokio::test]
async fn values_connection_and_environment_reach_it() {
    let mut project = Project::with_script(
        r#"printf '{"output": {"text": "%s %s"}}\n' "$OWN" "$PWD"; printf '{"done": %s}\n' "$request""#,
    );
    project.lock.plugins["bad"].descriptor.connections = vec!["http".to_owned()];
    let mut case = used("bad", json!({"x": [1, {"a": "b"}]}));
    case.env
        .insert("OWN".to_owned(), runbook_action::Text::literal("value"));
    case.connection = Some(Connection {
        name: "api".to_owned(),
        params: written(&json!({"http": "http://localhost"})),
    });
    let host = FakeHost::new().remaining(std::time::Duration::from_secs(7));
    let told = project.run_with(&case, &host).await.unwrap().value;
    let root = project.root().canonicalize().unwrap();
    assert_eq!(
        String::from_utf8(host.stdout()).unwrap(),
        format!("value {}", root.display())
    );
    assert_eq!(
        told,
        json!({
            "protocol": 1, "do": "run", "params": {"x": [1, {"a": "b"}]},
            "connection": {"name": "api", "params": {"http": "http://localhost"}},
            "asking": false, "remaining_ms": 7000,
        })
    );
}
