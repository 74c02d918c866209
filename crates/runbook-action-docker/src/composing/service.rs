//! The action `service`, where an engine or a project of compose looks after services.
//!
//! A service is a container of an engine, or all containers of a service of compose. What the language has besides, and
//! these cannot do, is refused with a way out.

use std::sync::Arc;

use runbook_action::service::{self, Foreign, LINES};
use runbook_action::{
    Action, Args, Call, Chosen, Command, ErrorKind, Failure, Inverse, Kind, Lack, Output, Param, Recognised,
    Spec, Stream, Transport, async_trait,
};
use serde_json::{Map, Value, json};

use super::program::{self, Program};
use super::{Opened, changes};
use crate::attend::unless_cancelled;
use crate::engine::Engine;
use crate::settings::Environment;
use crate::verbs::limits::{self, Limits};
use crate::verbs::{health, state};
use crate::{asked, look};

/// The form of what is kept.
const VERSION: u32 = 1;

/// What an engine cannot change of a container that there is.
static FOREIGN: Foreign = Foreign {
    verbs: &["set_env", "set_image"],
    why: "is not what an engine can change of a container that there is",
    help: "change the project's files with `file`, and have `compose` bring it up",
};

static SPEC: Spec = service::spec(
    "Looks at or changes a service that runs in containers.",
    &["docker", "compose"],
    &[],
);

/// The action `service` for connections of kind `docker` and `compose`.
#[derive(Debug, Clone)]
pub struct Services {
    around: Environment,
    here: Arc<dyn Transport>,
}

impl Services {
    /// The program of compose is run in `here`, which is this machine.
    #[must_use]
    pub const fn new(around: Environment, here: Arc<dyn Transport>) -> Self {
        Self { around, here }
    }

    async fn open<'a>(&'a self, call: Call<'a>) -> Result<Of<'a>, Failure> {
        let is_project = call
            .connection
            .is_some_and(|connection| connection.params.get("compose").is_some());
        if is_project {
            return Ok(Of::Project(super::open(call, &self.around, &*self.here).await?));
        }
        let engine = unless_cancelled(call, false, Engine::of_call(call, &self.around)).await?;
        Ok(Of::Engine(engine))
    }
}

/// What looks after the service.
enum Of<'a> {
    Engine(Engine),
    Project(Opened<'a>),
}

impl Of<'_> {
    const fn engine(&self) -> &Engine {
        match self {
            Self::Engine(engine) => engine,
            Self::Project(opened) => &opened.engine,
        }
    }

    /// The containers of a service, each by its identity.
    async fn containers(&self, name: &str) -> Result<Vec<String>, Failure> {
        match self {
            Self::Engine(engine) => Ok(look::inspect(engine, name).await?.id.into_iter().collect()),
            Self::Project(opened) => {
                let members = opened.project.members(&opened.engine).await?;
                let of_service = members.into_iter().filter(|member| member.service == name);
                Ok(of_service.map(|member| member.id).collect())
            }
        }
    }
}

/// A verb of a service.
struct Asked<'a> {
    of: &'a Of<'a>,
    chosen: &'a Chosen<'a>,
    call: Call<'a>,
    name: String,
}

fn chosen(params: &Param) -> Result<Chosen<'_>, Failure> {
    service::chosen(&Args::new(params), &FOREIGN)
}

impl Kind for Services {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let chosen = chosen(params)?;
        let name = chosen.value.text()?;
        let is_odd = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '-');
        let known = name.reveal();
        if !name.is_unknown() && (known.is_empty() || known.starts_with('-') || known.contains(is_odd)) {
            return Err(chosen.value.wrong("names no service"));
        }
        Ok(chosen.recognised(&format!("service {name}")))
    }

    fn means(&self, params: &Param) -> Option<&'static str> {
        // A single container is not scaled, so this is a project of compose.
        params.get("scale").is_some().then_some(program::EITHER)
    }
}

#[async_trait]
impl Action for Services {
    fn lacks(&self, params: &Param, connection: Option<(&str, &Param)>) -> Vec<Lack> {
        let of_engine = connection.is_some_and(|(kind, _)| kind == "docker");
        let lack = |param: &str, what: &str| Lack {
            param: param.to_owned(),
            what: what.to_owned(),
        };
        let mut lacks = Vec::new();
        if params.get("scale").is_some() && of_engine {
            lacks.push(lack("scale", "`service: {scale: …}` of a single container"));
        }
        for verb in FOREIGN.verbs {
            if params.get(verb).is_some() {
                lacks.push(lack(verb, &format!("`service: {{{verb}: …}}` of containers")));
            }
        }
        lacks
    }

