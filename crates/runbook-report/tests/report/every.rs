//! Every kind of event, and every reason, is told in exactly these words.

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure, Handle};
use runbook_event::{
    Assumption, AttemptEnd, Author, CheckRole, CheckSite, Event, Intent, Into, KnownBy, Note, NoteKind,
    Notice, OnFailure, Outcome, Phase, Reading, Resumed, RunResumed, RunState, SkipReason, Stop, StopCause,
    UndoEnd, UndoOutline, Verdict,
};
use runbook_report::{describe, step_of, why_kept};
use serde_json::json;

use crate::interrupted::resumes;
use crate::sample::{check, done, intent, irreversible, refused, site, step};
use crate::whole::{begun, busy, enters, failed, inner_site, items, resolved, share, skips, within};

/// The names of all kinds of events. Those with an asterisk are told by themselves, the others after a step's title.
const ALL: [&str; 31] = [
    "run_started*",
    "run_resumed*",
    "phase_started*",
    "check_started*",
    "check_read*",
    "check_ended*",
    "step_started",
    "step_skipped",
    "entered",
    "timed_out",
    "approval_asked",
    "approval_answered",
    "before_taken",
    "attempt_started",
    "handle_kept",
    "attempt_ended",
    "retry_planned",
    "then_started",
    "then_ended",
    "adopted",
    "doubted",
    "step_done",
    "step_failed",
    "stopping*",
    "undo_started",
    "undo_retried",
    "undo_ended",
    "runbook_ended",
    "noted*",
    "run_ended*",
    "note*",
];

/// The place of an event in [`ALL`]. A new kind of event has none, and this does not compile.
const fn place(event: &Event) -> usize {
    match event {
        Event::RunStarted(_) => 0,
        Event::RunResumed(_) => 1,
        Event::PhaseStarted { .. } => 2,
        Event::CheckStarted { .. } => 3,
        Event::CheckRead { .. } => 4,
        Event::CheckEnded { .. } => 5,
        Event::StepStarted { .. } => 6,
        Event::StepSkipped { .. } => 7,
        Event::Entered { .. } => 8,
        Event::TimedOut { .. } => 9,
        Event::ApprovalAsked { .. } => 10,
        Event::ApprovalAnswered { .. } => 11,
        Event::BeforeTaken { .. } => 12,
        Event::AttemptStarted { .. } => 13,
        Event::HandleKept { .. } => 14,
        Event::AttemptEnded { .. } => 15,
        Event::RetryPlanned { .. } => 16,
        Event::ThenStarted { .. } => 17,
        Event::ThenEnded { .. } => 18,
        Event::Adopted { .. } => 19,
        Event::Doubted { .. } => 20,
        Event::StepDone { .. } => 21,
        Event::StepFailed { .. } => 22,
        Event::Stopping { .. } => 23,
        Event::UndoStarted { .. } => 24,
        Event::UndoRetried { .. } => 25,
        Event::UndoEnded { .. } => 26,
        Event::RunbookEnded { .. } => 27,
        Event::Noted { .. } => 28,
        Event::RunEnded { .. } => 29,
        Event::Note(_) => 30,
    }
}

