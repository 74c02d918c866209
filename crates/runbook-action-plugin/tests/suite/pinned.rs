//! Which programs are run.

use std::fs;

use runbook_action::{Action, ErrorKind, Kind};
use runbook_action_plugin::{Lock, Places, Uses};
use runbook_testkit::contract::written;
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::{Project, used};

#[tokio::test]
async fn a_program_that_is_not_the_pinned_one_is_refused_with_the_way_out() {
    let project = Project::with_ledger().await;
    let case = used("ledger", json!({"file": "x"}));
    project.run(&case).await.unwrap();
    let mut text = fs::read_to_string(project.program("ledger")).unwrap();
    text.push_str("# changed\n");
    fs::write(project.program("ledger"), text).unwrap();
    let failure = project.run(&case).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Forbidden);
    assert!(
        failure.message.ends_with("is not the program that was pinned"),
        "{failure}"
    );
    assert!(failure.help.unwrap().contains("`runbook plugins pin ledger`"));
    assert!(!failure.may_have_applied);

    fs::remove_file(project.program("ledger")).unwrap();
    let failure = project.run(&case).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::MissingProgram);
    assert!(failure.message.contains("runbook-action-ledger"), "{failure}");
}

#[tokio::test]
async fn what_is_not_pinned_is_not_started() {
    let mut project = Project::with_script("touch ran; echo '{\"done\": {}}'");
    project.lock.plugins.clear();
    let uses = project.uses();
    let case = used("bad", json!({}));
    assert!(!uses.recognise(&case.params).unwrap().certain);
    let lacks = uses.lacks(&case.params, None);
    assert!(lacks[0].what.contains("`runbook plugins pin bad`"), "{lacks:?}");
    let failure = project.run(&case).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Forbidden);
    assert!(failure.help.unwrap().contains("`runbook plugins pin bad`"));
    assert!(!project.root().join("ran").exists());
}

#[tokio::test]
async fn a_project_has_its_own_before_those_of_the_path() {
    let (project, other) = (
        Project::with_script("echo '{\"done\": {\"own\": true}}'"),
        Project::new(),
    );
    other.write("bad", "echo '{\"done\": {\"own\": false}}'\n");
    let places = |root: &Project| Places {
        root: root.root().to_owned(),
        vars: vec![("PATH".into(), other.root().join("plugins").into())],
    };
    let own = places(&project).find("bad").unwrap();
    assert_eq!(own.file, project.program("bad"));
    let elsewhere = places(&Project::new()).find("bad").unwrap();
    assert_eq!(elsewhere.file, other.program("bad"));
    for name in ["../bad", "", "Bad", "a/b", "none"] {
        assert_eq!(places(&project).find(name), None, "{name}");
    }
    let names: Vec<String> = project
        .places()
        .own()
        .into_iter()
        .map(|place| place.name)
        .collect();
    assert_eq!(names, ["bad"]);
}

#[tokio::test]
async fn a_connection_of_a_kind_that_it_does_not_know_is_refused_beforehand() {
    let project = Project::with_ledger().await;
    let case = used("ledger", json!({"file": "x"}));
    let http = written(&json!({"http": "http://x"}));
    let lacks = project.uses().lacks(&case.params, Some(("http", &http)));
    assert!(lacks[0].what.contains("`http`"), "{lacks:?}");
    assert_eq!(project.uses().lacks(&case.params, None), []);
}

#[tokio::test]
async fn a_lock_is_read_as_it_is_written_and_a_wrong_one_is_told() {
    let project = Project::with_ledger().await;
    assert_eq!(Lock::read(&project.lock.text()), Ok(project.lock.clone()));
    for (text, said) in [
        ("", "is no JSON"),
        ("{}", "does not say its `version`"),
        ("{\"version\": 2}", "is of version 2"),
        ("{\"version\": 1}", "is wrong"),
        ("{\"version\": 1, \"plugins\": {\"a\": {}}}", "is wrong"),
    ] {
        let wrong = Lock::read(text).unwrap_err();
        assert!(wrong.to_string().contains(said), "{text}: {wrong}");
        let uses = Uses::new(project.places(), Some(text));
        let case = used("ledger", json!({"file": "x"}));
        let failure = uses.recognise(&case.params).unwrap_err();
        assert!(failure.message.contains("`runbook.lock`"), "{failure}");
        case.run(&uses, &FakeHost::new()).await.unwrap_err();
    }
}
