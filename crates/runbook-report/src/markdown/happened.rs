//! What happened, in prose. Every sentence is a fact of the journal.

use runbook_event::{
    CheckRole, CheckState, Notice, OnFailure, Resumed, StepStatus, Stop, StopCause, UndoStatus, Verdict,
};

use crate::markdown::page::{Page, date_time};
use crate::markdown::section::Sections;
use crate::story::{Part, Session, Step, Story};
use crate::text::{code, inline};
use crate::words::{
    assumed, check_title, count, duration, failed, failed_word, is_within, noticed, reading, skipped,
    why_kept, wishes,
};

pub(super) fn write(story: &Story<'_>, sections: &mut Sections) {
    let page = sections.begin("what-happened", "What happened");
    page.paragraph(&began(story));
    if let Some(wishes) = wishes(&story.run.wanted) {
        page.paragraph(&format!("Asked for on the command line: {}.", inline(&wishes)));
    }
    sessions(story, page);
    page.paragraph(&progress(story));
    if let Some(stop) = story.stop() {
        stopped(story, stop, page);
    }
    if story.turned_back() {
        undone(story, page);
    }
    if !story.rolled_back() && story.state.stop().is_some() {
        held(story, page);
    }
    went_on(story, page);
    cleanup(story, page);
    noticeable(story, page);
    ended(story, page);
}

/// Who began and went on with a run that did not go through at once, and how far it came each time.
fn sessions(story: &Story<'_>, page: &mut Page) {
    if story.sessions.len() < 2 {
        return;
    }
    page.paragraph("The run did not go through at once:");
    let items: Vec<String> = story
        .sessions
        .iter()
        .map(|session| in_session(story, session))
        .collect();
    page.numbered(&items);
    let said: Vec<String> = story
        .sessions
        .iter()
        .filter_map(|session| session.resumed)
        .flat_map(|resumed| {
            resumed.assumed.iter().map(|word| {
                format!(
                    "{} said {}",
                    code(&resumed.who.user),
                    inline(&assumed(word, &story.state))
                )
            })
        })
        .collect();
    if !said.is_empty() {
        page.paragraph("What people said of steps that had been interrupted:");
        page.list(&said);
    }
}

fn in_session(story: &Story<'_>, session: &Session<'_>) -> String {
    let who = session.resumed.map_or(&story.run.who, |resumed| &resumed.who);
    let how = match session.resumed.map(|resumed| resumed.how) {
        None => "started it",
        Some(Resumed::Forward) => "resumed it",
        Some(Resumed::Rollback) => "had it undone",
    };
    let at = date_time(session.at);
    let mut parts = vec![format!("{at}: {} {how} on {}", code(&who.user), code(&who.host))];
    if session.resumed.is_some_and(|resumed| resumed.with_journal) {
        parts.push("it went on with the texts that the run began with (`--with-journal`)".to_owned());
    }
    if let Some(torn) = session.resumed.and_then(|resumed| resumed.torn) {
        let torn = count(torn, "byte");
        parts.push(format!("a torn last line was cut off the journal ({torn})"));
    }
    if let Some(stop) = session.stop {
        let cause = crate::words::cause(None, &stop.cause, &story.state);
        parts.push(format!("it stopped, since {}", inline(&cause)));
    }
    parts.push(match session.end {
        Some((outcome, at)) => format!("it ended at {} as {}", date_time(at), code(outcome.word())),
        None => "there is no record of an end".to_owned(),
    });
    format!("{}.", parts.join("; "))
}

/// What is to be known of the run, and changed nothing.
fn noticeable(story: &Story<'_>, page: &mut Page) {
    let notices: Vec<String> = story
        .notices
        .iter()
        .filter(|(_, notice)| !matches!(notice, Notice::Section { .. }))
        .map(|(at, notice)| format!("{}: {}", date_time(*at), inline(&noticed(notice, &story.state))))
        .collect();
    if !notices.is_empty() {
        page.paragraph("What else was noted:");
        page.list(&notices);
    }
}

