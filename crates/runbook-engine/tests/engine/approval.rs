//! People.

use runbook_event::Outcome;
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

const ASKS: &str = "
    steps:
      - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
      - {id: b, approve: {message: 'Really {{ 1 + 1 }}?', within: 1m}, require: [{probe: {name: r}, expect: got == 1}], act: {name: b}, rollback: not_needed}
";

#[test]
fn approved_and_required_again() {
    let ran = Scenario::new(ASKS)
        .on("r", [Play::gives(1)])
        .answer("b", 30_000, true)
        .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        a acted
        a done
        b start
        b require.1 ?
        b require.1 #1 pass 1
        b require.1 = pass
        b asks
        @30000
        b approved terminal
        b require.1 ?
        b require.1 #1 pass 1
        b require.1 = pass
        b intent
        b acted
        b done
        == resolved
        ",
    );
    let question = &ran.questions[0];
    assert_eq!(
        (question.message.as_str(), question.intent.summary.as_str()),
        ("Really 2?", "act b")
    );
}

#[test]
fn what_no_longer_holds_after_the_answer_stops_it() {
    let ran = Scenario::new(ASKS)
        .on("r", [Play::gives(1), Play::gives(0)])
        .answer("b", 30_000, true)
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
        b start
        b require.1 ?
        b require.1 #1 pass 1
        b require.1 = pass
        b asks
        @30000
        b approved terminal
        b require.1 ?
        b require.1 #1 fail 0
        b require.1 = fail
        b failed: other
        STOP b: rollback
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
}

#[test]
fn refused() {
    let ran = Scenario::new(ASKS)
        .on("r", [Play::gives(1)])
        .answer("b", 10, false)
        .run();
    is(
        &ran,
        Outcome::Rejected,
        "
        run
        == steps
        a start
        a intent
        a acted
        a done
        b start
        b require.1 ?
        b require.1 #1 pass 1
        b require.1 = pass
        b asks
        @10
        b refused terminal
        b failed: other
        STOP b rejected: rollback
        == rollback
        a undo
        a undone
        == rejected
        ",
    );
    assert_eq!(ran.outcome().exit_code(), 7);
}

#[test]
fn nobody_answers() {
    let ran = Scenario::new(ASKS).on("r", [Play::gives(1)]).run();
    is(
        &ran,
        Outcome::Rejected,
        "
        run
        == steps
        a start
        a intent
        a acted
        a done
        b start
        b require.1 ?
        b require.1 #1 pass 1
        b require.1 = pass
        b asks
        @60000
        b refused timeout
        b failed: other
        STOP b rejected: rollback
        == rollback
        a undo
        a undone
        == rejected
        ",
    );
}

#[test]
fn a_failed_undo_is_graver_than_a_refusal() {
    let ran = Scenario::new(ASKS)
        .on("r", [Play::gives(1)])
        .on("undo-a", [Play::fails("stuck")])
        .answer("b", 10, false)
        .run();
    assert_eq!(ran.outcome(), Outcome::RollbackFailed);
}

const TWO: &str = "
    steps:
      - {id: a, needs: [], approve: true, act: {name: a}, rollback: {act: {name: undo-a}}}
      - {id: b, needs: [], act: {name: b}, rollback: {act: {name: undo-b}}}
";

#[test]
fn others_go_on_while_one_waits_and_a_failure_withdraws_the_question() {
    let ran = Scenario::new(TWO).on("b", [Play::fails("no").takes(2000)]).run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        b start
        a asks
        b intent
        @2000
        b did not act: refused
        b failed: refused
        STOP b: rollback
        a failed: cancelled
        == rollback
        b undo
        b undone
        == rolled_back
        ",
    );
}

#[test]
fn a_signal_withdraws_the_question() {
    let ran = Scenario::new(TWO).signal(1000).run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        b start
        a asks
        b intent
        b acted
        b done
        @1000
        SIGNAL
        STOP SIGINT: rollback
        a failed: cancelled
        == rollback
        b undo
        b undone
        == rolled_back
        ",
    );
}

/// The answer and the failure come at the same moment: whatever is first, nothing starts after the stop.
#[test]
fn an_answer_that_comes_with_the_stop_starts_nothing() {
    let ran = Scenario::new(TWO)
        .on("b", [Play::fails("no").takes(2000)])
        .answer("a", 2000, true)
        .run();
    let text = ran.trace();
    let (stop, intent) = (text.find("STOP"), text.find("a intent"));
    assert!(stop.is_some() && (intent.is_none() || intent < stop), "{text}");
    assert_eq!(ran.outcome(), Outcome::RolledBack);
}

/// A refusal outweighs another failure, whichever came first.
#[test]
fn a_refusal_beside_a_failure_is_told() {
    let ran = Scenario::new(TWO)
        .on("b", [Play::fails("no").takes(2000)])
        .answer("a", 1999, false)
        .run();
    assert_eq!(ran.outcome(), Outcome::Rejected, "{}", ran.full_trace());
}

#[test]
fn the_clean_up_may_ask_after_a_failure() {
    let ran = Scenario::new(
        "
        steps: [{id: a, act: {name: a}, rollback: not_needed}]
        finally: [{id: z, approve: true, act: {name: z}}]
        ",
    )
    .on("a", [Play::fails("no")])
    .answer("z", 1000, true)
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
        a failed: refused
        STOP a: rollback
        == rollback
        == finally
        z start
        z asks
        @1000
        z approved terminal
        z intent
        z acted
        z done
        == rolled_back
        ",
    );
}
