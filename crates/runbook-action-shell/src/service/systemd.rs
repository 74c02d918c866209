//! Services of systemd, here or on the machine that the connection goes through, by its own programs.

use runbook_action::{
    Action, Call, End, ErrorKind, Failure, Inverse, Kind, Output, Param, Preview, Recognised, Spec,
    Transport, async_trait,
};

use serde_json::{Value, json};

use super::{Deed, Manager, SETS, State, Use, dropin};
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
            "logs" => Ok(format!("journalctl -u {name}")),
            verb if SETS.contains(&verb) => dropin::words(verb, params, &name.to_string()),
            verb => Ok(format!("systemctl {verb} {name}")),
        })
    }
}

#[async_trait]
impl Action for Systemd {
    fn carriers(&self) -> &'static [&'static str] {
        &["ssh"]
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let (units, used) = (self.units(&call)?, Use::read(call.params)?);
        if SETS.contains(&used.verb) {
            return super::unless_cancelled(call, dropin::run(&units, call, used.verb, &used.name)).await;
        }
        super::unless_cancelled(call, super::run(&units, call)).await
    }

    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        let units = self.units(&call)?;
        let preview = super::unless_cancelled(call, super::preview(&units, call)).await;
        preview.map_err(super::unapplied)
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        let (units, used) = (self.units(&call)?, Use::read(call.params)?);
        if SETS.contains(&used.verb) {
            let kept = dropin::prepare(&units, call, used.verb, &used.name);
            return super::unless_cancelled(call, kept).await.map(Some);
        }
        super::unless_cancelled(call, super::prepare(&units, call)).await
    }

    async fn undo(&self, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
        let (units, used) = (self.units(&call)?, Use::read(call.params)?);
        if SETS.contains(&used.verb) {
            super::knows(inverse)?;
            return super::unless_cancelled(call, dropin::undo(&units, &used.name, inverse)).await;
        }
        super::unless_cancelled(call, super::undo(&units, call, inverse)).await
    }
}

/// The units of a machine, or of a user of it.
pub(super) struct Units<'a> {
    pub(super) place: &'a dyn Transport,
    is_user: bool,
}

impl Units<'_> {
    fn systemctl(&self, verb: &str, more: &[&str], name: Option<&str>) -> Vec<String> {
        let mut argv = vec!["systemctl", "--no-ask-password", "--no-pager"];
        if self.is_user {
            argv.push("--user");
        }
        argv.push(verb);
        argv.extend(more);
        argv.extend(name.iter().flat_map(|name| ["--", name]));
        argv.into_iter().map(str::to_owned).collect()
    }

    /// The word by which systemd tells the services of the machine from those of a user.
    pub(super) const fn scope(&self) -> &'static str {
        if self.is_user { "user" } else { "system" }
    }

    /// What `systemctl show` prints, of a unit or of systemd itself.
    async fn shown(&self, properties: &str, name: Option<&str>) -> Result<String, Failure> {
        let properties = format!("--property={properties}");
        let ended = super::ask(self.place, self.systemctl("show", &[&properties], name)).await?;
        if ended.end != End::Code(0) {
            return Err(super::failed("`systemctl show`", &ended));
        }
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    pub(super) async fn property(&self, key: &str, name: Option<&str>) -> Result<String, Failure> {
        Ok(property(&self.shown(key, name).await?, key).to_owned())
    }

    /// The service as it is.
    pub(super) async fn look(&self, name: &str) -> Result<State, Failure> {
        self.state(name).await
    }

    /// Has systemd read its files again.
    pub(super) async fn reload(&self) -> Result<(), Failure> {
        let ended = super::ask(self.place, self.systemctl("daemon-reload", &[], None)).await?;
        if ended.end == End::Code(0) {
            return Ok(());
        }
        Err(super::failed("`systemctl daemon-reload`", &ended))
    }
}

/// A property, in what `systemctl show` prints.
fn property<'p>(printed: &'p str, key: &str) -> &'p str {
    let line = printed
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_default()
}

/// A number that is one: systemd has words for none, and the largest number that there is.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number != u64::MAX)
}

/// Seconds of a processor in a second, as `systemctl show` prints lengths of time: `1.500s`, `1min 30s`.
fn processors(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 5] = [
        ("us", 1e-6),
        ("ms", 1e-3),
        ("min", 60.0),
        ("h", 3600.0),
        ("s", 1.0),
    ];
    let mut sum = 0.0;
    for word in text.split_whitespace() {
        let (digits, unit) = UNITS
            .iter()
            .find_map(|(unit, size)| Some((word.strip_suffix(unit)?, size)))?;
        sum += digits.parse::<f64>().ok()? * unit;
    }
    (sum > 0.0).then_some(sum)
}

fn more(printed: &str) -> Value {
    json!({
        "pid": number(property(printed, "MainPID")).filter(|pid| *pid > 0),
        "memory": number(property(printed, "MemoryCurrent")),
        "limits": {
            "memory": number(property(printed, "MemoryMax")),
            "cpus": processors(property(printed, "CPUQuotaPerSecUSec")),
        },
    })
}

#[async_trait]
impl Manager for Units<'_> {
    async fn state(&self, name: &str) -> Result<State, Failure> {
        let asked = "LoadState,ActiveState,SubState,MainPID,MemoryCurrent,MemoryMax,CPUQuotaPerSecUSec";
        let printed = self.shown(asked, Some(name)).await?;
        if property(&printed, "LoadState") == "not-found" {
            return Err(Failure::new(
                ErrorKind::NotFound,
                format!("there is no service `{name}` on {}", self.place.place()),
            ));
        }
        let (active, sub) = (property(&printed, "ActiveState"), property(&printed, "SubState"));
        if active.is_empty() {
            return Err(Failure::new(
                ErrorKind::Protocol,
                "`systemctl show` does not tell the service's state",
            ));
        }
        Ok(State {
            running: matches!(active, "active" | "reloading"),
            words: format!("{active} ({sub})"),
            more: more(&printed),
        })
    }

    async fn does(&self, deed: Deed, name: &str) -> Result<(), Failure> {
        let ended = super::ask(self.place, self.systemctl(deed.word(), &[], Some(name))).await?;
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
