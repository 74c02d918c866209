//! `runbook resume`, by real processes that are killed, interrupted and held.

use std::fs;

use rustix::process::Signal;

use crate::harness::{Project, until};

/// The second step writes a line when it begins, and then goes on until it may end.
const WAITS: &str = "echo x >> two; touch begun; until [ -e go ]; do sleep 0.01; done";

/// A project whose second step is killed with the program in the middle of it. `rest` belongs to that step.
fn killed(rest: &str) -> Project {
    let project = waiting("", rest);
    let running = project.start(&["exec", "runbook.yaml"]);
    begun(&project);
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, -1);
    project.with("go", "")
}

fn waiting(head: &str, rest: &str) -> Project {
    Project::runbook(&format!(
        "{head}steps:\n  - {{id: one, shell: echo x >> one, rollback: {{shell: rm one}}}}\n  - id: two\n    shell: '{WAITS}'\n    \
        timeout: 10m\n    rollback: {{shell: touch two-undone}}\n{rest}"
    ))
}

fn begun(project: &Project) {
    until("the step has begun", || {
        project.path("begun").exists().then_some(())
    });
}

fn lines(project: &Project, file: &str) -> usize {
    fs::read_to_string(project.path(file)).map_or(0, |text| text.lines().count())
}

#[test]
fn what_a_kill_interrupted_is_run_again_where_that_is_harmless() {
    let project = killed("    idempotent: true\n");
    project.run(&["runs"]).expect(0).says(&["killed"]);
    let ended = project.run(&["resume", "last"]).expect(0);
    ended.says(&["resumed by tester", "resolved"]);
    assert_eq!((lines(&project, "one"), lines(&project, "two")), (1, 2));
    let run = project.only_run();
    assert_eq!(run.events("run_resumed").len(), 1);
    assert!(run.report().contains("resumed by tester"), "{}", run.report());
    project.run(&["verify"]).expect(0);
    // A run that is resolved has nothing more to do, and that is no failure.
    let again = project.run(&["resume", "last"]).expect(0);
    again.says(&["nothing is to be done", "resolved"]);
    assert_eq!(lines(&project, "two"), 2);
}

#[test]
fn what_a_kill_left_in_doubt_a_person_decides() {
    let answers: [(&[&str], i32, usize); 4] = [
        (&["--assume", "done", "two"], 0, 1),
        (&["--assume", "attempted", "two"], 5, 1),
        (&["--assume", "not-started", "two"], 0, 2),
        (&["--retry", "two"], 0, 2),
    ];
    for (answer, code, count) in answers {
        let project = killed("");
        let doubted = project.run(&["resume", "last"]).expect(9);
        let name = project.only_run().name();
        let assume = format!("runbook resume {name} --assume done|attempted|not-started two --reason");
        doubted.says(&["unknown", &assume, &format!("runbook rollback {name}")]);
        // Without a word nothing changes.
        project.run(&["resume", "last"]).expect(9);
        assert_eq!(lines(&project, "two"), 1);
        let mut args = vec!["resume", &name];
        args.extend(answer);
        project.run(&args).expect(2).says(&["--reason"]);
        args.extend(["--reason", "the log of the service says so"]);
        project.run(&args).expect(code);
        assert_eq!(lines(&project, "two"), count, "{answer:?}");
        assert_eq!(project.path("two-undone").exists(), code == 5, "{answer:?}");
        assert_eq!(lines(&project, "one"), usize::from(code == 0), "{answer:?}");
        let run = project.only_run();
        assert!(
            run.report().contains("the log of the service says so"),
            "{}",
            run.report()
        );
        project.run(&["verify"]).expect(0);
    }
}

#[test]
fn only_what_is_in_doubt_is_decided() {
    let project = killed("");
    for (step, says) in [
        ("one", "nobody doubts whether step `one` has happened"),
        ("tow", "did you mean `two`?"),
    ] {
        let args = ["resume", "last", "--assume", "done", step, "--reason", "x"];
        project.run(&args).expect(2).says(&[says]);
    }
    let args = ["resume", "last", "--assume", "perhaps", "two", "--reason", "x"];
    project
        .run(&args)
        .expect(2)
        .says(&["`perhaps`", "--assume done STEP"]);
    let args = [
        "resume", "last", "--assume", "done", "two", "--retry", "two", "--reason", "x",
    ];
    project.run(&args).expect(2).says(&["two things are said"]);
    assert!(
        project.only_run().events("run_resumed").is_empty(),
        "nothing was written"
    );
}

