//! The engine, by scenarios with exact traces, and by simulation.
//!
//! A trace is the journal's records, each in a few words, with the virtual time where it has passed.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod alternatives;
mod answers;
mod approval;
mod automatic;
mod called;
mod calls;
mod checks;
mod choices;
mod cleanup;
mod crash;
mod decisions;
mod effect;
mod groups;
mod guards;
mod interrupts;
mod items;
mod journal;
mod loops;
mod nodes;
mod order;
mod outcomes;
mod peers;
mod precedence;
mod probe;
mod retries;
mod rewinds;
mod rollback;
mod rounds;
mod sealed;
mod secrets;
mod signals;
mod simulation;
mod steps;
mod storm;
mod tables;
mod timeouts;
mod undo;
mod wanted;

use runbook_event::Outcome;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::outdent;

/// The trace and the outcome are these, and the records fold into the final state.
#[track_caller]
fn is(ran: &Ran, outcome: Outcome, expected: &str) {
    assert_eq!(ran.outcome(), outcome, "{}", ran.trace());
    trace_is(&ran.trace(), expected);
    simulation::folds(ran);
}

#[track_caller]
fn trace_is(trace: &str, expected: &str) {
    let (trace, expected) = (trace.trim(), outdent(expected));
    let expected = expected.trim();
    assert!(trace == expected, "expected:\n{expected}\n\nfound <<<{trace}>>>");
}
