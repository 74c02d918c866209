//! In which words and colours an event is shown.

mod ended;
mod step;
#[cfg(test)]
mod tests;
mod under_way;

use runbook_event::{
    CheckRole, CheckSite, Event, Notice, Phase, Reading, RunState, StepStatus, StopCause, Verdict,
};
use runbook_report::{
    assumed, check_title, depth, describe, duration, reading as words, step_title, visible,
};

use self::under_way::UnderWay;
use crate::term::{BAD, BOLD, DIM, GOOD, WARN, styled};

/// Says what is shown of each event for good. Many have nothing: what matters is how things begin and end.
#[derive(Default)]
pub(super) struct Lines {
    under_way: UnderWay,
}

impl Lines {
    pub(super) fn finished(&mut self, event: &Event, state: &RunState) -> Vec<String> {
        self.under_way.note(event, state);
        match event {
            Event::RunStarted(_) | Event::RunResumed(_) => begun(event, state),
            // The parts of the run are headings, and the steps of a sub-runbook tell of themselves.
            Event::PhaseStarted { within: None, .. }
            | Event::PhaseStarted {
                phase: Phase::Steps, ..
            }
            | Event::CheckStarted { .. } => Vec::new(),
            Event::PhaseStarted { within, .. } => {
                vec![styled(
                    DIM,
                    &format!(
                        "{}{}",
                        self.nested(within.as_deref(), state),
                        describe(event, state)
                    ),
                )]
            }
            Event::CheckRead { site, reading } => self.reading_of(site, reading, state),
            Event::CheckEnded {
                site,
                verdict,
                readings,
                elapsed_ms,
                ..
            } => {
                let times = if *readings == 1 {
                    String::new()
                } else {
                    format!("{readings} readings, ")
                };
                let took = format!("{times}{}", duration(*elapsed_ms));
                self.check_ended(site, *verdict, &took, state)
            }
            Event::Stopping { within, stop } => self.stopping(within.as_deref(), &stop.cause, event, state),
            Event::Noted { notice } => vec![noted(notice, &describe(event, state))],
            Event::Note(_) => vec![format!("  {} {}", styled(BOLD, "✎"), describe(event, state))],
            Event::RunEnded { outcome, .. } => ended::lines(*outcome, &describe(event, state), state),
            Event::StepStarted { .. }
            | Event::StepSkipped { .. }
            | Event::Entered { .. }
            | Event::TimedOut { .. }
            | Event::ApprovalAsked { .. }
            | Event::ApprovalAnswered { .. }
            | Event::BeforeTaken { .. }
            | Event::AttemptStarted { .. }
            | Event::HandleKept { .. }
            | Event::AttemptEnded { .. }
            | Event::RetryPlanned { .. }
            | Event::ThenStarted { .. }
            | Event::ThenEnded { .. }
            | Event::Adopted { .. }
            | Event::Doubted { .. }
            | Event::StepDone { .. }
            | Event::StepFailed { .. }
            | Event::UndoStarted { .. }
            | Event::UndoRetried { .. }
            | Event::UndoEnded { .. }
            | Event::RunbookEnded { .. } => self.of_step(event, state),
        }
    }

    /// A reading that is no pass: what the gate still waits for.
    fn reading_of(&self, site: &CheckSite, read: &Reading, state: &RunState) -> Vec<String> {
        // Of these each reading is told where it is decided.
        let once = match site.role {
            CheckRole::Detect | CheckRole::Baseline | CheckRole::Decide | CheckRole::Row => true,
            CheckRole::Guard
            | CheckRole::Require
            | CheckRole::Gate
            | CheckRole::Undone
            | CheckRole::Verify => false,
        };
        if once || read.verdict == Verdict::Pass {
            return Vec::new();
        }
        let guard = if site.role == CheckRole::Guard {
            "guard: "
        } else {
            ""
        };
        let text = format!(
            "{}… {guard}{}: {}",
            self.nested(owner(site), state),
            check_title(site, state),
            words(read)
        );
        vec![styled(DIM, &text)]
    }

