//! What `service` sets of a unit of systemd: variables and limits, in a drop-in file of its own.
//!
//! The file stands beside whatever others the unit has, where systemd says that an administrator's own are. It is changed
//! line by line: what else is in it stays. systemd reads it by `daemon-reload`, and the service has it when it is
//! restarted, which is a step of the author's. An undo puts the file back byte for byte, or removes it, unless
//! somebody else has changed it since.

use runbook_action::{Args, Call, Command, End, ErrorKind, Failure, Inverse, Output, Param, Text, Transport};
use runbook_remote::is_name;
use serde_json::{Value, json};

use super::systemd::Units;
use super::{VERSION, answer};
use crate::file::place::{Found, Place};

/// The file's name. It counts before most that an administrator writes by hand, which are called `override.conf`.
const NAME: &str = "50-runbook.conf";

/// What a new file begins with.
const HEAD: &str = "# Written by `service` of runbook. What else is added here stays.\n[Service]\n";

/// The permissions of a new file: it holds no secret, and systemd shows what is in it to everybody.
const MODE: &str = "0644";

/// What is set: lines, each with the beginning by which the one is found that it takes the place of.
struct Setting(Vec<(String, String)>);

impl Setting {
    fn read(verb: &str, args: &Args<'_>) -> Result<Self, Failure> {
        let mut lines = Vec::new();
        if verb == "set_env" {
            for (name, value) in args.require("env")?.entries()? {
                lines.push(variable(name, &value)?);
            }
            if lines.is_empty() {
                return Err(args.require("env")?.wrong("names no variable"));
            }
        }
        if let Some(memory) = args.get("memory") {
            let bytes = bytes(&shown(&memory)?)
                .ok_or_else(|| memory.wrong("expected a size such as `512Mi` or `2G`"))?;
            lines.push(("MemoryMax=".to_owned(), format!("MemoryMax={bytes}")));
        }
        if let Some(cpus) = args.get("cpus") {
            let share = percent(&shown(&cpus)?)
                .ok_or_else(|| cpus.wrong("expected a number of processors such as `1.5`"))?;
            lines.push(("CPUQuota=".to_owned(), format!("CPUQuota={share}%")));
        }
        Ok(Self(lines))
    }

    /// The file with these lines.
    fn applied(&self, before: Option<&str>) -> Result<String, Failure> {
        let mut kept: Vec<&str> = before.unwrap_or(HEAD).lines().collect();
        let mut sections = kept.iter().filter(|line| line.trim_start().starts_with('['));
        if sections.any(|section| section.trim() != "[Service]")
            || !kept.iter().any(|line| line.trim() == "[Service]")
        {
            return Err(foreign("has other sections than `[Service]`"));
        }
        if kept.iter().any(|line| line.ends_with('\\')) {
            return Err(foreign("has lines that go on in the next one"));
        }
        kept.retain(|line| !self.0.iter().any(|(begins, _)| line.starts_with(begins.as_str())));
        let lines = kept
            .into_iter()
            .chain(self.0.iter().map(|(_, line)| line.as_str()));
        Ok(lines.flat_map(|line| [line, "\n"]).collect())
    }
}

/// A file of this name that was not written by this action.
fn foreign(what: &str) -> Failure {
    Failure::new(ErrorKind::Conflict, format!("`{NAME}` of this service {what}"))
        .help("move what somebody wrote there to a file of another name")
}

/// One word in double quotes, as systemd reads them.
fn variable(name: &str, value: &Args<'_>) -> Result<(String, String), Failure> {
    if !is_name(name) {
        return Err(value
            .wrong("cannot be the name of a variable")
            .help("use letters, digits and underscores"));
    }
    let text = value.text()?;
    if text.is_secret() {
        return Err(value
            .wrong("is a secret, and systemd shows the variables of a service to every user")
            .help("let the service read it from a file that only it may read"));
    }
    let mut word = String::new();
    for c in text.reveal().chars() {
        match c {
            '"' | '\\' => word.extend(['\\', c]),
            '%' => word.push_str("%%"),
            '\n' => word.push_str("\\n"),
            '\t' => word.push_str("\\t"),
            c if c.is_control() => return Err(value.wrong("holds a control character")),
            c => word.push(c),
        }
    }
    Ok((
        format!("Environment=\"{name}="),
        format!("Environment=\"{name}={word}\""),
    ))
}

fn shown(args: &Args<'_>) -> Result<String, Failure> {
    Ok(args.text()?.reveal())
}

/// A size in bytes: `512Mi`, `2G`, `1000000`.
fn bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
    ];
    let unit = UNITS
        .iter()
        .find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
    let (digits, size) = unit.unwrap_or((text, 1));
    let count: u64 = digits.parse().ok()?;
    count.checked_mul(size).filter(|bytes| *bytes > 0)
}

