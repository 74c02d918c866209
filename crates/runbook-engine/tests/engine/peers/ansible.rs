//! Ansible.

use runbook_action::{ErrorKind, Failure};
use runbook_event::{Event, Outcome, SkipReason, StepStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;
use serde_json::json;

use super::{TWO, calls, failure, status};

/// Ansible #18075 and #18287: an unreachable host is no failure that a playbook can handle: neither `ignore_errors` nor
/// `rescue` hear of it. Here it is an ordinary failure of one kind among others.
#[test]
fn an_unreachable_host_is_an_ordinary_failure() {
    let unreachable = || Play::fails_with(Failure::new(ErrorKind::Unreachable, "no route to host"));
    let ran = Scenario::new(
        "
        steps:
          - {id: look, probe: {name: look}, may_fail: true, capture: {why: error.kind if not ok else 'nothing'}}
          - {id: try, act: {name: try}, rollback: {act: {name: undo-try}}, on_failure: continue}
          - {id: end, let: {why: steps.look.why, how: steps.try.outcome}}
        ",
    )
    .on("look", [unreachable()])
    .on("try", [unreachable()])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    let end = ran.finished().state.step("end").expect("it is there").clone();
    assert_eq!(
        (end.value("why"), end.value("how")),
        (Some(&json!("unreachable")), Some(&json!("failed")))
    );
}

/// Ansible #71763: with the errors of unreachable hosts ignored, later tasks run on against nothing, and what was not
/// done is easily overlooked. Here what was forgiven stays listed as failed, with its reason, and is null to whatever
/// asks.
#[test]
fn what_was_forgiven_is_listed_with_its_reason() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}, on_failure: continue, capture: {x: got}}
          - {id: b, when: steps.a.x is not none, act: {name: b}, rollback: not_needed}
        ",
    )
    .on(
        "a",
        [Play::fails_with(Failure::new(
            ErrorKind::Unreachable,
            "no route to host",
        ))],
    )
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved);
    assert_eq!(status(&ran, "a"), Some(StepStatus::Failed));
    assert!(failure(&ran, "a").contains("no route to host"));
    assert_eq!(status(&ran, "b"), Some(StepStatus::Skipped));
    assert_eq!(ran.finished().state.failures().len(), 1);
}

/// Ansible #9123, #4297, #15710 and many more: a skipped task overwrites the variable that it registers with a record of
/// having been skipped. Here names belong to their step: what a skipped step would have captured is null, and nobody
/// else's value changes.
#[test]
fn a_skipped_step_overwrites_nothing() {
    let ran = Scenario::new(
        "
        steps:
          - {id: p, probe: {name: p}, capture: {home: got}}
          - {id: q, when: 1 > 2, probe: {name: q}, capture: {home: got}}
          - {id: end, let: {p: steps.p.home, q: steps.q.home}}
        ",
    )
    .on("p", [Play::gives("/root")])
    .run();
    let end = ran.finished().state.step("end").expect("it is there").clone();
    assert_eq!(
        (end.value("p"), end.value("q")),
        (Some(&json!("/root")), Some(&json!(null)))
    );
}

