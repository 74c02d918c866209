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
    /// A step printed something.
    Output {
        step: String,
        stream: Stream,
        bytes: Vec<u8>,
    },
    /// A place for output is wanted.
    OpenOutput {
        name: OutputName,
        done: oneshot::Sender<Box<dyn OutputWriter>>,
    },
}
