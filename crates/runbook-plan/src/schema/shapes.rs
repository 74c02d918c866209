//! Scalar shapes as schemas, and how a hover names a shape.

use runbook_schema::{Shape, duration};
use serde_json::{Value, json};

use super::Json;

/// The patterns of names and versions. Tests hold them to what the check of a document accepts.
const SLUG: &str = "^[a-z][a-z0-9_-]{0,79}$";
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

/// A text; YAML reads some texts, such as `8` and `true`, as something else.
pub(super) fn text() -> Json {
    json_of([("type", json!(["string", "number", "boolean"]))])
}

/// Any value. The types are listed, since editors write the colon after a key only if they know one.
pub(super) fn any() -> Json {
    json_of([(
        "type",
        json!(["string", "number", "boolean", "object", "array", "null"]),
    )])
}

/// Text of a pattern, with what an editor says of one that is not.
pub(super) fn pattern(pattern: &str, noun: &str) -> Json {
    json_of([
        ("type", "string".into()),
        ("pattern", pattern.into()),
        ("patternErrorMessage", format!("Expected {noun}.").into()),
    ])
}

/// The schema of a slug.
pub(super) fn slug() -> Json {
    pattern(SLUG, &Shape::Slug.noun())
}

/// The schema of a version.
pub(super) fn version() -> Json {
    pattern(VERSION, &Shape::Version.noun())
}

/// The schema of a length of time.
pub(super) fn duration() -> Json {
    pattern(&duration::pattern(), &Shape::Duration.noun())
}

/// The schema of exactly one template, beside the values of `inner`.
pub(super) fn dynamic(inner: &Shape, schema: Json) -> Json {
    let noun = format!("{}, or one template: `{{{{ … }}}}`", inner.noun());
    json_of([("anyOf", json!([schema, pattern(TEMPLATE, &noun)]))])
}

/// The schema of a whole number.
pub(super) fn integer(min: Option<i64>, max: Option<i64>) -> Json {
    let mut schema = json_of([("type", "integer".into())]);
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

/// What a hover says of a value beside what its key is for. Nothing where the editor shows it by itself.
pub(super) fn remark(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Template => Some("Text. Each `{{ … }}` in it is replaced by a value.".to_owned()),
        Shape::Literal => Some("Text, taken as it stands.".to_owned()),
        Shape::Expression => Some("An expression, without braces.".to_owned()),
        Shape::Slug | Shape::Version | Shape::Integer { .. } | Shape::Boolean | Shape::Duration => {
            Some(sentence(&shape.noun()))
        }
        Shape::Dynamic(inner) => Some(sentence(&format!("{}, or one `{{{{ … }}}}`", inner.noun()))),
        Shape::Any => Some("Any value. Each `{{ … }}` in its texts is replaced by a value.".to_owned()),
        Shape::List(inner) => Some(format!("A list of {}.", plural(inner))),
        Shape::Map(inner) => Some(format!("A mapping of names to {}.", plural(inner))),
        Shape::OneOf(shapes) => {
            let ways: Vec<String> = shapes.iter().filter_map(remark).collect();
            (!ways.is_empty()).then(|| ways.join("\n\nOr: "))
        }
        Shape::Choice(_) | Shape::Object(_) => None,
    }
}

fn plural(shape: &Shape) -> String {
    match shape {
        Shape::Template => "texts; each `{{ … }}` in them is replaced by a value".to_owned(),
        Shape::Literal => "texts, taken as they stand".to_owned(),
        Shape::Expression => "expressions, without braces".to_owned(),
        Shape::Slug => "short names".to_owned(),
        Shape::Version => "versions".to_owned(),
        Shape::Integer { .. } => "whole numbers".to_owned(),
        Shape::Boolean => "booleans".to_owned(),
        Shape::Duration => "lengths of time".to_owned(),
        Shape::Choice(words) => format!("words, each {}", Shape::one_of_words(words)),
        Shape::Dynamic(inner) => plural(inner),
        Shape::List(_) => "lists".to_owned(),
        Shape::Map(_) => "mappings".to_owned(),
        Shape::Object(object) => format!("{}s", object.name),
        Shape::OneOf(shapes) => {
            let ways: Vec<String> = shapes.iter().map(plural).collect();
            ways.join(", or of ")
        }
        Shape::Any => "any values".to_owned(),
    }
}

/// A noun as a sentence of its own.
fn sentence(noun: &str) -> String {
    let mut chars = noun.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str())
}
