//! Finished lines, and a moving line for each thing that is under way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

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
    /// Nothing: the output belongs to something else.
    Silent,
}

impl Screen {
    /// A terminal gets moving lines, anything else plain ones.
    pub(crate) fn on_output(is_terminal: bool) -> Self {
        let live = || Kind::Live(MultiProgress::with_draw_target(ProgressDrawTarget::stdout()));
        Self::of(if is_terminal { live() } else { Kind::Plain })
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
                for (bar, _) in inner.moving.values() {
                    bar.disable_steady_tick();
                }
            }
            inner.moving.clear();
            inner.kind = Kind::Silent;
        });
    }

    /// Shows a line for good. While a question is open it is kept back.
    pub(crate) fn line(&self, line: &str) {
        self.with(|inner| match (&inner.kind, &mut inner.back) {
            (Kind::Silent, _) => {}
            (Kind::Live(_) | Kind::Plain, Some(back)) => back.keep(line),
            (Kind::Live(progress), None) => progress.suspend(|| term::print(line)),
            (Kind::Plain, None) => term::print(line),
        });
    }

    /// Something is under way.
    pub(crate) fn begin(&self, key: &str, title: &str) {
        self.with(|inner| {
            if let Kind::Live(progress) = &inner.kind {
                let bar = progress.add(ProgressBar::new_spinner().with_style(style()));
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
                bar.set_message(format!("{title}: {text}"));
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
                for (bar, _) in inner.moving.values() {
                    bar.disable_steady_tick();
                }
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
                for (bar, _) in inner.moving.values() {
                    bar.enable_steady_tick(TICK);
                }
            }
        });
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner:.cyan} {wide_msg} {elapsed:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::{Back, KEPT_BACK};

    #[test]
    fn no_more_than_so_many_lines_are_kept_back() {
        let mut back = Back::default();
        (0..KEPT_BACK + 2).for_each(|number| back.keep(&number.to_string()));
        assert_eq!((back.lines.len(), back.lost), (KEPT_BACK, 2));
        assert_eq!(back.lines.front().map(String::as_str), Some("2"));
    }
}
