//! When the run's directory cannot be written, and when the program is killed.

use std::fs;

use rustix::process::Signal;

use crate::harness::{Ended, Project, until};

#[test]
fn a_journal_that_cannot_be_written_stops_the_run() {
    let step = |at| format!("  - {{id: s{at}, shell: touch step-{at}, rollback: not_needed}}\n");
    let steps: Vec<String> = (0..40).map(step).collect();
    let project = Project::runbook(&format!("steps:\n{}", steps.concat()));
    let program = env!("CARGO_BIN_EXE_runbook");
    // No file may grow beyond 16 KiB: that is enough for the beginning of this journal only.
    let line = format!("ulimit -f 16 && exec '{program}' exec runbook.yaml");
    let output = project.command("bash", &["-c", &line]).output();
    let ended = Ended::of(&output.expect("there is a shell"));
    assert_eq!(ended.code, 4, "{}", ended.all());
    assert!(
        ended.stderr.contains("journal.jsonl") && ended.stderr.contains("File too large"),
        "{}",
        ended.all()
    );
    let run = project.only_run();
    let ran = (0..40)
        .filter(|at| project.path(&format!("step-{at}")).exists())
        .count();
    assert!((1..39).contains(&ran), "{ran} steps ran\n{}", ended.all());
    // What has run is in the journal, as what was about to be done.
    assert!(run.steps("attempt_started").len() >= ran, "{}", run.text());
    project.run(&["verify"]).expect(0).says(&["has not ended"]);
}

#[test]
fn a_run_whose_directory_is_removed_keeps_its_exit_code() {
    for (last, code) in [("'true'", 0), ("'false'", 4)] {
        let project = Project::runbook(&format!(
            "steps:\n  - {{id: one, shell: rm -r .runbook, effect: read}}\n  - {{id: two, exec: [{last}], effect: read}}\n"
        ));
        let ended = project.run(&["exec", "runbook.yaml"]).expect(code);
        assert!(
            ended.stderr.contains("journal.jsonl"),
            "it says so\n{}",
            ended.all()
        );
    }
}

#[test]
fn what_a_killed_run_has_written_is_whole() {
    let project = Project::runbook(
        "steps:\n  - {id: one, shell: touch one, rollback: {shell: rm one}}\n  - {id: two, shell: 'touch two; exec sleep 20', rollback: not_needed, timeout: 10m}\n",
    );
    let running = project.start(&["exec", "runbook.yaml"]);
    until("the second step has begun", || {
        project.path("two").exists().then_some(())
    });
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, -1);
    project.run(&["verify"]).expect(0).says(&["has not ended"]);
    project
        .run(&["show"])
        .expect(0)
        .says(&["touch two", "has not ended"]);
    project.run(&["runs"]).expect(0).says(&["killed", "1/2"]);
    // The intent was there before the step was.
    let run = project.only_run();
    assert_eq!(run.steps("attempt_started"), ["one", "two"]);
    project.run(&["report"]).expect(0).says(&["two"]);
}

#[test]
fn a_state_folder_elsewhere_is_used() {
    let project = Project::runbook("steps: [{id: one, exec: ['true'], effect: read}]\n")
        .with("runbook.config.yaml", "state: kept/here\n");
    project.run(&["exec", "runbook.yaml"]).expect(0);
    assert!(!project.path(".runbook").exists());
    assert_eq!(fs::read_dir(project.path("kept/here/runs")).unwrap().count(), 1);
    project.run(&["verify"]).expect(0);
}
