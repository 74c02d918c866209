//! `choose`: the first branch whose `when` holds.

use runbook_event::Outcome;
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;

use crate::is;

fn choose(cause: &str, tail: &str) -> Scenario {
    let text = format!(
        "
        steps:
          - {{id: p, probe: {{name: p}}, capture: {{cause: got}}}}
          - id: repair
            choose:
              - {{id: down, when: steps.p.cause == 'down', act: {{name: down}}, rollback: {{act: {{name: undo-down}}}}, capture: {{x: got}}}}
              - {{id: full, when: steps.p.cause != 'other', act: {{name: full}}, rollback: {{act: {{name: undo-full}}}}, capture: {{x: got}}}}
              {tail}
          - {{id: end, let: {{down: steps.down.x, full: steps.full.x, how: steps.full.outcome}}}}
        "
    );
    Scenario::new(&text)
        .on("p", [Play::gives(cause)])
        .on("down", [Play::gives(1)])
        .on("full", [Play::gives(2)])
}

const ELSE: &str = "- {id: other, else: true, act: {name: other}, rollback: {act: {name: undo-other}}}";

#[test]
fn the_first_that_holds_is_chosen_also_if_another_would_hold() {
    let ran = choose("down", ELSE).run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        p start
        p intent
        p acted
        p captured cause="down"
        p done
        repair start
        repair chooses down
        full skipped: not chosen
        other skipped: not chosen
        down start
        down intent
        down acted
        down captured x=1
        down done
        repair done
        end start
        end intent
        end acted
        end captured down=1 full=null how="skipped"
        end done
        == resolved
        "#,
    );
}

#[test]
fn what_was_not_chosen_gives_null() {
    let ran = choose("full", ELSE).run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        p start
        p intent
        p acted
        p captured cause="full"
        p done
        repair start
        repair chooses full
        down skipped: not chosen
        other skipped: not chosen
        full start
        full intent
        full acted
        full captured x=2
        full done
        repair done
        end start
        end intent
        end acted
        end captured down=null full=2 how="done"
        end done
        == resolved
        "#,
    );
}

#[test]
fn the_branch_for_all_other_cases() {
    let ran = choose("other", ELSE).run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        p start
        p intent
        p acted
        p captured cause="other"
        p done
        repair start
        repair chooses other
        down skipped: not chosen
        full skipped: not chosen
        other start
        other intent
        other acted
        other done
        repair done
        end start
        end intent
        end acted
        end captured down=null full=null how="skipped"
        end done
        == resolved
        "#,
    );
}

#[test]
fn if_none_holds_nothing_is_done_and_that_is_fine() {
    let ran = choose("other", "").run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        p start
        p intent
        p acted
        p captured cause="other"
        p done
        repair start
        repair chooses nothing
        down skipped: not chosen
        full skipped: not chosen
        repair done
        end start
        end intent
        end acted
        end captured down=null full=null how="skipped"
        end done
        == resolved
        "#,
    );
}

#[test]
fn a_branch_that_fails_fails_the_step_and_is_undone() {
    let ran = choose("down", ELSE).on("down", [Play::fails("no")]).run();
    is(
        &ran,
        Outcome::RolledBack,
        r#"
        run
        == steps
        p start
        p intent
        p acted
        p captured cause="down"
        p done
        repair start
        repair chooses down
        full skipped: not chosen
        other skipped: not chosen
        down start
        down intent
        down did not act: refused
        down failed: refused
        STOP down: rollback
        end skipped: stopped
        repair failed: refused
        == rollback
        down undo
        down undone
        == rolled_back
        "#,
    );
}

fn with(first: &str, second: &str) -> Ran {
    let text = format!(
        "
        steps:
          - {{id: p, probe: {{name: p}}, capture: {{x: got}}}}
          - id: repair
            choose:
              - {{id: l, when: {first}, probe: {{name: l}}}}
              - {{id: r, when: {second}, probe: {{name: r}}}}
        "
    );
    Scenario::new(&text).on("p", [Play::gives("x")]).run()
}

/// A condition that cannot be told is an error, and not “no”: no later branch is chosen by accident.
#[test]
fn a_condition_that_cannot_be_told_fails_and_chooses_nothing() {
    let ran = with("steps.p.x > 1", "1 < 2");
    is(
        &ran,
        Outcome::Failed,
        r#"
        run
        == steps
        p start
        p intent
        p acted
        p captured x="x"
        p done
        repair start
        repair failed: other
        STOP repair: rollback
        == failed
        "#,
    );
}

/// What comes after the one that holds is not asked.
#[test]
fn conditions_after_the_chosen_one_do_not_matter() {
    let ran = with("1 < 2", "steps.p.x > 1");
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    assert_eq!(ran.calls().get("l"), Some(&1));
}

/// `continue` of the step holds for its branches.
#[test]
fn a_choice_may_fail_and_the_run_goes_on() {
    let ran = Scenario::new(
        "
        steps:
          - id: repair
            on_failure: continue
            choose:
              - {id: l, when: 1 < 2, act: {name: l}, rollback: {act: {name: undo-l}}, capture: {x: got}}
              - {id: r, else: true, act: {name: r}, rollback: {act: {name: undo-r}}}
          - {id: end, let: {x: steps.l.x, how: steps.l.outcome}}
        ",
    )
    .on("l", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        repair start
        repair chooses l
        r skipped: not chosen
        l start
        l intent
        l did not act: refused
        l failed: refused
        repair failed: refused
        end start
        end intent
        end acted
        end captured x=null how="failed"
        end done
        == resolved
        "#,
    );
}

#[test]
fn a_branch_may_be_a_group_and_hold_a_choice() {
    let ran = Scenario::new(
        "
        steps:
          - id: outer
            choose:
              - id: g
                when: 1 < 2
                steps:
                  - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
                  - id: inner
                    choose:
                      - {id: b, when: 1 > 2, act: {name: b}, rollback: {act: {name: undo-b}}}
                      - {id: c, else: true, act: {name: c}, rollback: {act: {name: undo-c}}}
              - {id: other, else: true, act: {name: other}, rollback: {act: {name: undo-other}}}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .on("bad", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        outer start
        outer chooses g
        other skipped: not chosen
        g start
        g enters
        a start
        a intent
        a acted
        a done
        inner start
        inner chooses c
        b skipped: not chosen
        c start
        c intent
        c acted
        c done
        inner done
        g done
        outer done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        c undo
        c undone
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// The gate of a choice holds for whatever was chosen.
#[test]
fn the_gate_of_a_choice() {
    let ran = Scenario::new(
        "
        steps:
          - id: repair
            verify: [{probe: {name: v}, expect: got == 1}]
            choose:
              - {id: l, when: 1 < 2, act: {name: l}, rollback: {act: {name: undo-l}}}
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
        repair start
        repair chooses l
        l start
        l intent
        l acted
        l done
        repair gate.1 ?
        repair gate.1 #1 fail 0
        repair gate.1 = fail
        repair failed: other
        STOP repair: rollback
        == rollback
        l undo
        l undone
        == rolled_back
        ",
    );
}

/// Branches without an id of their own have one.
#[test]
fn branches_need_no_id() {
    let ran = Scenario::new(
        "
        steps:
          - id: repair
            choose:
              - {when: 1 > 2, probe: {name: l}}
              - {else: true, probe: {name: r}}
        ",
    )
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    assert_eq!(ran.calls().get("r"), Some(&1));
    assert_eq!(ran.calls().get("l"), None);
}
