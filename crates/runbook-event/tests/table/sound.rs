//! What is no run at all: a beginning that is missing, doubled or unsound, and records out of their order.

use runbook_event::{Event, Notice, Record, RunStarted, RunState};

use crate::outline::started;
use crate::told::time;

fn record(seq: u64, event: &Event) -> Record {
    Record {
        seq,
        at: time(0),
        event: event.clone(),
    }
}

/// Why the first record is refused.
fn refused(event: &Event) -> String {
    let error = RunState::new()
        .apply(&record(0, event))
        .expect_err("it is refused");
    error.to_string()
}

fn plain(outline: &str) -> RunStarted {
    let Event::RunStarted(plain) = started(outline) else {
        panic!("that begins nothing: {outline}");
    };
    *plain
}

#[test]
fn a_run_begins_once_and_first() {
    let note = Event::Noted {
        notice: Notice::TerminalGone { goes_on: true },
    };
    assert_eq!(refused(&note), "record 0: the run has not begun");
    let mut state = RunState::new();
    assert_eq!(state.phase(), None);
    let begin = started("a");
    let wrong = state.apply(&record(1, &begin)).expect_err("it is refused");
    assert_eq!(wrong.to_string(), "record 1: expected record 0");
    state.apply(&record(0, &begin)).expect("it begins");
    assert_eq!((state.next_seq(), state.last_at()), (1, Some(time(0))));
    assert_eq!(state.started_at(), Some(time(0)));
    let again = state
        .clone()
        .apply(&record(1, &begin))
        .expect_err("it is refused");
    assert_eq!(again.to_string(), "record 1: the run has begun already");
    assert!(state.apply(&record(0, &note)).is_err());
    state.apply(&record(1, &note)).expect("a note is taken");
}

#[test]
fn ids_are_unique_and_steps_wait_for_others_that_are_there() {
    assert_eq!(refused(&started("a\na")), "record 0: two steps have the same id");
    assert_eq!(
        refused(&started("a\n~finally\n a")),
        "record 0: two steps have the same id"
    );
    for wrong in [
        "a needs=a",
        "a needs=1",
        "a\nb needs=2",
        "g group\n a needs=a",
        "~finally\n a needs=3",
    ] {
        assert_eq!(
            refused(&started(wrong)),
            "record 0: a step waits for one that is not there",
            "{wrong}"
        );
    }
    let fine = started("a\nb needs=a\n~finally\n c needs=");
    RunState::new().apply(&record(0, &fine)).expect("it begins");
}

#[test]
fn what_was_wanted_is_known_from_the_first_record() {
    let mut state = RunState::new();
    let event = started("a");
    state.apply(&record(0, &event)).expect("it begins");
    assert_eq!(state.run(), Some(&plain("a")));
    assert_eq!((state.stop(), state.elapsed_ms()), (None, None));
    assert_eq!(state.step("b"), None);
    assert!(state.step("a").is_some_and(|step| !step.holds_others()));
}
