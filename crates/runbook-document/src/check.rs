//! A tree against a table: every key known, every value of its shape, all findings at once.

use runbook_schema::duration::parse_duration;
use runbook_schema::{Object, Shape, is_name};

use crate::meant;
use crate::{Entry, Finding, Findings, Kind, Node, ScalarValue, Spanned, Waiver, codes, nearest};

/// Reports what in `node` is not of the shape, and tells whether all is well.
pub fn check(node: &Node, shape: &Shape, findings: &mut Findings) -> bool {
    match shape {
        Shape::Any => true,
        Shape::OneOf(shapes) => one_of(node, shape, shapes, findings),
        Shape::Dynamic(inner) => is_template(node) || check(node, inner, findings),
        Shape::List(inner) => match &node.kind {
            Kind::List(items) => all(items.iter(), |item| check(item, inner, findings)),
            Kind::Scalar(_) | Kind::Map(_) => wrong(node, shape, findings),
        },
        Shape::Map(inner) => match &node.kind {
            Kind::Map(entries) => all(entries.iter(), |entry| value_of(entry, inner, findings)),
            Kind::Scalar(_) | Kind::List(_) => wrong(node, shape, findings),
        },
        Shape::Named(inner) => match &node.kind {
            Kind::Map(entries) => all(entries.iter(), |entry| {
                let named = named(&entry.key, findings);
                value_of(entry, inner, findings) && named
            }),
            Kind::Scalar(_) | Kind::List(_) => wrong(node, shape, findings),
        },
        Shape::Object(object) => match &node.kind {
            Kind::Map(_) => object_of(node, object, findings),
            Kind::Scalar(_) | Kind::List(_) => wrong(node, shape, findings),
        },
        Shape::Template
        | Shape::Literal
        | Shape::Quoted(_)
        | Shape::Expression
        | Shape::Slug
        | Shape::Version
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Duration
        | Shape::Choice(_) => scalar(node, shape, findings),
    }
}

/// The value of a key that the author chose.
fn value_of(entry: &Entry, shape: &Shape, findings: &mut Findings) -> bool {
    let fine = check(&entry.value, shape, findings);
    findings.waive_for_key(entry.key.span, entry.value.span);
    fine
}

/// What to write in place of a name that expressions could not use.
#[must_use]
pub fn usable_name(name: &str) -> String {
    let meant: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if is_name(&meant) {
        format!("write `{meant}`: a name has letters, digits and `_`")
    } else {
        "a name has letters, digits and `_`, begins with a letter, and is no word of the grammar".to_owned()
    }
}

/// A name that expressions are to use.
fn named(key: &Spanned<String>, findings: &mut Findings) -> bool {
    if is_name(&key.value) {
        return true;
    }
    let help = usable_name(&key.value);
    let message = format!("expressions could not use the name `{}`", key.value);
    findings.push(Finding::error(codes::UNUSABLE_NAME, key.span, message).help(help));
    false
}

/// Like `Iterator::all`, but looks at every item.
fn all<T>(items: impl Iterator<Item = T>, mut check: impl FnMut(T) -> bool) -> bool {
    let mut fine = true;
    for item in items {
        fine &= check(item);
    }
    fine
}

fn is_template(node: &Node) -> bool {
    node.text()
        .is_some_and(|text| text.trim_start().starts_with("{{") && text.trim_end().ends_with("}}"))
}

