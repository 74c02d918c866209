//! Runs that are watched from elsewhere, and once more.

use rustix::process::Signal;

use crate::harness::{Project, until};

const STEPS: &str = "steps:
  - id: one
    title: Wait until there is a file
    shell: 'touch begun; until [ -e go ]; do sleep 0.01; done; touch over'
    timeout: 10m
    idempotent: true
    rollback: not_needed
    verify: [{shell: 'cat n', value: json, expect: json > 3, within: 1m, every: 10ms}]
verify: [{shell: 'true', expect: exit_code == 0}]
";

fn begun(project: &Project) -> crate::harness::Running {
    let running = project.start(&["exec", "runbook.yaml"]);
    until("the step has begun", || {
        project.path("begun").exists().then_some(())
    });
    running
}

/// What is told of a run itself, without where its journal is.
fn story(stdout: &str) -> String {
    let lines = stdout
        .lines()
        .filter(|line| !line.starts_with("  journal ") && !line.starts_with("  report "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_is_seen_from_elsewhere_as_where_it_runs_and_the_same_when_it_is_over() {
    let project = Project::runbook(STEPS).with("n", "5");
    let running = begun(&project);
    let mut watching = project.start(&["watch", "last"]);
    watching.wait_for("Wait until there is a file");
    let project = project.with("go", "");
    let (there, here) = (running.end().expect(0), watching.end().expect(0));
    assert_eq!(story(&here.stdout), story(&there.stdout));
    let again = project.run(&["watch", "last", "--replay"]).expect(0);
    assert_eq!(again.stdout, here.stdout);
    assert_eq!(project.run(&["watch"]).expect(0).stdout, here.stdout);
}

#[test]
fn whoever_watches_sees_that_a_run_was_killed_and_what_to_do() {
    let project = Project::runbook(STEPS).with("n", "5");
    let running = begun(&project);
    let mut watching = project.start(&["watch", "last"]);
    watching.wait_for("Wait until there is a file");
    running.signal(Signal::KILL);
    watching.end().expect(1).says(&["runbook resume"]);
    drop(running);
    // What the run had started goes on without it.
    let project = project.with("go", "");
    until("it has ended", || project.path("over").exists().then_some(()));
}

#[test]
fn a_run_that_nobody_knows_is_not_watched() {
    let project = Project::runbook(STEPS);
    project.run(&["watch", "last"]).expect(2);
    project
        .run(&["watch", "last", "--replay", "--speed", "0"])
        .expect(2);
    project
        .run(&["watch", "last", "--speed", "2"])
        .expect(2)
        .says(&["--replay"]);
}

/// A step may print whatever it likes, and none of it is a command of the job's.
#[test]
fn a_job_of_github_gets_groups_and_no_commands_of_others() {
    let steps =
        "steps:\n  - {id: one, shell: 'echo ::error::bad; echo \"##[warning]worse\"', effect: read}\n";
    let project = Project::runbook(steps).variable("GITHUB_ACTIONS", "true");
    let ended = project.run(&["exec", "runbook.yaml", "--output"]).expect(0);
    let commands: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| line.trim_start().starts_with("::") || line.contains("##["))
        .collect();
    assert_eq!(commands, ["::group::Steps", "::endgroup::"]);
    assert!(ended.stdout.contains("::error::bad") && ended.stdout.contains("worse"));
}

/// On a terminal of 40 columns no line is longer, and what is under way has a line with what was read of late.
#[test]
fn a_terminal_shows_how_it_goes_in_the_room_that_there_is() {
    let project = Project::runbook(STEPS).with("n", "1").with("go", "");
    let line = format!(
        "stty cols 40 rows 30; '{}' exec runbook.yaml",
        env!("CARGO_BIN_EXE_runbook")
    );
    let mut running = project.start_in_terminal(&line);
    running.wait_for("0/1 steps");
    running.wait_for("▅▅");
    let project = project.with("n", "5");
    let ended = running.end().expect(0);
    assert!(ended.stdout.contains("resolved after"), "{}", ended.stdout);
    assert_eq!(project.only_run().steps("step_done"), ["one"]);
}
