//! Events in a few words: `a start`, `a intent`, `a acted`, `a gate.g pass`, `STOP a: rollback`.

use indexmap::IndexMap;
use runbook_action::{Effect, ErrorKind, Failure, Handle};
use runbook_event::{
    Assumed, Assumption, AttemptEnd, Author, CheckRole, CheckSite, Event, Intent, Into, Item, KnownBy, Note,
    NoteKind, Notice, OnFailure, Outcome, Phase, Reading, Resumed, RunResumed, RunState, SkipReason, Stop,
    StopCause, UndoEnd, Verdict,
};
use serde_json::json;

use crate::outline::who;
use crate::told::time;

/// The events of a line: one, but for a check, which may be asked and decided at once.
pub(crate) fn parse(line: &str, state: &RunState) -> Vec<Event> {
    let (within, rest) = match line.split_once("/ ") {
        Some((step, rest)) => (Some(step.to_owned()), rest),
        None => (None, line),
    };
    if let Some(word) = rest.strip_prefix("== ") {
        return vec![part(within, word)];
    }
    if let Some(stop) = rest.strip_prefix("STOP ") {
        let stop = stopping(stop);
        return vec![Event::Stopping { within, stop }];
    }
    if line == "noted" {
        let notice = Notice::TerminalGone { goes_on: true };
        return vec![Event::Noted { notice }];
    }
    if let Some(written) = line.strip_prefix("note ") {
        return vec![note(written)];
    }
    let words: Vec<&str> = line.split(' ').collect();
    let role = words.iter().position(|word| word.contains('.'));
    match role {
        Some(at) if at < 2 => check(within, &words, at),
        _ => vec![of_step(line, state)],
    }
}

/// `kind`, and then `of 3` for what it corrects, `at -5` for when it was so, `owner`, `due`, `empty`, `long`, `whose`.
fn note(line: &str) -> Event {
    let mut words = line.split(' ');
    let kind = words.next().expect("a kind");
    let mut note = Note {
        kind: NoteKind::ALL
            .into_iter()
            .find(|known| known.word() == kind)
            .expect("a kind"),
        text: "words".to_owned(),
        by: Author {
            user: who().user,
            host: who().host,
            known_by: KnownBy::Process,
        },
        happened_at: None,
        corrects: None,
        owner: None,
        due: None,
        request: None,
    };
    while let Some(word) = words.next() {
        match word {
            "of" => note.corrects = words.next().and_then(|seq| seq.parse().ok()),
            "at" => note.happened_at = words.next().and_then(|at| at.parse().ok()).map(time),
            "owner" => note.owner = Some("ann".to_owned()),
            "due" => note.due = Some(jiff::civil::date(2026, 1, 1)),
            "long" => note.text = "x".repeat(Note::TEXT_BYTES + 1),
            "whose" => note.owner = Some("x".repeat(Note::OWNER_BYTES + 1)),
            "empty" => " ".clone_into(&mut note.text),
            other => panic!("a note has no {other}"),
        }
    }
    Event::Note(Box::new(note))
}

fn part(within: Option<String>, word: &str) -> Event {
    let phases = [
        Phase::Detect,
        Phase::Baseline,
        Phase::Steps,
        Phase::Verify,
        Phase::Rollback,
        Phase::Finally,
    ];
    if let Some(phase) = phases.into_iter().find(|phase| phase.word() == word) {
        return Event::PhaseStarted { within, phase };
    }
    let (word, assumed) = word.split_once(": ").unwrap_or((word, ""));
    let how = match word {
        "resumed" => Some(Resumed::Forward),
        "turned back" => Some(Resumed::Rollback),
        _ => None,
    };
    if let Some(how) = how {
        return Event::RunResumed(Box::new(RunResumed {
            how,
            who: who(),
            engine: "0".to_owned(),
            torn: None,
            with_journal: false,
            reason: None,
            assumed: assumed
                .split(", ")
                .filter(|one| !one.is_empty())
                .map(assume)
                .collect(),
        }));
    }
    let outcome = Outcome::ALL
        .into_iter()
        .find(|outcome| outcome.word() == word)
        .expect("a part or an end");
    match within {
        Some(step) => Event::RunbookEnded { step, outcome },
        None => Event::RunEnded {
            outcome,
            elapsed_ms: 7,
        },
    }
}

fn assume(word: &str) -> Assumed {
    let (step, what) = word.split_once(' ').expect("a step and what is assumed");
    Assumed {
        step: step.to_owned(),
        assume: match what {
            "done" => Assumption::Done,
            "attempted" => Assumption::Attempted,
            "not-started" => Assumption::NotStarted,
            "retry" => Assumption::Retry,
            other => panic!("nobody can assume {other}"),
        },
        reason: "seen".to_owned(),
    }
}

