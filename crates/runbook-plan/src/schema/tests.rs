//! The schema of a shape takes what the check of a document takes.

use jsonschema::Validator;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use runbook_document::{Findings, SourceId, check, parse};
use runbook_schema::{Field, Object, Shape};
use serde_json::{Map, Value, json};

use super::objects::{Owner, Writer};

static PART: Object = Object {
    name: "part",
    open: false,
    fields: &[
        Field::required("id", Shape::Slug, "Its name."),
        Field::optional("timeout", Shape::Duration, "How long."),
        Field::optional("parts", Shape::List(&Shape::Object(&WHOLE)), "More of them."),
    ],
};

/// It holds itself.
static WHOLE: Object = Object {
    name: "whole",
    open: false,
    fields: &[
        Field::optional("a", Shape::Object(&PART), "One."),
        Field::optional("b", Shape::Map(&Shape::Object(&WHOLE)), "Several."),
    ],
};

static SHAPES: &[Shape] = &[
    Shape::Template,
    Shape::Literal,
    Shape::Quoted(&["sql_literal"]),
    Shape::Expression,
    Shape::Slug,
    Shape::Version,
    Shape::INTEGER,
    Shape::Integer {
        min: Some(-3),
        max: Some(7),
    },
    Shape::Number {
        min: Some(-3),
        max: Some(2),
    },
    Shape::Boolean,
    Shape::Duration,
    Shape::Choice(&["read", "change", "true", "7"]),
    Shape::Dynamic(&Shape::Duration),
    Shape::Dynamic(&Shape::POSITIVE),
    Shape::List(&Shape::Slug),
    Shape::Map(&Shape::Duration),
    Shape::Named(&Shape::Expression),
    Shape::OneOf(&[Shape::List(&Shape::Expression), Shape::Expression]),
    Shape::OneOf(&[Shape::Boolean, Shape::Object(&PART)]),
    Shape::OneOf(&[
        Shape::Choice(&["auto"]),
        Shape::Object(&PART),
        Shape::List(&Shape::Object(&WHOLE)),
    ]),
    Shape::Object(&WHOLE),
    Shape::Any,
];

fn validator(shape: &'static Shape) -> Validator {
    let mut writer = Writer::new(Vec::new(), Vec::new());
    let mut schema = writer.shape(shape, Owner::Language);
    schema.insert("$defs".to_owned(), json!(writer.into_defs()));
    jsonschema::draft202012::new(&Value::Object(schema)).expect("it is a schema")
}

/// Whether the check of a document takes it.
fn is_taken(value: &Value, shape: &Shape) -> bool {
    let mut findings = Findings::new();
    let source = SourceId(0);
    let tree = parse(source, &format!("value: {value}\n"), &mut findings).expect("JSON is YAML");
    let value = tree.get("value").expect("it is there");
    check(value, shape, &mut findings)
}

/// Texts that are something, or nearly.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "read",
            "auto",
            "true",
            "null",
            "7",
            "1.2.0",
            "1.2.0-rc.1",
            "1.2.0-",
            "01.2.3",
            "1.2",
            "a",
            "a-b_9",
            "9a",
            "5m",
            "1h30m",
            "30",
            "{{ a }}",
            " {{ a }}\n",
            "{{",
            "x{{ a }}",
            "",
            "a b",
            "é",
        ])
        .prop_map(str::to_owned),
        "[a-c9_.-]{0,4}",
        "[a-z][a-z0-9_-]{78,80}",
        "([0-9]{0,12}(d|h|m|s|ms)){1,3}",
        "([0-9]{1,2}\\.){2}[0-9]{1,2}(-[a-z\n]{0,3})?",
        "[{} a]{0,6}",
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let scalars = prop_oneof![
        4 => texts().prop_map(Value::from),
        1 => (-9..9_i64).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!(1.5)),
    ];
    let keys = prop_oneof![
        4 => prop::sample::select(vec!["id", "timeout", "parts", "a", "b", "c"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["and", "None", "_", "9", "a-b", "é", ""]).prop_map(str::to_owned),
        1 => "[A-Z_][a-z0-9]{78,80}",
    ];
    scalars.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..4)
                .prop_map(|entries| { Value::Object(entries.into_iter().collect::<Map<String, Value>>()) }),
        ]
    })
}

fn has_names(shape: &Shape) -> bool {
    matches!(
        shape,
        Shape::Slug | Shape::List(_) | Shape::OneOf(_) | Shape::Object(_)
    )
}

/// Whether a boolean is somewhere in it: the check takes `true` for a name, and a schema would have to offer it as one.
fn has_boolean(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::Array(items) => items.iter().any(has_boolean),
        Value::Object(entries) => entries.values().any(has_boolean),
        Value::Null | Value::Number(_) | Value::String(_) => false,
    }
}

#[test]
fn a_schema_takes_what_the_check_takes_and_nothing_else() {
    for shape in SHAPES {
        let validator = validator(shape);
        let names = has_names(shape);
        let mut runner = TestRunner::new(Config::with_cases(400));
        let run = runner.run(&values(), |value| {
            prop_assume!(!(names && has_boolean(&value)));
            prop_assert_eq!(validator.is_valid(&value), is_taken(&value, shape), "{}", value);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{}: {error}", shape.noun()));
    }
}

#[test]
fn a_default_is_what_the_sentence_has_in_brackets() {
    for (shape, doc, default) in [
        (Shape::Duration, "How long (1m).", json!("1m")),
        (Shape::Duration, "How long (as `for` says).", Value::Null),
        (Shape::Duration, "How long.", Value::Null),
        (Shape::POSITIVE, "How many (a few), at most (8).", json!(8)),
        (
            Shape::Number { min: None, max: None },
            "Which share (0.2).",
            json!(0.2),
        ),
        (
            Shape::Choice(&["on", "off"]),
            "What (`off`), or else.",
            json!("off"),
        ),
        (
            Shape::Dynamic(&Shape::POSITIVE),
            "How many lines, with `logs` (100).",
            json!(100),
        ),
        (Shape::Boolean, "Whether (false).", Value::Null),
    ] {
        let field = Field::optional("key", shape, doc);
        let found = field
            .default_text()
            .and_then(|text| super::shapes::default(&shape, text));
        assert_eq!(found.unwrap_or_default(), default, "{doc}");
    }
}

static USES: &[Shape] = &[Shape::Object(&WHOLE), Shape::Object(&PART), Shape::Object(&WHOLE)];

#[test]
fn an_object_stands_once_however_often_it_is_used() {
    let mut writer = Writer::new(Vec::new(), Vec::new());
    for shape in USES {
        writer.shape(shape, Owner::Language);
    }
    let defs: Vec<String> = writer.into_defs().keys().cloned().collect();
    assert_eq!(defs, ["name", "length-of-time", "part", "whole"]);
}
