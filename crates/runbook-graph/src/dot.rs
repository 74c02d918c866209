//! The language of Graphviz.
//!
//! Syntax: <https://graphviz.org/doc/info/lang.html>

use std::fmt::Write as _;

use crate::text::{self, lines};
use crate::{Graph, Look, Mark, Node, Order};

/// The graph in the language DOT.
#[must_use]
pub fn dot(graph: &Graph) -> String {
    let mut out = concat!(
        "digraph runbook {\n",
        "  compound=true; rankdir=TB; nodesep=0.4; ranksep=0.4;\n",
        "  node [fontname=\"sans-serif\", fontsize=12, style=\"filled,rounded\", shape=box];\n",
        "  edge [color=\"#5b6b7f\"];\n",
    )
    .to_owned();
    level(&mut out, graph, &graph.forward(), "n", 1);
    out.push_str("}\n");
    out
}

fn level(out: &mut String, graph: &Graph, arrows: &[(usize, usize)], before: &str, depth: usize) {
    let indent = "  ".repeat(depth);
    for (at, node) in graph.nodes.iter().enumerate() {
        let id = format!("{before}{at}");
        let label = label(node);
        let look = colours(node);
        if let Some(within) = node.inside() {
            _ = writeln!(out, "{indent}subgraph cluster_{id} {{");
            _ = writeln!(
                out,
                "{indent}  label=\"{label}\"; style=\"rounded\"; {};",
                look.replace(", ", "; ")
            );
            level(out, &within.graph, &within.arrows(), &format!("{id}_"), depth + 1);
            _ = writeln!(out, "{indent}}}");
        } else {
            _ = writeln!(out, "{indent}{id} [label=\"{label}\", {look}];");
        }
    }
    for &(from, to) in arrows {
        _ = writeln!(out, "{indent}{}", between(graph, before, from, to));
    }
}

/// An arrow joins nodes: where one holds others, it ends at its border.
fn between(graph: &Graph, before: &str, from: usize, to: usize) -> String {
    let (start, tail) = end(graph, before, from, true);
    let (goal, head) = end(graph, before, to, false);
    let ends: Vec<String> = [("ltail", tail), ("lhead", head)]
        .into_iter()
        .filter_map(|(key, cluster)| Some(format!("{key}=\"cluster_{}\"", cluster?)))
        .collect();
    if ends.is_empty() {
        return format!("{start} -> {goal};");
    }
    format!("{start} -> {goal} [{}];", ends.join(", "))
}

/// The node at the end of an arrow, and the group at whose border it is cut.
fn end(graph: &Graph, before: &str, at: usize, last: bool) -> (String, Option<String>) {
    let id = format!("{before}{at}");
    match graph.nodes.get(at).and_then(Node::inside) {
        None => (id, None),
        Some(within) => {
            let inner = if last { within.graph.nodes.len() - 1 } else { 0 };
            let (node, _) = end(&within.graph, &format!("{id}_"), inner, last);
            (node, Some(id))
        }
    }
}

fn label(node: &Node) -> String {
    let mut all = lines(&node.title);
    if let Some(word) = node.mark.word() {
        all.insert(0, format!("({word})"));
    }
    all.extend(node.notes.iter().flat_map(|note| lines(note)));
    match node.inside().map(|within| within.order) {
        None | Some(Order::All) => {}
        Some(Order::OneOf) => all.push("(one of these)".to_owned()),
        Some(Order::UntilOne) => all.push("(until one is enough)".to_owned()),
    }
    let all: Vec<String> = all.iter().map(|line| text::dot(line)).collect();
    all.join("\\n")
}

fn colours(node: &Node) -> String {
    let (fill, line, text) = match node.look {
        Look::Check => ("#eef2f7", "#5b6b7f", "#1b2430"),
        Look::Read => ("#e6f4ea", "#2e7d4f", "#12331f"),
        Look::Change => ("#fff4d6", "#a56a00", "#3d2800"),
        Look::Destroy => ("#fde7e7", "#b3261e", "#4a0f0b"),
        Look::Person => ("#ebe5fb", "#5b3fa0", "#261a47"),
    };
    let wide = match (node.mark, node.look) {
        (Mark::Added | Mark::Changed, _) => "3",
        (Mark::None | Mark::Removed | Mark::Ran(_), Look::Destroy) => "2",
        (
            Mark::None | Mark::Removed | Mark::Ran(_),
            Look::Check | Look::Read | Look::Change | Look::Person,
        ) => "1",
    };
    format!("fillcolor=\"{fill}\", color=\"{line}\", fontcolor=\"{text}\", penwidth={wide}")
}
