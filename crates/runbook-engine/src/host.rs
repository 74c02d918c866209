//! The engine, as an action sees it: output, cancellation, deadline.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use runbook_action::{ErrorKind, Failure, Host, Stream};
use runbook_event::{OutputRef, OutputWriter};
use tokio::sync::{Mutex, mpsc};

use crate::Clock;
use crate::brake::{Brake, Urgency};
use crate::mask::Masker;
use crate::message::Shown;

/// How long what was started may take to end by itself.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// Where an action's output goes.
pub(crate) struct Sink {
    pub(crate) step: String,
    pub(crate) writer: Box<dyn OutputWriter>,
    pub(crate) to: mpsc::Sender<Shown>,
}

/// The engine, as one call of an action sees it.
pub(crate) struct CallHost {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) deadline: Duration,
    pub(crate) brake: Brake,
    masker: Arc<Masker>,
    output: Mutex<Output>,
}

struct Output {
    sink: Option<Sink>,
    held: Vec<(Stream, Vec<u8>)>,
}

impl CallHost {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        deadline: Duration,
        brake: Brake,
        masker: Arc<Masker>,
        sink: Option<Sink>,
    ) -> Self {
        Self {
            clock,
            deadline,
            brake,
            masker,
            output: Mutex::new(Output {
                sink,
                held: Vec::new(),
            }),
        }
    }

    /// Closes the output and says what it was.
    pub(crate) async fn finish(&self) -> Result<Vec<OutputRef>, Failure> {
        let mut output = self.output.lock().await;
        let Some(mut sink) = output.sink.take() else {
            return Ok(Vec::new());
        };
        for (stream, held) in std::mem::take(&mut output.held) {
            let mut masker = self.masker.stream_from(held);
            show(&mut sink, stream, &masker.finish()).await?;
        }
        sink.writer
            .finish()
            .map_err(|error| Failure::new(ErrorKind::Other, error.to_string()))
    }
}

async fn show(sink: &mut Sink, stream: Stream, bytes: &[u8]) -> Result<(), Failure> {
    if bytes.is_empty() {
        return Ok(());
    }
    sink.writer
        .write(stream, bytes)
        .map_err(|error| Failure::new(ErrorKind::Other, format!("the output could not be kept: {error}")))?;
    let shown = Shown {
        step: sink.step.clone(),
        stream,
        bytes: bytes.to_vec(),
    };
    // It waits while there is no room, so that the program that prints is slowed down instead of memory filling
    // up. That nobody looks any more is no reason to fail.
    drop(sink.to.send(shown).await);
    Ok(())
}

#[async_trait]
impl Host for CallHost {
    async fn write(&self, stream: Stream, bytes: &[u8]) -> Result<(), Failure> {
        let mut output = self.output.lock().await;
        if output.sink.is_none() {
            return Ok(());
        }
        let at = output.held.iter().position(|(known, _)| *known == stream);
        let held = at.map(|at| output.held.swap_remove(at).1).unwrap_or_default();
        let mut masker = self.masker.stream_from(held);
        let shown = masker.push(bytes);
        output.held.push((stream, masker.into_held()));
        match output.sink.as_mut() {
            Some(sink) => show(sink, stream, &shown).await,
            None => Ok(()),
        }
    }

    async fn cancelled(&self) {
        tokio::select! {
            biased;
            () = self.brake.reached(Urgency::Stop) => {}
            () = self.clock.wait_until(self.deadline) => {}
        }
    }

    fn grace(&self) -> Duration {
        if self.brake.reaches(Urgency::Now) {
            Duration::ZERO
        } else {
            GRACE
        }
    }

    fn remaining(&self) -> Option<Duration> {
        Some(self.deadline.saturating_sub(self.clock.monotonic()))
    }
}
