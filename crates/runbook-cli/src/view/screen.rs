//! Finished lines, and a moving line for each thing that is under way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::status::{clock, left};
use crate::clock::now;
use crate::term;

/// How often the moving lines move.
const TICK: Duration = Duration::from_millis(120);

/// How many lines are kept back while a question is open. Of more, the last are kept.
const KEPT_BACK: usize = 10_000;

/// Where a run is shown. Clones show at the same place.
#[derive(Clone)]
pub(crate) struct Screen {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    kind: Kind,
    moving: IndexMap<String, (ProgressBar, String)>,
    /// The last line of the terminal.
    status: Option<ProgressBar>,
    /// Whether a group of lines is open, where lines are grouped.
    is_in_group: bool,
    /// The lines that came while a question is open.
    back: Option<Back>,
}

#[derive(Default)]
struct Back {
    lines: VecDeque<String>,
    /// How many more there were.
    lost: usize,
}

impl Back {
    fn keep(&mut self, line: &str) {
        if self.lines.len() >= KEPT_BACK {
            self.lines.pop_front();
            self.lost += 1;
        }
        self.lines.push_back(line.to_owned());
    }
}

#[derive(Clone)]
enum Kind {
    /// Lines and moving lines on the output, which is a terminal.
    Live(MultiProgress),
    /// Lines on the output.
    Plain,
    /// Lines on the output, which a job of GitHub folds in groups.
    Grouped,
    /// Nothing: the output belongs to something else.
    Silent,
}

impl Screen {
    /// A terminal gets moving lines, a job of GitHub groups of lines, anything else plain ones.
    pub(crate) fn on_output(is_terminal: bool, is_on_github: bool) -> Self {
        let live = || Kind::Live(MultiProgress::with_draw_target(ProgressDrawTarget::stdout()));
        Self::of(match (is_terminal, is_on_github) {
            (true, _) => live(),
            (false, true) => Kind::Grouped,
            (false, false) => Kind::Plain,
        })
    }

    /// Shows nothing.
    pub(crate) fn silent() -> Self {
        Self::of(Kind::Silent)
    }

    fn of(kind: Kind) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                kind,
                moving: IndexMap::new(),
                status: None,
                is_in_group: false,
                back: None,
            })),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether nothing is shown.
    pub(crate) fn is_silent(&self) -> bool {
        self.with(|inner| matches!(inner.kind, Kind::Silent))
    }

    /// The terminal is gone: nothing more is shown.
    pub(crate) fn leave(&self) {
        self.with(|inner| {
            if let Kind::Live(progress) = &inner.kind {
                progress.set_draw_target(ProgressDrawTarget::hidden());
                inner.bars().for_each(ProgressBar::disable_steady_tick);
            }
            inner.moving.clear();
            inner.status = None;
            inner.kind = Kind::Silent;
        });
    }

    /// Nothing more is shown: what is under way goes on without being watched.
    pub(crate) fn leave_quietly(&self) {
        self.ungroup();
        self.end_status();
        self.with(|inner| {
            inner
                .moving
                .drain(..)
                .for_each(|(_, (bar, _))| bar.finish_and_clear());
        });
    }

    /// Shows a line for good. While a question is open it is kept back.
    pub(crate) fn line(&self, line: &str) {
        self.with(|inner| match (&inner.kind, &mut inner.back) {
            (Kind::Silent, _) => {}
            (Kind::Live(_) | Kind::Plain | Kind::Grouped, Some(back)) => back.keep(line),
            (Kind::Live(progress), None) => {
                let line = term::width().map_or_else(|| line.to_owned(), |columns| wrapped(line, columns));
                progress.suspend(|| term::print(&line));
            }
            (Kind::Plain, None) => term::print(line),
            (Kind::Grouped, None) => term::print(&no_command(line)),
        });
    }

    /// The lines that follow are about this, up to the next.
    pub(crate) fn heading(&self, title: &str, plain: &str) {
        self.ungroup();
        let is_grouped = self.with(|inner| {
            inner.is_in_group = matches!(inner.kind, Kind::Grouped);
            inner.is_in_group
        });
        if is_grouped {
            term::print(&format!("::group::{}", no_command(plain)));
        } else {
            self.line("");
            self.line(title);
        }
    }

    /// The lines that follow stand for themselves.
    pub(crate) fn ungroup(&self) {
        if self.with(|inner| std::mem::take(&mut inner.is_in_group)) {
            term::print("::endgroup::");
        }
    }

    /// What the last line of the terminal says: since when it goes on, this, and how long it may.
    pub(crate) fn status(&self, since: Timestamp, text: &str, due: Option<Timestamp>) {
        self.with(|inner| {
            let Kind::Live(progress) = &inner.kind else { return };
            let is_still = inner.back.is_some();
            let bar = inner.status.get_or_insert_with(|| {
                let bar = progress.add(ProgressBar::new_spinner().with_style(last_line(since, due)));
                if !is_still {
                    bar.enable_steady_tick(TICK);
                }
                bar
            });
            bar.set_message(text.to_owned());
        });
    }

    /// There is no last line any more.
    pub(crate) fn end_status(&self) {
        if let Some(bar) = self.with(|inner| inner.status.take()) {
            bar.finish_and_clear();
        }
    }

    /// Something is under way, and has been for this long.
    pub(crate) fn begin(&self, key: &str, title: &str, elapsed: Duration) {
        self.with(|inner| {
            if let Kind::Live(progress) = &inner.kind {
                let bar = ProgressBar::new_spinner()
                    .with_style(style())
                    .with_elapsed(elapsed);
                let bar = match &inner.status {
                    Some(status) => progress.insert_before(status, bar),
                    None => progress.add(bar),
                };
                bar.set_message(title.to_owned());
                if inner.back.is_none() {
                    bar.enable_steady_tick(TICK);
                }
                inner.moving.insert(key.to_owned(), (bar, title.to_owned()));
            }
        });
    }

    /// What is under way has come further.
    pub(crate) fn update(&self, key: &str, text: &str) {
        self.with(|inner| {
            if let Some((bar, title)) = inner.moving.get(key) {
                bar.set_message(format!("{}: {text}", shortened(title)));
            }
        });
    }

    /// What was under way is over.
    pub(crate) fn end(&self, key: &str) {
        self.with(|inner| {
            if let Some((bar, _)) = inner.moving.shift_remove(key) {
                bar.finish_and_clear();
            }
        });
    }

    /// Holds everything still, since somebody is to type.
    pub(crate) fn pause(&self) {
        self.with(|inner| {
            inner.back.get_or_insert_default();
            if let Kind::Live(progress) = &inner.kind {
                inner.bars().for_each(ProgressBar::disable_steady_tick);
                drop(progress.clear());
                progress.set_draw_target(ProgressDrawTarget::hidden());
            }
        });
    }

    /// Goes on after a pause, and shows what was kept back.
    pub(crate) fn resume(&self) {
        self.with(|inner| {
            if let Some(back) = inner.back.take() {
                if back.lost > 0 {
                    term::print(&format!("… {} lines are not shown", back.lost));
                }
                back.lines.iter().for_each(|line| term::print(line));
            }
            if let Kind::Live(progress) = &inner.kind {
                progress.set_draw_target(ProgressDrawTarget::stdout());
                inner.bars().for_each(|bar| bar.enable_steady_tick(TICK));
            }
        });
    }
}

