//! What stands above the steps: inputs, secrets, connections, locks, detection, guards, and what happens at the end.

use serde_json::Value;

use crate::facts::{entries, items, lines, quoted, seconds, shown, text};
use crate::{Comparison, Weight, checks, limits};

/// Keys of the runbook that only tell people something.
const WORDS: [&str; 5] = ["title", "summary", "owner", "labels", "links"];

/// Tells how the runbooks differ, but for their steps.
pub(crate) fn compare(told: &mut Comparison, before: &Value, after: &Value) {
    for key in WORDS {
        if before[key] != after[key] {
            told.add(Weight::Words, None, format!("`{key}` is another"));
        }
    }
    for key in ["name", "version", "severity", "environment", "lab"] {
        if before[key] != after[key] {
            let weight = if key == "version" {
                Weight::Words
            } else {
                Weight::Change
            };
            told.add(
                weight,
                None,
                format!(
                    "`{key}` is {} instead of {}",
                    quoted(&shown(&after[key])),
                    quoted(&shown(&before[key]))
                ),
            );
        }
    }
    inputs(told, &before["inputs"], &after["inputs"]);
    named(told, "value", &before["vars"], &after["vars"]);
    named(told, "output", &before["outputs"], &after["outputs"]);
    named(told, "given input", &before["given"], &after["given"]);
    reaches(told, before, after);
    endings(told, before, after);
    checks::compare(
        told,
        None,
        "check of `detect`",
        &before["detect"],
        &after["detect"],
    );
    checks::compare(told, None, "guard", &before["guards"], &after["guards"]);
    checks::compare(told, None, "final gate", &before["verify"], &after["verify"]);
    for (name, sum) in entries(&after["files"]) {
        if before["files"].get(name) != Some(sum) {
            told.add(
                Weight::Change,
                None,
                format!("the file `{name}` that it names is another"),
            );
        }
    }
    for (name, _) in entries(&before["files"]) {
        if after["files"].get(name).is_none() {
            told.add(
                Weight::Change,
                None,
                format!("it does not name the file `{name}` any more, or the file is gone"),
            );
        }
    }
    for key in ["triggers", "notifications", "escalate", "sections"] {
        if before[key] != after[key] {
            let texts = (format!("{:#}", before[key]), format!("{:#}", after[key]));
            told.show(Weight::Change, None, format!("`{key}` is another"), texts);
        }
    }
}

fn by_name<'a>(list: &'a Value, name: &Value) -> Option<&'a Value> {
    items(list).iter().find(|one| one["name"] == *name)
}

fn inputs(told: &mut Comparison, before: &Value, after: &Value) {
    for input in items(before) {
        if by_name(after, &input["name"]).is_none() {
            told.add(
                Weight::Change,
                None,
                format!("the input `{}` is gone", text(&input["name"])),
            );
        }
    }
    for input in items(after) {
        let name = text(&input["name"]);
        let Some(was) = by_name(before, &input["name"]) else {
            let required = if input["required"] == true {
                ", which must be given"
            } else {
                ""
            };
            told.add(
                Weight::Change,
                None,
                format!("there is a new input `{name}`{required}"),
            );
            unbound(told, before, after, input);
            continue;
        };
        // What it takes is said in words, too: only where nothing else tells of it.
        let told_before = told.differences.len();
        for (key, value) in entries(input) {
            if key == "help" || key == "takes" || was.get(key) == Some(value) {
                continue;
            }
            if key == "default" && (input["secret"] == true || was["secret"] == true) {
                let text = format!("the `default` of the secret input `{name}` is another");
                told.add(Weight::Alarm, None, text);
                continue;
            }
            told.add(
                weight_of(key, &was[key.as_str()], value),
                None,
                changed(name, key, &was[key.as_str()], value),
            );
        }
        for (key, value) in
            entries(was).filter(|(key, _)| input.get(key.as_str()).is_none() && *key != "help")
        {
            told.add(
                weight_of(key, value, &Value::Null),
                None,
                changed(name, key, value, &Value::Null),
            );
        }
        if was["takes"] != input["takes"] && told.differences.len() == told_before {
            let text = changed(name, "takes", &was["takes"], &input["takes"]);
            told.add(Weight::Change, None, text);
        }
    }
}

/// Tells of a new input that takes the place of one that is gone and lets more through than that one did.
fn unbound(told: &mut Comparison, before: &Value, after: &Value, input: &Value) {
    const BOUNDS: [&str; 5] = ["pattern", "minimum", "maximum", "values", "secret"];
    for was in items(before) {
        let is_gone = by_name(after, &was["name"]).is_none();
        for key in BOUNDS.into_iter().filter(|_| is_gone) {
            let bound = !was[key].is_null() && was[key] != false;
            if bound && was[key] != input[key] && weight_of(key, &was[key], &input[key]) == Weight::Alarm {
                told.add(
                    Weight::Alarm,
                    None,
                    format!(
                        "the new input `{}` has not the `{key}` of the input `{}`, which is gone",
                        text(&input["name"]),
                        text(&was["name"])
                    ),
                );
            }
        }
    }
}

