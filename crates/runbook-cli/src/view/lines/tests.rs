//! Runs with all that a runbook can hold, as a terminal without colours shows them.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use runbook_action::{Effect, ErrorKind, Failure};
use runbook_event::{
    AttemptEnd, Event, Holds, Intent, Into, Item, OnFailure, Outcome, Outline, Phase, Record, Resumed,
    RunResumed, RunStarted, RunState, RunbookRef, SkipReason, StepOutline, UndoOutline, Wanted, Who,
};
use serde_json::Value;

use super::Lines;

fn id(text: &str) -> String {
    text.to_owned()
}

fn step(name: &str, needs: &[usize], holds: Holds) -> StepOutline {
    StepOutline {
        id: id(name),
        title: id(name),
        phase: None,
        kind: id("shell"),
        summary: format!("do {name}"),
        effect: Effect::Change,
        needs: needs.to_vec(),
        repeatable: false,
        verify_decides: false,
        timeout_ms: None,
        holds,
        on_failure: OnFailure::Rollback,
        undo: UndoOutline::NotNeeded,
        verify: Vec::new(),
    }
}

fn action(name: &str) -> Arc<StepOutline> {
    Arc::new(step(name, &[], Holds::Nothing))
}

fn who() -> Who {
    Who {
        user: id("ada"),
        host: id("ops1"),
    }
}

fn started(steps: Vec<StepOutline>) -> Event {
    Event::RunStarted(Box::new(RunStarted {
        run: id("pool-7f3a"),
        format: 1,
        engine: id("0.1.0"),
        runbook: RunbookRef {
            name: id("pool"),
            version: id("3"),
            title: id("Pool is full"),
            summary: None,
            severity: None,
            owner: None,
            labels: IndexMap::new(),
            path: id("pool.yaml"),
            sha256: String::new(),
        },
        plan: String::new(),
        environment: None,
        practice: None,
        inputs: IndexMap::new(),
        connections: IndexMap::new(),
        incident: None,
        promise: None,
        who: who(),
        pinned: IndexMap::new(),
        commit: None,
        locks: Vec::new(),
        wanted: Wanted::default(),
        sealed: None,
        outline: Outline {
            steps: steps.into_iter().map(Arc::new).collect(),
            ..Outline::default()
        },
    }))
}

fn begins(step: &str) -> Event {
    Event::StepStarted { step: id(step) }
}

fn enters(step: &str, into: Into) -> Event {
    Event::Entered {
        step: id(step),
        into,
        sealed: None,
    }
}

fn acts(step: &str, attempt: u32) -> Event {
    Event::AttemptStarted {
        step: id(step),
        attempt,
        intent: Intent {
            kind: id("shell"),
            effect: Effect::Change,
            summary: format!("do {step}"),
            target: None,
            params: Value::Null,
            env: IndexMap::new(),
        },
    }
}

fn busy() -> Failure {
    Failure::new(ErrorKind::Conflict, "it is busy")
}

fn came_back(step: &str, attempt: u32, end: AttemptEnd) -> Event {
    Event::AttemptEnded {
        step: id(step),
        attempt,
        end,
        values: IndexMap::new(),
        sealed: None,
        output: Vec::new(),
        elapsed_ms: 7,
    }
}

fn done(step: &str) -> Event {
    Event::StepDone {
        step: id(step),
        values: IndexMap::new(),
        sealed: None,
    }
}

fn does(step: &str) -> Vec<Event> {
    vec![
        begins(step),
        acts(step, 1),
        came_back(step, 1, AttemptEnd::Succeeded),
        done(step),
    ]
}

fn steps_begin() -> Event {
    Event::PhaseStarted {
        within: None,
        phase: Phase::Steps,
    }
}

/// What is shown of these events, half a second apart.
fn shown(events: Vec<Event>) -> Vec<String> {
    let (mut lines, mut state) = (Lines::default(), RunState::new());
    let mut shown = Vec::new();
    for (seq, event) in (0..).zip(events) {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(500 * i64::try_from(seq).unwrap());
        let record = Record { seq, at, event };
        state.apply(&record).unwrap();
        let finished = lines.finished(&record.event, &state);
        shown.extend(
            finished
                .iter()
                .map(|line| anstream::adapter::strip_str(line).to_string()),
        );
    }
    shown
}

