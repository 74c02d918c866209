//! Filters and tests as they are read: how much they are given, and what, as far as the text tells.

use runbook_document::nearest;

use super::super::Val;
use super::super::kind::{Kind, kind};
use super::super::lower::SyntaxError;
use super::super::tree::{Node, Tree};
use super::table::{Arg, Filter, Fits, Takes};
use super::{filter_names, filter_of, is_test, test_names, test_of, tests_of, wanted_but};

type Named = [(String, Tree)];

/// Checks what stands around a filter. `whole` is the place of all of it.
pub(in super::super) fn check_filter(
    name: &str,
    subject: &Tree,
    args: &[Tree],
    named: &Named,
    whole: (usize, usize),
) -> Result<(), SyntaxError> {
    let Some(filter) = filter_of(name) else {
        return Err(SyntaxError::unknown(whole, "filter", name, filter_names()));
    };
    is_of_kind(name, filter.subject, subject)?;
    named_are_known(filter, named)?;
    let by_name = named.iter().any(|(name, _)| name == "attribute");
    match &filter.takes {
        Takes::These(wanted) => these(name, wanted, args, whole),
        Takes::Test => optional_test(args),
        Takes::AttributeAndTest => match args.split_first() {
            Some((attribute, test)) => {
                fits(name, &ATTRIBUTE, attribute)?;
                optional_test(test)
            }
            None => Err(missing(name, &ATTRIBUTE, whole)),
        },
        Takes::TestSurely => match args.split_first() {
            Some((test, args)) => named_test(test, args),
            None => Err(missing(name, &TEST, whole)),
        },
        Takes::Filter => match (args.split_first(), by_name) {
            (Some((inner, args)), false) => named_filter(inner, args),
            (None, true) => Ok(()),
            (Some((extra, _)), true) => Err(SyntaxError::at(
                extra,
                "`map` takes `attribute` or the name of a filter, and not both",
            )),
            (None, false) => Err(SyntaxError::over(
                whole,
                "`map` needs `attribute=\"NAME\"` or the name of a filter",
            )),
        },
    }
}

const ATTRIBUTE: Arg = Arg {
    what: "an attribute",
    fits: Fits::SomeText,
    required: true,
};

const TEST: Arg = Arg {
    what: "the name of a test",
    fits: Fits::Text,
    required: true,
};

/// Checks what stands around a test.
pub(in super::super) fn check_test(
    name: &str,
    subject: Option<&Tree>,
    args: &[Tree],
    whole: (usize, usize),
) -> Result<(), SyntaxError> {
    let Some(test) = test_of(name) else {
        return Err(SyntaxError::unknown(whole, "test", name, test_names()));
    };
    if let Some(subject) = subject {
        is_of_kind(name, test.subject, subject)?;
    }
    these(name, test.takes.as_slice(), args, whole)
}

fn named_are_known(filter: &Filter, named: &Named) -> Result<(), SyntaxError> {
    for (at, (name, value)) in named.iter().enumerate() {
        if !(filter.attribute && name == "attribute") {
            let known = if filter.attribute { "attribute" } else { "" };
            let message = format!("`{}` takes no argument `{name}`", filter.name);
            let help = match nearest(name, [known].into_iter().filter(|known| !known.is_empty())) {
                Some(meant) => Some(format!("did you mean `{meant}`?")),
                None if filter.attribute => Some("it takes `attribute`".to_owned()),
                None => None,
            };
            return Err(SyntaxError {
                help,
                unknown_function: true,
                ..SyntaxError::at(value, message)
            });
        }
        if named.iter().skip(at + 1).any(|(other, _)| other == name) {
            return Err(SyntaxError::at(value, format!("`{name}` stands twice")));
        }
        fits(filter.name, &ATTRIBUTE, value)?;
    }
    Ok(())
}

fn these(name: &str, wanted: &[Arg], args: &[Tree], whole: (usize, usize)) -> Result<(), SyntaxError> {
    if let Some(lacking) = wanted.get(args.len()..).unwrap_or_default().first()
        && lacking.required
    {
        return Err(missing(name, lacking, whole));
    }
    if let Some(extra) = args.get(wanted.len()) {
        let message = match wanted.len() {
            0 => format!("`{name}` takes nothing in parentheses"),
            1 => format!("`{name}` takes one value in parentheses"),
            count => format!("`{name}` takes {count} values in parentheses"),
        };
        return Err(SyntaxError::at(extra, message));
    }
    wanted
        .iter()
        .zip(args)
        .try_for_each(|(wanted, given)| fits(name, wanted, given))
}