type Told = Vec<(Event, &'static str)>;

fn id(text: &str) -> String {
    text.to_owned()
}

/// The state of a run with all kinds of steps, at its end.
pub(crate) fn state() -> RunState {
    let mut state = RunState::new();
    let mut records = resolved();
    if let Event::RunStarted(run) = &mut records[0].event {
        run.outline.timeout_ms = Some(3_600_000);
    }
    for record in &records {
        state.apply(record).unwrap();
    }
    state
}

fn begun_and_resumed() -> Told {
    let first = resolved().swap_remove(0).event;
    let mut plain = first.clone();
    if let Event::RunStarted(run) = &mut plain {
        run.wanted = runbook_event::Wanted::default();
    }
    let said = resumes(
        Resumed::Forward,
        &[
            ("drain", Assumption::Done, "I looked"),
            ("restart[hub-1]", Assumption::Attempted, "half of it"),
            ("over/promote", Assumption::NotStarted, "nothing there"),
            ("clean", Assumption::Retry, "it is harmless"),
        ],
    );
    let torn = RunResumed {
        torn: Some(1),
        with_journal: true,
        ..resumes(Resumed::Rollback, &[])
    };
    vec![
        (plain, "run pool-7f3a started by ada on ops1"),
        (
            first,
            "run pool-7f3a started by ada on ops1; asked for: `--force`, so it goes on also if `detect` answers no; \
             `--no-rollback`, so nothing is undone after a failure; `--skip`, which leaves out left",
        ),
        (
            Event::RunResumed(Box::new(said)),
            "resumed by bob on ops2; The drain: taken that it is done: I looked; The restart [hub-1]: taken that it may \
             have happened in part: half of it; The over › The promote: taken that it has not happened: nothing there; \
             The clean: taken that it is to be run again: it is harmless",
        ),
        (
            Event::RunResumed(Box::new(torn)),
            "bob on ops2 undoes the run; it goes on with the texts that the run began with (`--with-journal`); a torn \
             last line was cut off the journal (1 byte)",
        ),
        (
            Event::PhaseStarted {
                within: None,
                phase: Phase::Rollback,
            },
            "Rollback: undoing what was attempted",
        ),
        (
            within("over", Phase::Finally),
            "The over › Finally: the clean-up, whatever happened",
        ),
        (
            Event::RunEnded {
                outcome: Outcome::Unknown,
                elapsed_ms: 1_000,
            },
            "unknown after 1.0 s: a crash left an action whose effect is not known",
        ),
    ]
}

/// How each kind of check is told.
fn checks() -> Told {
    let sites = [
        (site(CheckRole::Detect, None, "nobody"), "nobody: asking"),
        (site(CheckRole::Baseline, None, "free"), "Pool has room: asking"),
        (
            site(CheckRole::Guard, None, "lag"),
            "guard: The replica keeps up: asking",
        ),
        (
            site(CheckRole::Require, Some("drain"), "1"),
            "The drain: required: 1: asking",
        ),
        (
            site(CheckRole::Gate, Some("look[2]"), "1"),
            "The look [round 2]: gate: 1: asking",
        ),
        (
            site(CheckRole::Undone, Some("drain"), "1"),
            "The drain: is it undone: 1: asking",
        ),
        (
            site(CheckRole::Decide, Some("over/promote"), "1"),
            "The over › The promote: before its action: 1: asking",
        ),
        (
            site(CheckRole::Row, Some("table"), "cpu"),
            "The table: check: cpu: asking",
        ),
        (
            inner_site("over", CheckRole::Verify, "up"),
            "The over › There is a primary: asking",
        ),
    ];
    let asking = sites.map(|(site, told)| (Event::CheckStarted { site }, told));
    asking.into()
}

fn readings() -> Told {
    let read = |verdict: Verdict, warned: bool, streak: u32| Event::CheckRead {
        site: site(CheckRole::Row, Some("table"), "cpu"),
        reading: Reading {
            number: 3,
            verdict,
            streak,
            value: Some(json!(7)),
            warned,
            detail: id("cpu is 7"),
        },
    };
    let ended = |verdict: Verdict, readings: u32, values: &[&str]| Event::CheckEnded {
        site: site(CheckRole::Guard, None, "lag"),
        verdict,
        readings,
        elapsed_ms: 40,
        values: values.iter().map(|name| (id(name), json!(1))).collect(),
        sealed: None,
    };
    vec![
        (
            read(Verdict::Pass, true, 2),
            "The table: check: cpu: reading 3: warn, value 7, 2 in a row: cpu is 7",
        ),
        (
            read(Verdict::Error, false, 0),
            "The table: check: cpu: reading 3: error, value 7: cpu is 7",
        ),
        (
            ended(Verdict::Pass, 1, &["a", "b"]),
            "guard: The replica keeps up: passed after 1 reading in 40 ms; captured a = 1, b = 1",
        ),
        (
            ended(Verdict::Fail, 2, &[]),
            "guard: The replica keeps up: did not pass after 2 readings in 40 ms",
        ),
        (
            ended(Verdict::Error, 2, &[]),
            "guard: The replica keeps up: could not be asked after 2 readings in 40 ms",
        ),
    ]
}

fn skipped() -> Told {
    // A new reason does not compile here, and must get its words below.
    let known = |reason: &SkipReason| match reason {
        SkipReason::When { .. }
        | SkipReason::NotChosen
        | SkipReason::NotNeeded
        | SkipReason::NotApproved
        | SkipReason::Asked { .. }
        | SkipReason::Stopped => 6,
    };
    let told = [
        (
            SkipReason::When { detail: id("a is 1") },
            "The drain: skipped, since its `when` is false: a is 1",
        ),
        (
            SkipReason::NotChosen,
            "The drain: skipped, since its branch was not chosen",
        ),
        (
            SkipReason::NotNeeded,
            "The drain: not run, since an earlier alternative worked",
        ),
        (
            SkipReason::NotApproved,
            "The drain: skipped, since nobody approved it",
        ),
        (
            SkipReason::Asked { option: id("--from") },
            "The drain: skipped, since `--from` leaves it out",
        ),
        (
            SkipReason::Stopped,
            "The drain: not run, since the run stopped before its turn",
        ),
    ];
    assert!(told.iter().all(|(reason, _)| known(reason) == told.len()));
    told.map(|(reason, told)| (skips("drain", reason), told)).into()
}

fn stopped() -> Told {
    let stop = |within: Option<&str>, cause: StopCause, then: OnFailure| Event::Stopping {
        within: within.map(str::to_owned),
        stop: Stop { cause, then },
    };
    let hold = |cause: StopCause| stop(None, cause, OnFailure::Hold);
    vec![
        (
            stop(
                None,
                StopCause::StepFailed {
                    step: id("restart[hub-2]"),
                },
                OnFailure::Rollback,
            ),
            "stopping, since the step The restart [hub-2] failed; what was attempted is undone",
        ),
        (
            hold(StopCause::Rejected { step: id("drain") }),
            "stopping, since the approval of The drain was refused; what is done stays done",
        ),
        (
            hold(StopCause::VerifyFailed { check: id("free") }),
            "stopping, since the final check Pool has room did not pass; what is done stays done",
        ),
        (
            hold(StopCause::GuardTripped { check: id("lag") }),
            "stopping, since the guard The replica keeps up tripped; what is done stays done",
        ),
        (
            hold(StopCause::TimedOut),
            "stopping, since it took longer than its `timeout` of 1 h 00 m; what is done stays done",
        ),
        (
            stop(Some("over"), StopCause::TimedOut, OnFailure::Hold),
            "The over: stopping, since it took longer than its `timeout` of 1 m 30 s; what is done stays done",
        ),
        (
            stop(Some("over"), StopCause::Parent, OnFailure::Hold),
            "The over: stopping, since what it is a part of stops; what is done stays done",
        ),
        (
            stop(None, StopCause::Person { by: id("eve") }, OnFailure::Rollback),
            "stopping, since eve wants it undone; what was attempted is undone",
        ),
        (
            hold(StopCause::Signal { name: id("SIGTERM") }),
            "stopping, since the signal SIGTERM came; what is done stays done",
        ),
    ]
}

fn entered() -> Told {
    let chosen = |chosen: Option<&str>| Into::Branch {
        chosen: chosen.map(str::to_owned),
    };
    let inputs = IndexMap::from([(id("zone"), json!("b"))]);
    vec![
        (enters("prepare", Into::Group), "The prepare: 2 steps within it"),
        (
            enters("each", items(&["hub-1", "hub-2"])),
            "The each: 2 items: hub-1, hub-2",
        ),
        (enters("poll", Into::Round { number: 2 }), "The poll: round 2"),
        (
            enters("choose", chosen(Some("slow"))),
            "The choose: the branch The slow is chosen",
        ),
        (enters("choose", chosen(None)), "The choose: no branch is chosen"),
        (
            enters("free", Into::Alternatives),
            "The free: 3 alternatives, until one works",
        ),
        (
            enters("over", Into::Runbook { inputs }),
            "The over: runbook Fail over: failover 2; with zone = b",
        ),
        (
            enters(
                "unfence",
                Into::Undoing {
                    steps: vec![id("a"), id("b")],
                },
            ),
            "The unfence: undoes a, b",
        ),
        (
            enters("drain", Into::Undo),
            "The drain: its undo is several steps",
        ),
    ]
}

fn attempts() -> Told {
    let start = |attempt: u32| Event::AttemptStarted {
        step: id("drain"),
        attempt,
        intent: intent("do drain"),
    };
    let end = |end: AttemptEnd, values: &[&str]| Event::AttemptEnded {
        step: id("drain"),
        attempt: 2,
        end,
        values: values.iter().map(|name| (id(name), json!(1))).collect(),
        sealed: None,
        output: Vec::new(),
        elapsed_ms: 340,
    };
    let cancelled = Failure::new(ErrorKind::Cancelled, "it was asked to");
    vec![
        (start(1), "The drain: do drain (db)"),
        (start(2), "The drain: attempt 2: do drain (db)"),
        (
            end(AttemptEnd::Succeeded, &["a"]),
            "The drain: attempt 2 succeeded in 340 ms; captured a = 1",
        ),
        (
            end(AttemptEnd::Failed { failure: busy() }, &[]),
            "The drain: attempt 2 failed after 340 ms: it is busy",
        ),
        (
            end(AttemptEnd::Failed { failure: cancelled }, &[]),
            "The drain: attempt 2 was cancelled after 340 ms: it was asked to",
        ),
        (
            Event::RetryPlanned {
                step: id("drain"),
                attempt: 2,
                delay_ms: 4_000,
            },
            "The drain: attempt 2 follows in 4.0 s",
        ),
        (
            Event::HandleKept {
                step: id("drain"),
                handle: Handle {
                    what: id("process_group"),
                    data: json!({"leader": 12}),
                },
            },
            "The drain: started what may outlive it: process_group {\"leader\":12}",
        ),
        (
            Event::Adopted {
                step: id("drain"),
                detail: id("used is 60"),
            },
            "The drain: had happened before the crash: used is 60",
        ),
        (
            Event::TimedOut { step: id("over") },
            "The over: took longer than its `timeout`; what is under way in it is cancelled",
        ),
    ]
}

fn thens() -> Told {
    let intended = |summary: &str| Intent {
        target: None,
        ..intent(summary)
    };
    let start = |number: u32, undoing: bool| Event::ThenStarted {
        step: id("drain"),
        number,
        undoing,
        intent: intended("reload"),
    };
    let end = |number: u32, undoing: bool, end: AttemptEnd| Event::ThenEnded {
        step: id("drain"),
        number,
        undoing,
        end,
        output: Vec::new(),
        elapsed_ms: 30,
    };
    vec![
        (start(1, false), "The drain: then: reload"),
        (start(2, true), "The drain: then 2 after the undo: reload"),
        (
            end(1, false, AttemptEnd::Succeeded),
            "The drain: then succeeded in 30 ms",
        ),
        (
            end(2, true, AttemptEnd::Failed { failure: busy() }),
            "The drain: then 2 after the undo failed after 30 ms: it is busy",
        ),
    ]
}

fn undone() -> Told {
    let start = |attempt: u32| Event::UndoStarted {
        step: id("restart[hub-1]"),
        attempt,
        intent: intent("undo it"),
    };
    let end = |end: UndoEnd| Event::UndoEnded {
        step: id("restart[hub-1]"),
        end,
        output: Vec::new(),
        elapsed_ms: 30,
    };
    let doubt = |undoing: bool| Event::Doubted {
        step: id("drain"),
        undoing,
        detail: id("nothing tells"),
    };
    vec![
        (start(1), "The restart [hub-1]: undoing: undo it (db)"),
        (start(2), "The restart [hub-1]: undoing, attempt 2: undo it (db)"),
        (
            Event::UndoRetried {
                step: id("restart[hub-1]"),
                attempt: 2,
                failure: busy(),
                delay_ms: 1_000,
            },
            "The restart [hub-1]: could not be undone: it is busy; attempt 2 follows in 1.0 s",
        ),
        (end(UndoEnd::Undone), "The restart [hub-1]: undone in 30 ms"),
        (
            end(UndoEnd::Failed { failure: refused() }),
            "The restart [hub-1]: could not be undone (30 ms): nobody listens on `db:5432`; it may have had an effect \
             all the same",
        ),
        (
            doubt(false),
            "The drain: nobody can tell whether its action has happened: nothing tells",
        ),
        (
            doubt(true),
            "The drain: nobody can tell whether its undo has happened: nothing tells",
        ),
    ]
}

fn steps() -> Told {
    let before = |values: &[&str], inverse: Option<&str>| Event::BeforeTaken {
        step: id("drain"),
        values: values.iter().map(|name| (id(name), json!(1))).collect(),
        inverse: inverse.map(str::to_owned),
        sealed: None,
    };
    let answer = |approved: bool| Event::ApprovalAnswered {
        step: id("asked"),
        approved,
        by: id("eve"),
        how: id("terminal"),
    };
    vec![
        (begun("over/promote"), "The over › The promote: started"),
        (
            Event::ApprovalAsked {
                step: id("asked"),
                message: id("Go on?"),
                intent: intent("do asked"),
            },
            "The asked: asked for approval: Go on? (do asked (db))",
        ),
        (answer(true), "The asked: approved by eve (terminal)"),
        (answer(false), "The asked: refused by eve (terminal)"),
        (
            before(&["a"], Some("weight 100")),
            "The drain: kept for the undo: a = 1; what to put back is weight 100",
        ),
        (
            before(&[], None),
            "The drain: nothing needs to be kept for the undo",
        ),
        (
            done("each"),
            "The each: done after 680 ms: 1 of 2 items done, 1 failed",
        ),
        (done("poll[2]"), "The poll [round 2]: done after 340 ms"),
        (
            failed("each[hub-2]", busy()),
            "The each [hub-2]: failed: it is busy",
        ),
        (
            failed("each", busy()),
            "The each: failed (1 of 2 items done, 1 failed): it is busy",
        ),
        (
            Event::RunbookEnded {
                step: id("over"),
                outcome: Outcome::NotNeeded,
            },
            "The over: its runbook ended as not_needed: `detect` found nothing to repair; nothing was touched",
        ),
    ]
}

fn noted() -> Told {
    let told = [
        (
            Notice::TerminalGone { goes_on: true },
            "the terminal is gone; the run goes on without it",
        ),
        (Notice::TerminalGone { goes_on: false }, "the terminal is gone"),
        (
            Notice::SecretChanged { name: id("token") },
            "the secret `token` is not what it was when the run was last seen",
        ),
        (
            Notice::Settled {
                step: id("drain"),
                found: id("it was ended"),
            },
            "The drain: what the crash had left running was looked for: it was ended",
        ),
        (
            Notice::Mended { torn: 17 },
            "the last line, which a crash had torn, was cut off: 17 bytes",
        ),
        (
            Notice::Unlocked {
                lock: id("pool"),
                by: id("eve"),
                reason: id("it hangs"),
            },
            "eve took the lock `pool` from this run: it hangs",
        ),
    ];
    told.map(|(notice, told)| (Event::Noted { notice }, told)).into()
}

fn written() -> Told {
    let note = Note {
        kind: NoteKind::Note,
        text: id("the pager\nwent off "),
        by: Author {
            user: id("eve"),
            host: id("desk"),
            known_by: KnownBy::RequestOwner,
        },
        happened_at: None,
        corrects: None,
        owner: None,
        due: None,
        request: None,
    };
    let claimed = Note {
        kind: NoteKind::Detected,
        happened_at: Some("2026-11-07T09:00:00Z".parse().unwrap()),
        corrects: Some(7),
        ..note.clone()
    };
    let to_do = Note {
        kind: NoteKind::ActionItem,
        owner: Some(id("bob")),
        due: Some("2026-12-01".parse().unwrap()),
        ..note.clone()
    };
    vec![
        (Event::Note(Box::new(note)), "eve noted: the pager ⏎ went off"),
        (
            Event::Note(Box::new(claimed)),
            "eve noted `detected`: the pager ⏎ went off (claimed for 2026-11-07 09:00:00 UTC; in place of record 7)",
        ),
        (
            Event::Note(Box::new(to_do)),
            "eve noted `action-item`: the pager ⏎ went off (owner bob; due 2026-12-01)",
        ),
    ]
}

#[test]
fn every_event_is_told_in_these_words() {
    let state = state();
    let mut seen = [false; ALL.len()];
    let all = [
        begun_and_resumed(),
        checks(),
        readings(),
        skipped(),
        stopped(),
        entered(),
        attempts(),
        thens(),
        undone(),
        steps(),
        noted(),
        written(),
    ];
    for (event, told) in all.into_iter().flatten() {
        assert_eq!(describe(&event, &state), told, "{event:?}");
        let name = ALL[place(&event)];
        seen[place(&event)] = true;
        if !name.ends_with('*') {
            assert!(step_of(&event).is_some(), "{name} belongs to a step");
        }
    }
    for (name, seen) in ALL.iter().zip(seen) {
        assert!(seen, "`{name}` is told nowhere");
    }
}

#[test]
fn why_something_stays_is_told_for_every_kind_of_undo() {
    let steps = share(vec![step("unlock", &[]), step("warm", &[])]);
    for (undo, expected) in [
        (step("a", &[]).undo, "it was not undone; its undo is undo a"),
        (
            UndoOutline::Steps { steps },
            "it was not undone; its undo is The unlock, The warm",
        ),
        (
            UndoOutline::Within,
            "it was not undone; its undo is to undo what stands within it",
        ),
        (irreversible("a", &[]).undo, "irreversible: sessions are gone"),
        (
            UndoOutline::NotNeeded,
            "there is nothing to undo, says its author",
        ),
        (UndoOutline::Undeclared, "the runbook does not say how to undo it"),
    ] {
        assert_eq!(why_kept(&undo), expected);
    }
}

/// A check that nobody declared is called by its id.
#[test]
fn what_is_not_known_is_called_by_its_id() {
    let nowhere = CheckSite {
        within: Some(id("nowhere")),
        ..site(CheckRole::Guard, None, "lag")
    };
    let told = describe(&Event::CheckStarted { site: nowhere }, &state());
    assert_eq!(told, "nowhere › guard: lag: asking");
    let unknown = check("x", "X", &[]);
    assert_eq!(describe(&begun(&unknown.id), &RunState::new()), "x: started");
}
