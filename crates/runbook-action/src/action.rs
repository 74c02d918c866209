//! The action itself, what it is given and what it gives back.

use std::time::Duration;

use async_trait::async_trait;
use indexmap::IndexMap;
use runbook_schema::{Field, Object, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Args, ErrorKind, Failure, Handle, Inverse, Param, Preview, Settled, Text, Transport};

/// What running something does to the world. Ordered: a greater one needs more care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It looks and leaves all as it was.
    Read,
    /// It changes something that can be changed back.
    Change,
    /// It destroys something: data, or work in progress.
    Destructive,
}

impl Effect {
    /// The word that runbooks use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Destructive => "destructive",
        }
    }
}

/// What it takes to undo something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Undoing {
    /// Only the author can say.
    #[default]
    ByAuthor,
    /// The action can keep what was there and put it back: `rollback: auto`.
    Automatic,
    /// There is nothing to put back, as after a restart: `rollback: not_needed` goes without saying.
    Needless,
}

/// What a set of parameters would do, as far as the action can tell without asking anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// The effect.
    pub effect: Effect,
    /// Whether the action knows that effect. Where it does not (a shell script, a POST), `effect` is what
    /// is assumed, and the author may state less.
    pub certain: bool,
    /// One line for people: `GET /health/status`. Secrets are masked.
    pub summary: String,
    /// What it takes to undo it.
    pub undoing: Undoing,
}

/// What an action is and what it accepts.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The key by which a step uses it: `http`.
    pub kind: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
    /// Its parameters.
    pub params: Shape,
    /// The names that `expect` and `capture` may use, with what they hold.
    pub result: &'static [Field],
    /// Whether it talks through a connection, and of which kinds.
    pub connection: ConnectionNeed,
    /// The kinds of connections that come with it.
    pub connections: &'static [&'static ConnectionSpec],
    /// Whether it starts a program, to which environment variables can be given.
    pub takes_env: bool,
}

/// Whether an action talks through a connection of the runbook. The kinds may be those of other actions: a
/// script can run in a container.
#[derive(Debug, Clone, Copy)]
pub enum ConnectionNeed {
    /// It uses none.
    None,
    /// It uses one if the author names it: where a script runs is never guessed.
    Named(&'static [&'static str]),
    /// It uses one if the author names it, or if there is only one of these kinds.
    Optional(&'static [&'static str]),
    /// The same, and it cannot do without.
    Required(&'static [&'static str]),
}

impl ConnectionNeed {
    /// The kinds that will do.
    #[must_use]
    pub const fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Named(kinds) | Self::Optional(kinds) | Self::Required(kinds) => kinds,
        }
    }
}

/// Whether a connection can go through another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// It never does.
    Never,
    /// It does if the author says so, through one of these kinds.
    Named(&'static [&'static str]),
    /// It must, through one of these kinds: the one that is named, else the only one.
    Required(&'static [&'static str]),
}

/// A kind of connection and what it accepts.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionSpec {
    /// The key that names the kind and holds its address: `{http: "https://…"}`.
    pub kind: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
    /// All keys of the mapping, the one of the kind included, and without `via`.
    pub shape: Object,
    /// What it can go through.
    pub via: Via,
}

impl ConnectionSpec {
    /// Whether the key of another kind is a part of this one, as `container` is of a `pod`.
    #[must_use]
    pub fn has_part(&self, kind: &str) -> bool {
        self.kind != kind && self.shape.field(kind).is_some()
    }
}

/// A connection with its parameters rendered.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The name under `connections`.
    pub name: String,
    /// Its mapping.
    pub params: Param,
}

impl Connection {
    /// Its mapping, with paths that name the place in the runbook: `connections.db.statement_timeout`.
    #[must_use]
    pub fn args(&self) -> Args<'_> {
        Args::under(&self.params, format!("connections.{}", self.name))
    }
}

