//! YAML text to a [`Document`] whose every value knows its place, with all findings at once.
//!
//! The stages, each of which says what it guarantees to the next:
//!
//! 1. [`yaml`]: text to a tree of [`Node`]s with byte spans. Size, depth and aliases are bounded.
//! 2. [`check`]: the tree against the tables of [`language`]. Afterwards every key is known, every value
//!    that is not reported has its shape.
//! 3. [`Document::read`] and [`Config::read`]: the tree to types. What was reported is left out.
//!
//! What an action's own parameters are is not known here: a step keeps them as nodes, for `runbook-plan`.

mod check;
pub mod codes;
mod config;
mod document;
mod finding;
pub mod language;
mod lint;
mod meant;
mod node;
mod read;
mod source;
mod suggest;
mod unquoted;
mod yaml;

pub use check::{check, usable_name};
pub use codes::Code;
pub use config::{
    Channel, Config, Demand, Environment, EscalationStep, OnCall, Policy, Seal, Severity as SeverityTerms,
};
pub use document::{
    ActionNode, Approve, Before, Body, Capture, Check, Connection, Detect, Document, Escalate, ForEach,
    Input, Named, Notification, OnFailureWord, OnInterruptWord, Repeat, Retry, Rollback, SecretFrom,
    SecretSource, Step, Then, Trigger, TriggerOn, Undo, awaited_checks, rated_checks,
};
pub use finding::{Finding, Findings, MAX_FINDINGS, Severity};
pub use lint::{Level, Levels, Waiver, settle};
pub use node::{Entry, Kind, Node, Scalar, ScalarValue};
pub use source::{SourceId, Span, Spanned};
pub use suggest::nearest;
pub use yaml::{MAX_ALIASED, MAX_BYTES, MAX_DEPTH, MAX_NODES, parse};
