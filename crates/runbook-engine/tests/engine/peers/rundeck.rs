//! Rundeck.

use runbook_event::{StepStatus, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use super::{calls, failure, status, undo};

/// Rundeck #1045, #2911, #3597: a job that is killed or runs out of time leaves its processes at work on the host. Here
/// the action is told to stop and waited for, within its grace, before anything is undone.
#[test]
fn a_timeout_ends_the_work_itself() {
    let ran = Scenario::new("steps: [{id: a, act: {name: a}, timeout: 5s, rollback: {act: {name: undo-a}}}]")
        .on("a", [Play::cleans_up(2000)])
        .run();
    let trace = ran.full_trace();
    let (returned, undone) = (trace.find("< a: cancelled"), trace.find("> act undo-a"));
    assert!(returned.is_some() && returned < undone, "{trace}");
    assert!(failure(&ran, "a").contains("timeout"), "{}", failure(&ran, "a"));
}

/// Rundeck #7331, #5318: a step whose error handler ran is shown as fine, or the job does not fail at all. Here a failure
/// stays one, whatever was done about it.
#[test]
fn a_handled_failure_stays_a_failure() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}, on_failure: continue}
          - {id: handle, when: steps.a.outcome == 'failed', act: {name: handle}, rollback: not_needed}
        ",
    )
    .on("a", [Play::fails("no")])
    .run();
    assert_eq!(
        (status(&ran, "a"), status(&ran, "handle")),
        (Some(StepStatus::Failed), Some(StepStatus::Done))
    );
    assert!(failure(&ran, "a").contains("no"));
}

/// Rundeck #3531: a job is marked as failed, and nothing says why. Here what stopped a run is an event, and each failed
/// step has its reason, also those that were cancelled only because of it.
#[test]
fn there_is_always_a_reason() {
    let ran = Scenario::new(
        "
        steps:
          - {id: bad, needs: [], act: {name: bad}, rollback: {act: {name: undo-bad}}}
          - {id: look, needs: [], probe: {name: look}}
        ",
    )
    .on("bad", [Play::fails("disk is full").takes(1000)])
    .on("look", [Play::hangs()])
    .run();
    assert!(ran.trace().contains("STOP bad: rollback"), "{}", ran.trace());
    for id in ["bad", "look"] {
        assert!(!failure(&ran, id).is_empty());
    }
}

/// Rundeck pull request #962: with several threads the other nodes were worked on although one had failed and the job was
/// to stop. Here nothing begins after a failure, in no branch.
#[test]
fn after_a_failure_nothing_begins_in_any_branch() {
    let ran = Scenario::new(
        "
        steps:
          - {id: bad, needs: [], act: {name: bad}, rollback: {act: {name: undo-bad}}}
          - {id: l1, needs: [], act: {name: l1}, rollback: {act: {name: undo-l1}}}
          - {id: l2, needs: [l1], act: {name: l2}, rollback: {act: {name: undo-l2}}}
        ",
    )
    .on("bad", [Play::fails("no").takes(1000)])
    .on("l1", [Play::works().takes(3000)])
    .run();
    assert_eq!(calls(&ran, "l2"), 0, "{}", ran.trace());
    // What had begun has finished, and is undone.
    assert_eq!(
        (status(&ran, "l1"), undo(&ran, "l1")),
        (Some(StepStatus::Done), Some(UndoStatus::Undone))
    );
}

/// Rundeck #1206: what a parent job was given is visible in the jobs that it calls. Here a sub-runbook sees its own
/// inputs only, and a name that both have is its own.
#[test]
fn a_called_runbook_sees_its_own_inputs_only() {
    let ran = Scenario::new(
        "
        inputs: {host: {type: string}}
        steps: [{id: call, runbook: {name: child, inputs: {other: given}}}]
        ",
    )
    .runbook(
        "child",
        "
        inputs: {host: {type: string, default: of-the-child}, other: {type: string}}
        steps: [{id: a, probe: {name: '{{ inputs.host }} {{ inputs.other }}'}}]
        ",
    )
    .input("host", "of-the-parent")
    .run();
    assert_eq!(calls(&ran, "of-the-child given"), 1, "{:?}", ran.calls());
}

/// Rundeck #577: defaults of a job that is called by another are not applied. Here they are those that it has when it is
/// run by itself, as above, and what is given goes before them.
#[test]
fn what_is_given_goes_before_a_default() {
    let ran = Scenario::new("steps: [{id: call, runbook: {name: child, inputs: {host: given}}}]")
        .runbook(
            "child",
            "
            inputs: {host: {type: string, default: of-the-child}}
            steps: [{id: a, probe: {name: '{{ inputs.host }}'}}]
            ",
        )
        .run();
    assert_eq!(calls(&ran, "given"), 1, "{:?}", ran.calls());
}

/// Rundeck #5046: the timeout of a job is not honoured when another job calls it. Here it is.
#[test]
fn the_timeout_of_a_called_runbook_is_kept() {
    let ran = Scenario::new("steps: [{id: call, runbook: {name: child}}]")
        .runbook(
            "child",
            "
            timeout: 5s
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
            ",
        )
        .on("a", [Play::acts_then_hangs()])
        .run();
    assert_eq!(ran.took.as_secs(), 5, "{}", ran.trace());
    assert_eq!(undo(&ran, "call/a"), Some(UndoStatus::Undone), "{}", ran.trace());
}
