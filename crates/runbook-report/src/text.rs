//! The one place where texts of a run are made fit to be shown.
//!
//! A title, a program's output, the detail of a reading: any of them may come from a system that is broken or
//! hostile. First nothing in it may stay unseen or steer a terminal ([`visible`]), then nothing in it may be
//! taken for Markdown or HTML ([`inline`], [`code`], [`fence`]).

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// A text on one line, with nothing in it that a person could not see: terminal sequences are gone, ends of
/// lines are `⏎`, and control characters, changes of the writing direction and characters without width are
/// written as `⟨U+202E⟩`.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    show(text.trim_end_matches(['\n', '\r']), &mut shown, " ⏎ ", ' ');
    shown
}

/// The same for a text that keeps its lines.
fn visible_lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    show(text, &mut shown, "\n", '\t');
    shown
}

fn show(text: &str, shown: &mut String, end_of_line: &str, tab: char) {
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' if skip_sequence(&mut chars) => {}
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                shown.push_str(end_of_line);
            }
            '\t' => shown.push(tab),
            char if is_unseen(char) => {
                // Writing to a string cannot fail.
                write!(shown, "⟨U+{:04X}⟩", u32::from(char)).ok();
            }
            char => shown.push(char),
        }
    }
}

/// After an escape character: skips the sequence that it begins. Without an end it is none, and nothing is
/// skipped: else it would hide all that follows.
fn skip_sequence(chars: &mut Peekable<Chars<'_>>) -> bool {
    let mut ahead = chars.clone();
    let is_whole = match ahead.next() {
        Some('[') => ahead
            .find(|char| !(' '..='?').contains(char))
            .is_some_and(|last| ('@'..='~').contains(&last)),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(&mut ahead),
        Some(' '..='/') => ahead.next().is_some_and(|last| ('0'..='~').contains(&last)),
        Some('0'..='~') => true,
        Some(_) | None => false,
    };
    if is_whole {
        *chars = ahead;
    }
    is_whole
}

/// A string for the terminal, up to its end on the same line.
fn skip_string(chars: &mut Peekable<Chars<'_>>) -> bool {
    while let Some(char) = chars.next() {
        match char {
            '\u{7}' => return true,
            '\u{1b}' => return chars.next() == Some('\\'),
            '\n' | '\r' => return false,
            _ => {}
        }
    }
    false
}

fn is_unseen(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A text within a paragraph, a heading, an item or a cell. What stands in single backticks is shown as code,
/// since that is how our own messages mark names; all else is shown as it is.
#[must_use]
pub fn inline(text: &str) -> String {
    let text = visible(text);
    let text = text.trim();
    if text.is_empty() {
        return "–".to_owned();
    }
    let parts: Vec<&str> = text.split('`').collect();
    let spans = || parts.iter().skip(1).step_by(2);
    if parts.len().is_multiple_of(2) || text.contains("``") || !spans().all(|span| is_plain(span)) {
        return guard_start(escape(text));
    }
    let mut shown = String::new();
    for (number, part) in parts.iter().enumerate() {
        if number % 2 == 0 {
            shown.push_str(&escape(part));
        } else {
            shown.push('`');
            shown.push_str(part);
            shown.push('`');
        }
    }
    guard_start(shown)
}

/// What a person wrote, with its paragraphs and lines.
#[must_use]
pub fn paragraphs(text: &str) -> String {
    let shown = visible_lines(text);
    let lines: Vec<&str> = shown.lines().map(str::trim).collect();
    let paragraphs = lines
        .split(|line| line.is_empty())
        .filter(|lines| !lines.is_empty());
    let paragraphs: Vec<String> = paragraphs
        .map(|lines| {
            let lines: Vec<String> = lines.iter().map(|line| inline(line)).collect();
            lines.join("\\\n")
        })
        .collect();
    paragraphs.join("\n\n")
}

/// Markdown with its headings from the third level on, and with nothing unseen in it.
#[must_use]
pub fn demoted(markdown: &str) -> String {
    let shown = visible_lines(markdown);
    let mut fenced = None;
    let lines = shown.lines().map(|line| {
        let marks = line.trim_start();
        let fence = ["```", "~~~"].into_iter().find(|fence| marks.starts_with(fence));
        match (fenced, fence) {
            (None, Some(_)) => fenced = fence,
            (Some(open), Some(fence)) if open == fence => fenced = None,
            (Some(_) | None, Some(_) | None) => {}
        }
        let level = marks.bytes().take_while(|byte| *byte == b'#').count();
        if fenced.is_none() && (1..3).contains(&level) {
            format!("{}{marks}", "#".repeat(3 - level))
        } else {
            line.to_owned()
        }
    });
    let lines: Vec<String> = lines.collect();
    lines.join("\n")
}

/// A name or a value, as code.
#[must_use]
pub fn code(text: &str) -> String {
    let text = visible(text);
    let text = text.trim();
    if text.is_empty() || text.contains('`') || !is_plain(text) {
        guard_start(escape(text))
    } else {
        format!("`{text}`")
    }
}

/// Whether a text can stand as code: no reader takes it for HTML, and a bar in it can be escaped for a table
/// without a doubt.
fn is_plain(span: &str) -> bool {
    let opens = |char: char| char.is_ascii_alphabetic() || matches!(char, '/' | '!' | '?');
    let has_tag = span.split('<').skip(1).any(|after| after.starts_with(opens));
    let has_doubt = span.contains('|') && span.contains('\\');
    !has_tag && !has_doubt
}

/// What was made fit to be shown, as a cell of a table: there a bar ends a cell even within code.
#[must_use]
pub fn cell(shown: &str) -> String {
    let mut cell = String::with_capacity(shown.len());
    let mut escaped = false;
    for char in shown.chars() {
        if char == '|' && !escaped {
            cell.push('\\');
        }
        escaped = char == '\\' && !escaped;
        cell.push(char);
    }
    cell
}

/// A block of at most so many lines, in that language. Returns it with the number of lines that are left out.
#[must_use]
pub fn fence(text: &str, language: &str, most: usize) -> (String, usize) {
    let shown = visible_lines(text);
    let shown = shown.trim_end();
    let total = shown.lines().count();
    let lines: Vec<&str> = shown.lines().take(most).collect();
    let body = lines.join("\n");
    let longest = body.split(|char| char != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(3.max(longest + 1));
    (
        format!("{ticks}{language}\n{body}\n{ticks}\n"),
        total.saturating_sub(most),
    )
}

/// A text without anything that Markdown or HTML would take for its own.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let within_word = |other: Option<char>| other.is_some_and(char::is_alphanumeric);
        match char {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '_' if within_word(before) && within_word(chars.peek().copied()) => shown.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' | '|' => {
                shown.push('\\');
                shown.push(char);
            }
            char => shown.push(char),
        }
        before = Some(char);
    }
    shown
}

