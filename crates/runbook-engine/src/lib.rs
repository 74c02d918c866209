//! The core DAG executor.
//!
//! Theory of operation. A run is a sequence of events. The [`scheduler`] looks at the state that they fold
//! into and says what to do next; it is pure. The [`dispatcher`](dispatch) does what it says: it starts
//! units, and it is the only one that appends to the journal and applies to the state, so that all events
//! have one order. A unit is a task that owns one piece of work (a step, an undo, the checks of `detect`)
//! and reports each thing that happens before it goes on; where something is about to be changed, it goes
//! on only once the journal has made the intent durable.
//!
//! The engine knows no plugin: it is handed a catalogue. Time is an argument: a [`Clock`].

#![expect(
    clippy::similar_names,
    reason = "`step` and `stop` are what this crate is about"
)]

mod bounds;
mod brake;
mod clock;
mod courses;
mod dispatch;
mod host;
mod lacks;
mod live;
mod mask;
mod mask_event;
mod masks;
mod message;
mod outline;
mod ports;
mod prepare;
mod probe;
mod scheduler;
mod transports;
mod unit;
mod view;

pub use clock::Clock;
pub use dispatch::{EngineError, Finished};
pub use lacks::{Lacking, lacks};
pub use mask::{MIN_SECRET, MaskError, Masker};
pub use ports::{Answer, Approver, Locks, OnHangup, Ports, Question, Request, Signal};
pub use prepare::{Again, LabAddress, PrepareError, Prepared, Secrets, Start};
pub use probe::{FoundOut, Probe, ProbeStopped, Sounded, Sounding};
pub use unit::call::catches_panics;
