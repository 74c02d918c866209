//! Failures elsewhere and signals: what ends, and what goes on.

use runbook_engine::EngineError;
use runbook_event::Outcome;
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

const SIDE: &str = "
    steps:
      - {id: bad, needs: [], probe: {name: bad}}
      - {id: read, needs: [], probe: {name: read}}
      - {id: change, needs: [], act: {name: change}, rollback: {act: {name: undo}}, verify: [{probe: {name: gate}, expect: got == 1, every: 1s, within: 9s}]}
      - {id: next, needs: [change], act: {name: next}, rollback: not_needed}
";

#[test]
fn a_failure_ends_reads_and_lets_changes_finish() {
    let ran = Scenario::new(SIDE)
        .on("bad", [Play::fails("no").takes(1000)])
        .on("read", [Play::works().takes(9000)])
        .on("change", [Play::works().takes(5000)])
        .on("gate", [Play::gives(0), Play::gives(1)])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        bad start
        read start
        change start
        bad intent
        read intent
        change intent
        @1000
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        next skipped: stopped
        read did not act: cancelled
        read failed: cancelled
        @5000
        change acted
        change gate.1 ?
        change gate.1 #1 fail 0
        @6000
        change gate.1 #2 pass 1
        change gate.1 = pass
        change done
        == rollback
        change undo
        change undone
        == rolled_back
        ",
    );
}

#[test]
fn a_signal_ends_both() {
    let ran = Scenario::new(SIDE)
        .on("bad", [Play::works().takes(9000)])
        .on("read", [Play::works().takes(9000)])
        .on("change", [Play::works().takes(5000)])
        .signal(1000)
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        bad start
        read start
        change start
        bad intent
        read intent
        change intent
        @1000
        SIGNAL
        STOP SIGINT: rollback
        next skipped: stopped
        bad did not act: cancelled
        read did not act: cancelled
        change did not act: cancelled
        bad failed: cancelled
        read failed: cancelled
        change failed: cancelled
        == rollback
        change undo
        change undone
        == rolled_back
        ",
    );
}

#[test]
fn a_signal_ends_a_gate_without_another_reading() {
    let ran = Scenario::new(SIDE)
        .on("gate", [Play::gives(0)])
        .signal(2500)
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        bad start
        read start
        change start
        bad intent
        read intent
        change intent
        bad acted
        read acted
        change acted
        bad done
        read done
        change gate.1 ?
        change gate.1 #1 fail 0
        @2500
        SIGNAL
        STOP SIGINT: rollback
        next skipped: stopped
        change gate.1 #3 fail 0
        change gate.1 = fail
        change failed: cancelled
        == rollback
        change undo
        change undone
        == rolled_back
        ",
    );
    assert_eq!(ran.calls().get("gate"), Some(&3));
}

/// What has not acted yet when another step fails does not act any more.
#[test]
fn a_change_that_is_still_being_required_does_not_begin_after_a_failure() {
    let ran = Scenario::new(
        "
        steps:
          - {id: bad, needs: [], probe: {name: bad}}
          - {id: a, needs: [], require: [{probe: {name: r}, expect: got == 1, every: 1s, within: 1m}], act: {name: a}, rollback: {act: {name: undo}}}
          - {id: b, needs: [], before: {probe: {name: slow}, capture: {x: got}}, act: {name: b}, rollback: {act: {name: undo}}}
        ",
    )
    .on("bad", [Play::fails("no").takes(2500)])
    .on("r", [Play::gives(0), Play::gives(0), Play::gives(0), Play::gives(0), Play::gives(1)])
    .on("slow", [Play::works().takes(6000)])
    .run();
    let calls = ran.calls();
    assert!(
        !calls.contains_key("a") && !calls.contains_key("b"),
        "{}",
        ran.full_trace()
    );
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        bad start
        a start
        b start
        bad intent
        a require.1 ?
        a require.1 #1 fail 0
        @2500
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        b failed: cancelled
        a require.1 #3 fail 0
        a require.1 = fail
        a failed: cancelled
        == failed
        ",
    );
}