/// A number of processors in hundredths of one, as far as systemd divides them: `1.5` is `150`.
fn percent(text: &str) -> Option<String> {
    let cpus: f64 = text.parse().ok()?;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let hundredths = format!("{:.2}", cpus * 100.0);
    let shown = hundredths.trim_end_matches('0').trim_end_matches('.');
    (is_plain && cpus.is_finite() && shown != "0" && !shown.is_empty()).then(|| shown.to_owned())
}

/// What is set, for people.
pub(super) fn words(verb: &str, params: &Param, name: &str) -> Result<String, Failure> {
    let args = Args::new(params);
    let mut set = Vec::new();
    for key in ["memory", "cpus"] {
        if let Some(value) = args.get(key) {
            set.push(format!("{key} {}", value.text()?));
        }
    }
    if verb == "set_env" {
        for (key, value) in args.require("env")?.entries()? {
            set.push(format!("{key}={}", value.text()?));
        }
    }
    // What is known is looked at, before anything runs.
    let is_open = |text: Result<Text, Failure>| text.is_ok_and(|text| text.is_unknown());
    let values = ["memory", "cpus"].into_iter().filter_map(|key| args.get(key));
    let values = values.chain(args.get("env").into_iter().flat_map(|env| {
        let entries = env.entries().unwrap_or_default();
        entries.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    }));
    if !values.map(|value| value.text()).any(is_open) {
        Setting::read(verb, &args)?;
    }
    Ok(format!(
        "set {} of {name} in {NAME}; systemctl daemon-reload",
        set.join(", ")
    ))
}

/// The drop-in file of a unit.
struct File<'a> {
    units: &'a Units<'a>,
    directory: String,
}

impl<'a> File<'a> {
    async fn of(units: &'a Units<'a>, name: &str) -> Result<Self, Failure> {
        let unit = units.property("Id", Some(name)).await?;
        let path = units.property("UnitPath", None).await?;
        let scope = units.scope();
        // Of the directories where units are looked for, the one of the administrator, or of the user.
        let own = path.split_whitespace().find(|directory| {
            let is_own = |of: &&str| directory.starts_with(*of);
            !["/run/", "/usr/", "/lib/"].iter().any(is_own) && directory.rsplit('/').next() == Some(scope)
        });
        let Some(own) = own.filter(|_| !unit.is_empty() && !unit.contains('/')) else {
            return Err(Failure::new(
                ErrorKind::Protocol,
                "`systemctl show` does not tell where the files of units are",
            ));
        };
        Ok(Self {
            units,
            directory: format!("{own}/{unit}.d"),
        })
    }

    fn place(&self) -> Place<'a> {
        Place {
            transport: self.units.place,
            path: format!("{}/{NAME}", self.directory),
            removes: false,
        }
    }

    async fn has_directory(&self) -> Result<bool, Failure> {
        let ended = self.units.ask(["test", "-d", &self.directory]).await?;
        Ok(ended == End::Code(0))
    }

    /// What is in it, with its permissions and owner; nothing if it is not there.
    async fn read(&self) -> Result<Option<(String, Found)>, Failure> {
        if !self.has_directory().await? {
            return Ok(None);
        }
        let Some(found) = self.place().read().await.map_err(|failure| self.about(failure))? else {
            return Ok(None);
        };
        let text = String::from_utf8(found.bytes.clone()).map_err(|_| foreign("is not text"))?;
        Ok(Some((text, found)))
    }

    /// Puts this there, or nothing, and lets systemd read it.
    async fn put(&self, text: Option<&str>, like: Option<&Found>) -> Result<(), Failure> {
        if let Some(text) = text {
            let made = self
                .units
                .ask(["mkdir", "-p", "-m", "755", "--", &self.directory])
                .await?;
            if made != End::Code(0) {
                return Err(Failure::new(
                    ErrorKind::Forbidden,
                    format!("the directory `{}` cannot be made", self.directory),
                ));
            }
            let found = Found {
                bytes: text.as_bytes().to_vec(),
                mode: like.map_or(MODE, |like| &like.mode).to_owned(),
                owner: like.map(|like| like.owner.clone()).unwrap_or_default(),
            };
            self.place()
                .write(&found)
                .await
                .map_err(|failure| self.about(failure))?;
        } else {
            self.place()
                .remove()
                .await
                .map_err(|failure| self.about(failure))?;
        }
        self.units.reload().await.map_err(Failure::maybe_applied)
    }

    /// A failure about the file: no parameter names it.
    fn about(&self, failure: Failure) -> Failure {
        Failure {
            message: format!("`{}/{NAME}` {}", self.directory, failure.message),
            param: None,
            ..failure
        }
    }
}