fn one_of(node: &Node, shape: &Shape, shapes: &[Shape], findings: &mut Findings) -> bool {
    let fits = |candidate: &&Shape| match candidate {
        Shape::List(_) => matches!(node.kind, Kind::List(_)),
        Shape::Map(_) | Shape::Named(_) | Shape::Object(_) => matches!(node.kind, Kind::Map(_)),
        Shape::Any | Shape::OneOf(_) | Shape::Dynamic(_) => true,
        Shape::Boolean => matches!(
            node.scalar().map(|scalar| &scalar.value),
            Some(ScalarValue::Bool(_))
        ),
        Shape::Template
        | Shape::Literal
        | Shape::Quoted(_)
        | Shape::Expression
        | Shape::Slug
        | Shape::Version
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Duration
        | Shape::Choice(_) => node.scalar().is_some(),
    };
    match shapes.iter().find(fits) {
        Some(Shape::Object(object)) if is_item(node, object, shapes) => {
            wrong(node, &Shape::List(&Shape::Any), findings)
        }
        // What is no such word may be meant as something else.
        Some(Shape::Choice(words)) => match node.text() {
            Some(text) if !words.contains(&text) => wrong_word(node, text, &shape.noun(), words, findings),
            Some(_) | None => check(node, &Shape::Choice(words), findings),
        },
        Some(candidate) => check(node, candidate, findings),
        None => wrong(node, shape, findings),
    }
}

/// Whether this is not the mapping that may stand here, but the one item of the list that may.
fn is_item(node: &Node, object: &Object, shapes: &[Shape]) -> bool {
    let lists = shapes
        .iter()
        .any(|shape| matches!(shape, Shape::List(Shape::Object(item)) if *item != object));
    let has_own = node
        .entries()
        .iter()
        .any(|entry| object.field(&entry.key.value).is_some());
    lists && !object.open && !has_own && !node.entries().is_empty()
}

fn object_of(node: &Node, object: &Object, findings: &mut Findings) -> bool {
    let mut fine = all(node.entries().iter(), |entry| {
        match object.field(&entry.key.value) {
            Some(field) => {
                check(&entry.value, &field.shape, findings) && takes_time(entry, &field.shape, findings)
            }
            None if object.open => true,
            None => {
                findings.push_with(|| unknown_key(&entry.key.value, entry.key.span, object));
                false
            }
        }
    });
    waivers(node, object, findings);
    // A key that is misspelt has been reported, and is not missing.
    let known = || object.fields.iter().map(|field| field.key);
    let misspelt = node
        .entries()
        .iter()
        .filter(|entry| object.field(&entry.key.value).is_none() && !object.open);
    let meant: Vec<&str> = misspelt
        .filter_map(|entry| nearest(&entry.key.value, known()))
        .collect();
    for field in object
        .fields
        .iter()
        .filter(|field| field.required && node.entry(field.key).is_none() && !meant.contains(&field.key))
    {
        let span = node.entries().first().map_or(node.span, |entry| entry.key.span);
        let message = format!("this {} has no `{}`", object.name, field.key);
        findings.push(
            Finding::error(codes::MISSING_KEY, span, message)
                .help(format!("add `{}:` — {}", field.key, field.doc)),
        );
        fine = false;
    }
    fine
}

/// A length of time must have one where nothing would come of it else.
fn takes_time(entry: &Entry, shape: &Shape, findings: &mut Findings) -> bool {
    let Some(help) = meant::no_time(&entry.key.value, &entry.value, shape) else {
        return true;
    };
    let message = format!(
        "`{}` cannot be `{}`",
        entry.key.value,
        entry.value.text().unwrap_or_default()
    );
    findings.push(Finding::error(codes::WRONG_TYPE, entry.value.span, message).help(help));
    false
}

/// Takes down what the author waives in this mapping.
fn waivers(node: &Node, object: &Object, findings: &mut Findings) {
    if object.field("waive").is_none() {
        return;
    }
    for entry in node.get("waive").map_or(&[] as &[_], Node::entries) {
        let reason = entry.value.text().unwrap_or_default().trim().to_owned();
        findings.waive(Waiver {
            code: entry.key.clone(),
            reason,
            within: node.span,
        });
    }
}

/// A noun with its article.
fn a(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']) || noun == "http" || noun == "sql";
    let article = if vowel { "an" } else { "a" };
    format!("{article} {noun}")
}

/// The finding for a key that no table has.
pub(crate) fn unknown_key(key: &str, span: crate::Span, object: &Object) -> Finding {
    let known = object.fields.iter().map(|field| field.key);
    let help = if let Some(help) = meant::elsewhere(key, object) {
        help.to_owned()
    } else if let Some(meant) = nearest(key, known.clone()) {
        format!("did you mean `{meant}`?")
    } else {
        let known: Vec<String> = known.map(|key| format!("`{key}`")).collect();
        format!("the keys of {} are {}", a(object.name), known.join(", "))
    };
    Finding::error(
        codes::UNKNOWN_KEY,
        span,
        format!("{} has no key `{key}`", a(object.name)),
    )
    .help(help)
}

