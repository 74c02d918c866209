//! What a program printed, as far as expressions may see it.

use runbook_action::{Output, Stream};
use serde_json::{Map, Value};

/// How much of each output expressions may see.
const SEEN: usize = 1024 * 1024;

/// How much of the end is kept for messages.
const TAIL: usize = 4 * 1024;

/// One output: its beginning, its end, and whether there is something between.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    head: Vec<u8>,
    tail: Vec<u8>,
    is_cut: bool,
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        let room = (SEEN - self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        self.is_cut |= !rest.is_empty();
        let end = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default();
        self.tail.extend_from_slice(end);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
    }

    fn text(&self) -> String {
        without_last_break(&self.head)
    }

    /// The end of it.
    pub(crate) fn end(&self) -> String {
        let from = self.tail.len().saturating_sub(TAIL);
        without_last_break(self.tail.get(from..).unwrap_or_default())
    }
}

/// Both outputs of a program.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    pub(crate) stdout: Kept,
    pub(crate) stderr: Kept,
}

impl Printed {
    pub(crate) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Stdout => self.stdout.push(bytes),
            Stream::Stderr => self.stderr.push(bytes),
        }
    }

    /// The part of a result that is about a program.
    pub(crate) fn result(&self, exit_code: i32, mut output: Output) -> Output {
        let text = self.stdout.text();
        let json = if self.stdout.is_cut {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or(Value::Null)
        };
        if let Value::Object(result) = &mut output.value {
            let lines: Value = text.lines().map(Value::from).collect();
            result.insert("exit_code".to_owned(), exit_code.into());
            result.insert("stderr".to_owned(), self.stderr.text().into());
            result.insert("json".to_owned(), json);
            result.insert("lines".to_owned(), lines);
            result.insert("stdout".to_owned(), text.into());
        }
        if self.stdout.is_cut {
            output.cut.extend(["stdout", "json", "lines"].map(str::to_owned));
        }
        if self.stderr.is_cut {
            output.cut.push("stderr".to_owned());
        }
        output
    }

    /// The same as a log, where what came first is in no way better: both outputs are one.
    pub(crate) fn logs(&self) -> (Value, bool) {
        let text = self.stdout.text();
        let lines: Value = text.lines().map(Value::from).collect();
        let mut logs = Map::new();
        logs.insert("lines".to_owned(), lines);
        logs.insert("text".to_owned(), text.into());
        (Value::Object(logs), self.stdout.is_cut)
    }
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
