//! YAML in blocks: the line of a key is found by its indentation, and what belongs to it is replaced.
//!
//! Keys inside `{…}` and anchors are left alone: where one would have to be changed, the check behind every change
//! refuses it.

use serde_json::Value;

use super::{New, lines};

pub(super) fn read(text: &str) -> Result<Value, String> {
    let value: Value = serde_yaml::from_str(text).map_err(|error| format!("is not YAML: {error}"))?;
    Ok(if value.is_null() {
        Value::Object(serde_json::Map::new())
    } else {
        value
    })
}

/// A block of lines that belongs to one mapping.
#[derive(Clone, Copy)]
struct Block {
    from: usize,
    to: usize,
    /// The least indentation of its keys.
    indent: usize,
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether this is no content: blank, or only a comment.
fn is_empty(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// The key of a line, and where its value begins.
fn key_of(line: &str) -> Option<(String, usize)> {
    let (line, _) = lines::split(line);
    let start = indent_of(line);
    let rest = line.get(start..)?;
    let length = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest.get(1..)?.find(quote)? + 2,
        '#' | '-' | '[' | '{' | '&' | '*' | '!' | '|' | '>' | '%' | '@' | '`' | '?' => return None,
        _ => rest
            .find(": ")
            .or_else(|| rest.trim_end().strip_suffix(':').map(str::len))?,
    };
    let raw = rest.get(..length)?;
    let after = rest.get(length..)?.trim_start();
    if !(after == ":" || after.starts_with(": ") || after.starts_with(":\t")) {
        return None;
    }
    let colon = line.len() - after.len();
    let key = raw.trim().trim_matches(['"', '\'']).to_owned();
    let value = line.get(colon + 1..)?;
    let blanks = value.len() - value.trim_start().len();
    Some((key, colon + 1 + blanks))
}

/// The lines of a key in a block, with all that belongs to it.
fn find(all: &[&str], block: Block, key: &str) -> Option<Block> {
    let mut at = block.from;
    while at < block.to {
        let line = all.get(at)?;
        if !is_empty(line)
            && indent_of(line) == block.indent
            && key_of(line).is_some_and(|(own, _)| own == key)
        {
            return Some(Block {
                from: at,
                to: end_of(all, at, block),
                indent: block.indent,
            });
        }
        at += 1;
    }
    None
}

/// Where what belongs to the key of this line ends. Comments and blank lines before the next key belong to that.
fn end_of(all: &[&str], at: usize, block: Block) -> usize {
    let mut end = at + 1;
    for (number, line) in all.iter().enumerate().take(block.to).skip(at + 1) {
        let is_blank = lines::split(line).0.trim().is_empty();
        if is_blank || (is_empty(line) && indent_of(line) <= block.indent) {
            continue;
        }
        let is_item = indent_of(line) == block.indent && line.trim_start().starts_with('-');
        if indent_of(line) <= block.indent && !is_item {
            break;
        }
        end = number + 1;
    }
    end
}

/// The block of a mapping that begins below a key; nothing if its value is on the key's line, or no mapping.
fn inner(all: &[&str], own: Block) -> Option<Block> {
    let first = (own.from + 1..own.to).find(|at| all.get(*at).is_some_and(|line| !is_empty(line)))?;
    let line = all.get(first)?;
    let (_, value) = key_of(all.get(own.from)?)?;
    let head = lines::split(all.get(own.from)?).0;
    let rest = head.get(value..)?;
    let is_open = rest.is_empty() || rest.starts_with('#');
    (is_open && indent_of(line) > own.indent && key_of(line).is_some()).then(|| Block {
        from: first,
        to: own.to,
        indent: indent_of(line),
    })
}

fn root(all: &[&str]) -> Block {
    let is_start = |line: &&str| line.trim_end() == "---";
    let from = all.iter().position(is_start).map_or(0, |at| at + 1);
    let to = all
        .iter()
        .enumerate()
        .skip(from)
        .find(|(_, line)| matches!(line.trim_end(), "---" | "..."))
        .map_or(all.len(), |(at, _)| at);
    let first = all
        .iter()
        .take(to)
        .skip(from)
        .find(|line| !is_empty(line))
        .map_or(0, |line| indent_of(line));
    Block {
        from,
        to,
        indent: first,
    }
}

/// A value on one line. JSON is YAML, but for what is easier to read without quotes.
fn written(value: &Value, before: &str) -> String {
    match value {
        Value::String(text) => {
            let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-./@+".contains(c));
            let reads_back = serde_yaml::from_str::<Value>(text).is_ok_and(|read| read == *value);
            if before.starts_with('\'') && !text.contains(['\'', '\n']) {
                format!("'{text}'")
            } else if is_word && reads_back && !before.starts_with('"') {
                text.clone()
            } else {
                value.to_string()
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => spaced(value),
    }
}

/// JSON with a blank behind each comma and colon, as people write it.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(spaced).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let items: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), spaced(value)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// The comment behind a value on one line, with the blanks before it.
fn comment(value: &str) -> &str {
    let from = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value
            .get(1..)
            .and_then(|rest| rest.rfind(quote))
            .map_or(0, |at| at + 2),
        _ => 0,
    };
    let rest = value.get(from..).unwrap_or_default();
    let at = if rest.starts_with('#') {
        Some(0)
    } else {
        rest.find(" #")
    };
    match at {
        Some(at) => {
            let blanks = rest.get(..at).unwrap_or_default().trim_end().len();
            rest.get(blanks..).unwrap_or_default()
        }
        None => "",
    }
}

pub(super) fn set(text: &str, path: &str, new: &New) -> Result<String, String> {
    let all = lines::of(text);
    let mut block = root(&all);
    let mut keys = path.split('.').peekable();
    while let Some(key) = keys.next() {
        let found = find(&all, block, key);
        if let (Some(own), true) = (found, keys.peek().is_some()) {
            block = inner(&all, own)
                .ok_or_else(|| format!("what `{path}` leads through is not written as a block"))?;
            continue;
        }
        return Ok(match (found, new) {
            (None, New::Absent) => text.to_owned(),
            (Some(own), New::Absent) => lines::splice(text, own.from, own.to, None),
            (Some(own), New::Value(value)) => replaced(text, &all, own, value),
            (None, New::Value(value)) => {
                let rest: Vec<&str> = keys.collect();
                let value = rest.iter().rev().fold(value.clone(), |inner, key| {
                    Value::Object([((*key).to_owned(), inner)].into_iter().collect())
                });
                let is_content = |at: &usize| all.get(*at).is_some_and(|line| !is_empty(line));
                let end = (block.from..block.to)
                    .rev()
                    .find(is_content)
                    .map_or(block.to, |at| at + 1);
                let name = Value::from(key);
                let is_word = key
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
                    && serde_yaml::from_str::<Value>(key).is_ok_and(|read| read == name);
                let name = if is_word { key.to_owned() } else { name.to_string() };
                let line = format!("{}{name}: {}", " ".repeat(block.indent), written(&value, ""));
                lines::splice(text, end, end, Some(&line))
            }
        });
    }
    Err(format!("`{path}` names nothing"))
}

fn replaced(text: &str, all: &[&str], own: Block, value: &Value) -> String {
    let line = all.get(own.from).map_or("", |line| lines::split(line).0);
    let begins = key_of(line).map_or(line.len(), |(_, begins)| begins);
    let (head, before) = line.split_at(begins.min(line.len()));
    let gap = if head.ends_with(' ') { "" } else { " " };
    let line = format!("{head}{gap}{}{}", written(value, before), comment(before));
    lines::splice(text, own.from, own.to, Some(&line))
}