    fn carriers(&self) -> &'static [&'static str] {
        &["docker", "ssh"]
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        self.recognise(call.params)?;
        let chosen = chosen(call.params)?;
        let of = self.open(call).await?;
        let name = chosen.value.text()?.reveal();
        let asked = Asked {
            of: &of,
            chosen: &chosen,
            call,
            name,
        };
        if chosen.verb.key == "scale" {
            let scaled = asked.scale(asked.replicas()?).await;
            return scaled.map_err(|failure| call.mask_failure(failure));
        }
        let changes = chosen.verb.effect != runbook_action::Effect::Read;
        unless_cancelled(call, changes, asked.run()).await
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        self.recognise(call.params)?;
        let chosen = chosen(call.params)?;
        let of = self.open(call).await?;
        let name = chosen.value.text()?.reveal();
        let asked = Asked {
            of: &of,
            chosen: &chosen,
            call,
            name,
        };
        unless_cancelled(call, false, asked.prepare()).await
    }

    async fn undo(&self, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
        if inverse.version != VERSION {
            let message = "what was kept is of another version of this program";
            return Err(Failure::new(ErrorKind::Other, message).help("put it back by hand"));
        }
        let chosen = chosen(call.params)?;
        let of = self.open(call).await?;
        let name = chosen.value.text()?.reveal();
        let asked = Asked {
            of: &of,
            chosen: &chosen,
            call,
            name,
        };
        let undone = asked.undo(inverse).await;
        undone.map_err(|failure| call.mask_failure(failure))
    }
}