fn missing(name: &str, arg: &Arg, whole: (usize, usize)) -> SyntaxError {
    SyntaxError::over(whole, format!("`{name}` needs {}", arg.what))
}

/// The name of a test, and what that takes. Nothing at all: the items themselves are true or false.
fn optional_test(args: &[Tree]) -> Result<(), SyntaxError> {
    args.split_first()
        .map_or(Ok(()), |(test, args)| named_test(test, args))
}

fn named_test(test: &Tree, args: &[Tree]) -> Result<(), SyntaxError> {
    let place = (test.from, test.to);
    match written_out(test, "test")? {
        "defined" => Err(SyntaxError::over(
            place,
            "`defined` asks for a part that is written out: `x.name is defined`",
        )),
        name if is_test(name) => check_test(name, None, args, place),
        name => {
            let mut error = SyntaxError::unknown(place, "test", name, test_names());
            if args.is_empty() && nearest(name, test_names()).is_none() {
                error.help = Some(format!(
                    "name the test before its value: `\"matches\", {name:?}` or `\"eq\", {name:?}`"
                ));
            }
            Err(error)
        }
    }
}

fn named_filter(filter: &Tree, args: &[Tree]) -> Result<(), SyntaxError> {
    let place = (filter.from, filter.to);
    let name = written_out(filter, "filter")?;
    match filter_of(name) {
        None => {
            let mut error = SyntaxError::unknown(place, "filter", name, filter_names());
            error.help = Some(format!("take a part of each item with `map(attribute={name:?})`"));
            Err(error)
        }
        Some(Filter {
            takes: Takes::These(wanted),
            ..
        }) if name != "default" => these(name, wanted, args, place),
        Some(_) => Err(SyntaxError::over(
            place,
            format!("`{name}` cannot be given to `map`"),
        )),
    }
}

/// The name in an argument. What is not written out cannot be checked before it runs.
fn written_out<'t>(tree: &'t Tree, what: &str) -> Result<&'t str, SyntaxError> {
    if let Node::Const(Val::Text(name)) = &tree.node {
        return Ok(name);
    }
    Err(SyntaxError::at(
        tree,
        format!("expected the name of a {what}, written out in quotes"),
    ))
}

fn is_of_kind(name: &str, wanted: &[Kind], subject: &Tree) -> Result<(), SyntaxError> {
    match kind(subject) {
        Some(found) if !wanted.is_empty() && !wanted.contains(&found) => {
            Err(SyntaxError::at(subject, wanted_but(name, wanted, found.noun())))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether an argument is what it must be, as far as its text tells.
fn fits(name: &str, wanted: &Arg, given: &Tree) -> Result<(), SyntaxError> {
    let (Some(found), Arg { what, fits, .. }) = (kind(given), wanted) else {
        return Ok(());
    };
    let is_kind = match fits {
        Fits::Anything => true,
        Fits::Text | Fits::SomeText | Fits::Pattern => found == Kind::Text,
        Fits::Container => matches!(found, Kind::List | Kind::Map | Kind::Text),
        Fits::Divisor | Fits::Digits => found == Kind::Number,
    };
    let refuse = |found: &str| {
        let message = format!("`{name}` needs {what}, found {found}");
        Err(SyntaxError::at(given, message))
    };
    if !is_kind {
        return refuse(found.noun());
    }
    let Node::Const(value) = &given.node else {
        return Ok(());
    };
    match (fits, value) {
        (Fits::SomeText, Val::Text(text)) if text.is_empty() => refuse("an empty text"),
        (Fits::Pattern, Val::Text(pattern)) => {
            tests_of::look_at_regex(pattern).map_err(|reason| SyntaxError::at(given, reason))
        }
        (Fits::Divisor, Val::Int(0)) => refuse("0"),
        (Fits::Divisor, Val::Float(number)) => refuse(&number.to_string()),
        (Fits::Digits, value) if !matches!(value, Val::Int(0..=15)) => refuse(&value.show()),
        _ => Ok(()),
    }
}
