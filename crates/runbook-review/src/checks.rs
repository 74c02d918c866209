//! Gates, guards and what must hold before: which are gone, and which let more through than before.

use serde_json::Value;

use crate::facts::{items, lines, millis, quoted, shown, text};
use crate::{Comparison, Weight, actions, weaker};

/// Tells how a list of checks differs from what it was. `what` says what they are: `gate`, `guard`.
pub(crate) fn compare(told: &mut Comparison, step: Option<&str>, what: &str, before: &Value, after: &Value) {
    let (old, new) = (items(before), items(after));
    let pairs = pairs(old, new);
    for (at, check) in old.iter().enumerate() {
        match pairs
            .iter()
            .find(|(from, _)| *from == at)
            .and_then(|(_, to)| new.get(*to))
        {
            None => told.add(
                Weight::Alarm,
                step,
                format!("the {what} {} is gone", called(check)),
            ),
            Some(other) => one(told, step, what, check, other),
        }
    }
    for (at, check) in new.iter().enumerate() {
        if !pairs.iter().any(|(_, to)| *to == at) {
            told.add(
                Weight::Change,
                step,
                format!("there is a new {what}: {}", called(check)),
            );
        }
    }
}

/// Whether two checks are the same.
type Rule<'a> = &'a dyn Fn(&Value, &Value) -> bool;

/// Which check became which: by their ids and titles, then by what they ask, then by their places.
fn pairs(old: &[Value], new: &[Value]) -> Vec<(usize, usize)> {
    let is_named = |check: &Value| !text(&check["id"]).bytes().all(|byte| byte.is_ascii_digit());
    let rules: [Rule<'_>; 4] = [
        &|a, b| is_named(a) && a["id"] == b["id"],
        &|a, b| a["title"] == b["title"] && a["action"]["params"] == b["action"]["params"],
        &|a, b| a["title"] == b["title"],
        &|a, b| a["action"]["params"] == b["action"]["params"] && a["action"]["kind"] == b["action"]["kind"],
    ];
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for rule in rules {
        for (from, a) in old.iter().enumerate() {
            if pairs.iter().any(|(known, _)| *known == from) {
                continue;
            }
            let free = |to: &usize| !pairs.iter().any(|(_, known)| known == to);
            let found = (0..new.len()).find(|to| free(to) && new.get(*to).is_some_and(|b| rule(a, b)));
            pairs.extend(found.map(|to| (from, to)));
        }
    }
    if old.len() == new.len() {
        let same_place: Vec<(usize, usize)> = (0..old.len())
            .filter(|at| !pairs.iter().any(|(from, to)| from == at || to == at))
            .map(|at| (at, at))
            .collect();
        pairs.extend(same_place);
    }
    pairs
}

fn called(check: &Value) -> String {
    quoted(text(&check["title"]))
}

fn one(told: &mut Comparison, step: Option<&str>, what: &str, before: &Value, after: &Value) {
    let name = format!("the {what} {}", called(after));
    if before["title"] != after["title"] {
        let text = format!("the {what} {} is called {} now", called(before), called(after));
        // What has no title of its own is called what it asks: then that is told.
        let weight = Weight::Words;
        if before["action"]["params"] == after["action"]["params"] {
            told.add(weight, step, text);
        }
    }
    // Whether what is asked now proves as much nobody but a person can tell.
    let from = told.differences.len();
    actions::compare(told, step, &name, &before["action"], &after["action"]);
    told.raise(from);
    for kept in ["capture", "secret_captures", "baseline"] {
        if before[kept] != after[kept] {
            let texts = (lines(&before[kept]), lines(&after[kept]));
            told.show(
                Weight::Alarm,
                step,
                format!("`{kept}` of {name} is another"),
                texts,
            );
        }
    }
    for key in ["expect", "warn", "fail"] {
        conditions(told, step, &name, (key, &before[key], &after[key]));
    }
    for (key, words) in [
        ("each", "is asked of each item of"),
        ("value", "looks at the value"),
    ] {
        if before[key] != after[key] {
            let text = format!(
                "{name} {words} {} instead of {}",
                or_none(&after[key]),
                or_none(&before[key])
            );
            told.add(Weight::Alarm, step, text);
        }
    }
    timing(told, step, &name, before, after);
}

