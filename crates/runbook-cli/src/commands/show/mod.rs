//! `runbook show`: a run that was, or a runbook that could be run.

mod roles;
mod run;
mod runbook;

pub(super) use self::roles::roles;
pub(super) use self::runbook::{facts, planned};

use std::path::{Path, PathBuf};

use runbook_journal::FindError;

use crate::args::Show;
use crate::error::Error;
use crate::project::{Project, RUNBOOKS};

/// What a name means.
enum Meant {
    /// A run, in this directory.
    Run(PathBuf),
    /// A runbook, in this file.
    Runbook(PathBuf),
}

pub(crate) fn run(project: &Project, args: &Show) -> Result<u8, Error> {
    match meant(project, args)? {
        Meant::Run(dir) => run::show(&dir, args),
        Meant::Runbook(path) => runbook::show(project, &path, args),
    }
}

/// `last` and the name of a run are a run, and a path is a runbook. What could be either is not guessed.
fn meant(project: &Project, args: &Show) -> Result<Meant, Error> {
    let given = args.what.as_str();
    if args.env.is_some() {
        return project.find_runbook(Path::new(given)).map(Meant::Runbook);
    }
    let run = runbook_journal::find(&project.runs(), given);
    let is_name = run
        .as_ref()
        .is_ok_and(|dir| dir.file_name().is_some_and(|name| name == given));
    if given == "last" || is_name || args.step.is_some() {
        return Ok(Meant::Run(run?));
    }
    let runbook = project.runbook_at(Path::new(given));
    let is_path = given.contains('/') || Path::new(given).extension().is_some();
    match (run, runbook) {
        (_, Some(path)) if is_path => Ok(Meant::Runbook(path)),
        (Err(FindError::None { .. }), Some(path)) => Ok(Meant::Runbook(path)),
        (Ok(_) | Err(_), Some(path)) => Err(either(project, given, &path)),
        (Err(FindError::None { candidates, .. }), None) => Err(neither(project, given, &candidates)?),
        (run, None) => Ok(Meant::Run(run?)),
    }
}

fn either(project: &Project, given: &str, path: &Path) -> Error {
    let path = project.shown(path);
    Error::usage_with(
        format!("`{given}` is a part of the names of runs, and a runbook"),
        format!("write `{path}` for the runbook, and the whole name of the run or `last` for a run"),
    )
}

/// Neither a run nor a runbook: those that somebody may mean.
fn neither(project: &Project, given: &str, runs: &[String]) -> Result<Error, Error> {
    let paths = project.all_runbooks()?;
    let shown: Vec<String> = paths
        .iter()
        .map(|path| {
            let path = Path::new(&project.shown(path)).with_extension("");
            let short = path.strip_prefix(RUNBOOKS).unwrap_or(&path);
            short.to_string_lossy().into_owned()
        })
        .collect();
    let stem = |path: &&String| path.rsplit('/').next() == Some(given);
    let same_name = shown.iter().find(stem).map(String::as_str);
    let near = || {
        let all = shown.iter().chain(runs).map(String::as_str);
        runbook_document::nearest(given, all)
    };
    let help = match same_name.or_else(near) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`runbook runs` lists the runs, and `runbook list` the runbooks".to_owned(),
    };
    Ok(Error::usage_with(
        format!("there is no run and no runbook `{given}`"),
        help,
    ))
}