#[test]
fn a_step_that_was_only_about_to_begin_does_not() {
    let ran = Scenario::new(
        "
        steps:
          - {id: p, probe: {name: p}, capture: {x: got}}
          - {id: bad, needs: [p], when: steps.p.x.y, act: {name: bad}, rollback: not_needed}
          - {id: a, needs: [p], act: {name: a}, rollback: {act: {name: undo}}}
        ",
    )
    .run();
    let text = ran.full_trace();
    let (stop, intent) = (text.find("STOP"), text.find("a intent"));
    assert!(intent.is_none() || intent < stop, "{text}");
}

const PHASES: &str = "
    detect: [{probe: {name: d}}]
    steps:
      - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
    verify: [{probe: {name: v}}]
    finally: [{id: z, act: {name: z}}]
";

fn phases(slow: &str, signals: &[u64]) -> Scenario {
    let mut scenario = Scenario::new(PHASES).on(slow, [Play::works().takes(10_000)]);
    for at in signals {
        scenario = scenario.signal(*at);
    }
    scenario
}

#[test]
fn a_signal_during_detect() {
    is(
        &phases("d", &[1000]).run(),
        Outcome::Interrupted,
        "
        run
        == detect
        detect.1 ?
        @1000
        SIGNAL
        STOP SIGINT: rollback
        a skipped: stopped
        detect.1 #1 error 0
        detect.1 = error
        == interrupted
        ",
    );
}

#[test]
fn a_signal_during_the_baseline() {
    is(
        &phases("v", &[1000]).run(),
        Outcome::Interrupted,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 pass 1
        detect.1 = pass
        == baseline
        baseline.1 ?
        @1000
        SIGNAL
        STOP SIGINT: rollback
        a skipped: stopped
        baseline.1 #1 error 0
        baseline.1 = error
        == interrupted
        ",
    );
}

#[test]
fn a_signal_during_the_final_verify() {
    let ran = Scenario::new(PHASES)
        .on("v", [Play::works(), Play::works().takes(10_000)])
        .signal(1000)
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 pass 1
        detect.1 = pass
        == baseline
        baseline.1 ?
        baseline.1 #1 pass 1
        baseline.1 = pass
        == steps
        a start
        a intent
        a acted
        a done
        == verify
        verify.1 ?
        @1000
        SIGNAL
        STOP SIGINT: rollback
        verify.1 #1 error 0
        verify.1 = error
        == rollback
        a undo
        a undone
        == finally
        z start
        z intent
        z acted
        z done
        == rolled_back
        ",
    );
}

#[test]
fn two_signals_end_no_undo() {
    let ran = phases("undo-a", &[2000, 3000])
        .on("a", [Play::fails("no").takes(1000)])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 pass 1
        detect.1 = pass
        == baseline
        baseline.1 ?
        baseline.1 #1 pass 1
        baseline.1 = pass
        == steps
        a start
        a intent
        @1000
        a did not act: refused
        a failed: refused
        STOP a: rollback
        == rollback
        a undo
        @2000
        SIGNAL
        @3000
        SIGNAL
        @11000
        a undone
        == finally
        z start
        z intent
        z acted
        z done
        == rolled_back
        ",
    );
}

#[test]
fn signals_while_stopping_end_no_undo() {
    let ran = phases("undo-a", &[1000, 1500])
        .on("a", [Play::cleans_up(4000)])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 pass 1
        detect.1 = pass
        == baseline
        baseline.1 ?
        baseline.1 #1 pass 1
        baseline.1 = pass
        == steps
        a start
        a intent
        @1000
        SIGNAL
        STOP SIGINT: rollback
        @1500
        SIGNAL
        @2500
        a did not act: cancelled
        a failed: cancelled
        == rollback
        a undo
        @12500
        a undone
        == finally
        z start
        z intent
        z acted
        z done
        == rolled_back
        ",
    );
}

