//! The runbooks of `examples/`, killed at every append and resumed: they end as if nothing had happened.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runbook_action_shell::{Exec, Shell};
use runbook_event::{Assumption, Outcome, StepState};
use runbook_plan::Catalogue;
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

    fn survives(&self, outcome: Outcome) {
        let (folder, stage) = (self.folder.path(), &self.stage);
        runbook_testkit::example::Example { folder, stage }.survives(outcome);
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
        // The one beside them is crashed where its plugin is tested, and of reports there is nothing to run.
        .filter(|name| name != "plugins" && name != "reports")
        .collect();
    names.sort();
    assert_eq!(names, ["branches.yaml", "hello.yaml", "rolling.yaml"]);
}
