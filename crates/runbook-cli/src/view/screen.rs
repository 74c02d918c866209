//! Finished lines, and a moving line for each thing that is under way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::term;

/// How often the moving lines move.
const TICK: Duration = Duration::from_millis(120);

/// Where a run is shown. Clones show at the same place.
#[derive(Clone)]
pub(crate) struct Screen {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    kind: Kind,
    moving: IndexMap<String, (ProgressBar, String)>,
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
            })),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows a line for good.
    pub(crate) fn line(&self, line: &str) {
        self.with(|inner| match &inner.kind {
            Kind::Live(progress) => progress.suspend(|| term::print(line)),
            Kind::Plain => term::print(line),
            Kind::Silent => {}
        });
    }

    /// Something is under way.
    pub(crate) fn begin(&self, key: &str, title: &str) {
        self.with(|inner| {
            if let Kind::Live(progress) = &inner.kind {
                let bar = progress.add(ProgressBar::new_spinner().with_style(style()));
                bar.set_message(title.to_owned());
                bar.enable_steady_tick(TICK);
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

    /// Shows lines and holds everything still, since somebody is to type. The last line is not ended.
    pub(crate) fn pause(&self, lines: &[String]) {
        self.with(|inner| {
            if let Kind::Live(progress) = &inner.kind {
                for (bar, _) in inner.moving.values() {
                    bar.disable_steady_tick();
                }
                drop(progress.clear());
                progress.set_draw_target(ProgressDrawTarget::hidden());
            }
        });
        if let Some((last, lines)) = lines.split_last() {
            for line in lines {
                term::print(line);
            }
            term::print_raw(last);
        }
    }

    /// Goes on after a pause.
    pub(crate) fn resume(&self) {
        self.with(|inner| {
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
