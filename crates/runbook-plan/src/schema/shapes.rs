//! Scalar shapes and alternatives as schemas.
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

/// The schema of exactly one template, beside the values of a shape.
pub(super) fn dynamic(inner: &Shape, schema: Json) -> Json {
    let noun = format!("{}, or one template: `{{{{ … }}}}`", inner.noun());
    let mut ways = Ways::default();
    ways.add(inner, schema);
    let mut template = pattern("template", TEMPLATE, &noun);
    // As a list: of two alternatives with the same type, the server would tell the type and not our words.
    template.insert("type".to_owned(), json!(["string"]));
    ways.others.push(template);
    ways.schema()
}

/// What holds if a key is left out. Editors insert it with the key, so there is none for booleans: whoever writes
/// such a key wants the other one.
pub(super) fn default(shape: &Shape, text: &str) -> Option<Value> {
    if let Shape::Dynamic(inner) = shape {
        default(inner, text)
    } else if let Shape::Choice(words) = shape {
        words.contains(&text).then(|| text.into())
    } else if matches!(shape, Shape::Duration) {
        duration::parse_duration(text).map(|_| text.into())
    } else if matches!(shape, Shape::Integer { .. } | Shape::Number { .. }) {
        serde_json::from_str(text).ok().filter(Value::is_number)
    } else {
        None
    }
}

/// The schema of several shapes, of which a value has one.
pub(super) fn one_of(shapes: Vec<(&Shape, Json)>) -> Json {
    let mut ways = Ways::default();
    for (shape, schema) in shapes {
        ways.add(shape, schema);
    }
    ways.schema()
}

/// Alternatives, by what YAML says of a value before one looks into it.
#[derive(Default)]
struct Ways {
    mapping: Option<Json>,
    list: Option<Json>,
    others: Vec<Json>,
}

impl Ways {
    fn add(&mut self, shape: &Shape, mut schema: Json) {
        name(&mut schema, shape);
        let place = if matches!(shape, Shape::Object(_) | Shape::Map(_) | Shape::Named(_)) {
            &mut self.mapping
        } else if matches!(shape, Shape::List(_)) {
            &mut self.list
        } else {
            return self.others.push(schema);
        };
        // As in the check, the first that fits is the one.
        place.get_or_insert(schema);
    }

    /// A mapping is compared with the alternative that is a mapping, and a list with the one that is a list, so that
    /// editors explain what is wrong in it. With `anyOf` alone they would rather say that it is no text.
    fn schema(self) -> Json {
        let branches = [("object", self.mapping), ("array", self.list)];
        let (types, branches): (Vec<&str>, Vec<Value>) = branches
            .into_iter()
            .filter_map(|(of, schema)| Some((of, json!({"if": {"type": of}, "then": schema?}))))
            .unzip();
        let mut ways: Vec<Value> = self.others.into_iter().map(Value::Object).collect();
        let mut schema = if ways.is_empty() {
            json_of([("type", json!(types))])
        } else {
            if !types.is_empty() {
                ways.push(json!({"title": "mapping or list", "type": types}));
            }
            json_of([("anyOf", ways.into())])
        };
        if !branches.is_empty() {
            schema.insert("allOf".to_owned(), branches.into());
        }
        schema
    }
}

/// Gives an alternative a title of its own, by which a hover tells it from the others. Texts, names and numbers have
/// one, or alternatives that have.
fn name(schema: &mut Json, shape: &Shape) {
    let title = if matches!(shape, Shape::List(_)) {
        "list"
    } else if matches!(shape, Shape::Map(_) | Shape::Named(_)) {
        "mapping"
    } else if matches!(shape, Shape::Boolean) {
        "boolean"
    } else if matches!(shape, Shape::Choice(_)) {
        "word"
    } else if matches!(shape, Shape::Any | Shape::OneOf(_) | Shape::Dynamic(_)) {
        "value"
    } else {
        return;
    };
    schema.insert("title".to_owned(), title.into());
}
