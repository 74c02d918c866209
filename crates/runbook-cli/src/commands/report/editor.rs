//! A person's editor, as the environment names it.

use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::identity::Environment;

/// The editor that the environment names, if it names one.
pub(super) fn editor(environment: &Environment) -> Option<&str> {
    let named = ["VISUAL", "EDITOR"]
        .iter()
        .filter_map(|name| environment.get(name));
    named.map(str::trim).find(|named| !named.is_empty())
}

/// Opens a file in an editor and waits until it is closed.
#[expect(
    clippy::disallowed_methods,
    reason = "a person's own editor, started when that person asks for it"
)]
pub(super) fn open(editor: &str, file: &Path) -> Result<(), Error> {
    let kept = || {
        format!(
            "what was written is in `{}`: `--fill-from` takes it",
            file.display()
        )
    };
    // The shell only takes the words apart, as for `code --wait`: what they are comes as data.
    let ended = Command::new("sh")
        .args(["-c", "set -f; exec $1 \"$2\"", "sh", editor])
        .arg(file)
        .status()
        .map_err(|error| {
            Error::usage_with(
                format!("the editor `{editor}` cannot be started: {error}"),
                kept(),
            )
        })?;
    if ended.success() {
        return Ok(());
    }
    let message = format!("the editor `{editor}` ended with {ended}, so nothing was noted");
    Err(Error::usage_with(message, kept()))
}
