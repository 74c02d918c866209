//! A command of this machine that brings bytes to a shell elsewhere: the client of `ssh`, `sudo`.

use std::process::Stdio;
use std::sync::Arc;

use runbook_action::{Chunk, Command, ErrorKind, Failure, async_trait};
use runbook_remote::{Carrier, Pipes, Sent};

use crate::child::Running;

/// Starts such a command, tells the shell at its other end, and returns when that runs the program, or cannot.
pub(crate) async fn start(
    command: tokio::process::Command,
    told: &Command,
    carrier: Arc<dyn Carrier>,
) -> Result<Sent, Failure> {
    let inner = piped(command, &*carrier)?;
    Sent::start(Box::new(inner), told, carrier).await
}

/// A command of this machine that speaks through pipes, and is written to later.
pub(crate) fn piped(mut command: tokio::process::Command, carrier: &dyn Carrier) -> Result<Running, Failure> {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let child = child.map_err(|error| {
        Failure::new(
            ErrorKind::Other,
            format!("{} could not be reached: {error}", carrier.place()),
        )
    })?;
    Ok(Running::piped(child, Some(Vec::new()), false))
}

#[async_trait]
impl Pipes for Running {
    async fn next(&mut self) -> Result<Option<Chunk<'_>>, Failure> {
        runbook_action::Process::next(self).await
    }

    fn give(&mut self, bytes: &[u8]) {
        self.add_input(bytes);
    }

    fn close_input(&mut self) {
        self.end_input();
    }
}