/// A loop with a retry, and alternatives.
fn nested() -> Vec<Event> {
    let each = Holds::Items {
        steps: vec![action("restart")],
        batch: 1,
        max_failures: 0,
    };
    let free = Holds::Alternatives {
        steps: vec![action("logs"), action("cache")],
    };
    let item = Item {
        key: id("hub-1"),
        value: Value::Null,
    };
    let failed = AttemptEnd::Failed { failure: busy() };
    let mut events = vec![
        started(vec![step("each", &[], each), step("free", &[0], free)]),
        steps_begin(),
        begins("each"),
        enters("each", Into::Items { items: vec![item] }),
        begins("each[hub-1]"),
        begins("restart[hub-1]"),
        acts("restart[hub-1]", 1),
        came_back("restart[hub-1]", 1, failed),
        Event::RetryPlanned {
            step: id("restart[hub-1]"),
            attempt: 2,
            delay_ms: 4_000,
        },
        acts("restart[hub-1]", 2),
        came_back("restart[hub-1]", 2, AttemptEnd::Succeeded),
        done("restart[hub-1]"),
        done("each[hub-1]"),
        done("each"),
        begins("free"),
        enters("free", Into::Alternatives),
    ];
    events.extend(does("logs"));
    events.extend([
        Event::StepSkipped {
            step: id("cache"),
            reason: SkipReason::NotNeeded,
        },
        done("free"),
        Event::RunEnded {
            outcome: Outcome::Resolved,
            elapsed_ms: 11_000,
        },
    ]);
    events
}

#[test]
fn what_stands_within_a_step_is_indented() {
    assert_eq!(
        shown(nested()),
        [
            "Pool is full  pool · 3",
            "run pool-7f3a started by ada on ops1",
            "",
            "Steps",
            "  ○ each",
            "      1 item: hub-1",
            "    ○ each [hub-1]",
            "      ○ restart [hub-1]",
            "          ▸ do restart[hub-1]",
            "          attempt 1 failed after 7 ms: it is busy; attempt 2 follows in 4.0 s",
            "          ▸ attempt 2: do restart[hub-1]",
            "      ✓ restart [hub-1]: done after 3.0 s",
            "    ✓ each [hub-1]: done after 4.0 s",
            "  ✓ each: done after 5.5 s: 1 of 1 item done",
            "  ○ free",
            "      2 alternatives, until one works",
            "    ○ logs",
            "        ▸ do logs",
            "    ✓ logs: done after 1.5 s",
            "    ↷ cache: not run, since an earlier alternative worked",
            "  ✓ free: done after 3.5 s: logs worked",
            "",
            "resolved after 11.0 s: every step is done and every gate passed",
        ]
    );
}

#[test]
fn where_several_are_under_way_a_line_says_whose_it_is() {
    let group = Holds::Steps {
        steps: vec![action("left"), action("right")],
    };
    let shown = shown(vec![
        started(vec![step("both", &[], group)]),
        steps_begin(),
        begins("both"),
        enters("both", Into::Group),
        begins("left"),
        acts("left", 1),
        begins("right"),
        acts("right", 1),
    ]);
    assert_eq!(
        shown[4..],
        [
            "  ○ both",
            "    ○ left",
            "        ▸ do left",
            "    ○ right",
            "        right │ ▸ do right",
        ]
    );
}

#[test]
fn a_doubt_is_shown_with_the_words_that_settle_it() {
    let shown = shown(vec![
        started(vec![step("drain", &[], Holds::Nothing)]),
        steps_begin(),
        begins("drain"),
        acts("drain", 1),
        Event::RunResumed(Box::new(RunResumed {
            how: Resumed::Forward,
            who: who(),
            engine: id("0.1.0"),
            torn: Some(9),
            with_journal: false,
            reason: None,
            assumed: Vec::new(),
        })),
        Event::Doubted {
            step: id("drain"),
            undoing: false,
            detail: id("nothing tells whether it has happened"),
        },
        Event::RunEnded {
            outcome: Outcome::Unknown,
            elapsed_ms: 1_000,
        },
    ]);
    assert_eq!(
        shown[6..],
        [
            "Pool is full  pool · 3",
            "run pool-7f3a: resumed by ada on ops1; a torn last line was cut off the journal (9 bytes)",
            "  ○ drain: goes on",
            "  ? drain: nobody can tell whether its action has happened: nothing tells whether it has happened",
            "",
            "unknown after 1.0 s: a crash left an action whose effect is not known",
            "  not known: drain: nothing tells whether it has happened",
            "    look, then say what is so:  runbook resume pool-7f3a --assume done|attempted|not-started drain --reason …",
            "    or have it run once more:   runbook resume pool-7f3a --retry drain --reason …",
        ]
    );
}
