//! What the engine does itself: `let`, `fail`, `wait`.

use runbook_event::Outcome;
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;
use serde_json::json;

use crate::is;

#[test]
fn let_gives_names_to_values() {
    let ran = Scenario::new(
        "
        inputs: {n: {type: integer, default: 2}}
        steps:
          - {id: p, probe: {name: p}, capture: {list: got}}
          - {id: facts, let: {count: steps.p.list | length, twice: inputs.n * 2, none_yet: 'none'}}
          - {id: end, when: steps.facts.count == 3 and steps.facts.twice == 4 and steps.facts.none_yet is none, probe: {name: end}}
        ",
    )
    .input("n", 2)
    .on("p", [Play::gives(json!([1, 2, 3]))])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        p start
        p intent
        p acted
        p captured list=[1,2,3]
        p done
        facts start
        facts intent
        facts acted
        facts captured count=3 twice=4 none_yet=null
        facts done
        end start
        end intent
        end acted
        end done
        == resolved
        ",
    );
}

#[test]
fn a_value_that_cannot_be_told_fails_and_gives_no_names() {
    let ran = Scenario::new(
        "
        steps:
          - {id: p, probe: {name: p}, capture: {x: got}}
          - {id: facts, let: {fine: '1', bad: steps.p.x + 1}, on_failure: continue}
          - {id: end, let: {fine: steps.facts.fine}}
        ",
    )
    .on("p", [Play::gives("x")])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        p start
        p intent
        p acted
        p captured x="x"
        p done
        facts start
        facts intent
        facts did not act: other
        facts failed: other
        end start
        end intent
        end acted
        end captured fine=null
        end done
        == resolved
        "#,
    );
}

/// It fails with the author's words, and the run does what it does after any failure.
#[test]
fn fail_fails_here_on_purpose() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}, capture: {x: got}}
          - {id: stop, when: steps.a.x == 'odd', fail: 'It is {{ steps.a.x }}.'}
          - {id: last, act: {name: last}, rollback: not_needed}
        ",
    )
    .on("a", [Play::gives("odd")])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        r#"
        run
        == steps
        a start
        a intent
        a acted
        a captured x="odd"
        a done
        stop start
        stop intent
        stop did not act: other
        stop failed: other
        STOP stop: rollback
        last skipped: stopped
        == rollback
        a undo
        a undone
        == rolled_back
        "#,
    );
    let failure = ran
        .finished()
        .state
        .step("stop")
        .and_then(|step| step.failure.clone());
    assert_eq!(failure.expect("it failed").message, "It is odd.");
}

#[test]
fn a_fail_that_is_skipped_fails_nothing() {
    let ran =
        Scenario::new("steps: [{id: stop, when: 1 > 2, fail: Never.}, {id: a, probe: {name: a}}]").run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
}

#[test]
fn wait_waits() {
    let ran = Scenario::new(
        "
        inputs: {pause: {type: duration, default: 90s}}
        steps:
          - {id: w, wait: {for: '{{ inputs.pause }}', why: Requests end.}}
          - {id: x, wait: 10s}
        ",
    )
    .input("pause", "90s")
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        w start
        w intent
        @90000
        w acted
        w done
        x start
        x intent
        @100000
        x acted
        x done
        == resolved
        ",
    );
}

#[test]
fn a_wait_whose_length_is_none_fails() {
    let ran = Scenario::new(
        "
        steps:
          - {id: p, probe: {name: p}, capture: {x: got}}
          - {id: w, wait: {for: '{{ steps.p.x }}', why: x}}
        ",
    )
    .on("p", [Play::gives("soon")])
    .run();
    is(
        &ran,
        Outcome::Failed,
        r#"
        run
        == steps
        p start
        p intent
        p acted
        p captured x="soon"
        p done
        w start
        w intent
        w did not act: other
        w failed: other
        STOP w: rollback
        == failed
        "#,
    );
}

/// Waiting is no change: a failure elsewhere ends it at once, and so does a signal.
#[test]
fn a_wait_ends_when_the_run_stops() {
    let text = "
        steps:
          - {id: w, needs: [], wait: 1h}
          - {id: bad, needs: [], probe: {name: bad}}
    ";
    let ran = Scenario::new(text)
        .on("bad", [Play::fails("no").takes(2000)])
        .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        w start
        bad start
        w intent
        bad intent
        @2000
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        w did not act: cancelled
        w failed: cancelled
        == failed
        ",
    );
    let ran = Scenario::new(text).signal(3000).run();
    is(
        &ran,
        Outcome::Interrupted,
        "
        run
        == steps
        w start
        bad start
        w intent
        bad intent
        bad acted
        bad done
        @3000
        SIGNAL
        STOP SIGINT: rollback
        w did not act: cancelled
        w failed: cancelled
        == interrupted
        ",
    );
}
