//! `detect`, the baseline, gates and the final `verify`.

use runbook_action::{Effect, ErrorKind, Failure};
use runbook_event::{CheckRole, Outcome, Verdict};
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;
use runbook_testkit::tape::Mark;

use crate::{is, trace_is};

fn detect(any: bool, plays: [Play; 2]) -> Outcome {
    let checks = "[{probe: {name: p}, expect: got == 1}, {probe: {name: q}, expect: got == 1}]";
    let checks = if any {
        format!("{{any: {checks}}}")
    } else {
        checks.to_owned()
    };
    let [p, q] = plays;
    let text = format!("detect: {checks}\nsteps: [{{id: a, act: {{name: a}}, rollback: not_needed}}]");
    let ran = Scenario::new(&text).on("p", [p]).on("q", [q]).run();
    let touched = ran.calls().contains_key("a");
    assert_eq!(touched, ran.outcome() == Outcome::Resolved, "{}", ran.trace());
    ran.outcome()
}

#[test]
fn detect_answers_no_or_cannot_be_asked() {
    let (yes, no, error) = (|| Play::gives(1), || Play::gives(0), || Play::fails("gone"));
    assert_eq!(detect(false, [yes(), yes()]), Outcome::Resolved);
    assert_eq!(detect(false, [yes(), no()]), Outcome::NotNeeded);
    assert_eq!(detect(false, [yes(), error()]), Outcome::Failed);
    assert_eq!(detect(false, [no(), error()]), Outcome::NotNeeded);
    assert_eq!(detect(false, [yes(), Play::panics()]), Outcome::Failed);
    assert_eq!(detect(true, [no(), yes()]), Outcome::Resolved);
    assert_eq!(detect(true, [error(), yes()]), Outcome::Resolved);
    assert_eq!(detect(true, [no(), no()]), Outcome::NotNeeded);
    assert_eq!(detect(true, [no(), error()]), Outcome::Failed);
    assert_eq!(detect(true, [Play::panics(), yes()]), Outcome::Resolved);
}

#[test]
fn what_detect_captures_is_known_to_the_steps() {
    let ran = Scenario::new(
        "
        detect: [{id: p, probe: {name: p}, capture: {load: got}}]
        steps:
          - {id: a, when: checks.p.load > 3, act: {name: 'load {{ checks.p.load }}'}, rollback: not_needed}
        ",
    )
    .on("p", [Play::gives(7)])
    .run();
    assert_eq!(ran.calls().get("load 7"), Some(&1), "{}", ran.trace());
}

#[test]
fn the_baseline_is_read_once_before_the_first_step_and_decides_nothing() {
    let ran = Scenario::new(
        "
        steps: [{id: a, act: {name: a}, rollback: not_needed}]
        verify:
          - {probe: {name: v}, expect: got == 1, within: 10s, every: 1s, consecutive: 2}
          - {probe: {name: w}, baseline: false}
        ",
    )
    .on("v", [Play::fails("down"), Play::gives(0), Play::gives(1)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == baseline
        baseline.1 ?
        baseline.1 #1 error 0
        baseline.1 = error
        == steps
        a start
        a intent
        a acted
        a done
        == verify
        verify.1 ?
        verify.2 ?
        verify.1 #1 fail 0
        verify.2 #1 pass 1
        verify.2 = pass
        @1000
        verify.1 #2 pass 1
        @2000
        verify.1 #3 pass 2
        verify.1 = pass
        == resolved
        ",
    );
}

/// The scripted clock begins at midnight of that day.
#[test]
fn an_age_counts_to_the_moment_of_each_reading() {
    let ran = gate(
        "expect: (got | age) >= 3, value: got | age, every: 1s, within: 10s",
        [Play::gives("2026-01-01T00:00:00Z")],
    );
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        a acted
        a gate.g ?
        a gate.g #1 fail 0
        @3000
        a gate.g #4 pass 1
        a gate.g = pass
        a done
        == resolved
        ",
    );
}

#[test]
fn an_age_is_captured_as_it_is_read() {
    let ran = Scenario::new(
        "
        detect: [{id: p, probe: {name: p}, capture: {age: got | age}}]
        steps:
          - id: a
            before: {probe: {name: b}, capture: {old: got | age}}
            act: {name: a}
            rollback: not_needed
            capture: {now: got | age}
          - {id: b, when: steps.a.now - steps.a.old == checks.p.age, act: {name: b2}, rollback: not_needed}
        ",
    )
    .on("p", [Play::gives("2025-12-31T23:59:00Z")])
    .on("b", [Play::gives("2025-12-31T23:59:00+00:00")])
    .on("a", [Play::gives("2025-12-31T23:58:00Z")])
    .run();
    assert_eq!(ran.calls().get("b2"), Some(&1), "{}", ran.trace());
}

