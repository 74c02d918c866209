//! `runbook plugins`

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use indexmap::IndexMap;
use runbook_action_plugin::{Lock, Pin, Place, Places, describe, digest};
use runbook_report::visible;
use serde_json::json;

use crate::args::{Format, Plugins, PluginsWhat};
use crate::catalogue::places;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::table::{self, Column};
use crate::term::{self, BOLD, WARN, styled};

const COLUMNS: [Column; 4] = [
    column("PLUGIN", Some(8)),
    column("STATE", None),
    column("PROGRAM", Some(16)),
    column("WHAT IT DOES", Some(16)),
];

const fn column(heading: &'static str, least: Option<usize>) -> Column {
    Column {
        heading,
        least,
        spare: 0,
    }
}

/// Where in the table what has a style stands.
const STATE: usize = 1;

/// What is known of a plugin.
struct Listed {
    name: String,
    file: Option<PathBuf>,
    /// The digest of the program that is there.
    found: Option<String>,
    pin: Option<Pin>,
}

impl Listed {
    /// How program and pin stand to each other, in one word.
    fn state(&self) -> &'static str {
        match (&self.found, &self.pin) {
            (Some(found), Some(pin)) if *found == pin.sha256 => "pinned",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "unpinned",
            (None, _) => "missing",
        }
    }
}

/// Lists them, or pins them. A plugin that is listed and cannot be run as it is makes the exit code 1.
pub(crate) fn run(project: &Project, environment: &Environment, args: &Plugins) -> Result<u8, Error> {
    let places = places(environment, &project.root);
    let path = project.root.join(Lock::FILE);
    let lock = match fs::read_to_string(&path) {
        Ok(text) => Lock::read(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Lock::default()),
        Err(error) => return Err(Error::file("read", &path, &error)),
    };
    let lock = lock.map_err(|wrong| {
        let help = format!(
            "put back what was committed, or remove `{}` and pin again",
            Lock::FILE
        );
        Error::usage_with(wrong.to_string(), help)
    })?;
    if let Some(PluginsWhat::Pin { names }) = &args.what {
        let lock = pin(&places, lock, names)?;
        write(&path, &lock.text()).map_err(|error| Error::file("write", &path, &error))?;
        return Ok(0);
    }
    let all = listed(&places, &lock);
    match args.format {
        Format::Json => show_json(&all),
        Format::Text => show(&all),
    }
    Ok(u8::from(all.iter().any(|one| one.state() != "pinned")))
}

/// The pinned ones and the project's own.
fn listed(places: &Places, lock: &Lock) -> Vec<Listed> {
    let mut names: Vec<String> = lock.plugins.keys().cloned().collect();
    names.extend(places.own().into_iter().map(|place| place.name));
    names.sort_unstable();
    names.dedup();
    let of = |name: String| {
        let file = places.find(&name).map(|place| place.file);
        Listed {
            found: file.as_deref().and_then(|file| digest(file).ok()),
            pin: lock.plugins.get(&name).cloned(),
            name,
            file,
        }
    };
    names.into_iter().map(of).collect()
}

/// Pins those that are named; without a name those that are pinned already, and the project's own.
fn pin(places: &Places, mut lock: Lock, names: &[String]) -> Result<Lock, Error> {
    let all: Vec<String> = if names.is_empty() {
        listed(places, &lock).into_iter().map(|one| one.name).collect()
    } else {
        names.to_vec()
    };
    if all.is_empty() {
        return Err(Error::usage_with(
            "there is no plugin to pin",
            "put a program `runbook-action-NAME` into the folder `plugins`, or name one that is in a folder of `PATH`",
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::usage(format!("cannot start: {error}")))?;
    let mut pinned = IndexMap::new();
    for name in all {
        let place = places.find(&name).ok_or_else(|| {
            Error::usage_with(
                format!("there is no program `runbook-action-{name}`, so nothing was pinned"),
                "put it into the folder `plugins` or into a folder of `PATH`, and make it executable",
            )
        })?;
        let pin = runtime.block_on(looked_at(places, &place))?;
        pinned.insert(name, (place.file, pin));
    }
    for (name, (file, pin)) in pinned {
        let text = format!("{name}: {} ({})", pin.sha256, file.display());
        term::print(&visible(&text));
        lock.plugins.insert(name, pin);
    }
    Ok(lock)
}

/// The digest is of what was there before it was asked: what changes meanwhile is not what is pinned.
async fn looked_at(places: &Places, place: &Place) -> Result<Pin, Error> {
    let sha256 = digest(&place.file).map_err(|error| Error::file("read", &place.file, &error))?;
    let descriptor = describe(places, place).await.map_err(|failure| {
        let message = format!("`{}` cannot be pinned: {failure}", place.name);
        match failure.help {
            Some(help) => Error::usage_with(message, help),
            None => Error::usage(message),
        }
    })?;
    Ok(Pin { sha256, descriptor })
}

/// All at once or not at all.
fn write(path: &std::path::Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut file = tempfile::Builder::new()
        .prefix(".runbook.lock-")
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // It is committed, and holds no secret.
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn show_json(all: &[Listed]) {
    let all: Vec<_> = all
        .iter()
        .map(|one| {
            json!({
                "name": one.name,
                "state": one.state(),
                "program": one.file,
                "sha256": one.found,
                "pinned": one.pin.as_ref().map(|pin| &pin.sha256),
                "descriptor": one.pin.as_ref().map(|pin| &pin.descriptor),
            })
        })
        .collect();
    term::print(&serde_json::to_string_pretty(&json!({ "plugins": all })).unwrap_or_default());
}

fn show(all: &[Listed]) {
    if all.is_empty() {
        term::print("this project has no plugins");
        return;
    }
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let widths = table::widths(&COLUMNS, &rows, term::width());
    let headings = COLUMNS.map(|column| column.heading);
    term::print(&table::line(&headings, &widths, |_, cell| styled(BOLD, cell)));
    for (row, one) in rows.iter().zip(all) {
        let is_fine = one.state() == "pinned";
        term::print(&table::line(row, &widths, |at, cell| {
            if at == STATE && !is_fine {
                styled(WARN, cell)
            } else {
                cell.to_owned()
            }
        }));
    }
    for one in all
        .iter()
        .filter(|one| ["changed", "unpinned"].contains(&one.state()))
    {
        let text = format!(
            "look at the program, then `runbook plugins pin {0}` pins `{0}`",
            one.name
        );
        term::print(&styled(WARN, &visible(&text)));
    }
}

fn row(one: &Listed) -> Vec<String> {
    let file = one
        .file
        .as_ref()
        .map_or_else(|| "–".to_owned(), |file| file.display().to_string());
    let doc = one.pin.as_ref().map_or("–", |pin| pin.descriptor.doc.as_str());
    vec![
        one.name.clone(),
        one.state().to_owned(),
        visible(&file),
        visible(doc),
    ]
}