fn stopping(text: &str) -> Stop {
    let (cause, then) = text.split_once(": ").expect("a cause and what then");
    Stop {
        cause: match cause.split_once(' ').unwrap_or((cause, "")) {
            ("timeout", _) => StopCause::TimedOut,
            ("parent", _) => StopCause::Parent,
            ("verify", check) => StopCause::VerifyFailed {
                check: check.to_owned(),
            },
            ("guard", check) => StopCause::GuardTripped {
                check: check.to_owned(),
            },
            ("signal", name) => StopCause::Signal {
                name: name.to_owned(),
            },
            ("person", by) => StopCause::Person { by: by.to_owned() },
            (step, "rejected") => StopCause::Rejected {
                step: step.to_owned(),
            },
            (step, _) => StopCause::StepFailed {
                step: step.to_owned(),
            },
        },
        then: match then {
            "rollback" => OnFailure::Rollback,
            "hold" => OnFailure::Hold,
            _ => OnFailure::Continue,
        },
    }
}

/// `a gate.g ?`, `a gate.g read`, `a gate.g = pass`, `verify.v pass`, which is all of them.
fn check(within: Option<String>, words: &[&str], at: usize) -> Vec<Event> {
    let (role, name) = words[at].split_once('.').expect("a role and a check");
    // A sub-runbook is told before a `/`.
    let step = words.first().filter(|_| at == 1).map(|word| (*word).to_owned());
    let site = CheckSite {
        step: step.filter(|_| within.is_none()),
        within,
        role: match role {
            "detect" => CheckRole::Detect,
            "baseline" => CheckRole::Baseline,
            "guard" => CheckRole::Guard,
            "require" => CheckRole::Require,
            "gate" => CheckRole::Gate,
            "undone" => CheckRole::Undone,
            "decide" => CheckRole::Decide,
            "row" => CheckRole::Row,
            _ => CheckRole::Verify,
        },
        check: name.to_owned(),
    };
    let verdict = match words.last().copied().unwrap_or_default() {
        "fail" => Verdict::Fail,
        "error" => Verdict::Error,
        _ => Verdict::Pass,
    };
    let reading = Reading {
        number: 1,
        verdict,
        streak: 1,
        value: None,
        warned: false,
        detail: String::new(),
    };
    let start = Event::CheckStarted { site: site.clone() };
    let read = Event::CheckRead {
        site: site.clone(),
        reading,
    };
    let end = Event::CheckEnded {
        site,
        verdict,
        readings: 1,
        elapsed_ms: 0,
        values: IndexMap::from([("value".to_owned(), json!(1))]),
        sealed: None,
    };
    match words.get(at + 1).copied().unwrap_or_default() {
        "?" => vec![start],
        "read" => vec![read],
        "=" => vec![end],
        _ => vec![start, read, end],
    }
}

fn intent(effect: Effect) -> Intent {
    Intent {
        kind: "act".to_owned(),
        effect,
        summary: String::new(),
        target: None,
        params: json!({}),
        env: IndexMap::new(),
    }
}

fn failure() -> Failure {
    Failure::new(ErrorKind::Refused, "no")
}

/// What is said of a step: `a WORDS`.
fn of_step(line: &str, state: &RunState) -> Event {
    let (step, rest) = line.split_once(' ').expect("a step and what it does");
    let step = step.to_owned();
    let known = state.step(&step);
    let effect = known.map_or(Effect::Change, |step| step.outline.effect);
    let (word, more) = rest.split_once(' ').unwrap_or((rest, ""));
    let number = more.split(' ').next().and_then(|word| word.parse().ok());
    let values = || {
        let named = more.split_once('=').into_iter();
        named
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect::<IndexMap<_, _>>()
    };
    match word {
        "start" => Event::StepStarted { step },
        "skipped:" => skipped(step, more),
        "asks" => Event::ApprovalAsked {
            step,
            message: String::new(),
            intent: intent(effect),
        },
        "approved" | "refused" => Event::ApprovalAnswered {
            step,
            approved: word == "approved",
            by: "ann".to_owned(),
            how: "terminal".to_owned(),
        },
        "timed" => Event::TimedOut { step },
        "before" => Event::BeforeTaken {
            step,
            values: values(),
            inverse: Some("back".to_owned()),
            sealed: None,
        },
        "intent" => Event::AttemptStarted {
            attempt: number.unwrap_or(1),
            step,
            intent: intent(effect),
        },
        "keeps" => Event::HandleKept {
            step,
            handle: Handle {
                what: more.to_owned(),
                data: json!(1),
            },
        },
        "acted" | "failed-to-act" | "half-acted" => Event::AttemptEnded {
            attempt: number.unwrap_or_else(|| known.map_or(1, |step| step.attempts)),
            step,
            end: end(word),
            values: values(),
            sealed: None,
            output: Vec::new(),
            elapsed_ms: 0,
        },
        "again" => Event::RetryPlanned {
            step,
            attempt: number.unwrap_or(1),
            delay_ms: 0,
        },
        "then" => then(step, false, more),
        "undo" | "undone" | "not-undone" => undo(step, word, more),
        "adopted" | "done" | "failed" | "doubted" => judged(step, word, values()),
        _ => Event::Entered {
            step,
            into: into(rest),
            sealed: None,
        },
    }
}

