//! From the name of a program to its file.
//!
//! The name is resolved here and not by the operating system, for two reasons: with an absolute path the standard
//! library spawns without forking, and a name that is not found can be answered with those that are.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use runbook_action::{ErrorKind, Failure};

/// How alike two names must be for one to be suggested for the other.
const ALIKE: f64 = 0.8;

/// The absolute path of `program`, which is looked for in `path`; one with a slash starts at `cwd`.
pub(crate) fn resolve(program: &str, path: &[PathBuf], cwd: &Path) -> Result<PathBuf, Failure> {
    if program.is_empty() {
        return Err(Failure::new(
            ErrorKind::MissingProgram,
            "the name of the program is empty",
        ));
    }
    if program.contains('/') {
        return at(program, &cwd.join(program));
    }
    path.iter()
        .map(|directory| directory.join(program))
        .find(|file| is_executable(file))
        .ok_or_else(|| not_found(program, "here", names_in(path)))
}

/// Whether `program` is in `path`.
pub(crate) fn is_in(program: &str, path: &[PathBuf]) -> bool {
    path.iter()
        .any(|directory| is_executable(&directory.join(program)))
}

fn at(program: &str, file: &Path) -> Result<PathBuf, Failure> {
    if is_executable(file) {
        return Ok(file.to_owned());
    }
    let missing = |what: &str| Failure::new(ErrorKind::MissingProgram, format!("`{program}` {what}"));
    Err(match std::fs::metadata(file) {
        Ok(metadata) if metadata.is_dir() => missing("is a directory"),
        Ok(_) => missing("may not be executed").help(format!("run `chmod +x {program}`")),
        Err(_) => missing("does not exist"),
    })
}

fn is_executable(file: &Path) -> bool {
    std::fs::metadata(file)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The failure of a program that is not among these names.
pub(crate) fn not_found(program: &str, place: &str, names: impl Iterator<Item = String>) -> Failure {
    let failure = Failure::new(
        ErrorKind::MissingProgram,
        format!("the program `{program}` is not installed {place}"),
    );
    if program.contains(char::is_whitespace) {
        return failure.help("give each argument as an item of its own");
    }
    match most_alike(program, names) {
        Some(name) => failure.help(format!("did you mean `{name}`?")),
        None => failure.help("install it, or add its directory to `PATH`"),
    }
}

fn names_in(path: &[PathBuf]) -> impl Iterator<Item = String> {
    path.iter()
        .filter_map(|directory| std::fs::read_dir(directory).ok())
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

fn most_alike(program: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let alike = |name: &str| strsim::damerau_levenshtein(program, name);
    let mut best: Option<(usize, String)> = None;
    for name in names {
        if strsim::jaro_winkler(program, &name) < ALIKE {
            continue;
        }
        // The fewest edits; of those the first by name, so that the answer does not depend on the directory.
        let candidate = (alike(&name), name);
        if best.as_ref().is_none_or(|best| candidate < *best) {
            best = Some(candidate);
        }
    }
    best.filter(|(edits, _)| *edits <= 1 + program.chars().count() / 4)
        .map(|(_, name)| name)
}
