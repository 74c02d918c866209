//! What stands in the cells of the reference's tables.

use runbook_schema::{Field, Object, Shape, duration};

use super::words::plural_of;

/// What a value may be, with links to the tables that tell more.
pub(super) fn holds(shape: &Shape, link: &dyn Fn(&Object) -> Option<String>) -> String {
    match shape {
        Shape::Template => "template".to_owned(),
        Shape::Literal => "text".to_owned(),
        Shape::Quoted(filters) => format!("text; a value only by {}", words(filters)),
        Shape::Expression => "expression".to_owned(),
        Shape::Slug => "name".to_owned(),
        Shape::Version => "version".to_owned(),
        Shape::Integer { .. } | Shape::Number { .. } => without_article(&shape.noun()),
        Shape::Boolean => "boolean".to_owned(),
        Shape::Duration => "length of time".to_owned(),
        Shape::Choice(choices) => words(choices),
        Shape::Dynamic(inner) => format!("{}, or one `{{{{ … }}}}`", holds(inner, link)),
        Shape::List(inner) => format!("list of {}", many(inner, link)),
        Shape::Map(inner) | Shape::Named(inner) => format!("mapping of {}", many(inner, link)),
        Shape::Object(object) => linked(object, object.name.to_owned(), link),
        Shape::OneOf(ways) => {
            let (lists, others): (Vec<&Shape>, Vec<&Shape>) =
                ways.iter().partition(|way| matches!(way, Shape::List(_)));
            let ways: Vec<String> = others.iter().chain(&lists).map(|way| holds(way, link)).collect();
            ways.join(" or ")
        }
        Shape::Any => "any value".to_owned(),
    }
}

/// What an action may hold in place of a mapping.
pub(super) fn short_form(shape: &Shape, link: &dyn Fn(&Object) -> Option<String>) -> Option<String> {
    let Shape::OneOf(ways) = shape else { return None };
    let others = ways.iter().filter(|way| !matches!(way, Shape::Object(_)));
    let others: Vec<String> = others.map(|way| holds(way, link)).collect();
    (!others.is_empty()).then(|| others.join(" or "))
}

fn many(shape: &Shape, link: &dyn Fn(&Object) -> Option<String>) -> String {
    match shape {
        Shape::Template => "templates".to_owned(),
        Shape::Literal | Shape::Quoted(_) => "texts".to_owned(),
        Shape::Expression => "expressions".to_owned(),
        Shape::Slug => "names".to_owned(),
        Shape::Version => "versions".to_owned(),
        Shape::Integer { .. } => holds(shape, link).replacen("number", "numbers", 1),
        Shape::Number { .. } => "numbers".to_owned(),
        Shape::Boolean => "booleans".to_owned(),
        Shape::Duration => "lengths of time".to_owned(),
        Shape::Choice(choices) => words(choices),
        Shape::Dynamic(inner) => many(inner, link),
        Shape::List(inner) => format!("lists of {}", many(inner, link)),
        Shape::Map(inner) | Shape::Named(inner) => format!("mappings of {}", many(inner, link)),
        Shape::Object(object) => linked(object, plural_of(object.name), link),
        Shape::OneOf(ways) => {
            let ways: Vec<String> = ways.iter().map(|way| many(way, link)).collect();
            ways.join(" or ")
        }
        Shape::Any => "any values".to_owned(),
    }
}

fn linked(object: &Object, words: String, link: &dyn Fn(&Object) -> Option<String>) -> String {
    match link(object) {
        Some(anchor) => format!("[{words}](#{anchor})"),
        None => words,
    }
}

/// The default of a key, or that it is required, and the sentence on it without what the default says already.
pub(super) fn default_and_sentence(field: &Field) -> (String, String) {
    let doc = field.doc.replace('|', "\\|");
    if field.required {
        return ("**required**".to_owned(), doc);
    }
    if let Some((rest, given)) = doc.rsplit_once("; ")
        && let Some(default) = given.strip_suffix(" unless given.")
        && default.matches('`').count() == 2
        && default.starts_with('`')
        && default.ends_with('`')
    {
        return (default.to_owned(), format!("{rest}."));
    }
    let Some(text) = field.default_text() else {
        return (String::new(), doc);
    };
    if text == "the default" {
        return (
            default_word(field).map_or(String::new(), |word| format!("`{word}`")),
            doc,
        );
    }
    if !can_be(&field.shape, text) {
        return (String::new(), doc);
    }
    let said = [format!(" ({text})"), format!(" (`{text}`)")];
    let sentence = said.iter().fold(doc, |doc, said| doc.replacen(said, "", 1));
    (format!("`{text}`"), sentence)
}

