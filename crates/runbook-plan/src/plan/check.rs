//! Checks.

use std::time::Duration;

use runbook_document::Span;

use super::{Action, Capture};
use crate::expression::Expression;

/// A check.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its id, or its position from 1.
    pub id: String,
    /// Its title, or what it asks.
    pub title: String,
    /// The read.
    pub action: Action,
    /// A list for whose every item the expectations must hold.
    pub each: Option<Expression>,
    /// What must hold.
    pub expect: Vec<Expression>,
    /// The number to draw.
    pub value: Option<Expression>,
    /// The time between readings.
    pub every: Duration,
    /// How long it may take until it passes. None: it is read as often as `consecutive` asks.
    pub within: Option<Duration>,
    /// How many readings in a row must pass.
    pub consecutive: u32,
    /// How many bad readings in a row trip a guard.
    pub fails: u32,
    /// Whether it is also read before the first step.
    pub baseline: bool,
    /// Names for values of its result.
    pub capture: Capture,
    /// Whether `expect` asks for `ok` or `error`, so that a failure is an answer.
    pub judges_failure: bool,
    /// Whether it is one of an alternative's because it is one of the `first_of` around that.
    pub inherited: bool,
    /// Where it stands.
    pub span: Span,
}

/// A check of a table, with two degrees.
#[derive(Debug, Clone)]
pub struct RatedCheck {
    /// The check. It expects nothing.
    pub check: Check,
    /// What is worth a warning when it holds.
    pub warn: Vec<Expression>,
    /// What is bad when it holds.
    pub fail: Vec<Expression>,
}
