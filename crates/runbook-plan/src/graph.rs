//! Which step waits for which.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use crate::bits::Bits;
use indexmap::IndexMap;
use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use runbook_document::{Finding, Findings, Spanned, Step, codes, nearest};

/// What each step of a section waits for, and what has surely run before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    /// The positions of the steps that each waits for directly.
    pub(crate) needs: Vec<Vec<usize>>,
    /// The positions in the whole runbook of all steps, those within others too, that have surely ended before
    /// each begins. Empty where there is a circle.
    pub(crate) before: Vec<Bits>,
}

impl Graph {
    /// From the author's order and `needs`. Unknown needs and circles are findings, and left out. `ranges` are the
    /// positions in the whole runbook that each step has with those within it, `all` the steps of that.
    pub(crate) fn new<T>(
        steps: &[Step],
        ranges: &[Vec<Range<usize>>],
        all: &IndexMap<String, T>,
        findings: &mut Findings,
    ) -> Self {
        let positions: HashMap<&str, usize> = steps
            .iter()
            .enumerate()
            .rev()
            .map(|(at, step)| (step.id.value.as_str(), at))
            .collect();
        let mut graph: DiGraph<usize, ()> = DiGraph::new();
        let nodes: Vec<NodeIndex> = (0..steps.len()).map(|at| graph.add_node(at)).collect();
        let mut open = BTreeSet::new();
        for (at, step) in steps.iter().enumerate() {
            let needs: BTreeSet<usize> = match &step.needs {
                None => open.clone(),
                Some(needs) => needs
                    .iter()
                    .filter_map(|need| {
                        let elsewhere = all.contains_key(&need.value);
                        position(need, &positions, elsewhere, findings)
                    })
                    .collect(),
            };
            for need in &needs {
                graph.update_edge(nodes[*need], nodes[at], ());
                open.remove(need);
            }
            open.insert(at);
        }
        report_circles(&graph, steps, findings);
        let needs: Vec<Vec<usize>> = nodes
            .iter()
            .map(|node| {
                let mut needs: Vec<usize> = graph
                    .neighbors_directed(*node, petgraph::Incoming)
                    .map(|need| graph[need])
                    .collect();
                needs.sort_unstable();
                needs
            })
            .collect();
        let before = before(&graph, &needs, ranges);
        Self { needs, before }
    }
}

fn position(
    need: &Spanned<String>,
    positions: &HashMap<&str, usize>,
    elsewhere: bool,
    findings: &mut Findings,
) -> Option<usize> {
    let known = positions.get(need.value.as_str()).copied();
    if known.is_none() && elsewhere {
        let message = format!("step `{}` does not stand beside this one", need.value);
        let help = "`needs` names steps of the same list; what holds this list waits for the others";
        findings.push(Finding::error(codes::UNKNOWN_NEED, need.span, message).help(help));
    } else if known.is_none() {
        let mut ids: Vec<&str> = positions.keys().copied().collect();
        ids.sort_unstable();
        let help = match nearest(&need.value, ids.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the steps are `{}`", ids.join("`, `")),
        };
        let message = format!("there is no step `{}`", need.value);
        findings.push(Finding::error(codes::UNKNOWN_NEED, need.span, message).help(help));
    }
    known
}

/// How many steps of a circle are named.
const SHOWN: usize = 10;

fn report_circles(graph: &DiGraph<usize, ()>, steps: &[Step], findings: &mut Findings) {
    for circle in tarjan_scc(graph) {
        let own = circle.len() == 1
            && circle
                .first()
                .is_some_and(|node| graph.contains_edge(*node, *node));
        if circle.len() < 2 && !own {
            continue;
        }
        let mut members: Vec<usize> = circle.iter().map(|node| graph[*node]).collect();
        members.sort_unstable();
        let mut ids: Vec<String> = members
            .iter()
            .take(SHOWN)
            .map(|at| format!("`{}`", steps[*at].id.value))
            .collect();
        if members.len() > SHOWN {
            ids.push(format!("{} more", members.len() - SHOWN));
        }
        let first = &steps[members[0]];
        let message = if own {
            format!("step {} waits for itself, so it can never begin", ids.join(", "))
        } else {
            format!("{} wait for each other, so none can ever begin", ids.join(", "))
        };
        let mut finding = Finding::error(codes::CYCLE, first.id.span, message);
        for at in members.iter().take(SHOWN).skip(1) {
            finding = finding.related(steps[*at].id.span, "part of the circle");
        }
        findings.push(finding.help("remove one of the `needs`"));
    }
}

/// What has surely ended before each step: what it needs, and what has ended before that.
fn before(graph: &DiGraph<usize, ()>, needs: &[Vec<usize>], ranges: &[Vec<Range<usize>>]) -> Vec<Bits> {
    let mut before = vec![Bits::default(); needs.len()];
    // A circle has no order; it was reported.
    for node in toposort(graph, None).unwrap_or_default() {
        let at = graph[node];
        let mut ended = Bits::default();
        for need in needs.get(at).into_iter().flatten() {
            for range in ranges.get(*need).into_iter().flatten() {
                ended.insert_range(range.clone());
            }
            if let Some(earlier) = before.get(*need) {
                ended.extend(earlier);
            }
        }
        if let Some(entry) = before.get_mut(at) {
            *entry = ended;
        }
    }
    before
}
