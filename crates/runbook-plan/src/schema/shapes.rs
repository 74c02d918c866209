//! Scalar shapes as schemas, and how a hover names a shape.
//!
//! `errorMessage` is what editors say in place of words such as “incorrect type” or the pattern itself.

use runbook_schema::{Shape, WORDS, duration};
use serde_json::{Value, json};

use super::Json;

/// The patterns of names and versions. Tests hold them to what the check of a document accepts.
const SLUG: &str = "^[a-z][a-z0-9_-]{0,79}$";
const NAME: &str = "^[A-Za-z_][A-Za-z0-9_]{0,79}$";
const VERSION: &str = "^[0-9]+\\.[0-9]+\\.[0-9]+(-[\\s\\S]+)?$";

/// A text that is one `{{ … }}` and nothing else.
const TEMPLATE: &str = "^\\s*\\{\\{[\\s\\S]*\\}\\}\\s*$";

/// A mapping with these keys.
pub(super) fn json_of<const N: usize>(entries: [(&str, Value); N]) -> Json {
    entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// A text. YAML reads some as numbers and some as booleans; of the latter nothing is said by `type`, so that editors
/// do not offer `true` and `false` wherever a text belongs.
pub(super) fn text(title: &str) -> Json {
    let message = "Expected text.";
    json_of([(
        "anyOf",
        json!([
            {"title": title, "type": ["string", "number"], "errorMessage": message},
            {"title": "boolean", "not": {"type": ["string", "number", "null", "array", "object"]}},
        ]),
    )])
}

/// An expression; `8` and `true` are some.
pub(super) fn expression() -> Json {
    json_of([
        ("title", "expression".into()),
        ("type", json!(["string", "number", "boolean"])),
        ("errorMessage", "Expected an expression.".into()),
    ])
}

/// Any value. The types are listed, since editors write the colon after a key only if they know one.
pub(super) fn any() -> Json {
    json_of([(
        "type",
        json!(["string", "number", "boolean", "object", "array", "null"]),
    )])
}

/// The schema of a slug.
pub(super) fn slug() -> Json {
    pattern("name", SLUG, &Shape::Slug.noun())
}

/// The schema of a version.
pub(super) fn version() -> Json {
    pattern("version", VERSION, &Shape::Version.noun())
}

/// The schema of a length of time.
pub(super) fn duration() -> Json {
    pattern("length of time", &duration::pattern(), &Shape::Duration.noun())
}

/// The schema of a name that expressions use.
pub(super) fn name_in_expressions() -> Json {
    let noun = "a name that expressions can use: letters, digits and `_`, beginning with a letter";
    let mut schema = pattern("name", NAME, noun);
    schema.insert("not".to_owned(), json!({"enum": WORDS}));
    schema
}

fn pattern(title: &str, pattern: &str, noun: &str) -> Json {
    json_of([
        ("title", title.into()),
        ("type", "string".into()),
        ("pattern", pattern.into()),
        ("errorMessage", format!("Expected {noun}.").into()),
    ])
}

/// The schema of exactly one template, beside the values of `inner`.
pub(super) fn dynamic(inner: &Shape, mut schema: Json) -> Json {
    name(&mut schema, inner);
    let noun = format!("{}, or one template: `{{{{ … }}}}`", inner.noun());
    json_of([("anyOf", json!([schema, pattern("template", TEMPLATE, &noun)]))])
}

/// The schema of a whole number.
pub(super) fn integer(min: Option<i64>, max: Option<i64>) -> Json {
    bounded(
        "integer",
        "whole number",
        &Shape::Integer { min, max },
        [min, max],
    )
}

/// The schema of a number.
pub(super) fn number(min: Option<i64>, max: Option<i64>) -> Json {
    bounded("number", "number", &Shape::Number { min, max }, [min, max])
}

fn bounded(of: &str, title: &str, shape: &Shape, [min, max]: [Option<i64>; 2]) -> Json {
    let mut schema = json_of([
        ("title", title.into()),
        ("type", of.into()),
        ("errorMessage", format!("Expected {}.", shape.noun()).into()),
    ]);
    for (key, bound) in [("minimum", min), ("maximum", max)] {
        if let Some(bound) = bound {
            schema.insert(key.to_owned(), bound.into());
        }
    }
    schema
}

/// The schema of a choice. A word that YAML reads as something else is also allowed as that.
pub(super) fn choice(words: &[&str]) -> Json {
    let mut values: Vec<Value> = Vec::new();
    for word in words {
        match serde_json::from_str::<Value>(word) {
            Ok(read @ (Value::Bool(_) | Value::Number(_))) => values.extend([read, (*word).into()]),
            Ok(Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_)) | Err(_) => {
                values.push((*word).into());
            }
        }
    }
    json_of([("enum", values.into())])
}