/// Failures that are not what stopped the run: it went on after them, or was stopping already. Of steps within each
/// other the innermost tells.
fn went_on(story: &Story<'_>, page: &mut Page) {
    let culprit = story.stop().and_then(|stop| match &stop.cause {
        StopCause::StepFailed { step } | StopCause::Rejected { step } => story.state.position(step),
        StopCause::VerifyFailed { .. }
        | StopCause::GuardTripped { .. }
        | StopCause::TimedOut
        | StopCause::Parent
        | StopCause::Person { .. }
        | StopCause::Signal { .. } => None,
    });
    let within = |inner: usize, outer: usize| is_within(inner, outer, &story.state);
    let stopped_it = |at: usize| {
        culprit.is_some_and(|culprit| at == culprit || within(at, culprit) || within(culprit, at))
    };
    let failed: Vec<Step<'_>> = story
        .steps()
        .filter(|step| step.part == Part::Steps && step.state.failure.is_some())
        .filter(|step| !stopped_it(step.at))
        .collect();
    let cancelled: Vec<usize> = story.cancelled().map(|step| step.at).collect();
    // What holds another comes before it, and what stands within it follows at once.
    let mut failures = Vec::new();
    for (at, step) in failed.iter().enumerate() {
        let tells = failed.get(at + 1).is_none_or(|next| !within(next.at, step.at));
        if tells && !cancelled.contains(&step.at) {
            failures.push(step_failed(story, &step.state.id));
        }
    }
    if !failures.is_empty() {
        page.paragraph("What failed without stopping the run:");
        page.list(&failures);
    }
    let cancelled: Vec<String> = story
        .cancelled()
        .filter(|step| step.part == Part::Steps && !stopped_it(step.at))
        .map(|step| title(&step))
        .collect();
    if !cancelled.is_empty() {
        page.paragraph(&format!(
            "Cancelled, since the run stopped: {}.",
            cancelled.join(", ")
        ));
    }
}

fn began(story: &Story<'_>) -> String {
    let run = story.run;
    let environment = match &run.environment {
        Some(environment) => format!(" in the environment {}", code(environment)),
        None => String::new(),
    };
    format!(
        "At {} {} started the run on {}{environment}.",
        date_time(story.started_at),
        code(&run.who.user),
        code(&run.who.host)
    )
}

/// The reading that decided, in brackets.
pub(super) fn last_reading(state: &CheckState) -> String {
    state
        .last()
        .map_or_else(String::new, |last| format!(" ({})", inline(&reading(last))))
}

fn progress(story: &Story<'_>) -> String {
    let work = story.state.work();
    let total = work.total();
    let (mut done, mut failures, mut cancelled, mut skips, mut pending) = (0, 0, 0, 0, work.ahead);
    let mut doubtful = 0;
    for step in work.steps.iter().filter_map(|at| story.at(*at)) {
        match step.state.status {
            StepStatus::Done => done += 1,
            StepStatus::Failed if step.was_cancelled() => cancelled += 1,
            StepStatus::Failed => failures += 1,
            StepStatus::Skipped => skips += 1,
            StepStatus::Pending => pending += 1,
            StepStatus::Doubtful => doubtful += 1,
            StepStatus::Running
            | StepStatus::Asking
            | StepStatus::Acting
            | StepStatus::Acted
            | StepStatus::Inside => {}
        }
    }
    let parts: Vec<String> = [
        (failures, "failed"),
        (cancelled, "cancelled"),
        (skips, "not run"),
        (doubtful, "not known"),
        (pending, "never reached"),
        (
            (total - done).saturating_sub(failures + cancelled + skips + doubtful + pending),
            "under way at the last record",
        ),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!(", {number} {what}"))
    .collect();
    let steps = if total == 1 { "step" } else { "steps" };
    let were = if done == 1 || total == 1 { "was" } else { "were" };
    format!("{done} of {total} {steps} {were} done{}.", parts.concat())
}

