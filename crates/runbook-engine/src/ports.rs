//! What a run needs from outside.

use std::sync::Arc;

use async_trait::async_trait;
use runbook_event::{Intent, Journal, Note, Observer, OnFailure};
use tokio::sync::{mpsc, oneshot};

use crate::Clock;

/// What a run needs from outside.
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Keeps the run.
    pub journal: Box<dyn Journal>,
    /// Watch the run.
    pub observers: Vec<Box<dyn Observer>>,
    /// Asks people.
    pub approver: Arc<dyn Approver>,
    /// Takes what sub-runbooks own while they run.
    pub locks: Arc<dyn Locks>,
    /// Signals as they arrive: the first stops, the second stops at once, the third leaves.
    pub signals: mpsc::UnboundedReceiver<Signal>,
    /// What others want of the run as it goes on.
    pub requests: mpsc::UnboundedReceiver<Request>,
    /// What happens when the terminal goes away.
    pub on_hangup: OnHangup,
}

/// What happens when the terminal goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnHangup {
    /// The run goes on without it.
    #[default]
    GoOn,
    /// The run stops, and all stays as it is.
    Hold,
}

/// Takes what a run owns while it runs.
pub trait Locks: Send + Sync {
    /// Takes all of these for this run, or none. What this run owns already is fine. The error says who has it.
    fn take(&self, locks: &[String]) -> Result<(), String>;
}

/// The operating system or the user wants the run to end, or the terminal is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Its name: `SIGINT`.
    pub name: String,
}

/// What somebody else wants of the run: only who holds it adds to its journal.
#[derive(Debug)]
pub struct Request {
    /// What is to be noted.
    pub note: Note,
    /// Takes the `seq` of its record once that is durable, or why there is none.
    pub answer: oneshot::Sender<Result<u64, String>>,
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The step that waits.
    pub step: String,
    /// Its title.
    pub title: String,
    /// The question.
    pub message: String,
    /// What would run, as rendered, secrets masked.
    pub intent: Intent,
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether the step may run.
    pub approved: bool,
    /// Who answered.
    pub by: String,
    /// How: `terminal`, `--yes`, `end of input`.
    pub how: String,
}

/// Asks people.
#[async_trait]
pub trait Approver: Send + Sync {
    /// Waits for the answer. Dropping the future withdraws the question.
    async fn ask(&self, question: &Question) -> Answer;

    /// What a signal is to do, where the runbook says that a person is asked: undo, or hold. Without anybody to ask
    /// all stays as it is.
    async fn on_interrupt(&self) -> OnFailure {
        OnFailure::Hold
    }
}
