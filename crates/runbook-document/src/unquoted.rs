//! What was meant where a text without quotes is no YAML: an expression with brackets in a list in brackets, a text with
//! a colon and a space.
//!
//! What is suggested has been tried: with it, the reader gets past that place.

/// How much of a text and of a line is looked at, and how long a suggestion may be.
const MOST: usize = 1 << 20;
const LONGEST: usize = 2000;
const SHOWN: usize = 160;

/// How many brackets and commas before the place may be where the text begins.
const TRIES: usize = 6;

/// The text that was meant, in quotes. `first_error` tells where a text stops being YAML.
pub(crate) fn meant(text: &str, at: usize, first_error: impl Fn(&str) -> Option<usize>) -> Option<String> {
    if text.len() > MOST {
        return None;
    }
    let from = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let to = text.get(at..)?.find('\n').map_or(text.len(), |end| at + end);
    let line = text.get(from..to).filter(|line| line.len() <= LONGEST)?;
    let mut values = in_brackets(line, at - from);
    values.extend(to_the_end(line));
    values.into_iter().find_map(|(start, end)| {
        let quoted = quoted(line.get(start..end)?);
        let (before, after) = (text.get(..from + start)?, text.get(from + end..)?);
        let past = before.len() + quoted.len();
        let is_read = first_error(&format!("{before}{quoted}{after}")).is_none_or(|error| error > past);
        (is_read && quoted.len() <= SHOWN && from + end > at).then_some(quoted)
    })
}

/// The items around a place in a line that may be the text, the innermost first: each from a bracket or a comma, or the
/// key after it, to the next one.
fn in_brackets(line: &str, at: usize) -> Vec<(usize, usize)> {
    let mut depth = 0_usize;
    let mut found = Vec::new();
    for (place, c) in line.get(..at).unwrap_or_default().char_indices().rev() {
        match c {
            ']' | '}' | ')' => depth += 1,
            '[' | '{' | '(' if depth > 0 => depth -= 1,
            '[' | '{' | ',' if depth == 0 => {
                let start = after_key(line, place + 1);
                found.extend(end_of(line, start).and_then(|end| plain(line, start, end)));
                if found.len() == TRIES {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

/// Where an item in brackets ends.
fn end_of(line: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    for (place, c) in line.get(start..)?.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{' | '(') => depth += 1,
            (None, ']' | '}' | ',') if depth == 0 => return Some(start + place),
            (None, ']' | '}' | ')') => depth = depth.saturating_sub(1),
            (Some(_) | None, _) => {}
        }
    }
    None
}

/// The value of a key, to the end of its line.
fn to_the_end(line: &str) -> Option<(usize, usize)> {
    let content = line.trim_start_matches([' ', '-']);
    let start = after_key(line, line.len() - content.len());
    let end = line.find(" #").filter(|end| *end > start).unwrap_or(line.len());
    plain(line, start, end)
}

/// Behind `key: `, if that stands here.
fn after_key(line: &str, start: usize) -> usize {
    let rest = line.get(start..).unwrap_or_default();
    let is_key = |key: &str| {
        let key = key.trim_start();
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    match rest.split_once(": ") {
        Some((key, _)) if is_key(key) => start + key.len() + 2,
        Some(_) | None => start,
    }
}

/// A text without quotes, without the spaces around it.
fn plain(line: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let text = line.get(start..end)?;
    let trimmed = text.trim();
    let begins = start + (text.len() - text.trim_start().len());
    let first = trimmed.chars().next()?;
    (!"\"'[{|>&*!%@`#".contains(first)).then_some((begins, begins + trimmed.len()))
}

fn quoted(text: &str) -> String {
    if !text.contains('\'') {
        format!("'{text}'")
    } else if text.contains(['"', '\\']) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        format!("\"{text}\"")
    }
}
