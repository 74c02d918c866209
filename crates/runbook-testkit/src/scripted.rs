//! Actions that follow a script: `probe` looks, `act` changes, `smash` destroys. Each use has a `name`, by
//! which the script says what happens.

use std::collections::{BTreeMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use runbook_action::schema::{Field, Shape};
use runbook_action::{
    Action, Call, ConnectionNeed, Effect, ErrorKind, Failure, Host, Kind, Output, Param, Recognised, Spec,
    Undoing, async_trait,
};
use runbook_engine::Clock;
use runbook_plan::Catalogue;
use serde_json::{Value, json};

use crate::clock::FakeClock;
use crate::play::{End, Play};
use crate::tape::{Mark, Tape};

/// The actions of a scenario, with what they do.
#[derive(Debug, Clone)]
pub struct Script {
    clock: Arc<FakeClock>,
    tape: Tape,
    plays: Arc<Mutex<BTreeMap<String, VecDeque<Play>>>>,
}

impl Script {
    /// Nothing is said yet: whatever is called works and takes no time.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>, tape: Tape) -> Self {
        Self {
            clock,
            tape,
            plays: Arc::default(),
        }
    }

    /// What the calls of this name do, in their order. The last one is repeated.
    pub fn on(&self, name: &str, plays: impl IntoIterator<Item = Play>) {
        let mut all = self.plays.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), plays.into_iter().collect());
    }

    /// A catalogue with the three actions.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        let mut catalogue = Catalogue::new();
        for (spec, effect) in [
            (&PROBE, Effect::Read),
            (&ACT, Effect::Change),
            (&SMASH, Effect::Destructive),
        ] {
            catalogue.add(Arc::new(Scripted {
                spec,
                effect,
                script: self.clone(),
            }));
        }
        catalogue
    }

    fn next(&self, name: &str) -> Play {
        let mut all = self.plays.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(name) {
            Some(plays) if plays.len() > 1 => plays.pop_front().unwrap_or_else(Play::works),
            Some(plays) => plays.front().cloned().unwrap_or_else(Play::works),
            None => Play::works(),
        }
    }
}

const RESULT: &[Field] = &[
    Field::required("got", Shape::Any, "What the script gives."),
    Field::required("said", Shape::Any, "The parameters, as they arrived."),
];

const fn spec(kind: &'static str) -> Spec {
    Spec {
        kind,
        doc: "Does what the script says.",
        params: Shape::Map(&Shape::Any),
        result: RESULT,
        connection: ConnectionNeed::None,
        connections: &[],
        takes_env: true,
    }
}

static PROBE: Spec = spec("probe");
static ACT: Spec = spec("act");
static SMASH: Spec = spec("smash");

struct Scripted {
    spec: &'static Spec,
    effect: Effect,
    script: Script,
}

impl Kind for Scripted {
    fn spec(&self) -> &'static Spec {
        self.spec
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let name = match params.get("name") {
            Some(Param::Text(text)) => text.to_string(),
            _ => {
                return Err(Failure::new(ErrorKind::Other, "expected text").about("name"));
            }
        };
        if name == "unrecognisable" {
            resume_unwind(Box::new("recognising it panics"));
        }
        Ok(Recognised {
            effect: self.effect,
            certain: true,
            summary: format!("{} {name}", self.spec.kind),
            undoing: Undoing::ByAuthor,
        })
    }
}

#[async_trait]
impl Action for Scripted {
    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let said = call.params.reveal();
        let name = said.get("name").and_then(Value::as_str).unwrap_or_default();
        let Script { tape, .. } = &self.script;
        tape.mark(Mark::Called(self.spec.kind, name.to_owned()));
        let result = self.play(self.script.next(name), &said, call.host).await;
        let how = result.as_ref().map(drop).map_err(|failure| failure.kind);
        tape.mark(Mark::Returned(name.to_owned(), how));
        result
    }
}

impl Scripted {
    async fn play(&self, play: Play, said: &Value, host: &dyn Host) -> Result<Output, Failure> {
        let clock = &self.script.clock;
        for (stream, bytes) in &play.prints {
            host.write(*stream, bytes).await?;
        }
        let cancelled = Failure::new(ErrorKind::Cancelled, "it was stopped");
        let until = clock.monotonic() + play.takes;
        tokio::select! {
            biased;
            () = clock.wait_until(until) => {}
            () = host.cancelled(), if !matches!(play.end, End::Deaf) => {
                let half = self.effect > Effect::Read;
                return Err(if half { cancelled.maybe_applied() } else { cancelled });
            }
        }
        match play.end {
            End::Succeed(value) => Ok(json!({ "got": value, "said": said }).into()),
            End::Fail(failure) => Err(*failure),
            End::Hang { applied, cleanup } => {
                host.cancelled().await;
                clock
                    .wait_until(clock.monotonic() + cleanup.min(host.grace()))
                    .await;
                Err(if applied {
                    cancelled.maybe_applied()
                } else {
                    cancelled
                })
            }
            End::Deaf => std::future::pending().await,
            // No message on the terminal, and no backtrace: it is meant.
            End::Panic => resume_unwind(Box::new("the script says so")),
        }
    }
}
