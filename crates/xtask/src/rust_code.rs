//! Just enough of Rust's lexis to tell code from comments and literals, and tests from the rest.

use std::collections::BTreeSet;

/// The same text, with every comment and every text or character literal replaced by blanks. Lines stay lines.
pub(crate) fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        let opaque = opaque_length(rest, previous);
        let (taken, left) = rest.split_at(if opaque == 0 { first.len_utf8() } else { opaque });
        if opaque == 0 {
            out.push_str(taken);
        } else {
            out.extend(taken.chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
        }
        previous = if opaque == 0 { first } else { ' ' };
        rest = left;
    }
    out
}

/// The numbers of the lines that belong to `#[cfg(test)]` items, in a text from [`blank`].
pub(crate) fn test_lines(code: &str) -> BTreeSet<usize> {
    let mut lines = BTreeSet::new();
    for (start, _) in code.match_indices("#[cfg(test)]") {
        let end = item_end(code, start);
        let first = line_of(code, start);
        lines.extend(first..=line_of(code, end));
    }
    lines
}

/// The number of the line, counted from 1, in which this byte is.
pub(crate) fn line_of(text: &str, byte: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(byte)
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// Whether a path is that of a file with nothing but tests.
pub(crate) fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Whether a character can be part of a name.
pub(crate) fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Where the item that begins here ends: at its `;`, or at the brace that closes its first one.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (index, char) in code.char_indices().skip_while(|(index, _)| *index < start) {
        match char {
            ';' if depth == 0 => return index,
            '{' => depth += 1,
            '}' if depth <= 1 => return index,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// How many bytes at the start are one comment or literal; 0 if it is code.
fn opaque_length(rest: &str, previous: char) -> usize {
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment(rest)
    } else if rest.starts_with('"') {
        quoted(rest)
    } else if rest.starts_with('\'') {
        character(rest)
    } else if is_word(previous) {
        0
    } else {
        raw_text(rest)
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut index) = (0_usize, 0);
    while let Some(tail) = rest.get(index..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            index += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (index, char) in rest.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `'x'` and `'\n'` are literals; `'a` is a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((index, escaped))) => {
            let after = index + escaped.len_utf8();
            rest.get(after..)
                .and_then(|tail| tail.find('\''))
                .map_or(0, |close| after + close + 1)
        }
        (Some(_), Some((index, '\''))) => index + 1,
        _ => 0,
    }
}

fn raw_text(rest: &str) -> usize {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        rest.strip_prefix(prefix)
            .is_some_and(|tail| tail.trim_start_matches('#').starts_with('"'))
    });
    let Some(prefix) = prefix else { return 0 };
    let tail = &rest[prefix.len()..];
    let hashes = tail.len() - tail.trim_start_matches('#').len();
    let close = format!("\"{}", "#".repeat(hashes));
    let open = prefix.len() + hashes + 1;
    rest.get(open..)
        .and_then(|tail| tail.find(&close))
        .map_or(rest.len(), |end| open + end + close.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let blanked = blank(input);
        assert_eq!(squeeze(&blanked), expected, "{input}");
        assert_eq!(blanked.lines().count(), input.lines().count(), "{input}");
    }

    #[test]
    fn comments_and_literals_vanish() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d */ e", "a e");
        check(r#"a("b \" c") d"#, "a( ) d");
        check("a(r#\"b \" c\"#, br\"x\") d", "a( , ) d");
        check(r"a('b', '\'', '\u{1F600}', '😀') c", "a( , , , ) c");
        check("fn a<'b>(c: &'b str) {}", "fn a<'b>(c: &'b str) {}");
        check("r#type + error", "r#type + error");
        check("a \"never closed\nb", "a");
    }

    #[test]
    fn the_lines_of_tests_are_known() {
        let code = blank("fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() { \"}\" }\n}\nfn c() {}\n");
        assert_eq!(test_lines(&code), BTreeSet::from([2, 3, 4, 5]));
        assert_eq!(
            test_lines("#[cfg(test)]\nmod tests;\nfn a() {}"),
            BTreeSet::from([1, 2])
        );
        assert!(test_lines("fn a() {}").is_empty());
    }
}
