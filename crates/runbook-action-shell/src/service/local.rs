//! Services of this machine that the connection describes by the programs that start, stop and ask for them: for
//! hosts without systemd, and for practice.

use runbook_action::{
    Action, Args, Call, End, ErrorKind, Failure, Inverse, Kind, Lack, Output, Param, Preview, Recognised,
    Spec, Transport, async_trait,
};

use serde_json::Value;

use super::{Deed, Manager, SETS, State};
use crate::Environment;
use crate::local::Local;

static SPEC: Spec = super::spec(&["local"]);

/// The exit code by which scripts of services say that one does not run; other codes above zero say it too, but for
/// those by which a shell tells that the program is missing.
const NOT_RUN: [i32; 2] = [126, 127];

/// The action `service` for connections of kind `local`.
#[derive(Debug)]
pub struct LocalServices {
    here: Local,
}

impl LocalServices {
    /// The programs will find this environment.
    #[must_use]
    pub const fn new(environment: Environment) -> Self {
        Self {
            here: Local::new(environment),
        }
    }

    fn described<'a>(&'a self, call: &Call<'a>) -> Result<Described<'a>, Failure> {
        let connection = call
            .connection
            .ok_or_else(|| Failure::new(ErrorKind::Other, "needs a connection of kind `local`"))?;
        Ok(Described {
            place: call.place(&self.here)?,
            connection: connection.args(),
        })
    }
}

impl Kind for LocalServices {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        sets_nothing(params)?;
        super::recognised(params, |verb, name| Ok(format!("{verb} service {name}")))
    }
}

#[async_trait]
impl Action for LocalServices {
    fn lacks(&self, params: &Param, connection: Option<(&str, &Param)>) -> Vec<Lack> {
        let args = Args::new(params);
        let Ok(chosen) = super::chosen(&args) else {
            return Vec::new();
        };
        let (Ok(name), Some((_, connection))) = (chosen.value.text(), connection) else {
            return Vec::new();
        };
        let Some(name) = name.as_literal() else {
            return Vec::new();
        };
        let service = connection.get("services").and_then(|services| services.get(name));
        let has = |verb: &str| service.is_some_and(|service| service.get(verb).is_some());
        let verb = chosen.verb.key;
        let what = match service {
            None => format!("the service `{name}`, which the connection does not describe under `services`"),
            // What is stopped and started is restarted.
            Some(_) if has(verb) || verb == "restart" => return Vec::new(),
            Some(_) => format!("`{verb}` of the service `{name}`, for which the connection names no program"),
        };
        vec![Lack {
            param: verb.to_owned(),
            what,
        }]
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        sets_nothing(call.params)?;
        let described = self.described(&call)?;
        super::unless_cancelled(call, super::run(&described, call)).await
    }

    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        let described = self.described(&call)?;
        let preview = super::unless_cancelled(call, super::preview(&described, call)).await;
        preview.map_err(super::unapplied)
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        let described = self.described(&call)?;
        super::unless_cancelled(call, super::prepare(&described, call)).await
    }

    async fn undo(&self, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
        let described = self.described(&call)?;
        super::unless_cancelled(call, super::undo(&described, call, inverse)).await
    }
}

/// What such a service is told at its start is the matter of the program that starts it.
fn sets_nothing(params: &Param) -> Result<(), Failure> {
    let args = Args::new(params);
    match SETS.iter().find_map(|verb| args.get(verb)) {
        Some(verb) => Err(verb
            .wrong("is for systemd and for containers, and this service is a program")
            .help("change its configuration with `file`, and restart it")),
        None => Ok(()),
    }
}

/// The services that a connection describes.
struct Described<'a> {
    place: &'a dyn Transport,
    connection: Args<'a>,
}

impl Described<'_> {
    /// The program for a verb.
    fn program(&self, name: &str, verb: &str) -> Result<Option<Vec<String>>, Failure> {
        let services = self.connection.get("services");
        let Some(service) = services.as_ref().and_then(|services| services.get(name)) else {
            return Err(Failure::new(
                ErrorKind::NotFound,
                format!("the connection describes no service `{name}`"),
            )
            .help("add it under `services` of the connection"));
        };
        let Some(argv) = service.get(verb) else {
            return Ok(None);
        };
        let words = argv
            .items()?
            .iter()
            .map(|item| Ok(item.text()?.reveal()))
            .collect::<Result<Vec<_>, Failure>>()?;
        if words.is_empty() {
            return Err(argv.wrong("names no program"));
        }
        Ok(Some(words))
    }

    fn needed(&self, name: &str, verb: &str) -> Result<Vec<String>, Failure> {
        self.program(name, verb)?.ok_or_else(|| {
            Failure::new(
                ErrorKind::Other,
                format!("the connection names no program for `{verb}` of `{name}`"),
            )
        })
    }

    async fn must(&self, name: &str, verb: &str) -> Result<(), Failure> {
        let ended = super::ask(self.place, self.needed(name, verb)?).await?;
        if ended.end == End::Code(0) {
            return Ok(());
        }
        Err(super::failed(&format!("`{verb}` of `{name}`"), &ended))
    }
}

#[async_trait]
impl Manager for Described<'_> {
    async fn state(&self, name: &str) -> Result<State, Failure> {
        let ended = super::ask(self.place, self.needed(name, "status")?).await?;
        let running = match &ended.end {
            End::Code(0) => true,
            End::Code(code) if !NOT_RUN.contains(code) => false,
            End::Code(_) | End::Signal { .. } => {
                return Err(super::failed(&format!("`status` of `{name}`"), &ended));
            }
        };
        let printed = String::from_utf8_lossy(&ended.stdout);
        let first = printed.lines().map(str::trim).find(|line| !line.is_empty());
        let words = first.map_or_else(
            || if running { "running" } else { "stopped" }.to_owned(),
            crate::output::one_line,
        );
        Ok(State {
            running,
            words,
            more: Value::Null,
        })
    }

    async fn does(&self, deed: Deed, name: &str) -> Result<(), Failure> {
        if deed == Deed::Restart && self.program(name, "restart")?.is_none() {
            if self.state(name).await?.running {
                self.must(name, "stop").await?;
            }
            return self.must(name, "start").await;
        }
        self.must(name, deed.word()).await
    }

    async fn log(&self, name: &str, lines: i64, since: Option<&str>) -> Result<Vec<String>, Failure> {
        if since.is_some() {
            return Err(
                Failure::new(ErrorKind::Other, "a log that a program prints has no times").about("since"),
            );
        }
        let ended = super::ask(self.place, self.needed(name, "logs")?).await?;
        if ended.end != End::Code(0) {
            return Err(super::failed(&format!("`logs` of `{name}`"), &ended));
        }
        let printed = String::from_utf8_lossy(&ended.stdout);
        let all: Vec<&str> = printed.lines().collect();
        let most = usize::try_from(lines).unwrap_or(usize::MAX);
        let from = all.len().saturating_sub(most);
        Ok(all.iter().skip(from).map(|line| (*line).to_owned()).collect())
    }
}
