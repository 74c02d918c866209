//! `runbook rollback`

use std::io::{BufRead as _, IsTerminal as _};

use runbook_event::{Outcome, Resumed, RunResumed};
use runbook_plan::Catalogue;
use runbook_report::{planned_undo, step_title, visible};

use super::again::{Known, Way};
use crate::args::Rollback;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::session;
use crate::term::{self, BOLD, DIM, styled};

/// Undoes what a run did, from the texts that it began with.
pub(crate) fn run(project: &Project, environment: &Environment, args: &Rollback) -> Result<u8, Error> {
    let known = Known::find(project, environment, &args.run)?;
    let undoable = session::next::undoable(&known.run.state);
    if undoable.is_empty() {
        return Err(nothing(&known));
    }
    known.is_no_practice()?;
    let catalogue = known.catalogue()?;
    let plan = known.of_journal(&catalogue)?;
    if !args.yes && !agreed(&known, &undoable)? {
        return Err(Error::usage("nobody said yes, so nothing was undone"));
    }
    let resumed = RunResumed {
        how: Resumed::Rollback,
        who: environment.who(),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        torn: None,
        with_journal: !says_the_same(&known, &catalogue),
        reason: args.reason.clone(),
        assumed: Vec::new(),
    };
    let way = Way {
        plan,
        resumed,
        yes: args.yes,
        going: args.going,
    };
    known.go_on(&way, &catalogue)
}

fn nothing(known: &Known<'_>) -> Error {
    let why = match known.run.state.outcome() {
        Some(Outcome::NotNeeded) => "it touched nothing",
        Some(Outcome::RolledBack) => "all of it was undone",
        Some(_) | None => "nothing that it did can be undone",
    };
    Error::usage_with(
        format!("there is nothing to undo of run `{}`: {why}", known.name),
        format!("`runbook show {}` lists what it did", known.name),
    )
}

/// Shows what would be undone, and asks.
fn agreed(known: &Known<'_>, undoable: &[usize]) -> Result<bool, Error> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Error::usage_with(
            "there is no terminal to ask on whether to undo the run, so nothing was done",
            "pass `--yes`, or run it on a terminal",
        ));
    }
    let state = &known.run.state;
    let title = visible(&known.started.runbook.title);
    term::print_error(&styled(
        BOLD,
        &format!("{title}: what would be undone, in this order"),
    ));
    for step in undoable.iter().filter_map(|at| state.steps().get(*at)) {
        let how = planned_undo(&step.outline.undo);
        term::print_error(&format!(
            "  {}  {}",
            step_title(&step.id, state),
            styled(DIM, &how)
        ));
    }
    loop {
        term::print_error_raw("undo it: yes or no? ");
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        match (read, line.trim().to_lowercase().as_str()) {
            (Ok(0) | Err(_), _) | (_, "n" | "no") => return Ok(false),
            (_, "y" | "yes") => return Ok(true),
            (Ok(_), _) => term::print_error("type yes or no"),
        }
    }
}

/// Whether the files still say what the run began with. What is wrong with them is not told: nobody asks for them.
fn says_the_same(known: &Known<'_>, catalogue: &Catalogue) -> bool {
    known
        .digest_of_files(catalogue)
        .is_some_and(|digest| digest == known.started.plan)
}
