//! A runbook with real actions in a folder of its own, killed at every append and resumed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use runbook_event::Outcome;

use crate::crash::Crash;
use crate::ran::Ran;
use crate::stage::Stage;

/// A runbook, and the folder that it works in.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// The folder; each run begins with its files as they are when the example is made.
    pub folder: &'a Path,
    /// The runbook, ready to be run.
    pub stage: &'a Stage,
}

impl Example<'_> {
    /// Runs it to its end, and then once more for every record and every kind of crash there. Each run must end as the
    /// first one did, with the same of each step and the same in the folder.
    ///
    /// # Panics
    ///
    /// When one does not.
    pub fn survives(&self, outcome: Outcome) {
        let before = files(self.folder);
        let (whole, expected) = self.run(&before, &[]);
        assert_eq!(whole.outcome(), outcome, "{}", whole.full_trace());
        let steps = steps(&whole);
        for at in 1..=whole.records().len() {
            for crash in [Crash::after(at), Crash::before(at), Crash::of_power(at)] {
                let (ran, left) = self.run(&before, &[crash]);
                let told = || format!("{crash:?}\n{}", ran.full_trace());
                assert_eq!(ran.outcome(), outcome, "{}", told());
                assert_eq!(self::steps(&ran), steps, "{}", told());
                assert_eq!(left, expected, "{}", told());
            }
        }
    }

    fn run(&self, before: &Files, crashes: &[Crash]) -> (Ran, Files) {
        for path in files(self.folder)
            .into_keys()
            .filter(|path| !before.contains_key(path))
        {
            fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let ran = self.stage.run(crashes);
        (ran, files(self.folder))
    }
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(folder: &Path) -> Files {
    let mut found = BTreeMap::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.insert(path, bytes);
        }
    }
    found
}

fn steps(ran: &Ran) -> Vec<(String, String)> {
    let steps = ran.finished().state.steps().iter();
    steps
        .map(|step| (step.id.clone(), format!("{} {:?}", step.status.word(), step.undo)))
        .collect()
}
