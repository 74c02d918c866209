//! Locks, between real processes.

use std::fs;

use rustix::process::Signal;

use crate::harness::{Project, Running, until};

/// It owns something, and waits until it may end.
fn project() -> Project {
    Project::runbook(
        "lock: db-{{ inputs.where }}\ninputs: {where: {type: string, default: eu}}\nsteps:\n  \
        - {id: one, idempotent: true, shell: 'touch begun; until [ -e go ]; do sleep 0.01; done', timeout: 10m, rollback: not_needed}\n",
    )
}

fn begun(project: &Project) -> Running {
    let running = project.start(&["exec", "runbook.yaml"]);
    until("the step has begun", || {
        project.path("begun").exists().then_some(())
    });
    // A resume waits for a program that was killed with its run before it was noted.
    until("what the step has started is noted", || {
        let journal = fs::read_to_string(project.only_run().path("journal.jsonl")).ok()?;
        journal.contains("\"handle_kept\"").then_some(())
    });
    running
}

#[test]
fn no_two_runs_own_the_same() {
    let project = project();
    let running = begun(&project);
    let name = project.only_run().name();
    let refused = project.run(&["exec", "runbook.yaml"]).expect(2);
    refused.says(&[
        "lock `db-eu` is held by run",
        &name,
        "tester on ",
        "nothing ran",
        "--wait-lock",
    ]);
    assert_eq!(project.runs().len(), 1, "not even a directory is made");
    project
        .run(&["locks"])
        .expect(0)
        .says(&["db-eu", &name, "held by process"]);
    let listed = project.run(&["locks", "--format", "json"]).expect(0).json();
    assert_eq!(
        (&listed["locks"][0]["lock"], &listed["locks"][0]["alive"]),
        (&"db-eu".into(), &true.into())
    );
    let refused = project.run(&["unlock", "db-eu", "--reason", "x"]).expect(2);
    refused.says(&["whose process is alive"]);
    // Another one is free.
    let project = project.with("go", "");
    project.run(&["exec", "runbook.yaml", "-i", "where=us"]).expect(0);
    running.end().expect(0);
    project.run(&["exec", "runbook.yaml"]).expect(0);
    project.run(&["locks"]).expect(0).says(&["no run owns a lock"]);
    assert!(project.path(".runbook/.gitignore").exists());
}

#[test]
fn a_lock_is_waited_for() {
    let project = project();
    let running = begun(&project);
    let mut waiting = project.start(&["exec", "runbook.yaml", "--wait-lock", "10m"]);
    waiting.wait_for("waits up to 10 m");
    let hurried = project
        .run(&["exec", "runbook.yaml", "--wait-lock", "1ms"])
        .expect(2);
    hurried.says(&["is held by", "nothing ran after 1 ms"]);
    let mut leaving = project.start(&["exec", "runbook.yaml", "--wait-lock", "10m"]);
    leaving.wait_for("waits up to 10 m");
    leaving.signal(Signal::INT);
    leaving.end().expect(130).says(&["SIGINT came, so nothing ran"]);
    assert_eq!(project.runs().len(), 1);
    let project = project.with("go", "");
    running.end().expect(0);
    waiting.end().expect(0).says(&["resolved"]);
    assert_eq!(project.runs().len(), 2);
}

/// Whoever had the lock may have repaired it: what is to be repaired is asked about with the lock in hand.
#[test]
fn whether_there_is_something_to_repair_is_asked_after_the_wait() {
    let project = Project::runbook(
        "lock: db\ndetect: [{id: broken, shell: 'test ! -e repaired'}]\nsteps:\n  - {id: one, idempotent: true, shell: 'touch begun; until [ -e go ]; do sleep \
         0.01; done; touch repaired', timeout: 10m, rollback: not_needed}\n",
    );
    let running = begun(&project);
    let mut waiting = project.start(&["exec", "runbook.yaml", "--wait-lock", "10m"]);
    waiting.wait_for("waits up to 10 m");
    let project = project.with("go", "");
    running.end().expect(0);
    waiting.end().expect(3).says(&["not_needed"]);
    drop(project);
}

#[test]
fn a_killed_run_leaves_its_lock_to_its_resume() {
    let project = project();
    let running = begun(&project);
    running.signal(Signal::KILL);
    running.end();
    let name = project.only_run().name();
    let refused = project.run(&["exec", "runbook.yaml"]).expect(2);
    let ways = [
        format!("runbook resume {name}"),
        format!("runbook rollback {name}"),
        format!("runbook unlock {name}"),
    ];
    refused.says(&["was left by run", &ways[0], &ways[1], &ways[2]]);
    project
        .run(&["locks"])
        .expect(0)
        .says(&["left: killed, or waiting"]);
    let project = project.with("go", "");
    project.run(&["resume", "last"]).expect(0);
    project.run(&["exec", "runbook.yaml"]).expect(0);
}

