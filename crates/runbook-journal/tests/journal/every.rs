//! Every kind of event comes back from its line as it was.

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_action::{ErrorKind, Failure, Handle};
use runbook_event::{
    Assumed, Assumption, AttemptEnd, Author, CheckRole, CheckSite, Event, Into, Item, KnownBy, Note,
    NoteKind, Notice, OnFailure, Outcome, Record, Resumed, RunResumed, SkipReason, Stop, StopCause, UndoEnd,
    Verdict, Who,
};
use serde_json::json;

use crate::sample::{done, events, intent};

/// The names of all events.
const ALL: [&str; 31] = [
    "run_started",
    "run_resumed",
    "phase_started",
    "check_started",
    "check_read",
    "check_ended",
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
    "stopping",
    "undo_started",
    "undo_retried",
    "undo_ended",
    "runbook_ended",
    "noted",
    "run_ended",
    "note",
];

/// The name of an event. A new kind of event is missing here until it is in [`ALL`], and so in this test.
const fn name(event: &Event) -> &'static str {
    match event {
        Event::RunStarted(_) => ALL[0],
        Event::RunResumed(_) => ALL[1],
        Event::PhaseStarted { .. } => ALL[2],
        Event::CheckStarted { .. } => ALL[3],
        Event::CheckRead { .. } => ALL[4],
        Event::CheckEnded { .. } => ALL[5],
        Event::StepStarted { .. } => ALL[6],
        Event::StepSkipped { .. } => ALL[7],
        Event::Entered { .. } => ALL[8],
        Event::TimedOut { .. } => ALL[9],
        Event::ApprovalAsked { .. } => ALL[10],
        Event::ApprovalAnswered { .. } => ALL[11],
        Event::BeforeTaken { .. } => ALL[12],
        Event::AttemptStarted { .. } => ALL[13],
        Event::HandleKept { .. } => ALL[14],
        Event::AttemptEnded { .. } => ALL[15],
        Event::RetryPlanned { .. } => ALL[16],
        Event::ThenStarted { .. } => ALL[17],
        Event::ThenEnded { .. } => ALL[18],
        Event::Adopted { .. } => ALL[19],
        Event::Doubted { .. } => ALL[20],
        Event::StepDone { .. } => ALL[21],
        Event::StepFailed { .. } => ALL[22],
        Event::Stopping { .. } => ALL[23],
        Event::UndoStarted { .. } => ALL[24],
        Event::UndoRetried { .. } => ALL[25],
        Event::UndoEnded { .. } => ALL[26],
        Event::RunbookEnded { .. } => ALL[27],
        Event::Noted { .. } => ALL[28],
        Event::RunEnded { .. } => ALL[29],
        Event::Note(_) => ALL[30],
    }
}

fn id(text: &str) -> String {
    text.to_owned()
}

fn failure() -> Failure {
    Failure::new(ErrorKind::Refused, "nobody listens").maybe_applied()
}

fn resumed() -> Event {
    let assumed = [
        Assumption::Done,
        Assumption::Attempted,
        Assumption::NotStarted,
        Assumption::Retry,
    ]
    .map(|assume| Assumed {
        step: id("over/restart[hub-1]"),
        assume,
        reason: id("I looked"),
    });
    Event::RunResumed(Box::new(RunResumed {
        how: Resumed::Rollback,
        who: Who {
            user: id("eve"),
            host: id("ops2"),
        },
        engine: id("0.2.0"),
        torn: Some(17),
        with_journal: true,
        reason: Some("the disk is larger now".to_owned()),
        assumed: assumed.into(),
    }))
}

/// Everything that can begin within a step.
fn entered() -> Vec<Event> {
    let items = vec![Item {
        key: id("hub-1"),
        value: json!({"name": "hub-1"}),
    }];
    [
        Into::Group,
        Into::Items { items },
        Into::Round { number: 2 },
        Into::Branch {
            chosen: Some(id("slow")),
        },
        Into::Branch { chosen: None },
        Into::Alternatives,
        Into::Runbook {
            inputs: IndexMap::from([(id("limit"), json!(0.1))]),
        },
        Into::Undoing {
            steps: vec![id("drain")],
        },
        Into::Undo,
    ]
    .map(|into| Event::Entered {
        step: id("each"),
        into,
        sealed: Some(id("c2VhbGVk")),
    })
    .into()
}

fn noted() -> Vec<Event> {
    [
        Notice::TerminalGone { goes_on: true },
        Notice::SecretChanged { name: id("token") },
        Notice::Settled {
            step: id("drain"),
            found: id("ended"),
        },
        Notice::Mended { torn: 17 },
        Notice::Unlocked {
            lock: id("pool"),
            by: id("eve"),
            reason: id("it hangs"),
        },
    ]
    .map(|notice| Event::Noted { notice })
    .into()
}