/// Ansible #17059 and #17060: when the last retry has failed, the message is that there were too many retries, and what
/// the module said is lost. Here the step fails with what its last attempt said, and each attempt is in the journal.
#[test]
fn the_last_error_of_a_retry_is_told() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, probe: {name: a}, retry: {attempts: 3, delay: 1s, jitter: 0}}
        ",
    )
    .on(
        "a",
        [
            Play::fails("first"),
            Play::fails("second"),
            Play::fails("disk is full"),
        ],
    )
    .run();
    assert!(failure(&ran, "a").contains("disk is full"));
    let told: Vec<String> = ran
        .records()
        .iter()
        .filter_map(|record| {
            if let Event::AttemptEnded {
                end: runbook_event::AttemptEnd::Failed { failure },
                ..
            } = &record.event
            {
                Some(failure.message.clone())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(told, ["first", "second", "disk is full"]);
}

/// Ansible #15697: a condition that holds at the last retry was reported as a failure. Here the last attempt counts.
#[test]
fn the_last_attempt_counts() {
    let ran = Scenario::new("steps: [{id: a, probe: {name: a}, retry: {attempts: 2, delay: 1s, jitter: 0}}]")
        .on("a", [Play::fails("no"), Play::works()])
        .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    let ran = Scenario::new(
        "steps: [{id: r, repeat: {until: steps.a.x == 1, at_most: 2, every: 1s}, steps: [{id: a, probe: {name: a}, capture: {x: got}}]}]",
    )
    .on("a", [Play::gives(0), Play::gives(1)])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
}

/// Ansible #16408: a loop with one retry whose condition never holds succeeded in silence. Here a loop whose condition
/// does not hold at its end has failed.
#[test]
fn a_loop_whose_condition_never_holds_has_failed() {
    let ran = Scenario::new(
        "steps: [{id: r, repeat: {until: 1 > 2, at_most: 1, every: 1s}, steps: [{id: a, probe: {name: a}}]}]",
    )
    .run();
    assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
    assert_eq!(calls(&ran, "a"), 1);
}

/// Ansible #26595: a rescue with the steps of a rollback turns the play green, and its exit code is 0. Here undoing is
/// no success: the outcome is `rolled_back`, which has an exit code of its own.
#[test]
fn a_rollback_is_no_success() {
    let ran = Scenario::new(TWO).on("b", [Play::fails("no")]).run();
    assert_eq!(ran.outcome(), Outcome::RolledBack);
    assert_ne!(ran.outcome().exit_code(), Outcome::Resolved.exit_code());
}

/// Ansible, the same from the other side: a rescue that ran is taken for one that helped. Here a second way to repair
/// counts only when the gate passes.
#[test]
fn a_second_way_counts_only_if_the_gate_passes() {
    let text = "
        steps:
          - id: recover
            verify: [{id: up, probe: {name: up}, expect: got == 200}]
            first_of:
              - {id: restart, act: {name: restart}, rollback: not_needed}
              - {id: recreate, act: {name: recreate}, rollback: not_needed}
    ";
    let ran = Scenario::new(text)
        .on("restart", [Play::fails("no")])
        .on("up", [Play::gives(502)])
        .run();
    assert_ne!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    assert_eq!(
        (calls(&ran, "recreate"), status(&ran, "recover")),
        (1, Some(StepStatus::Failed))
    );
}

/// Ansible #70000: a failure in `always` after a rescue ended with exit code 0. Here a clean-up that fails is an outcome
/// of its own, and never hides a graver one.
#[test]
fn a_failed_clean_up_is_told() {
    let text = "
        steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
        finally: [{id: z, act: {name: z}}]
    ";
    let ran = Scenario::new(text).on("z", [Play::fails("no")]).run();
    assert_eq!(ran.outcome(), Outcome::CleanupFailed);
    let ran = Scenario::new(text)
        .on("a", [Play::fails("no")])
        .on("z", [Play::fails("no")])
        .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack);
}

/// Ansible, ansible-documentation #2663: `always` does not run for a host that became unreachable. Here the clean-up runs
/// whatever the failure was, and once.
#[test]
fn the_clean_up_runs_whatever_the_failure_was() {
    for kind in [
        ErrorKind::Unreachable,
        ErrorKind::Timeout,
        ErrorKind::Auth,
        ErrorKind::MissingProgram,
        ErrorKind::Other,
    ] {
        let ran = Scenario::new(
            "
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
            finally: [{id: z, probe: {name: z}}]
            ",
        )
        .on("a", [Play::fails_with(Failure::new(kind, "no"))])
        .run();
        assert_eq!(calls(&ran, "z"), 1, "{kind}: {}", ran.trace());
        assert_eq!(calls(&ran, "undo-a"), 1, "{kind}: {}", ran.trace());
    }
}

/// Ansible #10498 and #9323: a handler that was notified is lost when a later task fails, so the new configuration is
/// never loaded, and the next run sees no change. Here what makes a change take effect belongs to the step, and runs
/// again after its undo.
#[test]
fn what_makes_a_change_take_effect_is_not_lost() {
    let ran = Scenario::new(
        "
        steps:
          - {id: config, act: {name: config}, then: {act: {name: reload}}, rollback: {act: {name: undo-config}}}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .on("bad", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert_eq!(calls(&ran, "reload"), 2, "after the change and after its undo");
}

/// Ansible #10845: a handler runs although the only task that notifies it has failed. Here it follows an action that
/// worked.
#[test]
fn what_makes_a_change_take_effect_needs_a_change() {
    let ran = Scenario::new(
        "
        on_failure: hold
        steps: [{id: config, act: {name: config}, then: {act: {name: reload}}, rollback: {act: {name: undo-config}}}]
        ",
    )
    .on("config", [Play::fails("no")])
    .run();
    assert_eq!((ran.outcome(), calls(&ran, "reload")), (Outcome::Failed, 0));
}

/// Ansible #60035: a loop goes through all of its items before its failure counts, and ansible #5073: or it stops at the
/// first, and the others are not even listed. Here the author says how many may fail, and what was not begun is listed
/// item by item.
#[test]
fn items_that_were_not_begun_are_listed() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: vm, in: '[\"vm1\", \"vm2\", \"vm3\"]'}
            steps: [{id: a, act: {name: '{{ vm }}'}, rollback: {act: {name: 'undo-{{ vm }}'}}}]
        ",
    )
    .on("vm1", [Play::fails("no")])
    .run();
    assert_eq!(
        (calls(&ran, "vm1"), calls(&ran, "vm2"), calls(&ran, "vm3")),
        (1, 0, 0)
    );
    for id in ["each[vm2]", "each[vm3]"] {
        let step = ran.finished().state.step(id).expect("it is listed").clone();
        assert_eq!(step.skipped, Some(SkipReason::Stopped), "{id}");
    }
}