/// What was made fit to be shown, for a comment where people talk: a name after `@` would tell somebody there, and a
/// number after `#` would lead somewhere. In code neither does.
#[must_use]
pub fn quiet(shown: &str) -> String {
    let mut quiet = String::with_capacity(shown.len());
    for (at, part) in shown.split('`').enumerate() {
        if at > 0 {
            quiet.push('`');
        }
        if at % 2 == 0 {
            quiet.push_str(&part.replace('#', "&#35;").replace('@', "&#64;"));
        } else {
            quiet.push_str(part);
        }
    }
    quiet
}

/// So that a text does not begin a heading or a list where it begins a line.
fn guard_start(text: String) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let at = match text.as_bytes().get(digits..) {
        Some([b'.' | b')'] | [b'.' | b')', b' ', ..]) if digits > 0 => digits,
        Some([b'#' | b'-' | b'+' | b'=', ..]) if digits == 0 => 0,
        Some(_) | None => return text,
    };
    let (front, rest) = text.split_at(at);
    format!("{front}\\{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_unseen() {
        for (text, expected) in [
            ("plain ‹secret t› é 😀", "plain ‹secret t› é 😀"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}x\u{1b}]8;;http://e\u{1b}\\y", "xy"),
            ("\u{1b}(B\u{1b}7x", "x"),
            ("\u{1b}]0;never ends", "⟨U+001B⟩]0;never ends"),
            ("\u{1b}[31\u{e9}m", "⟨U+001B⟩[31ém"),
            ("\u{1b}", "⟨U+001B⟩"),
            (
                "a\u{202e}b\u{200b}c\u{0}d\u{9b}e",
                "a⟨U+202E⟩b⟨U+200B⟩c⟨U+0000⟩d⟨U+009B⟩e",
            ),
            ("a\r\nb\rc\u{2028}d\te\n", "a ⏎ b ⏎ c ⏎ d e"),
        ] {
            assert_eq!(visible(text), expected, "{text:?}");
            assert_eq!(visible(expected), expected, "twice is once");
        }
    }

    #[test]
    fn nothing_is_taken_for_markdown() {
        for (text, expected) in [
            ("", "–"),
            ("plain", "plain"),
            ("a | b", "a \\| b"),
            ("<script>&", "&lt;script&gt;&amp;"),
            ("**b** _i_ snake_case", "\\*\\*b\\*\\* \\_i\\_ snake_case"),
            ("![x](http://e)", "!\\[x\\](http://e)"),
            ("# heading", "\\# heading"),
            ("- item", "\\- item"),
            ("12. item", "12\\. item"),
            ("1.5 s", "1.5 s"),
            ("a\\|b", "a\\\\\\|b"),
            ("cannot write `a_b`: full", "cannot write `a_b`: full"),
            ("`a|b` is 97", "`a|b` is 97"),
            ("`a < 9` fails", "`a < 9` fails"),
            ("`a\\|b`", "\\`a\\\\\\|b\\`"),
            ("x `<b>` y", "x \\`&lt;b&gt;\\` y"),
            ("`</td>`", "\\`&lt;/td&gt;\\`"),
            ("odd ` tick <b>", "odd \\` tick &lt;b&gt;"),
            ("``<b>``", "\\`\\`&lt;b&gt;\\`\\`"),
            ("two\nlines", "two ⏎ lines"),
        ] {
            assert_eq!(inline(text), expected, "{text:?}");
        }
        assert_eq!(code("a*b"), "`a*b`");
        assert_eq!(code("a`|b"), "a\\`\\|b");
        assert_eq!(code("a|b"), "`a|b`");
        assert_eq!(cell(&inline("`a|b` | c")), "`a\\|b` \\| c");
        assert_eq!(cell(&inline("\\| `\\` |")), "\\\\\\| `\\` \\|");
    }

    #[test]
    fn a_fence_is_longer_than_what_is_in_it() {
        let (block, left) = fence("a\n````\n\u{1b}[1mb\nc\n", "text", 3);
        assert_eq!(block, "`````text\na\n````\nb\n`````\n");
        assert_eq!(left, 1);
        assert_eq!(fence("", "text", 3), ("```text\n\n```\n".to_owned(), 0));
    }
}
