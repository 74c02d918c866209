//! `retry`: further attempts after a failure.

use runbook_action::{ErrorKind, Failure};
use runbook_event::{Event, Outcome};
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;

use crate::is;

fn retried(retry: &str, plays: impl IntoIterator<Item = Play>) -> Ran {
    let text = format!(
        "
        steps:
          - id: a
            before: {{probe: {{name: b}}, capture: {{old: got}}}}
            act: {{name: a}}
            idempotent: true
            retry: {{{retry}}}
            capture: {{x: got}}
            rollback: {{act: {{name: 'undo-a {{{{ steps.a.old }}}}'}}}}
        "
    );
    Scenario::new(&text)
        .on("b", [Play::gives(1), Play::gives(2)])
        .on("a", plays)
        .run()
}

fn delays(ran: &Ran) -> Vec<u64> {
    ran.records()
        .iter()
        .filter_map(|record| {
            if let Event::RetryPlanned { delay_ms, .. } = &record.event {
                Some(*delay_ms)
            } else {
                None
            }
        })
        .collect()
}

/// Each has an intent of its own, and an end; what `before` found is that from before the first.
#[test]
fn attempts_until_one_works() {
    let ran = retried(
        "attempts: 4, delay: 1s, backoff: 3, jitter: 0",
        [Play::fails("no"), Play::acts_then_fails("half"), Play::gives(7)],
    );
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a before old=1
        a intent
        a did not act: refused
        a attempt 2 in 1000
        @1000
        a intent 2
        a did not act: other
        a attempt 3 in 3000
        @4000
        a intent 3
        a acted
        a captured x=7
        a done
        == resolved
        ",
    );
    assert_eq!(ran.calls().get("b"), Some(&1));
}

/// The last failure is the step's, with all it says; it is undone once, to what was there before the first attempt.
#[test]
fn when_no_attempt_is_left_the_last_failure_is_told() {
    let ran = retried(
        "attempts: 3, delay: 1s, backoff: 2, jitter: 0",
        [Play::fails("first"), Play::fails("second"), Play::fails("third")],
    );
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a before old=1
        a intent
        a did not act: refused
        a attempt 2 in 1000
        @1000
        a intent 2
        a did not act: refused
        a attempt 3 in 2000
        @3000
        a intent 3
        a did not act: refused
        a failed: refused
        STOP a: rollback
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
    let failure = ran
        .finished()
        .state
        .step("a")
        .and_then(|step| step.failure.clone());
    assert_eq!(failure.expect("it failed").message, "third");
    assert_eq!(ran.calls().get("undo-a 1"), Some(&1));
}

#[test]
fn delays_grow_up_to_their_bound() {
    let ran = retried(
        "attempts: 6, delay: 1s, backoff: 2, max_delay: 5s, jitter: 0",
        [Play::fails("no")],
    );
    assert_eq!(delays(&ran), [1000, 2000, 4000, 5000, 5000]);
}

#[test]
fn jitter_stays_within_its_share_and_differs() {
    let ran = retried(
        "attempts: 9, delay: 10s, backoff: 1, jitter: 0.5",
        [Play::fails("no")],
    );
    let delays = delays(&ran);
    assert!(
        delays.iter().all(|delay| (5000..=10_000).contains(delay)),
        "{delays:?}"
    );
    assert!(delays.windows(2).any(|pair| pair[0] != pair[1]), "{delays:?}");
}

/// Only what the author names is worth another attempt.
#[test]
fn other_errors_are_not_tried_again() {
    for (kind, attempts) in [
        (ErrorKind::Timeout, 3),
        (ErrorKind::Refused, 3),
        (ErrorKind::Auth, 1),
        (ErrorKind::Other, 1),
    ] {
        let ran = retried(
            "attempts: 3, delay: 1s, jitter: 0, on: [timeout, refused]",
            [Play::fails_with(Failure::new(kind, "no"))],
        );
        assert_eq!(ran.calls().get("a"), Some(&attempts), "{kind}");
        assert_eq!(ran.outcome(), Outcome::RolledBack);
    }
}

/// Whatever `on` says, what was cancelled is not tried again.
#[test]
fn what_was_cancelled_is_not_tried_again() {
    let ran = retried(
        "attempts: 3, delay: 1s, jitter: 0",
        [Play::fails_with(Failure::new(ErrorKind::Cancelled, "stopped"))],
    );
    assert_eq!(ran.calls().get("a"), Some(&1), "{}", ran.trace());
}

/// A signal does not wait for the delay to end, and there is no further attempt.
#[test]
fn a_signal_ends_the_delay() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, idempotent: true, retry: {attempts: 3, delay: 1h, max_delay: 1h, jitter: 0}, rollback: {act: {name: undo-a}}}
        ",
    )
    .on("a", [Play::fails("no")])
    .signal(5000)
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        a did not act: refused
        a attempt 2 in 3600000
        @5000
        SIGNAL
        STOP SIGINT: rollback
        a failed: refused
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// So does the failure of a branch beside it.
#[test]
fn a_failure_beside_it_ends_the_delay() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, needs: [], act: {name: a}, idempotent: true, retry: {attempts: 3, delay: 1h, max_delay: 1h, jitter: 0}, rollback: {act: {name: undo-a}}}
          - {id: bad, needs: [], probe: {name: bad}}
        ",
    )
    .on("a", [Play::fails("no")])
    .on("bad", [Play::fails("worse").takes(5000)])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        bad start
        a intent
        bad intent
        a did not act: refused
        a attempt 2 in 3600000
        @5000
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        a failed: refused
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// What the action gave cannot be read: another attempt would give the same.
#[test]
fn a_capture_that_cannot_be_told_is_no_reason_to_act_again() {
    let ran = Scenario::new(
        "
        steps:
          - id: a
            act: {name: a}
            idempotent: true
            retry: {attempts: 3, delay: 1s, jitter: 0}
            capture: {x: got.deep}
            rollback: {act: {name: undo-a}}
        ",
    )
    .on("a", [Play::gives(1)])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert_eq!(ran.calls().get("a"), Some(&1));
}

/// A gate that fails never runs the action again, also where there are attempts left.
#[test]
fn a_gate_that_fails_is_no_reason_to_act_again() {
    let ran = Scenario::new(
        "
        steps:
          - id: a
            act: {name: a}
            idempotent: true
            retry: {attempts: 3, delay: 1s, jitter: 0}
            verify: [{probe: {name: v}, expect: got == 1}]
            rollback: {act: {name: undo-a}}
        ",
    )
    .on("v", [Play::gives(0)])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert_eq!(ran.calls().get("a"), Some(&1));
    assert_eq!(ran.calls().get("v"), Some(&1));
}

/// An earlier attempt may have half happened: the step counts as attempted although the last one did nothing.
#[test]
fn what_an_earlier_attempt_did_is_undone() {
    let ran = retried(
        "attempts: 2, delay: 1s, jitter: 0",
        [Play::acts_then_fails("half"), Play::fails("nothing")],
    );
    assert_eq!(ran.outcome(), Outcome::RolledBack);
    assert_eq!(ran.calls().get("undo-a 1"), Some(&1));
}
