//! Actions: what they do, where, with what, and how often they are tried.

use runbook_action::Effect;
use serde_json::Value;

use crate::danger;
use crate::facts::{entries, items, lines, quoted, shown, text};
use crate::{Comparison, Weight};

/// Tells how an action differs from what it was. `what` says whose it is: `the action`, `its undo`.
pub(crate) fn compare(told: &mut Comparison, step: Option<&str>, what: &str, before: &Value, after: &Value) {
    effect(told, step, what, before, after);
    if before["kind"] != after["kind"] {
        let text = format!(
            "{what} is of another kind: `{}` instead of `{}`",
            text(&after["kind"]),
            text(&before["kind"])
        );
        let (old, new) = (lines(&before["params"]), lines(&after["params"]));
        let (weight, text) = danger::weighed(Weight::Change, text, &old, &new);
        told.show(weight, step, text, (old, new));
    } else if before["params"] != after["params"] {
        params(told, step, what, &before["params"], &after["params"]);
    }
    if before["connection"] != after["connection"] {
        let on = |value: &Value| match value.as_str() {
            Some(name) => format!("`{name}`"),
            None => "this machine".to_owned(),
        };
        let text = format!(
            "{what} works on {} instead of {}",
            on(&after["connection"]),
            on(&before["connection"])
        );
        told.add(Weight::Alarm, step, text);
    }
    for name in items(&after["uses_connections"]) {
        if !items(&before["uses_connections"]).contains(name) {
            told.add(
                Weight::Alarm,
                step,
                format!("{what} is given access to {}", quoted(&shown(name))),
            );
        }
    }
    environment(told, step, what, &before["env"], &after["env"]);
    if before["timeout"] != after["timeout"] {
        let text = format!(
            "{what} may take {} instead of {}",
            shown(&after["timeout"]),
            shown(&before["timeout"])
        );
        told.add(Weight::Change, step, text);
    }
}

fn effect(told: &mut Comparison, step: Option<&str>, what: &str, before: &Value, after: &Value) {
    let (old, new) = (effect_of(before), effect_of(after));
    if old == new {
        return;
    }
    let text = format!("{what} {} instead of {}", verb(new), words(old));
    // What does the same and is said to do less escapes what is asked of those that do more.
    let is_only_said = before["params"] == after["params"];
    let weight = if new > old || is_only_said {
        Weight::Alarm
    } else {
        Weight::Change
    };
    told.add(weight, step, text);
}

fn effect_of(action: &Value) -> Effect {
    match text(&action["effect"]) {
        "destructive" => Effect::Destructive,
        "change" => Effect::Change,
        _ => Effect::Read,
    }
}

const fn verb(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "only reads",
        Effect::Change => "changes something",
        Effect::Destructive => "destroys something",
    }
}

const fn words(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "only reading",
        Effect::Change => "changing something",
        Effect::Destructive => "destroying something",
    }
}

fn params(told: &mut Comparison, step: Option<&str>, what: &str, before: &Value, after: &Value) {
    let (old, new) = (lines(before), lines(after));
    let text = format!("{what} does something else");
    let (weight, text) = danger::weighed(Weight::Change, text, &old, &new);
    told.show(weight, step, text, (old, new));
}

fn environment(told: &mut Comparison, step: Option<&str>, what: &str, before: &Value, after: &Value) {
    for (name, value) in entries(after) {
        match before.get(name) {
            None => {
                let text = format!("{what} is given the variable `{name}`: {}", quoted(&shown(value)));
                told.add(Weight::Change, step, text);
            }
            Some(old) if old != value => {
                let text = format!(
                    "{what} is given another value of `{name}`: {} instead of {}",
                    quoted(&shown(value)),
                    quoted(&shown(old))
                );
                let texts = (shown(old), shown(value));
                let (weight, text) = danger::weighed(Weight::Change, text, &texts.0, &texts.1);
                told.show(weight, step, text, texts);
            }
            Some(_) => {}
        }
    }
    for (name, _) in entries(before).filter(|(name, _)| after.get(name.as_str()).is_none()) {
        told.add(
            Weight::Change,
            step,
            format!("{what} is not given the variable `{name}` any more"),
        );
    }
}