fn skipped(step: String, why: &str) -> Event {
    Event::StepSkipped {
        step,
        reason: reason(why),
    }
}

/// What a step came to.
fn judged(step: String, word: &str, values: IndexMap<String, serde_json::Value>) -> Event {
    match word {
        "adopted" => Event::Adopted {
            step,
            detail: "the gate".to_owned(),
        },
        "done" => Event::StepDone {
            step,
            values,
            sealed: None,
        },
        "failed" => Event::StepFailed {
            step,
            failure: failure(),
        },
        _ => Event::Doubted {
            step,
            undoing: false,
            detail: "who knows".to_owned(),
        },
    }
}

fn end(word: &str) -> AttemptEnd {
    match word {
        "acted" => AttemptEnd::Succeeded,
        "half-acted" => AttemptEnd::Failed {
            failure: failure().maybe_applied(),
        },
        _ => AttemptEnd::Failed { failure: failure() },
    }
}

fn reason(text: &str) -> SkipReason {
    match text {
        "when" => SkipReason::When {
            detail: String::new(),
        },
        "not chosen" => SkipReason::NotChosen,
        "not needed" => SkipReason::NotNeeded,
        "not approved" => SkipReason::NotApproved,
        "stopped" => SkipReason::Stopped,
        option => SkipReason::Asked {
            option: option.to_owned(),
        },
    }
}

/// `2` for the second that begins, `2 acted` and `2 failed-to-act` for how it went.
fn then(step: String, undoing: bool, more: &str) -> Event {
    let (number, how) = more.split_once(' ').unwrap_or((more, ""));
    let number = number.parse().expect("the number of a `then`");
    if how.is_empty() {
        return Event::ThenStarted {
            step,
            number,
            undoing,
            intent: intent(Effect::Change),
        };
    }
    Event::ThenEnded {
        step,
        number,
        undoing,
        end: end(how),
        output: Vec::new(),
        elapsed_ms: 0,
    }
}

fn undo(step: String, word: &str, more: &str) -> Event {
    let (first, rest) = more.split_once(' ').unwrap_or((more, ""));
    match (word, first) {
        ("undo", "by") => Event::Entered {
            step,
            into: Into::Undo,
            sealed: None,
        },
        ("undo", "then") => then(step, true, rest),
        ("undo", "doubted") => Event::Doubted {
            step,
            undoing: true,
            detail: "who knows".to_owned(),
        },
        ("undo", "again") => Event::UndoRetried {
            step,
            attempt: rest.parse().expect("a number"),
            failure: failure(),
            delay_ms: 0,
        },
        ("undo", number) => Event::UndoStarted {
            step,
            attempt: number.parse().unwrap_or(1),
            intent: intent(Effect::Change),
        },
        _ => Event::UndoEnded {
            step,
            end: if word == "undone" {
                UndoEnd::Undone
            } else {
                UndoEnd::Failed { failure: failure() }
            },
            output: Vec::new(),
            elapsed_ms: 0,
        },
    }
}

fn into(text: &str) -> Into {
    let (word, more) = text.split_once(' ').unwrap_or((text, ""));
    let names = more.split(", ").filter(|name| !name.is_empty());
    match word {
        "enters" => Into::Group,
        "for" => Into::Items {
            items: names
                .map(|key| Item {
                    key: key.to_owned(),
                    value: json!(key),
                })
                .collect(),
        },
        "round" => Into::Round {
            number: more.parse().expect("a number"),
        },
        "chooses" => Into::Branch {
            chosen: Some(more.to_owned()).filter(|name| name != "nothing"),
        },
        "tries" => Into::Alternatives,
        "calls" => Into::Runbook {
            inputs: IndexMap::from([("x".to_owned(), json!(1))]),
        },
        "undoes" => Into::Undoing {
            steps: names.map(str::to_owned).collect(),
        },
        other => panic!("no step does {other}"),
    }
}
