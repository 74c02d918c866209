//! Changing a file, and putting back what was in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::{NoExpand, Regex};
use runbook_action::{Args, Call, ErrorKind, Failure, Inverse, Output, Preview};
use serde_json::{Map, Value, json};

use super::edit::{Format, New};
use super::place::{Found, Place};
use super::{File, format_of, mode};
use crate::permission;

/// The form of what is kept.
const VERSION: u32 = 1;

/// The permissions of a file that is made, unless the author says.
const NEW_MODE: &str = "644";

/// What is said of two texts that are the same.
const SAME: &str = "nothing would change";

/// The key under which the whole of a file is kept; the fields of a mapping that was set have this before them.
const CONTENT: &str = "content";
const SET: &str = "set ";

/// What a use of the action is to make of a file.
struct Change<'a> {
    place: Place<'a>,
    args: Args<'a>,
    mode: Option<String>,
    owner: Option<String>,
}

impl<'a> Change<'a> {
    fn read(file: &'a File, call: &Call<'a>) -> Result<Self, Failure> {
        let args = Args::new(call.params);
        let transport = call.place(&file.here)?;
        let path = args.require("path")?;
        super::is_path(&path)?;
        let mode = match args.get("mode") {
            Some(mode) => Some(format!("{:o}", permission::octal(&mode)?)),
            None => None,
        };
        let owner = match args.get("owner") {
            Some(owner) => Some(owner.text()?.reveal()),
            None => None,
        };
        if let Some(owner) = &owner
            && (owner.is_empty() || owner.starts_with('-') || owner.contains(char::is_whitespace))
        {
            return Err(Failure::new(ErrorKind::Other, "names no user").about("owner"));
        }
        Ok(Self {
            place: Place {
                transport,
                path: path.text()?.reveal(),
                removes: super::mode(&args)?.path() == "absent",
            },
            args,
            mode,
            owner,
        })
    }

    /// What is to be there, given what is.
    fn after(&self, before: Option<&Found>) -> Result<Option<Found>, Failure> {
        let mode = mode(&self.args)?;
        let bytes = match mode.path() {
            "absent" => return Ok(None),
            "content" => mode.text()?.reveal().into_bytes(),
            "replace" => Self::replaced(&mode, before)?.into_bytes(),
            _ => self.set(&mode, before)?.into_bytes(),
        };
        let kept = |found: fn(&Found) -> &String| before.map(|before| found(before).clone());
        Ok(Some(Found {
            bytes,
            mode: self
                .mode
                .clone()
                .or_else(|| kept(|found| &found.mode))
                .unwrap_or_else(|| NEW_MODE.to_owned()),
            owner: self
                .owner
                .clone()
                .or_else(|| kept(|found| &found.owner))
                .unwrap_or_default(),
        }))
    }

    fn set(&self, mode: &Args<'_>, before: Option<&Found>) -> Result<String, Failure> {
        let format = self.format()?;
        let mut text = text_of(before)?.to_owned();
        for (key, value) in mode.entries()? {
            let new = New::Value(value.param().reveal());
            text = format
                .set(&text, key, &new)
                .map_err(|message| Failure::new(ErrorKind::Protocol, message).about("set"))?;
        }
        Ok(text)
    }

    fn format(&self) -> Result<Format, Failure> {
        let path = self.args.require("path")?;
        let named = format_of(&self.args, &path)?;
        // The end of the name may come from a value, and is known by now.
        let named = named.or_else(|| super::format_of_name(&self.place.path));
        named.and_then(Format::named).ok_or_else(|| {
            path.wrong("does not tell how keys and values are written in it")
                .help("add `format`")
        })
    }

    fn replaced(mode: &Args<'_>, before: Option<&Found>) -> Result<String, Failure> {
        if before.is_none() {
            return Err(Failure::new(ErrorKind::NotFound, "does not exist").about("path"));
        }
        let text = text_of(before)?;
        let pattern = mode.require("pattern")?;
        let regex = Regex::new(pattern.literal()?)
            .map_err(|error| pattern.wrong(format!("is not a regular expression: {error}")))?;
        let found = regex.find_iter(text).count();
        let with = mode.require("with")?.text()?.reveal();
        match mode.get("count") {
            Some(count) if u64::try_from(found).ok() != u64::try_from(count.integer()?).ok() => {
                let message = format!("finds {found} places, and {} were expected", count.integer()?);
                return Err(Failure::new(ErrorKind::Conflict, message).about("replace.pattern"));
            }
            // What is to be put there may be there already.
            None if found == 0 && !(with.is_empty() || text.contains(&with)) => {
                return Err(Failure::new(ErrorKind::NotFound, "finds nothing").about("replace.pattern"));
            }
            Some(_) | None => {}
        }
        Ok(regex.replace_all(text, NoExpand(&with)).into_owned())
    }

