//! Who is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use runbook_engine::{Answer, Approver, Clock, Question};
use runbook_event::OnFailure;

use crate::clock::FakeClock;
use crate::tape::{Mark, Tape};

/// People who answer as they were told, or never.
pub(crate) struct People {
    clock: Arc<FakeClock>,
    tape: Tape,
    answers: BTreeMap<String, (Duration, bool)>,
    on_interrupt: Option<OnFailure>,
    pub(crate) questions: Arc<Mutex<Vec<Question>>>,
}

impl People {
    pub(crate) fn new(
        answers: &BTreeMap<String, (Duration, bool)>,
        on_interrupt: Option<OnFailure>,
        clock: &Arc<FakeClock>,
        tape: &Tape,
    ) -> Self {
        Self {
            clock: Arc::clone(clock),
            tape: tape.clone(),
            answers: answers.clone(),
            on_interrupt,
            questions: Arc::default(),
        }
    }
}

#[async_trait]
impl Approver for People {
    async fn ask(&self, question: &Question) -> Answer {
        self.tape.mark(Mark::Asked(question.step.clone()));
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(question.clone());
        let Some((after, approved)) = self.answers.get(&question.step) else {
            return std::future::pending().await;
        };
        self.clock.wait_until(self.clock.monotonic() + *after).await;
        Answer {
            approved: *approved,
            by: "grace".to_owned(),
            how: "terminal".to_owned(),
        }
    }

    async fn on_interrupt(&self) -> OnFailure {
        match self.on_interrupt {
            Some(then) => then,
            None => std::future::pending().await,
        }
    }
}
