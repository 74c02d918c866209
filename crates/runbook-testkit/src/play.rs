//! What one call of a scripted action does.

use std::time::Duration;

use runbook_action::{ErrorKind, Failure, Handle, Stream};
use serde_json::Value;

/// What one call does.
#[derive(Debug, Clone)]
pub struct Play {
    pub(crate) records: Vec<Handle>,
    pub(crate) prints: Vec<(Stream, Vec<u8>)>,
    pub(crate) takes: Duration,
    pub(crate) end: End,
}

#[derive(Debug, Clone)]
pub(crate) enum End {
    Succeed(Value),
    /// It succeeds, and gives the value of this name that the world has by then.
    Read(String),
    /// It succeeds, and gives how often this name has taken effect by then.
    Count(String),
    Fail {
        failure: Box<Failure>,
        applied: bool,
    },
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
            records: Vec::new(),
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

    /// It succeeds, and `got` is what the world has under this name by then.
    #[must_use]
    pub fn reads(name: &str) -> Self {
        Self::new(End::Read(name.to_owned()))
    }

    /// It succeeds, and `got` is how often this name has taken effect by then.
    #[must_use]
    pub fn counts(name: &str) -> Self {
        Self::new(End::Count(name.to_owned()))
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
        Self::new(End::Fail {
            failure: Box::new(failure),
            applied: false,
        })
    }

    /// It does its work, and fails all the same.
    #[must_use]
    pub fn acts_then_fails(message: &str) -> Self {
        Self::new(End::Fail {
            failure: Box::new(Failure::new(ErrorKind::Other, message).maybe_applied()),
            applied: true,
        })
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

    /// It does its work, goes on until it is cancelled, and needs so long to end then, but at most its grace.
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

    /// It records that it has started this, before it does anything else.
    #[must_use]
    pub fn records(mut self, handle: Handle) -> Self {
        self.records.push(handle);
        self
    }

    /// It prints this first.
    #[must_use]
    pub fn prints(mut self, stream: Stream, bytes: impl AsRef<[u8]>) -> Self {
        self.prints.push((stream, bytes.as_ref().to_vec()));
        self
    }
}
