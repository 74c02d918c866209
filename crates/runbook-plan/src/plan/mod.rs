//! A plan: a runbook that was checked, for one environment.

mod action;
mod check;
mod step;
mod walk;

use std::sync::OnceLock;
use std::time::Duration;

use indexmap::IndexMap;
use runbook_document::{SourceId, Span};
use serde_json::Value;

pub use self::action::{Action, Capture, Captured, Connection, Retry};
pub use self::check::{Check, RatedCheck};
pub use self::step::{
    Approve, Before, Body, ForEach, Manual, Notify, OnFailure, Question, Repeat, RunbookCall, Section, Step,
    Then, Undo, UndoAction, Wait,
};

use self::walk::Places;
use crate::expression::Expression;
use crate::inputs::{Given, InputDecl, InputError, resolve};
use crate::template::Template;
use crate::trigger::Trigger;

/// A runbook that was checked, for one environment. Only [`compile`](crate::compile) makes one.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) source: SourceId,
    pub(crate) about: About,
    pub(crate) environment: Option<String>,
    pub(crate) lab: Option<String>,
    pub(crate) inputs: Vec<InputDecl>,
    pub(crate) vars: Vec<(String, Expression)>,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) lock: Vec<Template>,
    pub(crate) detect: Vec<Check>,
    pub(crate) detect_any: bool,
    pub(crate) guards: Vec<Check>,
    pub(crate) steps: Vec<Step>,
    pub(crate) verify: Vec<Check>,
    pub(crate) outputs: Vec<(String, Expression)>,
    pub(crate) on_failure: OnFailure,
    pub(crate) on_interrupt: OnInterrupt,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_parallel: u32,
    pub(crate) digest: String,
    /// Made when it is first asked for: whoever only checks never does.
    pub(crate) places: OnceLock<Places>,
}

/// What a runbook is for.
#[derive(Debug, Clone)]
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
    /// `links`: title and address
    pub links: Vec<(Option<String>, String)>,
    /// `triggers`
    pub triggers: Vec<Trigger>,
    /// `escalate`
    pub escalate: Option<String>,
    /// `notifications`
    pub notifications: Vec<Notification>,
    /// `report.sections`: title and text
    pub sections: Vec<(String, Template)>,
}

/// Who hears of what.
#[derive(Debug, Clone)]
pub struct Notification {
    /// When.
    pub on: Vec<String>,
    /// Channels, on-call lists or roles of the project file.
    pub to: Vec<String>,
    /// What is told; what happened if there is none.
    pub message: Option<Template>,
}

/// A secret and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub from: SecretFrom,
    /// Where it is declared.
    pub span: Span,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretFrom {
    /// An environment variable.
    Env(String),
    /// A file, without its last line break.
    File(String),
    /// What a program prints, without its last line break.
    Command(Vec<String>),
}

/// What a signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInterrupt {
    /// What was attempted is undone.
    Rollback,
    /// All stays as it is.
    Hold,
    /// A person is asked.
    Ask,
}

/// A part of the language that a plan asks for, and where: for whoever cannot run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What.
    pub part: Part,
    /// Where.
    pub span: Span,
}

/// A part of the language beyond single actions in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A key of the runbook, of a step or of a check.
    Key(&'static str),
    /// What the engine does in place of an action.
    Node(&'static str),
}

impl Part {
    /// The word of the language.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Key(word) | Self::Node(word) => word,
        }
    }
}

impl Plan {
    /// The text that it was compiled from, by its place among those that were read.
    #[must_use]
    pub const fn source(&self) -> SourceId {
        self.source
    }

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

    /// The values of those inputs that are known, or all that is wrong with what was given. What is required may still
    /// be missing.
    pub fn known_inputs(&self, given: &[Given]) -> Result<IndexMap<String, Value>, Vec<InputError>> {
        let is_open =
            |decl: &InputDecl| decl.default.is_none() && given.iter().all(|given| given.name != decl.name);
        let (open, known): (Vec<_>, Vec<_>) = self.inputs.iter().cloned().partition(is_open);
        match resolve(&self.inputs, given) {
            Ok(inputs) => Ok(inputs),
            Err(mut errors) => {
                errors.retain(|error| open.iter().all(|decl| decl.name != error.name));
                if errors.is_empty() {
                    resolve(&known, given)
                } else {
                    Err(errors)
                }
            }
        }
    }

    /// Its variables, in an order in which each only uses earlier ones.
    #[must_use]
    pub fn vars(&self) -> &[(String, Expression)] {
        &self.vars
    }

    /// The secrets that it uses.
    #[must_use]
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// The connections that it uses.
    #[must_use]
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// The parts of the language beyond single actions in order that it asks for, with their places.
    #[must_use]
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// What a run owns while it runs.
    #[must_use]
    pub fn lock(&self) -> &[Template] {
        &self.lock
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

    /// What must stay true while the run changes things.
    #[must_use]
    pub fn guards(&self) -> &[Check] {
        &self.guards
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

    /// The values that a caller receives.
    #[must_use]
    pub fn outputs(&self) -> &[(String, Expression)] {
        &self.outputs
    }

    /// How long the run may take, without waiting and rollback.
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// All steps, those within others too, in the author's order.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().flat_map(Step::flat)
    }

    /// What a failure does.
    #[must_use]
    pub fn on_failure(&self) -> OnFailure {
        self.on_failure
    }

    /// What a signal does.
    #[must_use]
    pub fn on_interrupt(&self) -> OnInterrupt {
        self.on_interrupt
    }

    /// How many steps may run side by side.
    #[must_use]
    pub fn max_parallel(&self) -> u32 {
        self.max_parallel
    }

    /// SHA-256, in hexadecimal, over what the runbook and its environment say, whatever their layout, and over the
    /// digests of the runbooks that it calls, where those are part of the plan.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}