/// One use of an action.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The rendered parameters.
    pub params: &'a Param,
    /// The connection, where the action uses one.
    pub connection: Option<&'a Connection>,
    /// The connection that this one goes through, where it is not itself a place: a Compose project's Docker.
    pub via: Option<&'a Connection>,
    /// The place that the connection is, or the nearest one that it goes through. Nothing is this machine.
    pub transport: Option<&'a dyn Transport>,
    /// Environment variables for programs that it starts, `RUNBOOK_RUN` and its kin included.
    pub env: &'a IndexMap<String, Text>,
    /// Whether this is a question: then every exit code and every HTTP status is an answer, not a failure.
    pub asking: bool,
    /// The way back to the engine.
    pub host: &'a dyn Host,
}

/// What an action answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// The result: a mapping with the names that [`Spec::result`] lists.
    pub value: Value,
    /// The names in it that are cut off, because there was more than expressions may see (1 MiB).
    pub cut: Vec<String>,
    /// The names of [`Spec::result`] that it does not have this time, each with why: “the query gave 0 samples”. An
    /// expression that asks for one of them fails with that.
    pub absent: Vec<(String, String)>,
    /// What it left of the fields that its [`Inverse`] is about, where [`prepare`](Action::prepare) could not know that:
    /// it takes the place of [`Inverse::expects`]. It is kept as the inverse is, and shown nowhere.
    pub left: Option<Value>,
}

impl From<Value> for Output {
    fn from(value: Value) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }
}

/// Which of a program's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output, or whatever the action's main output is.
    Stdout,
    /// Standard error, or remarks beside the output.
    Stderr,
}

/// The engine, as an action sees it.
#[async_trait]
pub trait Host: Send + Sync {
    /// Takes output as it arrives: masks secrets, keeps it, shows it. Waits while it cannot keep up.
    async fn write(&self, stream: Stream, bytes: &[u8]) -> Result<(), Failure>;

    /// Returns when the action is to stop, at a deadline or because the run stops. An action that has
    /// something to clean up waits for this beside its work, ends what it started, and returns.
    async fn cancelled(&self);

    /// How long what the action started may take to end by itself before it is killed. May shrink while
    /// one waits, when the user asks a second time.
    fn grace(&self) -> Duration;

    /// The time until the deadline, where there is one.
    fn remaining(&self) -> Option<Duration>;

    /// Keeps what the attempt has started and what may outlive this program, so that a run that is resumed after
    /// a crash finds it. It is durable when this returns. An action calls it as soon as it knows the handle, and
    /// before it waits for anything; where it fails, the action ends what it started and fails too.
    async fn record(&self, handle: Handle) -> Result<(), Failure> {
        drop(handle);
        Ok(())
    }
}

/// A part of the language that an action cannot run yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The path of the parameter; empty for the action as a whole.
    pub param: String,
    /// What cannot be run, as a noun: “a body of several parts”.
    pub what: String,
}

impl Lack {
    /// Refuses what cannot be run, so that an action never runs without a part of what it was asked.
    pub fn refuse(lacks: Vec<Self>) -> Result<(), Failure> {
        let Some(lack) = lacks.into_iter().next() else {
            return Ok(());
        };
        let failure = Failure::new(ErrorKind::Other, format!("this version cannot run {}", lack.what));
        Err(if lack.param.is_empty() {
            failure
        } else {
            failure.about(lack.param)
        })
    }
}

/// A kind of action, as far as it can be known without doing anything.
pub trait Kind: Send + Sync {
    /// What it is and what it accepts.
    fn spec(&self) -> &'static Spec;

    /// What these parameters would do. Pure: the parameters may have parts that are not known yet, and the
    /// effect may depend only on literal ones.
    fn recognise(&self, params: &Param) -> Result<Recognised, Failure>;

    /// By which program it is done, where that is chosen on the spot: the rule of the choice, for people who read a
    /// plan. Pure, like [`recognise`](Kind::recognise); `None` where there is nothing to choose.
    fn means(&self, params: &Param) -> Option<&'static str> {
        let _ = params;
        None
    }
}