    fn check_ended(&self, site: &CheckSite, verdict: Verdict, took: &str, state: &RunState) -> Vec<String> {
        let last = state.checks().get(site).and_then(|check| check.last());
        let warned = last.is_some_and(|last| last.warned);
        let mark = match (site.role, verdict) {
            (CheckRole::Row, Verdict::Pass) if warned => styled(WARN, "!"),
            (
                CheckRole::Gate | CheckRole::Require | CheckRole::Undone | CheckRole::Row | CheckRole::Verify,
                Verdict::Pass,
            ) => styled(GOOD, "✓"),
            // The step's own failure says it, or what stops the run, with the reading. A guard that holds is silent, and
            // so is what a gate reads before the action.
            (CheckRole::Gate | CheckRole::Require | CheckRole::Undone, Verdict::Fail | Verdict::Error)
            | (CheckRole::Guard | CheckRole::Decide, _) => return Vec::new(),
            (CheckRole::Baseline, Verdict::Pass) => styled(DIM, "· yes"),
            (CheckRole::Baseline, Verdict::Fail) => styled(DIM, "· no "),
            (CheckRole::Baseline, Verdict::Error) => styled(DIM, "· error"),
            (CheckRole::Detect, Verdict::Pass) => styled(GOOD, "yes"),
            (CheckRole::Detect, Verdict::Fail) => styled(WARN, "no "),
            (CheckRole::Verify | CheckRole::Row, Verdict::Fail)
            | (CheckRole::Detect | CheckRole::Verify | CheckRole::Row, Verdict::Error) => styled(BAD, "✗"),
        };
        let detail = last.map_or_else(String::new, |last| visible(&last.detail));
        let detail = styled(DIM, &format!("{detail} ({took})"));
        let indent = match owner(site) {
            None => "  ".to_owned(),
            some @ Some(_) => self.nested(some, state),
        };
        vec![format!("{indent}{mark} {}: {detail}", check_title(site, state))]
    }

    fn stopping(
        &self,
        within: Option<&str>,
        cause: &StopCause,
        event: &Event,
        state: &RunState,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        // What it is a part of has said it.
        if *cause != StopCause::Parent {
            let indent = match within {
                None => "  ".to_owned(),
                some @ Some(_) => self.nested(some, state),
            };
            lines.push(format!(
                "{indent}{} {}",
                styled(WARN, "!"),
                describe(event, state)
            ));
        }
        if within.is_none() && matches!(cause, StopCause::Signal { .. }) {
            lines.push(styled(DIM, "    a second signal ends at once, a third leaves"));
        }
        lines
    }

    /// The indentation of what belongs to a step. Where several are under way, the step's id stands before it.
    fn nested(&self, step: Option<&str>, state: &RunState) -> String {
        match step {
            Some(id) if self.under_way.are_several() => {
                format!(
                    "{}    {} ",
                    indent(id, state),
                    styled(DIM, &format!("{} │", visible(id)))
                )
            }
            Some(id) => format!("{}    ", indent(id, state)),
            None => "    ".to_owned(),
        }
    }
}

/// The indentation of a step: deeper, the more steps it stands within.
fn indent(step: &str, state: &RunState) -> String {
    "  ".repeat(1 + depth(step, state))
}

/// The step that a check belongs to, or whose sub-runbook it does.
fn owner(site: &CheckSite) -> Option<&str> {
    site.step.as_deref().or(site.within.as_deref())
}

/// What the run is of, and who started it or goes on with it.
fn begun(event: &Event, state: &RunState) -> Vec<String> {
    let Some(run) = state.run() else {
        return Vec::new();
    };
    let book = &run.runbook;
    let parts = [
        Some(book.name.as_str()),
        Some(&book.version),
        book.severity.as_deref(),
        run.environment.as_deref(),
        run.practice.as_deref().map(|_| "practice"),
    ];
    let about: Vec<&str> = parts.into_iter().flatten().collect();
    let about = styled(DIM, &visible(&about.join(" · ")));
    let mut lines = vec![format!("{}  {about}", styled(BOLD, &visible(&book.title)))];
    if let Event::RunResumed(resumed) = event {
        lines.push(styled(
            DIM,
            &format!("run {}: {}", visible(&run.run), runbook_report::resumed(resumed)),
        ));
        let said = resumed.assumed.iter();
        lines.extend(said.map(|word| format!("  {} {}", styled(WARN, "!"), assumed(word, state))));
        lines.extend(taken_up(state));
    } else {
        lines.push(styled(DIM, &describe(event, state)));
    }
    lines
}

/// The steps that were under way, since they go on without a beginning.
fn taken_up(state: &RunState) -> Vec<String> {
    let order = state.in_order().into_iter();
    order
        .filter_map(|(_, at)| state.steps().get(at))
        .filter(|step| step.status != StepStatus::Pending && !step.status.is_settled())
        .map(|step| {
            let title = step_title(&step.id, state);
            format!("{}{} {title}: goes on", indent(&step.id, state), styled(DIM, "○"))
        })
        .collect()
}

fn noted(notice: &Notice, text: &str) -> String {
    match notice {
        Notice::SecretChanged { .. } | Notice::Unlocked { .. } => {
            format!("  {} {text}", styled(WARN, "!"))
        }
        Notice::TerminalGone { .. }
        | Notice::Settled { .. }
        | Notice::Mended { .. }
        | Notice::Section { .. } => styled(DIM, &format!("  · {text}")),
    }
}