fn stopped(story: &Story<'_>, stop: &Stop, page: &mut Page) {
    let text = cause(story, None, stop);
    let later = story.state.stop().filter(|last| *last != stop);
    if let Some(StopCause::Person { by }) = later.map(|last| &last.cause) {
        let by = code(by);
        page.paragraph(&format!("{text} Later {by} wanted what had been changed undone."));
        return;
    }
    let then = match stop.then {
        OnFailure::Rollback if story.rolled_back() => {
            " The run then turned to undoing what had been changed."
        }
        OnFailure::Rollback if story.state.outcome().is_none() => {
            " What had been changed was then to be undone, but no record says that this began."
        }
        OnFailure::Rollback => "",
        OnFailure::Hold if story.run.wanted.no_rollback => {
            " What had been changed stays, since that was asked for (`--no-rollback`)."
        }
        OnFailure::Hold => " What had been changed stays, since that is what the runbook says (`hold`).",
        OnFailure::Continue => " The run was to go on.",
    };
    page.paragraph(&format!("{text}{then}"));
}

/// What stopped the run, or the sub-runbook within a step, in sentences.
pub(super) fn cause(story: &Story<'_>, within: Option<&str>, stop: &Stop) -> String {
    match &stop.cause {
        StopCause::StepFailed { step } => step_failed(story, step),
        StopCause::Rejected { step } => {
            let known = story.state.step(step).and_then(|step| step.approval.as_ref());
            let by = known.map_or_else(String::new, |(_, by, how)| {
                format!(" by {} ({})", inline(by), inline(how))
            });
            format!("The approval of {} was refused{by}.", named(story, step))
        }
        StopCause::VerifyFailed { check } => {
            let (check, reading) = of_check(story, within, CheckRole::Verify, check);
            format!("The final check {check} did not pass{reading}.")
        }
        StopCause::GuardTripped { check } => {
            let (check, reading) = of_check(story, within, CheckRole::Guard, check);
            format!("The guard {check} tripped{reading}.")
        }
        StopCause::TimedOut => {
            let outline = match within.and_then(|owner| story.step(owner)) {
                Some(owner) => story.course(&owner).map(|course| &*course.outline),
                None => Some(&story.run.outline),
            };
            let most = outline.and_then(|outline| outline.timeout_ms);
            let most = most.map_or_else(String::new, |ms| format!(" of {}", duration(ms)));
            format!("It took longer than its `timeout`{most}.")
        }
        StopCause::Parent => "What it is a part of stopped.".to_owned(),
        StopCause::Person { by } => format!("{} wanted it undone.", code(by)),
        StopCause::Signal { name } => format!("The signal {} stopped the run.", code(name)),
    }
}

/// What a runbook's own check is called, and the reading that decided it.
fn of_check(story: &Story<'_>, within: Option<&str>, role: CheckRole, check: &str) -> (String, String) {
    let mut known = story.checks_for(within, role);
    match known.find(|(site, _)| site.check == check) {
        Some((site, state)) => {
            let title = inline(&check_title(site, &story.state));
            (format!("“{title}”"), last_reading(state))
        }
        None => (code(check), String::new()),
    }
}

fn step_failed(story: &Story<'_>, id: &str) -> String {
    let failure = story.state.step(id).and_then(|step| step.failure.as_ref());
    let mut text = format!(
        "The step {} {}",
        named(story, id),
        failure.map_or("failed", failed_word)
    );
    if let Some(failure) = failure {
        text.push_str(": ");
        text.push_str(&inline(&failed(failure)));
    }
    text.push('.');
    for (site, state) in story
        .checks_of(id)
        // Before its action a gate may well not have passed.
        .filter(|(site, state)| state.verdict != Some(Verdict::Pass) && site.role != CheckRole::Decide)
    {
        let what = match site.role {
            CheckRole::Require => "What it requires",
            CheckRole::Undone => "What proves its undo",
            CheckRole::Row => "Its check",
            CheckRole::Gate
            | CheckRole::Detect
            | CheckRole::Baseline
            | CheckRole::Guard
            | CheckRole::Decide
            | CheckRole::Verify => "Its gate",
        };
        let how = match state.verdict {
            Some(Verdict::Error) => "could not be asked",
            Some(Verdict::Pass | Verdict::Fail) => "did not pass",
            None => "was not decided",
        };
        let title = inline(&check_title(site, &story.state));
        text.extend([" ", what, ", “", &title, "”, ", how, &last_reading(state), "."]);
    }
    let step = story.step(id);
    let course = step.and_then(|step| story.course(&step));
    if let Some(stop) = course.and_then(|course| course.stop.as_ref()) {
        text.extend([" In its runbook: ", &cause(story, Some(id), stop)]);
    }
    text
}

