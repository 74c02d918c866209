//! `runbook new`

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use runbook_document::{Findings, Node, ScalarValue, SourceId, nearest, parse};

use crate::args::New;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::{Project, RUNBOOKS};
use crate::term::{self, BOLD, GOOD, styled};

/// The runbook to begin with. What stands between two `@` is filled in.
const TEMPLATE: &str = include_str!("new.yaml");

/// How many characters a name may have.
const NAME_MAX: usize = 80;

/// Writes a new runbook.
pub(crate) fn run(project: &Project, environment: &Environment, args: &New) -> Result<u8, Error> {
    let parts = parts(&args.name)?;
    let name = parts.last().copied().unwrap_or_default();
    let folder = project.root.join(RUNBOOKS);
    let known = Known::read(project)?;
    if let Some(path) = known.names.get(name) {
        return Err(Error::usage_with(
            format!("`{path}` is already named `{name}`"),
            "choose another name: it is unique in a project",
        ));
    }
    let path = folder.join(format!("{}.yaml", parts.join("/")));
    let depth = parts.len();
    let text = filled(&[
        ("@SCHEMA@", &schema_line(&project.root, depth)),
        ("@NAME@", name),
        (
            "@TITLE@",
            &scalar("title", args.title.as_deref().unwrap_or(&in_words(name)))?,
        ),
        ("@SEVERITY@", &scalar("severity", &severity(project, args)?)?),
        ("@OWNER@", &scalar("owner", &owner(&known, environment, args))?),
    ]);
    let is_new = !folder.is_dir();
    write(&path, &text)?;
    told(project, &path, is_new);
    Ok(0)
}

/// The folders under `runbooks/` and the name, each of which must be one that a runbook can have.
fn parts(given: &str) -> Result<Vec<&str>, Error> {
    let inner = given.strip_prefix("runbooks/").unwrap_or(given);
    let inner = [".yaml", ".yml"]
        .iter()
        .find_map(|suffix| inner.strip_suffix(suffix))
        .unwrap_or(inner);
    let parts: Vec<&str> = inner.split('/').collect();
    if parts.iter().all(|part| is_slug(part)) {
        return Ok(parts);
    }
    let meant: Vec<String> = parts
        .iter()
        .map(|part| slug(part))
        .filter(|part| !part.is_empty())
        .collect();
    let help = if meant.is_empty() {
        "name it like `incident/disk-full`: lower case letters, digits, `-` and `_`, first a letter"
            .to_owned()
    } else {
        format!(
            "did you mean `{}`? A name has lower case letters, digits, `-` and `_`",
            meant.join("/")
        )
    };
    let given = runbook_report::visible(given);
    Err(Error::usage_with(
        format!("`{given}` is not a name for a runbook"),
        help,
    ))
}

/// Whether it is a name, in the language's own judgement of `name`.
fn is_slug(part: &str) -> bool {
    part.len() <= NAME_MAX
        && part.starts_with(|first: char| first.is_ascii_lowercase())
        && part
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
}

/// The nearest name to any text.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for char in text.chars() {
        if char.is_ascii_alphanumeric() {
            slug.push(char.to_ascii_lowercase());
        } else if char == '_' {
            slug.push('_');
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let from_letter = slug.trim_start_matches(|char: char| !char.is_ascii_lowercase());
    let short = from_letter.get(..NAME_MAX).unwrap_or(from_letter);
    short.trim_end_matches('-').to_owned()
}

/// A name as a title.
fn in_words(name: &str) -> String {
    let words = name.replace(['-', '_'], " ");
    let mut chars = words.trim().chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}", chars.as_str())
}

/// What the project's runbooks say of themselves.
struct Known {
    /// Each name, and the file that has it.
    names: BTreeMap<String, String>,
    /// Each owner, and of how many.
    owners: BTreeMap<String, usize>,
}

impl Known {
    fn read(project: &Project) -> Result<Self, Error> {
        let mut project = project.clone();
        let mut known = Self {
            names: BTreeMap::new(),
            owners: BTreeMap::new(),
        };
        for path in project.all_runbooks()? {
            let loaded = project.load(&path)?;
            let text = |key: &str| loaded.tree.as_ref()?.get(key)?.text().map(str::to_owned);
            if let Some(name) = text("name") {
                known.names.insert(name, loaded.path.clone());
            }
            if let Some(owner) = text("owner") {
                *known.owners.entry(owner).or_default() += 1;
            }
        }
        Ok(known)
    }
}

/// The one that was given, else who owns most here, else who asks.
fn owner(known: &Known, environment: &Environment, args: &New) -> String {
    let most = || {
        let owners = known.owners.iter();
        owners
            .max_by_key(|(_, count)| **count)
            .map(|(owner, _)| owner.clone())
    };
    args.owner
        .clone()
        .or_else(most)
        .unwrap_or_else(|| environment.who().user)
}

