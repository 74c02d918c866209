//! The action `file`: what a file holds, or that there is none.
//!
//! [`act`] decides, from what is there, what is to be there; [`place`] reads it and puts it there, here or on another
//! machine; [`edit`] changes single values in a text.

mod act;
mod edit;
pub(crate) mod place;

use regex::Regex;
use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{
    Action, Args, Call, ConnectionNeed, Effect, ErrorKind, Failure, Inverse, Kind, Output, PLACES, Param,
    Preview, Recognised, Segment, Spec, Undoing, async_trait,
};

use crate::local::Local;
use crate::output::one_line;
use crate::spec::CONNECTIONS;
use crate::{Environment, permission};

/// The action `file`: what a file holds, or that there is none.
#[derive(Debug)]
pub struct File {
    here: Local,
}

impl File {
    /// Relative paths start at this environment's root.
    #[must_use]
    pub const fn new(environment: Environment) -> Self {
        Self {
            here: Local::new(environment),
        }
    }
}

#[async_trait]
impl Action for File {
    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        masked(call, unless_cancelled(call, act::run(self, call)).await)
    }

    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        let preview = masked(call, unless_cancelled(call, act::preview(self, call)).await);
        let preview = preview.map_err(|failure| Failure {
            may_have_applied: false,
            ..failure
        })?;
        Ok(Some(Preview {
            summary: call.mask(&preview.summary),
            ..preview
        }))
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        masked(call, unless_cancelled(call, act::prepare(self, call)).await)
    }

    async fn undo(&self, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
        masked(call, unless_cancelled(call, act::undo(self, call, inverse)).await)
    }
}

fn masked<T>(call: Call<'_>, result: Result<T, Failure>) -> Result<T, Failure> {
    result.map_err(|failure| call.mask_failure(failure))
}

/// A file is changed at one instant. What is cancelled before it leaves all as it was, or has changed it whole.
async fn unless_cancelled<T>(
    call: Call<'_>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        result = work => result,
        () = call.host.cancelled() => {
            Err(Failure::new(ErrorKind::Cancelled, "was stopped before it ended").maybe_applied())
        }
    }
}

/// What can be done with a file.
const MODES: [&str; 4] = ["set", "content", "replace", "absent"];

const FORMATS: &[&str] = &["env", "ini", "yaml", "json"];

static SPEC: Spec = Spec {
    kind: "file",
    doc: "Changes a file all at once, or not at all, and keeps what was in it.",
    params: Shape::Object(&PARAMS),
    result: &[
        Field::required("changed", Shape::Boolean, "Whether the file is now different."),
        Field::required(
            "before",
            Shape::Template,
            "What was in it before; null if there was no file.",
        ),
    ],
    connection: ConnectionNeed::Named(PLACES),
    connections: CONNECTIONS,
    takes_env: false,
};

static PARAMS: Object = Object {
    name: "file",
    fields: &[
        Field::required(
            "path",
            Shape::Template,
            "The file; a relative one starts at the project's root.",
        ),
        Field::optional(
            "set",
            Shape::Map(&Shape::Any),
            "Values to set in it, by key; dots lead into nested keys, and all else stays as it is.",
        ),
        Field::optional(
            "format",
            Shape::Choice(FORMATS),
            "How keys and values are written in it; what its name says unless given.",
        ),
        Field::optional("content", Shape::Template, "All that it is to hold."),
        Field::optional(
            "replace",
            Shape::Object(&REPLACE),
            "A pattern, and the text to put in place of what it finds.",
        ),
        Field::optional(
            "absent",
            Shape::Choice(&["true"]),
            "`true`: there is to be no such file.",
        ),
        Field::optional(
            "mode",
            Shape::Literal,
            "Its permissions, in quotes: `\"0640\"`; as they were unless given.",
        ),
        Field::optional(
            "owner",
            Shape::Template,
            "Its owner, `user` or `user:group`; as it was unless given.",
        ),
    ],
    open: false,
};

static REPLACE: Object = Object {
    name: "replacement",
    fields: &[
        Field::required(
            "pattern",
            Shape::Literal,
            "A regular expression; `(?m)` at its beginning makes `^` and `$` stand for lines.",
        ),
        Field::required("with", Shape::Template, "The text to put there, as it stands."),
        Field::optional(
            "count",
            Shape::Dynamic(&Shape::POSITIVE),
            "How many places it must find; one or more unless given.",
        ),
    ],
    open: false,
};

impl Kind for File {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let args = Args::new(params);
        let path = args.require("path")?;
        is_path(&path)?;
        let shown = path.text()?.to_string();
        let mode = mode(&args)?;
        let what = match mode.path() {
            "set" => format!("set {} in {shown}", set(&args, &path, &mode)?),
            "replace" => format!("replace /{}/ in {shown}", pattern(&mode)?),
            "content" => {
                mode.text()?;
                format!("write {shown}")
            }
            _ => format!("remove {shown}"),
        };
        let is_absent = mode.path() == "absent";
        ownership(&args, is_absent)?;
        Ok(Recognised {
            effect: if is_absent {
                Effect::Destructive
            } else {
                Effect::Change
            },
            certain: true,
            summary: one_line(&what),
            undoing: Undoing::Automatic,
        })
    }
}