/// One way to touch the world.
///
/// # Cancellation
///
/// When [`Host::cancelled`] returns, the action ends what it started, remote work included, and returns a
/// failure of kind [`Cancelled`](crate::ErrorKind::Cancelled) that says whether something may have been
/// applied. That holds for each of the five methods that are given a call.
///
/// # Putting back
///
/// What it leaves is known before it acts, and stands in [`Inverse::expects`], or only afterwards: then
/// [`Output::left`] tells it.
///
/// An action that recognises something as [`Undoing::Automatic`] can [`prepare`](Action::prepare) and
/// [`undo`](Action::undo) it. `undo` can be called at any time after `prepare`: when the action was not run, when
/// it was interrupted half way, when the undo itself was, and again when it has passed; it always leads to the
/// same state and never overwrites what somebody else has written since.
///
/// # After a crash
///
/// What an attempt starts is told to [`Host::record`] if it may outlive this program. A resumed run hands it to
/// [`settle`](Action::settle), which sees to it that nothing of that attempt goes on. Whether the attempt has taken
/// effect is not its question. It touches nothing that it cannot tell for certain to be the attempt's.
#[async_trait]
pub trait Action: Kind {
    /// What of these parameters is part of the language and cannot be run by this version: paths of parameters
    /// and what they would do. A plan that asks for one of them is refused before anything starts.
    ///
    /// `connection` is the kind of the connection that was picked, with its mapping.
    fn lacks(&self, params: &Param, connection: Option<(&str, &Param)>) -> Vec<Lack> {
        let _ = (params, connection);
        Vec::new()
    }

    /// The kinds of connections that its own connection can go through (`via`), as far as this version can: such a
    /// call has a [`Call::transport`] or a [`Call::via`]. A place that goes through another one is not its matter.
    fn carriers(&self) -> &'static [&'static str] {
        &[]
    }

    /// Does it.
    async fn run(&self, call: Call<'_>) -> Result<Output, Failure>;

    /// Finds out what [`run`](Action::run) with these parameters would change, and changes nothing: not for a moment
    /// either, as far as others could see it or be held up by it, and not when it is cancelled.
    ///
    /// `None` means that this action cannot tell. A failure is what running it would meet: the table is not there,
    /// the cluster would refuse it.
    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        let _ = call;
        Ok(None)
    }

    /// Keeps what is there, before [`run`](Action::run) with the same parameters changes it. It only reads.
    ///
    /// It is called once a step, before the intent, where the author asks for `rollback: auto`; retries and a
    /// resumed run use what it gave. `None` means that this action cannot put anything back.
    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        let _ = call;
        Ok(None)
    }

    /// Puts back what [`prepare`](Action::prepare) kept. The parameters are those of the action.
    ///
    /// It compares what is there with what the action left ([`Inverse::expects`]). Somebody else's change to the
    /// same fields is a failure of kind [`Conflict`](crate::ErrorKind::Conflict) that shows the difference. If
    /// what is there already equals what is to be put back, since nothing was applied or it was undone before, it
    /// succeeds and does nothing. What it returns is of the form of [`Spec::result`] as far as that makes sense.
    async fn undo(&self, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
        let _ = (call, inverse);
        Err(Failure::new(
            ErrorKind::Other,
            format!("`{}` cannot put anything back by itself", self.spec().kind),
        )
        .help("undo it by hand"))
    }

    /// Ends, or waits for, what an attempt left running that a crash interrupted: `handles` are what it had
    /// recorded by then, which may be less than it started. The parameters and the environment are those of that
    /// attempt.
    ///
    /// A resumed run calls it before anybody decides whether the attempt happened. It can be called again, for
    /// the run that resumes may crash too; then it finds less. What is still running at the deadline is a failure
    /// of kind [`Timeout`](crate::ErrorKind::Timeout) that names it.
    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        let _ = (call, handles);
        Ok(Settled::Nothing)
    }
}