/// A step's title, and its id.
pub(super) fn named(story: &Story<'_>, id: &str) -> String {
    story.step(id).map_or_else(|| code(id), |step| title(&step))
}

/// A step's title, and its id.
pub(super) fn title(step: &Step<'_>) -> String {
    if step.outline.title == step.state.id {
        code(&step.state.id)
    } else {
        format!("“{}” ({})", inline(&step.outline.title), code(&step.state.id))
    }
}

fn undone(story: &Story<'_>, page: &mut Page) {
    let with = |status: UndoStatus| story.undone().filter(move |step| step.state.undo == status);
    let undone: Vec<String> = with(UndoStatus::Undone).map(|step| title(&step)).collect();
    if undone.is_empty() {
        page.paragraph("Nothing was undone.");
    } else {
        page.paragraph(&format!("Undone, in this order: {}.", undone.join(", ")));
    }
    let failed: Vec<String> = with(UndoStatus::Failed).map(|step| title(&step)).collect();
    if !failed.is_empty() {
        page.paragraph(&format!(
            "**Could not be undone**: {}. See [To do by hand](#to-do-by-hand).",
            failed.join(", ")
        ));
    }
    let kept: Vec<String> = story
        .steps()
        .filter(|step| step.state.undo == UndoStatus::Kept)
        .map(|step| format!("{}: {}", title(&step), inline(&why_kept(&step.outline.undo))))
        .collect();
    if !kept.is_empty() {
        page.paragraph("Kept as it was done:");
        page.list(&kept);
    }
}

fn held(story: &Story<'_>, page: &mut Page) {
    let stays: Vec<String> = story
        .changed()
        .filter(|step| step.state.undo != UndoStatus::Undone)
        .map(|step| title(&step))
        .collect();
    if stays.is_empty() {
        page.paragraph("Nothing had been changed.");
    } else {
        page.paragraph(&format!("What was attempted stays: {}.", stays.join(", ")));
    }
}

fn cleanup(story: &Story<'_>, page: &mut Page) {
    let failures: Vec<String> = story
        .steps()
        .filter(|step| step.part == Part::Finally)
        .filter_map(|step| {
            let failure = step.state.failure.as_ref()?;
            Some(format!("{}: {}", title(&step), inline(&failed(failure))))
        })
        .collect();
    if !failures.is_empty() {
        page.paragraph("The clean-up (`finally`) did not succeed in:");
        page.list(&failures);
    }
    let skips: Vec<String> = story
        .steps()
        .filter_map(|step| {
            let reason = step.state.skipped.as_ref()?;
            Some(format!("{}: {}", title(&step), inline(&skipped(reason))))
        })
        .collect();
    if !skips.is_empty() {
        page.paragraph("Steps that were not run:");
        page.list(&skips);
    }
}

fn ended(story: &Story<'_>, page: &mut Page) {
    let text = if let (Some(outcome), Some(at)) = (story.state.outcome(), story.state.ended_at()) {
        let span = took(story);
        format!(
            "The run ended at {}{span}: {}.",
            date_time(at),
            inline(outcome.meaning())
        )
    } else {
        let last = date_time(story.last_at());
        format!("Its last record is of {last}. It has no end: the run is still running or was killed.")
    };
    page.paragraph(&text);
}

/// How long the run took, as the end of a sentence.
fn took(story: &Story<'_>) -> String {
    story
        .elapsed_ms()
        .map_or_else(String::new, |ms| format!(" after {}", duration(ms)))
}