/// The word of a choice that the sentence calls the default.
fn default_word(field: &Field) -> Option<&'static str> {
    let Shape::Choice(choices) = field.shape else {
        return None;
    };
    let (before, _) = field.doc.split_once(" (the default)")?;
    let told = before.rsplit(' ').next()?.trim_matches('`');
    choices.iter().find(|word| told.starts_with(**word)).copied()
}

/// Whether a text in brackets can be a default, and is no remark.
fn can_be(shape: &Shape, text: &str) -> bool {
    match shape {
        Shape::Dynamic(inner) => can_be(inner, text),
        Shape::Boolean => ["true", "false"].contains(&text),
        Shape::Choice(words) => words.contains(&text),
        Shape::Duration => duration::parse_duration(text).is_some(),
        Shape::Integer { .. } | Shape::Number { .. } => text.parse::<f64>().is_ok(),
        Shape::Literal => !text.contains([' ', '`']),
        Shape::Template
        | Shape::Quoted(_)
        | Shape::Expression
        | Shape::Slug
        | Shape::Version
        | Shape::List(_)
        | Shape::Map(_)
        | Shape::Named(_)
        | Shape::Object(_)
        | Shape::OneOf(_)
        | Shape::Any => false,
    }
}

/// Words of the language, one after the other.
pub(super) fn words(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// A noun at the beginning of a heading.
pub(super) fn capital(noun: &str) -> String {
    if noun == "tls" {
        return "TLS".to_owned();
    }
    let mut chars = noun.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), chars.as_str())
}

/// The anchor that a heading gets.
pub(super) fn anchor(title: &str) -> String {
    let kept = title
        .chars()
        .filter(|char| char.is_ascii_alphanumeric() || [' ', '-', '_'].contains(char));
    kept.map(|char| {
        if char == ' ' {
            '-'
        } else {
            char.to_ascii_lowercase()
        }
    })
    .collect()
}

fn without_article(noun: &str) -> String {
    noun.strip_prefix("a ").unwrap_or(noun).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn key(shape: Shape, doc: &'static str) -> Field {
        Field::optional("key", shape, doc)
    }

    #[test]
    fn a_default_has_its_own_cell() {
        const WORDS: Shape = Shape::Choice(&["fail", "skip"]);
        for (field, default, sentence) in [
            (key(Shape::Duration, "How long (1m)."), "`1m`", "How long."),
            (
                key(Shape::Duration, "How long; `30s` unless given."),
                "`30s`",
                "How long.",
            ),
            (
                key(Shape::Literal, "The zone (UTC): `Europe/Berlin`."),
                "`UTC`",
                "The zone: `Europe/Berlin`.",
            ),
            (
                key(Shape::Template, "Now; the present unless given."),
                "",
                "Now; the present unless given.",
            ),
            (
                key(Shape::Slug, "As tools read it (`PGHOST` …)."),
                "",
                "As tools read it (`PGHOST` …).",
            ),
            (
                key(WORDS, "It fails (the default) or not."),
                "`fail`",
                "It fails (the default) or not.",
            ),
        ] {
            assert_eq!(
                default_and_sentence(&field),
                (default.to_owned(), sentence.to_owned())
            );
        }
    }

    #[test]
    fn what_a_key_holds_is_short() {
        const NAMES: Shape = Shape::OneOf(&[Shape::List(&Shape::Slug), Shape::Slug]);
        let nothing = |_: &Object| None;
        assert_eq!(holds(&NAMES, &nothing), "name or list of names");
        assert_eq!(
            holds(&Shape::Dynamic(&Shape::POSITIVE), &nothing),
            "whole number of at least 1, or one `{{ … }}`"
        );
        assert_eq!(anchor("Check of `checks`"), "check-of-checks");
    }
}
