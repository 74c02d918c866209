//! Findings, in the format that whoever reads them understands: one file a format.

mod github;
mod json;
mod junit;
mod sarif;
mod text;

use std::path::Path;

use runbook_document::{Finding, Severity, Span};

use crate::args::CheckFormat;
use crate::sources::Sources;
use crate::term::{BAD, GOOD, WARN, styled};

pub(crate) use text::render as text;

/// What a check has found in which texts.
pub(crate) struct Checked<'a> {
    pub(crate) sources: &'a Sources,
    pub(crate) findings: &'a [Finding],
    /// The names of the runbooks that were checked. Others were read, too, for what these need of them.
    pub(crate) runbooks: &'a [String],
    /// The project's root, which the names of the texts begin at.
    pub(crate) root: &'a Path,
}

impl Checked<'_> {
    fn errors(&self) -> usize {
        let is_error = |finding: &&Finding| finding.severity == Severity::Error;
        self.findings.iter().filter(is_error).count()
    }

    /// The path of a text as whoever checked the repository out knows it: from the repository's root, which may be
    /// above the project's. One that is elsewhere stays absolute.
    fn path(&self, name: &str) -> String {
        let is_repository = |folder: &&Path| folder.join(".git").exists();
        let repository = self.root.ancestors().find(is_repository).unwrap_or(self.root);
        let full = self.root.join(name);
        let path = full.strip_prefix(repository).unwrap_or(&full);
        path.to_string_lossy().replace('\\', "/")
    }

    /// Where a finding or a part of it stands.
    fn place(&self, span: Span, column: Column) -> Place {
        let text = self.sources.text(span.source);
        let (line, first) = position(text, span.start, column);
        let (end_line, end) = position(text, span.end, column);
        Place {
            file: self.sources.name(span.source).to_owned(),
            line,
            column: first,
            end_line,
            end_column: end,
        }
    }
}

/// A place as people count: from 1. The end is the column after the last.
struct Place {
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

/// What a column counts.
#[derive(Clone, Copy)]
enum Column {
    /// Characters.
    Chars,
    /// UTF-16 code units, as editors do.
    Utf16,
}

/// Line and column of a byte, counted from 1.
fn position(text: &str, at: usize, column: Column) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let last = before.rsplit('\n').next().unwrap_or("");
    let count = match column {
        Column::Chars => last.chars().count(),
        Column::Utf16 => last.encode_utf16().count(),
    };
    (line, count + 1)
}

/// The word for how much a finding matters, which all formats for programs share.
fn level(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// All that was found, in a format. Without findings it is still a whole document.
pub(crate) fn render(format: CheckFormat, checked: &Checked<'_>) -> String {
    match format {
        CheckFormat::Text => {
            let findings = text(checked.sources, checked.findings, &std::io::stdout());
            let findings = findings.trim_end();
            let end = if findings.is_empty() { "" } else { "\n" };
            format!("{findings}{end}{}\n", summary(checked))
        }
        CheckFormat::Json => pretty(&json::render(checked)),
        CheckFormat::Github => github::render(checked),
        CheckFormat::Sarif => pretty(&sarif::render(checked)),
        CheckFormat::Junit => junit::render(checked),
    }
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// How it went, in one line.
fn summary(checked: &Checked<'_>) -> String {
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let errors = checked.errors();
    let warnings = checked.findings.len() - errors;
    let (style, mark) = match (errors, warnings) {
        (0, 0) => (GOOD, "✓"),
        (0, _) => (WARN, "!"),
        _ => (BAD, "✗"),
    };
    let text = format!(
        "{}: {}, {}",
        plural(checked.runbooks.len(), "runbook"),
        plural(errors, "error"),
        plural(warnings, "warning")
    );
    format!("{} {text}", styled(style, mark))
}