fn or_none(value: &Value) -> String {
    if value.is_null() {
        "nothing".to_owned()
    } else {
        quoted(&shown(value))
    }
}

/// `key` says what conditions they are, and is followed by what they were and are.
fn conditions(
    told: &mut Comparison,
    step: Option<&str>,
    name: &str,
    (key, before, after): (&str, &Value, &Value),
) {
    if before == after {
        return;
    }
    let (old, new) = (items(before), items(after));
    let gone: Vec<&Value> = old.iter().filter(|one| !new.contains(one)).collect();
    let come: Vec<&Value> = new.iter().filter(|one| !old.contains(one)).collect();
    let asks = match key {
        "warn" => "warns if",
        "fail" => "is bad if",
        _ => "asks for",
    };
    match (gone.as_slice(), come.as_slice()) {
        ([a], [b]) => {
            let (a, b) = (shown(a), shown(b));
            // What is bad is the other way round: a wider condition is the stronger.
            let weaker = weaker::is_weaker(&a, &b).map(|weaker| weaker == (key == "expect"));
            let (weight, word) = match weaker {
                Some(true) => (Weight::Alarm, "is weaker: it "),
                Some(false) => (Weight::Change, "is stronger: it "),
                None => (Weight::Alarm, ""),
            };
            let text = format!("{name} {word}{asks} {} instead of {}", quoted(&b), quoted(&a));
            told.add(weight, step, text);
        }
        (gone, come) => {
            for one in gone {
                let weight = if key == "warn" {
                    Weight::Change
                } else {
                    Weight::Alarm
                };
                told.add(
                    weight,
                    step,
                    format!("{name} no longer {asks} {}", quoted(&shown(one))),
                );
            }
            for one in come {
                told.add(
                    Weight::Change,
                    step,
                    format!("{name} also {asks} {}", quoted(&shown(one))),
                );
            }
        }
    }
}

fn timing(told: &mut Comparison, step: Option<&str>, name: &str, before: &Value, after: &Value) {
    let within = (millis(&before["within"]), millis(&after["within"]));
    if within.0 != within.1 {
        // A gate with more time passes what one with less does not.
        let longer = within.1.unwrap_or(0) > within.0.unwrap_or(0);
        let word = |value: &Value| match value.as_str() {
            Some(length) => format!("{length} of time"),
            None => "one reading".to_owned(),
        };
        let text = format!(
            "{name} has {} instead of {}",
            word(&after["within"]),
            word(&before["within"])
        );
        told.add(if longer { Weight::Alarm } else { Weight::Change }, step, text);
    }
    let number = |value: &Value| value.as_u64().unwrap_or(1);
    let times = (number(&before["consecutive"]), number(&after["consecutive"]));
    if times.0 != times.1 {
        let words = |times: u64| match times {
            1 => "once".to_owned(),
            times => format!("{times} times in a row"),
        };
        let text = format!(
            "{name} must pass {} instead of {}",
            words(times.1),
            words(times.0)
        );
        told.add(
            if times.1 < times.0 {
                Weight::Alarm
            } else {
                Weight::Change
            },
            step,
            text,
        );
    }
    let fails = (number(&before["fails"]), number(&after["fails"]));
    if fails.0 != fails.1 {
        let text = format!(
            "{name} stops the run after {} bad answers instead of {}",
            fails.1, fails.0
        );
        told.add(
            if fails.1 > fails.0 {
                Weight::Alarm
            } else {
                Weight::Change
            },
            step,
            text,
        );
    }
    if before["every"] != after["every"] {
        // A guard that is asked seldom sees late what it is there for.
        let later = name.starts_with("the guard") && millis(&after["every"]) > millis(&before["every"]);
        let text = format!(
            "{name} is asked every {} instead of every {}",
            shown(&after["every"]),
            shown(&before["every"])
        );
        told.add(if later { Weight::Alarm } else { Weight::Change }, step, text);
    }
}
