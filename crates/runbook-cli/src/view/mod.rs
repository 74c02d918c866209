//! The run as it goes, on a terminal or as plain lines.
//!
//! [`lines`] says in which words and colours; [`Screen`] puts finished lines out and, on a terminal, keeps a
//! moving line for each step and check that is under way.

mod lines;
mod screen;
mod spark;
mod status;

pub(crate) use self::screen::Screen;

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use jiff::Timestamp;
use runbook_action::Stream;
use runbook_event::{
    CheckRole, CheckSite, Event, Notice, Observer, Progress, Reading, Record, RunState, StepStatus,
};
use runbook_report::{check_title, deed, describe, reading as words, step_title, visible};

use self::lines::Lines;
use self::spark::Spark;
use self::status::{Status, due};
use crate::clock::now;
use crate::term::{DIM, styled};

/// The longest line of output that is shown as one, in bytes.
const LINE: usize = 8 * 1024;

/// Watches a run and shows it.
pub(crate) struct View {
    screen: Screen,
    lines: Lines,
    shows_output: bool,
    /// Whether questions are shown here by whoever asks them.
    asks_here: bool,
    /// Whether it is shown on a terminal, which may go away.
    on_terminal: bool,
    partial: HashMap<(String, Stream), Vec<u8>>,
    /// The readings of each check that is being asked.
    sparks: HashMap<String, Spark>,
    status: Status,
    /// Since when it is shown once more, if it was long ago.
    replay: Option<Timestamp>,
}

impl View {
    pub(crate) fn new(screen: Screen, shows_output: bool, asks_here: bool) -> Self {
        Self {
            screen,
            lines: Lines::default(),
            shows_output,
            asks_here,
            on_terminal: std::io::stdout().is_terminal(),
            partial: HashMap::new(),
            sparks: HashMap::new(),
            status: Status::default(),
            replay: None,
        }
    }

    /// The same for a run of the past, as if it went on now.
    pub(crate) fn replaying(mut self) -> Self {
        self.replay = Some(now());
        self
    }

    fn output(&mut self, step: &str, stream: Stream, bytes: &[u8]) {
        let partial = self.partial.entry((step.to_owned(), stream)).or_default();
        // One write for all lines of a piece: a program that prints much is not slowed down more than it must.
        let lines: Vec<String> = split(partial, bytes)
            .iter()
            .map(|line| output_line(step, line))
            .collect();
        if !lines.is_empty() {
            self.screen.line(&lines.join("\n"));
        }
    }

