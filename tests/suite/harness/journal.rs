//! A run's directory.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Project;

/// A run that the program has kept.
pub(crate) struct Run {
    directory: PathBuf,
    /// The project that it lies in, where nobody else keeps that.
    _project: Option<Project>,
}

impl Run {
    pub(crate) fn at(directory: PathBuf) -> Self {
        Self {
            directory,
            _project: None,
        }
    }

    /// The same, with the project that it lies in.
    pub(crate) fn kept(self, project: Project) -> Self {
        Self {
            _project: Some(project),
            ..self
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn name(&self) -> String {
        let name = self.directory.file_name().expect("it has a name");
        name.to_string_lossy().into_owned()
    }

    fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn report(&self) -> String {
        self.read("report.md")
    }

    pub(crate) fn text(&self) -> String {
        self.read("journal.jsonl")
    }

    /// The journal's lines that are whole.
    pub(crate) fn records(&self) -> Vec<Value> {
        let text = self.text();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The events of a kind.
    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        self.records()
            .into_iter()
            .filter(|record| record["event"] == kind)
            .collect()
    }

    /// The events of a kind that concern a step.
    pub(crate) fn of(&self, kind: &str, step: &str) -> Vec<Value> {
        self.events(kind)
            .into_iter()
            .filter(|record| record["step"] == step)
            .collect()
    }

    /// The steps of the events of a kind, in the order of the journal.
    pub(crate) fn steps(&self, kind: &str) -> Vec<String> {
        self.events(kind)
            .iter()
            .map(|record| text(&record["step"]))
            .collect()
    }

    pub(crate) fn outcome(&self) -> String {
        let ends = self.events("run_ended");
        assert_eq!(ends.len(), 1, "a run ends once");
        text(&ends[0]["outcome"])
    }

    /// What a step's `capture` gave.
    pub(crate) fn captured(&self, step: &str) -> Value {
        // An action gives it with the end of its attempt, and what has none when it is done.
        let ends = self
            .of("attempt_ended", step)
            .into_iter()
            .chain(self.of("step_done", step));
        let captured: Vec<Value> = ends.filter(|end| end["values"].is_object()).collect();
        assert_eq!(captured.len(), 1, "`{step}` has captured once");
        captured[0]["values"].clone()
    }

    /// All files with their bytes.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        collect(&self.directory, &mut files);
        assert!(!files.is_empty(), "a run leaves files");
        files
    }

    /// Fails where a file of the run holds this text.
    #[track_caller]
    pub(crate) fn nowhere(&self, needle: &str) {
        for (path, bytes) in self.files() {
            let held = bytes.windows(needle.len()).any(|part| part == needle.as_bytes());
            assert!(!held, "`{needle}` is in {}", path.display());
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("it is readable") {
        let path = entry.expect("it is readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let bytes = fs::read(&path).expect("it is readable");
            files.push((path, bytes));
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
