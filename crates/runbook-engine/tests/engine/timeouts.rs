//! Timeouts: of an attempt, of a step that holds others, of the run.

use runbook_event::{Outcome, StepStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

/// Each attempt has its own time.
#[test]
fn every_attempt_has_its_own() {
    let ran = Scenario::new(
        "
        steps:
          - id: a
            act: {name: a}
            timeout: 5s
            idempotent: true
            retry: {attempts: 2, delay: 1s, jitter: 0}
            rollback: {act: {name: undo-a}}
        ",
    )
    .on("a", [Play::acts_then_hangs(), Play::works().takes(4000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        @5000
        a did not act: timeout
        a attempt 2 in 1000
        @6000
        a intent 2
        @10000
        a acted
        a done
        == resolved
        ",
    );
}

/// It is told to end, gets its grace, and is given up when it does not listen.
#[test]
fn what_does_not_listen_is_given_up() {
    let ran = Scenario::new(
        "
        steps: [{id: a, act: {name: a}, timeout: 5s, rollback: {act: {name: undo-a}}}]
        ",
    )
    .on("a", [Play::is_deaf()])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert!(ran.trace().contains("a did not act: timeout"), "{}", ran.trace());
    assert!(
        ran.took.as_secs() >= 5 && ran.took.as_secs() < 60,
        "{:?}",
        ran.took
    );
}

/// All that stands within a group has this long together; what is under way is cancelled, changes too.
#[test]
fn a_group_has_this_long_for_all_of_it() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            timeout: 5s
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
              - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
          - {id: last, probe: {name: last}}
        ",
    )
    .on("a", [Play::works().takes(3000)])
    .on("b", [Play::acts_then_hangs()])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        g start
        g enters
        a start
        a intent
        @3000
        a acted
        a done
        b start
        b intent
        @5000
        g timed out
        c skipped: stopped
        b did not act: cancelled
        b failed: cancelled
        STOP g: rollback
        last skipped: stopped
        g failed: timeout
        == rollback
        b undo
        b undone
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// Only the group is over its time: what stands beside it goes on.
#[test]
fn a_forgiven_group_that_took_too_long_stops_nothing_else() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            needs: []
            timeout: 5s
            on_failure: continue
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
          - {id: beside, needs: [], probe: {name: beside}}
        ",
    )
    .on("a", [Play::acts_then_hangs()])
    .on("beside", [Play::works().takes(9000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        g start
        beside start
        g enters
        beside intent
        a start
        a intent
        @5000
        g timed out
        a did not act: cancelled
        a failed: cancelled
        g failed: timeout
        @9000
        beside acted
        beside done
        == resolved
        ",
    );
}

#[test]
fn loops_rounds_and_alternatives_have_theirs() {
    for (what, names) in [
        (
            "for_each: {item: n, in: '[1, 2, 3]'}\n    steps: [{id: a, act: {name: a}, rollback: not_needed}]",
            2,
        ),
        (
            "repeat: {until: 1 > 2, at_most: 99, every: 1s}\n    steps: [{id: a, act: {name: a}, rollback: not_needed}]",
            2,
        ),
        (
            "verify: [{probe: {name: v}, expect: got == 1}]\n    first_of: [{id: a, act: {name: a}, rollback: not_needed}, {id: b, act: {name: a}, rollback: not_needed}]",
            2,
        ),
        (
            "choose: [{id: a, else: true, act: {name: a}, rollback: not_needed}]",
            1,
        ),
    ] {
        let text = format!("steps:\n  - id: s\n    timeout: 5s\n    {what}\n");
        let ran = Scenario::new(&text)
            .on(
                "a",
                [Play::works().takes(4000), Play::hangs()]
                    .into_iter()
                    .skip(2 - names),
            )
            .run();
        // Nothing is to be undone, and it is told what stays.
        assert_eq!(ran.outcome(), Outcome::RolledBack, "{what}: {}", ran.trace());
        assert!(
            ran.trace().contains("STOP s: rollback"),
            "{what}: {}",
            ran.trace()
        );
        assert_eq!(ran.took.as_millis(), 5000, "{what}: {}", ran.trace());
        let step = ran.finished().state.step("s").expect("it is there").clone();
        assert_eq!(step.status, StepStatus::Failed);
        let message = step.failure.expect("it failed").to_string();
        assert!(message.contains("timeout of 5 s"), "{message}");
    }
}

/// The pause between two rounds is part of a loop's time.
#[test]
fn a_pause_between_rounds_is_cut_short() {
    let ran = Scenario::new(
        "
        steps:
          - id: s
            timeout: 5s
            repeat: {until: 1 > 2, at_most: 99, every: 1h}
            steps: [{id: a, probe: {name: a}}]
        ",
    )
    .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        s start
        s round 1
        a[1] start
        a[1] intent
        a[1] acted
        a[1] done
        s[1] done
        @5000
        s timed out
        s failed: timeout
        STOP s: rollback
        == failed
        ",
    );
}

/// The gate of a group is part of its time.
#[test]
fn the_gate_of_a_group_is_cut_short() {
    let ran = Scenario::new(
        "
        steps:
          - id: s
            timeout: 5s
            verify: [{probe: {name: v}, expect: got == 1, every: 1s, within: 1h}]
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
        ",
    )
    .on("v", [Play::gives(0)])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert_eq!(ran.took.as_millis(), 5000, "{}", ran.trace());
}

#[test]
fn a_run_that_takes_too_long_is_stopped_and_undone() {
    let ran = Scenario::new(
        "
        timeout: 10s
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
        ",
    )
    .on("a", [Play::works().takes(8000)])
    .on("b", [Play::acts_then_hangs()])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        @8000
        a acted
        a done
        b start
        b intent
        @10000
        STOP timeout: rollback
        b did not act: cancelled
        b failed: cancelled
        == rollback
        b undo
        b undone
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// Time in which the run only waits for people does not count.
#[test]
fn waiting_for_people_does_not_count() {
    let ran = Scenario::new(
        "
        timeout: 10s
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, approve: true, act: {name: b}, rollback: {act: {name: undo-b}}}
          - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
        ",
    )
    .on("a", [Play::works().takes(6000)])
    .answer("b", 3_600_000, true)
    .on("c", [Play::acts_then_hangs()])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        @6000
        a acted
        a done
        b start
        b asks
        @3606000
        b approved terminal
        b intent
        b acted
        b done
        c start
        c intent
        @3610000
        STOP timeout: rollback
        c did not act: cancelled
        c failed: cancelled
        == rollback
        c undo
        c undone
        b undo
        b undone
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// Undoing and cleaning up take the time that they take.
#[test]
fn rollback_does_not_count() {
    let ran = Scenario::new(
        "
        timeout: 10s
        steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}, timeout: 1h}}]
        finally: [{id: z, act: {name: z}, timeout: 1h}]
        ",
    )
    .on("a", [Play::acts_then_hangs()])
    .on("undo-a", [Play::works().takes(60_000)])
    .on("z", [Play::works().takes(60_000)])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        @10000
        STOP timeout: rollback
        a did not act: cancelled
        a failed: cancelled
        == rollback
        a undo
        @70000
        a undone
        == finally
        z start
        z intent
        @130000
        z acted
        z done
        == rolled_back
        ",
    );
}

/// Also before the first step and after the last one the run may take too long.
#[test]
fn a_run_that_takes_too_long_with_its_checks() {
    let ran = Scenario::new(
        "
        timeout: 10s
        steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
        verify: [{id: v, probe: {name: v}, expect: got == 1, every: 1s, within: 1h, baseline: false}]
        ",
    )
    .on("v", [Play::gives(0)])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        a acted
        a done
        == verify
        verify.v ?
        verify.v #1 fail 0
        @10000
        STOP timeout: rollback
        verify.v #10 fail 0
        verify.v = fail
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
    let ran = Scenario::new(
        "
        timeout: 10s
        detect: [{id: d, probe: {name: d}, expect: got == 1, every: 1s, within: 1h}]
        steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
        ",
    )
    .on("d", [Play::gives(0)])
    .run();
    assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
    assert_eq!(ran.calls().get("a"), None);
}

#[test]
fn a_run_that_takes_too_long_may_hold() {
    let ran = Scenario::new(
        "
        timeout: 10s
        on_failure: hold
        steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
        ",
    )
    .on("a", [Play::acts_then_hangs()])
    .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a intent
        @10000
        STOP timeout: hold
        a did not act: cancelled
        a failed: cancelled
        == failed
        ",
    );
}
