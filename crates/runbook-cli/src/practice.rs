//! The practice system that an environment asks for.

use runbook_lab::{Database, Fault, Lab, Settings, systems};

use crate::args::Practice;
use crate::error::Error;

/// The label of a runbook that says how its practice system is broken.
const LABEL: &str = "lab-fault";

/// Starts the practice system that a plan's environment names, broken as the runbook's label and the command
/// line ask.
pub(crate) async fn start(plan: &runbook_plan::Plan, args: &Practice) -> Result<Option<Lab>, Error> {
    let Some(system) = plan.lab() else {
        if args.lab_healthy || !args.lab_fault.is_empty() {
            let environment = plan.environment().unwrap_or("none");
            return Err(Error::usage_with(
                format!(
                    "nothing here uses a practice system (environment `{environment}`), so it cannot be broken or healthy"
                ),
                "choose an environment that has one with `--env`, or leave out the `--lab-…` options",
            ));
        }
        return Ok(None);
    };
    known(system)?;
    let mut settings = Settings::new(Database::Sqlite);
    if !args.lab_healthy {
        let label = plan.about().labels.get(LABEL).cloned();
        for word in label.iter().chain(&args.lab_fault) {
            settings = settings.with_fault(fault(word)?);
        }
    }
    Ok(Some(runbook_lab::start(settings).await?))
}

/// Whether there is such a practice system.
pub(crate) fn known(system: &str) -> Result<(), Error> {
    let names: Vec<&str> = systems().iter().map(|known| known.name).collect();
    if names.contains(&system) {
        return Ok(());
    }
    let help = match runbook_document::nearest(system, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there is {}", names.join(", ")),
    };
    Err(Error::usage_with(
        format!("there is no practice system `{system}`"),
        help,
    ))
}

/// A way to break it, by its word.
pub(crate) fn fault(word: &str) -> Result<Fault, Error> {
    word.parse().map_err(|_| {
        let names: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        let help = match runbook_document::nearest(word, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("its faults are {}", names.join(", ")),
        };
        Error::usage_with(format!("the lab has no fault `{word}`"), help)
    })
}
