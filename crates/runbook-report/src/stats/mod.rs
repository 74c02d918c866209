//! Many runs, compared: how often, how they end, how long they take, which gates flap, which steps are slow or never used,
//! and which runbooks nobody has tried for long.
//!
//! Each run becomes a [`Sample`], which is small, and a [`Collector`] keeps numbers of them: so thousands of runs take
//! little memory, however long their journals are. What comes out is a [`Statistics`], which is shown as it is.

mod collect;
mod figures;
mod sample;
mod shape;

pub use self::collect::{Collector, Current, Options};
pub use self::sample::{GateSample, Kind, Remains, Sample, StepSample, UndoSample};
pub use self::shape::{
    Change, Freshness, Gate, Last, Period, Repair, Runbook, Spread, Statistics, Step, Totals, Undo, Unused,
    schema,
};
