//! Programs with pipes or with a terminal.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use pty_process::{OwnedWritePty, Size};
use tokio::io::{AsyncRead, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};

use super::Error;
use super::machine::tokio_command;

/// A stream that a program writes.
pub(crate) type Output = Box<dyn AsyncRead + Send + Unpin>;

/// What is run in a container.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program {
    pub(crate) arguments: Vec<String>,
    pub(crate) has_terminal: bool,
    pub(crate) has_input: bool,
}

/// Where what a program reads is written.
#[derive(Debug)]
pub(crate) enum Input {
    Pipe(ChildStdin),
    Terminal(OwnedWritePty),
}

impl Input {
    /// Writes all of it.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Pipe(pipe) => pipe.write_all(bytes).await,
            Self::Terminal(terminal) => terminal.write_all(bytes).await,
        }
    }

    /// Tells the terminal its size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        if let Self::Terminal(terminal) = self {
            let _unchanged = terminal.resize(Size::new(rows, columns));
        }
    }
}

/// A program that runs. Dropping this does not end it.
pub(crate) struct Executed {
    pub(crate) child: Child,
    pub(crate) input: Option<Input>,
    pub(crate) output: Option<Output>,
    pub(crate) errors: Option<Output>,
}

/// What a shell would call the outcome.
pub(crate) fn code_of(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// Starts `nsenter` with these arguments and with nothing else in its environment.
pub(super) fn spawn(
    nsenter: &Path,
    arguments: Vec<OsString>,
    variables: &[(String, String)],
    program: &Program,
) -> Result<Executed, Error> {
    let variables = variables.iter().map(|(name, value)| (name, value));
    if program.has_terminal {
        let failed = |error: pty_process::Error| Error::spawn("nsenter", std::io::Error::other(error));
        let (terminal, end) = pty_process::open().map_err(failed)?;
        let command = pty_process::Command::new(nsenter)
            .args(arguments)
            .env_clear()
            .envs(variables);
        let child = command.spawn(end).map_err(failed)?;
        let (output, input) = terminal.into_split();
        return Ok(Executed {
            child,
            input: Some(Input::Terminal(input)),
            output: Some(Box::new(output)),
            errors: None,
        });
    }
    let mut command = tokio_command(nsenter);
    command.args(arguments).env_clear().envs(variables);
    command.stdin(if program.has_input {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|source| Error::spawn("nsenter", source))?;
    Ok(Executed {
        input: child.stdin.take().map(Input::Pipe),
        output: child.stdout.take().map(|stream| Box::new(stream) as Output),
        errors: child.stderr.take().map(|stream| Box::new(stream) as Output),
        child,
    })
}

/// Input that several may write to.
pub(crate) type SharedInput = Arc<tokio::sync::Mutex<Option<Input>>>;
