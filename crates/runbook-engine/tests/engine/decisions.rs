//! What the scheduler decides where two things come together.

use runbook_event::{Outcome, Resumed, UndoStatus, Wanted};
use runbook_testkit::crash::Crash;
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;

/// How many records there are up to one that reads so.
fn upto(ran: &Ran, line: &str) -> usize {
    let lines: Vec<String> = ran
        .records()
        .iter()
        .map(|record| runbook_testkit::brief::brief(&record.event))
        .collect();
    let at = lines.iter().position(|known| known == line);
    at.map_or_else(|| panic!("no `{line}` in {lines:#?}"), |at| at + 1)
}

#[test]
fn force_is_for_the_runbook_that_was_called_and_not_for_those_that_it_calls() {
    let wanted = Wanted {
        force: true,
        ..Wanted::default()
    };
    let ran = Scenario::new(
        "
        detect: [{id: d, probe: {name: d}, expect: got == 1}]
        steps: [{id: s, runbook: {name: child}}, {id: z, probe: {name: z}}]
        ",
    )
    .runbook(
        "child",
        "
        detect: [{id: e, probe: {name: e}, expect: got == 1}]
        steps: [{id: a, act: {name: a}, rollback: not_needed}]
        ",
    )
    .on("d", [Play::gives(0)])
    .on("e", [Play::gives(0)])
    .wants(wanted)
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved);
    assert!(ran.trace().contains("s/ == not_needed"), "{}", ran.trace());
    assert!(!ran.calls().contains_key("a"), "{}", ran.trace());
}

#[test]
fn the_clean_up_is_not_hurried_by_the_timeout_of_the_run() {
    let ran = Scenario::new(
        "
        timeout: 5s
        steps: [{id: a, act: {name: a}, rollback: not_needed}]
        finally: [{id: f, act: {name: f}, timeout: 60s}]
        ",
    )
    .on("a", [Play::works().takes(4000)])
    .on("f", [Play::works().takes(20_000)])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    assert!(!ran.trace().contains("STOP"), "{}", ran.trace());
}

/// What a step of the procedure has undone is no rollback.
#[test]
fn a_run_that_is_held_has_failed_whatever_was_undone_as_part_of_it() {
    let ran = Scenario::new(
        "
        on_failure: hold
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: u, undo: [a]}
          - {id: z, act: {name: z}, rollback: {act: {name: undo-z}}}
        finally: [{id: f, probe: {name: f}}]
        ",
    )
    .on("z", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
    let state = &ran.finished().state;
    assert_eq!(state.step("a").map(|step| step.undo), Some(UndoStatus::Undone));
}

#[test]
fn a_run_that_has_changed_nothing_has_failed_and_is_not_rolled_back() {
    let ran = Scenario::new(
        "
        steps: [{id: a, probe: {name: a}}]
        finally: [{id: f, probe: {name: f}}]
        ",
    )
    .on("a", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
    assert!(ran.trace().contains("== finally"), "{}", ran.trace());
}

#[test]
fn a_refusal_that_skips_its_step_is_not_what_a_later_failure_is_told_as() {
    let ran = Scenario::new(
        "
        steps:
          - {id: s, act: {name: s}, approve: {on_reject: skip}, rollback: not_needed}
          - {id: z, probe: {name: z}}
        ",
    )
    .answer("s", 10, false)
    .on("z", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
}

/// A run that crashed just before its end only has its end to tell.
#[test]
fn a_crash_after_the_last_of_the_clean_up_leaves_only_the_end() {
    let text = "
        steps: [{id: a, act: {name: a}, rollback: not_needed}]
        finally: [{id: f, act: {name: f}}]
        ";
    let last = upto(&Scenario::new(text).run(), "f done");
    let ran = Scenario::new(text).crashes([Crash::after(last)]).run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    assert!(
        ran.trace().ends_with("== resumed\n== resolved"),
        "{}",
        ran.trace()
    );
}

#[test]
fn a_clean_up_that_has_been_is_not_begun_again_when_the_run_is_undone_later() {
    let ran = Scenario::new(
        "
        steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
        finally: [{id: f, act: {name: f}}]
        ",
    )
    .resumes(Resumed::Rollback, [])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert_eq!(ran.trace().matches("== finally").count(), 1, "{}", ran.trace());
    assert_eq!(ran.calls().get("f"), Some(&1));
}

/// Guards end with what they guard, also when nobody can tell what became of it.
#[test]
fn a_run_that_leaves_a_question_open_ends_its_guards_and_tells_what_it_skips() {
    let text = "
        guards: [{id: w, probe: {name: w}, expect: got == 1, every: 1s}]
        steps:
          - {id: a, act: {name: a}, rollback: not_needed}
          - {id: b, needs: [], probe: {name: b}}
          - {id: c, needs: [b], probe: {name: c}}
        ";
    let scenario = || {
        let scenario = Scenario::new(text)
            .on("w", [Play::gives(1)])
            .on("b", [Play::fails("no").takes(3000)]);
        scenario.on("a", [Play::works().takes(9000)])
    };
    let begun = upto(&scenario().run(), "b intent");
    let ran = scenario().crashes([Crash::after(begun)]).run();
    assert_eq!(ran.outcome(), Outcome::Unknown, "{}", ran.trace());
    assert!(ran.trace().contains("c skipped: stopped"), "{}", ran.trace());
}