#[test]
fn two_signals_end_no_clean_up() {
    is(
        &phases("z", &[1000, 2000]).run(),
        Outcome::Resolved,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 pass 1
        detect.1 = pass
        == baseline
        baseline.1 ?
        baseline.1 #1 pass 1
        baseline.1 = pass
        == steps
        a start
        a intent
        a acted
        a done
        == verify
        verify.1 ?
        verify.1 #1 pass 1
        verify.1 = pass
        == finally
        z start
        z intent
        @1000
        SIGNAL
        @2000
        SIGNAL
        @10000
        z acted
        z done
        == resolved
        ",
    );
}

#[test]
fn the_second_signal_gives_no_grace() {
    let one = phases("x", &[1000]).on("a", [Play::cleans_up(4000)]).run();
    assert_eq!(one.took.as_millis(), 5000, "{}", one.trace());
    let deaf = phases("x", &[1000]).on("a", [Play::is_deaf()]).run();
    assert_eq!(deaf.took.as_millis(), 11_000, "{}", deaf.trace());
    let two = phases("x", &[1000, 2000]).on("a", [Play::is_deaf()]).run();
    assert!(two.took.as_millis() <= 3000, "{}", two.trace());
    for ran in [one, deaf, two] {
        assert_eq!(ran.outcome(), Outcome::RolledBack);
        assert!(ran.finished().state.step("a").is_some_and(|step| step.attempted));
    }
}

#[test]
fn the_third_signal_leaves_at_once() {
    for slow in ["d", "a", "v", "z"] {
        let ran = Scenario::new(PHASES)
            .on(slow, [Play::is_deaf()])
            .signal(1000)
            .signal(1000)
            .signal(1000)
            .run();
        assert!(
            matches!(ran.error(), Some(EngineError::Left)),
            "{slow}: {}",
            ran.trace()
        );
        assert_eq!(ran.took.as_millis(), 1000);
    }
    let ran = phases("undo-a", &[2000, 3000, 4000])
        .on("a", [Play::fails("no")])
        .run();
    assert!(matches!(ran.error(), Some(EngineError::Left)), "{}", ran.trace());
    assert_eq!(ran.took.as_millis(), 4000);
}

#[test]
fn a_signal_after_a_failure_changes_nothing_but_the_haste() {
    let ran = Scenario::new(&format!("{SIDE}\n    on_interrupt: hold"))
        .on("bad", [Play::fails("no").takes(1000)])
        .on("read", [Play::works().takes(9000)])
        .on("change", [Play::works().takes(5000)])
        .signal(2000)
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        bad start
        read start
        change start
        bad intent
        read intent
        change intent
        @1000
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        next skipped: stopped
        read did not act: cancelled
        read failed: cancelled
        @2000
        SIGNAL
        change did not act: cancelled
        change failed: cancelled
        == rollback
        change undo
        change undone
        == rolled_back
        ",
    );
}

/// So many at once that the engine hears of some of them only after it has decided to stop, and of others in one
/// breath with the failure that will stop it. None of them begins.
#[test]
fn what_is_heard_of_after_the_stop_does_not_begin() {
    let steps: Vec<String> = (0..600)
        .map(|n| format!("{{id: s{n}, needs: [p], act: {{name: s{n}}}, rollback: not_needed}}"))
        .collect();
    let ran = Scenario::new(&format!(
        "
        max_parallel: 1000
        steps:
          - {{id: p, probe: {{name: p}}, capture: {{x: got}}}}
          - {{id: bad, needs: [p], when: steps.p.x, act: {{name: bad}}, rollback: not_needed}}
          - {}
        ",
        steps.join("\n          - ")
    ))
    .on("p", [Play::gives(1)])
    .run();
    let text = ran.trace();
    let (_, after) = text.split_once("bad failed").expect("it fails");
    assert!(after.contains("STOP bad"), "{after}");
    assert!(!after.contains("start") && !after.contains("intent"), "{after}");
    assert!(after.contains("s599 skipped: stopped"), "{after}");
}

/// Who watches the run cannot stop it.
#[test]
fn an_observer_that_panics_is_left_behind() {
    let ran = Scenario::new(PHASES).with_a_rude_observer().run();
    assert_eq!(ran.outcome(), Outcome::Resolved);
}
