//! What a plan asks for that this version cannot run. The language is ahead of the engine: all of it is checked
//! and planned, and a run begins only if every part of it can be kept.

use runbook_action::{PLACES, Param};
use runbook_plan::{Action, Catalogue, Check, Part, Plan, Span, Step, Undo};

use crate::transports::chain;

/// A part of a plan that cannot be run yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lacking {
    /// Where it stands.
    pub span: Span,
    /// What it is, in the words of the language.
    pub what: String,
}

/// What the engine has learnt. The rest of what a plan asks for is refused.
const RUNS: &[Part] = &[
    Part::Key("report"),
    Part::Key("lock"),
    Part::Key("via"),
    Part::Key("guards"),
    Part::Key("timeout"),
    Part::Key("on_interrupt"),
    Part::Key("outputs"),
    Part::Key("rollback"),
    Part::Key("secret"),
    Part::Key("secrets"),
    Part::Key("then"),
    Part::Key("verify_decides"),
    Part::Key("retry"),
    Part::Key("may_fail"),
    Part::Key("for_each"),
    Part::Key("repeat"),
    Part::Key("steps"),
    Part::Key("choose"),
    Part::Key("first_of"),
    Part::Key("each"),
    Part::Node("wait"),
    Part::Node("fail"),
    Part::Node("let"),
    Part::Node("checks"),
    Part::Node("undo"),
    Part::Node("runbook"),
];

/// What of a plan cannot be run yet, in the order of its places.
#[must_use]
pub fn lacks(plan: &Plan, catalogue: &Catalogue) -> Vec<Lacking> {
    let mut lacking: Vec<Lacking> = plan
        .asked()
        .iter()
        .filter(|asked| !RUNS.contains(&asked.part))
        .map(|asked| Lacking {
            span: asked.span,
            what: format!("`{}`", asked.part.word()),
        })
        .collect();
    let mut actions = Vec::new();
    let checks = plan.detect().iter().chain(plan.guards()).chain(plan.verify());
    actions.extend(checks.map(|check| &check.action));
    for step in plan.all_steps() {
        actions.extend(actions_of(step));
    }
    for action in actions {
        lacking.extend(of_action(plan, catalogue, action));
    }
    lacking.sort();
    lacking.dedup();
    lacking
}

fn actions_of(step: &Step) -> Vec<&Action> {
    let mut actions: Vec<&Action> = step.action().into_iter().collect();
    actions.extend(step.before.iter().map(|before| &before.action));
    actions.extend(step.then.iter().map(|then| &then.action));
    let mut checks: Vec<&Check> = step.require.iter().chain(&step.verify).collect();
    match &step.undo {
        Undo::Action(undo) => {
            actions.push(&undo.action);
            checks.extend(&undo.verify);
        }
        Undo::Steps(steps) => {
            let inner = steps.iter().flat_map(Step::flat);
            actions.extend(inner.flat_map(actions_of));
        }
        Undo::Auto | Undo::Within | Undo::Irreversible(_) | Undo::NotNeeded | Undo::Undeclared => {}
    }
    actions.extend(checks.into_iter().map(|check| &check.action));
    actions
}

fn of_action(plan: &Plan, catalogue: &Catalogue, action: &Action) -> Vec<Lacking> {
    let connection = action.connection.as_deref().and_then(|name| {
        let found = plan.connections().iter().find(|known| known.name == name)?;
        Some((found.kind, found.params.sketch()))
    });
    let kind = connection.as_ref().map(|(kind, _)| *kind);
    let Some(known) = catalogue.action(action.kind, kind) else {
        // A service is known, but not through any connection.
        let through = kind.filter(|_| action.kind == "service");
        let through = through.map_or_else(String::new, |kind| {
            format!(" through a connection of kind `{kind}`")
        });
        return vec![Lacking {
            span: action.span,
            what: format!("`{}`{through}", action.kind),
        }];
    };
    let connection: Option<(&str, &Param)> = connection.as_ref().map(|(kind, params)| (*kind, params));
    let own = known.lacks(&action.params.sketch(), connection);
    let on_the_way = of_way(plan, catalogue, action, known.carriers());
    own.into_iter()
        .map(|lack| lack.what)
        .chain(on_the_way)
        .map(|what| Lacking {
            span: action.span,
            what,
        })
        .collect()
}

/// What of the way to an action's connection cannot be gone yet.
fn of_way(plan: &Plan, catalogue: &Catalogue, action: &Action, carriers: &[&str]) -> Vec<String> {
    let Some(name) = &action.connection else {
        return Vec::new();
    };
    let chain = chain(plan, name);
    let is_closed = |kind: &str| PLACES.contains(&kind) && catalogue.transport(kind).is_none();
    let mut lacking: Vec<String> = chain
        .iter()
        .filter(|link| is_closed(link.kind))
        .map(|link| format!("anything through a connection of kind `{}`", link.kind))
        .collect();
    if let [own, carrier, ..] = chain.as_slice()
        && !PLACES.contains(&own.kind)
        && !carriers.contains(&carrier.kind)
    {
        lacking.push(format!(
            "`{}` with a connection that goes through one of kind `{}`",
            action.kind, carrier.kind
        ));
    }
    lacking
}
