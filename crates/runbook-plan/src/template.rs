//! Templates: values with `{{ … }}` in their texts, and what they become.
//!
//! A text is cut into what the author wrote and expressions before anything is known, so no value can ever
//! be read as template, and each part of a rendered text still says where it came from.

use indexmap::IndexMap;
use runbook_action::{Param, Segment, Text};
use runbook_document::Span;

use crate::expression::{Budget, EvalError, Exhausted, Expression, Scope, Val};

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

/// How much the values that fill templates may be together: 8 MiB.
#[derive(Debug)]
pub struct Room(Budget);

impl Room {
    /// For all that one action is given.
    #[must_use]
    pub const fn new() -> Self {
        Self(Budget::new())
    }

    /// Whether there is room for this value as well, which takes it.
    #[must_use]
    pub fn takes(&self, value: &Val) -> bool {
        self.0.value(value).is_ok()
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new()
    }
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
        self.render_within(scope, &Room::new())
    }

    /// Its value, if there is room for it.
    pub fn render_within(&self, scope: &Scope, room: &Room) -> Result<Param, RenderError> {
        self.render_at(&Rendering { scope, room }, "")
    }

    fn render_at(&self, on: &Rendering<'_>, path: &str) -> Result<Param, RenderError> {
        let value_of = |expression: &Expression| {
            on.value(expression).map_err(|error| RenderError {
                error,
                expression: expression.source().to_owned(),
                span: self.span,
                path: path.to_owned(),
            })
        };
        match &self.kind {
            Kind::Fixed(param) => Ok(param.clone()),
            Kind::Whole(expression) => value_of(expression).map(|value| value.to_param()),
            Kind::Text(pieces) => {
                let mut segments = Vec::new();
                for piece in pieces {
                    match piece {
                        Piece::Literal(text) => segments.push(Segment::Literal(text.clone())),
                        Piece::Expression(expression) => {
                            let value = value_of(expression)?;
                            let parts = value.segments().ok_or_else(|| RenderError {
                                error: whole(
                                    expression,
                                    format!("{} cannot become part of a text", value.noun()),
                                ),
                                expression: expression.source().to_owned(),
                                span: self.span,
                                path: path.to_owned(),
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
                    .map(|(at, item)| item.render_at(on, &format!("{path}[{at}]")))
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
                    Ok((key.clone(), value.render_at(on, &path)?))
                });
                entries.collect::<Result<_, _>>().map(Param::Map)
            }
        }
    }

    /// The value of a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(entries) => entries.get(key),
            Kind::Fixed(_) | Kind::Whole(_) | Kind::Text(_) | Kind::List(_) => None,
        }
    }

    /// Whether this is a list.
    pub(crate) const fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List(_))
    }

    /// The expressions in it, each with the place of the text that it stands in.
    #[must_use]
    pub fn expressions(&self) -> Vec<(&Expression, Span)> {
        match &self.kind {
            Kind::Fixed(_) => Vec::new(),
            Kind::Whole(expression) => vec![(expression, self.span)],
            Kind::Text(pieces) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Expression(expression) => Some((expression, self.span)),
                    Piece::Literal(_) => None,
                })
                .collect(),
            Kind::List(items) => items.iter().flat_map(Self::expressions).collect(),
            Kind::Map(entries) => entries.values().flat_map(Self::expressions).collect(),
        }
    }

    /// Its value as far as it is known without running anything: expressions stay expressions.
    #[must_use]
    pub fn sketch(&self) -> Param {
        self.sketch_with(&|_| None)
    }

    /// Its value as far as it is known: expressions that have no value here stay expressions.
    #[must_use]
    pub fn foresee(&self, scope: &Scope) -> Param {
        let room = Room::new();
        self.sketch_with(&|expression| Rendering { scope, room: &room }.value(expression).ok())
    }

    fn sketch_with(&self, value_of: &dyn Fn(&Expression) -> Option<Val>) -> Param {
        let unknown = |expression: &Expression| vec![Segment::Unknown(expression.source().to_owned())];
        match &self.kind {
            Kind::Fixed(param) => param.clone(),
            Kind::Whole(expression) => value_of(expression).map_or_else(
                || Param::Text(Text::from_segments(unknown(expression))),
                |value| value.to_param(),
            ),
            Kind::Text(pieces) => {
                let segments = pieces.iter().flat_map(|piece| match piece {
                    Piece::Literal(text) => vec![Segment::Literal(text.clone())],
                    Piece::Expression(expression) => value_of(expression)
                        .and_then(|value| value.segments())
                        .unwrap_or_else(|| unknown(expression)),
                });
                Param::Text(Text::from_segments(segments.collect()))
            }
            Kind::List(items) => Param::List(items.iter().map(|item| item.sketch_with(value_of)).collect()),
            Kind::Map(entries) => Param::Map(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.sketch_with(value_of)))
                    .collect(),
            ),
        }
    }
}

/// What fills the templates of one value.
struct Rendering<'a> {
    scope: &'a Scope,
    room: &'a Room,
}

impl Rendering<'_> {
    fn value(&self, expression: &Expression) -> Result<Val, EvalError> {
        let value = expression.eval(self.scope)?;
        self.room.0.value(&value).map_err(|Exhausted| {
            let message = "the values that fill this action's templates would be larger than 8 MiB together";
            whole(expression, message.to_owned())
        })?;
        Ok(value)
    }
}

/// An error of a whole expression.
fn whole(expression: &Expression, message: String) -> EvalError {
    EvalError {
        message,
        from: 0,
        to: expression.source().len(),
        missing: false,
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

/// Cuts code at its `{{ … }}`. Braces without a name in them are the code's own, such as an array in SQL, and so
/// are those that do not close.
pub(crate) fn cut_code(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut literal, mut from) = (0, 0);
    while let Some(open) = find(text, from, "{{") {
        let Some(close) = end_of(text, open + 2) else {
            from = open + 2;
            continue;
        };
        let source = &text[open + 2..close];
        from = close + 2;
        if !source.contains(|char: char| char.is_alphabetic() || char == '_') {
            continue;
        }
        if open > literal {
            parts.push(Part::Literal(&text[literal..open]));
        }
        parts.push(Part::Expression {
            source,
            from: open + 2,
        });
        literal = from;
    }
    if literal < text.len() {
        parts.push(Part::Literal(&text[literal..]));
    }
    parts
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
    fn code_is_cut_where_braces_hold_a_name() {
        let parts = cut_code("SELECT '{{1,2},{3,4}}', {{ x | sql_literal }}, '{{}}', '{%', '{{'");
        let expected = [
            Part::Literal("SELECT '{{1,2},{3,4}}', "),
            Part::Expression {
                source: " x | sql_literal ",
                from: 26,
            },
            Part::Literal(", '{{}}', '{%', '{{'"),
        ];
        assert_eq!(parts, expected);
    }

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