    /// What is under way has a moving line. What only holds others has none: they have.
    fn moving(&mut self, record: &Record, state: &RunState) {
        let (event, age) = (&record.event, self.age(record.at));
        match event {
            Event::StepStarted { step } => {
                let begun = state
                    .step(step)
                    .is_some_and(|step| step.status == StepStatus::Running);
                if begun {
                    self.screen.begin(step, &step_title(step, state), age);
                }
            }
            Event::UndoStarted { step, .. } => self.screen.begin(step, &step_title(step, state), age),
            // A step that was under way when the run ended goes on without a beginning.
            Event::RunResumed(_) => {
                let lost = state.lost().iter().filter_map(|at| state.steps().get(*at));
                lost.for_each(|step| self.screen.begin(&step.id, &step_title(&step.id, state), age));
            }
            Event::AttemptStarted { step, .. }
            | Event::RetryPlanned { step, .. }
            | Event::ThenStarted { step, .. }
            | Event::Adopted { step, .. }
            | Event::UndoRetried { step, .. } => self.screen.update(step, &deed(event, state)),
            Event::ApprovalAsked { step, .. } => self.screen.update(step, "waits for an answer"),
            Event::AttemptEnded { step, .. } | Event::ThenEnded { step, .. } => self.flush(step),
            Event::Entered { step, .. } => self.screen.end(step),
            Event::StepDone { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepSkipped { step, .. }
            | Event::Doubted { step, .. }
            | Event::UndoEnded { step, .. } => {
                self.flush(step);
                self.screen.end(step);
            }
            // A guard is asked all the time.
            Event::CheckStarted { site } if site.role == CheckRole::Guard => {}
            Event::CheckStarted { site } => self.screen.begin(&key(site), &check_title(site, state), age),
            Event::CheckRead { site, reading } => self.read(site, reading),
            Event::CheckEnded { site, .. } => {
                self.sparks.remove(&key(site));
                self.screen.end(&key(site));
            }
            Event::RunStarted(_)
            | Event::PhaseStarted { .. }
            | Event::TimedOut { .. }
            | Event::ApprovalAnswered { .. }
            | Event::BeforeTaken { .. }
            | Event::HandleKept { .. }
            | Event::Stopping { .. }
            | Event::RunbookEnded { .. }
            | Event::Noted { .. }
            | Event::Note(_)
            | Event::RunEnded { .. } => {}
        }
    }

    /// What a check has read, and before it what it read the last times.
    pub(crate) fn read(&mut self, site: &CheckSite, reading: &Reading) {
        // A guard has no line of its own.
        if site.role == CheckRole::Guard {
            return;
        }
        let spark = self.sparks.entry(key(site)).or_default();
        spark.push(reading.value.as_ref());
        let parts = [spark.text(), words(reading)];
        let parts: Vec<&str> = parts
            .iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        self.screen.update(&key(site), &parts.join(" "));
    }

    /// How long ago something happened that is shown now.
    fn age(&self, at: Timestamp) -> Duration {
        if self.replay.is_some() {
            return Duration::ZERO;
        }
        Duration::try_from(now().duration_since(at)).unwrap_or_default()
    }

    /// What is shown of the run as a whole.
    fn frame(&mut self, record: &Record, state: &RunState) {
        let event = &record.event;
        if let Event::RunEnded { .. } = event {
            self.screen.ungroup();
            self.screen.end_status();
            return;
        }
        let is_question = matches!(
            event,
            Event::ApprovalAsked { .. } | Event::ApprovalAnswered { .. }
        );
        if let Some(text) = self.status.of(state, now(), is_part(event) || is_question) {
            let since = self.replay.or(state.started_at()).unwrap_or(record.at);
            let due = due(state).filter(|_| self.replay.is_none());
            self.screen.status(since, text, due);
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

/// The lines that are whole now, each looked at once; the rest stays in `partial`. A line that is too long
/// is cut into several.
fn split(partial: &mut Vec<u8>, bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        let mut piece = piece;
        while partial.len() + piece.len() > LINE {
            let (head, rest) = piece.split_at(LINE - partial.len());
            partial.extend_from_slice(head);
            lines.push(std::mem::take(partial));
            piece = rest;
        }
        partial.extend_from_slice(piece);
        if partial.ends_with(b"\n") {
            lines.push(std::mem::take(partial));
        }
    }
    lines
}

fn output_line(step: &str, line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    format!(
        "    {} {}",
        styled(DIM, &format!("{} │", visible(step))),
        visible(text.trim_end_matches(['\n', '\r']))
    )
}

/// Whether a part of the run begins, and not one of a sub-runbook.
const fn is_part(event: &Event) -> bool {
    matches!(event, Event::PhaseStarted { within: None, .. })
}

fn key(site: &CheckSite) -> String {
    format!(
        "{:?}/{}/{}/{}",
        site.role,
        site.within.as_deref().unwrap_or_default(),
        site.step.as_deref().unwrap_or_default(),
        site.check
    )
}

impl Observer for View {
    fn event(&mut self, record: &Record, state: &RunState) {
        if matches!(
            record.event,
            Event::Noted {
                notice: Notice::TerminalGone { .. }
            }
        ) && self.on_terminal
            && !std::io::stdout().is_terminal()
        {
            self.screen.leave();
        }
        self.frame(record, state);
        self.moving(record, state);
        if self.asks_here && matches!(record.event, Event::ApprovalAsked { .. }) {
            return;
        }
        let lines = self.lines.finished(&record.event, state);
        // The group has the title of the part.
        if is_part(&record.event) && self.screen.group(&describe(&record.event, state)) {
            return;
        }
        for line in lines {
            self.screen.line(&line);
        }
    }

    fn progress(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Reading { site, reading } => self.read(site, reading),
            Progress::Output { step, stream, bytes } => {
                if self.shows_output {
                    self.output(step, *stream, bytes);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE, split};

    #[test]
    fn output_is_shown_line_by_line() {
        let mut partial = Vec::new();
        assert!(split(&mut partial, b"one").is_empty());
        assert_eq!(
            split(&mut partial, b"\n\ntwo\nthr"),
            [&b"one\n"[..], b"\n", b"two\n"]
        );
        assert_eq!(split(&mut partial, b"ee\n"), [b"three\n"]);
        assert!(partial.is_empty());
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let mut partial = b"x".to_vec();
        let lines = split(&mut partial, &vec![b'x'; 3 * LINE]);
        assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [LINE; 3]);
        assert_eq!(partial, b"x");
    }
}
