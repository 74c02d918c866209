//! What a program printed, as far as expressions may see it.

use runbook_action::Output;
use serde_json::{Map, Value};

/// How much of each output expressions may see.
pub(crate) const SEEN: usize = 1024 * 1024;

/// How much of the end is kept for messages.
const TAIL: usize = 4 * 1024;

/// The longest line in a message or summary, in characters.
const LINE: usize = 200;

/// One output of a program: its beginning, its end, and whether there is something between.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    head: Vec<u8>,
    tail: Vec<u8>,
    is_cut: bool,
}

impl Kept {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = SEEN - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        self.is_cut |= !rest.is_empty();
        // Of a large piece only its end is copied: most programs that print much print it in large pieces.
        let end = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default();
        if end.len() == TAIL {
            self.tail.clear();
        }
        self.tail.extend_from_slice(end);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
    }

    /// The text without its last line break.
    fn text(&self) -> String {
        without_last_break(&self.head)
    }

    /// The end of the text, from the beginning of a line if there is one in it.
    pub(crate) fn end(&self) -> String {
        let skipped = self.tail.len().saturating_sub(TAIL);
        let end = self.tail.get(skipped..).unwrap_or_default();
        let begun_before = skipped > 0 || self.is_cut || self.head.len() > self.tail.len();
        let first_line = end
            .iter()
            .position(|byte| *byte == b'\n')
            .filter(|at| at + 1 < end.len());
        match first_line {
            Some(at) if begun_before => without_last_break(end.get(at + 1..).unwrap_or_default()),
            _ => without_last_break(end),
        }
    }
}

/// The result of a program that ended with `exit_code`.
pub(crate) fn result(exit_code: i32, stdout: &Kept, stderr: &Kept) -> Output {
    let text = stdout.text();
    let json = if stdout.is_cut {
        Value::Null
    } else {
        serde_json::from_str(&text).unwrap_or(Value::Null)
    };
    let lines: Value = text.lines().map(Value::from).collect();
    let mut cut = Vec::new();
    if stdout.is_cut {
        cut.extend(["stdout", "json", "lines"].map(str::to_owned));
    }
    if stderr.is_cut {
        cut.push("stderr".to_owned());
    }
    let value: Map<String, Value> = [
        ("exit_code", Value::from(exit_code)),
        ("stdout", Value::from(text)),
        ("stderr", Value::from(stderr.text())),
        ("json", json),
        ("lines", lines),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect();
    Output {
        value: Value::Object(value),
        cut,
        ..Output::default()
    }
}

/// One line for people, without control characters, at most 200 characters long.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut chars = text.trim().chars();
    for c in chars.by_ref().take(LINE) {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    if chars.next().is_some() {
        line.push('…');
    }
    line
}

fn without_last_break(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_same_however_it_arrives() {
        let line = |number: usize| format!("line {number}\n").into_bytes();
        for lines in [1, 3, 300, 3_000, 300_000] {
            let printed: Vec<u8> = (0..lines).flat_map(line).collect();
            let from = printed.len().saturating_sub(TAIL);
            let end = String::from_utf8(printed[from..].to_vec()).unwrap();
            let expected = match end.split_once('\n') {
                Some((_, rest)) if from > 0 => rest,
                Some(_) | None => &end,
            };
            for size in [1, 7, TAIL - 1, TAIL, TAIL + 1, 3 * TAIL, 64 * 1024] {
                let mut kept = Kept::default();
                printed.chunks(size).for_each(|piece| kept.push(piece));
                assert_eq!(kept.end(), expected.trim_end(), "{lines} lines by {size}");
                assert_eq!(kept.is_cut, printed.len() > SEEN);
                assert!(kept.tail.capacity() <= 4 * TAIL, "{}", kept.tail.capacity());
            }
        }
    }
}
