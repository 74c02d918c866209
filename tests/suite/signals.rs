//! Signals and time: what is running ends, with all that it started, and what was changed is undone.

use std::fs;

use rustix::process::{Pid, Signal, test_kill_process};

use crate::harness::{Project, Running, until};

/// The first step is done, the second goes on until it is ended, and has a child that outlives its shell.
fn project(rest: &str) -> Project {
    Project::runbook(&format!(
        "{rest}steps:\n  - {{id: one, shell: touch one, rollback: {{shell: rm one}}}}\n  - id: two\n    \
        shell: |\n      sleep 600 & echo $! > child\n      echo $$ > leader.new; mv leader.new leader\n      wait\n    \
        timeout: 10m\n    rollback: {{shell: touch two-undone}}\n"
    ))
}

fn pid(project: &Project, file: &str) -> Pid {
    until("the step has begun", || {
        let text = fs::read_to_string(project.path(file)).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    })
}

struct Begun {
    running: Running,
    leader: Pid,
    child: Pid,
}

fn begun(project: &Project) -> Begun {
    let running = project.start(&["exec", "runbook.yaml"]);
    let leader = pid(project, "leader");
    let child = pid(project, "child");
    Begun {
        running,
        leader,
        child,
    }
}

fn gone(pid: Pid) {
    until("the process has ended", || {
        test_kill_process(pid).is_err().then_some(())
    });
}

#[test]
fn one_signal_undoes_what_was_changed() {
    for signal in [Signal::INT, Signal::TERM] {
        let project = project("");
        let begun = begun(&project);
        begun.running.signal(signal);
        let ended = begun
            .running
            .end()
            .expect(5)
            .says(&["a second signal ends at once, a third leaves", "rolled_back"]);
        gone(begun.leader);
        gone(begun.child);
        let run = project.only_run();
        assert_eq!(run.steps("undo_started"), ["two", "one"], "{}", ended.all());
        assert!(!project.path("one").exists() && project.path("two-undone").exists());
        let name = if signal == Signal::INT {
            "SIGINT"
        } else {
            "SIGTERM"
        };
        assert!(run.report().contains(name), "{}", run.report());
        project.run(&["verify"]).expect(0);
    }
}

#[test]
fn a_signal_holds_where_the_runbook_says_so() {
    let project = project("on_interrupt: hold\n");
    let begun = begun(&project);
    begun.running.signal(Signal::INT);
    begun.running.end().expect(130).says(&["interrupted"]);
    gone(begun.child);
    assert!(project.path("one").exists() && !project.path("two-undone").exists());
    assert_eq!(project.only_run().outcome(), "interrupted");
}

#[test]
fn a_signal_before_anything_was_changed_ends_as_interrupted() {
    let project = Project::runbook(
        "steps:\n  - id: look\n    shell: touch begun; sleep 600\n    effect: read\n    timeout: 10m\n",
    );
    let running = project.start(&["exec", "runbook.yaml"]);
    until("the step has begun", || {
        project.path("begun").exists().then_some(())
    });
    running.signal(Signal::INT);
    running.end().expect(130);
}

#[test]
fn a_hangup_ends_nothing() {
    let project = Project::runbook(
        "steps:\n  - {id: one, shell: 'touch begun; until [ -e go ]; do sleep 0.01; done', effect: read, timeout: 1m}\n",
    );
    let running = project.start(&["exec", "runbook.yaml"]);
    until("the step has begun", || {
        project.path("begun").exists().then_some(())
    });
    running.signal(Signal::HUP);
    fs::write(project.path("go"), "").unwrap();
    running.end().expect(0).says(&["resolved"]);
}

#[test]
fn a_second_signal_gives_no_grace_and_a_third_leaves() {
    let stubborn = "steps:\n  - id: one\n    shell: |\n      trap '' TERM INT\n      echo $$ > leader.new; mv leader.new leader\n      \
        for i in $(seq 1000); do sleep 0.05; done\n    timeout: 10m\n    rollback:\n      shell: |\n        trap '' TERM INT\n        touch undoing\n        for i in $(seq 1000); do [ -e go ] && break; sleep 0.05; done\n      timeout: 10m\n";
    let project = Project::runbook(stubborn);
    let running = project.start(&["exec", "runbook.yaml"]);
    let leader = pid(&project, "leader");
    running.signal(Signal::INT);
    until("it stops", || {
        (!project.runs()[0].events("stopping").is_empty()).then_some(())
    });
    assert!(
        test_kill_process(leader).is_ok(),
        "it has some time to end by itself"
    );
    running.signal(Signal::INT);
    gone(leader);
    until("it undoes", || project.path("undoing").exists().then_some(()));
    running.signal(Signal::INT);
    running.end().expect(130).says(&["third signal"]);
    fs::write(project.path("go"), "").unwrap();
    let run = project.only_run();
    assert!(
        run.events("run_ended").is_empty(),
        "it has left, it has not ended"
    );
    project.run(&["verify"]).expect(0).says(&["has not ended"]);
    project.run(&["show"]).expect(0).says(&["has not ended"]);
    project.run(&["runs"]).expect(0).says(&["killed"]);
}

#[test]
fn a_timeout_ends_the_whole_process_group() {
    let project = Project::runbook(
        "steps:\n  - id: slow\n    shell: |\n      sleep 600 & echo $! > child\n      wait\n    timeout: 300ms\n    rollback: {shell: touch undone}\n",
    );
    let running = project.start(&["exec", "runbook.yaml"]);
    let child = pid(&project, "child");
    running
        .end()
        .expect(5)
        .says(&["took longer than its timeout of 300 ms"]);
    gone(child);
    assert!(project.path("undone").exists());
}

#[test]
fn a_background_process_that_keeps_the_pipe_is_not_waited_for() {
    let project = Project::runbook(
        "steps:\n  - {id: starts, shell: 'setsid sleep 600 & echo $! > child; echo started', rollback: not_needed}\n",
    );
    let running = project.start(&["exec", "runbook.yaml"]);
    let child = pid(&project, "child");
    let ended = running.end();
    let _killed = rustix::process::kill_process(child, Signal::KILL);
    ended.expect(0).says(&["resolved"]);
}
