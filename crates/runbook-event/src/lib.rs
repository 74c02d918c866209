//! The vocabulary between running and telling.
//!
//! A run is a sequence of [`Record`]s. The engine makes them, the journal keeps them, and everything that
//! tells about a run (terminal, report, a later `resume`) folds them with [`RunState::apply`], the one table
//! of transitions. Whoever reads a run therefore needs neither the engine nor the plan: what it must know of
//! the runbook travels in the first event, as an [`Outline`].
//!
//! [`Journal`] and [`Observer`] are the ports: the first must keep what it is given before the run goes on,
//! the second may miss some. A [`Vault`] encrypts what is kept and is nobody's to read.

mod event;
mod outcome;
mod outline;
mod port;
mod schema;
mod state;

pub use event::{
    Assumed, Assumption, AttemptEnd, Author, CheckRole, CheckSite, Commit, Event, Intent, Into, Item,
    KnownBy, Note, NoteKind, Notice, OutputRef, Promise, Reading, Record, Resumed, RunResumed, RunStarted,
    SkipReason, Stop, StopCause, TimedReading, UndoEnd, Verdict, Wanted, Who, Words,
};
pub use outcome::Outcome;
pub use outline::{
    CheckOutline, Holds, OnFailure, OnInterrupt, Outline, RunbookRef, StepOutline, UndoOutline,
};
pub use port::{Journal, JournalError, Observer, OutputName, OutputWriter, Progress, Vault};
pub use schema::schema;
pub use state::{
    Braked, CheckState, Course, Found, Frame, FrameKind, LastEnd, NoteState, Phase, Role, RunState,
    StepState, StepStatus, TransitionError, UndoStatus, Work,
};
