//! Texts as each language writes them, so that they stay texts.

use std::fmt::Write as _;

/// The widest line of a title, in columns.
const WIDE: usize = 34;

/// The most lines of one text. What is longer is cut: a picture shows what there is, and the words tell all of it.
const MOST: usize = 3;

/// A text in lines that fit into a node.
pub(crate) fn lines(text: &str) -> Vec<String> {
    let text: String = text.chars().map(|c| if is_plain(c) { c } else { ' ' }).collect();
    let mut lines: Vec<String> = textwrap::wrap(text.trim(), WIDE)
        .into_iter()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    if lines.len() > MOST {
        lines.truncate(MOST);
        if let Some(last) = lines.last_mut() {
            last.push('…');
        }
    }
    lines
}

/// Whether a character shows itself, and steers nothing: neither a terminal nor the direction of what follows.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}'
        )
}

/// For a text of XML, in an attribute too.
pub(crate) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// For a quoted label of Mermaid: what means something there, to it or to the HTML that it makes, is written as a number.
pub(crate) fn mermaid(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | '-' | '/' | '(' | ')' | '=' | '+' | '…' | '–')
        {
            out.push(c);
        } else {
            _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}

/// For a quoted text of DOT.
pub(crate) fn dot(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text() {
        assert_eq!(xml("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
        assert_eq!(mermaid("a\"]; click b"), "a#34;#93;#59; click b");
        assert_eq!(dot("a\"]\\n"), "a\\\"]\\\\n");
        assert_eq!(lines("a\u{202e}b\nc\u{1b}[31m"), ["a b c [31m"]);
    }

    #[test]
    fn what_is_long_is_cut() {
        let long = lines(&"word ".repeat(100));
        assert_eq!(long.len(), MOST);
        assert!(long[MOST - 1].ends_with('…'));
        assert!(lines("").is_empty());
    }
}
