//! The run as it goes, on a terminal or as plain lines.
//!
//! [`lines`] says in which words and colours; [`Screen`] puts finished lines out and, on a terminal, keeps a
//! moving line for each step and check that is under way.

mod lines;
mod screen;

pub(crate) use self::screen::Screen;

use std::collections::HashMap;

use runbook_action::Stream;
use runbook_event::{CheckSite, Event, Observer, Progress, Record, RunState};
use runbook_report::{check_title, deed, reading as words, step_title, visible};

use self::lines::finished;
use crate::term::{DIM, styled};

/// Watches a run and shows it.
pub(crate) struct View {
    screen: Screen,
    shows_output: bool,
    partial: HashMap<(String, Stream), Vec<u8>>,
}

impl View {
    pub(crate) fn new(screen: Screen, shows_output: bool) -> Self {
        Self {
            screen,
            shows_output,
            partial: HashMap::new(),
        }
    }

    fn output(&mut self, step: &str, stream: Stream, bytes: &[u8]) {
        let partial = self.partial.entry((step.to_owned(), stream)).or_default();
        partial.extend_from_slice(bytes);
        while let Some(end) = partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = partial.drain(..=end).collect();
            self.screen.line(&output_line(step, &line));
        }
    }

    /// What a step printed without a line's end is shown when its attempt ends.
    fn flush(&mut self, step: &str) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some(rest) = self
                .partial
                .remove(&(step.to_owned(), stream))
                .filter(|rest| !rest.is_empty())
            {
                self.screen.line(&output_line(step, &rest));
            }
        }
    }
}

fn output_line(step: &str, line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    format!(
        "    {} {}",
        styled(DIM, &format!("{step} │")),
        visible(text.trim_end_matches(['\n', '\r']))
    )
}

fn key(site: &CheckSite) -> String {
    format!(
        "{:?}/{}/{}",
        site.role,
        site.step.as_deref().unwrap_or_default(),
        site.check
    )
}

impl Observer for View {
    fn event(&mut self, record: &Record, state: &RunState) {
        match &record.event {
            Event::StepStarted { step } | Event::UndoStarted { step, .. } => {
                self.screen.begin(step, &step_title(step, state));
            }
            Event::AttemptStarted { step, .. } | Event::ApprovalAsked { step, .. } => {
                self.screen.update(step, &deed(&record.event, state));
            }
            Event::AttemptEnded { step, .. } => self.flush(step),
            Event::StepDone { step }
            | Event::StepFailed { step, .. }
            | Event::StepSkipped { step, .. }
            | Event::UndoEnded { step, .. } => {
                self.flush(step);
                self.screen.end(step);
            }
            Event::CheckStarted { site } => self.screen.begin(&key(site), &check_title(site, state)),
            Event::CheckRead { site, reading } => self.screen.update(&key(site), &words(reading)),
            Event::CheckEnded { site, .. } => self.screen.end(&key(site)),
            Event::RunStarted(_)
            | Event::PhaseStarted { .. }
            | Event::ApprovalAnswered { .. }
            | Event::BeforeTaken { .. }
            | Event::Captured { .. }
            | Event::Stopping { .. }
            | Event::RunEnded { .. } => {}
        }
        for line in finished(&record.event, state) {
            self.screen.line(&line);
        }
    }

    fn progress(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Reading { site, reading } => {
                self.screen.update(&key(site), &words(reading));
            }
            Progress::Output { step, stream, bytes } => {
                if self.shows_output {
                    self.output(step, *stream, bytes);
                }
            }
        }
    }
}
