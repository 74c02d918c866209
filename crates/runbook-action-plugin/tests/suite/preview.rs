//! What a use would change.

use std::fs;

use runbook_action::{ErrorKind, Mark, Preview, PreviewLine, Sounding};
use runbook_testkit::contract::{PATIENCE, secret};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use crate::{Project, used};

/// A project whose plugin answers this to any request, and says of itself that it answers `preview`.
fn answering(script: &str) -> Project {
    let mut project = Project::with_script(script);
    project.lock.plugins["bad"].descriptor.preview = true;
    project
}

#[tokio::test]
async fn the_example_tells_what_it_would_change_and_changes_nothing() {
    let project = Project::with_ledger().await;
    let file = project.root().join("ledger.txt");
    fs::write(&file, "size=10\nother=1\n").unwrap();
    let uses = project.uses();
    let told = async |with: Value| used("ledger", with).preview(&uses, &FakeHost::new()).await;
    let preview = told(json!({"file": "ledger.txt", "set": "size", "value": "20"})).await;
    let line = PreviewLine::new;
    assert_eq!(
        preview,
        Ok(Some(Preview {
            summary: "1 name would change".to_owned(),
            sounding: Sounding::Tried,
            lines: vec![line(Mark::Removed, "size=10"), line(Mark::Added, "size=20")],
        }))
    );
    let preview = told(json!({"file": "ledger.txt", "set": "size", "value": "10"})).await;
    assert_eq!(preview, Ok(Some(Preview::new("nothing would change"))));
    let preview = told(json!({"file": "ledger.txt", "clear": true})).await;
    assert_eq!(preview.unwrap().unwrap().summary, "2 names would change");
    // What only reads is asked, and not previewed.
    assert_eq!(told(json!({"file": "ledger.txt"})).await, Ok(None));
    let failure = told(json!({"file": "ledger.txt", "set": "size"}))
        .await
        .unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("with.set"));
    assert!(!failure.may_have_applied);
    assert_eq!(fs::read_to_string(&file).unwrap(), "size=10\nother=1\n");
}

#[tokio::test]
async fn one_that_does_not_say_that_it_answers_is_not_started() {
    let project = Project::with_script("echo started >started; echo '{\"done\": {}}'");
    let preview = used("bad", json!({}))
        .preview(&project.uses(), &FakeHost::new())
        .await;
    assert_eq!(preview, Ok(None));
    assert!(!project.root().join("started").exists());
}

#[tokio::test]
async fn one_may_say_that_it_cannot_tell() {
    let project = answering("echo '{\"done\": null}'");
    let preview = used("bad", json!({}))
        .preview(&project.uses(), &FakeHost::new())
        .await;
    assert_eq!(preview, Ok(None));
}

#[tokio::test]
async fn a_preview_that_is_none_is_told() {
    for (script, said) in [
        ("echo '{\"done\": 5}'", "something else than a preview"),
        ("echo '{\"done\": {}}'", "something else than a preview"),
        (
            "echo '{\"done\": {\"summary\": \"x\", \"sounding\": \"guessed\"}}'",
            "something else than a preview",
        ),
        (
            "echo '{\"done\": {\"summary\": \" \", \"sounding\": \"tried\"}}'",
            "without a `summary` of one line",
        ),
        (
            "printf '%s\\n' '{\"done\": {\"summary\": \"a\\nb\", \"sounding\": \"tried\"}}'",
            "without a `summary` of one line",
        ),
        (
            "printf '%s\\n' '{\"done\": {\"summary\": \"a\", \"sounding\": \"tried\", \"lines\": [{\"mark\": \"note\", \"text\": \"a\\nb\"}]}}'",
            "with a line that is several",
        ),
        ("echo hello; sleep 60", "said a line that is no JSON: `hello`"),
        ("exit 3", "ended with exit code 3 before it had answered"),
    ] {
        let project = answering(script);
        let case = used("bad", json!({}));
        let failure = case.preview(&project.uses(), &FakeHost::new()).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Protocol, "{script}: {failure}");
        assert!(failure.message.contains(said), "{script}: {failure}");
        assert!(!failure.may_have_applied, "{script}");
    }
}

#[tokio::test]
async fn one_that_answers_nothing_is_stopped() {
    let project = answering("echo '{\"output\": {\"text\": \"begun\"}}'; exec sleep 300");
    let host = FakeHost::new().grace(std::time::Duration::from_millis(50));
    let (uses, case) = (project.uses(), used("bad", json!({})));
    let cancel = async {
        while host.stdout().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await; // paced: the program starts in its own time
        }
        host.cancel();
    };
    let both = async { tokio::join!(case.preview(&uses, &host), cancel) };
    let (outcome, ()) = tokio::time::timeout(PATIENCE, both)
        .await
        .expect("it does not stop");
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    assert!(!failure.may_have_applied);
}

#[tokio::test]
async fn a_secret_in_a_preview_is_masked() {
    let project = answering(
        "echo '{\"done\": {\"summary\": \"hunter2-hunter2 would change\", \"sounding\": \"accepted\", \"lines\": [{\"mark\": \"added\", \"text\": \"=hunter2-hunter2\"}]}}'",
    );
    let mut case = used("bad", json!({}));
    if let runbook_action::Param::Map(params) = &mut case.params {
        let token = runbook_action::Param::Map(
            [("y".to_owned(), secret("token", "hunter2-hunter2"))]
                .into_iter()
                .collect(),
        );
        let with = [("x".to_owned(), token)];
        params.insert(
            "with".to_owned(),
            runbook_action::Param::Map(with.into_iter().collect()),
        );
    }
    let preview = case
        .preview(&project.uses(), &FakeHost::new())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(preview.sounding, Sounding::Accepted);
    assert!(!format!("{preview:?}").contains("hunter2"), "{preview:?}");
}
