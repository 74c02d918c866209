//! Lines as Markdown, for comments and pages: the same words as on a terminal, and no word of an author's can be
//! anything but a word there.

use std::fmt::Write as _;

use runbook_report::text;

use super::line::{Line, Tone};

/// How many columns of a terminal are one level of a list.
const LEVEL: usize = 4;

/// Lines as Markdown. Headings begin at this level: 1 is `#`.
pub(crate) fn markdown(lines: &[Line], level: usize) -> String {
    let mut out = String::new();
    let mut heading = level;
    for line in lines {
        if line.is_heading() {
            if !out.is_empty() {
                out.push('\n');
            }
            _ = write!(out, "{} {}\n\n", "#".repeat(heading), words(line));
            heading = level + 1;
        } else if line.is_bare() && line.label().is_none() {
            out.push('\n');
        } else {
            out.push_str(&item(line));
        }
    }
    tidy(&out)
}

/// A line as an item of a list, as deep as it is set in; what is not set in is a paragraph.
fn item(line: &Line) -> String {
    let text = words(line);
    if line.indent() == 0 {
        return format!("{text}\n");
    }
    let depth = line.indent().saturating_sub(2) / LEVEL;
    let indent = "  ".repeat(depth);
    match line.label() {
        Some("") | None => {
            let text = text.strip_prefix("- ").unwrap_or(&text);
            format!("{indent}- {text}\n")
        }
        Some(label) => format!("{indent}- _{label}_ {text}\n"),
    }
}

fn words(line: &Line) -> String {
    let mut out = String::new();
    for (tone, text) in line.parts() {
        let text = text.replace('\u{a0}', " ");
        match tone {
            Tone::Plain | Tone::Detail => out.push_str(&escaped(&text)),
            Tone::Heading if line.is_heading() => out.push_str(&escaped(&text)),
            Tone::Heading | Tone::Warning => out.push_str(&around("**", &text)),
            Tone::Code => out.push_str(&code(&text)),
            Tone::Does(_) => out.push_str(&around("_", &text)),
        }
    }
    out.trim().to_owned()
}

/// A text between two marks. Marks beside a blank are none, so blanks stay outside.
fn around(mark: &str, text: &str) -> String {
    let inner = text.trim();
    if inner.is_empty() {
        return escaped(text);
    }
    let before = &text[..text.len() - text.trim_start().len()];
    let after = &text[text.trim_end().len()..];
    format!("{before}{mark}{}{mark}{after}", escaped(inner))
}

/// A text in which nothing means anything, and which tells nobody.
fn escaped(text: &str) -> String {
    text::quiet(&text::escape(text))
}

/// A text as code, or as it is where it cannot be code.
fn code(text: &str) -> String {
    let inner = text.trim();
    if inner.is_empty() {
        return text.to_owned();
    }
    let before = &text[..text.len() - text.trim_start().len()];
    let after = &text[text.trim_end().len()..];
    format!("{before}{}{after}", text::quiet(&text::code(inner)))
}

/// Without more than one empty line in a row.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = true;
    for line in text.lines() {
        if !(line.is_empty() && empty) {
            out.push_str(line);
            out.push('\n');
        }
        empty = line.is_empty();
    }
    out.trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_more_than_a_word() {
        assert_eq!(
            escaped("<b> @all #1 [x](y) *a*"),
            "&lt;b&gt; &#64;all &#35;1 \\[x\\](y) \\*a\\*"
        );
        assert_eq!(code("rm -rf @x"), "`rm -rf @x`");
        assert_eq!(around("**", " loud "), " **loud** ");
    }

    #[test]
    fn lines_become_headings_and_lists() {
        let lines = [
            Line::heading("A plan"),
            Line::at(0).plain("about it"),
            Line::empty(),
            Line::heading("Steps"),
            Line::at(2)
                .detail("1   ")
                .add(Tone::Heading, "One")
                .plain("  reads"),
            Line::labelled(6, "does").code("sql: SELECT 1"),
        ];
        assert_eq!(
            markdown(&lines, 2),
            "## A plan\n\nabout it\n\n### Steps\n\n- 1   **One**  reads\n  - _does_ `sql: SELECT 1`\n"
        );
    }
}