/// The one thing to be done.
fn mode<'a>(args: &Args<'a>) -> Result<Args<'a>, Failure> {
    let mut given = MODES.iter().filter_map(|key| args.get(key));
    let Some(mode) = given.next() else {
        return Err(args
            .wrong("does not say what the file is to be")
            .help("add `set`, `content`, `replace` or `absent: true`"));
    };
    if let Some(second) = given.next() {
        return Err(second.wrong(format!(
            "stands beside `{}`, and one of them is enough",
            mode.path()
        )));
    }
    if mode.path() == "absent" && *mode.param() != Param::Bool(true) {
        return Err(mode
            .wrong("expected `true`")
            .help("leave it out if the file is to stay"));
    }
    if let Some(format) = args.get("format")
        && mode.path() != "set"
    {
        return Err(format.wrong(format!("is for `set`, and not for `{}`", mode.path())));
    }
    Ok(mode)
}

/// Whether this can be the path of a file, and stays where the author put it.
fn is_path(args: &Args<'_>) -> Result<(), Failure> {
    let text = args.text()?;
    if text.as_literal().is_some_and(|path| path.trim().is_empty()) {
        return Err(args.wrong("names no file"));
    }
    if text.as_literal().is_some_and(|path| path.ends_with('/')) {
        return Err(args.wrong("names a directory"));
    }
    for (index, segment) in text.segments().iter().enumerate() {
        let (part, is_within) = match segment {
            Segment::Literal(part) => (part.as_str(), false),
            Segment::Value(part) => (part.as_str(), index > 0),
            Segment::Secret(secret) => (secret.reveal(), index > 0),
            Segment::Unknown(_) => continue,
        };
        if part.contains('\0') {
            return Err(args.wrong("holds a NUL character, which no path can"));
        }
        if is_within && part.split('/').any(|step| step == "..") {
            return Err(args.wrong("a value in the path leads out of where the author put it"));
        }
    }
    Ok(())
}

/// The keys with their values, for people.
fn set(args: &Args<'_>, path: &Args<'_>, set: &Args<'_>) -> Result<String, Failure> {
    let entries = set.entries()?;
    if entries.is_empty() {
        return Err(set.wrong("sets nothing"));
    }
    let format = format_of(args, path)?;
    let mut shown = Vec::with_capacity(entries.len());
    for (key, value) in &entries {
        if key.split('.').any(|part| part.trim().is_empty()) {
            return Err(set.wrong(format!("`{}` is not a key", key.escape_default())));
        }
        if format == Some("env") && !is_variable(key) {
            return Err(value.wrong("cannot be the name of a variable"));
        }
        let is_nested = matches!(value.param(), Param::List(_) | Param::Map(_));
        if is_nested && matches!(format, Some("env" | "ini")) {
            return Err(value
                .wrong(format!("is {}, and such a file holds text", value.param().noun()))
                .help("give a text or a number"));
        }
        let value = match value.param() {
            Param::Text(text) => text.to_string(),
            Param::Null | Param::Bool(_) | Param::Number(_) | Param::List(_) | Param::Map(_) => {
                value.param().masked().to_string()
            }
        };
        shown.push(format!("{key}={value}"));
    }
    Ok(shown.join(", "))
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// How keys and values are written in the file; nothing while its name is not known.
fn format_of(args: &Args<'_>, path: &Args<'_>) -> Result<Option<&'static str>, Failure> {
    if let Some(format) = args.get("format") {
        let word = format.literal()?;
        return match FORMATS.iter().find(|known| **known == word) {
            Some(known) => Ok(Some(known)),
            None => Err(format.wrong(format!("expected {}", Shape::one_of_words(FORMATS)))),
        };
    }
    let text = path.text()?;
    let Some(Segment::Literal(end)) = text.segments().last() else {
        return Ok(None);
    };
    match format_of_name(end) {
        Some(format) => Ok(Some(format)),
        None => Err(path
            .wrong("does not tell how keys and values are written in it")
            .help(format!("add `format`, {}", Shape::one_of_words(FORMATS)))),
    }
}

/// What the name of a file says of how keys and values are written in it.
fn format_of_name(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let by_ending = [
        (".env", "env"),
        (".ini", "ini"),
        (".yaml", "yaml"),
        (".yml", "yaml"),
        (".json", "json"),
    ];
    let found = by_ending.iter().find(|(ending, _)| name.ends_with(ending));
    match found {
        Some((_, format)) => Some(format),
        None if name.starts_with(".env.") => Some("env"),
        None => None,
    }
}

fn pattern<'a>(replace: &Args<'a>) -> Result<&'a str, Failure> {
    let pattern = replace.require("pattern")?;
    let text = pattern.literal()?;
    let regex = Regex::new(text).map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().last().unwrap_or_default();
        pattern.wrong(format!(
            "is not a regular expression: {}",
            last.trim_start_matches("error: ")
        ))
    })?;
    if regex.is_match("") {
        return Err(pattern.wrong("finds nothing at all, and so finds it everywhere"));
    }
    replace.require("with")?.text()?;
    Ok(text)
}

fn ownership(args: &Args<'_>, is_absent: bool) -> Result<(), Failure> {
    let mode = args.get("mode");
    let owner = args.get("owner");
    if let Some(given) = mode.as_ref().or(owner.as_ref())
        && is_absent
    {
        return Err(given.wrong("is for a file that is there"));
    }
    if let Some(mode) = mode {
        permission::octal(&mode)?;
    }
    if let Some(owner) = owner
        && owner.text()?.as_literal().is_some_and(|owner| {
            let (user, group) = owner.split_once(':').unwrap_or((owner, "x"));
            user.is_empty() || group.is_empty() || owner.contains(char::is_whitespace)
        })
    {
        return Err(Failure::new(ErrorKind::Other, "names no user")
            .about("owner")
            .help("write `user` or `user:group`"));
    }
    Ok(())
}