    /// The fields of a file that the action writes: what they are, as far as `found` has them.
    fn fields(&self, found: Option<&Found>) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert(
            CONTENT.to_owned(),
            found.map_or(Value::Null, |found| kept(&found.bytes)),
        );
        if self.mode.is_some() {
            fields.insert(
                "mode".to_owned(),
                found.map_or(Value::Null, |found| json!(found.mode)),
            );
        }
        if self.owner.is_some() {
            fields.insert(
                "owner".to_owned(),
                found.map_or(Value::Null, |found| json!(found.owner)),
            );
        }
        fields
    }

    /// What each key that is set holds.
    fn keys(&self, found: Option<&Found>) -> Result<Map<String, Value>, Failure> {
        let mode = mode(&self.args)?;
        let mut keys = Map::new();
        if mode.path() == "set" {
            let (format, text) = (self.format()?, text_of(found)?);
            for (key, _) in mode.entries()? {
                let value = format
                    .get(text, key)
                    .map_err(|message| Failure::new(ErrorKind::Protocol, message).about("set"))?;
                // No key at all is told from one that holds null.
                keys.insert(
                    format!("{SET}{key}"),
                    value.map_or(Value::Null, |value| json!([value])),
                );
            }
        }
        Ok(keys)
    }

    async fn put(&self, file: Option<&Found>) -> Result<(), Failure> {
        match file {
            Some(file) => self.place.write(file).await,
            None => self.place.remove().await,
        }
    }
}

/// What is in a file, as text; no file is an empty one.
fn text_of(found: Option<&Found>) -> Result<&str, Failure> {
    let bytes = found.map_or(&[] as &[u8], |found| &found.bytes);
    std::str::from_utf8(bytes)
        .map_err(|_| Failure::new(ErrorKind::Protocol, "holds what is no UTF-8 text").about("path"))
}