fn changed(name: &str, key: &str, before: &Value, after: &Value) -> String {
    let word = |value: &Value| match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            quoted(&shown(value))
        }
    };
    format!(
        "`{key}` of the input `{name}` is {} instead of {}",
        word(after),
        word(before)
    )
}

/// A bound that is wider, or gone, lets more through.
fn weight_of(key: &str, before: &Value, after: &Value) -> Weight {
    let number = |value: &Value| value.as_f64().or_else(|| seconds(value));
    let numbers = number(before).zip(number(after));
    let wider = match key {
        "minimum" => after.is_null() || numbers.is_some_and(|(old, new)| new < old),
        "maximum" => after.is_null() || numbers.is_some_and(|(old, new)| new > old),
        "pattern" => true,
        "values" => items(after).iter().any(|value| !items(before).contains(value)) || after.is_null(),
        "secret" => *after != Value::Bool(true),
        _ => false,
    };
    if wider { Weight::Alarm } else { Weight::Change }
}

fn named(told: &mut Comparison, what: &str, before: &Value, after: &Value) {
    for (name, value) in entries(after) {
        match before.get(name) {
            None => told.add(
                Weight::Change,
                None,
                format!("there is a new {what} `{name}`: {}", quoted(&shown(value))),
            ),
            Some(old) if old != value => told.add(
                Weight::Change,
                None,
                format!(
                    "the {what} `{name}` is {} instead of {}",
                    quoted(&shown(value)),
                    quoted(&shown(old))
                ),
            ),
            Some(_) => {}
        }
    }
    for (name, _) in entries(before).filter(|(name, _)| after.get(name.as_str()).is_none()) {
        told.add(Weight::Change, None, format!("the {what} `{name}` is gone"));
    }
}

/// What it can reach: secrets and connections.
fn reaches(told: &mut Comparison, before: &Value, after: &Value) {
    for (key, what) in [("secrets", "secret"), ("connections", "connection")] {
        for one in items(&after[key]) {
            let name = text(&one["name"]);
            match by_name(&before[key], &one["name"]) {
                None => {
                    let more = match (one["source"].as_str(), one["address"].as_str()) {
                        (Some(source), _) => format!(", {source}"),
                        (None, Some(address)) => format!(", {}", quoted(address)),
                        (None, None) => String::new(),
                    };
                    told.add(
                        Weight::Alarm,
                        None,
                        format!("it uses a new {what}: `{name}`{more}"),
                    );
                }
                Some(was) if was != one => {
                    let texts = (lines(was), lines(one));
                    told.show(
                        Weight::Alarm,
                        None,
                        format!("the {what} `{name}` is another"),
                        texts,
                    );
                }
                Some(_) => {}
            }
        }
        for one in items(&before[key]) {
            if by_name(&after[key], &one["name"]).is_none() {
                told.add(
                    Weight::Change,
                    None,
                    format!("it does not use the {what} `{}` any more", text(&one["name"])),
                );
            }
        }
    }
}

/// Locks, limits, and what a failure or a signal does.
fn endings(told: &mut Comparison, before: &Value, after: &Value) {
    for lock in items(&before["lock"]) {
        if !items(&after["lock"]).contains(lock) {
            told.add(
                Weight::Alarm,
                None,
                format!("it does not own the lock {} any more", quoted(&shown(lock))),
            );
        }
    }
    for lock in items(&after["lock"]) {
        if !items(&before["lock"]).contains(lock) {
            told.add(
                Weight::Change,
                None,
                format!("it owns the lock {} while it runs", quoted(&shown(lock))),
            );
        }
    }
    for (key, strict) in [("on_failure", "rollback"), ("on_interrupt", "rollback")] {
        if before[key] != after[key] {
            let weight = if after[key] == strict {
                Weight::Change
            } else {
                Weight::Alarm
            };
            told.add(
                weight,
                None,
                format!(
                    "`{key}` is `{}` instead of `{}`",
                    shown(&after[key]),
                    shown(&before[key])
                ),
            );
        }
    }
    if before["detect_any"] != after["detect_any"] {
        let any = after["detect_any"] == true;
        let text = if any {
            "one check of `detect` is enough to begin"
        } else {
            "all checks of `detect` must hold to begin"
        };
        told.add(if any { Weight::Alarm } else { Weight::Change }, None, text);
    }
    for key in ["timeout", "max_parallel"] {
        if before[key] != after[key] {
            let word = |value: &Value| {
                if value.is_null() {
                    "nothing".to_owned()
                } else {
                    shown(value)
                }
            };
            let wider = key == "timeout" && limits::is_longer(&before[key], &after[key]);
            told.add(
                if wider { Weight::Alarm } else { Weight::Change },
                None,
                format!(
                    "`{key}` is {} instead of {}",
                    word(&after[key]),
                    word(&before[key])
                ),
            );
        }
    }
}
