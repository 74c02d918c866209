//! The runbooks of `examples/`, killed at every append and resumed: they end as if nothing had happened.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runbook_action_shell::{Exec, Shell};
use runbook_event::{Assumption, Outcome, StepState};
use runbook_plan::Catalogue;
use runbook_testkit::crash::Crash;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;
use runbook_testkit::stage::Stage;
use serde_json::json;
use tempfile::TempDir;

use crate::environment;

/// An example in a folder of its own.
struct Example {
    folder: TempDir,
    stage: Stage,
}

impl Example {
    fn new(name: &str, given: impl FnOnce(Scenario, &Path) -> Scenario) -> Self {
        let folder = TempDir::new().unwrap();
        let mut around = environment(folder.path(), "/usr/local/bin:/usr/bin:/bin");
        around.vars.push(("TMPDIR".into(), folder.path().into()));
        let mut catalogue = Catalogue::new();
        catalogue.add(Arc::new(Shell::new(around.clone())));
        catalogue.add(Arc::new(Exec::new(around)));
        let text = fs::read_to_string(examples().join(name)).unwrap();
        let place = folder.path().to_owned();
        let looks = move |step: &StepState| looks(&place, step);
        let scenario = Scenario::real(&text, catalogue, looks).unheard();
        Self {
            stage: given(scenario, folder.path()).stage(),
            folder,
        }
    }

    /// A run in an empty folder, and all that is there when it has ended.
    fn run(&self, crashes: &[Crash]) -> (Ran, BTreeMap<PathBuf, String>) {
        for (path, _) in files(self.folder.path()) {
            fs::remove_file(path).unwrap();
        }
        let ran = self.stage.run(crashes);
        (ran, files(self.folder.path()))
    }

    fn survives(&self, outcome: Outcome) {
        let (whole, expected) = self.run(&[]);
        assert_eq!(whole.outcome(), outcome, "{}", whole.full_trace());
        let steps = steps(&whole);
        for at in 1..=whole.records().len() {
            for crash in [Crash::after(at), Crash::before(at), Crash::of_power(at)] {
                let (ran, left) = self.run(&[crash]);
                let told = || format!("{crash:?}\n{}", ran.full_trace());
                assert_eq!(ran.outcome(), outcome, "{}", told());
                assert_eq!(self::steps(&ran), steps, "{}", told());
                assert_eq!(left, expected, "{}", told());
            }
        }
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// A person looks whether the greeting is there.
fn looks(place: &Path, step: &StepState) -> Assumption {
    assert_eq!(step.id, "greet", "only this step is not harmless to run twice");
    match fs::read_to_string(place.join("hello.txt")) {
        Ok(text) if text == "hello world\n" => Assumption::Done,
        Ok(_) | Err(_) => Assumption::NotStarted,
    }
}

fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let text = fs::read_to_string(&path).unwrap();
            found.insert(path, text);
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

#[test]
fn a_greeting_survives_a_crash_anywhere() {
    let at = |scenario: Scenario, folder: &Path| scenario.input("folder", folder.to_str().unwrap());
    Example::new("hello.yaml", at).survives(Outcome::Resolved);
}

#[test]
fn branches_survive_a_crash_anywhere() {
    Example::new("branches.yaml", |scenario, _| scenario).survives(Outcome::Resolved);
}

#[test]
fn a_rolling_change_survives_a_crash_anywhere() {
    let two = |scenario: Scenario, _: &Path| scenario.input("hosts", json!(["east", "north"]));
    Example::new("rolling.yaml", two).survives(Outcome::Resolved);
}

#[test]
fn a_rolling_change_that_goes_wrong_survives_a_crash_anywhere() {
    let broken = |scenario: Scenario, _: &Path| {
        scenario
            .input("hosts", json!(["east", "north"]))
            .input("broken", "north")
    };
    Example::new("rolling.yaml", broken).survives(Outcome::RolledBack);
}

/// A new example needs a test here.
#[test]
fn every_example_is_crashed() {
    let mut names: Vec<String> = fs::read_dir(examples())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        // Beside the runbooks there is a folder with a plugin, which has tests of its own.
        .filter(|name| name != "plugins")
        .collect();
    names.sort();
    assert_eq!(names, ["branches.yaml", "hello.yaml", "rolling.yaml"]);
}
