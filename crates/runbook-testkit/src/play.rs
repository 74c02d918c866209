//! What one call of a scripted action does.

use std::time::Duration;

use runbook_action::{ErrorKind, Failure, Stream};
use serde_json::Value;

/// What one call does.
#[derive(Debug, Clone)]
pub struct Play {
    pub(crate) prints: Vec<(Stream, Vec<u8>)>,
    pub(crate) takes: Duration,
    pub(crate) end: End,
}

#[derive(Debug, Clone)]
pub(crate) enum End {
    Succeed(Value),
    Fail(Box<Failure>),
    /// It goes on until it is cancelled, and then says whether something may have been applied.
    Hang {
        applied: bool,
        cleanup: Duration,
    },
    /// It does not even end when it is cancelled.
    Deaf,
    Panic,
}

impl Play {
    const fn new(end: End) -> Self {
        Self {
            prints: Vec::new(),
            takes: Duration::ZERO,
            end,
        }
    }

    /// It succeeds, and `got` is this.
    #[must_use]
    pub fn gives(value: impl Into<Value>) -> Self {
        Self::new(End::Succeed(value.into()))
    }

    /// It succeeds.
    #[must_use]
    pub fn works() -> Self {
        Self::gives(Value::Null)
    }

    /// It fails with this message, and nothing was changed.
    #[must_use]
    pub fn fails(message: &str) -> Self {
        Self::fails_with(Failure::new(ErrorKind::Refused, message))
    }

    /// It fails.
    #[must_use]
    pub fn fails_with(failure: Failure) -> Self {
        Self::new(End::Fail(Box::new(failure)))
    }

    /// It goes on until it is cancelled, and has done nothing by then.
    #[must_use]
    pub const fn hangs() -> Self {
        Self::new(End::Hang {
            applied: false,
            cleanup: Duration::ZERO,
        })
    }

    /// It does its work, and then goes on until it is cancelled.
    #[must_use]
    pub const fn acts_then_hangs() -> Self {
        Self::new(End::Hang {
            applied: true,
            cleanup: Duration::ZERO,
        })
    }

    /// It goes on until it is cancelled, and needs so long to end then, but at most its grace.
    #[must_use]
    pub const fn cleans_up(millis: u64) -> Self {
        Self::new(End::Hang {
            applied: true,
            cleanup: Duration::from_millis(millis),
        })
    }

    /// It goes on for ever, whatever it is told.
    #[must_use]
    pub const fn is_deaf() -> Self {
        Self::new(End::Deaf)
    }

    /// It panics.
    #[must_use]
    pub const fn panics() -> Self {
        Self::new(End::Panic)
    }

    /// It takes this long.
    #[must_use]
    pub const fn takes(mut self, millis: u64) -> Self {
        self.takes = Duration::from_millis(millis);
        self
    }

    /// It prints this first.
    #[must_use]
    pub fn prints(mut self, stream: Stream, bytes: impl AsRef<[u8]>) -> Self {
        self.prints.push((stream, bytes.as_ref().to_vec()));
        self
    }
}
