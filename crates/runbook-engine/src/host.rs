//! The engine, as an action sees it: output, cancellation, deadline.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use runbook_action::{ErrorKind, Failure, Handle, Host, Stream};
use runbook_event::{Event, OutputRef, OutputWriter};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::Clock;
use crate::brake::{Brake, Urgency};
use crate::masks::Masks;
use crate::message::{Message, Shown};
use crate::unit::{Caller, Context};

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
    masks: Arc<Masks>,
    to: mpsc::UnboundedSender<Message>,
    pub(crate) step: String,
    /// What of the step: `1` for the first attempt, `undo`.
    pub(crate) part: String,
    /// Whether it is a question.
    pub(crate) asking: bool,
    /// Whether what it starts is to be found after a crash.
    keeps_handles: bool,
    output: Mutex<Output>,
}

struct Output {
    sink: Option<Sink>,
    held: Vec<(Stream, Vec<u8>)>,
}

impl CallHost {
    pub(crate) fn new(
        context: &Context,
        deadline: Duration,
        caller: &Caller<'_>,
        sink: Option<Sink>,
    ) -> Self {
        Self {
            clock: Arc::clone(&context.run.clock),
            deadline,
            brake: caller.stop.clone(),
            masks: Arc::clone(&context.run.masks),
            to: context.run.to.clone(),
            step: caller.step.to_owned(),
            part: caller.part.clone(),
            asking: caller.asking,
            keeps_handles: sink.is_some(),
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
            let now = self.masks.now();
            let mut masker = now.stream_from(held);
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
        let now = self.masks.now();
        let mut masker = now.stream_from(held);
        let shown = masker.push(bytes);
        output.held.push((stream, masker.into_held()));
        match output.sink.as_mut() {
            Some(sink) => show(sink, stream, &shown).await,
            None => Ok(()),
        }
    }

    /// A check's reads leave nothing behind that anybody would look for.
    async fn record(&self, handle: Handle) -> Result<(), Failure> {
        if !self.keeps_handles {
            return Ok(());
        }
        let (done, wait) = oneshot::channel();
        let message = Message::Record {
            event: Box::new(Event::HandleKept {
                step: self.step.clone(),
                handle,
            }),
            durable: false,
            done,
        };
        let gone = || Failure::new(ErrorKind::Other, "the journal takes nothing more").maybe_applied();
        self.to.send(message).map_err(|_| gone())?;
        wait.await.map(drop).map_err(|_| gone())
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
