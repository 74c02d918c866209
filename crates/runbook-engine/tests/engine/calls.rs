//! Sub-runbooks: `runbook` within a step.

use runbook_event::{Outcome, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;
use serde_json::json;

use crate::is;

pub(crate) const PARENT: &str = "
    steps:
      - {id: first, act: {name: first}, rollback: {act: {name: undo-first}}}
      - {id: call, runbook: {name: child}}
      - {id: last, act: {name: last}, rollback: {act: {name: undo-last}}}
";

pub(crate) const CHILD: &str = "
    steps:
      - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
      - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
";

pub(crate) fn message(ran: &Ran, id: &str) -> String {
    let step = ran.finished().state.step(id);
    let failure = step.and_then(|step| step.failure.clone());
    failure.expect("it failed").to_string()
}

/// The child writes into its parent's journal under the parent's step, sees its inputs only, and gives its outputs.
#[test]
fn inputs_go_in_and_outputs_come_out() {
    let ran = Scenario::new(
        "
        inputs: {host: {type: string, default: of the parent}}
        steps:
          - {id: p, probe: {name: p}, capture: {host: got}}
          - {id: call, runbook: {name: child, inputs: {host: '{{ steps.p.host }}', times: '{{ 1 + 1 }}'}}, capture: {state: outputs.state, how: outcome}}
          - {id: end, let: {state: steps.call.state, how: steps.call.how}}
        ",
    )
    .runbook(
        "child",
        "
        inputs: {host: {type: string}, times: {type: integer}, more: {type: string, default: x}}
        vars: {what: inputs.host ~ inputs.more}
        outputs: {state: steps.a.x, twice: inputs.times}
        steps: [{id: a, probe: {name: 'a {{ vars.what }}'}, capture: {x: got}}]
        ",
    )
    .on("p", [Play::gives("north")])
    .on("a northx", [Play::gives("up")])
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
        p captured host="north"
        p done
        call start
        call calls
        call/ == steps
        call/a start
        call/a intent
        call/a acted
        call/a captured x="up"
        call/a done
        call/ == resolved
        call done state="up" how="resolved"
        end start
        end intent
        end acted
        end captured state="up" how="resolved"
        end done
        == resolved
        "#,
    );
}

#[test]
fn wrong_inputs_fail_the_step_before_anything_runs() {
    for (inputs, word) in [
        ("{host: '{{ steps.p.x }}'}", "host"),
        ("{host: a, port: '{{ steps.p.x }}'}", "port"),
    ] {
        let text = format!(
            "
            steps:
              - {{id: p, probe: {{name: p}}, capture: {{x: got}}}}
              - {{id: call, runbook: {{name: child, inputs: {inputs}}}}}
            "
        );
        let ran = Scenario::new(&text)
            .runbook(
                "child",
                "
                inputs: {host: {type: string, pattern: '[a-z]+'}, port: {type: integer, default: 1}}
                steps: [{id: a, act: {name: a}, rollback: not_needed}]
                ",
            )
            .on("p", [Play::gives("A 1")])
            .run();
        assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
        assert_eq!(ran.calls().get("a"), None);
        assert!(message(&ran, "call").contains(word), "{}", message(&ran, "call"));
    }
}

/// There is nothing to repair for the child: its step is done, and what follows runs.
#[test]
fn a_child_that_is_not_needed_is_done() {
    let ran = Scenario::new(
        "
        steps:
          - {id: call, runbook: {name: child}, capture: {how: outcome, x: outputs.x}}
          - {id: last, let: {how: steps.call.how, x: steps.call.x}}
        ",
    )
    .runbook(
        "child",
        "
        outputs: {x: steps.a.x}
        detect: [{probe: {name: d}, expect: got == 1}]
        steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}, capture: {x: got}}]
        finally: [{id: z, act: {name: z}}]
        ",
    )
    .on("d", [Play::gives(0)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        call start
        call calls
        call/ == detect
        call/ detect.1 ?
        call/ detect.1 #1 fail 0
        call/ detect.1 = fail
        call/ == not_needed
        call done how="not_needed" x=null
        last start
        last intent
        last acted
        last captured how="not_needed" x=null
        last done
        == resolved
        "#,
    );
}

#[test]
fn a_child_that_cannot_tell_whether_it_is_needed_has_failed() {
    let ran = Scenario::new(PARENT)
        .runbook(
            "child",
            &format!(
                "detect: [{{probe: {{name: d}}, expect: got == 1}}]\n{}",
                runbook_testkit::scenario::outdent(CHILD)
            ),
        )
        .on("d", [Play::fails("nobody answers")])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        call start
        call calls
        call/ == detect
        call/ detect.1 ?
        call/ detect.1 #1 error 0
        call/ detect.1 = error
        call/ == failed
        call failed: other
        STOP call: rollback
        last skipped: stopped
        == rollback
        first undo
        first undone
        == rolled_back
        ",
    );
}

