//! `runbook rollback`: a run is undone after its end.

use std::fs;

use crate::harness::Project;

const TWO: &str = "steps:\n  - {id: one, shell: echo x >> one, rollback: {shell: rm one}}\n  \
    - {id: two, shell: echo x >> two, rollback: {shell: rm two}}\n";

#[test]
fn a_resolved_run_is_undone_whatever_became_of_its_file() {
    for text in [None, Some("steps: ["), Some("not a runbook\n")] {
        let project = Project::runbook(TWO);
        project.run(&["exec", "runbook.yaml"]).expect(0);
        match text {
            None => fs::remove_file(project.path("runbook.yaml")).unwrap(),
            Some(text) => fs::write(project.path("runbook.yaml"), text).unwrap(),
        }
        let ended = project.run(&["rollback", "last", "--yes", "--reason", "it made things worse"]);
        ended.expect(5).says(&["tester", "rolled_back"]);
        assert!(!project.path("one").exists() && !project.path("two").exists());
        let run = project.only_run();
        assert_eq!(run.steps("undo_started"), ["two", "one"]);
        assert!(run.report().contains("it made things worse"), "{}", run.report());
        let refused = project.run(&["rollback", "last", "--yes"]).expect(2);
        refused.says(&["nothing to undo", "all of it was undone"]);
    }
}

#[test]
fn what_failed_and_was_held_is_undone() {
    let project = Project::runbook(&format!(
        "on_failure: hold\n{TWO}  - {{id: three, shell: exit 1, effect: read}}\n"
    ));
    let held = project.run(&["exec", "runbook.yaml"]).expect(4);
    held.says(&[&format!("runbook rollback {}", project.only_run().name())]);
    project.run(&["rollback", "last", "-y"]).expect(5);
    assert!(!project.path("one").exists() && !project.path("two").exists());
}

#[test]
fn an_undo_that_failed_is_tried_again() {
    let project = Project::runbook(
        "steps:\n  - {id: one, shell: touch one, rollback: {shell: 'test -e mended && rm one'}}\n  \
        - {id: two, shell: touch two, rollback: {shell: 'echo x >> undone'}}\n  \
        - {id: three, shell: exit 1, effect: read}\n",
    );
    let ended = project.run(&["exec", "runbook.yaml"]).expect(6);
    ended.says(&["runbook rollback", "to try the undos again"]);
    project
        .run(&["resume", "last"])
        .expect(2)
        .says(&["tries the undos again"]);
    let project = project.with("mended", "");
    project.run(&["rollback", "last", "--yes"]).expect(5);
    assert!(!project.path("one").exists());
    assert_eq!(
        fs::read_to_string(project.path("undone")).unwrap(),
        "x\n",
        "what was undone is not undone again"
    );
}

#[test]
fn it_asks_before_it_begins() {
    let project = Project::runbook(TWO);
    project.run(&["exec", "runbook.yaml"]).expect(0);
    let refused = project.run(&["rollback", "last"]).expect(2);
    refused.says(&["no terminal to ask on", "--yes"]);
    let mut running = project.start_on_terminal(&["rollback", "last"]);
    running.wait_for("undo it: yes or no?");
    let shown = running.stdout();
    let (two, one) = (shown.find("rm two").unwrap(), shown.find("rm one").unwrap());
    assert!(two < one, "{shown}");
    running.type_in("no\n");
    running.end().expect(2).says(&["nothing was undone"]);
    assert!(project.path("one").exists() && project.only_run().events("run_resumed").is_empty());
    let mut running = project.start_on_terminal(&["rollback", "last"]);
    running.wait_for("undo it: yes or no?");
    running.type_in("yes\n");
    running.end().expect(5);
    assert!(!project.path("one").exists());
}

#[test]
fn what_touched_nothing_has_nothing_to_undo() {
    let project = Project::runbook(&format!(
        "detect: [{{id: broken, shell: exit 1, expect: exit_code == 0}}]\n{TWO}"
    ));
    project.run(&["exec", "runbook.yaml"]).expect(3);
    project
        .run(&["rollback", "last", "--yes"])
        .expect(2)
        .says(&["it touched nothing"]);
    project
        .run(&["resume", "last"])
        .expect(3)
        .says(&["nothing is to be done"]);
    project.run(&["exec", "runbook.yaml", "--force"]).expect(0);
    assert!(project.path("two").exists());
}
