//! Services of systemd, here or on the machine that the connection goes through, by its own programs.

use runbook_action::{
    Action, Call, End, ErrorKind, Failure, Inverse, Kind, Output, Param, Preview, Recognised, Spec,
    Transport, async_trait,
};

use super::{Deed, Manager, State};
use crate::Environment;
use crate::local::Local;

static SPEC: Spec = super::spec(&["systemd"]);

/// The action `service` for connections of kind `systemd`.
#[derive(Debug)]
pub struct Systemd {
    here: Local,
}

impl Systemd {
    /// `systemctl` will find this environment, where it runs here.
    #[must_use]
    pub const fn new(environment: Environment) -> Self {
        Self {
            here: Local::new(environment),
        }
    }

    fn units<'a>(&'a self, call: &Call<'a>) -> Result<Units<'a>, Failure> {
        let connection = call
            .connection
            .ok_or_else(|| Failure::new(ErrorKind::Other, "needs a connection of kind `systemd`"))?;
        let scope = connection.args().require("systemd")?.text()?.reveal();
        Ok(Units {
            place: call.transport.unwrap_or(&self.here),
            is_user: scope == "user",
        })
    }
}

impl Kind for Systemd {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        super::recognised(params, |verb, name| match verb {
            "logs" => format!("journalctl -u {name}"),
            verb => format!("systemctl {verb} {name}"),
        })
    }
}

#[async_trait]
impl Action for Systemd {
    fn carriers(&self) -> &'static [&'static str] {
        &["ssh"]
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let units = self.units(&call)?;
        super::unless_cancelled(call, super::run(&units, call)).await
    }

    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        let units = self.units(&call)?;
        let preview = super::unless_cancelled(call, super::preview(&units, call)).await;
        preview.map_err(super::unapplied)
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        let units = self.units(&call)?;
        super::unless_cancelled(call, super::prepare(&units, call)).await
    }

    async fn undo(&self, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
        let units = self.units(&call)?;
        super::unless_cancelled(call, super::undo(&units, call, inverse)).await
    }
}

/// The units of a machine, or of a user of it.
struct Units<'a> {
    place: &'a dyn Transport,
    is_user: bool,
}

impl Units<'_> {
    fn systemctl(&self, verb: &str, more: &[&str], name: &str) -> Vec<String> {
        let mut argv = vec!["systemctl", "--no-ask-password", "--no-pager"];
        if self.is_user {
            argv.push("--user");
        }
        argv.push(verb);
        argv.extend(more);
        argv.extend(["--", name]);
        argv.into_iter().map(str::to_owned).collect()
    }
}

#[async_trait]
impl Manager for Units<'_> {
    async fn state(&self, name: &str) -> Result<State, Failure> {
        let properties = "--property=LoadState,ActiveState,SubState";
        let ended = super::ask(self.place, self.systemctl("show", &[properties], name)).await?;
        if ended.end != End::Code(0) {
            return Err(super::failed("`systemctl show`", &ended));
        }
        let printed = String::from_utf8_lossy(&ended.stdout);
        let property = |key: &str| {
            let line = printed
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default()
        };
        if property("LoadState") == "not-found" {
            return Err(Failure::new(
                ErrorKind::NotFound,
                format!("there is no service `{name}` on {}", self.place.place()),
            ));
        }
        let (active, sub) = (property("ActiveState"), property("SubState"));
        if active.is_empty() {
            return Err(Failure::new(
                ErrorKind::Protocol,
                "`systemctl show` does not tell the service's state",
            ));
        }
        Ok(State {
            running: matches!(active, "active" | "reloading"),
            words: format!("{active} ({sub})"),
        })
    }

    async fn does(&self, deed: Deed, name: &str) -> Result<(), Failure> {
        let ended = super::ask(self.place, self.systemctl(deed.word(), &[], name)).await?;
        if ended.end == End::Code(0) {
            return Ok(());
        }
        Err(super::failed(&format!("`systemctl {}`", deed.word()), &ended))
    }

    async fn log(&self, name: &str, lines: i64, since: Option<&str>) -> Result<Vec<String>, Failure> {
        let unit = if self.is_user { "--user-unit" } else { "--unit" };
        let mut argv: Vec<String> = ["journalctl", "--no-pager", "--quiet", "--output=short-iso"]
            .map(str::to_owned)
            .to_vec();
        argv.push(format!("{unit}={name}"));
        argv.push(format!("--lines={lines}"));
        argv.extend(since.map(|since| format!("--since=-{since}")));
        let ended = super::ask(self.place, argv).await?;
        if ended.end != End::Code(0) {
            return Err(super::failed("`journalctl`", &ended));
        }
        let printed = String::from_utf8_lossy(&ended.stdout);
        Ok(printed.lines().map(str::to_owned).collect())
    }
}
