//! The language of Mermaid, which GitHub and GitLab draw within Markdown.
//!
//! Syntax: <https://mermaid.js.org/syntax/flowchart.html>

use std::fmt::Write as _;

use crate::text::{self, lines};
use crate::{Graph, Look, Node, Order};

/// The graph as a flowchart of Mermaid.
#[must_use]
pub fn mermaid(graph: &Graph) -> String {
    let mut writer = Writer {
        out: "flowchart TD\n".to_owned(),
        named: Vec::new(),
    };
    writer.level(graph, &graph.forward(), "n", 1);
    let Writer { mut out, named } = writer;
    for (class, style) in CLASSES {
        let ids: Vec<&str> = named
            .iter()
            .filter(|(_, classes)| classes.contains(class))
            .map(|(id, _)| id.as_str())
            .collect();
        if !ids.is_empty() {
            _ = writeln!(out, "  classDef {class} {style}");
            _ = writeln!(out, "  class {} {class}", ids.join(","));
        }
    }
    out
}

/// What each look and each mark is drawn with. All texts have a contrast of at least 4.5 to what is behind them.
const CLASSES: &[(&str, &str)] = &[
    ("check", "fill:#eef2f7,stroke:#5b6b7f,color:#1b2430"),
    ("read", "fill:#e6f4ea,stroke:#2e7d4f,color:#12331f"),
    ("change", "fill:#fff4d6,stroke:#a56a00,color:#3d2800"),
    (
        "destroy",
        "fill:#fde7e7,stroke:#b3261e,color:#4a0f0b,stroke-width:2px",
    ),
    ("person", "fill:#ebe5fb,stroke:#5b3fa0,color:#261a47"),
    ("added", "stroke-width:4px"),
    ("changed", "stroke-width:4px,stroke-dasharray:6 3"),
    ("removed", "stroke-dasharray:2 3,opacity:0.6"),
];

struct Writer {
    out: String,
    /// The nodes by their ids, with the classes that they belong to.
    named: Vec<(String, Vec<&'static str>)>,
}

impl Writer {
    fn level(&mut self, graph: &Graph, arrows: &[(usize, usize)], before: &str, depth: usize) {
        let indent = "  ".repeat(depth);
        for (at, node) in graph.nodes.iter().enumerate() {
            let id = format!("{before}{at}");
            let label = label(node);
            if let Some(within) = node.inside() {
                _ = writeln!(self.out, "{indent}subgraph {id}[\"{label}\"]");
                let arrows = within.arrows();
                self.level(&within.graph, &arrows, &format!("{id}_"), depth + 1);
                _ = writeln!(self.out, "{indent}end");
            } else {
                let (open, close) = brackets(node.look);
                _ = writeln!(self.out, "{indent}{id}{open}\"{label}\"{close}");
            }
            let mut classes = vec![node.look.word()];
            classes.extend(node.mark.word());
            self.named.push((id, classes));
        }
        for (from, to) in arrows {
            _ = writeln!(self.out, "{indent}{before}{from} --> {before}{to}");
        }
    }
}

fn label(node: &Node) -> String {
    let mut all: Vec<String> = lines(&node.title)
        .iter()
        .map(|line| text::mermaid(line))
        .collect();
    if let Some(word) = node.mark.word()
        && let Some(first) = all.first_mut()
    {
        *first = format!("({word}) {first}");
    }
    for note in &node.notes {
        all.extend(lines(note).iter().map(|line| text::mermaid(line)));
    }
    if let Some(within) = node.inside() {
        match within.order {
            Order::All => {}
            Order::OneOf => all.push("(one of these)".to_owned()),
            Order::UntilOne => all.push("(until one is enough)".to_owned()),
        }
    }
    if all.is_empty() {
        return " ".to_owned();
    }
    all.join("<br/>")
}

const fn brackets(look: Look) -> (&'static str, &'static str) {
    match look {
        Look::Check => ("{{", "}}"),
        Look::Read => ("(", ")"),
        Look::Change | Look::Destroy => ("[", "]"),
        Look::Person => ("([", "])"),
    }
}
