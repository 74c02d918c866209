//! A journal of which a record is missing, doubled or swapped with the next: it is refused, or it is listed here why
//! nobody could tell.
//!
//! The chain of hashes notices any such change before; here it is shown how much the table notices by itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use runbook_event::{Event, Record, RunState};

use crate::{FILES, cases, played};

/// The records fold, if they are numbered anew.
fn folds(records: &[Record]) -> bool {
    let mut state = RunState::new();
    let mut numbered = records.iter().zip(0..);
    numbered.all(|(record, seq)| {
        let record = Record {
            seq,
            ..record.clone()
        };
        state.apply(&record).is_ok()
    })
}

/// The word of the format for an event.
fn word(event: &Event) -> String {
    let value = serde_json::to_value(event).expect("an event is JSON");
    let role = value
        .get("role")
        .and_then(|role| role.as_str())
        .unwrap_or_default();
    let word = value
        .get("event")
        .and_then(|word| word.as_str())
        .unwrap_or_default();
    format!("{word} {role}").trim().to_owned()
}

/// The journals of all cases.
fn journals() -> Vec<Vec<Record>> {
    let mut journals = Vec::new();
    for name in FILES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/table/cases/{name}.txt"));
        let text = fs::read_to_string(path).expect("the cases");
        journals.extend(cases(&text).iter().map(|case| played(case).1));
    }
    journals
}

/// The words of the records that may be changed so without a refusal, but for the last, which nobody misses.
fn taken(change: impl Fn(&[Record], usize) -> Option<(Vec<Record>, String)>) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    for journal in journals() {
        for at in 0..journal.len().saturating_sub(1) {
            if let Some((changed, name)) = change(&journal, at)
                && folds(&changed)
            {
                taken.insert(name);
            }
        }
    }
    taken
}

#[track_caller]
fn are(taken: &BTreeSet<String>, known: &[&str]) {
    let taken: BTreeSet<&str> = taken.iter().map(String::as_str).collect();
    let known: BTreeSet<&str> = known.iter().copied().collect();
    let news: Vec<&&str> = taken.difference(&known).collect();
    let olds: Vec<&&str> = known.difference(&taken).collect();
    assert!(
        news.is_empty() && olds.is_empty(),
        "taken: {news:?}\nrefused: {olds:?}"
    );
}

#[test]
fn a_record_is_missing() {
    let taken = taken(|journal, at| {
        // What has not ended may end anywhere.
        let last = journal
            .last()
            .is_some_and(|last| matches!(last.event, Event::RunEnded { .. }));
        let mut changed = journal.to_vec();
        let gone = changed.remove(at);
        last.then(|| (changed, word(&gone.event)))
    });
    are(
        &taken,
        &[
            // An answer without words asks again, and what is known of it is only told.
            "approval_answered",
            "before_taken",
            "retry_planned",
            "undo_retried",
            // No step is done without its gates, no undo without its checks and no run without its last ones; the
            // other checks, and those that were asked in vain, let the engine decide, which tells what it decided.
            "check_ended baseline",
            "check_ended decide",
            "check_ended detect",
            "check_ended require",
            "check_ended row",
            "check_ended undone",
            "check_ended verify",
            "check_started detect",
            "check_started guard",
            // What a check read is only told.
            "check_read baseline",
            "check_read decide",
            "check_read detect",
            "check_read gate",
            "check_read require",
            "check_read row",
            "check_read undone",
            "check_read verify",
            // It may be that nothing was left running.
            "handle_kept",
            // Only some runbooks have something to detect, a baseline, and a clean-up.
            "phase_started",
            // A run that goes on may have crashed, and not ended; and may have crashed again without having done anything.
            "run_ended",
            "run_resumed",
            // Whether a step runs at all may be what failed.
            "step_started",
            // What makes a change take effect, with its end, or before a crash.
            "then_ended",
            "then_started",
            // An undo that a crash interrupted may turn out to have happened, the second time as the first.
            "undo_started",
        ],
    );
}

#[test]
fn a_record_is_doubled() {
    let taken = taken(|journal, at| {
        let mut changed = journal.to_vec();
        changed.insert(at, changed[at].clone());
        Some((changed, word(&journal[at].event)))
    });
    are(
        &taken,
        &[
            // There may be two readings.
            "check_read baseline",
            "check_read decide",
            "check_read detect",
            "check_read gate",
            "check_read guard",
            "check_read require",
            "check_read row",
            "check_read undone",
            "check_read verify",
            // It is said twice, and changes nothing more.
            "doubted",
            // An action may leave two of the same running.
            "handle_kept",
            // It is announced twice.
            "retry_planned",
            // It may crash before it has done anything.
            "run_resumed",
            // A crash leaves it open, and then it is begun again.
            "then_started",
            // It is written twice, unless it stands in the place of another.
            "note",
            "noted",
        ],
    );
}

#[test]
fn a_record_is_swapped_with_the_next_of_its_step() {
    let taken = taken(|journal, at| {
        let (one, other) = (&journal[at].event, &journal[at + 1].event);
        let mut changed = journal.to_vec();
        changed.swap(at, at + 1);
        // What happens in two steps side by side has no order.
        (one.step() == other.step()).then(|| (changed, format!("{}, {}", word(one), word(other))))
    });
    are(
        &taken,
        &[
            // What was left running is told when it is: before the intent of what left it, at the worst.
            "attempt_started, handle_kept",
            "check_ended undone, handle_kept",
            "handle_kept, attempt_ended",
            "handle_kept, then_started",
            // A check that only lets the engine decide ends a little later.
            "check_ended baseline, phase_started",
            "check_ended baseline, stopping",
            "check_ended decide, attempt_started",
            "check_ended detect, phase_started",
            "check_ended detect, stopping",
            "check_ended require, approval_asked",
            "check_ended require, check_started decide",
            "check_ended row, attempt_ended",
            "check_ended undone, undo_ended",
            "check_ended undone, undo_started",
            "check_ended verify, phase_started",
            "check_ended verify, stopping",
            // Gates are asked side by side, and one that did not pass may end after its step has failed; one that
            // passed is needed when its step is done, and not when it is told why.
            "check_ended gate, adopted",
            "check_ended gate, check_started gate",
            "check_ended gate, step_failed",
            "check_started gate, check_started gate",
            // Guards are asked side by side, and said to be before they are read.
            "check_started guard, check_read guard",
            "check_started guard, check_started guard",
            // What is undone is looked at, and begun or tried again, one way or the other.
            "undo_retried, check_started undone",
            "undo_started, check_started undone",
            "doubted, check_started undone",
            // What takes effect is begun again after a crash; and gates may be asked beside it.
            "doubted, then_started",
            "then_ended, check_started gate",
            "then_started, then_ended",
            // The same twice.
            "doubted, doubted",
            "run_resumed, run_resumed",
            "then_started, then_started",
            // A stop comes before a part of the run or after it, here or in a sub-runbook, and when it likes.
            "phase_started, stopping",
            "run_resumed, stopping",
            "stopping, phase_started",
            "stopping, stopping",
            // A run that has not ended may be gone on with, and end then.
            "run_ended, run_resumed",
            // A note is a note, and stands anywhere.
            "note, note",
            "note, noted",
            "note, phase_started",
            "noted, run_resumed",
            "phase_started, note",
            "run_ended, note",
            "run_ended, noted",
            "run_resumed, note",
        ],
    );
}
