//! Heads of journals as notes of git: who has fetched them can tell later that a run was not rewritten.
//!
//! They stand under a reference of their own, on the commit that a run is of: a line for each point at which the head was
//! kept. Nothing of the repository's own branches, index or files is touched, and none of its hooks is run.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::channel;

use runbook_event::Who;
use runbook_journal::{Mark, Witness};

use super::{PATIENCE, answer, git};
use crate::identity::Environment;

/// Where the notes stand.
pub(crate) const REFERENCE: &str = "refs/notes/runbook";

/// Writes heads onto a commit.
#[derive(Clone)]
pub(crate) struct Notes {
    environment: Environment,
    folder: PathBuf,
    commit: String,
    who: Who,
    /// Held while one is written: git reads the notes that are there, and adds to them, without looking again.
    lock: PathBuf,
    required: bool,
}

impl Notes {
    /// Onto this commit of the repository around a folder, if it is there. If not, why.
    pub(crate) fn onto(
        environment: &Environment,
        folder: &Path,
        commit: &str,
        state: &Path,
        required: bool,
    ) -> Result<Self, String> {
        let wanted = format!("{commit}^{{commit}}");
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
        let known = answer(environment, folder, &arguments).map_err(|error| error.to_string())?;
        if known.is_none() {
            return Err(format!("git knows no commit `{commit}`"));
        }
        Ok(Self {
            environment: environment.clone(),
            folder: folder.to_owned(),
            commit: commit.to_owned(),
            who: environment.who(),
            lock: state.join("notes.lock"),
            required,
        })
    }

    fn add(&self, line: &str) -> Result<(), String> {
        let told = |error: &std::io::Error| error.to_string();
        let lock = File::create(&self.lock).map_err(|error| told(&error))?;
        lock.lock().map_err(|error| told(&error))?;
        let name = runbook_report::visible(&self.who.user);
        let email = format!("{name}@{}", runbook_report::visible(&self.who.host));
        let mut child = git(&self.environment, &self.folder)
            .args(["-c", "core.hooksPath=/dev/null", "notes", "--ref", REFERENCE])
            .args(["append", "-F", "-", &self.commit])
            .envs([("GIT_AUTHOR_NAME", &name), ("GIT_COMMITTER_NAME", &name)])
            .envs([("GIT_AUTHOR_EMAIL", &email), ("GIT_COMMITTER_EMAIL", &email)])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("git cannot be started: {error}"))?;
        if let Some(mut input) = child.stdin.take() {
            // One that is gone says why on its error output.
            drop(writeln!(input, "{line}"));
        }
        let output = child.wait_with_output().map_err(|error| told(&error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "git wrote no note: {}",
            runbook_report::visible(said.trim())
        ))
    }
}

impl Witness for Notes {
    fn hear(&mut self, mark: &Mark) -> Result<(), String> {
        let Mark { run, seq, head, at } = mark;
        let line = format!("runbook run {run} record {seq} head {head} at {at}");
        let notes = self.clone();
        let (to, written) = channel();
        std::thread::spawn(move || {
            // Who asked may have given up.
            drop(to.send(notes.add(&line)));
        });
        match written.recv_timeout(PATIENCE) {
            Ok(written) => written,
            Err(_) => Err(format!(
                "git took longer than {} s to write a note",
                PATIENCE.as_secs()
            )),
        }
    }

    fn is_required(&self) -> bool {
        self.required
    }
}

/// The heads of a run that stand on a commit: each with the number of its record.
pub(crate) fn heads(environment: &Environment, folder: &Path, commit: &str, run: &str) -> Vec<(u64, String)> {
    let arguments = ["notes", "--ref", REFERENCE, "show", commit];
    let text = answer(environment, folder, &arguments).ok().flatten();
    let text = text.unwrap_or_default();
    text.lines().filter_map(|line| head(line, run)).collect()
}

fn head(line: &str, run: &str) -> Option<(u64, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["runbook", "run", name, "record", seq, "head", head, ..] if *name == run => {
            Some((seq.parse().ok()?, (*head).to_owned()))
        }
        _ => None,
    }
}