/// Its final gate belongs to it: it fails the child, which undoes itself, and then the parent does.
#[test]
fn the_final_gate_of_a_child_fails_the_child() {
    let ran = Scenario::new(PARENT)
        .runbook(
            "child",
            "
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
            verify: [{id: v, probe: {name: v}, expect: got == 1}]
            finally: [{id: z, act: {name: z}}]
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
        first start
        first intent
        first acted
        first done
        call start
        call calls
        call/ == baseline
        call/ baseline.v ?
        call/ baseline.v #1 fail 0
        call/ baseline.v = fail
        call/ == steps
        call/a start
        call/a intent
        call/a acted
        call/a done
        call/ == verify
        call/ verify.v ?
        call/ verify.v #1 fail 0
        call/ verify.v = fail
        call/ STOP verify v: rollback
        call/ == rollback
        call/a undo
        call/a undone
        call/ == finally
        call/z start
        call/z intent
        call/z acted
        call/z done
        call/ == rolled_back
        call failed: other
        STOP call: rollback
        last skipped: stopped
        == rollback
        first undo
        first undone
        == rolled_back
        ",
    );
}

/// What cleans up in a child runs at the child's end, once, whatever happens to its parent afterwards.
#[test]
fn the_clean_up_of_a_child_runs_once_at_its_end() {
    let ran = Scenario::new(PARENT)
        .runbook(
            "child",
            "
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
            finally: [{id: z, act: {name: z}}]
            ",
        )
        .on("last", [Play::fails("no")])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        call start
        call calls
        call/ == steps
        call/a start
        call/a intent
        call/a acted
        call/a done
        call/ == finally
        call/z start
        call/z intent
        call/z acted
        call/z done
        call/ == resolved
        call done
        last start
        last intent
        last did not act: refused
        last failed: refused
        STOP last: rollback
        == rollback
        last undo
        last undone
        call/a undo
        call/a undone
        first undo
        first undone
        == rolled_back
        ",
    );
    assert_eq!(ran.calls().get("z"), Some(&1));
}

/// All went well but the clean-up of the child: that is a failure of its step.
#[test]
fn a_child_that_could_not_clean_up_has_failed() {
    let ran = Scenario::new(PARENT)
        .runbook(
            "child",
            "
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
            finally: [{id: z, act: {name: z}}]
            ",
        )
        .on("z", [Play::fails("no")])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        call start
        call calls
        call/ == steps
        call/a start
        call/a intent
        call/a acted
        call/a done
        call/ == finally
        call/z start
        call/z intent
        call/z did not act: refused
        call/z failed: refused
        call/ == cleanup_failed
        call failed: other
        STOP call: rollback
        last skipped: stopped
        == rollback
        call/a undo
        call/a undone
        first undo
        first undone
        == rolled_back
        ",
    );
}

#[test]
fn a_lock_of_a_child_that_another_run_has_fails_the_step() {
    let ran = Scenario::new(
        "
        steps:
          - {id: first, act: {name: first}, rollback: {act: {name: undo-first}}}
          - {id: p, probe: {name: p}, capture: {host: got}}
          - {id: call, runbook: {name: child, inputs: {host: '{{ steps.p.host }}'}}}
        ",
    )
    .runbook(
        "child",
        "
        inputs: {host: {type: string}}
        lock: 'host/{{ inputs.host }}'
        steps: [{id: a, act: {name: a}, rollback: not_needed}]
        ",
    )
    .on("p", [Play::gives("north")])
    .locked("host/north")
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        r#"
        run
        == steps
        first start
        first intent
        first acted
        first done
        p start
        p intent
        p acted
        p captured host="north"
        p done
        call start
        call failed: conflict
        STOP call: rollback
        == rollback
        first undo
        first undone
        == rolled_back
        "#,
    );
    assert!(
        message(&ran, "call").contains("host/north"),
        "{}",
        message(&ran, "call")
    );
    assert_eq!(ran.calls().get("a"), None);
}