fn gate(check: &str, plays: impl IntoIterator<Item = Play>) -> Ran {
    let text =
        format!("steps: [{{id: a, probe: {{name: a}}, verify: [{{id: g, probe: {{name: g}}, {check}}}]}}]");
    Scenario::new(&text).on("g", plays).run()
}

const POLL: &str = "expect: got == 1, every: 1s, within: 4s";

#[test]
fn a_gate_polls_until_it_passes() {
    let ran = gate(POLL, [Play::gives(0), Play::gives(0), Play::gives(1)]);
    trace_is(
        &ran.full_trace(),
        "
        run
          sync
        == steps
        a start
        a intent
          > probe a
          < a
        a acted
        a gate.g ?
          > probe g
          < g
        a gate.g #1 fail 0
        @1000
          sync
          > probe g
          < g
          (g #2 fail)
        @2000
          > probe g
          < g
        a gate.g #3 pass 1
        a gate.g = pass
        a done
        == resolved
          sync
        ",
    );
}

#[test]
fn the_last_reading_is_taken_at_the_deadline() {
    let ran = gate("expect: got == 1, every: 3s, within: 4s", [Play::gives(0)]);
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a intent
        a acted
        a gate.g ?
        a gate.g #1 fail 0
        @4000
        a gate.g #3 fail 0
        a gate.g = fail
        a failed: other
        STOP a: rollback
        == failed
        ",
    );
    let ran = gate(
        "expect: got == 1, every: 3s, within: 4s",
        [Play::gives(0), Play::gives(0), Play::gives(1)],
    );
    assert_eq!(ran.outcome(), Outcome::Resolved);
}

#[test]
fn a_flapping_value_does_not_pass() {
    let flaps = (0..20).map(|n| Play::gives(n % 2));
    let ran = gate(&format!("{POLL}, consecutive: 2"), flaps);
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a intent
        a acted
        a gate.g ?
        a gate.g #1 fail 0
        @1000
        a gate.g #2 pass 1
        @2000
        a gate.g #3 fail 0
        @3000
        a gate.g #4 pass 1
        @4000
        a gate.g #5 fail 0
        a gate.g = fail
        a failed: other
        STOP a: rollback
        == failed
        ",
    );
    let failure = ran
        .finished()
        .state
        .step("a")
        .and_then(|step| step.failure.clone());
    let message = failure.expect("it failed").message;
    assert!(
        message.contains("expected `got == 1` within 4 s (5 readings)"),
        "{message}"
    );
}

#[test]
fn a_pass_that_comes_too_late_for_consecutive_fails() {
    let ran = gate(
        &format!("{POLL}, consecutive: 3"),
        [Play::gives(0), Play::gives(0), Play::gives(0), Play::gives(1)],
    );
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a intent
        a acted
        a gate.g ?
        a gate.g #1 fail 0
        @3000
        a gate.g #4 pass 1
        @4000
        a gate.g #5 pass 2
        a gate.g = fail
        a failed: other
        STOP a: rollback
        == failed
        ",
    );
    let failure = ran
        .finished()
        .state
        .step("a")
        .and_then(|step| step.failure.clone());
    let message = failure.expect("it failed").message;
    assert!(message.contains("passed only 2 of 3 times in a row"), "{message}");
}

#[test]
fn an_error_is_never_a_pass() {
    for (check, play) in [
        ("expect: got == 1", Play::gives("1")),
        ("expect: got", Play::gives(1)),
        ("expect: got > 1", Play::gives(())),
        ("expect: got.missing == 1", Play::gives(1)),
        ("expect: 'not (got == 1)'", Play::fails("down")),
        ("expect: 'got != 1'", Play::panics()),
        ("value: got.n, expect: value < 5", Play::gives(1)),
        ("capture: {x: got.n}", Play::gives(1)),
    ] {
        let ran = gate(check, [play]);
        let judged = if check == "expect: got == 1" {
            Verdict::Fail
        } else {
            Verdict::Error
        };
        let gate = ran
            .finished()
            .state
            .checks()
            .values()
            .next()
            .expect("it was asked")
            .verdict;
        assert!(
            gate == Some(Verdict::Error) || gate == Some(judged),
            "{check}: {}",
            ran.trace()
        );
        assert_eq!(ran.outcome(), Outcome::Failed, "{check}");
    }
}