/// Sets it, where it is not so already.
pub(super) async fn run(
    units: &Units<'_>,
    call: Call<'_>,
    verb: &str,
    name: &str,
) -> Result<Output, Failure> {
    let setting = Setting::read(verb, &Args::new(call.params))?;
    let before = units.look(name).await?;
    let file = File::of(units, name).await?;
    let found = file.read().await?;
    let (text, like) = (
        found.as_ref().map(|(text, _)| text.as_str()),
        found.as_ref().map(|(_, found)| found),
    );
    let wanted = setting.applied(text)?;
    if text == Some(wanted.as_str()) {
        return Ok(answer(&before, &[], false));
    }
    file.put(Some(&wanted), like).await?;
    let after = units.look(name).await.map_err(Failure::maybe_applied)?;
    Ok(answer(&after, &[], true))
}

/// Keeps the file as it is.
pub(super) async fn prepare(
    units: &Units<'_>,
    call: Call<'_>,
    verb: &str,
    name: &str,
) -> Result<Inverse, Failure> {
    let setting = Setting::read(verb, &Args::new(call.params))?;
    units.look(name).await?;
    let file = File::of(units, name).await?;
    let found = file.read().await?;
    let text = found.as_ref().map(|(text, _)| text.as_str());
    let like = found
        .as_ref()
        .map(|(_, found)| json!({ "mode": found.mode, "owner": found.owner }));
    let summary = match text {
        Some(_) => format!("put back `{NAME}` of `{name}`"),
        None => format!("remove `{NAME}` of `{name}`"),
    };
    Ok(Inverse {
        version: VERSION,
        summary,
        expects: json!({ NAME: setting.applied(text)? }),
        data: json!({ NAME: text, "like": like, "directory": file.has_directory().await? }),
    })
}

/// Puts the file back as it was, or removes it.
pub(super) async fn undo(units: &Units<'_>, name: &str, inverse: &Inverse) -> Result<Output, Failure> {
    let now = units.look(name).await?;
    let file = File::of(units, name).await?;
    let found = file.read().await?;
    let text = found.as_ref().map(|(text, _)| text.as_str());
    if !inverse.is_due(&json!({ NAME: text }))? {
        return Ok(answer(&now, &[], false));
    }
    let kept = |key: &str| inverse.data.get("like").and_then(|like| like.get(key)?.as_str());
    let like = Found {
        bytes: Vec::new(),
        mode: kept("mode").unwrap_or(MODE).to_owned(),
        owner: kept("owner").unwrap_or_default().to_owned(),
    };
    let before = inverse.data.get(NAME).and_then(Value::as_str);
    file.put(before, Some(&like)).await?;
    if inverse.data.get("directory").and_then(Value::as_bool) == Some(false) {
        // It stays where somebody else has put something into it.
        let _left = units.ask(["rmdir", "--", &file.directory]).await?;
    }
    Ok(answer(&units.look(name).await?, &[], true))
}

impl Units<'_> {
    /// How a small program ended there.
    async fn ask<const N: usize>(&self, argv: [&str; N]) -> Result<End, Failure> {
        let mut ended = Transport::output(self.place, &Command::new(argv), 0).await;
        if let Err(failure) = &mut ended {
            failure.param = None;
        }
        Ok(ended?.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_shares_are_read() {
        for (text, expected) in [
            ("512Mi", Some(536_870_912)),
            ("2G", Some(2_000_000_000)),
            ("1000", Some(1000)),
            ("0", None),
            ("1.5Gi", None),
            ("-1", None),
            ("99999999999Ti", None),
            ("", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
        for (text, expected) in [
            ("1.5", Some("150")),
            ("2", Some("200")),
            ("10", Some("1000")),
            ("0.125", Some("12.5")),
            ("0", None),
            ("-1", None),
            ("inf", None),
            ("1e3", None),
            ("", None),
        ] {
            assert_eq!(percent(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn lines_take_the_place_of_their_like_and_others_stay() {
        let set = |lines: &[(&str, &str)]| {
            Setting(
                lines
                    .iter()
                    .map(|(begins, line)| ((*begins).to_owned(), (*line).to_owned()))
                    .collect(),
            )
        };
        let one = set(&[("MemoryMax=", "MemoryMax=1")]).applied(None).unwrap();
        assert_eq!(one, format!("{HEAD}MemoryMax=1\n"));
        let two = set(&[("MemoryMax=", "MemoryMax=2"), ("CPUQuota=", "CPUQuota=50%")]);
        let both = two.applied(Some(&one)).unwrap();
        assert_eq!(both, format!("{HEAD}MemoryMax=2\nCPUQuota=50%\n"));
        assert_eq!(two.applied(Some(&both)).unwrap(), both);
        for foreign in [
            "[Unit]\nAfter=x\n",
            "",
            "[Service]\nExecStart=a \\\n  b\n",
            "[Service]\n[Install]\n",
        ] {
            let failure = two.applied(Some(foreign)).unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Conflict, "{foreign}");
        }
    }
}
