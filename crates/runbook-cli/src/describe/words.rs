//! Small words: lengths of time, lists, effects, what calls for a runbook.

use std::time::Duration;

use runbook_action::{Effect, Param};
use runbook_document::TriggerOn as WrittenOn;
use runbook_plan::{SecretFrom, Template, TriggerOn};

const UNITS: [(&str, u128); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A length of time as runbooks write it: `1h30m`.
pub(crate) fn length(length: Duration) -> String {
    let mut rest = length.as_millis();
    let mut parts = Vec::new();
    for (unit, millis) in UNITS {
        if rest >= millis {
            parts.push(format!("{}{unit}", rest / millis));
            rest %= millis;
        }
    }
    if parts.is_empty() {
        parts.push("0s".to_owned());
    }
    parts.concat()
}

/// `one`, `one and two`, `one, two and three`.
pub(crate) fn list<T: AsRef<str>>(words: &[T], last: &str) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

pub(crate) fn count(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// What an effect does to the world, as a verb.
pub(crate) const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "reads",
        Effect::Change => "changes",
        Effect::Destructive => "destroys",
    }
}

/// A value as far as it is known. Expressions stay what they are.
pub(crate) fn template(template: &Template) -> String {
    param(&template.sketch())
}

pub(crate) fn param(param: &Param) -> String {
    match param {
        Param::Text(text) => text.to_string(),
        Param::Null | Param::Bool(_) | Param::Number(_) | Param::List(_) | Param::Map(_) => {
            param.masked().to_string()
        }
    }
}

/// Where a secret comes from. It is not read.
pub(crate) fn secret(from: &SecretFrom) -> String {
    match from {
        SecretFrom::Env(variable) => format!("from the environment variable {variable}"),
        SecretFrom::File(path) => format!("from the file {path}"),
        SecretFrom::Command(words) => format!("from the output of `{}`", words.join(" ")),
    }
}

/// What calls for a runbook.
pub(crate) fn trigger(on: &TriggerOn) -> String {
    match on {
        TriggerOn::Alert(labels) => alert(labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
        TriggerOn::Schedule { cron, timezone } => format!("schedule {cron}, {timezone}"),
        TriggerOn::Webhook(name) => format!("webhook {name}"),
    }
}

/// The same, for a runbook that may have errors.
pub(crate) fn written_trigger(on: &WrittenOn) -> String {
    match on {
        WrittenOn::Alert(labels) => alert(
            labels
                .iter()
                .map(|(name, value)| (name.value.as_str(), value.value.as_str())),
        ),
        WrittenOn::Schedule { cron, timezone } => match timezone {
            Some(timezone) => format!("schedule {}, {}", cron.value, timezone.value),
            None => format!("schedule {}", cron.value),
        },
        WrittenOn::Webhook(name) => format!("webhook {}", name.value),
    }
}

fn alert<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value}")).collect();
    format!("alert {}", labels.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_they_are_read() {
        for (seconds, text) in [
            (0, "0s"),
            (5, "5s"),
            (90, "1m30s"),
            (3600, "1h"),
            (604_800, "7d"),
            (93_784, "1d2h3m4s"),
        ] {
            assert_eq!(length(Duration::from_secs(seconds)), text);
        }
        assert_eq!(length(Duration::from_millis(250)), "250ms");
    }

    #[test]
    fn lists_end_with_a_word() {
        assert_eq!(list(&["a"], "and"), "a");
        assert_eq!(list(&["a", "b"], "or"), "a or b");
        assert_eq!(list(&["a", "b", "c"], "and"), "a, b and c");
        assert_eq!(list(&[] as &[&str], "and"), "");
    }
}