#[test]
fn a_run_that_was_interrupted_and_held_goes_on() {
    let project = waiting("on_interrupt: hold\n", "    idempotent: true\n");
    let running = project.start(&["exec", "runbook.yaml"]);
    begun(&project);
    running.signal(Signal::INT);
    let ended = running.end().expect(130);
    ended.says(&[&format!("runbook resume {}", project.only_run().name())]);
    let project = project.with("go", "");
    project.run(&["resume", "last"]).expect(0).says(&["resolved"]);
    assert_eq!((lines(&project, "one"), lines(&project, "two")), (1, 2));
}

#[test]
fn a_run_that_was_held_goes_on_when_its_cause_is_mended() {
    let project = Project::runbook(
        "on_failure: hold\nsteps:\n  - {id: one, shell: echo x >> one, rollback: {shell: rm one}}\n  \
        - {id: two, shell: test -e mended, effect: read}\n  \
        - {id: three, shell: echo x >> three, rollback: {shell: rm three}}\n",
    );
    project
        .run(&["exec", "runbook.yaml"])
        .expect(4)
        .says(&["runbook resume", "runbook rollback"]);
    project.run(&["resume", "last"]).expect(4);
    let project = project.with("mended", "");
    project
        .run(&["resume", "last", "--reason", "made some room"])
        .expect(0);
    assert_eq!((lines(&project, "one"), lines(&project, "three")), (1, 1));
    let run = project.only_run();
    assert_eq!(run.events("run_resumed").len(), 2);
    assert!(run.report().contains("made some room"), "{}", run.report());
}

#[test]
fn what_the_files_say_now_is_not_what_goes_on() {
    let project = killed("    idempotent: true\n");
    let before = fs::read_to_string(project.path("runbook.yaml")).unwrap();
    let project = project.with("runbook.yaml", &before.replace("rm one", "rm -f one"));
    let refused = project.run(&["resume", "last"]).expect(2);
    refused.says(&["something else than when run", "--with-journal"]);
    let project = project.with("runbook.yaml", "steps: [");
    project
        .run(&["resume", "last"])
        .expect(2)
        .says(&["RB0101", "--with-journal"]);
    assert!(project.only_run().events("run_resumed").is_empty());
    project.run(&["resume", "last", "--with-journal"]).expect(0);
    assert_eq!(project.only_run().events("run_resumed")[0]["with_journal"], true);
    assert_eq!(lines(&project, "two"), 2);
}

#[test]
fn a_run_whose_file_is_gone_goes_on_with_what_it_has_pinned() {
    let project = killed("    idempotent: true\n");
    fs::remove_file(project.path("runbook.yaml")).unwrap();
    project
        .run(&["resume", "last"])
        .expect(0)
        .says(&["is gone", "resolved"]);
    // What was pinned is what the journal names, or it is not run.
    let project = killed("    idempotent: true\n");
    let pinned = project.only_run().path("pinned/runbook.yaml");
    let text = fs::read_to_string(&pinned).unwrap();
    fs::write(&pinned, text.replace("echo x", "echo y")).unwrap();
    let refused = project.run(&["resume", "last", "--with-journal"]).expect(2);
    refused.says(&["is not what the run began with"]);
}

#[test]
fn what_a_runbook_calls_is_pinned_and_compared_too() {
    let child = "apiVersion: runbook/v1\nname: child\nversion: 1.0.0\ntitle: A child\nsteps:\n  \
        - {id: two, idempotent: true, timeout: 10m, rollback: not_needed, \
           shell: 'echo x >> two; touch begun; until [ -e go ]; do sleep 0.01; done'}\n";
    let project =
        Project::runbook("steps: [{id: call, runbook: {name: child}}]\n").with("runbooks/child.yaml", child);
    let running = project.start(&["exec", "runbook.yaml"]);
    begun(&project);
    running.signal(Signal::KILL);
    running.end();
    let run = project.only_run();
    assert_eq!(
        fs::read_to_string(run.path("pinned/runbooks/child.yaml")).unwrap(),
        child
    );
    assert!(run.events("run_started")[0]["pinned"]["runbooks/child.yaml"].is_string());
    let project = project
        .with("go", "")
        .with("runbooks/child.yaml", &child.replace("echo x", "echo y"));
    project
        .run(&["resume", "last"])
        .expect(2)
        .says(&["--with-journal"]);
    project.run(&["resume", "last", "--with-journal"]).expect(0);
    assert_eq!(fs::read_to_string(project.path("two")).unwrap(), "x\nx\n");
}

