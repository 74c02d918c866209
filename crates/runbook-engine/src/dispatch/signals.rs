//! Signals: the first stops what can be stopped, the second does not wait, the third leaves.

use std::sync::Arc;

use runbook_event::{Event, Notice, OnFailure, OnInterrupt, Phase, Stop, StopCause};
use tokio::sync::oneshot;

use super::{Dispatcher, EngineError};
use crate::brake::Urgency;
use crate::view::read;
use crate::{OnHangup, Signal};

impl Dispatcher {
    /// Undos and the clean-up go on until the third.
    pub(super) fn signalled(&mut self, signal: &Signal) -> Result<(), EngineError> {
        if signal.name == "SIGHUP" {
            return self.hung_up(signal);
        }
        self.signals += 1;
        let urgency = match self.signals {
            1 => Urgency::Stop,
            2 => Urgency::Now,
            _ => {
                self.tasks.abort_all();
                self.sync()?;
                return Err(EngineError::Left);
            }
        };
        self.brakes.root().raise(urgency);
        if let Some((name, _)) = &self.asked {
            // Whoever asks twice does not want to be asked.
            let signal = Signal { name: name.clone() };
            self.asked = None;
            return self.stop_by(&signal.name, OnFailure::Hold);
        }
        match self.policy() {
            None => Ok(()),
            Some(OnInterrupt::Rollback) => self.stop_by(&signal.name, OnFailure::Rollback),
            Some(OnInterrupt::Hold) => self.stop_by(&signal.name, OnFailure::Hold),
            Some(OnInterrupt::Ask) => {
                self.ask(&signal.name);
                Ok(())
            }
        }
    }

    /// What a signal does, if it does anything.
    fn policy(&self) -> Option<OnInterrupt> {
        read(&self.state, |state| {
            let run = state.run()?;
            let goes_on = state.stop().is_none() && state.phase() < Some(Phase::Rollback);
            let policy = if run.wanted.no_rollback {
                OnInterrupt::Hold
            } else {
                run.outline.on_interrupt
            };
            goes_on.then_some(policy)
        })
    }

    fn ask(&mut self, name: &str) {
        let (mut to, answer) = oneshot::channel();
        let approver = Arc::clone(&self.run.approver);
        self.asked = Some((name.to_owned(), answer));
        // A further signal withdraws the question, so that whoever asks lets go of the screen.
        drop(tokio::spawn(async move {
            let then = tokio::select! {
                then = approver.on_interrupt() => then,
                () = to.closed() => return,
            };
            let _nobody_waits = to.send(then);
        }));
    }

    /// A person has said what a signal is to do.
    pub(super) fn interrupt(&mut self, then: OnFailure) -> Result<(), EngineError> {
        let Some((name, _)) = self.asked.take() else {
            return Ok(());
        };
        self.stop_by(&name, then)
    }

    fn stop_by(&mut self, name: &str, then: OnFailure) -> Result<(), EngineError> {
        if self.policy().is_none() {
            return Ok(());
        }
        let cause = StopCause::Signal {
            name: name.to_owned(),
        };
        self.record(Event::Stopping {
            within: None,
            stop: Stop { cause, then },
        })
    }

    /// The terminal is gone. The run goes on without it, or holds.
    fn hung_up(&mut self, signal: &Signal) -> Result<(), EngineError> {
        let goes_on = self.on_hangup == OnHangup::GoOn;
        self.record(Event::Noted {
            notice: Notice::TerminalGone { goes_on },
        })?;
        if !goes_on {
            self.brakes.root().raise(Urgency::Stop);
            self.stop_by(&signal.name, OnFailure::Hold)?;
        }
        Ok(())
    }
}
