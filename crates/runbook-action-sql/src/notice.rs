//! What a PostgreSQL server remarks beside its answers.
//!
//! sqlx reads these notices and tells them to `tracing`, and to nobody else. So a statement runs with a subscriber of
//! its own, which hears nothing else and is heard by nobody else, and what it hears goes to the standard error.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runbook_action::{Failure, Host, Stream};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// What sqlx calls them.
const TARGET: &str = "sqlx::postgres::notice";

/// How many may wait to be written. What comes beside is counted.
const WAITING: usize = 1_000;

/// The longest notice, in bytes.
const LONGEST: usize = 64 * 1024;

/// Runs some work, and writes what the server remarks meanwhile.
pub(crate) async fn heard<T>(
    work: impl Future<Output = Result<T, Failure>>,
    host: &dyn Host,
) -> Result<T, Failure> {
    let (sender, mut notices) = mpsc::channel(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let ear = Ear {
        sender,
        lost: Arc::clone(&lost),
    };
    let mut work = std::pin::pin!(work.with_subscriber(ear));
    let outcome = loop {
        tokio::select! {
            biased;
            Some(notice) = notices.recv() => write(host, notice).await?,
            outcome = &mut work => break outcome,
        }
    };
    while let Ok(notice) = notices.try_recv() {
        write(host, notice).await?;
    }
    match lost.load(Ordering::Relaxed) {
        0 => {}
        lost => write(host, format!("{lost} more came too fast to be kept\n")).await?,
    }
    outcome
}

async fn write(host: &dyn Host, notice: String) -> Result<(), Failure> {
    host.write(Stream::Stderr, notice.as_bytes()).await
}

/// Hears notices.
struct Ear {
    sender: mpsc::Sender<String>,
    lost: Arc<AtomicU64>,
}

impl Subscriber for Ear {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Others may listen to other things in the same program.
        if metadata.target() == TARGET {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut line = Line(format!("{}: ", severity(*event.metadata().level())));
        event.record(&mut line);
        let mut text = line.0;
        if text.len() > LONGEST {
            let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or(0));
            text.push('…');
        }
        text.push('\n');
        if self.sender.try_send(text).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// What sqlx turns severities into, turned back.
fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "notice",
        Level::DEBUG => "debug",
        Level::TRACE => "info",
    }
}

/// The message of an event.
struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.0.push_str(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _written = write!(self.0, "{value:?}");
        }
    }
}
