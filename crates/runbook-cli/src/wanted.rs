//! What is asked for on the command line beyond the runbook: the steps that are left out, and the like.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use runbook_event::Wanted;
use runbook_plan::{Body, Plan, Section, Step};

use crate::args::Wants;
use crate::error::Error;

/// How many steps an error lists.
const LISTED: usize = 20;

pub(crate) fn wanted(plan: &Plan, args: &Wants) -> Result<Wanted, Error> {
    let option = |name: &str| match &args.reason {
        Some(reason) => format!("{name} ({reason})"),
        None => name.to_owned(),
    };
    let mut skips = IndexMap::new();
    let mut leave_out = |ids: Vec<String>, name: &str| {
        for id in ids {
            skips.entry(id).or_insert_with(|| option(name));
        }
    };
    for id in args.skip.iter().chain(&args.only).chain(&args.from) {
        known(plan, id)?;
    }
    leave_out(args.skip.clone(), "--skip");
    if !args.only.is_empty() {
        let named: BTreeSet<&str> = args.only.iter().map(String::as_str).collect();
        let mut ids = Vec::new();
        others(plan.steps(), &named, &mut ids);
        leave_out(ids, "--only");
    }
    if let Some(id) = &args.from {
        let mut ids = Vec::new();
        earlier(plan.steps(), id, &mut ids);
        leave_out(ids, "--from");
    }
    if skips.is_empty() && args.reason.is_some() {
        let help = "leave `--reason` out, or name the step with `--skip`, `--only` or `--from`";
        return Err(Error::usage_with(
            "no step is left out, so there is nothing to give a reason for",
            help,
        ));
    }
    Ok(Wanted {
        force: args.force,
        no_rollback: args.no_rollback,
        skips,
    })
}

/// Whether there is such a step, for which these options are.
fn known(plan: &Plan, id: &str) -> Result<(), Error> {
    if plan.all_steps().any(|step| step.id == id) {
        return Ok(());
    }
    let ids: Vec<&str> = plan.all_steps().map(|step| step.id.as_str()).collect();
    let help = match (
        runbook_document::nearest(id, ids.iter().copied()),
        id.split_once('/'),
    ) {
        (_, Some((call, _))) if ids.contains(&call) => {
            format!("a step of a runbook that is called cannot be named: name `{call}`")
        }
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, _) => {
            let more = match ids.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let ids: Vec<&str> = ids.into_iter().take(LISTED).collect();
            format!("its steps are {}{more}", ids.join(", "))
        }
    };
    Err(Error::usage_with(format!("the runbook has no step `{id}`"), help))
}

/// The steps that neither are named, nor hold one that is, nor stand within one. The clean-up stays.
fn others(steps: &[Step], named: &BTreeSet<&str>, ids: &mut Vec<String>) {
    for step in steps.iter().filter(|step| step.section == Section::Steps) {
        if named.contains(step.id.as_str()) {
            continue;
        }
        if step.flat().iter().any(|inner| named.contains(inner.id.as_str())) {
            others(step.within(), named, ids);
        } else {
            ids.push(step.id.clone());
        }
    }
}

/// The steps that have surely ended before this one begins.
fn earlier(steps: &[Step], id: &str, ids: &mut Vec<String>) {
    let holds = |step: &Step| step.flat().iter().any(|inner| inner.id == id);
    let Some(at) = steps.iter().position(holds) else {
        return;
    };
    let mut before = BTreeSet::new();
    let mut open: Vec<usize> = vec![at];
    while let Some(needed) = open.pop().and_then(|at| steps.get(at)).map(|step| &step.needs) {
        let new = needed.iter().filter(|need| before.insert(**need));
        open.extend(new);
    }
    ids.extend(
        before
            .iter()
            .filter_map(|at| steps.get(*at))
            .map(|step| step.id.clone()),
    );
    let Some(step) = steps.get(at).filter(|step| step.id != id) else {
        return;
    };
    if let Body::FirstOf(alternatives) = &step.body {
        // Of these one is tried after the other.
        let tried = alternatives.iter().take_while(|alternative| !holds(alternative));
        ids.extend(tried.map(|alternative| alternative.id.clone()));
    }
    earlier(step.within(), id, ids);
}
