//! What each filter and test takes and gives, as data: for those who read expressions and for messages.

use super::super::kind::Kind;

/// A filter.
pub(super) struct Filter {
    pub(super) name: &'static str,
    /// What it works on; empty for anything.
    pub(super) subject: &'static [Kind],
    pub(super) takes: Takes,
    /// Whether it takes `attribute="NAME"`.
    pub(super) attribute: bool,
    /// What it gives, where that is always the same.
    pub(super) gives: Option<Kind>,
}

/// What stands in a filter's parentheses.
pub(super) enum Takes {
    /// These, in order.
    These(&'static [Arg]),
    /// Perhaps the name of a test, and what that takes.
    Test,
    /// An attribute, then perhaps the name of a test, and what that takes.
    AttributeAndTest,
    /// The name of a test, and what that takes.
    TestSurely,
    /// `attribute="NAME"`, or the name of a filter and what that takes.
    Filter,
}

/// An argument.
pub(super) struct Arg {
    /// As a noun.
    pub(super) what: &'static str,
    pub(super) fits: Fits,
    pub(super) required: bool,
}

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fits {
    Anything,
    Text,
    /// Text with something in it.
    SomeText,
    /// A regular expression.
    Pattern,
    /// A list, a mapping or text.
    Container,
    /// A whole number other than zero.
    Divisor,
    /// A whole number from 0 to 15.
    Digits,
}

const fn needs(what: &'static str, fits: Fits) -> Arg {
    Arg {
        what,
        fits,
        required: true,
    }
}

const NOTHING: Takes = Takes::These(&[]);
const LIST: &[Kind] = &[Kind::List];
const MAP: &[Kind] = &[Kind::Map];
const TEXT: &[Kind] = &[Kind::Text];
const NUMBER: &[Kind] = &[Kind::Number];

const fn filter(name: &'static str, subject: &'static [Kind], takes: Takes, gives: Option<Kind>) -> Filter {
    Filter {
        name,
        subject,
        takes,
        attribute: false,
        gives,
    }
}

const fn by_attribute(name: &'static str, takes: Takes, gives: Option<Kind>) -> Filter {
    Filter {
        attribute: true,
        ..filter(name, LIST, takes, gives)
    }
}

/// All filters, in order of their names.
pub(super) static FILTERS: &[Filter] = &[
    filter("abs", NUMBER, NOTHING, Some(Kind::Number)),
    filter("age", TEXT, NOTHING, Some(Kind::Number)),
    by_attribute("all_match", Takes::TestSurely, Some(Kind::Bool)),
    filter(
        "contains",
        &[Kind::List, Kind::Map, Kind::Text],
        Takes::These(&[needs("what to look for", Fits::Anything)]),
        Some(Kind::Bool),
    ),
    filter(
        "default",
        &[],
        Takes::These(&[needs("the value for what is missing", Fits::Anything)]),
        None,
    ),
    filter("duration", TEXT, NOTHING, Some(Kind::Number)),
    filter("first", LIST, NOTHING, None),
    filter("float", &[Kind::Number, Kind::Text], NOTHING, Some(Kind::Number)),
    filter("from_json", TEXT, NOTHING, None),
    filter("int", &[Kind::Number, Kind::Text], NOTHING, Some(Kind::Number)),
    filter(
        "join",
        LIST,
        Takes::These(&[Arg {
            what: "a separator",
            fits: Fits::Text,
            required: false,
        }]),
        Some(Kind::Text),
    ),
    filter("json_lines", TEXT, NOTHING, Some(Kind::List)),
    filter("keys", MAP, NOTHING, Some(Kind::List)),
    filter("last", LIST, NOTHING, None),
    filter(
        "length",
        &[Kind::List, Kind::Map, Kind::Text],
        NOTHING,
        Some(Kind::Number),
    ),
    filter("list", LIST, NOTHING, Some(Kind::List)),
    filter("lower", TEXT, NOTHING, Some(Kind::Text)),
    by_attribute("map", Takes::Filter, Some(Kind::List)),
    filter(
        "matches",
        TEXT,
        Takes::These(&[needs("a regular expression", Fits::Pattern)]),
        Some(Kind::Bool),
    ),
    by_attribute("max", NOTHING, None),
    by_attribute("min", NOTHING, None),
    filter("percent", &[Kind::Number, Kind::Text], NOTHING, None),
    filter("quantity", TEXT, NOTHING, Some(Kind::Number)),
    filter("reject", LIST, Takes::Test, Some(Kind::List)),
    filter("rejectattr", LIST, Takes::AttributeAndTest, Some(Kind::List)),
    filter(
        "replace",
        TEXT,
        Takes::These(&[
            needs("what to replace", Fits::SomeText),
            needs("what to replace it with", Fits::Text),
        ]),
        Some(Kind::Text),
    ),
    filter(
        "round",
        NUMBER,
        Takes::These(&[Arg {
            what: "how many digits to keep",
            fits: Fits::Digits,
            required: false,
        }]),
        Some(Kind::Number),
    ),
    filter("select", LIST, Takes::Test, Some(Kind::List)),
    filter("selectattr", LIST, Takes::AttributeAndTest, Some(Kind::List)),
    by_attribute("sort", NOTHING, Some(Kind::List)),
    filter(
        "split",
        TEXT,
        Takes::These(&[needs("a separator", Fits::SomeText)]),
        Some(Kind::List),
    ),
    filter("sql_ident", TEXT, NOTHING, Some(Kind::Text)),
    filter(
        "sql_literal",
        &[Kind::Null, Kind::Bool, Kind::Number, Kind::Text],
        NOTHING,
        Some(Kind::Text),
    ),
    filter(
        "string",
        &[Kind::Bool, Kind::Number, Kind::Text],
        NOTHING,
        Some(Kind::Text),
    ),
    by_attribute("sum", NOTHING, Some(Kind::Number)),
    filter(
        "sum_of",
        LIST,
        Takes::These(&[needs("an attribute", Fits::SomeText)]),
        Some(Kind::Number),
    ),
    filter("trim", TEXT, NOTHING, Some(Kind::Text)),
    filter("unique", LIST, NOTHING, Some(Kind::List)),
    filter("upper", TEXT, NOTHING, Some(Kind::Text)),
    filter("values", MAP, NOTHING, Some(Kind::List)),
];

/// A test.
pub(super) struct Test {
    pub(super) name: &'static str,
    /// What it is asked of; empty for anything.
    pub(super) subject: &'static [Kind],
    pub(super) takes: Option<Arg>,
}

const fn test(name: &'static str, subject: &'static [Kind], takes: Option<Arg>) -> Test {
    Test { name, subject, takes }
}

const COMPARED: Option<Arg> = Some(needs("a value to compare with", Fits::Anything));

/// All tests, in order of their names.
pub(super) static TESTS: &[Test] = &[
    test(
        "contains",
        &[Kind::List, Kind::Map, Kind::Text],
        Some(needs("what to look for", Fits::Anything)),
    ),
    test("defined", &[], None),
    test(
        "divisibleby",
        NUMBER,
        Some(needs("a whole number", Fits::Divisor)),
    ),
    test("endingwith", TEXT, Some(needs("an end", Fits::Text))),
    test("eq", &[], COMPARED),
    test("equalto", &[], COMPARED),
    test("even", NUMBER, None),
    test("false", &[Kind::Bool], None),
    test("ge", &[Kind::Number, Kind::Text], COMPARED),
    test("gt", &[Kind::Number, Kind::Text], COMPARED),
    test("in", &[], Some(needs("where to look", Fits::Container))),
    test("le", &[Kind::Number, Kind::Text], COMPARED),
    test("lt", &[Kind::Number, Kind::Text], COMPARED),
    test("mapping", &[], None),
    test(
        "matches",
        TEXT,
        Some(needs("a regular expression", Fits::Pattern)),
    ),
    test("ne", &[], COMPARED),
    test("none", &[], None),
    test("number", &[], None),
    test("odd", NUMBER, None),
    test("sequence", &[], None),
    test("startingwith", TEXT, Some(needs("a beginning", Fits::Text))),
    test("string", &[], None),
    test("true", &[Kind::Bool], None),
];
