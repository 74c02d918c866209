//! What users of other engines filed as bugs, or ask for again and again: each as a scenario, with whose it was and
//! what must hold here.

mod ansible;
mod chaostoolkit;
mod rundeck;
mod stackstorm;
mod systems_manager;

use runbook_event::{StepStatus, UndoStatus};
use runbook_testkit::ran::Ran;

fn status(ran: &Ran, id: &str) -> Option<StepStatus> {
    ran.finished().state.step(id).map(|step| step.status)
}

fn undo(ran: &Ran, id: &str) -> Option<UndoStatus> {
    ran.finished().state.step(id).map(|step| step.undo)
}

fn failure(ran: &Ran, id: &str) -> String {
    let step = ran.finished().state.step(id);
    let failure = step.and_then(|step| step.failure.clone());
    failure.expect("it failed").to_string()
}

fn calls(ran: &Ran, name: &str) -> usize {
    ran.calls().get(name).copied().unwrap_or_default()
}

const TWO: &str = "
    steps:
      - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
      - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
";
