//! The terminal goes away, and Ctrl-C asks: on terminals of their own.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Project, Running, until};

fn waiting(head: &str) -> Project {
    Project::runbook(&format!(
        "{head}steps:\n  - {{id: one, shell: touch one, rollback: {{shell: rm one}}}}\n  \
        - {{id: two, idempotent: true, shell: 'touch begun; until [ -e go ]; do sleep 0.01; done', timeout: 10m, rollback: not_needed}}\n  \
        - {{id: three, shell: 'echo loud; touch three', rollback: {{shell: rm three}}}}\n"
    ))
}

/// Starts it on a terminal that ends when the process does whose id this answers.
fn started(project: &Project, args: &str) -> (Running, Pid) {
    let program = env!("CARGO_BIN_EXE_runbook");
    // The program is no child of the terminal's, so that it is not waited for.
    let line = format!(
        "trap '' HUP; '{program}' exec runbook.yaml {args} & echo $! > pid.new; mv pid.new pid; wait"
    );
    let running = project.start_in_terminal(&line);
    let pid = until("it is started", || {
        let text = fs::read_to_string(project.path("pid")).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    });
    until("the step has begun", || {
        project.path("begun").exists().then_some(())
    });
    (running, pid)
}

/// Takes the terminal away: whoever holds its other end is killed.
fn hang_up(running: Running, pid: Pid) {
    drop(running);
    // The kernel sends it to the session's leader; the program gets it from there, as from a login shell.
    let _gone = kill_process(pid, Signal::HUP);
}

fn outcome(project: &Project) -> Option<String> {
    let run = project.runs().pop()?;
    let ends = run.events("run_ended");
    Some(ends.first()?["outcome"].as_str()?.to_owned())
}

#[test]
fn a_run_goes_on_without_its_terminal() {
    let project = waiting("");
    let (running, pid) = started(&project, "-o");
    hang_up(running, pid);
    until("it is noted", || {
        (!project.only_run().events("noted").is_empty()).then_some(())
    });
    let project = project.with("go", "");
    assert_eq!(until("it ends", || outcome(&project)), "resolved");
    let noted = &project.only_run().events("noted")[0];
    assert_eq!(
        (&noted["notice"], &noted["goes_on"]),
        (&"terminal_gone".into(), &true.into())
    );
    until("the report is written", || {
        project.only_run().path("report.md").exists().then_some(())
    });
}

#[test]
fn a_run_holds_without_its_terminal_where_that_is_wanted() {
    let project = waiting("");
    let (running, pid) = started(&project, "--on-hangup hold");
    hang_up(running, pid);
    assert_eq!(until("it ends", || outcome(&project)), "interrupted");
    assert!(project.path("one").exists() && !project.path("three").exists());
    let project = project.with("go", "");
    until("the report is written", || {
        project.only_run().path("report.md").exists().then_some(())
    });
    until("it lets go of the run", || {
        (project.run(&["resume", "last"]).code == 0).then_some(())
    });
    assert!(project.path("three").exists());
}

#[test]
fn a_question_without_a_terminal_has_no_answer() {
    let project = Project::runbook(
        "steps:\n  - {id: one, shell: touch begun, rollback: {shell: rm begun}}\n  \
        - {id: two, approve: {message: 'Really?'}, shell: touch two, rollback: not_needed}\n",
    );
    let mut running = project.start_on_terminal(&["exec", "runbook.yaml"]);
    running.wait_for("yes or no?");
    drop(running);
    assert_eq!(until("it ends", || outcome(&project)), "rejected");
    let answer = &project.only_run().events("approval_answered")[0];
    assert_eq!(
        (&answer["approved"], &answer["how"]),
        (&false.into(), &"end of input".into())
    );
    assert!(!project.path("two").exists() && !project.path("begun").exists());
}

#[test]
fn ctrl_c_asks_what_to_do_where_the_runbook_says_so() {
    for (typed, code, stays) in [
        ("rollback\n", 5, false),
        ("hold\n", 130, true),
        ("\u{3}", 130, true),
    ] {
        let project = waiting("on_interrupt: ask\n");
        let mut running = project.start_on_terminal(&["exec", "runbook.yaml", "--yes"]);
        until("the step has begun", || {
            project.path("begun").exists().then_some(())
        });
        running.type_in("\u{3}");
        running.wait_for("rollback or hold?");
        if typed.len() > 1 {
            running.type_in("what\n");
            running.wait_for("type rollback or hold");
        }
        running.type_in(typed);
        let ended = running.end().expect(code);
        assert_eq!(project.path("one").exists(), stays, "{}", ended.all());
        // What was kept back while it asked is shown after all.
        ended.says(&["journal  "]);
    }
}

#[test]
fn ctrl_c_holds_where_nobody_can_be_asked() {
    let project = waiting("on_interrupt: ask\n");
    let running = project.start(&["exec", "runbook.yaml", "--yes"]);
    until("the step has begun", || {
        project.path("begun").exists().then_some(())
    });
    running.signal(Signal::INT);
    running.end().expect(130);
    assert!(project.path("one").exists());
}