impl Inner {
    fn bars(&self) -> impl Iterator<Item = &ProgressBar> {
        let moving = self.moving.values().map(|(bar, _)| bar);
        moving.chain(&self.status)
    }
}

/// A title that leaves room for how far it has come.
fn shortened(title: &str) -> String {
    let room = term::width().map_or(usize::MAX, |columns| columns / 2);
    match title.char_indices().nth(room) {
        Some((end, _)) => format!("{}…", title.get(..end).unwrap_or_default()),
        None => title.to_owned(),
    }
}

/// The line with breaks between words where the terminal ends, and what follows as far to the right as it begins.
fn wrapped(line: &str, columns: usize) -> String {
    if textwrap::core::display_width(line) <= columns {
        return line.to_owned();
    }
    let shown = anstream::adapter::strip_str(line).to_string();
    let spaces = shown.len() - shown.trim_start_matches(' ').len();
    // A narrow terminal has no room for much of that.
    let indent = " ".repeat((spaces + 2).min(columns / 4));
    let options = textwrap::Options::new(columns).subsequent_indent(&indent);
    textwrap::fill(line, options)
}

/// The line without what a job of GitHub would take for a command.
fn no_command(line: &str) -> String {
    let line = line.replace("##[", "## [");
    match line.trim_start().strip_prefix("::") {
        Some(rest) => format!(": :{rest}"),
        None => line,
    }
}

fn last_line(since: Timestamp, due: Option<Timestamp>) -> ProgressStyle {
    let passed = move |_: &indicatif::ProgressState, to: &mut dyn std::fmt::Write| {
        let seconds = u64::try_from(now().duration_since(since).as_secs()).unwrap_or_default();
        let _full = to.write_str(&clock(seconds));
    };
    let rest = move |_: &indicatif::ProgressState, to: &mut dyn std::fmt::Write| {
        if let Some(due) = due {
            let _full = to.write_str(&format!(" · {}", left(due, now())));
        }
    };
    ProgressStyle::with_template("  {passed:.bold} {msg}{rest}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("passed", passed)
        .with_key("rest", rest)
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner:.cyan} {wide_msg} {elapsed:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::{Back, KEPT_BACK, no_command, wrapped};

    #[test]
    fn lines_are_broken_between_words_and_stay_where_they_are() {
        let line = "    \u{1b}[33m▸\u{1b}[0m one two three four five";
        assert_eq!(wrapped(line, 40), line);
        assert_eq!(
            wrapped(line, 24),
            "    \u{1b}[33m▸\u{1b}[0m one two three\n      four five"
        );
        let long = format!("  {}", "x".repeat(50));
        assert!(wrapped(&long, 40).lines().all(|line| line.len() <= 40));
    }

    #[test]
    fn nothing_that_a_run_says_is_a_command_of_github() {
        assert_eq!(no_command("  ::set-env name=A::b"), ": :set-env name=A::b");
        assert_eq!(no_command("step │ ##[add-mask]a"), "step │ ## [add-mask]a");
        assert_eq!(no_command("a :: b"), "a :: b");
    }

    #[test]
    fn no_more_than_so_many_lines_are_kept_back() {
        let mut back = Back::default();
        (0..KEPT_BACK + 2).for_each(|number| back.keep(&number.to_string()));
        assert_eq!((back.lines.len(), back.lost), (KEPT_BACK, 2));
        assert_eq!(back.lines.front().map(String::as_str), Some("2"));
    }
}
