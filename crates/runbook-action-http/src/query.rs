//! The text of a PromQL query, as far as it must be understood to let values into it.
//!
//! PromQL has no parameters. A `$name` can stand where a label's matcher has its string, after `=` or `!=` and within
//! braces; `$` has no meaning of its own in PromQL outside of strings and comments. After `=~` a value would be a
//! pattern, and anywhere else it would be code.

use std::fmt::Write as _;

use runbook_action::{Args, Failure};

/// A place in the text where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// Where its `$` is, in bytes.
    at: usize,
    /// The name of the value, which follows.
    pub(crate) name: &'a str,
}

/// The query with its values, each as one quoted string.
pub(crate) fn filled(text: &str, places: &[Place<'_>], value: impl Fn(&str) -> String) -> String {
    let mut filled = String::new();
    let mut end = 0;
    for place in places {
        filled.push_str(text.get(end..place.at).unwrap_or_default());
        filled.push_str(&quoted(&value(place.name)));
        end = place.at + 1 + place.name.len();
    }
    filled.push_str(text.get(end..).unwrap_or_default());
    filled
}

/// As a string of PromQL, whatever is in it.
fn quoted(value: &str) -> String {
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // A place for four digits of sixteen: there are no other control characters.
            _ if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The places in the query where values stand, in order.
pub(crate) fn places<'a>(args: &Args<'a>) -> Result<Vec<Place<'a>>, Failure> {
    let text = args.literal()?;
    let mut reader = Reader {
        args,
        rest: text,
        open: Vec::new(),
        before: "",
        places: Vec::new(),
        length: text.len(),
        has_something: false,
    };
    while let Some(c) = reader.rest.chars().next() {
        reader.piece(c)?;
    }
    if let Some(open) = reader.open.last() {
        return Err(args.wrong(format!("`{open}` is never closed")));
    }
    if !reader.has_something {
        return Err(args.wrong("the query is empty"));
    }
    Ok(reader.places)
}

struct Reader<'r, 'a> {
    args: &'r Args<'a>,
    rest: &'a str,
    /// The brackets that are open.
    open: Vec<char>,
    /// The operator just before, if there is one.
    before: &'a str,
    places: Vec<Place<'a>>,
    /// How long the whole text is.
    length: usize,
    has_something: bool,
}

impl<'a> Reader<'_, 'a> {
    /// Takes one piece of the text, which begins with `c`.
    fn piece(&mut self, c: char) -> Result<(), Failure> {
        if c.is_whitespace() {
            self.take(c.len_utf8());
            return Ok(());
        }
        if c == '#' {
            let length = self.rest.find('\n').unwrap_or(self.rest.len());
            self.take(length);
            return Ok(());
        }
        self.has_something = true;
        let before = std::mem::take(&mut self.before);
        match c {
            '"' | '\'' | '`' => self.string(c),
            '$' => self.place(before),
            '(' | '[' | '{' => {
                self.open.push(c);
                self.take(1);
                Ok(())
            }
            ')' | ']' | '}' => self.close(c),
            _ if is_operator(c) => {
                let length = self.rest.find(|c| !is_operator(c)).unwrap_or(self.rest.len());
                self.before = self.take(length);
                Ok(())
            }
            _ => {
                self.take(c.len_utf8());
                Ok(())
            }
        }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn string(&mut self, quote: char) -> Result<(), Failure> {
        let mut is_escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            if is_escaped {
                is_escaped = false;
            } else if c == '\\' && quote != '`' {
                is_escaped = true;
            } else if c == quote {
                self.take(at + 1);
                return Ok(());
            } else if c == '\n' && quote != '`' {
                break;
            }
        }
        Err(self
            .args
            .wrong(format!("a string that begins with `{quote}` has no end")))
    }

    fn place(&mut self, before: &str) -> Result<(), Failure> {
        let after = self.rest.get(1..).unwrap_or_default();
        let length = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(after.len());
        let name = after.get(..length).unwrap_or_default();
        let is_a_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !is_a_name {
            return Err(self.args.wrong("`$` is not followed by a name"));
        }
        match before {
            "=" | "!=" if self.open.last() == Some(&'{') => {}
            "=~" | "!~" => {
                return Err(self
                    .args
                    .wrong(format!("`${name}` would be a pattern"))
                    .help(format!("compare with `=`: `label=${name}`")));
            }
            _ => {
                return Err(self
                    .args
                    .wrong(format!("`${name}` would be code"))
                    .help("a value can stand only where a label is compared: `{job=$job}`"));
            }
        }
        self.places.push(Place {
            at: self.length - self.rest.len(),
            name,
        });
        self.take(length + 1);
        Ok(())
    }

    fn close(&mut self, closing: char) -> Result<(), Failure> {
        let fits = matches!(
            (self.open.pop(), closing),
            (Some('('), ')') | (Some('['), ']') | (Some('{'), '}')
        );
        self.take(1);
        if fits {
            Ok(())
        } else {
            Err(self.args.wrong(format!("`{closing}` closes nothing")))
        }
    }
}

const fn is_operator(c: char) -> bool {
    matches!(c, '=' | '!' | '~' | '<' | '>')
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn nothing_leaves_the_quotes() {
        for (value, expected) in [
            ("web", r#""web""#),
            (r#"a"} or vector(1) #"#, r#""a\"} or vector(1) #""#),
            (r"a\", r#""a\\""#),
            ("a\nb\0\u{85}", r#""a\u000ab\u0000\u0085""#),
            ("\u{e4}\u{2603}", "\"\u{e4}\u{2603}\""),
        ] {
            assert_eq!(quoted(value), expected);
        }
    }
}
