//! Actions with all that they need, and the connections that they go through.

use std::time::Duration;

use runbook_action::Effect;
use runbook_document::Span;

use crate::expression::Expression;
use crate::template::Template;

/// A connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// The connection that it goes through.
    pub via: Option<String>,
    /// Its mapping.
    pub params: Template,
    /// Where it is declared.
    pub span: Span,
}

/// An action with all that it needs.
#[derive(Debug, Clone)]
pub struct Action {
    /// Its kind.
    pub kind: &'static str,
    /// Its parameters.
    pub params: Template,
    /// The name of its connection.
    pub connection: Option<String>,
    /// Environment variables.
    pub env: Vec<(String, Template)>,
    /// Connections whose settings it gets as the usual tools read them.
    pub uses_connections: Vec<String>,
    /// What it does to the world.
    pub effect: Effect,
    /// One line for people, as far as it is known.
    pub summary: String,
    /// By which program it is done, where that is chosen on the spot.
    pub means: Option<&'static str>,
    /// How long an attempt may take.
    pub timeout: Duration,
    /// Where its key stands.
    pub span: Span,
}

/// Names and the expressions that give their values.
pub type Capture = Vec<Captured>;

/// A name for a value of a result.
#[derive(Debug, Clone)]
pub struct Captured {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Expression,
    /// Whether it is a secret from then on.
    pub secret: bool,
}

/// Further attempts after a failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// How many attempts there are in all.
    pub attempts: u32,
    /// The time before the second.
    pub delay: Duration,
    /// By what it is multiplied after each.
    pub backoff: f64,
    /// The longest delay.
    pub max_delay: Duration,
    /// Which share of the delay is random.
    pub jitter: f64,
    /// The kinds of errors that are worth another attempt; all if there are none.
    pub on: Vec<String>,
}
