//! Why things are as they are: failures, skips, stops, answers, what is kept.

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure};
use runbook_event::{
    Assumed, Assumption, CheckRole, CheckSite, Intent, Notice, OnFailure, Resumed, RunResumed, RunState,
    SkipReason, Stop, StopCause, UndoOutline, Wanted,
};

use super::titles::{check_title, course, place, step_title};
use super::{count, duration};
use crate::text::visible;

/// What is about to be done, and through what.
pub(crate) fn intended(intent: &Intent) -> String {
    match &intent.target {
        Some(target) => visible(&format!("{} ({target})", intent.summary)),
        None => visible(&intent.summary),
    }
}

/// Why something failed, and whether it may have had an effect.
pub(crate) fn failed(failure: &Failure) -> String {
    let mut text = visible(&failure.to_string());
    if failure.may_have_applied {
        text.push_str("; it may have had an effect all the same");
    }
    text
}

/// The word for a failure. What was stopped from outside did not fail.
pub(crate) fn failed_word(failure: &Failure) -> &'static str {
    if failure.kind == ErrorKind::Cancelled {
        "was cancelled"
    } else {
        "failed"
    }
}

/// That a step was not run, and why.
pub(crate) fn skipped(reason: &SkipReason) -> String {
    let how = match reason {
        SkipReason::When { .. }
        | SkipReason::NotChosen
        | SkipReason::NotApproved
        | SkipReason::Asked { .. } => "skipped",
        SkipReason::NotNeeded | SkipReason::Stopped => "not run",
    };
    format!("{how}, since {}", why_skipped(reason))
}

/// Why a step was not run.
#[must_use]
pub fn why_skipped(reason: &SkipReason) -> String {
    match reason {
        SkipReason::When { detail } => format!("its `when` is false: {}", visible(detail)),
        SkipReason::NotChosen => "its branch was not chosen".to_owned(),
        SkipReason::NotNeeded => "an earlier alternative worked".to_owned(),
        SkipReason::NotApproved => "nobody approved it".to_owned(),
        SkipReason::Asked { option } => visible(&format!("`{option}` leaves it out")),
        SkipReason::Stopped => "the run stopped before its turn".to_owned(),
    }
}

/// Who answered, and how.
pub(crate) fn approval(approved: bool, by: &str, how: &str) -> String {
    let word = if approved { "approved" } else { "refused" };
    visible(&format!("{word} by {by} ({how})"))
}

/// What stopped the run, or the sub-runbook within a step.
pub(crate) fn cause(within: Option<&str>, cause: &StopCause, state: &RunState) -> String {
    let title = |role: CheckRole, check: &str| {
        let site = CheckSite {
            within: within.map(str::to_owned),
            role,
            step: None,
            check: check.to_owned(),
        };
        check_title(&site, state)
    };
    match cause {
        StopCause::StepFailed { step } => format!("the step {} failed", step_title(step, state)),
        StopCause::Rejected { step } => format!("the approval of {} was refused", step_title(step, state)),
        StopCause::VerifyFailed { check } => {
            format!("the final check {} did not pass", title(CheckRole::Verify, check))
        }
        StopCause::GuardTripped { check } => format!("the guard {} tripped", title(CheckRole::Guard, check)),
        StopCause::TimedOut => {
            let known = course(within, state).and_then(|course| course.outline.timeout_ms);
            let most = known.map_or_else(String::new, |ms| format!(" of {}", duration(ms)));
            format!("it took longer than its `timeout`{most}")
        }
        StopCause::Parent => "what it is a part of stops".to_owned(),
        StopCause::Person { by } => visible(&format!("{by} wants it undone")),
        StopCause::Signal { name } => visible(&format!("the signal {name} came")),
    }
}

/// That nothing new starts, why, and what happens then.
pub(crate) fn stopping(within: Option<&str>, stop: &Stop, state: &RunState) -> String {
    let then = match stop.then {
        OnFailure::Rollback => "what was attempted is undone",
        OnFailure::Hold => "what is done stays done",
        OnFailure::Continue => "the run goes on",
    };
    let text = format!("stopping, since {}; {then}", cause(within, &stop.cause, state));
    match within {
        None => text,
        Some(owner) => format!("{}: {text}", place(owner, state)),
    }
}