#[test]
fn a_run_that_is_going_on_is_left_alone() {
    let project = waiting("", "");
    let running = project.start(&["exec", "runbook.yaml"]);
    begun(&project);
    for command in ["resume", "rollback"] {
        let refused = project.run(&[command, "last"]).expect(2);
        refused.says(&["is going on: tester on "]);
    }
    let _done = project.with("go", "");
    running.end().expect(0);
}

#[test]
fn of_two_that_resume_a_run_one_does() {
    let project = waiting("lock: mine\n", "    idempotent: true\n");
    let running = project.start(&["exec", "runbook.yaml"]);
    begun(&project);
    running.signal(Signal::KILL);
    running.end();
    let both = [(); 2].map(|()| project.start(&["resume", "last"]));
    until("one of them goes on", || {
        (lines(&project, "two") == 2).then_some(())
    });
    let project = project.with("go", "");
    let mut codes = both.map(|one| {
        let ended = one.end();
        assert!(
            ended.code == 0 || ended.all().contains("nothing"),
            "{}",
            ended.all()
        );
        ended.code
    });
    codes.sort_unstable();
    // The other was refused, or came when all was done.
    assert!(codes == [0, 2] || codes == [0, 0], "{codes:?}");
    assert_eq!(lines(&project, "two"), 2);
    project.run(&["verify"]).expect(0);
}

#[test]
fn what_is_secret_is_there_again_and_nowhere_readable() {
    let project = Project::runbook(
        "inputs: {pin: {type: string, secret: true}}\nsteps:\n  \
        - {id: get, shell: 'printf cap%s tured-77', effect: read, capture: {token: {value: stdout, secret: true}}}\n  \
        - {id: hold, shell: 'touch begun; until [ -e go ]; do sleep 0.01; done', effect: read, timeout: 10m}\n  \
        - id: use\n    shell: 'printf \"%s %s\" \"$PIN\" \"$TOKEN\" > used; echo \"$TOKEN\"'\n    \
        env: {PIN: '{{ inputs.pin }}', TOKEN: '{{ steps.get.token }}'}\n    rollback: {shell: rm used}\n",
    );
    let project = project.with("pin.yaml", "pin: pin-4711-pin\n");
    let running = project.start(&["exec", "runbook.yaml", "--inputs", "pin.yaml"]);
    begun(&project);
    running.signal(Signal::KILL);
    running.end();
    let run = project.only_run();
    let readable = || {
        run.nowhere("captured-77");
        run.nowhere("pin-4711-pin");
    };
    readable();
    let key = project.path(&format!(".local/state/runbook/keys/{}.key", run.name()));
    let kept = fs::read(&key).expect("the key is apart from the runs");
    let project = project.with("go", "");
    fs::remove_file(&key).unwrap();
    project
        .run(&["resume", "last"])
        .expect(2)
        .says(&["`pin`", "key is not here"]);
    fs::write(&key, kept).unwrap();
    let ended = project.run(&["resume", "last", "-o"]).expect(0);
    assert!(!ended.all().contains("captured-77"), "{}", ended.all());
    assert_eq!(
        fs::read_to_string(project.path("used")).unwrap(),
        "pin-4711-pin captured-77"
    );
    readable();
    project.run(&["rollback", "last", "--yes"]).expect(5);
    assert!(!key.exists(), "what is undone needs no key any more");
}

#[test]
fn practice_is_not_gone_on_with() {
    let project = Project::shipped();
    project
        .run(&["exec", "incident/pool-exhaustion.yaml", "--yes"])
        .expect(0);
    let refused = project.run(&["rollback", "last", "--yes"]).expect(2);
    refused.says(&[
        "was practice",
        "runbook exec runbooks/incident/pool-exhaustion.yaml",
    ]);
}

#[test]
fn a_run_that_has_ended_for_good_says_what_can_be_done_instead() {
    let project = Project::runbook(
        "steps:\n  - {id: one, shell: echo x >> one, rollback: {shell: rm one}}\n  - {id: two, shell: exit 1, effect: read}\n",
    );
    project.run(&["exec", "runbook.yaml"]).expect(5);
    let refused = project.run(&["resume", "last"]).expect(2);
    refused.says(&[
        "cannot go on: it ended as rolled_back",
        "`runbook exec runbook.yaml` begins anew",
    ]);
}
