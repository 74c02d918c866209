//! JSON: the bytes of one value are replaced, or a member is added or removed, and all others stay.

use serde_json::Value;

use super::New;

pub(super) fn read(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))
}

/// A member of an object: where its key begins, where its value is.
struct Member {
    key: String,
    from: usize,
    value: (usize, usize),
}

/// An object: where its braces are, and its members.
struct Object {
    open: usize,
    close: usize,
    members: Vec<Member>,
}

/// Reads on in a text that is known to be JSON.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or_default()
    }

    fn blanks(&mut self) {
        while self.peek().is_ascii_whitespace() {
            self.at += 1;
        }
    }

    fn string(&mut self) -> String {
        let from = self.at;
        self.at += 1;
        while self.at < self.text.len() && self.peek() != b'"' {
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        let raw = self.text.get(from..self.at).unwrap_or_default();
        serde_json::from_slice(raw).unwrap_or_default()
    }

    /// Goes behind a value.
    fn value(&mut self) {
        match self.peek() {
            b'"' => drop(self.string()),
            b'{' | b'[' => {
                let mut depth = 0_usize;
                while self.at < self.text.len() {
                    match self.peek() {
                        b'"' => {
                            drop(self.string());
                            continue;
                        }
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    if depth == 0 {
                        return;
                    }
                }
            }
            _ => {
                while self.at < self.text.len()
                    && !self.peek().is_ascii_whitespace()
                    && !b",]}".contains(&self.peek())
                {
                    self.at += 1;
                }
            }
        }
    }

    fn object(&mut self) -> Object {
        let open = self.at;
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                b'"' => {
                    let from = self.at;
                    let key = self.string();
                    self.blanks();
                    self.at += 1;
                    self.blanks();
                    let start = self.at;
                    self.value();
                    members.push(Member {
                        key,
                        from,
                        value: (start, self.at),
                    });
                }
                b',' => self.at += 1,
                _ => break,
            }
        }
        Object {
            open,
            close: self.at,
            members,
        }
    }
}

fn object_at(text: &str, at: usize) -> Option<Object> {
    let mut scan = Scan {
        text: text.as_bytes(),
        at,
    };
    scan.blanks();
    (scan.peek() == b'{').then(|| scan.object())
}

pub(super) fn set(text: &str, path: &str, new: &New) -> Result<String, String> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let mut at = 0;
    let mut keys = path.split('.').peekable();
    loop {
        let Some(key) = keys.next() else {
            return Err(format!("`{path}` names nothing"));
        };
        let object =
            object_at(text, at).ok_or_else(|| format!("what `{path}` leads through is no object"))?;
        let mut same = object
            .members
            .iter()
            .enumerate()
            .filter(|(_, member)| member.key == key);
        let found = same.next();
        if same.next().is_some() {
            return Err(format!("`{key}` is there more than once"));
        }
        match (found, keys.peek().is_some(), new) {
            (Some((_, member)), true, _) => at = member.value.0,
            (Some((_, member)), false, New::Value(value)) => {
                let (from, to) = member.value;
                return Ok(replaced(text, from, to, &laid_out(text, member.from, value)));
            }
            (Some((index, _)), false, New::Absent) => return Ok(without(text, &object, index)),
            (None, _, New::Absent) => return Ok(text.to_owned()),
            (None, _, New::Value(value)) => {
                let rest: Vec<&str> = keys.collect();
                let value = rest.iter().rev().fold(value.clone(), |inner, key| {
                    Value::Object([((*key).to_owned(), inner)].into_iter().collect())
                });
                return Ok(with_member(text, &object, key, &value));
            }
        }
    }
}

fn replaced(text: &str, from: usize, to: usize, with: &str) -> String {
    let before = text.get(..from).unwrap_or_default();
    let after = text.get(to..).unwrap_or_default();
    format!("{before}{with}{after}")
}

/// The blanks at the beginning of the line that this is on.
fn indentation(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let end = line.len() - line.trim_start_matches([' ', '\t']).len();
    line.get(..end).unwrap_or_default()
}

/// A value as the text around it is laid out: on lines of its own where objects are.
fn laid_out(text: &str, at: usize, value: &Value) -> String {
    let is_spread = text.trim_end().contains('\n');
    let own = indentation(text, at);
    let step = object_at(text, 0)
        .and_then(|root| {
            root.members
                .first()
                .map(|member| indentation(text, member.from).to_owned())
        })
        .filter(|step| !step.is_empty());
    match (is_spread, step) {
        (true, step) if value.is_object() || value.is_array() => {
            let step = step.unwrap_or_else(|| "  ".to_owned());
            let mut out = Vec::new();
            let formatter = serde_json::ser::PrettyFormatter::with_indent(step.as_bytes());
            let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
            if serde::Serialize::serialize(value, &mut serializer).is_err() {
                return value.to_string();
            }
            String::from_utf8_lossy(&out).replace('\n', &format!("\n{own}"))
        }
        _ => value.to_string(),
    }
}

fn with_member(text: &str, object: &Object, key: &str, value: &Value) -> String {
    let name = Value::from(key);
    match object.members.last() {
        Some(last) => {
            let between = text.get(..last.from).unwrap_or_default();
            let own_line = between.trim_end_matches([' ', '\t']).ends_with('\n');
            let before = if own_line {
                let ends = if text.contains("\r\n") { "\r\n" } else { "\n" };
                format!(",{ends}{}", indentation(text, last.from))
            } else {
                ", ".to_owned()
            };
            let member = format!("{before}{name}: {}", laid_out(text, last.from, value));
            replaced(text, last.value.1, last.value.1, &member)
        }
        None if text.trim_end().contains('\n') || object.open == 0 => {
            let own = indentation(text, object.open);
            let member = format!("\n{own}  {name}: {}\n{own}", laid_out(text, object.open, value));
            replaced(text, object.open + 1, object.close, &member)
        }
        None => replaced(text, object.open + 1, object.close, &format!("{name}: {value}")),
    }
}

fn without(text: &str, object: &Object, index: usize) -> String {
    let Some(member) = object.members.get(index) else {
        return text.to_owned();
    };
    let before = index.checked_sub(1).and_then(|at| object.members.get(at));
    let after = object.members.get(index + 1);
    match (before, after) {
        (Some(before), _) => replaced(text, before.value.1, member.value.1, ""),
        (None, Some(after)) => replaced(text, member.from, after.from, ""),
        (None, None) => replaced(text, object.open + 1, object.close, ""),
    }
}
