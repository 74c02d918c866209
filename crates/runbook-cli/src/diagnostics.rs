//! Findings for people (by miette) and for programs.

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use runbook_document::{Finding, Severity, Span};
use serde_json::{Value, json};

use crate::project::Sources;

struct Shown<'a> {
    finding: &'a Finding,
    source: NamedSource<String>,
    name: &'a str,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        Some(Box::new(self.finding.code.id))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.finding
            .help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.source.inner().is_empty()).then_some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = |span: Span, text: &str| {
            let text = (!text.is_empty()).then(|| text.to_owned());
            LabeledSpan::new(text, span.start, span.end.saturating_sub(span.start))
        };
        let first = LabeledSpan::new_primary_with_span(
            Some(
                if self.finding.label.is_empty() {
                    "here"
                } else {
                    &self.finding.label
                }
                .to_owned(),
            ),
            (
                self.finding.span.start,
                self.finding.span.end.saturating_sub(self.finding.span.start),
            ),
        );
        let related = self
            .finding
            .related
            .iter()
            .map(move |(span, text)| label(*span, text));
        debug_assert!(!self.name.is_empty(), "every source has a name");
        Some(Box::new(std::iter::once(first).chain(related)))
    }
}

/// The findings for people, each with its place in the text.
pub(crate) fn render(sources: &Sources, findings: &[Finding]) -> String {
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let theme = if colours {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(100)
        .with_links(false);
    let mut text = String::new();
    for finding in findings {
        let name = sources.name(finding.span.source);
        let source = NamedSource::new(name, sources.text(finding.span.source).to_owned());
        // Rendering into a string fails only if the finding's place is outside of its text.
        if handler
            .render_report(
                &mut text,
                &Shown {
                    finding,
                    source,
                    name,
                },
            )
            .is_err()
        {
            text.push_str(&format!("{}: {}: {}\n", finding.code.id, name, finding.message));
        }
    }
    text
}

/// The findings for programs.
pub(crate) fn json(sources: &Sources, findings: &[Finding]) -> Value {
    findings
        .iter()
        .map(|finding| {
            let mut value = place(sources, finding.span);
            let related: Vec<Value> = finding
                .related
                .iter()
                .map(|(span, text)| {
                    let mut value = place(sources, *span);
                    insert(&mut value, "message", json!(text));
                    value
                })
                .collect();
            let severity = match finding.severity {
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            insert(&mut value, "code", json!(finding.code.id));
            insert(&mut value, "severity", json!(severity));
            insert(&mut value, "message", json!(finding.message));
            insert(&mut value, "help", json!(finding.help));
            insert(&mut value, "related", json!(related));
            value
        })
        .collect()
}

fn insert(value: &mut Value, key: &str, item: Value) {
    if let Value::Object(map) = value {
        map.insert(key.to_owned(), item);
    }
}

/// A place as file, line and column, counted from 1; columns count characters.
fn place(sources: &Sources, span: Span) -> Value {
    let text = sources.text(span.source);
    let position = |at: usize| {
        let before = text.get(..at.min(text.len())).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    };
    let ((line, column), (end_line, end_column)) = (position(span.start), position(span.end));
    json!({
        "file": sources.name(span.source), "line": line, "column": column,
        "end_line": end_line, "end_column": end_column,
    })
}