/// Ansible #6781 and #32255: with 99 % of failures allowed, one failed host of two ended the play. Here the bound is a
/// count, it is exact, and it counts the whole list, whatever the batch.
#[test]
fn as_many_may_fail_as_the_author_says() {
    for batch in [1, 2, 5] {
        for (max, outcome) in [(2, Outcome::Resolved), (1, Outcome::RolledBack)] {
            let text = format!(
                "
                steps:
                  - id: each
                    for_each: {{item: n, in: '[1, 2, 3, 4, 5]', batch: {batch}, max_failures: {max}}}
                    steps: [{{id: a, act: {{name: 'a{{{{ n }}}}'}}, rollback: {{act: {{name: 'undo{{{{ n }}}}'}}}}}}]
                "
            );
            let ran = Scenario::new(&text)
                .on("a2", [Play::fails("no")])
                .on("a4", [Play::fails("no")])
                .run();
            assert_eq!(ran.outcome(), outcome, "batch {batch}, {max}: {}", ran.trace());
        }
    }
}

/// Ansible #38214 and #33912: the items of a loop are printed when one fails, passwords and all. Here an item that is a
/// secret has its position as its key, and its mask wherever it would be shown.
#[test]
fn a_failed_item_does_not_tell_its_secret() {
    let ran = Scenario::new(
        "
        inputs: {users: {type: list, items: string, secret: true}}
        steps:
          - id: each
            for_each: {item: password, in: inputs.users}
            steps: [{id: a, probe: {name: a, password: '{{ password }}'}}]
        ",
    )
    .input("users", json!(["hunter2hunter3", "correct-horse"]))
    .on("a", [Play::fails("hunter2hunter3 was refused")])
    .run();
    let text = format!("{:?} {:?}", ran.records(), ran.heard);
    assert!(
        !text.contains("hunter2") && !text.contains("correct-horse"),
        "{text}"
    );
    assert!(ran.trace().contains("each[1]"), "{}", ran.trace());
}

/// Ansible #43104: what is given to one role leaks into later tasks. Here what a sub-runbook was given ends with it, and
/// two calls of it know nothing of each other.
#[test]
fn nothing_leaks_out_of_a_call() {
    let ran = Scenario::new(
        "
        steps:
          - {id: one, runbook: {name: child, inputs: {n: 1}}}
          - {id: two, runbook: {name: child}}
        ",
    )
    .runbook(
        "child",
        "
        inputs: {n: {type: integer, default: 0}}
        steps: [{id: a, probe: {name: 'n{{ inputs.n }}'}}]
        ",
    )
    .run();
    assert_eq!(
        (calls(&ran, "n1"), calls(&ran, "n0")),
        (1, 1),
        "{:?}",
        ran.calls()
    );
}
