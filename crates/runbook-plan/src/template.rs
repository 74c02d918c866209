//! Templates: values with `{{ … }}` in their texts, and what they become.
//!
//! A text is cut into what the author wrote and expressions before anything is known, so no value can ever
//! be read as template, and each part of a rendered text still says where it came from.

use indexmap::IndexMap;
use runbook_action::{Param, Segment, Text};
use runbook_document::Span;

use crate::expression::{EvalError, Expression, Scope};

/// A value with expressions in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// No expression in it.
    Fixed(Param),
    /// Exactly one expression: its value keeps its type.
    Whole(Expression),
    /// Text with expressions in it.
    Text(Vec<Piece>),
    /// A list.
    List(Vec<Template>),
    /// A mapping.
    Map(IndexMap<String, Template>),
}

/// One piece of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Literal(String),
    Expression(Expression),
}

/// A template that has no value, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// Why.
    pub error: EvalError,
    /// The expression.
    pub expression: String,
    /// The place of the text that it stands in.
    pub span: Span,
    /// The path of the parameter: `json.max_size`.
    pub path: String,
}

impl Template {
    /// A value without expressions.
    #[must_use]
    pub fn fixed(param: Param, span: Span) -> Self {
        Self {
            kind: Kind::Fixed(param),
            span,
        }
    }

    /// Its value.
    pub fn render(&self, scope: &Scope) -> Result<Param, RenderError> {
        self.render_at(scope, "")
    }

    fn render_at(&self, scope: &Scope, path: &str) -> Result<Param, RenderError> {
        let wrong = |expression: &Expression, error| RenderError {
            error,
            expression: expression.source().to_owned(),
            span: self.span,
            path: path.to_owned(),
        };
        match &self.kind {
            Kind::Fixed(param) => Ok(param.clone()),
            Kind::Whole(expression) => expression
                .eval(scope)
                .map(|value| value.to_param())
                .map_err(|error| wrong(expression, error)),
            Kind::Text(pieces) => {
                let mut segments = Vec::new();
                for piece in pieces {
                    match piece {
                        Piece::Literal(text) => segments.push(Segment::Literal(text.clone())),
                        Piece::Expression(expression) => {
                            let value = expression.eval(scope).map_err(|error| wrong(expression, error))?;
                            let parts = value.segments().ok_or_else(|| {
                                let message = format!("{} cannot become part of a text", value.noun());
                                let to = expression.source().len();
                                wrong(
                                    expression,
                                    EvalError {
                                        message,
                                        from: 0,
                                        to,
                                        missing: false,
                                    },
                                )
                            })?;
                            segments.extend(parts);
                        }
                    }
                }
                Ok(Param::Text(Text::from_segments(segments)))
            }
            Kind::List(items) => {
                let items = items.iter().enumerate();
                items
                    .map(|(at, item)| item.render_at(scope, &format!("{path}[{at}]")))
                    .collect::<Result<_, _>>()
                    .map(Param::List)
            }
            Kind::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    let path = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    Ok((key.clone(), value.render_at(scope, &path)?))
                });
                entries.collect::<Result<_, _>>().map(Param::Map)
            }
        }
    }

    /// Its value as far as it is known without running anything: expressions stay expressions.
    #[must_use]
    pub fn sketch(&self) -> Param {
        match &self.kind {
            Kind::Fixed(param) => param.clone(),
            Kind::Whole(expression) => Param::Text(Text::from_segments(vec![Segment::Unknown(
                expression.source().to_owned(),
            )])),
            Kind::Text(pieces) => Param::Text(Text::from_segments(
                pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Literal(text) => Segment::Literal(text.clone()),
                        Piece::Expression(expression) => Segment::Unknown(expression.source().to_owned()),
                    })
                    .collect(),
            )),
            Kind::List(items) => Param::List(items.iter().map(Self::sketch).collect()),
            Kind::Map(entries) => Param::Map(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.sketch()))
                    .collect(),
            ),
        }
    }
}

/// A part of a text before its expressions are read, with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Literal(&'a str),
    Expression { source: &'a str, from: usize },
}

/// Why a text cannot be cut into parts, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CutError {
    pub(crate) message: &'static str,
    pub(crate) help: &'static str,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Cuts a text at its `{{ … }}`. Braces within quotes inside an expression do not end it.
pub(crate) fn cut(text: &str) -> Result<Vec<Part<'_>>, CutError> {
    let mut parts = Vec::new();
    let mut rest = 0;
    while let Some(open) = find(text, rest, "{{") {
        refuse_statement(text, rest, open)?;
        if open > rest {
            parts.push(Part::Literal(&text[rest..open]));
        }
        let close = end_of(text, open + 2).ok_or(CutError {
            message: "this `{{` has no `}}`",
            help: "close it, or write `{{ '{{' }}` for the braces themselves",
            from: open,
            to: open + 2,
        })?;
        let inner = &text[open + 2..close];
        let source = inner.strip_prefix('-').unwrap_or(inner);
        let from = open + 2 + (inner.len() - source.len());
        parts.push(Part::Expression {
            source: source.strip_suffix('-').unwrap_or(source),
            from,
        });
        rest = close + 2;
    }
    refuse_statement(text, rest, text.len())?;
    if rest < text.len() {
        parts.push(Part::Literal(&text[rest..]));
    }
    Ok(parts)
}

fn refuse_statement(text: &str, from: usize, to: usize) -> Result<(), CutError> {
    match find(&text[..to], from, "{%") {
        Some(at) => Err(CutError {
            message: "templates have no statements",
            help: "use `when`, an inline `{{ a if x else b }}`, or write `{{ '{%' }}` for the characters themselves",
            from: at,
            to: at + 2,
        }),
        None => Ok(()),
    }
}

fn find(text: &str, from: usize, what: &str) -> Option<usize> {
    text.get(from..)?.find(what).map(|at| from + at)
}

fn end_of(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut quote) = (from, None);
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') && bytes.get(at + 2) != Some(&b'}') => {
                return Some(at);
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_expressions() {
        let parts = cut("a {{ x }}-{{ {'k': '}}'} }} z").unwrap();
        let expected = [
            Part::Literal("a "),
            Part::Expression {
                source: " x ",
                from: 4,
            },
            Part::Literal("-"),
            Part::Expression {
                source: " {'k': '}}'} ",
                from: 12,
            },
            Part::Literal(" z"),
        ];
        assert_eq!(parts, expected);
        assert_eq!(cut("plain").unwrap(), [Part::Literal("plain")]);
        assert_eq!(cut("").unwrap(), []);
        assert_eq!(cut("{{ a").unwrap_err().from, 0);
        assert_eq!(cut("x {% if a %}").unwrap_err().from, 2);
    }
}
