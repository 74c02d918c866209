//! How a run ended, and the exit code that says so.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every step is done or was rightly skipped, and every gate and the final `verify` passed.
    Resolved,
    /// `detect` answered that there is nothing to do. Nothing was touched.
    NotNeeded,
    /// It stopped, and what is done stays done.
    Failed,
    /// It stopped, and every undo that there was has passed.
    RolledBack,
    /// It stopped, and some undo did not pass: a person must finish it.
    RollbackFailed,
    /// A person said no, or nobody answered in time.
    Rejected,
    /// It left with a question open, and can be resumed.
    Waiting,
    /// A crash left an action whose effect nobody can tell.
    Unknown,
    /// All went well but a step of `finally`.
    CleanupFailed,
    /// A signal ended it, and what is done stays done.
    Interrupted,
}

impl Outcome {
    /// All outcomes, in the order of their exit codes.
    pub const ALL: [Self; 10] = [
        Self::Resolved,
        Self::NotNeeded,
        Self::Failed,
        Self::RolledBack,
        Self::RollbackFailed,
        Self::Rejected,
        Self::Waiting,
        Self::Unknown,
        Self::CleanupFailed,
        Self::Interrupted,
    ];

    /// The exit code of the program. 2 is not among them: it says that nothing ran, because of wrong usage,
    /// an invalid runbook or a wrong input.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Resolved => 0,
            Self::NotNeeded => 3,
            Self::Failed => 4,
            Self::RolledBack => 5,
            Self::RollbackFailed => 6,
            Self::Rejected => 7,
            Self::Waiting => 8,
            Self::Unknown => 9,
            Self::CleanupFailed => 10,
            Self::Interrupted => 130,
        }
    }

    /// The word that reports and JSON use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::NotNeeded => "not_needed",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::RollbackFailed => "rollback_failed",
            Self::Rejected => "rejected",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
            Self::CleanupFailed => "cleanup_failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// One sentence for people, without a full stop.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Resolved => "every step is done and every gate passed",
            Self::NotNeeded => "`detect` found nothing to repair; nothing was touched",
            Self::Failed => "it stopped; what is done stays done",
            Self::RolledBack => "it stopped, and what can be undone was undone",
            Self::RollbackFailed => "it stopped, and an undo did not pass: a person must finish it",
            Self::Rejected => "an approval was refused",
            Self::Waiting => "it waits for an answer",
            Self::Unknown => "a crash left an action whose effect is not known",
            Self::CleanupFailed => "all went well but the clean-up",
            Self::Interrupted => "a signal ended it; what is done stays done",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
