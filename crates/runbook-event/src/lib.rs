//! The vocabulary between running and telling.
//!
//! A run is a sequence of [`Record`]s. The engine makes them, the journal keeps them, and everything that
//! tells about a run (terminal, report, a later `resume`) folds them with [`RunState::apply`], the one table
//! of transitions. Whoever reads a run therefore needs neither the engine nor the plan: what it must know of
//! the runbook travels in the first event, as an [`Outline`].
//!
//! [`Journal`] and [`Observer`] are the ports: the first must keep what it is given before the run goes on,
//! the second may miss some.

mod event;
mod outcome;
mod outline;
mod port;
mod state;

pub use event::{
    AttemptEnd, CheckRole, CheckSite, Event, Intent, OutputRef, Reading, Record, RunStarted, SkipReason,
    Stop, StopCause, UndoEnd, Verdict, Who,
};
pub use outcome::Outcome;
pub use outline::{CheckOutline, OnFailure, Outline, RunbookRef, Section, StepOutline, UndoOutline};
pub use port::{Journal, JournalError, Observer, OutputName, OutputWriter, Progress};
pub use state::{CheckState, Phase, RunState, StepState, StepStatus, TransitionError, UndoStatus};
