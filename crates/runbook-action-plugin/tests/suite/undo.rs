//! Keeping what was there, and putting it back.

use std::fs;

use runbook_action::{ErrorKind, Handle, Settled};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::{Project, used};

#[tokio::test]
async fn what_was_there_is_put_back() {
    let project = Project::with_ledger().await;
    let file = project.root().join("ledger.txt");
    fs::write(&file, "size=10\nother=1\n").unwrap();
    let (uses, host) = (project.uses(), FakeHost::new());
    let case = used(
        "ledger",
        json!({"file": "ledger.txt", "set": "size", "value": "20"}),
    );
    let kept = case.prepare(&uses, &host).await.unwrap().expect("it keeps it");
    assert_eq!(kept.summary, "put back `size`");
    let output = case.run(&uses, &host).await.unwrap();
    assert_eq!(output.value["changed"], true);
    assert_eq!(fs::read_to_string(&file).unwrap(), "size=20\nother=1\n");
    for changed in [true, false] {
        let undone = case.undo(&uses, &host, &kept).await.unwrap();
        assert_eq!(undone.value["changed"], changed);
        assert_eq!(fs::read_to_string(&file).unwrap(), "size=10\nother=1\n");
    }
    // Somebody else's change is not overwritten.
    fs::write(&file, "size=30\n").unwrap();
    let failure = case.undo(&uses, &host, &kept).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert_eq!(fs::read_to_string(&file).unwrap(), "size=30\n");
}

#[tokio::test]
async fn what_needs_no_undo_keeps_nothing() {
    let project = Project::with_ledger().await;
    let case = used("ledger", json!({"file": "ledger.txt"}));
    assert_eq!(case.prepare(&project.uses(), &FakeHost::new()).await, Ok(None));
}

#[tokio::test]
async fn an_inverse_that_is_none_is_told() {
    for (answer, said) in [
        ("{\"done\": {\"version\": 1}}", "something else than an inverse"),
        (
            "{\"done\": {\"version\": 1, \"summary\": \"\", \"expects\": 1, \"data\": 2}}",
            "without a `summary`",
        ),
    ] {
        let project = Project::with_script(&format!("echo '{answer}'"));
        let case = used("bad", json!({"x": "auto"}));
        let failure = case.prepare(&project.uses(), &FakeHost::new()).await.unwrap_err();
        assert!(failure.message.contains(said), "{failure}");
        assert!(!failure.may_have_applied);
    }
}

#[tokio::test]
async fn what_a_crash_left_is_settled_by_the_plugin() {
    let project = Project::with_script(
        r#"case $request in *'"handles":[{"what":"job","data":7}]'*) echo '{"done": "ended"}' ;; *) echo '{"done": 5}' ;; esac"#,
    );
    let (uses, host) = (project.uses(), FakeHost::new());
    let case = used("bad", json!({}));
    let handle = |data: i32| Handle {
        what: "job".to_owned(),
        data: json!(data),
    };
    assert_eq!(case.settle(&uses, &host, &[]).await, Ok(Settled::Nothing));
    assert_eq!(case.settle(&uses, &host, &[handle(7)]).await, Ok(Settled::Ended));
    let failure = case.settle(&uses, &host, &[handle(8)]).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Protocol);
}
