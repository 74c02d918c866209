//! The example with a plugin, killed at every append and resumed: it ends as if nothing had happened.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use runbook_action_plugin::{Lock, Places, Uses};
use runbook_event::{Assumption, Outcome};
use runbook_plan::Catalogue;
use runbook_testkit::example::Example;
use runbook_testkit::scenario::Scenario;
use tempfile::TempDir;

fn survives(fails: bool, outcome: Outcome) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/plugins");
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("plugins")).unwrap();
    let program = "plugins/runbook-action-ledger";
    fs::copy(examples.join(program), folder.path().join(program)).unwrap();
    let lock = fs::read_to_string(examples.join(Lock::FILE)).unwrap();
    let places = Places {
        root: folder.path().to_owned(),
        vars: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
    };
    let mut catalogue = Catalogue::new();
    catalogue.add(Arc::new(Uses::new(places, Some(&lock))));
    let text = fs::read_to_string(examples.join("runbooks/maintenance.yaml")).unwrap();
    let ledger = folder.path().join("ledger.txt");
    // A person looks whether the name is in the ledger. Its undo removes it.
    let looks = move |step: &runbook_event::StepState| {
        let noted = fs::read_to_string(&ledger).is_ok_and(|text| text.contains("maintenance"));
        let undoing = step.undo != runbook_event::UndoStatus::None;
        if noted == undoing {
            Assumption::NotStarted
        } else {
            Assumption::Done
        }
    };
    let stage = Scenario::real(&text, catalogue, looks)
        .unheard()
        .input("fails", fails)
        .stage();
    let (folder, stage) = (folder.path(), &stage);
    Example { folder, stage }.survives(outcome);
}

#[test]
fn a_note_survives_a_crash_anywhere() {
    survives(false, Outcome::Resolved);
}

#[test]
fn a_note_that_is_taken_back_survives_a_crash_anywhere() {
    survives(true, Outcome::RolledBack);
}
