//! What is asked for on the command line: steps left out, no rollback.

use runbook_event::{Outcome, StepStatus, Wanted};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

fn without(skips: &[(&str, &str)]) -> Wanted {
    Wanted {
        skips: skips
            .iter()
            .map(|(id, option)| ((*id).to_owned(), (*option).to_owned()))
            .collect(),
        ..Wanted::default()
    }
}

const THREE: &str = "
    steps:
      - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}, capture: {x: got}}
      - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}, capture: {x: got}}
      - {id: c, let: {a: steps.a.x, b: steps.b.x}}
";

/// What is left out is told with the option that did it; what depends on it runs and sees null.
#[test]
fn a_step_that_is_left_out() {
    let ran = Scenario::new(THREE)
        .on("b", [Play::gives(2)])
        .wants(without(&[("a", "--skip")]))
        .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a skipped: --skip
        b start
        b intent
        b acted
        b captured x=2
        b done
        c start
        c intent
        c acted
        c captured a=null b=2
        c done
        == resolved
        ",
    );
}

#[test]
fn each_option_is_told_by_its_name() {
    for option in ["--skip", "--only", "--from"] {
        let ran = Scenario::new(THREE)
            .wants(without(&[("a", option), ("b", option)]))
            .run();
        assert_eq!(ran.outcome(), Outcome::Resolved);
        assert!(
            ran.trace().contains(&format!("a skipped: {option}")),
            "{}",
            ran.trace()
        );
        assert!(
            ran.trace().contains(&format!("b skipped: {option}")),
            "{}",
            ran.trace()
        );
    }
}

/// What was left out was not attempted: nothing of it is undone, and its question is not asked.
#[test]
fn nothing_of_it_is_undone_or_asked() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, approve: true, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
        ",
    )
    .on("b", [Play::fails("no")])
    .wants(without(&[("a", "--from")]))
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a skipped: --from
        b start
        b intent
        b did not act: refused
        b failed: refused
        STOP b: rollback
        == rollback
        b undo
        b undone
        == rolled_back
        ",
    );
    assert!(ran.questions.is_empty());
}

/// A group, a loop, a sub-runbook is left out as a whole; a step within a group may be left out alone.
#[test]
fn what_holds_others_is_left_out_as_a_whole() {
    let text = "
        steps:
          - id: g
            steps:
              - {id: a, act: {name: a}, rollback: not_needed}
              - {id: b, act: {name: b}, rollback: not_needed}
          - {id: call, runbook: {name: child}}
    ";
    let child = "steps: [{id: a, act: {name: child-a}, rollback: not_needed}]";
    let ran = Scenario::new(text)
        .runbook("child", child)
        .wants(without(&[("g", "--skip"), ("call", "--skip")]))
        .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        g skipped: --skip
        call skipped: --skip
        == resolved
        ",
    );
    // The ids of a sub-runbook are its own: `a` is that of this runbook.
    let ran = Scenario::new(text)
        .runbook("child", child)
        .wants(without(&[("a", "--skip")]))
        .run();
    let state = &ran.finished().state;
    assert_eq!(
        state.step("a").map(|step| step.status),
        Some(StepStatus::Skipped),
        "{}",
        ran.trace()
    );
    assert_eq!(
        state.step("call/a").map(|step| step.status),
        Some(StepStatus::Done),
        "{}",
        ran.trace()
    );
}

/// Within a loop it is left out in every turn.
#[test]
fn within_a_loop_it_is_left_out_every_time() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: n, in: '[1, 2]'}
            steps:
              - {id: a, act: {name: 'a{{ n }}'}, rollback: not_needed}
              - {id: b, act: {name: 'b{{ n }}'}, rollback: not_needed}
        ",
    )
    .wants(without(&[("a", "--skip")]))
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    assert_eq!(
        ran.calls().keys().map(String::as_str).collect::<Vec<_>>(),
        ["b1", "b2"]
    );
}

/// Nothing is undone, whatever the runbook says, and the clean-up runs.
#[test]
fn no_rollback() {
    let wanted = Wanted {
        no_rollback: true,
        ..Wanted::default()
    };
    let text = "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}, on_failure: rollback}
        finally: [{id: z, probe: {name: z}}]
    ";
    let ran = Scenario::new(text)
        .on("b", [Play::fails("no")])
        .wants(wanted.clone())
        .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a intent
        a acted
        a done
        b start
        b intent
        b did not act: refused
        b failed: refused
        STOP b: hold
        == finally
        z start
        z intent
        z acted
        z done
        == failed
        ",
    );
    let ran = Scenario::new(text)
        .on("b", [Play::acts_then_hangs()])
        .signal(1000)
        .wants(wanted)
        .run();
    is(
        &ran,
        Outcome::Interrupted,
        "
        run
        == steps
        a start
        a intent
        a acted
        a done
        b start
        b intent
        @1000
        SIGNAL
        STOP SIGINT: hold
        b did not act: cancelled
        b failed: cancelled
        == finally
        z start
        z intent
        z acted
        z done
        == interrupted
        ",
    );
}