/// What was asked for on the command line beyond the runbook.
pub(crate) fn wishes(wanted: &Wanted) -> Option<String> {
    let mut wishes = Vec::new();
    if wanted.force {
        wishes.push("`--force`, so it goes on also if `detect` answers no".to_owned());
    }
    if wanted.no_rollback {
        wishes.push("`--no-rollback`, so nothing is undone after a failure".to_owned());
    }
    let mut left_out: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for (step, option) in &wanted.skips {
        left_out.entry(option).or_default().push(step);
    }
    for (option, steps) in left_out {
        wishes.push(visible(&format!(
            "`{option}`, which leaves out {}",
            steps.join(", ")
        )));
    }
    (!wishes.is_empty()).then(|| wishes.join("; "))
}

/// That a run goes on, or is undone, and who does it. What that person says of steps is told apart.
#[must_use]
pub fn resumed(resumed: &RunResumed) -> String {
    let who = &resumed.who;
    let mut text = match resumed.how {
        Resumed::Forward => format!("resumed by {} on {}", who.user, who.host),
        Resumed::Rollback => format!("{} on {} undoes the run", who.user, who.host),
    };
    if let Some(reason) = &resumed.reason {
        text = format!("{text} ({reason})");
    }
    if resumed.with_journal {
        text.push_str("; it goes on with the texts that the run began with (`--with-journal`)");
    }
    if let Some(torn) = resumed.torn {
        let torn = count(torn, "byte");
        text.extend(["; a torn last line was cut off the journal (", &torn, ")"]);
    }
    visible(&text)
}

/// What a person says of a step that a crash interrupted, and why.
#[must_use]
pub fn assumed(assumed: &Assumed, state: &RunState) -> String {
    let what = match assumed.assume {
        Assumption::Done => "it is done",
        Assumption::Attempted => "it may have happened in part",
        Assumption::NotStarted => "it has not happened",
        Assumption::Retry => "it is to be run again",
    };
    let title = place(&assumed.step, state);
    format!("{title}: taken that {what}: {}", visible(&assumed.reason))
}

/// Something that is to be known of a run.
pub(crate) fn noticed(notice: &Notice, state: &RunState) -> String {
    match notice {
        Notice::TerminalGone { goes_on: true } => {
            "the terminal is gone; the run goes on without it".to_owned()
        }
        Notice::TerminalGone { goes_on: false } => "the terminal is gone".to_owned(),
        Notice::SecretChanged { name } => visible(&format!(
            "the secret `{name}` is not what it was when the run was last seen"
        )),
        Notice::Settled { step, found } => format!(
            "{}: what the crash had left running was looked for: {}",
            place(step, state),
            visible(found)
        ),
        Notice::Mended { torn } => {
            format!("the last line, which a crash had torn, was cut off: {torn} bytes")
        }
        Notice::Section { title, why: None, .. } => visible(&format!("the report got its section “{title}”")),
        Notice::Section {
            title,
            why: Some(why),
            ..
        } => visible(&format!(
            "the section “{title}” of the report could not be written: {why}"
        )),
        Notice::Unlocked { lock, by, reason } => {
            visible(&format!("{by} took the lock `{lock}` from this run: {reason}"))
        }
    }
}

/// Why there is no undo, or what it would be.
#[must_use]
pub fn why_kept(undo: &UndoOutline) -> String {
    match undo {
        UndoOutline::Rollback { .. } | UndoOutline::Steps { .. } | UndoOutline::Within => {
            format!("it was not undone; its undo is {}", planned_undo(undo))
        }
        UndoOutline::Irreversible { why } => format!("irreversible: {}", visible(why)),
        UndoOutline::NotNeeded => "there is nothing to undo, says its author".to_owned(),
        UndoOutline::Undeclared => "the runbook does not say how to undo it".to_owned(),
    }
}

/// What an undo is to do, as far as the runbook says. Empty where there is none.
#[must_use]
pub fn planned_undo(undo: &UndoOutline) -> String {
    match undo {
        UndoOutline::Rollback { summary, .. } => visible(summary),
        UndoOutline::Steps { steps } => {
            let titles: Vec<String> = steps.iter().map(|step| visible(&step.title)).collect();
            titles.join(", ")
        }
        UndoOutline::Within => "to undo what stands within it".to_owned(),
        UndoOutline::Irreversible { .. } | UndoOutline::NotNeeded | UndoOutline::Undeclared => String::new(),
    }
}