/// One of each kind, with and without all that a note may have.
fn notes() -> Vec<Event> {
    let note = |kind: NoteKind| Note {
        kind,
        text: id("the pager went off"),
        by: Author {
            user: id("eve"),
            host: id("desk"),
            known_by: KnownBy::Process,
        },
        happened_at: None,
        corrects: None,
        owner: None,
        due: None,
        request: None,
    };
    let full = Note {
        by: Author {
            known_by: KnownBy::RequestOwner,
            ..note(NoteKind::Note).by
        },
        happened_at: Some("2026-11-07T09:00:00Z".parse().unwrap()),
        corrects: Some(3),
        owner: Some(id("bob")),
        due: Some("2026-12-01".parse().unwrap()),
        request: Some(id("r-1")),
        ..note(NoteKind::ActionItem)
    };
    let all = NoteKind::ALL.map(note).into_iter().chain([full]);
    all.map(|note| Event::Note(Box::new(note))).collect()
}

fn skipped() -> Vec<Event> {
    [
        SkipReason::When { detail: id("no") },
        SkipReason::NotChosen,
        SkipReason::NotNeeded,
        SkipReason::NotApproved,
        SkipReason::Asked { option: id("--skip") },
        SkipReason::Stopped,
    ]
    .map(|reason| Event::StepSkipped {
        step: id("drain"),
        reason,
    })
    .into()
}

fn stopping() -> Vec<Event> {
    [
        StopCause::StepFailed { step: id("drain") },
        StopCause::Rejected { step: id("drain") },
        StopCause::VerifyFailed { check: id("free") },
        StopCause::GuardTripped { check: id("lag") },
        StopCause::TimedOut,
        StopCause::Parent,
        StopCause::Person { by: id("eve") },
        StopCause::Signal { name: id("SIGTERM") },
    ]
    .map(|cause| Event::Stopping {
        within: Some(id("over")),
        stop: Stop {
            cause,
            then: OnFailure::Hold,
        },
    })
    .into()
}

fn checks() -> Vec<Event> {
    [
        CheckRole::Detect,
        CheckRole::Baseline,
        CheckRole::Guard,
        CheckRole::Require,
        CheckRole::Gate,
        CheckRole::Undone,
        CheckRole::Decide,
        CheckRole::Row,
        CheckRole::Verify,
    ]
    .map(|role| Event::CheckEnded {
        site: CheckSite {
            within: Some(id("over")),
            role,
            step: Some(id("drain")),
            check: id("1"),
        },
        verdict: Verdict::Error,
        readings: 3,
        elapsed_ms: 12,
        values: IndexMap::from([(id("used"), json!(97))]),
        sealed: Some(id("c2VhbGVk")),
    })
    .into()
}

/// What the sample of a whole run does not have.
fn others() -> Vec<Event> {
    let step = || id("drain");
    vec![
        resumed(),
        Event::TimedOut { step: step() },
        Event::ApprovalAsked {
            step: step(),
            message: id("Drain it?"),
            intent: intent("drain it"),
        },
        Event::ApprovalAnswered {
            step: step(),
            approved: true,
            by: id("eve"),
            how: id("terminal"),
        },
        Event::HandleKept {
            step: step(),
            handle: Handle {
                what: id("process_group"),
                data: json!({"leader": 12}),
            },
        },
        Event::RetryPlanned {
            step: step(),
            attempt: 2,
            delay_ms: 4_000,
        },
        Event::ThenStarted {
            step: step(),
            number: 1,
            undoing: true,
            intent: intent("reload"),
        },
        Event::ThenEnded {
            step: step(),
            number: 1,
            undoing: true,
            end: AttemptEnd::Failed { failure: failure() },
            output: Vec::new(),
            elapsed_ms: 3,
        },
        Event::Adopted {
            step: step(),
            detail: id("its gate passed"),
        },
        Event::Doubted {
            step: step(),
            undoing: false,
            detail: id("its gate did not pass"),
        },
        Event::UndoRetried {
            step: step(),
            attempt: 2,
            failure: failure(),
            delay_ms: 1_000,
        },
        Event::UndoEnded {
            step: step(),
            end: UndoEnd::Failed { failure: failure() },
            output: Vec::new(),
            elapsed_ms: 3,
        },
        Event::RunbookEnded {
            step: id("over"),
            outcome: Outcome::NotNeeded,
        },
        done("drain"),
    ]
}

#[test]
fn every_kind_of_event_comes_back() {
    let mut all = events("r", Vec::new());
    all.extend(others());
    all.extend([entered(), noted(), notes(), skipped(), stopping(), checks()].concat());
    let mut seen = std::collections::BTreeSet::new();
    let schema = jsonschema::validator_for(&runbook_event::schema()).unwrap();
    for event in all {
        seen.insert(name(&event));
        let record = Record {
            seq: 7,
            at: Timestamp::UNIX_EPOCH,
            event,
        };
        let line = serde_json::to_string(&record).unwrap();
        let tag = format!("\"event\":\"{}\"", name(&record.event));
        assert!(line.contains(&tag), "{line}");
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record, "{line}");
        let mut closed: serde_json::Value = serde_json::from_str(&line).unwrap();
        closed["hash"] = "0".repeat(64).into();
        if let Err(error) = schema.validate(&closed) {
            panic!("{line}: {error} at {}", error.instance_path());
        }
        closed["event"] = "unheard_of".into();
        assert!(!schema.is_valid(&closed), "{closed}");
    }
    for name in ALL {
        assert!(seen.contains(name), "`{name}` is not among the samples");
    }
}