/// The one that was given, if the project knows it; else P3, or the last that the project knows.
fn severity(project: &Project, args: &New) -> Result<String, Error> {
    const USUAL: &str = "P3";
    let severities = project.config.severities.iter();
    let known: Vec<&str> = severities.map(|severity| severity.name.value.as_str()).collect();
    match &args.severity {
        Some(given) if !known.is_empty() && !known.contains(&given.as_str()) => {
            let help = match nearest(given, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the severities are {}", known.join(", ")),
            };
            let given = runbook_report::visible(given);
            Err(Error::usage_with(
                format!("the project has no severity `{given}`"),
                help,
            ))
        }
        Some(given) => Ok(given.clone()),
        None if known.contains(&USUAL) => Ok(USUAL.to_owned()),
        None => Ok((*known.last().unwrap_or(&USUAL)).to_owned()),
    }
}

/// A text as YAML: as it is if it is read as the same text, else in quotes.
fn scalar(key: &str, text: &str) -> Result<String, Error> {
    let is_read = |written: &str| {
        let tree = parse(SourceId(0), &format!("{key}: {written}\n"), &mut Findings::new());
        let scalar = tree
            .as_ref()
            .and_then(|tree| tree.get(key))
            .and_then(Node::scalar);
        scalar.is_some_and(|scalar| scalar.text == text && scalar.value == ScalarValue::Text)
    };
    let written = [text.to_owned(), serde_json::Value::from(text).to_string()];
    let fits =
        |written: &String| !text.trim().is_empty() && !text.contains(char::is_control) && is_read(written);
    written.into_iter().find(fits).ok_or_else(|| {
        let text = runbook_report::visible(text);
        Error::usage_with(
            format!("`{text}` does not do for --{key}"),
            "write it in a few words, on one line",
        )
    })
}

/// The line that tells an editor which keys there are, if the project has the file that says so.
fn schema_line(root: &Path, depth: usize) -> String {
    const SCHEMA: &str = "schemas/runbook.schema.json";
    if root.join(SCHEMA).is_file() {
        format!(
            "# yaml-language-server: $schema={}{SCHEMA}\n",
            "../".repeat(depth)
        )
    } else {
        String::new()
    }
}

fn filled(values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    // Place by place, so that a value that looks like a place stays what it is.
    let mut rest = TEMPLATE;
    while let Some((at, place, value)) = values
        .iter()
        .filter_map(|(place, value)| Some((rest.find(place)?, *place, *value)))
        .min()
    {
        text.push_str(&rest[..at]);
        text.push_str(value);
        rest = &rest[at + place.len()..];
    }
    text + rest
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| Error::file("make", folder, &error))?;
    match fs::File::create_new(path) {
        Ok(mut file) => file
            .write_all(text.as_bytes())
            .map_err(|error| Error::file("write", path, &error)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Error::usage_with(
            format!("`{}` is there already, and is left as it is", path.display()),
            "choose another name, or edit that file",
        )),
        Err(error) => Err(Error::file("write", path, &error)),
    }
}

/// Says what was done, and what is next.
fn told(project: &Project, path: &Path, is_new: bool) {
    if is_new {
        let root = project.root.display();
        term::print(&format!(
            "there was no folder `runbooks` in {root}, so it was made"
        ));
    }
    let here: PathBuf = path.strip_prefix(&project.directory).unwrap_or(path).to_owned();
    let shown = here.display().to_string();
    let marks = TEMPLATE
        .lines()
        .skip(1)
        .filter(|line| line.contains("CHANGE"))
        .count();
    term::print(&format!("{} {shown}", styled(GOOD, "wrote")));
    term::print("");
    for (what, how) in [
        (
            format!("1. replace what is marked CHANGE, in {marks} places:"),
            format!("grep -n CHANGE {shown}"),
        ),
        ("2. check it:".to_owned(), format!("runbook check {shown}")),
        (
            "3. try it where nothing can break:".to_owned(),
            format!("runbook exec {shown}"),
        ),
    ] {
        term::print(&format!("{what}  {}", styled(BOLD, &how)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_leads_to_a_name() {
        for (given, meant) in [
            ("Disk Full!", "disk-full"),
            ("2nd try", "nd-try"),
            ("a--b__c", "a-b__c"),
            ("ÄÖ", ""),
            ("..", ""),
        ] {
            assert_eq!(slug(given), meant, "{given}");
            assert!(meant.is_empty() || is_slug(&slug(given)));
        }
        assert!(is_slug(&slug(&"long ".repeat(100))));
    }

    #[test]
    fn a_value_is_written_so_that_it_is_read_again() {
        for (text, written) in [
            ("Disk full", "Disk full"),
            ("a: b", "\"a: b\""),
            ("true", "\"true\""),
            ("3", "\"3\""),
            ("x # y", "\"x # y\""),
            ("- x", "\"- x\""),
            ("say \"x\"", "say \"x\""),
            ("{{ x }}", "\"{{ x }}\""),
            ("größe", "größe"),
        ] {
            assert_eq!(scalar("title", text).unwrap(), written);
        }
        for text in ["", " ", "a\nb", "\u{1b}[31m"] {
            assert!(scalar("title", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_value_that_looks_like_a_place_stays_what_it_is() {
        let text = filled(&[("@NAME@", "x"), ("@TITLE@", "@OWNER@"), ("@OWNER@", "y")]);
        assert!(
            text.contains("title: @OWNER@\n") && text.contains("owner: y\n"),
            "{text}"
        );
    }
}
