//! The action `service`, where programs of a host look after services: systemd, or what the connection names.
//!
//! Both answer in the same way and differ in the programs that they run ([`Manager`]); where those run is the
//! [`Transport`]'s matter. Other kinds of connections have the same verbs from their own crates.

mod dropin;
mod local;
mod systemd;

pub use local::LocalServices;
pub use systemd::Systemd;

use runbook_action::service::{self, Foreign, LINES};
use runbook_action::{
    Args, Call, Chosen, Command, End, Ended, ErrorKind, Failure, Inverse, Output, Param, Preview, Recognised,
    Spec, Stream, Text, Transport, async_trait,
};
use serde_json::{Value, json};

use crate::spec::CONNECTIONS;

/// The form of what is kept.
const VERSION: u32 = 1;

/// How much of a program's output is kept.
const MOST: usize = 1024 * 1024;

/// The verbs that set something of a unit of systemd.
const SETS: [&str; 2] = ["set_env", "set_limits"];

/// What a service of a host does not have.
static FOREIGN: Foreign = Foreign {
    verbs: &["scale", "set_image"],
    why: "is for containers, and this is a service of a host",
    help: "change its configuration with `file`, and restart it",
};

/// The description of the action, for one kind of connection.
const fn spec(connection: &'static [&'static str]) -> Spec {
    service::spec(
        "Looks at or changes a service of a host.",
        connection,
        CONNECTIONS,
    )
}

/// A service as it is.
struct State {
    running: bool,
    words: String,
    /// What else is known of it: a mapping.
    more: Value,
}

/// What is done with a service, besides asking for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Start,
    Stop,
    Restart,
}

impl Deed {
    const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

/// What looks after services.
#[async_trait]
trait Manager: Sync {
    async fn state(&self, name: &str) -> Result<State, Failure>;
    async fn does(&self, deed: Deed, name: &str) -> Result<(), Failure>;
    async fn log(&self, name: &str, lines: i64, since: Option<&str>) -> Result<Vec<String>, Failure>;
}

/// A use of the action.
struct Use<'a> {
    verb: &'static str,
    name: String,
    args: Args<'a>,
}

impl<'a> Use<'a> {
    fn read(params: &'a Param) -> Result<Self, Failure> {
        let args = Args::new(params);
        let chosen = chosen(&args)?;
        let name = chosen.value.text()?.reveal();
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "*?[]{}/".contains(c);
        if name.is_empty() || name.starts_with('-') || name.contains(is_odd) {
            return Err(chosen.value.wrong("names no service"));
        }
        Ok(Self {
            verb: chosen.verb.key,
            name,
            args,
        })
    }

    fn deed(&self) -> Option<Deed> {
        [Deed::Start, Deed::Stop, Deed::Restart]
            .into_iter()
            .find(|deed| deed.word() == self.verb)
    }
}

/// The verb, if these services know it.
fn chosen<'a>(args: &Args<'a>) -> Result<Chosen<'a>, Failure> {
    service::chosen(args, &FOREIGN)
}

/// What it would do, and the words for it.
fn recognised(
    params: &Param,
    words: impl Fn(&str, &Text) -> Result<String, Failure>,
) -> Result<Recognised, Failure> {
    let args = Args::new(params);
    let chosen = chosen(&args)?;
    let name = chosen.value.text()?;
    if !name.is_unknown() {
        Use::read(params)?;
    }
    Ok(Recognised {
        summary: crate::output::one_line(&words(chosen.verb.key, &name)?),
        ..chosen.recognised(&name.to_string())
    })
}

fn answer(state: &State, lines: &[String], changed: bool) -> Output {
    let mut output = Output::from(json!({
        "running": state.running,
        "state": state.words,
        "replicas": 1,
        "ready": u8::from(state.running),
        "lines": lines,
        "changed": changed,
    }));
    let more = state.more.as_object();
    if let (Value::Object(known), Some(more)) = (&mut output.value, more) {
        known.extend(more.clone());
    }
    if more.is_none() {
        output.absent = service::only_of_systemd();
    }
    output
}

/// Does what the verb says.
async fn run(manager: &dyn Manager, call: Call<'_>) -> Result<Output, Failure> {
    let used = Use::read(call.params)?;
    let Some(deed) = used.deed() else {
        let lines = match used.verb {
            "logs" => {
                let count = used
                    .args
                    .get("lines")
                    .map_or(Ok(LINES), |lines| lines.integer())?;
                let since = used.args.get("since").map(|since| since.text()).transpose()?;
                let since = since.map(|since| since.reveal());
                let lines = manager.log(&used.name, count, since.as_deref()).await?;
                for line in &lines {
                    let line = format!("{line}\n");
                    call.host.write(Stream::Stdout, line.as_bytes()).await?;
                }
                lines
            }
            _ => Vec::new(),
        };
        return Ok(answer(&manager.state(&used.name).await?, &lines, false));
    };
    let before = manager.state(&used.name).await?;
    let wanted = deed != Deed::Stop;
    if deed != Deed::Restart && before.running == wanted {
        return Ok(answer(&before, &[], false));
    }
    manager
        .does(deed, &used.name)
        .await
        .map_err(Failure::maybe_applied)?;
    let after = manager.state(&used.name).await.map_err(Failure::maybe_applied)?;
    if after.running != wanted {
        let message = format!("`{}` is {} after `{}`", used.name, after.words, deed.word());
        return Err(Failure::new(ErrorKind::Conflict, message)
            .maybe_applied()
            .help("look at its log"));
    }
    Ok(answer(&after, &[], true))
}