#[test]
fn a_person_takes_a_lock_away_and_that_is_noted() {
    for by_run in [true, false] {
        let project = project();
        let running = begun(&project);
        running.signal(Signal::KILL);
        running.end();
        let project = project.with("go", "");
        let name = project.only_run().name();
        let what = if by_run { name.as_str() } else { "db-eu" };
        project.run(&["unlock", what]).expect(2).says(&["--reason"]);
        project
            .run(&["unlock", "db-uk", "--reason", "x"])
            .expect(2)
            .says(&["did you mean `db-eu`?"]);
        project
            .run(&["unlock", what, "--reason", "the machine is gone"])
            .expect(0)
            .says(&["is free"]);
        let noted = &project.only_run().events("noted")[0];
        assert_eq!(
            (&noted["lock"], &noted["by"]),
            (&"db-eu".into(), &"tester".into())
        );
        assert_eq!(noted["reason"], "the machine is gone");
        project.run(&["exec", "runbook.yaml"]).expect(0);
        project
            .run(&["unlock", &name, "--reason", "x"])
            .expect(2)
            .says(&["owns no lock"]);
        // The run that lost it can still go on, and takes it anew.
        project.run(&["resume", &name]).expect(0);
        project.run(&["verify", &name]).expect(0);
    }
}

#[test]
fn what_is_unknown_keeps_its_lock() {
    let project = Project::runbook(
        "lock: mine\nsteps: [{id: one, shell: 'touch begun; until [ -e go ]; do sleep 0.01; done', timeout: 10m, rollback: not_needed}]\n",
    );
    let running = begun(&project);
    running.signal(Signal::KILL);
    running.end();
    project.run(&["resume", "last"]).expect(9);
    let name = project.only_run().name();
    project
        .run(&["exec", "runbook.yaml"])
        .expect(2)
        .says(&["was left by run", &name]);
    let args = ["resume", "last", "--assume", "done", "one", "--reason", "seen"];
    project.run(&args).expect(0);
    project.run(&["locks"]).expect(0).says(&["no run owns a lock"]);
}

#[test]
fn a_runbook_that_is_called_owns_for_its_caller() {
    let child = "apiVersion: runbook/v1\nname: child\nversion: 1.0.0\ntitle: A child\ninputs: {where: {type: string}}\n\
        lock: 'db-{{ inputs.where }}'\nsteps: [{id: one, shell: 'touch begun; until [ -e go ]; do sleep 0.01; done', \
        timeout: 10m, rollback: not_needed}]\n";
    let project = Project::runbook(
        "lock: db-eu\nsteps:\n  - {id: ask, shell: printf eu, effect: read, capture: {where: stdout}}\n  \
        - {id: call, runbook: {name: child, inputs: {where: '{{ steps.ask.where }}'}}}\n  \
        - {id: other, runbook: {name: child, inputs: {where: us}}}\n",
    )
    .with("runbooks/child.yaml", child);
    let running = begun(&project);
    project.run(&["locks"]).expect(0).says(&["db-eu", "db-us"]);
    let project = project.with("go", "");
    running.end().expect(0);
    project.run(&["locks"]).expect(0).says(&["no run owns a lock"]);
    assert!(
        fs::read_dir(project.path(".runbook/locks"))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn what_a_runbook_that_is_called_took_passes_to_the_resume_too() {
    let child = "apiVersion: runbook/v1\nname: child\nversion: 1.0.0\ntitle: A child\ninputs: {where: {type: string}}\n\
        lock: 'db-{{ inputs.where }}'\nsteps: [{id: one, shell: touch done, rollback: not_needed}]\n";
    let project = Project::runbook(
        "steps:\n  - {id: ask, shell: printf eu, effect: read, capture: {where: stdout}}\n  \
        - {id: call, runbook: {name: child, inputs: {where: '{{ steps.ask.where }}'}}}\n  \
        - {id: last, idempotent: true, shell: 'touch begun; until [ -e go ]; do sleep 0.01; done', timeout: 10m, rollback: not_needed}\n",
    )
    .with("runbooks/child.yaml", child);
    let running = begun(&project);
    running.signal(Signal::KILL);
    running.end();
    project.run(&["locks"]).expect(0).says(&["db-eu", "left"]);
    let project = project.with("go", "");
    project.run(&["resume", "last"]).expect(0);
    project.run(&["locks"]).expect(0).says(&["no run owns a lock"]);
}
