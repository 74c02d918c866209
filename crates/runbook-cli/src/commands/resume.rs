//! `runbook resume`

use clap::ValueEnum as _;
use runbook_action_plugin::Lock;
use runbook_event::{Assumed, Assumption, Outcome, Resumed, RunResumed, RunState};
use runbook_plan::{Catalogue, Plan};
use runbook_report::visible;

use super::again::{Known, Way};
use crate::args::{Format, Resume, What};
use crate::diagnostics;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::session;
use crate::term;

pub(crate) fn run(project: &Project, environment: &Environment, args: &Resume) -> Result<u8, Error> {
    let known = Known::find(project, environment, &args.run)?;
    if let Some(outcome) = known.run.state.outcome()
        && let Some(code) = is_over(&known, outcome, args.going.format)?
    {
        return Ok(code);
    }
    known.is_no_practice()?;
    let assumed = assumed(args, &known.run.state)?;
    let catalogue = known.catalogue()?;
    let (plan, with_journal) = plan(&known, &catalogue, args.with_journal)?;
    let resumed = RunResumed {
        how: Resumed::Forward,
        who: environment.who(),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        torn: None,
        with_journal,
        reason: args.reason.clone(),
        assumed,
    };
    let way = Way {
        plan,
        resumed,
        yes: args.yes,
        going: args.going,
    };
    known.go_on(&way, &catalogue)
}

/// What to say of a run that has ended for good. Where it is as it should be, there is nothing to do, and the exit code
/// is that of its end: whoever resumes until all is done comes to an end.
fn is_over(known: &Known<'_>, outcome: Outcome, format: Format) -> Result<Option<u8>, Error> {
    let ended = known.ended(outcome);
    match outcome {
        Outcome::Failed | Outcome::Interrupted | Outcome::Waiting | Outcome::Unknown => Ok(None),
        Outcome::Resolved | Outcome::NotNeeded => {
            let report = known.finish(outcome)?;
            let told = format!("nothing is to be done for run `{}`: {ended}", known.name);
            match format {
                Format::Text => term::print(&told),
                Format::Json => {
                    let summary = serde_json::json!({
                        "run": known.name,
                        "outcome": outcome.word(),
                        "exit_code": outcome.exit_code(),
                        "journal": known.dir.join("journal.jsonl"),
                        "report": report,
                    });
                    term::print(&summary.to_string());
                }
            }
            Ok(Some(outcome.exit_code()))
        }
        Outcome::RolledBack | Outcome::RollbackFailed | Outcome::Rejected | Outcome::CleanupFailed => {
            known.finish(outcome)?;
            let begin = format!(
                "`runbook exec {}` begins anew",
                visible(&known.started.runbook.path)
            );
            let undo = format!("`runbook rollback {}`", known.name);
            let help = if session::next::undoable(&known.run.state).is_empty() {
                begin
            } else if outcome == Outcome::RollbackFailed {
                format!("{undo} tries the undos again that failed; {begin}")
            } else {
                format!("{undo} undoes what it did; {begin}")
            };
            let message = format!("run `{}` cannot go on: {ended}", known.name);
            Err(Error::usage_with(message, help))
        }
    }
}

/// What a person says about steps.
fn assumed(args: &Resume, state: &RunState) -> Result<Vec<Assumed>, Error> {
    let mut said = Vec::new();
    for pair in args.assume.chunks(2) {
        let [what, step] = pair else { continue };
        let assume = match What::from_str(what, false) {
            Ok(What::Done) => Assumption::Done,
            Ok(What::Attempted) => Assumption::Attempted,
            Ok(What::NotStarted) => Assumption::NotStarted,
            Err(_) => {
                return Err(Error::usage_with(
                    format!("`{}` is nothing that may be assumed of a step", visible(what)),
                    "write it as `--assume done STEP`, `--assume attempted STEP` or `--assume not-started STEP`",
                ));
            }
        };
        said.push((step, assume));
    }
    said.extend(args.retry.iter().map(|step| (step, Assumption::Retry)));
    let reason = args.reason.clone().unwrap_or_default();
    if !said.is_empty() && reason.trim().is_empty() {
        return Err(Error::usage_with(
            "there is no reason for what is assumed",
            "say with `--reason` how you know: the timeline keeps it",
        ));
    }
    let mut assumed: Vec<Assumed> = Vec::new();
    for (step, assume) in said {
        in_doubt(state, step)?;
        if assumed.iter().any(|known| known.step == *step) {
            let message = format!("of step `{}` two things are said", visible(step));
            return Err(Error::usage_with(message, "say one"));
        }
        assumed.push(Assumed {
            step: step.clone(),
            assume,
            reason: reason.clone(),
        });
    }
    Ok(assumed)
}

/// Only of what nobody else can tell about something is said.
fn in_doubt(state: &RunState, id: &str) -> Result<(), Error> {
    let doubtful = session::next::in_doubt(state);
    let doubtful: Vec<&str> = doubtful.iter().map(String::as_str).collect();
    if doubtful.contains(&id) {
        return Ok(());
    }
    let help = match runbook_document::nearest(id, doubtful.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if doubtful.is_empty() => {
            "there is none in this run: resume it without `--assume` and `--retry`".to_owned()
        }
        None => format!("in doubt is {}", doubtful.join(", ")),
    };
    let message = match state.step(id) {
        None => format!("the run has no step `{id}`"),
        Some(_) => format!("nobody doubts whether step `{id}` has happened"),
    };
    Err(Error::usage_with(visible(&message), visible(&help)))
}

/// The plan, which is the one that the run began with, and whether it comes from the pinned texts.
fn plan(known: &Known<'_>, catalogue: &Catalogue, with_journal: bool) -> Result<(Plan, bool), Error> {
    if with_journal {
        return Ok((known.of_journal(catalogue)?, true));
    }
    let path = visible(&known.started.runbook.path);
    let help = format!(
        "`runbook resume {} --with-journal` goes on with the texts that the run began with; or put the files back",
        known.name
    );
    match known.of_files(catalogue) {
        Ok(Some(compiled)) if !compiled.has_plugins_of(&known.started) => Err(Error::usage_with(
            format!(
                "`{}` says something else than when run `{}` began, so nothing was done",
                Lock::FILE,
                known.name
            ),
            help,
        )),
        Ok(Some(compiled)) if compiled.plan.digest() == known.started.plan => Ok((compiled.plan, false)),
        Ok(Some(_)) => Err(Error::usage_with(
            format!(
                "`{path}`, what it calls or the project file says something else than when run `{}` began, so nothing was done",
                known.name
            ),
            help,
        )),
        Ok(None) => {
            term::print_error(&format!(
                "`{path}` is gone, so the run goes on with the texts that it began with"
            ));
            Ok((known.of_journal(catalogue)?, true))
        }
        Err(Error::Findings(findings)) => {
            let (sources, findings) = *findings;
            term::print_error(&diagnostics::text(&sources, &findings, &std::io::stderr()));
            let message = format!(
                "`{path}` has errors that were not there when run `{}` began, so nothing was done",
                known.name
            );
            Err(Error::usage_with(message, help))
        }
        Err(error) => Err(error),
    }
}