#[test]
fn a_refusal_within_a_child_is_a_refusal_of_the_run() {
    let ran = Scenario::new(PARENT)
        .runbook(
            "child",
            "steps: [{id: a, approve: true, act: {name: a}, rollback: {act: {name: undo-a}}}]",
        )
        .answer("call/a", 1000, false)
        .run();
    is(
        &ran,
        Outcome::Rejected,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        call start
        call calls
        call/ == steps
        call/a start
        call/a asks
        @1000
        call/a refused terminal
        call/a failed: other
        call/ STOP call/a rejected: rollback
        call/ == rejected
        call failed: other
        STOP call: rollback
        last skipped: stopped
        == rollback
        first undo
        first undone
        == rejected
        ",
    );
}

/// The same runbook twice, and once for each item: the ids tell them apart, and so do their values.
#[test]
fn one_runbook_may_be_called_often() {
    let ran = Scenario::new(
        "
        steps:
          - {id: one, runbook: {name: child, inputs: {n: 1}}, capture: {x: outputs.x}}
          - id: each
            for_each: {item: n, in: '[2, 3]', batch: 2}
            steps: [{id: call, runbook: {name: child, inputs: {n: '{{ n }}'}}, capture: {x: outputs.x}}]
          - {id: end, let: {one: steps.one.x, all: steps.call.x}}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .runbook(
        "child",
        "
        inputs: {n: {type: integer}}
        outputs: {x: steps.a.x}
        steps: [{id: a, act: {name: 'a{{ inputs.n }}'}, rollback: {act: {name: 'undo{{ inputs.n }}'}}, capture: {x: inputs.n * 10}}]
        ",
    )
    .on("bad", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    let state = &ran.finished().state;
    let end = state.step("end").expect("it is there");
    assert_eq!(
        (end.value("one"), end.value("all")),
        (Some(&json!(10)), Some(&json!([20, 30])))
    );
    for id in ["one/a", "call[2]/a", "call[3]/a"] {
        assert_eq!(
            state.step(id).map(|step| step.undo),
            Some(UndoStatus::Undone),
            "{id}: {}",
            ran.trace()
        );
    }
    for name in ["undo1", "undo2", "undo3"] {
        assert_eq!(ran.calls().get(name), Some(&1));
    }
}

#[test]
fn a_child_of_a_child() {
    let ran = Scenario::new(PARENT)
        .runbook("child", "steps: [{id: deeper, runbook: {name: grandchild}}]")
        .runbook("grandchild", CHILD)
        .on("last", [Play::fails("no")])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        call start
        call calls
        call/ == steps
        call/deeper start
        call/deeper calls
        call/deeper/ == steps
        call/deeper/a start
        call/deeper/a intent
        call/deeper/a acted
        call/deeper/a done
        call/deeper/b start
        call/deeper/b intent
        call/deeper/b acted
        call/deeper/b done
        call/deeper/ == resolved
        call/deeper done
        call/ == resolved
        call done
        last start
        last intent
        last did not act: refused
        last failed: refused
        STOP last: rollback
        == rollback
        last undo
        last undone
        call/deeper/b undo
        call/deeper/b undone
        call/deeper/a undo
        call/deeper/a undone
        first undo
        first undone
        == rolled_back
        ",
    );
}

/// What cannot be told of an output is a failure of the step; what the child did is undone.
#[test]
fn an_output_that_cannot_be_told_fails_the_step() {
    let ran = Scenario::new(PARENT)
        .runbook(
            "child",
            "
            outputs: {x: steps.a.x.deep}
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}, capture: {x: got}}]
            ",
        )
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        call start
        call calls
        call/ == steps
        call/a start
        call/a intent
        call/a acted
        call/a captured x=null
        call/a done
        call/ == resolved
        call failed: other
        STOP call: rollback
        last skipped: stopped
        == rollback
        call/a undo
        call/a undone
        first undo
        first undone
        == rolled_back
        ",
    );
    assert!(message(&ran, "call").contains("`x`"), "{}", message(&ran, "call"));
}

#[test]
fn a_failed_child_may_be_forgiven() {
    let ran = Scenario::new(
        "
        steps:
          - {id: call, runbook: {name: child}, on_failure: continue, capture: {x: outputs.x}}
          - {id: end, let: {x: steps.call.x}}
        ",
    )
    .runbook(
        "child",
        &format!(
            "outputs: {{x: '1'}}\n{}",
            runbook_testkit::scenario::outdent(CHILD)
        ),
    )
    .on("b", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        call start
        call calls
        call/ == steps
        call/a start
        call/a intent
        call/a acted
        call/a done
        call/b start
        call/b intent
        call/b did not act: refused
        call/b failed: refused
        call/ STOP call/b: rollback
        call/ == rollback
        call/b undo
        call/b undone
        call/a undo
        call/a undone
        call/ == rolled_back
        call failed: other
        end start
        end intent
        end acted
        end captured x=null
        end done
        == resolved
        ",
    );
}
