//! `runbook review` and `runbook diff`: what differs in what runbooks do.

use std::path::Path;

use runbook_review::{Comparison, Difference, Reviewed, Weight, comment, compare};
use serde_json::{Value, json};

use super::show;
use crate::args::{Diff, FailOn, Review, ReviewFormat};
use crate::catalogue::catalogue_of_run;
use crate::compiled;
use crate::describe::review::{differences, reviewed};
use crate::describe::{Told, json as facts, set};
use crate::error::Error;
use crate::git::Base;
use crate::identity::Environment;
use crate::project::Project;
use crate::review::{Side, review};
use crate::term;

/// How wide its lines are, where the terminal has no fewer columns.
const WIDTH: usize = 100;

/// Compares all runbooks with what they were at a commit. Nothing is run, asked or changed for it, but git is read.
pub(crate) fn run(project: &Project, environment: &Environment, args: &Review) -> Result<u8, Error> {
    let base = Base::find(environment, &project.root, &args.base)?.forked()?;
    let after = Side::here(project)?;
    let before = Side::at(project, &base, Some(&after))?;
    let all = review(&before, &after)?;
    match args.format {
        ReviewFormat::Markdown => term::print_raw(&comment(&all, &args.base, args.limit)),
        ReviewFormat::Json => term::print(&format!("{:#}", as_json(&all, &args.base))),
        ReviewFormat::Text => {
            let width = term::width().map_or(WIDTH, |columns| columns.min(WIDTH));
            term::print_raw(&set(&reviewed(&all, &args.base), width));
        }
    }
    let weight = all.iter().map(Reviewed::weight).max();
    // The program ends here: taking a thousand plans apart would be a part of the wait.
    std::mem::forget(before);
    std::mem::forget(after);
    Ok(u8::from(args.fail_on.is_met(weight)))
}

impl FailOn {
    /// Whether so much must not pass.
    fn is_met(self, weight: Option<Weight>) -> bool {
        match self {
            Self::Never => false,
            Self::Alarms => weight >= Some(Weight::Alarm),
            Self::Changes => weight >= Some(Weight::Change),
        }
    }
}

fn as_json(all: &[Reviewed], base: &str) -> Value {
    let runbooks: Vec<Value> = all
        .iter()
        .map(|one| {
            json!({
                "path": one.path, "was": one.was, "is": one.is, "weight": one.weight().word(),
                "summary": one.sentence(), "totals": one.totals, "found": one.found, "mended": one.mended,
                "differences": one.comparison.differences.iter().map(difference).collect::<Vec<_>>(),
            })
        })
        .collect();
    let weight = all.iter().map(Reviewed::weight).max().unwrap_or(Weight::Words);
    json!({"base": base, "weight": weight.word(), "runbooks": runbooks})
}

fn difference(one: &Difference) -> Value {
    let (before, after) = one
        .texts
        .as_ref()
        .map_or((None, None), |(a, b)| (Some(a), Some(b)));
    json!({
        "weight": one.weight.word(), "step": one.step, "text": one.text, "before": before, "after": after,
    })
}

/// Compares two things that say what a runbook does.
pub(crate) fn diff(project: &Project, environment: &Environment, args: &Diff) -> Result<u8, Error> {
    let before = side(project, environment, args, &args.before)?;
    let after = side(project, environment, args, &args.after)?;
    let told = compare(&before, &after);
    match args.format {
        ReviewFormat::Json => {
            let all: Vec<Value> = told.differences.iter().map(difference).collect();
            term::print(&format!(
                "{:#}",
                json!({"same": told.does_the_same(), "differences": all})
            ));
        }
        ReviewFormat::Markdown => term::print_raw(&as_comment(&told, args)),
        ReviewFormat::Text => {
            let width = term::width().map_or(WIDTH, |columns| columns.min(WIDTH));
            term::print_raw(&set(&differences(&told), width));
        }
    }
    Ok(u8::from(!told.does_the_same()))
}

fn as_comment(told: &Comparison, args: &Diff) -> String {
    let one = Reviewed {
        path: args.after.clone(),
        was: true,
        is: true,
        comparison: told.clone(),
        ..Reviewed::default()
    };
    comment(&[one], &args.before, comment::LIMIT)
}

/// What a runbook does: a file of the project, one at a commit (`REF:PATH`), a plan that was kept, or that of a run.
fn side(project: &Project, environment: &Environment, args: &Diff, what: &str) -> Result<Value, Error> {
    let path = project.directory.join(what);
    if path.extension().is_some_and(|end| end == "json") && path.is_file() {
        return kept(&path);
    }
    if let Some(path) = project.runbook_at(Path::new(what)) {
        return show::facts(project, &path, args.env.as_deref());
    }
    if let Some((commit, name)) = what.split_once(':') {
        let base = Base::find(environment, &project.root, commit)?;
        let side = Side::at(project, &base, None)?;
        return side.facts(name, args.env.as_deref()).ok_or_else(|| {
            Error::usage_with(
                format!("there is no runbook `{name}` at `{commit}` that means something"),
                "name it from the project's root: `main:runbooks/incident/pool-exhaustion.yaml`",
            )
        });
    }
    let dir = runbook_journal::find(&project.runs(), what)?;
    let run = runbook_journal::read(&dir)?;
    let Some(started) = run.state.run() else {
        return Err(Error::usage(format!("run `{what}` has not begun")));
    };
    let lock = compiled::pinned_lock(&dir, started)?;
    let catalogue = catalogue_of_run(environment, &project.root, lock.as_deref());
    let compiled = compiled::from_pinned(project, &dir, started, &catalogue)?;
    let mut told = facts::json(&Told {
        plan: &compiled.plan,
        path: &compiled.path,
        lacking: &[],
        foreseen: None,
    });
    if let Some(map) = told.as_object_mut() {
        map.insert("given".to_owned(), json!(started.inputs));
    }
    Ok(told)
}

/// A plan that `runbook plan --format json` printed.
pub(crate) fn kept(path: &Path) -> Result<Value, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::file("read", path, &error))?;
    let told: Option<Value> = serde_json::from_str(&text).ok();
    told.filter(|told| told["steps"].is_array() && told["name"].is_string())
        .ok_or_else(|| {
            Error::usage_with(
                format!("`{}` is no plan", path.display()),
                "write one with `runbook plan FILE --format json`",
            )
        })
}