#[test]
fn an_error_breaks_the_row() {
    let ran = gate(
        &format!("{POLL}, consecutive: 2"),
        [
            Play::gives(1),
            Play::fails("down"),
            Play::gives(1),
            Play::gives(1),
        ],
    );
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        a acted
        a gate.g ?
        a gate.g #1 pass 1
        @1000
        a gate.g #2 error 0
        @2000
        a gate.g #3 pass 1
        @3000
        a gate.g #4 pass 2
        a gate.g = pass
        a done
        == resolved
        ",
    );
}

#[test]
fn a_check_may_ask_whether_it_failed() {
    let ran = gate("expect: error.kind == 'refused'", [Play::fails("down")]);
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    let ran = gate("expect: not ok, timeout: 1s", [Play::hangs()]);
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
}

#[test]
fn a_reading_that_hangs_ends_with_its_time() {
    let ran = gate(
        "expect: got == 1, every: 1s, within: 4s, timeout: 2s",
        [Play::hangs(), Play::gives(1)],
    );
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        a acted
        a gate.g ?
        @2000
        a gate.g #1 error 0
        @3000
        a gate.g #2 pass 1
        a gate.g = pass
        a done
        == resolved
        ",
    );
    let ran = gate("expect: got == 1, every: 1s, within: 4s", [Play::is_deaf()]);
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a intent
        a acted
        a gate.g ?
        @14000
        a gate.g #1 error 0
        a gate.g = error
        a failed: other
        STOP a: rollback
        == failed
        ",
    );
}

#[test]
fn first_last_and_changing_readings_are_events_and_the_others_are_kept_beside() {
    let ran = gate(
        "expect: got >= 3, value: got, every: 1s, within: 9s, consecutive: 3",
        (0..9).map(Play::gives),
    );
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        a acted
        a gate.g ?
        a gate.g #1 fail 0
        @3000
        a gate.g #4 pass 1
        @5000
        a gate.g #6 pass 3
        a gate.g = pass
        a done
        == resolved
        ",
    );
    let numbers = ran.tape.iter().filter_map(|(_, mark)| match mark {
        Mark::Reading(site, reading) => {
            assert_eq!(site.role, CheckRole::Gate);
            Some(reading.number)
        }
        Mark::Record(_)
        | Mark::Synced
        | Mark::Called(..)
        | Mark::Returned(..)
        | Mark::Settled(_)
        | Mark::Asked(_)
        | Mark::Lost
        | Mark::Signal => None,
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [2, 3, 5]);
}

#[test]
fn the_gates_failure_does_not_run_the_action_again() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo}}, verify: [{probe: {name: g}, expect: got == 1, every: 1s, within: 5s}]}
        ",
    )
    .on("g", [Play::gives(0)])
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
        a gate.1 ?
        a gate.1 #1 fail 0
        @5000
        a gate.1 #6 fail 0
        a gate.1 = fail
        a failed: other
        STOP a: rollback
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
    assert_eq!(ran.calls().get("a"), Some(&1));
}

#[test]
fn checks_ask_and_change_nothing() {
    let ran = gate(
        "expect: got == 1",
        [Play::fails_with(
            Failure::new(ErrorKind::Other, "odd").maybe_applied(),
        )],
    );
    let step = ran.finished().state.step("a").expect("it is there").clone();
    assert!(!step.attempted);
    assert!(step.intent.is_some_and(|intent| intent.effect == Effect::Read));
}

#[test]
fn the_final_verify_must_pass() {
    for play in [
        Play::gives(0),
        Play::fails("down"),
        Play::panics(),
        Play::gives("1"),
        Play::gives(()),
    ] {
        let ran = Scenario::new(
            "
            steps: [{id: a, probe: {name: a}}]
            verify: [{probe: {name: w}}, {probe: {name: v}, expect: got == 1}]
            ",
        )
        .on("v", [play])
        .run();
        assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
    }
}

#[test]
fn the_time_between_readings_has_a_least_length() {
    let ran = gate("expect: got == 1, every: 1ms, within: 1s", [Play::gives(0)]);
    assert_eq!(ran.outcome(), Outcome::Failed);
    assert_eq!(ran.calls().get("g"), Some(&101));
}
