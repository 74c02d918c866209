//! A plan as a graph, for those who draw it: what begins it, its steps and what they wait for, what ends it.

use runbook_action::Effect;
use runbook_graph::{Graph, Look, Mark, Node, Order, Within};
use runbook_plan::{Body, Check, Plan, Section, Step, Undo};
use runbook_report::visible;

use super::words::{self, length};

/// The graph of a plan. `mark` tells what became of the step with an id.
pub(crate) fn picture(plan: &Plan, mark: &dyn Fn(&str) -> Mark) -> Graph {
    let mut graph = Graph::default();
    let begins = checks(&mut graph, "It begins if", plan.detect());
    let of = |section: Section| -> Vec<&Step> {
        let steps = plan.steps().iter();
        steps.filter(|step| step.section == section).collect()
    };
    let (steps, finally) = (of(Section::Steps), of(Section::Finally));
    let first = graph.nodes.len();
    let inner = level(&steps, 0, mark);
    let ends = ends_of(inner.nodes.len(), &inner.arrows);
    let starts = (0..inner.nodes.len()).filter(|at| !inner.arrows.iter().any(|(_, to)| to == at));
    if let Some(begins) = begins {
        graph.arrows.extend(starts.map(|at| (begins, first + at)));
    }
    let arrows = inner.arrows.iter().map(|(from, to)| (first + from, first + to));
    graph.arrows.extend(arrows);
    graph.nodes.extend(inner.nodes);
    let mut last: Vec<usize> = ends.iter().map(|at| first + at).collect();
    if let Some(over) = checks(&mut graph, "It is over when", plan.verify()) {
        graph.arrows.extend(last.iter().map(|at| (*at, over)));
        last = vec![over];
    }
    if !finally.is_empty() {
        let at = graph.nodes.len();
        let mut node = Node::new("At the end, whatever happened", Look::Read);
        node.within = Some(Within {
            order: Order::All,
            graph: level(&finally, steps.len(), mark),
        });
        graph.nodes.push(node);
        graph.arrows.extend(last.iter().map(|end| (*end, at)));
    }
    graph
}

/// A node for checks, if there are any. Its place.
fn checks(graph: &mut Graph, title: &str, checks: &[Check]) -> Option<usize> {
    if checks.is_empty() {
        return None;
    }
    let mut node = Node::new(title, Look::Check);
    node.notes = checks.iter().map(|check| visible(&check.title)).collect();
    graph.nodes.push(node);
    Some(graph.nodes.len() - 1)
}

/// The nodes that nothing comes after.
fn ends_of(count: usize, arrows: &[(usize, usize)]) -> Vec<usize> {
    let is_end = |at: &usize| !arrows.iter().any(|(from, _)| from == at);
    (0..count).filter(is_end).collect()
}

fn level(steps: &[&Step], offset: usize, mark: &dyn Fn(&str) -> Mark) -> Graph {
    let mut graph = Graph::default();
    for (at, step) in steps.iter().enumerate() {
        graph.nodes.push(node(step, mark));
        let needs = step.needs.iter().filter_map(|need| need.checked_sub(offset));
        graph.arrows.extend(needs.map(|need| (need, at)));
    }
    graph
}

fn node(step: &Step, mark: &dyn Fn(&str) -> Mark) -> Node {
    let mut node = Node::new(visible(&step.title), look(step));
    node.mark = mark(&step.id);
    node.notes = notes(step).iter().map(|note| visible(note)).collect();
    let order = match &step.body {
        Body::Choose(_) => Order::OneOf,
        Body::FirstOf(_) => Order::UntilOne,
        Body::Group(_)
        | Body::Action(_)
        | Body::Manual(_)
        | Body::Wait(_)
        | Body::Notify(_)
        | Body::Fail(_)
        | Body::Let(_)
        | Body::Checks(_)
        | Body::Undo(_)
        | Body::Runbook(_) => Order::All,
    };
    let within: Vec<&Step> = step.within().iter().collect();
    if !within.is_empty() {
        node.within = Some(Within {
            order,
            graph: level(&within, 0, mark),
        });
    }
    node
}

const fn look(step: &Step) -> Look {
    match (&step.body, step.effect) {
        (Body::Manual(_), _) => Look::Person,
        (_, Effect::Read) => Look::Read,
        (_, Effect::Change) => Look::Change,
        (_, Effect::Destructive) => Look::Destroy,
    }
}

/// What a reviewer looks for first: whether it runs, who is asked, what it does, what proves and what undoes it.
fn notes(step: &Step) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(when) = &step.when {
        notes.push(format!("when {}", when.source()));
    }
    if let Some(each) = &step.for_each {
        notes.push(format!("for each {} in {}", each.item, each.list.source()));
    }
    if let Some(repeat) = &step.repeat {
        notes.push(format!("at most {} times", repeat.at_most));
    }
    if step.approve.is_some() {
        notes.push("asks for approval".to_owned());
    }
    match &step.body {
        Body::Action(action) if action.summary != step.title => notes.push(action.summary.clone()),
        Body::Runbook(call) => notes.push(format!("runbook {}", call.name)),
        Body::Wait(wait) => {
            if let Some(length) = &wait.length {
                notes.push(format!("waits {}", words::template(length)));
            }
        }
        Body::Action(_)
        | Body::Manual(_)
        | Body::Notify(_)
        | Body::Fail(_)
        | Body::Let(_)
        | Body::Checks(_)
        | Body::Undo(_)
        | Body::Group(_)
        | Body::Choose(_)
        | Body::FirstOf(_) => {}
    }
    let gates: Vec<&Check> = step.verify.iter().filter(|gate| !gate.inherited).collect();
    match gates.as_slice() {
        [] => {}
        [gate] => notes.push(match gate.within {
            Some(within) => format!("gate: {}, within {}", gate.title, length(within)),
            None => format!("gate: {}", gate.title),
        }),
        gates => notes.push(format!("{} gates", gates.len())),
    }
    match &step.undo {
        Undo::Action(undo) => notes.push(format!("undo: {}", undo.action.summary)),
        Undo::Steps(steps) => notes.push(format!("undo: {}", words::count(steps.len(), "step"))),
        Undo::Auto => notes.push("undo: as it was".to_owned()),
        Undo::Irreversible(_) => notes.push("cannot be undone".to_owned()),
        Undo::Undeclared => notes.push("undo: not said".to_owned()),
        Undo::Within | Undo::NotNeeded => {}
    }
    notes
}
