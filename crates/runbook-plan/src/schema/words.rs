//! What a hover says of a value beside what its key is for.

use runbook_schema::{Field, Shape};

/// The remark on a shape. There is none where the editor shows as much by itself.
pub(super) fn remark(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Template => Some("Each `{{ … }}` in it is replaced by a value.".to_owned()),
        Shape::Literal => Some("A `{{ … }}` in it stays as it is.".to_owned()),
        Shape::Quoted(filters) => Some(format!(
            "A `{{{{ … }}}}` in it must end with the filter `{}`.",
            filters.join("` or `")
        )),
        Shape::Expression => Some("Written without braces.".to_owned()),
        Shape::Slug => Some("Lower case letters, digits, `_` and `-`, beginning with a letter.".to_owned()),
        Shape::Version => Some("Such as `1.2.0`.".to_owned()),
        Shape::Integer { .. } | Shape::Number { .. } | Shape::Boolean => Some(sentence(&shape.noun())),
        Shape::Duration => Some("Such as `30s`, `5m` or `1h30m`.".to_owned()),
        Shape::Dynamic(inner) => Some(sentence(&format!("{}, or one `{{{{ … }}}}`", inner.noun()))),
        Shape::Any => Some("Any value. Each `{{ … }}` in its texts is replaced by a value.".to_owned()),
        Shape::List(inner) => Some(many("A list of", inner)),
        Shape::Map(inner) | Shape::Named(inner) => Some(many("A mapping of names to", inner)),
        Shape::OneOf(shapes) => {
            let ways: Vec<String> = shapes.iter().map(way).collect();
            Some(ways.join(" Or: "))
        }
        Shape::Choice(_) | Shape::Object(_) => None,
    }
}

/// What a hover lists of an action's result.
pub(super) fn results(fields: &[Field]) -> Option<String> {
    let line = |field: &Field| format!("- `{}`: {}", field.key, field.doc);
    let lines: Vec<String> = fields.iter().map(line).collect();
    (!lines.is_empty()).then(|| format!("What `expect` and `capture` may use:\n\n{}", lines.join("\n")))
}

/// An alternative, as a sentence.
fn way(shape: &Shape) -> String {
    let Shape::Object(object) = shape else {
        let has_more = matches!(shape, Shape::List(_) | Shape::Map(_) | Shape::Named(_));
        let remark = has_more.then(|| remark(shape)).flatten();
        return remark.unwrap_or_else(|| sentence(&shape.noun()));
    };
    if object.open || object.fields.len() > 5 {
        return sentence(&format!("the keys of {}", a(object.name)));
    }
    let keys: Vec<String> = object
        .fields
        .iter()
        .map(|field| format!("`{}`", field.key))
        .collect();
    format!("A mapping with {}.", keys.join(", "))
}

fn many(what: &str, inner: &Shape) -> String {
    let rest = if matches!(inner, Shape::Template) {
        " Each `{{ … }}` in them is replaced by a value."
    } else if matches!(inner, Shape::Expression) {
        " They are written without braces."
    } else {
        ""
    };
    format!("{what} {}.{rest}", plural(inner))
}

fn plural(shape: &Shape) -> String {
    match shape {
        Shape::Template | Shape::Literal | Shape::Quoted(_) => "texts".to_owned(),
        Shape::Expression => "expressions".to_owned(),
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
        Shape::Object(object) => plural_of(object.name),
        Shape::OneOf(shapes) => {
            let ways: Vec<String> = shapes.iter().map(plural).collect();
            ways.join(" or ")
        }
        Shape::Any => "values".to_owned(),
    }
}

/// The plural of an object's name.
pub(super) fn plural_of(name: &str) -> String {
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    match name.strip_suffix('y') {
        Some(stem) if !ends(&["ay", "ey", "oy", "uy"]) => format!("{stem}ies"),
        _ if ends(&["ch", "sh", "s", "x"]) => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

/// A noun with its article.
pub(super) fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {noun}")
}

/// A noun as a sentence of its own.
fn sentence(noun: &str) -> String {
    let mut chars = noun.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_are_english() {
        for (one, many) in [
            ("step", "steps"),
            ("branch", "branches"),
            ("severity", "severities"),
            ("key", "keys"),
            ("prefix", "prefixes"),
        ] {
            assert_eq!(plural_of(one), many);
        }
    }

    #[test]
    fn alternatives_are_named_one_after_the_other() {
        const CHECKS: Shape = Shape::OneOf(&[Shape::List(&Shape::Expression), Shape::Expression]);
        assert_eq!(
            remark(&CHECKS).unwrap(),
            "A list of expressions. They are written without braces. Or: An expression."
        );
    }
}
