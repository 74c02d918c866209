//! The copy of the workspace in which all changes are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::change::{Change, changed};

/// What decides: the transition table and the scheduler.
const DECIDE: &[&str] = &[
    "crates/runbook-event/src/state.rs",
    "crates/runbook-event/src/state/",
    "crates/runbook-engine/src/scheduler.rs",
    "crates/runbook-engine/src/scheduler/",
];

/// What every change asks.
const SWITCH: &str = "//! Which change's turn it is.

use std::sync::OnceLock;

/// Whether it is the turn of this change.
pub fn on(number: usize) -> bool {
    static TURN: OnceLock<usize> = OnceLock::new();
    let turn = TURN.get_or_init(|| {
        let word = std::env::var(\"MUTANT_TURN\");
        word.ok().and_then(|word| word.parse().ok()).unwrap_or(0)
    });
    *turn == number
}
";

/// Writes the copy. Files that are as they should be are left alone, so that little is compiled again.
pub(crate) fn write(root: &Path, tree: &Path) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    for path in files(root)? {
        let text = fs::read(root.join(&path)).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.to_string_lossy();
        let is_source = name.ends_with(".rs") && !name.ends_with("/tests.rs");
        let decides = is_source && DECIDE.iter().any(|known| name.starts_with(known));
        let text = if decides {
            let text = String::from_utf8_lossy(&text);
            changed(&name, &text, &mut changes)?.into_bytes()
        } else if name == "crates/runbook-event/src/lib.rs" {
            let mut text = String::from_utf8_lossy(&text).into_owned();
            text.push_str("\n#[doc(hidden)]\npub mod mutant;\n");
            text.into_bytes()
        } else {
            text
        };
        put(&tree.join(&path), &text)?;
    }
    put(
        &tree.join("crates/runbook-event/src/mutant.rs"),
        SWITCH.as_bytes(),
    )?;
    Ok(changes)
}

/// The files of the repository.
fn files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot run git: {error}"))?;
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let there = |path: &PathBuf| root.join(path).is_file();
    Ok(names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .filter(there)
        .collect())
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|known| known == bytes) {
        return Ok(());
    }
    let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(above) = path.parent() {
        fs::create_dir_all(above).map_err(wrong)?;
    }
    fs::write(path, bytes).map_err(wrong)
}
