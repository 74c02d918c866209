//! Inputs in words.

use runbook_plan::{Foreseen, InputDecl};
use serde_json::Value;

use super::line::Line;
use super::words::list;

/// What an input takes: its type and its bounds.
pub(crate) fn kind(input: &InputDecl) -> String {
    let noun = if input.values().is_empty() {
        input.kind.noun().to_owned()
    } else {
        let values: Vec<String> = input.values().iter().map(value).collect();
        list(&values, "or")
    };
    let mut parts = match (input.minimum(), input.maximum()) {
        (Some(low), Some(high)) => vec![format!("{noun} from {} to {}", value(low), value(high))],
        (Some(low), None) => vec![noun, format!("{} at least", value(low))],
        (None, Some(high)) => vec![noun, format!("{} at most", value(high))],
        (None, None) => vec![noun],
    };
    if let Some(items) = input.items() {
        parts.push(format!("whose items are {}", items.noun()));
    }
    if let Some(pattern) = input.pattern() {
        parts.push(format!("that matches `{pattern}`"));
    }
    parts.join(", ")
}

/// Inputs, each in its line: with the value that it has, or else with its default.
pub(crate) fn lines(inputs: &[InputDecl], foreseen: Option<&Foreseen>) -> Vec<Line> {
    let mut lines = Vec::new();
    for input in inputs {
        let line = Line::at(2).hanging(4).code(&input.name);
        let given = foreseen.and_then(|foreseen| foreseen.inputs().get(&input.name));
        let line = match (given.or(input.default.as_ref()), input.secret) {
            (Some(known), false) => line.detail(" = ").plain(&value(known)),
            (Some(_), true) => line.detail(" = ").plain("***"),
            (None, true) if foreseen.is_some() => line.detail(" = ").plain("***"),
            (None, _) => line.plain(", which must be given"),
        };
        let secret = if input.secret { ", a secret" } else { "" };
        lines.push(line.detail(&format!(" ({}{secret})", kind(input))));
        if let Some(help) = &input.help {
            lines.push(Line::at(6).plain(help));
        }
    }
    lines
}

fn value(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
