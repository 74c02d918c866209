//! What units tell the dispatcher.

use runbook_action::Stream;
use runbook_event::{CheckSite, Event, OutputName, OutputWriter, Reading};
use tokio::sync::oneshot;

/// What units tell the dispatcher.
pub(crate) enum Message {
    /// Something happened.
    Record {
        event: Box<Event>,
        durable: bool,
        /// Told whether it was recorded: what comes too late to begin is not.
        done: oneshot::Sender<bool>,
    },
    /// A check gave a reading that is no event.
    Reading { site: CheckSite, reading: Reading },
    /// A place for output is wanted.
    OpenOutput {
        name: OutputName,
        done: oneshot::Sender<Box<dyn OutputWriter>>,
    },
}

/// What a step printed, for whoever watches. There is room for a little of it; who prints more waits.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) step: String,
    pub(crate) stream: Stream,
    pub(crate) bytes: Vec<u8>,
}

/// How many pieces of output wait to be shown, each of at most what an action writes at once.
pub(crate) const ROOM: usize = 16;