impl Asked<'_> {
    /// The containers, of which there must be some.
    async fn containers(&self) -> Result<Vec<String>, Failure> {
        let found = self.of.containers(&self.name).await;
        let found = found.map_err(|failure| crate::verbs::about(failure, self.chosen.value.path()))?;
        if found.is_empty() {
            let message = format!("service `{}` has no container", self.name);
            return Err(Failure::new(ErrorKind::NotFound, message)
                .about(self.chosen.value.path())
                .help("bring it up with `compose`"));
        }
        Ok(found)
    }

    async fn answer(&self, lines: &[String], changed: bool) -> Result<Output, Failure> {
        let (mut replicas, mut ready, mut running, mut words) = (0_u32, 0_u32, 0_u32, Vec::new());
        for id in self.of.containers(&self.name).await? {
            let container = look::inspect(self.of.engine(), &id).await?;
            let (runs, health) = (look::is_running(&container), look::health(&container));
            replicas += 1;
            running += u32::from(runs);
            ready += u32::from(runs && ["healthy", "none"].contains(&health.as_str()));
            let word = if runs && health != "none" {
                health
            } else {
                look::status(&container)
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
        let value = json!({
            "running": running > 0, "state": words.join(", "), "replicas": replicas, "ready": ready,
            "lines": lines, "changed": changed,
        });
        Ok(Output {
            absent: service::only_of_systemd(),
            ..Output::from(value)
        })
    }

    async fn run(&self) -> Result<Output, Failure> {
        let engine = self.of.engine();
        let containers = self.containers().await?;
        let mut changed = false;
        match self.chosen.verb.key {
            "logs" => return self.logs(&containers).await,
            verb @ ("start" | "stop") => {
                for id in &containers {
                    let runs = look::is_running(&look::inspect(engine, id).await?);
                    if verb == "start" && !runs {
                        state::begin(engine, id).await?;
                        health::lasts(engine, id).await?;
                    } else if verb == "stop" && runs {
                        state::end(engine, id, None).await?;
                    }
                    changed |= runs == (verb == "stop");
                }
            }
            "restart" => {
                for id in &containers {
                    let done = engine.docker.restart_container(id, None).await;
                    done.map_err(|error| engine.failure(&error).maybe_applied())?;
                    health::lasts(engine, id).await?;
                }
                changed = true;
            }
            "set_limits" => {
                let wanted = Limits::read(self.chosen)?;
                for id in &containers {
                    let (_, before) = limits::current(engine, id).await?;
                    if before.data(&wanted) != wanted.data(&wanted) {
                        limits::set(engine, id, &wanted)
                            .await
                            .map_err(Failure::maybe_applied)?;
                        changed = true;
                    }
                }
            }
            _ => {}
        }
        self.answer(&[], changed).await
    }

    async fn logs(&self, containers: &[String]) -> Result<Output, Failure> {
        use bollard::query_parameters::LogsOptionsBuilder;
        use futures_util::StreamExt as _;
        let engine = self.of.engine();
        let count = asked::integer(self.chosen, "lines")?.unwrap_or(LINES);
        let since = match asked::duration(self.chosen, "since")? {
            Some(length) => crate::verbs::read::before_now(engine, length).await?,
            None => 0,
        };
        let options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .tail(&count.to_string())
            .since(i32::try_from(since).unwrap_or(i32::MAX))
            .build();
        let mut printed = crate::printed::Printed::default();
        for id in containers {
            let mut pieces = engine.docker.logs(id, Some(options.clone()));
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(|error| engine.failure(&error))?;
                printed.push(Stream::Stdout, piece.as_ref());
                self.call.host.write(Stream::Stdout, piece.as_ref()).await?;
            }
        }
        let (logs, is_cut) = printed.logs();
        let lines = logs.get("lines").cloned().unwrap_or_default();
        let lines: Vec<String> = serde_json::from_value(lines).unwrap_or_default();
        let mut output = self.answer(&lines, false).await?;
        if is_cut {
            output.cut.push("lines".to_owned());
        }
        Ok(output)
    }

    fn replicas(&self) -> Result<i64, Failure> {
        let count = asked::integer(self.chosen, "replicas")?;
        count.ok_or_else(|| self.chosen.value.wrong("needs `replicas` beside it"))
    }

    async fn scale(&self, count: i64) -> Result<Output, Failure> {
        let Of::Project(opened) = self.of else {
            return Err(self
                .chosen
                .value
                .wrong("is a single container, and has no number of them"));
        };
        let before = self.of.containers(&self.name).await?;
        let asked = opened.asked(self.chosen, self.call);
        let words = changes::scaling(&[(self.name.clone(), count)], true);
        let found = Program::said(asked).await?;
        let command: Command = program::command(asked, found, words)?;
        program::run(asked, &command, super::looks::empty()).await?;
        let after = self
            .of
            .containers(&self.name)
            .await
            .map_err(Failure::maybe_applied)?;
        self.answer(&[], before != after).await
    }

    /// What there is of what the verb changes, each field by its name.
    async fn fields(&self) -> Result<Value, Failure> {
        let engine = self.of.engine();
        if self.chosen.verb.key == "scale" {
            return Ok(json!({ "replicas": self.of.containers(&self.name).await?.len() }));
        }
        let mut fields = Map::new();
        for id in self.containers().await? {
            if self.chosen.verb.key == "set_limits" {
                let (_, now) = limits::current(engine, &id).await?;
                for (field, value) in now
                    .data(&Limits::read(self.chosen)?)
                    .as_object()
                    .into_iter()
                    .flatten()
                {
                    fields.insert(format!("{id} {field}"), value.clone());
                }
            } else {
                let runs = look::is_running(&look::inspect(engine, &id).await?);
                fields.insert(id, json!(runs));
            }
        }
        Ok(Value::Object(fields))
    }

    async fn prepare(&self) -> Result<Option<Inverse>, Failure> {
        let verb = self.chosen.verb.key;
        if !["start", "stop", "scale", "set_limits"].contains(&verb) {
            return Ok(None);
        }
        let data = self.fields().await?;
        let mut expects = data.clone();
        let wanted = Limits::read(self.chosen)?;
        let wanted = wanted.data(&wanted);
        for (name, field) in expects.as_object_mut().into_iter().flatten() {
            *field = match verb {
                "start" => json!(true),
                "stop" => json!(false),
                "scale" => json!(self.replicas()?),
                _ => {
                    let own = name.rsplit(' ').next().unwrap_or_default();
                    wanted.get(own).cloned().unwrap_or_default()
                }
            };
        }
        let what = match verb {
            "scale" => "number of containers",
            "set_limits" => "limits",
            _ => "state",
        };
        Ok(Some(Inverse {
            version: VERSION,
            summary: format!("put back the {what} of `{}`", self.name),
            expects,
            data,
        }))
    }

    async fn undo(&self, inverse: &Inverse) -> Result<Output, Failure> {
        let engine = self.of.engine();
        let now = self.fields().await?;
        if !inverse.is_due(&now)? {
            return self.answer(&[], false).await;
        }
        if self.chosen.verb.key == "scale" {
            let before = inverse.data.get("replicas").and_then(Value::as_i64).unwrap_or(1);
            return self.scale(before).await;
        }
        for id in self.containers().await? {
            if self.chosen.verb.key == "set_limits" {
                let own = |(name, value): (&String, &Value)| {
                    let field = name.strip_prefix(&format!("{id} "))?;
                    Some((field.to_owned(), value.clone()))
                };
                let fields: Map<String, Value> = inverse
                    .data
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter_map(own)
                    .collect();
                let limits = Limits::from_data(&Value::Object(fields));
                limits::set(engine, &id, &limits)
                    .await
                    .map_err(Failure::maybe_applied)?;
                continue;
            }
            let Some(ran) = inverse
                .data
                .get(&id)
                .filter(|before| now.get(&id) != Some(before))
            else {
                continue;
            };
            let done = if *ran == json!(true) {
                state::begin(engine, &id).await
            } else {
                state::end(engine, &id, None).await
            };
            done.map_err(Failure::maybe_applied)?;
        }
        self.answer(&[], true).await
    }
}
