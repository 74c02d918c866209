//! What to write instead of a value of the wrong kind.

use runbook_schema::duration::parse_duration;
use runbook_schema::{Object, Shape};

use crate::{Kind, Node};

/// What to write instead of this.
pub(crate) fn instead(node: &Node, shape: &Shape) -> Option<String> {
    match shape {
        Shape::Duration => Some("give a number with its unit: `500ms`, `30s`, `5m`, `2h`, `1d`".to_owned()),
        Shape::Dynamic(inner) => instead(node, inner),
        Shape::List(_) => a_list(node),
        Shape::Map(_) | Shape::Named(_) => a_mapping(node),
        Shape::Object(object) => an_object(node, object),
        Shape::OneOf(shapes) => shapes.iter().find_map(|shape| instead(node, shape)),
        Shape::Boolean => boolean(node),
        Shape::Template
        | Shape::Quoted(_)
        | Shape::Literal
        | Shape::Expression
        | Shape::Slug
        | Shape::Version
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Choice(_)
        | Shape::Any => None,
    }
}

/// A word of another tool for one of ours.
pub(crate) fn of_words(text: &str, words: &[&'static str]) -> Option<&'static str> {
    const NOTHING: &[&str] = &[
        "none", "no", "nothing", "skip", "never", "n/a", "false", "unneeded",
    ];
    let ours = words.iter().copied();
    ours.filter(|word| *word == "not_needed")
        .find(|_| NOTHING.contains(&text))
}

/// What to write where an action or one of these words is expected, and a command was written.
pub(crate) fn instead_of_words(text: &str, words: &[&str]) -> Option<String> {
    words
        .contains(&"auto")
        .then(|| format!("write it as an action: `{{shell: {text:?}}}`"))
}

/// Where a key belongs that stands in the wrong mapping.
pub(crate) fn elsewhere(key: &str, object: &Object) -> Option<&'static str> {
    let help = match (object.name, key) {
        ("step", "expect" | "each" | "value") => {
            "this belongs to a check: write it under `verify:`, with what to ask"
        }
        ("step", "every" | "consecutive") => "this belongs to a check: see `verify`",
        ("step", "within") => "this belongs to checks and to alternatives; for a step there is `timeout`",
        ("step", "else") => "this belongs to a branch of `choose`",
        ("step", "until" | "at_most") => "this belongs into `repeat:`",
        ("step", "in" | "item" | "batch" | "max_failures") => "this belongs into `for_each:`",
        ("step", "attempts" | "delay" | "backoff") => "this belongs into `retry:`",
        ("step", "with_items" | "loop") => "use `for_each:` with `steps:`",
        ("check", "warn" | "fail") => {
            "this is for the checks of a step `checks:`; here say what must hold: `expect:`"
        }
        ("check", "expect") => "in a table of checks say what is bad: `fail:`, or worth a warning: `warn:`",
        ("check", "when") => "a check is always asked; a step has `when`",
        ("runbook", "env" | "target") => "write it under `defaults:`",
        ("runbook", "rollback") => "each step has its own `rollback`",
        _ => return None,
    };
    Some(help)
}

/// Why a length of time without length does not do under this key.
pub(crate) fn no_time(key: &str, node: &Node, shape: &Shape) -> Option<String> {
    let timed = matches!(shape, Shape::Duration | Shape::Dynamic(Shape::Duration));
    let zero = node
        .text()
        .and_then(parse_duration)
        .is_some_and(|time| time.is_zero());
    if !timed || !zero {
        return None;
    }
    match key {
        "timeout" => Some("nothing can be done in no time: give it longer, or leave it out".to_owned()),
        "within" => Some("nothing can happen in no time: give it longer, or leave it out".to_owned()),
        "every" | "remind" | "rotate" => {
            Some("this would be done without a pause: give a time, or leave it out".to_owned())
        }
        _ => None,
    }
}

fn short(node: &Node) -> Option<&str> {
    node.text()
        .filter(|text| text.len() <= 60 && !text.contains('\n'))
}

fn a_list(node: &Node) -> Option<String> {
    if matches!(node.kind, Kind::Map(_)) {
        return Some("begin each item with `- `, also if there is only one".to_owned());
    }
    let text = short(node)?;
    if text.contains(['"', '\'', '[', '{']) {
        return Some("write it as a list: `[first, second]`".to_owned());
    }
    let items: Vec<&str> = text
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|item| !item.is_empty())
        .collect();
    Some(format!("write it as a list: `[{}]`", items.join(", ")))
}

fn a_mapping(node: &Node) -> Option<String> {
    let pair = node
        .items()
        .first()
        .map_or_else(|| short(node), |item| short(item))?;
    match pair.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Some(format!(
            "write it as a mapping: `{{{}: {}}}`",
            name.trim(),
            value.trim()
        )),
        Some(_) | None => Some("write it as a mapping: `{NAME: VALUE}`".to_owned()),
    }
}

/// The mapping that a lone text stands for, if only one key can be meant; else what is required.
fn an_object(node: &Node, object: &Object) -> Option<String> {
    if object.open || !matches!(node.kind, Kind::Scalar(_)) {
        return None;
    }
    let required: Vec<&str> = object
        .fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.key)
        .collect();
    let text = short(node);
    Some(match (object.name, required.as_slice(), text) {
        ("secret", _, Some(text)) if is_variable(text) => format!("write `{{env: {text}}}`"),
        ("secret", ..) => "write `{env: NAME}`, `{file: PATH}` or `{command: [PROGRAM]}`".to_owned(),
        ("input", _, Some(text)) if a_type(object, text) => format!("write `{{type: {text}}}`"),
        ("input", _, Some(text)) => format!("write `{{type: …, default: {text}}}`"),
        (_, [only], Some(text)) => format!("write `{{{only}: {text}}}`"),
        (_, [], _) => {
            let keys: Vec<&str> = object.fields.iter().map(|field| field.key).collect();
            format!("its keys are `{}`", keys.join("`, `"))
        }
        (_, required, _) => format!("write `{{{}: …}}`", required.join(": …, ")),
    })
}

fn is_variable(text: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.bytes().all(part)
}

fn a_type(object: &Object, text: &str) -> bool {
    let shape = object.field("type").map(|field| field.shape);
    matches!(shape, Some(Shape::Choice(words)) if words.contains(&text))
}

fn boolean(node: &Node) -> Option<String> {
    match short(node)?.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" => Some("write `true`".to_owned()),
        "no" | "off" | "n" => Some("write `false`".to_owned()),
        _ => None,
    }
}
