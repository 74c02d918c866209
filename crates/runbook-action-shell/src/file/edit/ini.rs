//! Files of sections: `[section]`, and `key = value` below it. The last dot of a key stands between the two.

use serde_json::Value;

use super::{New, Pairs, lines};

struct Line<'a> {
    /// The section and the key, joined by a dot.
    key: String,
    head: &'a str,
    raw: &'a str,
    tail: &'a str,
}

fn section_of(line: &str) -> Option<&str> {
    let line = line.trim();
    let inner = line.strip_prefix('[')?;
    inner.split_once(']').map(|(name, _)| name.trim())
}

fn read<'a>(line: &'a str, section: &str) -> Option<Line<'a>> {
    let (line, _) = lines::split(line);
    let start = line.trim_start();
    if start.starts_with(['#', ';', '[']) {
        return None;
    }
    let at = line.find(['=', ':'])?;
    let name = line.get(..at)?.trim();
    let value = line.get(at + 1..)?.trim_start_matches([' ', '\t']);
    let head = line.get(..line.len() - value.len())?;
    let comment = [" ;", " #", "\t;", "\t#"]
        .iter()
        .filter_map(|mark| value.find(mark))
        .min();
    let raw = value.get(..comment.unwrap_or(value.len()))?.trim_end();
    let tail = value.get(raw.len()..)?;
    let key = if section.is_empty() {
        name.to_owned()
    } else {
        format!("{section}.{name}")
    };
    (!name.is_empty()).then_some(Line { key, head, raw, tail })
}

/// Each line with the section that it is in.
fn walk(text: &str) -> Vec<(usize, &str, Option<Line<'_>>)> {
    let mut section = "";
    lines::of(text)
        .into_iter()
        .enumerate()
        .map(|(at, line)| {
            if let Some(name) = section_of(line) {
                section = name;
                return (at, section, None);
            }
            (at, section, read(line, section))
        })
        .collect()
}

pub(super) fn all(text: &str) -> Pairs {
    let lines = walk(text).into_iter().filter_map(|(_, _, line)| line);
    lines.map(|line| (line.key, line.raw.to_owned())).collect()
}

pub(super) fn get(text: &str, key: &str) -> Option<Value> {
    all(text).remove(key).map(Value::String)
}

pub(super) fn set(text: &str, key: &str, new: &New) -> Result<String, String> {
    let value = match new {
        New::Value(Value::String(text)) => Some(text.clone()),
        New::Value(other) => Some(other.to_string()),
        New::Absent => None,
    };
    if value.as_ref().is_some_and(|value| value.contains(['\n', '\r'])) {
        return Err(format!("`{key}` cannot hold a line break in such a file"));
    }
    let walked = walk(text);
    let found: Vec<(usize, &Line<'_>)> = walked
        .iter()
        .filter_map(|(at, _, line)| Some((*at, line.as_ref()?)))
        .filter(|(_, line)| line.key == key)
        .collect();
    match (found.as_slice(), value) {
        ([], None) => Ok(text.to_owned()),
        ([(at, _)], None) => Ok(lines::splice(text, *at, at + 1, None)),
        ([(at, line)], Some(value)) => {
            let line = format!("{}{value}{}", line.head, line.tail);
            Ok(lines::splice(text, *at, at + 1, Some(&line)))
        }
        ([], Some(value)) => Ok(added(text, key, &value)),
        (_, _) => Err(format!("`{key}` is set more than once in it")),
    }
}

/// A key that is not there yet: below the last of its section, or in a section of its own at the end.
fn added(text: &str, key: &str, value: &str) -> String {
    let walked = walk(text);
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let of_section = walked.iter().filter(|(_, own, _)| *own == section);
    let last = of_section
        .filter(|(at, _, line)| {
            line.is_some()
                || lines::of(text)
                    .get(*at)
                    .is_some_and(|line| section_of(line).is_some())
        })
        .map(|(at, ..)| at + 1)
        .next_back();
    // As its neighbours are written.
    let spaced = walked
        .iter()
        .filter_map(|(_, _, line)| line.as_ref())
        .next_back()
        .is_none_or(|line| line.head.ends_with(' '));
    let line = if spaced {
        format!("{name} = {value}")
    } else {
        format!("{name}={value}")
    };
    match last {
        Some(at) => lines::splice(text, at, at, Some(&line)),
        None if section.is_empty() => lines::splice(text, 0, 0, Some(&line)),
        None => {
            let end = lines::of(text).len();
            let ends = lines::line_break(text);
            let gap = if text.trim().is_empty() { "" } else { ends };
            lines::splice(text, end, end, Some(&format!("{gap}[{section}]{ends}{line}")))
        }
    }
}