/// The schemas of several shapes, of which a value has one. Where a value fits none, editors explain the first of
/// those that are equally near: a mapping or a list has more to explain than a text.
pub(super) fn one_of(ways: Vec<(&Shape, Json)>) -> Json {
    let mut ways = ways;
    ways.sort_by_key(|(shape, _)| {
        let is_mapping = matches!(shape, Shape::Object(_) | Shape::Map(_) | Shape::Named(_));
        (!is_mapping, !matches!(shape, Shape::List(_)))
    });
    let ways: Vec<Json> = ways
        .into_iter()
        .map(|(shape, mut schema)| {
            name(&mut schema, shape);
            schema
        })
        .collect();
    json_of([("anyOf", json!(ways))])
}

/// Gives an alternative a title of its own, by which a hover tells it from the others.
fn name(schema: &mut Json, shape: &Shape) {
    let title = match shape {
        Shape::List(_) => "list",
        Shape::Map(_) | Shape::Named(_) => "mapping",
        Shape::Boolean => "boolean",
        Shape::Choice(_) => "word",
        Shape::Any => "value",
        Shape::OneOf(_) => "alternatives",
        Shape::Dynamic(_) => "value or template",
        // These have one, or more than one below.
        Shape::Template
        | Shape::Literal
        | Shape::Expression
        | Shape::Slug
        | Shape::Version
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Duration
        | Shape::Object(_) => return,
    };
    schema.insert("title".to_owned(), title.into());
}

/// What a hover says of a value beside what its key is for. Nothing where the editor shows it by itself.
pub(super) fn remark(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Template => Some("Each `{{ … }}` in it is replaced by a value.".to_owned()),
        Shape::Literal => Some("A `{{ … }}` in it stays as it is.".to_owned()),
        Shape::Expression => Some("Written without braces.".to_owned()),
        Shape::Slug => Some("Lower case letters, digits, `_` and `-`, beginning with a letter.".to_owned()),
        Shape::Version => Some("Such as `1.2.0`.".to_owned()),
        Shape::Integer { .. } | Shape::Number { .. } | Shape::Boolean => Some(sentence(&shape.noun())),
        Shape::Duration => Some("Such as `30s`, `5m` or `1h30m`.".to_owned()),
        Shape::Dynamic(inner) => Some(sentence(&format!("{}, or one `{{{{ … }}}}`", inner.noun()))),
        Shape::Any => Some("Any value. Each `{{ … }}` in its texts is replaced by a value.".to_owned()),
        Shape::List(inner) => Some(format!("A list of {}.", plural(inner))),
        Shape::Map(inner) | Shape::Named(inner) => Some(format!("A mapping of names to {}.", plural(inner))),
        Shape::OneOf(shapes) => {
            let way = |shape| remark(shape).unwrap_or_else(|| sentence(&Shape::noun(shape)));
            let ways: Vec<String> = shapes.iter().map(way).collect();
            Some(ways.join("\n\nOr: "))
        }
        Shape::Choice(_) | Shape::Object(_) => None,
    }
}

fn plural(shape: &Shape) -> String {
    match shape {
        Shape::Template => "texts; each `{{ … }}` in them is replaced by a value".to_owned(),
        Shape::Literal => "texts; a `{{ … }}` in them stays as it is".to_owned(),
        Shape::Expression => "expressions, without braces".to_owned(),
        Shape::Slug => "names".to_owned(),
        Shape::Version => "versions".to_owned(),
        Shape::Integer { .. } => "whole numbers".to_owned(),
        Shape::Number { .. } => "numbers".to_owned(),
        Shape::Boolean => "booleans".to_owned(),
        Shape::Duration => "lengths of time".to_owned(),
        Shape::Choice(words) => format!("words, each {}", Shape::one_of_words(words)),
        Shape::Dynamic(inner) => plural(inner),
        Shape::List(_) => "lists".to_owned(),
        Shape::Map(_) | Shape::Named(_) => "mappings".to_owned(),
        Shape::Object(object) => format!("{}s", object.name),
        Shape::OneOf(shapes) => {
            let ways: Vec<String> = shapes.iter().map(plural).collect();
            ways.join(", or of ")
        }
        Shape::Any => "values".to_owned(),
    }
}

/// A noun as a sentence of its own.
fn sentence(noun: &str) -> String {
    let mut chars = noun.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str())
}
