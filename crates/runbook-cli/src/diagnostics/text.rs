//! Findings for people, each with its place in the text, by miette.

use std::fmt;
use std::ops::Range;

use anstream::stream::RawStream;
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};
use runbook_document::{Finding, Severity, Span};
use runbook_report::visible;

use super::{Column, position};
use crate::sources::Sources;

/// A longer line is not shown: a text without ends of lines would fill the terminal.
const LINE_MAX: usize = 500;

struct Shown<'a> {
    finding: &'a Finding,
    /// The text around it, if it can be shown.
    source: Option<Excerpt>,
    /// Where it is, if the text cannot be shown.
    place: String,
}

impl<'a> Shown<'a> {
    fn new(sources: &Sources, finding: &'a Finding) -> Self {
        let (name, text) = (
            visible(sources.name(finding.span.source)),
            sources.text(finding.span.source),
        );
        let around = text.get(around(text, finding.span)).unwrap_or(text);
        if !around.is_empty() && around.lines().all(|line| line.len() <= LINE_MAX) {
            let source = Some(Excerpt::new(name, text, finding));
            return Self {
                finding,
                source,
                place: String::new(),
            };
        }
        let place = if text.is_empty() {
            format!("{name}: ")
        } else {
            let (line, column) = position(text, finding.span.start, Column::Chars);
            format!("{name}:{line}:{column}: ")
        };
        Self {
            finding,
            source: None,
            place,
        }
    }
}

/// The part of a text that a finding needs, so that showing many findings of a long text takes no longer than
/// showing many of a short one.
struct Excerpt {
    name: String,
    text: String,
    /// Where it begins in the text: bytes and lines.
    start: usize,
    line: usize,
}

impl Excerpt {
    fn new(name: String, text: &str, finding: &Finding) -> Self {
        let same = |span: &Span| span.source == finding.span.source;
        let spans = finding.related.iter().map(|(span, _)| *span).filter(same);
        let all: Vec<Span> = spans.chain([finding.span]).collect();
        let from = all.iter().map(|span| span.start).min().unwrap_or(0);
        let to = all.iter().map(|span| span.end).max().unwrap_or(0);
        let lines = around(text, Span::new(finding.span.source, from, to));
        let start = lines.start;
        Self {
            name,
            line: text.get(..start).unwrap_or_default().matches('\n').count(),
            text: steady(text.get(lines).unwrap_or(text)),
            start,
        }
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let offset = span
            .offset()
            .checked_sub(self.start)
            .ok_or(MietteError::OutOfBounds)?;
        let inner = self
            .text
            .read_span(&SourceSpan::new(offset.into(), span.len()), before, after)?;
        let shown = SourceSpan::new((inner.span().offset() + self.start).into(), inner.span().len());
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            shown,
            inner.line() + self.line,
            inner.column(),
            inner.line_count(),
        )))
    }
}

/// The lines of a place, with the one before and the one after.
fn around(text: &str, span: Span) -> Range<usize> {
    let back = |at: usize| text.get(..at).and_then(|before| before.rfind('\n'));
    let ahead = |at: usize| {
        text.get(at..)
            .and_then(|after| after.find('\n'))
            .map(|end| at + end)
    };
    let start = back(span.start).and_then(back).map_or(0, |end| end + 1);
    let end = ahead(span.end)
        .and_then(|end| ahead(end + 1))
        .unwrap_or(text.len());
    start..end
}

/// The text with a `?` for each byte of what would stay unseen or steer a terminal, so that places stay the same.
fn steady(text: &str) -> String {
    let mut steady = String::with_capacity(text.len());
    for char in text.chars() {
        let mut bytes = [0; 4];
        let as_text: &str = char.encode_utf8(&mut bytes);
        if matches!(char, '\n' | '\t')
            || char.is_ascii_graphic()
            || char == ' '
            || visible(as_text) == as_text
        {
            steady.push(char);
        } else {
            (0..char.len_utf8()).for_each(|_| steady.push('?'));
        }
    }
    steady
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, visible(&self.finding.message))
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
        let help = self.finding.help.as_ref()?;
        Some(Box::new(visible(help)))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = |span: Span, text: &str| {
            let text = (!text.is_empty()).then(|| visible(text));
            LabeledSpan::new(text, span.start, span.end.saturating_sub(span.start))
        };
        let first = LabeledSpan::new_primary_with_span(
            Some(if self.finding.label.is_empty() {
                "here".to_owned()
            } else {
                visible(&self.finding.label)
            }),
            (
                self.finding.span.start,
                self.finding.span.end.saturating_sub(self.finding.span.start),
            ),
        );
        let related = self
            .finding
            .related
            .iter()
            .filter(|(span, _)| span.source == self.finding.span.source)
            .map(move |(span, text)| label(*span, text));
        Some(Box::new(std::iter::once(first).chain(related)))
    }
}

/// The findings for people, each with its place in the text, for where they are printed.
pub(crate) fn render(sources: &Sources, findings: &[Finding], printed_on: &impl RawStream) -> String {
    let colours = anstream::AutoStream::choice(printed_on) != anstream::ColorChoice::Never;
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
        let shown = Shown::new(sources, finding);
        // Rendering into a string fails only if the finding's place is outside of its text.
        if handler.render_report(&mut text, &shown).is_err() {
            let name = visible(sources.name(finding.span.source));
            for part in [
                finding.code.id,
                ": ",
                &name,
                ": ",
                &visible(&finding.message),
                "\n",
            ] {
                text.push_str(part);
            }
        }
    }
    text
}
