//! A plan: a runbook that was checked, for one environment.

use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::Effect;
use runbook_document::Span;
use serde_json::Value;

use crate::expression::Expression;
use crate::inputs::{Given, InputDecl, InputError, resolve};
use crate::template::Template;

/// A runbook that was checked, for one environment. Only [`compile`](crate::compile) makes one.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) about: About,
    pub(crate) environment: Option<String>,
    pub(crate) lab: Option<String>,
    pub(crate) inputs: Vec<InputDecl>,
    pub(crate) vars: Vec<(String, Expression)>,
    pub(crate) secrets: Vec<(String, String)>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) detect: Vec<Check>,
    pub(crate) detect_any: bool,
    pub(crate) steps: Vec<Step>,
    pub(crate) verify: Vec<Check>,
    pub(crate) on_failure: OnFailure,
    pub(crate) on_interrupt: OnFailure,
    pub(crate) max_parallel: u32,
    pub(crate) digest: String,
}

/// What a runbook is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// `name`
    pub name: String,
    /// `version`
    pub version: String,
    /// `title`
    pub title: String,
    /// `summary`
    pub summary: Option<String>,
    /// `severity`
    pub severity: Option<String>,
    /// `owner`
    pub owner: Option<String>,
    /// `labels`
    pub labels: IndexMap<String, String>,
}

/// What happens after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// What was attempted is undone.
    Rollback,
    /// All stays as it is.
    Hold,
    /// It is noted, and the run goes on.
    Continue,
}

/// A connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its mapping.
    pub params: Template,
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
    /// What it does to the world.
    pub effect: Effect,
    /// One line for people, as far as it is known.
    pub summary: String,
    /// How long an attempt may take.
    pub timeout: Duration,
}

/// Names and the expressions that give their values.
pub type Capture = Vec<(String, Expression)>;

/// The part of a runbook that a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `steps`
    Steps,
    /// `finally`
    Finally,
}

/// A step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its id.
    pub id: String,
    /// Its title, or its id.
    pub title: String,
    /// Where it stands.
    pub section: Section,
    /// The incident phase that the author gave it.
    pub phase: Option<String>,
    /// The positions in [`Plan::steps`] of the steps that it waits for.
    pub needs: Vec<usize>,
    /// It is skipped unless this holds.
    pub when: Option<Expression>,
    /// What must hold before.
    pub require: Vec<Check>,
    /// A person says yes first.
    pub approve: Option<Approve>,
    /// What is read before the action and kept.
    pub before: Option<Before>,
    /// The action.
    pub action: Action,
    /// Names for values of the result.
    pub capture: Capture,
    /// What proves that it worked.
    pub verify: Vec<Check>,
    /// How it is undone.
    pub undo: Undo,
    /// What its failure does.
    pub on_failure: OnFailure,
    /// Its place.
    pub span: Span,
}

/// An approval.
#[derive(Debug, Clone)]
pub struct Approve {
    /// The question.
    pub message: Option<Template>,
    /// How long to wait for an answer.
    pub within: Option<Duration>,
}

/// A read before the action.
#[derive(Debug, Clone)]
pub struct Before {
    /// The read.
    pub action: Action,
    /// Names for values of its result.
    pub capture: Capture,
}

/// How a step is undone.
#[derive(Debug, Clone)]
pub enum Undo {
    /// By an action.
    Action(Box<Action>),
    /// It cannot be.
    Irreversible(String),
    /// There is nothing to undo.
    NotNeeded,
    /// It changes something, and the author did not say how to undo it.
    Undeclared,
}

/// A check.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its id, or its position from 1.
    pub id: String,
    /// Its title, or what it asks.
    pub title: String,
    /// The read.
    pub action: Action,
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
    /// Whether it is also read before the first step.
    pub baseline: bool,
    /// Names for values of its result.
    pub capture: Capture,
    /// Whether `expect` asks for `ok` or `error`, so that a failure is an answer.
    pub judges_failure: bool,
}

impl Plan {
    /// What it is for.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The environment that it was compiled for.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    /// The practice system that its environment starts. None if nothing in the runbook uses it.
    #[must_use]
    pub fn lab(&self) -> Option<&str> {
        self.lab.as_deref()
    }

    /// Its inputs.
    #[must_use]
    pub fn inputs(&self) -> &[InputDecl] {
        &self.inputs
    }

    /// The value of every input, or all that is wrong with what was given.
    pub fn resolve_inputs(&self, given: &[Given]) -> Result<IndexMap<String, Value>, Vec<InputError>> {
        resolve(&self.inputs, given)
    }

    /// Its variables, in an order in which each only uses earlier ones.
    #[must_use]
    pub fn vars(&self) -> &[(String, Expression)] {
        &self.vars
    }

    /// The secrets that it uses: name and environment variable.
    #[must_use]
    pub fn secrets(&self) -> &[(String, String)] {
        &self.secrets
    }

    /// The connections that it uses.
    #[must_use]
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// The checks of `detect`.
    #[must_use]
    pub fn detect(&self) -> &[Check] {
        &self.detect
    }

    /// Whether one passing check of `detect` is enough.
    #[must_use]
    pub fn detect_any(&self) -> bool {
        self.detect_any
    }

    /// The steps, those of `finally` after the others.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The checks of the final `verify`.
    #[must_use]
    pub fn verify(&self) -> &[Check] {
        &self.verify
    }

    /// What a failure does.
    #[must_use]
    pub fn on_failure(&self) -> OnFailure {
        self.on_failure
    }

    /// What a signal does.
    #[must_use]
    pub fn on_interrupt(&self) -> OnFailure {
        self.on_interrupt
    }

    /// How many steps may run side by side.
    #[must_use]
    pub fn max_parallel(&self) -> u32 {
        self.max_parallel
    }

    /// SHA-256, in hexadecimal, over what the runbook and its environment say, whatever their layout.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}
