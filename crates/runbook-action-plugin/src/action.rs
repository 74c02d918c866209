//! The action `uses`.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{
    Action, Args, Call, ConnectionNeed, Effect, ErrorKind, Failure, Handle, Host, Inverse, Kind, Lack,
    Output, Param, Preview, Recognised, Settled, Spec, Stream, Undoing, async_trait,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::place::digest;
use crate::talk::{self, Setting};
use crate::{Descriptor, Lock, PROTOCOL, Pin, Place, Places, WrongLock};

/// How long a plugin may take to describe itself.
const DESCRIBED: Duration = Duration::from_secs(10);

static SPEC: Spec = Spec {
    kind: "uses",
    doc: "An action outside the program, by its name.",
    params: Shape::Object(&PARAMS),
    result: &[],
    connection: ConnectionNeed::Named(&[
        "http",
        "sql",
        "prometheus",
        "ssh",
        "docker",
        "compose",
        "k8s",
        "container",
        "pod",
        "deployment",
        "systemd",
        "local",
    ]),
    connections: &[],
    takes_env: true,
};

static PARAMS: Object = Object {
    name: "use of a plugin",
    open: true,
    fields: &[
        Field::required("uses", Shape::Slug, "The name of the plugin."),
        Field::optional("with", Shape::Any, "Its parameters."),
    ],
};

/// The action `uses`: whatever plugins the project has pinned.
#[derive(Debug)]
pub struct Uses {
    places: Places,
    lock: Result<Lock, WrongLock>,
    /// Whether the lock is the one that a run has begun with: then nothing can be pinned anew.
    of_run: bool,
}

/// One use: the plugin's name, and what stands under `with`.
struct Use<'a> {
    name: String,
    with: Option<Args<'a>>,
}

impl<'a> Use<'a> {
    fn read(params: &'a Param) -> Result<Self, Failure> {
        let args = Args::new(params);
        Ok(Self {
            name: args.require("uses")?.literal()?.to_owned(),
            with: args.get("with"),
        })
    }
}

impl Uses {
    /// Knows what is pinned, and looks for programs when they are to run. `lock` is the text of the project's lock, if it
    /// has one.
    #[must_use]
    pub fn new(places: Places, lock: Option<&str>) -> Self {
        Self {
            places,
            lock: lock.map_or_else(|| Ok(Lock::default()), Lock::read),
            of_run: false,
        }
    }

    /// The same for a run that goes on: `lock` is the text that it began with, and what the project has pinned since
    /// does not matter to it.
    #[must_use]
    pub fn of_run(places: Places, lock: Option<&str>) -> Self {
        Self {
            of_run: true,
            ..Self::new(places, lock)
        }
    }

    fn pin(&self, name: &str) -> Result<Option<&Pin>, Failure> {
        let lock = self.lock.as_ref().map_err(|wrong| {
            Failure::new(ErrorKind::Other, wrong.to_string())
                .about("uses")
                .help("put back the file that was committed, or pin the plugins again with `runbook plugins pin`")
        })?;
        Ok(lock.plugins.get(name))
    }

    /// The program, if it is the one that was pinned.
    fn program(&self, name: &str) -> Result<(&Pin, PathBuf), Failure> {
        let refused = |kind, message: String| Failure::new(kind, message).about("uses");
        let Some(pin) = self.pin(name)? else {
            let message = format!("the plugin `{name}` is not pinned in `{}`", Lock::FILE);
            return Err(refused(ErrorKind::Forbidden, message).help(pin_it(name)));
        };
        let Some(Place { file, .. }) = self.places.find(name) else {
            let message = format!("there is no program `{}{name}`", crate::PREFIX);
            return Err(refused(ErrorKind::MissingProgram, message)
                .help("put it into the project's folder `plugins`, or into a folder of `PATH`, and make it executable"));
        };
        let found = digest(&file).map_err(|error| {
            refused(
                ErrorKind::Forbidden,
                format!("`{}` cannot be read: {error}", file.display()),
            )
        })?;
        if found != pin.sha256 {
            let message = format!("`{}` is not the program that was pinned", file.display());
            let help = if self.of_run {
                format!(
                    "the run began with another one: put back the program whose SHA-256 is {}",
                    pin.sha256
                )
            } else {
                format!("look at what has changed; if it is meant, {}", pin_it(name))
            };
            return Err(refused(ErrorKind::Forbidden, message).help(help));
        }
        Ok((pin, file))
    }

    /// Asks a plugin one thing.
    async fn ask(&self, call: Call<'_>, what: &str, more: Value) -> Result<Value, Failure> {
        let used = Use::read(call.params)?;
        let (pin, file) = self.program(&used.name)?;
        let known = pin.descriptor.recognise(&used.name, used.with.as_ref())?;
        let only_looks = known.effect == Effect::Read || ["preview", "prepare", "settle"].contains(&what);
        let connection = call
            .connection
            .map(|connection| json!({"name": connection.name, "params": connection.params.reveal()}));
        let mut request = json!({
            "protocol": PROTOCOL,
            "do": what,
            "params": used.with.map_or_else(|| json!({}), |with| with.param().reveal()),
            "connection": connection,
            "asking": call.asking,
            "remaining_ms": call.host.remaining().map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        });
        if let (Value::Object(request), Value::Object(more)) = (&mut request, more) {
            request.extend(more);
        }
        let setting = Setting {
            root: &self.places.root,
            vars: &self.places.vars,
            added: call.env,
        };
        talk::ask(&file, &setting, &request, call.host)
            .await
            .map_err(|mut failure| {
                failure.may_have_applied &= !only_looks;
                masked(call, failure)
            })
    }
}