/// What becomes of a service, from what it is now. Whether it would start nobody can tell without starting it.
async fn preview(manager: &dyn Manager, call: Call<'_>) -> Result<Option<Preview>, Failure> {
    let used = Use::read(call.params)?;
    let Some(deed) = used.deed() else {
        return Ok(None);
    };
    let state = manager.state(&used.name).await?;
    let becomes = match (deed, state.running) {
        (Deed::Start, true) | (Deed::Stop, false) => "and would stay so",
        (Deed::Start | Deed::Restart, false) => "and would be started",
        (Deed::Stop, true) => "and would be stopped",
        (Deed::Restart, true) => "and would be restarted",
    };
    let summary = format!("`{}` is {} {becomes}", used.name, state.words);
    Ok(Some(Preview::new(call.mask(&crate::output::one_line(&summary)))))
}

/// Keeps whether it runs.
async fn prepare(manager: &dyn Manager, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
    let used = Use::read(call.params)?;
    let Some(deed) = used.deed().filter(|deed| *deed != Deed::Restart) else {
        return Ok(None);
    };
    let before = manager.state(&used.name).await?;
    let back = if before.running { "start" } else { "stop" };
    Ok(Some(Inverse {
        version: VERSION,
        summary: format!("{back} `{}`, as it was", used.name),
        expects: json!({ "running": deed == Deed::Start }),
        data: json!({ "running": before.running }),
    }))
}

/// Refuses what is kept in a form that is not known here.
fn knows(inverse: &Inverse) -> Result<(), Failure> {
    if inverse.version == VERSION {
        return Ok(());
    }
    Err(Failure::new(
        ErrorKind::Other,
        "what was kept is of another version of this program",
    )
    .help("put it back by hand"))
}

/// Has it run again, or not, as before.
async fn undo(manager: &dyn Manager, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
    knows(inverse)?;
    let used = Use::read(call.params)?;
    let now = manager.state(&used.name).await?;
    if !inverse.is_due(&json!({ "running": now.running }))? {
        return Ok(answer(&now, &[], false));
    }
    let runs = inverse.data.get("running").and_then(Value::as_bool) == Some(true);
    let deed = if runs { Deed::Start } else { Deed::Stop };
    manager
        .does(deed, &used.name)
        .await
        .map_err(Failure::maybe_applied)?;
    Ok(answer(&manager.state(&used.name).await?, &[], true))
}

/// The same, unless the call is to end: then the program that was started is ended.
async fn unless_cancelled<T>(
    call: Call<'_>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let result = tokio::select! {
        biased;
        result = work => result,
        () = call.host.cancelled() => {
            Err(Failure::new(ErrorKind::Cancelled, "was stopped before it ended").maybe_applied())
        }
    };
    result.map_err(|failure| call.mask_failure(failure))
}

/// What only looks has changed nothing, however it ends.
fn unapplied(failure: Failure) -> Failure {
    Failure {
        may_have_applied: false,
        ..failure
    }
}

/// Runs a program to its end.
async fn ask(place: &dyn Transport, argv: Vec<String>) -> Result<Ended, Failure> {
    let mut failed = place.output(&Command::new(argv), MOST).await;
    if let Err(failure) = &mut failed {
        // There is no such parameter: the program is this action's own choice.
        failure.param = None;
    }
    failed
}

/// Why a program that looks after services has failed.
fn failed(what: &str, ended: &Ended) -> Failure {
    let said = String::from_utf8_lossy(&ended.stderr);
    let last = said
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let kind = if said.contains("not found") || said.contains("not loaded") || said.contains("not be found") {
        ErrorKind::NotFound
    } else if said.contains("ccess denied")
        || said.contains("authentication required")
        || said.contains("ermission denied")
    {
        ErrorKind::Forbidden
    } else if said.contains("Failed to connect to bus") || said.contains("has not been booted with systemd") {
        ErrorKind::Unreachable
    } else {
        ErrorKind::Other
    };
    let reason = crate::output::one_line(last);
    let reason = reason.trim_end_matches('.');
    let message = match &ended.end {
        end if reason.is_empty() => format!("{what} {end}"),
        End::Code(_) | End::Signal { .. } => format!("{what} failed: {reason}"),
    };
    Failure::new(kind, message)
}
