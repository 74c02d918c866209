//! What went wrong before, beside or after a run, with the way out and the exit code.

use std::path::{Path, PathBuf};

use runbook_engine::{EngineError, PrepareError};
use runbook_event::Outcome;
use thiserror::Error;

use crate::diagnostics;
use crate::sources::Sources;
use crate::term::{self, BAD, styled};

/// What went wrong.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// Findings that must be mended first.
    #[error("the runbook has errors, so nothing ran")]
    Findings(Box<(Sources, Vec<runbook_document::Finding>)>),
    /// Wrong usage.
    #[error("{message}")]
    Usage { message: String, help: Option<String> },
    /// A file could not be read or written.
    #[error("cannot {what} `{}`: {reason}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        reason: String,
    },
    /// A signal came before anything had begun.
    #[error("{signal} came, so nothing ran")]
    Interrupted { signal: String },
    /// Inputs that do not do.
    #[error("the inputs do not fit, so nothing ran")]
    Inputs(Vec<runbook_plan::InputError>),
    /// The run could not begin.
    #[error("{0}, so nothing ran")]
    Prepare(#[from] PrepareError),
    /// The run's directory could not be made.
    #[error(transparent)]
    Create(#[from] runbook_journal::CreateError),
    /// The run's key cannot be used.
    #[error("{0}, so nothing ran")]
    Vault(#[from] runbook_journal::VaultError),
    /// A run that is there could not be opened.
    #[error("{0}, so nothing was done")]
    Open(#[from] runbook_journal::OpenError),
    /// A lock could not be taken away.
    #[error(transparent)]
    Unlock(#[from] runbook_journal::UnlockError),
    /// The practice system did not start.
    #[error("the practice system did not start, so nothing ran: {0}")]
    Lab(#[from] runbook_lab::Error),
    /// The run could not go on.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no such run.
    #[error(transparent)]
    Find(#[from] runbook_journal::FindError),
    /// A journal could not be read.
    #[error(transparent)]
    Journal(#[from] runbook_journal::Error),
    /// A report could not be made.
    #[error(transparent)]
    Report(#[from] runbook_report::Error),
}

impl Error {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn usage_with(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            help: Some(help.into()),
        }
    }

    pub(crate) fn file(what: &'static str, path: &Path, error: &std::io::Error) -> Self {
        Self::File {
            what,
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Findings(_)
            | Self::Usage { .. }
            | Self::File { .. }
            | Self::Inputs(_)
            | Self::Prepare(_)
            | Self::Create(_)
            | Self::Vault(_)
            | Self::Open(_)
            | Self::Unlock(_)
            | Self::Lab(_)
            | Self::Find(_) => 2,
            Self::Interrupted { .. } | Self::Engine(EngineError::Left) => Outcome::Interrupted.exit_code(),
            Self::Engine(EngineError::Journal(_) | EngineError::Contradiction(_) | EngineError::Stuck) => {
                Outcome::Failed.exit_code()
            }
            Self::Journal(_) | Self::Report(_) => 1,
        }
    }

    pub(crate) fn print(&self) {
        let heading = styled(BAD, "error:");
        match self {
            Self::Findings(findings) => {
                let (sources, findings) = findings.as_ref();
                term::print_error(&diagnostics::text(sources, findings, &std::io::stderr()));
                term::print_error(&format!("{heading} {self}"));
            }
            Self::Inputs(errors) => {
                for error in errors {
                    term::print_error(&format!("{heading} input `{}`: {}", error.name, error.message));
                    if let Some(help) = &error.help {
                        term::print_error(&format!("  help: {help}"));
                    }
                }
                term::print_error(&format!("{heading} {self}"));
            }
            Self::Usage { help, .. } => {
                term::print_error(&format!("{heading} {self}"));
                if let Some(help) = help {
                    term::print_error(&format!("  help: {help}"));
                }
            }
            Self::File { .. }
            | Self::Interrupted { .. }
            | Self::Prepare(_)
            | Self::Create(_)
            | Self::Vault(_)
            | Self::Open(_)
            | Self::Unlock(_)
            | Self::Lab(_)
            | Self::Engine(_)
            | Self::Find(_)
            | Self::Journal(_)
            | Self::Report(_) => term::print_error(&format!("{heading} {self}")),
        }
    }
}