/// What a plugin says may hold the secrets that it was given.
fn masked(call: Call<'_>, mut failure: Failure) -> Failure {
    failure.param = failure.param.map(|param| call.mask(&param));
    failure.message = call.mask(&failure.message);
    failure.help = failure.help.map(|help| call.mask(&help));
    failure.result = failure.result.map(|result| masked_value(call, result));
    failure
}

fn masked_value(call: Call<'_>, value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(call.mask(&text)),
        Value::Array(items) => items.into_iter().map(|item| masked_value(call, item)).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, item)| (call.mask(&key), masked_value(call, item)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

fn pin_it(name: &str) -> String {
    format!("pin it with `runbook plugins pin {name}`")
}

fn improper(what: &str) -> Failure {
    Failure::new(ErrorKind::Protocol, format!("the plugin answered {what}"))
}

impl Kind for Uses {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let used = Use::read(params)?;
        match self.pin(&used.name)? {
            Some(pin) => pin.descriptor.recognise(&used.name, used.with.as_ref()),
            // Nobody has said what it does, so whatever the author says of it may be right. It is not run.
            None => Ok(Recognised {
                effect: Effect::Change,
                certain: false,
                summary: used.name,
                undoing: Undoing::Automatic,
            }),
        }
    }
}

#[async_trait]
impl Action for Uses {
    fn lacks(&self, params: &Param, connection: Option<(&str, &Param)>) -> Vec<Lack> {
        let Ok(used) = Use::read(params) else {
            return Vec::new();
        };
        let lack = |param: &str, what: String| {
            vec![Lack {
                param: param.to_owned(),
                what,
            }]
        };
        match (self.pin(&used.name), connection) {
            (Ok(None), _) => lack(
                "uses",
                format!("the plugin `{}` (`runbook plugins pin {0}` pins it)", used.name),
            ),
            (Ok(Some(pin)), Some((kind, _))) if !pin.descriptor.connections.iter().any(|it| it == kind) => {
                lack(
                    "",
                    format!("the plugin `{}` through a connection of kind `{kind}`", used.name),
                )
            }
            (Ok(Some(_)) | Err(_), _) => Vec::new(),
        }
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let value = self.ask(call, "run", json!({})).await?;
        output(value)
    }

    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        let used = Use::read(call.params)?;
        let answers = self.pin(&used.name)?.is_some_and(|pin| pin.descriptor.preview);
        if !answers || self.recognise(call.params)?.effect == Effect::Read {
            return Ok(None);
        }
        let value = self.ask(call, "preview", json!({})).await?;
        let preview: Option<Preview> = serde_json::from_value(value)
            .map_err(|error| improper(&format!("`preview` with something else than a preview: {error}")))?;
        preview.map(|preview| proper(call, preview)).transpose()
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        if self.recognise(call.params)?.undoing != Undoing::Automatic {
            return Ok(None);
        }
        let value = self.ask(call, "prepare", json!({})).await?;
        let mut inverse: Option<Inverse> = serde_json::from_value(value)
            .map_err(|error| improper(&format!("`prepare` with something else than an inverse: {error}")))?;
        if let Some(inverse) = &mut inverse {
            inverse.summary = call.mask(&inverse.summary);
            if inverse.summary.trim().is_empty() || inverse.summary.contains('\n') {
                return Err(improper("`prepare` without a `summary` of one line"));
            }
        }
        Ok(inverse)
    }

    async fn undo(&self, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
        let value = self.ask(call, "undo", json!({"inverse": inverse})).await?;
        output(value)
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        if handles.is_empty() {
            return Ok(Settled::Nothing);
        }
        let value = self.ask(call, "settle", json!({"handles": handles})).await?;
        serde_json::from_value(value)
            .map_err(|_wrong| improper("`settle` with none of `nothing`, `ended`, `finished`"))
    }
}

/// A preview whose summary and lines are each on one line, without the secrets that the plugin was given.
fn proper(call: Call<'_>, mut preview: Preview) -> Result<Preview, Failure> {
    preview.summary = call.mask(preview.summary.trim());
    if preview.summary.is_empty() || preview.summary.contains('\n') {
        return Err(improper("`preview` without a `summary` of one line"));
    }
    for line in &mut preview.lines {
        line.text = call.mask(&line.text);
        if line.text.contains('\n') {
            return Err(improper("`preview` with a line that is several"));
        }
    }
    Ok(preview)
}

fn output(value: Value) -> Result<Output, Failure> {
    if value.is_object() {
        Ok(Output::from(value))
    } else {
        Err(improper("with something else than a mapping").maybe_applied())
    }
}

/// Asks a program to describe itself. This is for a person who pins it; nothing else starts what is not pinned.
pub async fn describe(places: &Places, place: &Place) -> Result<Descriptor, Failure> {
    let setting = Setting {
        root: &places.root,
        vars: &places.vars,
        added: &IndexMap::new(),
    };
    let request = json!({"protocol": PROTOCOL, "do": "describe"});
    let asking = talk::ask(&place.file, &setting, &request, &Nobody);
    let value = timeout(DESCRIBED, asking).await.map_err(|_elapsed| {
        Failure::new(
            ErrorKind::Timeout,
            format!("the plugin did not describe itself within {DESCRIBED:?}"),
        )
    })??;
    Descriptor::read(&value)
}

/// Where nobody runs anything: output is dropped, and nobody stops it.
struct Nobody;

#[async_trait]
impl Host for Nobody {
    async fn write(&self, _stream: Stream, _bytes: &[u8]) -> Result<(), Failure> {
        Ok(())
    }

    async fn cancelled(&self) {
        std::future::pending::<()>().await;
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn remaining(&self) -> Option<Duration> {
        Some(DESCRIBED)
    }
}