fn scalar(node: &Node, shape: &Shape, findings: &mut Findings) -> bool {
    let Some(scalar) = node.scalar() else {
        return wrong(node, shape, findings);
    };
    if scalar.value == ScalarValue::Null {
        let finding = Finding::error(
            codes::EMPTY_VALUE,
            node.span,
            format!("expected {}, found nothing", shape.noun()),
        );
        let help = if *shape == Shape::Expression {
            "a `#` or an unquoted `!`, `&`, `*` cuts a YAML value: put the expression in quotes"
        } else {
            "write a value, or leave the key out"
        };
        findings.push(finding.help(help));
        return false;
    }
    let text = scalar.text.as_str();
    let fine = match shape {
        Shape::Slug => is_slug(text),
        Shape::Version => is_version(text),
        Shape::Integer { min, max } => match scalar.value {
            ScalarValue::Integer(value) => {
                min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
            }
            ScalarValue::Null | ScalarValue::Bool(_) | ScalarValue::Float(_) | ScalarValue::Text => false,
        },
        Shape::Number { min, max } => number(&scalar.value).is_some_and(|value| {
            min.is_none_or(|min| value >= bound(min)) && max.is_none_or(|max| value <= bound(max))
        }),
        Shape::Boolean => matches!(scalar.value, ScalarValue::Bool(_)),
        Shape::Duration => parse_duration(text).is_some(),
        Shape::Choice(words) => {
            return words.contains(&text) || wrong_word(node, text, &shape.noun(), words, findings);
        }
        Shape::Template
        | Shape::Literal
        | Shape::Quoted(_)
        | Shape::Expression
        | Shape::Dynamic(_)
        | Shape::List(_)
        | Shape::Map(_)
        | Shape::Named(_)
        | Shape::Object(_)
        | Shape::OneOf(_)
        | Shape::Any => true,
    };
    fine || wrong(node, shape, findings)
}

fn number(value: &ScalarValue) -> Option<f64> {
    match value {
        ScalarValue::Integer(value) => Some(bound(*value)),
        ScalarValue::Float(value) => Some(*value),
        ScalarValue::Null | ScalarValue::Bool(_) | ScalarValue::Text => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "bounds of the language are small")]
const fn bound(value: i64) -> f64 {
    value as f64
}

fn wrong_word(
    node: &Node,
    text: &str,
    expected: &str,
    words: &[&'static str],
    findings: &mut Findings,
) -> bool {
    let help = meant::of_words(text, words)
        .or_else(|| nearest(text, words.iter().copied()))
        .map(|meant| format!("did you mean `{meant}`?"))
        .or_else(|| meant::instead_of_words(text, words));
    let message = format!("expected {expected}, found `{text}`");
    findings.push(Finding::error(codes::WRONG_TYPE, node.span, message).maybe_help(help));
    false
}

fn wrong(node: &Node, shape: &Shape, findings: &mut Findings) -> bool {
    let found = match node.text() {
        Some(text) if text.len() <= 40 && !text.contains('\n') => format!("`{text}`"),
        Some(_) | None => node.noun().to_owned(),
    };
    let message = format!("expected {}, found {found}", shape.noun());
    let finding = Finding::error(codes::WRONG_TYPE, node.span, message);
    findings.push(finding.maybe_help(meant::instead(node, shape)));
    false
}

fn is_slug(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 80
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}

/// `MAJOR.MINOR.PATCH` with an optional pre-release, after Semantic Versioning 2.0.0.
fn is_version(text: &str) -> bool {
    let (numbers, rest) = text.split_once('-').unwrap_or((text, "x"));
    let parts: Vec<&str> = numbers.split('.').collect();
    parts.len() == 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        && !rest.is_empty()
}
