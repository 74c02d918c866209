//! A host that keeps what it is told and is cancelled by hand.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runbook_action::{Failure, Handle, Host, Stream, async_trait};
use tokio::sync::watch;

/// A host that keeps what it is told and is cancelled by hand.
#[derive(Debug)]
pub struct FakeHost {
    written: Mutex<Written>,
    cancelled: watch::Sender<bool>,
    grace: Duration,
    remaining: Option<Duration>,
    keep: usize,
    recorded: watch::Sender<Vec<Handle>>,
    refuses: Option<Failure>,
}

#[derive(Debug, Default)]
struct Written {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    total: u64,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self {
            written: Mutex::default(),
            cancelled: watch::Sender::new(false),
            grace: Duration::from_secs(1),
            remaining: None,
            keep: usize::MAX,
            recorded: watch::Sender::new(Vec::new()),
            refuses: None,
        }
    }
}

impl FakeHost {
    /// A host with a grace of one second and no deadline.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this grace.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// With this much time until the deadline. Nothing happens when it is over: cancel by hand.
    #[must_use]
    pub fn remaining(mut self, remaining: Duration) -> Self {
        self.remaining = Some(remaining);
        self
    }

    /// Keeps at most so many bytes of each stream, and only counts the rest.
    #[must_use]
    pub fn keep(mut self, bytes: usize) -> Self {
        self.keep = bytes;
        self
    }

    /// Cannot keep handles, and says this.
    #[must_use]
    pub fn refuses_handles(mut self, failure: Failure) -> Self {
        self.refuses = Some(failure);
        self
    }

    /// What was recorded, in order.
    #[must_use]
    pub fn handles(&self) -> Vec<Handle> {
        self.recorded.borrow().clone()
    }

    /// Waits until something is recorded, and gives all of it.
    pub async fn has_recorded(&self) -> Vec<Handle> {
        let mut recorded = self.recorded.subscribe();
        // As below, the sender lives as long as this host.
        let _ended = recorded.wait_for(|handles| !handles.is_empty()).await.is_ok();
        self.handles()
    }

    /// Tells the action to stop.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// What was written to standard output.
    #[must_use]
    pub fn stdout(&self) -> Vec<u8> {
        self.lock(|written| written.stdout.clone())
    }

    /// What was written to standard error.
    #[must_use]
    pub fn stderr(&self) -> Vec<u8> {
        self.lock(|written| written.stderr.clone())
    }

    /// How many bytes were written in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.lock(|written| written.total)
    }

    fn lock<T>(&self, read: impl FnOnce(&mut Written) -> T) -> T {
        read(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Host for FakeHost {
    async fn write(&self, stream: Stream, bytes: &[u8]) -> Result<(), Failure> {
        self.lock(|written| {
            written.total += bytes.len() as u64;
            let kept = match stream {
                Stream::Stdout => &mut written.stdout,
                Stream::Stderr => &mut written.stderr,
            };
            let room = self.keep.saturating_sub(kept.len()).min(bytes.len());
            kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
        });
        Ok(())
    }

    async fn cancelled(&self) {
        let mut cancelled = self.cancelled.subscribe();
        // The sender lives as long as this host, so the wait can only end by being cancelled.
        let _ended = cancelled.wait_for(|cancelled| *cancelled).await.is_ok();
    }

    fn grace(&self) -> Duration {
        self.grace
    }

    fn remaining(&self) -> Option<Duration> {
        self.remaining
    }

    async fn record(&self, handle: Handle) -> Result<(), Failure> {
        if let Some(failure) = &self.refuses {
            return Err(failure.clone());
        }
        self.recorded.send_modify(|handles| handles.push(handle));
        Ok(())
    }
}
