//! Where in a statement the binds are, and where not: not in strings, quoted names, comments and casts.
//!
//! The pieces of a text are the text: put together they are what they were cut from.

/// A piece of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `:name`.
    Bind,
    /// A name or keyword without quotes, or a number.
    Word,
    /// A string or a quoted name.
    Quoted,
    /// A blank or a comment.
    Blank,
    /// `;`.
    End,
    /// `$1`: a place that the author numbered.
    Numbered,
    /// Anything else.
    Other,
}

/// Cuts `text` into pieces.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (kind, length) = next(rest);
        let (token, after) = rest.split_at(length);
        found.push(Token { kind, text: token });
        rest = after;
    }
    found
}

fn next(rest: &str) -> (Kind, usize) {
    let mut chars = rest.chars();
    let first = chars.next().unwrap_or_default();
    let second = chars.next();
    match (first, second) {
        ('\'' | '"' | '`', _) => (Kind::Quoted, quoted(rest, first, false)),
        ('e' | 'E', Some('\'')) => (
            Kind::Quoted,
            1 + quoted(rest.get(1..).unwrap_or_default(), '\'', true),
        ),
        ('-', Some('-')) => (Kind::Blank, rest.find('\n').unwrap_or(rest.len())),
        ('/', Some('*')) => (Kind::Blank, comment(rest)),
        (':', Some(':' | '=')) => (Kind::Other, 2),
        (':', Some(c)) if begins_name(c) => (Kind::Bind, 1 + word(rest.get(1..).unwrap_or_default())),
        ('$', Some(c)) if c.is_ascii_digit() => (Kind::Numbered, 1 + word(rest.get(1..).unwrap_or_default())),
        ('$', _) => dollar(rest),
        (';', _) => (Kind::End, 1),
        (c, _) if c.is_whitespace() => (Kind::Blank, c.len_utf8()),
        (c, _) if begins_name(c) || c.is_ascii_digit() => (Kind::Word, word(rest)),
        (c, _) => (Kind::Other, c.len_utf8()),
    }
}

fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// The length of a name. A dollar may be in one, so that `a$b$c` is no dollar quote.
fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
        .unwrap_or(rest.len())
}

/// The length of a quoted piece; a doubled quote is part of it. One that does not end goes to the end.
fn quoted(rest: &str, quote: char, escapes: bool) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + c.len_utf8();
        }
    }
    rest.len()
}

/// The length of a comment, with those in it.
fn comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while let Some(after) = rest.get(at..).filter(|after| !after.is_empty()) {
        if after.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if after.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += after.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// A dollar quote, `$tag$ … $tag$`, or only a dollar.
fn dollar(rest: &str) -> (Kind, usize) {
    let tag = rest
        .get(1..)
        .and_then(|after| after.find('$').map(|end| end + 2))
        .and_then(|length| rest.get(..length))
        .filter(|tag| {
            tag.trim_matches('$')
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_')
        });
    let Some(tag) = tag else {
        return (Kind::Other, 1);
    };
    let body = rest.get(tag.len()..).unwrap_or_default();
    let end = body
        .find(tag)
        .map_or(rest.len(), |end| tag.len() + end + tag.len());
    (Kind::Quoted, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_are_found_and_nothing_else() {
        for (text, binds) in [
            ("SELECT :a, :b_2 FROM t WHERE x=:a", &[":a", ":b_2", ":a"][..]),
            ("SELECT now() - :idle::interval", &[":idle"]),
            ("SELECT 'x :a' || \":b\" || `:c`", &[]),
            ("SELECT 'it''s :a', :b", &[":b"]),
            (r"SELECT E'\' :a', :b", &[":b"]),
            (r"SELECT '\', :b", &[":b"]),
            ("SELECT $$ :a ' $$, $t$ :b $$ :c $t$, :d", &[":d"]),
            ("SELECT 1 -- :a\n, :b", &[":b"]),
            ("SELECT /* :a /* :b */ :c */ :d", &[":d"]),
            ("SELECT a[1:2], x := 5, ts::timestamp, '12:30:15'", &[]),
            ("SELECT name$a$ :b $a$", &[":b"]),
            ("SELECT 'open :a", &[]),
            ("SELECT /* open :a", &[]),
            ("SELECT $t$ open :a", &[]),
            ("SELECT '🦀' || :ä", &[":ä"]),
        ] {
            let found: Vec<&str> = tokens(text)
                .iter()
                .filter(|token| token.kind == Kind::Bind)
                .map(|token| token.text)
                .collect();
            assert_eq!(found, binds, "{text}");
            let whole: String = tokens(text).iter().map(|token| token.text).collect();
            assert_eq!(whole, text);
        }
    }
}