/// Bytes as JSON holds them.
fn kept(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

fn unkept(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Object(map) => STANDARD.decode(map.get("base64")?.as_str()?).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn shown(found: Option<&Found>) -> Value {
    found.map_or(Value::Null, |found| json!(String::from_utf8_lossy(&found.bytes)))
}

fn answer(changed: bool, before: Option<&Found>) -> Output {
    Output::from(json!({ "changed": changed, "before": shown(before) }))
}

pub(super) async fn run(file: &File, call: Call<'_>) -> Result<Output, Failure> {
    let change = Change::read(file, &call)?;
    let before = change.place.read().await?;
    let after = change.after(before.as_ref())?;
    if before == after {
        return Ok(answer(false, before.as_ref()));
    }
    change.put(after.as_ref()).await?;
    // An owner that was given by name is a number by now.
    let changed = change.owner.is_none() || change.place.read().await? != before;
    Ok(answer(changed, before.as_ref()))
}

/// What would change of the file, which is only read. What its owner's number is only `chown` knows, so one that is given
/// by name is told without comparing it.
pub(super) async fn preview(file: &File, call: Call<'_>) -> Result<Preview, Failure> {
    let change = Change::read(file, &call)?;
    let before = change.place.read().await?;
    let after = change.after(before.as_ref())?;
    let text = |found: Option<&Found>| match found {
        Some(found) => String::from_utf8(found.bytes.clone()).ok(),
        None => Some(String::new()),
    };
    let bytes = |found: Option<&Found>| found.map(|found| found.bytes.clone());
    let mut preview = match (text(before.as_ref()), text(after.as_ref())) {
        // As lines they look the same.
        (Some(before), Some(after)) if before != after && before.lines().eq(after.lines()) => {
            Preview::new("its line ends would change")
        }
        (Some(before), Some(after)) => Preview::of_texts(&before, &after),
        _ if bytes(before.as_ref()) == bytes(after.as_ref()) => Preview::new(SAME),
        _ => Preview::new("what is no text would change"),
    };
    let size = |found: &Found| format!("{} bytes", found.bytes.len());
    match (&before, &after) {
        (None, None) => "nothing would change: there is no such file".clone_into(&mut preview.summary),
        (None, Some(after)) => preview.summary = format!("the file would be made, with {}", size(after)),
        (Some(before), None) => preview.summary = format!("the file would be removed, with {}", size(before)),
        (Some(before), Some(after)) => ownership(&change, before, after, &mut preview),
    }
    Ok(preview)
}

/// Adds what would change of a file's permissions and owner.
fn ownership(change: &Change<'_>, before: &Found, after: &Found, preview: &mut Preview) {
    let mut more = Vec::new();
    if before.mode != after.mode {
        more.push(format!("mode {} would be {}", before.mode, after.mode));
    }
    if change.owner.is_some() && before.owner != after.owner {
        let is_number = after.owner.chars().all(|c| c.is_ascii_digit() || c == ':');
        let now = if is_number && after.owner.contains(':') {
            "would be"
        } else {
            "would be set to"
        };
        more.push(format!("owner {} {now} {}", before.owner, after.owner));
    }
    let told = (preview.summary != SAME).then(|| preview.summary.clone());
    if !more.is_empty() {
        preview.summary = told.into_iter().chain(more).collect::<Vec<_>>().join(", ");
    }
}

pub(super) async fn prepare(file: &File, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
    let change = Change::read(file, &call)?;
    let before = change.place.read().await?;
    let after = change.after(before.as_ref())?;
    let data = json!({
        "file": change.fields(before.as_ref()),
        "keys": change.keys(before.as_ref())?,
        "mode": before.as_ref().map(|before| &before.mode),
        "owner": before.as_ref().map(|before| &before.owner),
    });
    let expects = json!({
        "file": change.fields(after.as_ref()),
        "keys": change.keys(after.as_ref())?,
    });
    let what = match &before {
        Some(_) => "put back what was in",
        None => "remove",
    };
    Ok(Some(Inverse {
        version: VERSION,
        summary: crate::output::one_line(&format!("{what} {}", change.args.require("path")?.text()?)),
        expects,
        data,
    }))
}

pub(super) async fn undo(file: &File, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
    if inverse.version != VERSION {
        return Err(Failure::new(
            ErrorKind::Other,
            "what was kept is of another version of this program",
        )
        .help("put it back by hand"));
    }
    let change = Change::read(file, &call)?;
    let now = change.place.read().await?;
    let part = |of: &Value, name: &str| of.get(name).cloned().unwrap_or(Value::Null);
    let whole = Inverse {
        expects: without_owner(part(&inverse.expects, "file")),
        data: without_owner(part(&inverse.data, "file")),
        ..inverse.clone()
    };
    let now_fields = without_owner(Value::Object(change.fields(now.as_ref())));
    let due = whole.is_due(&now_fields).map_err(shortened);
    let keys = Inverse {
        expects: part(&inverse.expects, "keys"),
        data: part(&inverse.data, "keys"),
        ..inverse.clone()
    };
    let has_keys = keys.expects.as_object().is_some_and(|keys| !keys.is_empty());
    let back = match due {
        Ok(false) => return Ok(answer(false, now.as_ref())),
        Ok(true) => restored(inverse),
        // Somebody has changed other parts of the file: what was set is put back, and the rest is theirs.
        Err(_) if has_keys && now.is_some() => {
            if !keys.is_due(&Value::Object(change.keys(now.as_ref())?))? {
                return Ok(answer(false, now.as_ref()));
            }
            Some(keys_restored(&change, now.as_ref(), &keys.data)?)
        }
        Err(failure) => return Err(failure),
    };
    change.put(back.as_ref()).await?;
    Ok(answer(true, now.as_ref()))
}

/// The owner was given by name and is read as a number, so only its old value tells something.
fn without_owner(mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("owner");
    }
    fields
}

/// A conflict does not show all that is in a file.
fn shortened(failure: Failure) -> Failure {
    Failure {
        result: None,
        ..failure
    }
}

/// The file as it was.
fn restored(inverse: &Inverse) -> Option<Found> {
    let text = |key: &str| inverse.data.get(key).and_then(Value::as_str).map(str::to_owned);
    let bytes = unkept(inverse.data.get("file")?.get(CONTENT)?)?;
    Some(Found {
        bytes,
        mode: text("mode")?,
        owner: text("owner")?,
    })
}

/// What is there now, with what the keys held before.
fn keys_restored(change: &Change<'_>, now: Option<&Found>, keys: &Value) -> Result<Found, Failure> {
    let format = change.format()?;
    let mut text = text_of(now)?.to_owned();
    for (key, value) in keys.as_object().into_iter().flatten() {
        let Some(key) = key.strip_prefix(SET) else {
            continue;
        };
        let new = value
            .get(0)
            .map_or(New::Absent, |value| New::Value(value.clone()));
        text = format
            .set(&text, key, &new)
            .map_err(|message| Failure::new(ErrorKind::Conflict, message).about("set"))?;
    }
    let mut file = now.cloned().ok_or_else(|| {
        Failure::new(ErrorKind::Conflict, "somebody else has removed it since").about("path")
    })?;
    file.bytes = text.into_bytes();
    Ok(file)
}
