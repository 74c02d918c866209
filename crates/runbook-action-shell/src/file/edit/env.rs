//! Files of variables: `KEY=value`, with or without `export` and quotes.

use serde_json::Value;

use super::{New, Pairs, lines};

/// A line that gives a variable.
struct Line<'a> {
    key: &'a str,
    /// All up to the value.
    head: &'a str,
    /// The value as it is written.
    raw: &'a str,
    /// What stands behind it: a comment.
    tail: &'a str,
}

/// The line of a variable; nothing for comments and what is none.
fn read(line: &str) -> Option<Line<'_>> {
    let (line, _) = lines::split(line);
    let (before, after) = line.split_once('=')?;
    let key = before.trim();
    let key = key.strip_prefix("export ").map_or(key, str::trim);
    let is_name = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !is_name {
        return None;
    }
    let value = after.trim_start_matches([' ', '\t']);
    let head = line.get(..line.len() - value.len())?;
    let length = length_of(value);
    let (raw, tail) = value.split_at_checked(length)?;
    Some(Line { key, head, raw, tail })
}

/// How long the value is, as it is written.
fn length_of(value: &str) -> usize {
    if let Some(quote) = value.chars().next().filter(|c| *c == '"' || *c == '\'') {
        let mut escaped = false;
        for (at, c) in value.char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if c == '\\' && quote == '"' {
                escaped = true;
            } else if c == quote {
                return at + 1;
            }
        }
        return value.len();
    }
    let end = value.find(" #").unwrap_or(value.len());
    value.get(..end).unwrap_or(value).trim_end().len()
}

fn plain(raw: &str) -> String {
    let inner = |quote: char| raw.strip_prefix(quote)?.strip_suffix(quote);
    if raw.len() >= 2
        && let Some(text) = inner('\'')
    {
        return text.to_owned();
    }
    let Some(text) = inner('"').filter(|_| raw.len() >= 2) else {
        return raw.to_owned();
    };
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('r')) => out.push('\r'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some(other @ ('"' | '\\' | '$' | '`'))) => out.push(other),
            ('\\', Some(other)) => out.extend(['\\', other]),
            (c, _) => out.push(c),
        }
    }
    out
}

/// The value as it is written, in the quotes of the one before where that can be.
fn written(value: &str, before: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c);
    let single = before.starts_with('\'') && !value.contains(['\'', '\n', '\r']);
    if single {
        return format!("'{value}'");
    }
    if value.chars().all(is_plain) && !before.starts_with('"') {
        return value.to_owned();
    }
    let mut out = String::from('"');
    for c in value.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '"' | '\\' | '$' | '`' => out.extend(['\\', c]),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

pub(super) fn all(text: &str) -> Pairs {
    let mut pairs = Pairs::new();
    for line in lines::of(text).into_iter().filter_map(read) {
        pairs.insert(line.key.to_owned(), plain(line.raw));
    }
    pairs
}

pub(super) fn get(text: &str, key: &str) -> Option<Value> {
    all(text).remove(key).map(Value::String)
}

pub(super) fn set(text: &str, key: &str, new: &New) -> Result<String, String> {
    let all = lines::of(text);
    let found: Vec<(usize, Line<'_>)> = all
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((at, read(line)?)))
        .filter(|(_, line)| line.key == key)
        .collect();
    let value = match new {
        New::Value(Value::String(text)) => Some(text.clone()),
        New::Value(other) => Some(other.to_string()),
        New::Absent => None,
    };
    match (found.as_slice(), value) {
        ([], None) => Ok(text.to_owned()),
        ([], Some(value)) => {
            let line = format!("{key}={}", written(&value, ""));
            Ok(lines::splice(text, all.len(), all.len(), Some(&line)))
        }
        ([(at, _)], None) => Ok(lines::splice(text, *at, at + 1, None)),
        ([(at, line)], Some(value)) => {
            let line = format!("{}{}{}", line.head, written(&value, line.raw), line.tail);
            Ok(lines::splice(text, *at, at + 1, Some(&line)))
        }
        (_, _) => Err(format!("`{key}` is set more than once in it")),
    }
}
