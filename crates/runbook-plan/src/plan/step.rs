//! Steps, and what stands within them.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::Effect;
use runbook_document::Span;

use super::{Action, Capture, Check, Plan, RatedCheck, Retry};
use crate::expression::Expression;
use crate::inputs::InputDecl;
use crate::template::Template;

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

/// The part of a runbook that a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `steps`
    Steps,
    /// `finally`
    Finally,
}

/// A step, or something like one: a branch, an alternative, a step of an undo.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of the author's, or follows from one"
)]
#[derive(Debug, Clone)]
pub struct Step {
    /// Its id.
    pub id: String,
    /// Its title, or its id.
    pub title: String,
    /// What to know.
    pub description: Option<String>,
    /// Where it stands.
    pub section: Section,
    /// The incident phase that the author gave it.
    pub phase: Option<String>,
    /// The positions, in the list that it stands in, of the steps that it waits for.
    pub needs: Vec<usize>,
    /// It is skipped unless this holds. A branch is chosen if it does.
    pub when: Option<Expression>,
    /// How long the gate of an alternative may take.
    pub within: Option<Duration>,
    /// Once for each item of a list.
    pub for_each: Option<ForEach>,
    /// Again until something holds.
    pub repeat: Option<Repeat>,
    /// What must hold before.
    pub require: Vec<Check>,
    /// A person says yes first.
    pub approve: Option<Approve>,
    /// What is read before the action and kept.
    pub before: Option<Before>,
    /// What it does.
    pub body: Body,
    /// How long it may take with all that is within it, if its author says. None for an action, which has its own.
    pub timeout: Option<Duration>,
    /// What that does to the world.
    pub effect: Effect,
    /// Names for values of the result.
    pub capture: Capture,
    /// Files that get a value of the result.
    pub save: Vec<(String, Template)>,
    /// What makes the change take effect, after the action and after its undo.
    pub then: Vec<Then>,
    /// What proves that it worked. That of a [`FirstOf`](Body::FirstOf) is asked after each alternative, and so stands
    /// at the end of each one's own.
    pub verify: Vec<Check>,
    /// Whether that tells for certain if the action happened.
    pub verify_decides: bool,
    /// How it is undone.
    pub undo: Undo,
    /// Whether its author says that it is harmless to run twice.
    pub idempotent: bool,
    /// Whether it is harmless to run twice: its author says so, or it only looks. A run that is taken up again may
    /// run it although nobody knows whether it had run.
    pub repeatable: bool,
    /// Further attempts.
    pub retry: Option<Retry>,
    /// What its failure does: as it says, else as the nearest step around it says that does not go on, else as the
    /// runbook says.
    pub on_failure: OnFailure,
    /// Whether a failure is its answer.
    pub may_fail: bool,
    /// Who hears of it if it takes longer than this.
    pub escalate: Option<(Duration, Vec<String>)>,
    /// Its place.
    pub span: Span,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Body {
    /// An action.
    Action(Box<Action>),
    /// A person does it.
    Manual(Manual),
    /// It waits.
    Wait(Wait),
    /// It tells people.
    Notify(Notify),
    /// It fails, with this message.
    Fail(Template),
    /// It gives names to values.
    Let(Capture),
    /// It asks checks and shows a table.
    Checks(Vec<RatedCheck>),
    /// It undoes these steps.
    Undo(Vec<String>),
    /// It runs another runbook.
    Runbook(RunbookCall),
    /// Steps that belong together.
    Group(Vec<Step>),
    /// The first of these whose condition holds.
    Choose(Vec<Step>),
    /// One after the other, until the gate passes.
    FirstOf(Vec<Step>),
}

/// Once for each item of a list.
#[derive(Debug, Clone)]
pub struct ForEach {
    /// The name of the item.
    pub item: String,
    /// The list.
    pub list: Expression,
    /// How many items are worked on side by side.
    pub batch: u32,
    /// How many may fail.
    pub max_failures: u32,
}

/// Again until something holds.
#[derive(Debug, Clone)]
pub struct Repeat {
    /// When it ends.
    pub until: Expression,
    /// How many rounds there may be.
    pub at_most: u32,
    /// The time from one round to the next.
    pub every: Duration,
}

/// What a person does.
#[derive(Debug, Clone)]
pub struct Manual {
    /// What to do.
    pub instructions: Template,
    /// What to answer.
    pub ask: Vec<Question>,
    /// Who may do it.
    pub by: Vec<String>,
    /// How long to wait for it.
    pub within: Option<Duration>,
}

/// A question to a person: its answer is checked as an input is.
pub type Question = InputDecl;

/// A time in which nothing is done.
#[derive(Debug, Clone)]
pub struct Wait {
    /// How long; nothing if it is for the checks of its step, which have become its gate.
    pub length: Option<Template>,
    /// What is waited for.
    pub why: Option<String>,
}

/// A message to people.
#[derive(Debug, Clone)]
pub struct Notify {
    /// Channels, on-call lists or roles of the project file.
    pub to: Vec<String>,
    /// What to tell.
    pub message: Template,
}

/// A use of another runbook.
#[derive(Debug, Clone)]
pub struct RunbookCall {
    /// Its name.
    pub name: String,
    /// Its inputs.
    pub inputs: IndexMap<String, Template>,
    /// Its plan. None where plans are only looked at: [`compile`](crate::compile) gives it where the
    /// [library](crate::Library::keep) has the runbook whole.
    pub plan: Option<Arc<Plan>>,
}

/// An approval.
#[derive(Debug, Clone)]
pub struct Approve {
    /// The question.
    pub message: Option<Template>,
    /// The roles that may answer.
    pub by: Vec<String>,
    /// How many must say yes.
    pub count: u32,
    /// How long to wait for an answer.
    pub within: Option<Duration>,
    /// Whether no answer in time skips the step, and does not fail it.
    pub timeout_skips: bool,
    /// Whether a no skips the step, and does not fail it.
    pub reject_skips: bool,
    /// The time between reminders.
    pub remind: Option<Duration>,
    /// Whether whoever started the run may not answer.
    pub separate: bool,
}

/// A read before the action.
#[derive(Debug, Clone)]
pub struct Before {
    /// The read.
    pub action: Action,
    /// Names for values of its result.
    pub capture: Capture,
}

/// What makes a change take effect.
#[derive(Debug, Clone)]
pub struct Then {
    /// The action.
    pub action: Action,
    /// Further attempts.
    pub retry: Option<Retry>,
    /// Whether it is harmless to run twice: it only looks, or leaves nothing to be undone, as a restart.
    pub repeatable: bool,
}

/// How a step is undone.
#[derive(Debug, Clone)]
pub enum Undo {
    /// By an action.
    Action(Box<UndoAction>),
    /// By several steps.
    Steps(Vec<Step>),
    /// By the step's own action, which keeps what was there.
    Auto,
    /// By undoing what stands within it.
    Within,
    /// It cannot be.
    Irreversible(String),
    /// There is nothing to undo.
    NotNeeded,
    /// It changes something, and the author did not say how to undo it.
    Undeclared,
}

/// An action that undoes a step.
#[derive(Debug, Clone)]
pub struct UndoAction {
    /// The action.
    pub action: Action,
    /// Further attempts.
    pub retry: Option<Retry>,
    /// Whether its author says that it is harmless to run twice.
    pub idempotent: bool,
    /// Whether it is harmless to run twice: its author says so, or it only looks.
    pub repeatable: bool,
    /// What proves that it is undone.
    pub verify: Vec<Check>,
}

impl Step {
    /// Its action, if it is one.
    #[must_use]
    pub fn action(&self) -> Option<&Action> {
        match &self.body {
            Body::Action(action) => Some(action),
            Body::Manual(_)
            | Body::Wait(_)
            | Body::Notify(_)
            | Body::Fail(_)
            | Body::Let(_)
            | Body::Checks(_)
            | Body::Undo(_)
            | Body::Runbook(_)
            | Body::Group(_)
            | Body::Choose(_)
            | Body::FirstOf(_) => None,
        }
    }

    /// The steps within it.
    #[must_use]
    pub fn within(&self) -> &[Self] {
        match &self.body {
            Body::Group(steps) | Body::Choose(steps) | Body::FirstOf(steps) => steps,
            Body::Action(_)
            | Body::Manual(_)
            | Body::Wait(_)
            | Body::Notify(_)
            | Body::Fail(_)
            | Body::Let(_)
            | Body::Checks(_)
            | Body::Undo(_)
            | Body::Runbook(_) => &[],
        }
    }

    /// The steps that undo it, if its undo is a list of steps.
    #[must_use]
    pub fn undo_steps(&self) -> &[Self] {
        match &self.undo {
            Undo::Steps(steps) => steps,
            Undo::Action(_)
            | Undo::Auto
            | Undo::Within
            | Undo::Irreversible(_)
            | Undo::NotNeeded
            | Undo::Undeclared => &[],
        }
    }

    /// This step and those within it, in the author's order.
    #[must_use]
    pub fn flat(&self) -> Vec<&Self> {
        let mut all = vec![self];
        all.extend(self.within().iter().flat_map(Self::flat));
        all
    }
}
