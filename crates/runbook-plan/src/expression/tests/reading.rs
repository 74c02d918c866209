//! What is found as an expression is read, and where.

use super::{Expression, told};

/// What is found, with the part of the source that it is found at.
fn found(source: &str) -> (String, &str, bool) {
    let error = Expression::parse(source).expect_err(source);
    let place = source.get(error.from..error.to).expect(source);
    (told(error.clone()), place, error.unknown_function)
}

fn is_found(source: &str, reason: &str, place: &str) {
    let (message, at, unknown) = found(source);
    assert!(message.contains(reason), "{source}: {message}");
    assert!(at.contains(place), "{source}: at `{at}`");
    assert!(!unknown, "{source}");
}

#[test]
fn arguments_are_held_against_the_table() {
    for (source, reason, place) in [
        (
            "x | replace('a')",
            "`replace` needs what to replace it with",
            "replace('a')",
        ),
        ("x | replace('a', 'b', 1)", "takes 2 values in parentheses", "1"),
        (
            "x | replace('', 'b')",
            "needs what to replace, found an empty text",
            "''",
        ),
        (
            "x | replace(1, 'b')",
            "needs what to replace, found a number",
            "1",
        ),
        ("x | replace(y | length, 'b')", "found a number", "y | length"),
        ("x | split", "`split` needs a separator", "split"),
        ("x | split('')", "found an empty text", "''"),
        ("x | upper('a')", "takes nothing in parentheses", "'a'"),
        ("x | default", "needs the value for what is missing", "default"),
        ("x | default(1, true)", "takes one value", "true"),
        ("x | round(16)", "found 16", "16"),
        ("x | round(-1)", "found -1", "-1"),
        ("x | round('2')", "found text", "'2'"),
    ] {
        is_found(source, reason, place);
    }
}

#[test]
fn what_is_given_to_another_filter_or_test_is_held_against_its_table() {
    for (source, reason, place) in [
        ("x | selectattr", "needs an attribute", "selectattr"),
        (
            "x | selectattr(5, 'eq', 1)",
            "needs an attribute, found a number",
            "5",
        ),
        (
            "x | selectattr('a', 'eq')",
            "`eq` needs a value to compare with",
            "'eq'",
        ),
        ("x | selectattr('a', 'eq', 1, 2)", "takes one value", "2"),
        ("x | selectattr('a', y)", "written out in quotes", "y"),
        (
            "x | select('divisibleby', 0)",
            "needs a whole number, found 0",
            "0",
        ),
        ("x | select('even', 2)", "takes nothing", "2"),
        ("x | select('defined')", "a part that is written out", "'defined'"),
        ("x | all_match", "needs the name of a test", "all_match"),
        (
            "x | map",
            "`map` needs `attribute=\"NAME\"` or the name of a filter",
            "map",
        ),
        ("x | map('int', attribute='a')", "and not both", "'int'"),
        (
            "x | map('replace', 'a')",
            "needs what to replace it with",
            "'replace'",
        ),
        ("x | map('default', 1)", "cannot be given to `map`", "'default'"),
        ("x | map(attribute=1)", "found a number", "1"),
        ("x | sum_of", "needs an attribute", "sum_of"),
        ("x is matches", "`matches` needs a regular expression", "matches"),
        ("x is eq", "needs a value to compare with", "eq"),
        ("x is divisibleby(2.5)", "found 2.5", "2.5"),
        ("x is in(5)", "needs where to look, found a number", "5"),
        ("x is none(1)", "takes nothing", "1"),
        ("x is eq(other=1)", "no argument by its name", "1"),
    ] {
        is_found(source, reason, place);
    }
}

#[test]
fn names_in_arguments_are_known() {
    for (source, reason, place) in [
        (
            "x | map(atribute='a')",
            "takes no argument `atribute`; did you mean `attribute`?",
            "'a'",
        ),
        ("x | upper(attribute='a')", "takes no argument `attribute`", "'a'"),
        (
            "x | select('equalt', 1)",
            "there is no test `equalt`; did you mean `equalto`",
            "'equalt'",
        ),
        (
            "x | all_match('^ok')",
            "name the test before its value: `\"matches\", \"^ok\"`",
            "'^ok'",
        ),
        (
            "x | selectattr('state', 'idle')",
            "there is no test `idle`",
            "'idle'",
        ),
        (
            "x | map('name')",
            "take a part of each item with `map(attribute=\"name\")`",
            "'name'",
        ),
        ("x | lenght", "did you mean `length`?", "lenght"),
        ("x is matchs('a')", "did you mean `matches`?", "matchs"),
    ] {
        let (message, at, unknown) = found(source);
        assert!(message.contains(reason), "{source}: {message}");
        assert!(at.contains(place), "{source}: at `{at}`");
        assert!(unknown, "{source}");
    }
}

#[test]
fn regular_expressions_are_read() {
    for (source, reason) in [
        ("x is matches('[')", "unclosed character class"),
        ("x | matches('(a')", "unclosed group"),
        ("x | select('matches', 'a{2,1}')", "invalid repetition"),
        (
            "x | selectattr('a', 'matches', '*')",
            "repetition operator missing",
        ),
        ("x | all_match('matches', '(?=a)')", "look-around"),
    ] {
        let (message, at, _) = found(source);
        assert!(
            message.contains("not a regular expression") && message.contains(reason),
            "{source}: {message}"
        );
        assert!(at.starts_with('\''), "{source}: at `{at}`");
    }
}

/// Each of these has a part that can never be anything but an error, or that was meant otherwise.
#[test]
fn kinds_that_are_known_are_compared() {
    for (source, reason, place) in [
        (
            "status == 200 or 201",
            "expected true or false, found a number",
            "201",
        ),
        (
            "rows | length and ok",
            "expected true or false, found a number",
            "rows | length",
        ),
        ("not lines | length", "expected true or false", "lines | length"),
        ("1 if 'x' else 2", "expected true or false", "'x'"),
        (
            "rows | length == '2'",
            "a number cannot be compared with text",
            "rows | length == '2'",
        ),
        (
            "(stdout | trim) > 5",
            "text cannot be compared with a number",
            "stdout | trim) > 5",
        ),
        ("ok > true", "true or false has no order", "ok > true"),
        ("x < none", "null has no order", "x < none"),
        ("x < [1]", "a list has no order", "x < [1]"),
        ("x in 5", "`in` cannot look for something in a number", "x in 5"),
        (
            "5 in (stdout | trim)",
            "only for text there",
            "5 in (stdout | trim",
        ),
        (
            "'a' + x",
            "arithmetic needs numbers, found text; join texts with `~`",
            "'a'",
        ),
        (
            "x - (y | split(','))",
            "arithmetic needs numbers, found a list",
            "y | split(',')",
        ),
        ("x ~ none", "null cannot be joined", "none"),
        ("x ~ [1]", "a list cannot be joined", "[1]"),
        (
            "x | length | upper",
            "`upper` needs text, found a number",
            "x | length",
        ),
        ("5 | duration", "with a unit such as `90s`, found a number", "5"),
        ("(x ~ y) is even", "`even` needs a number, found text", "x ~ y"),
        (
            "inputs.wait > '5m'",
            "`5m` would be ordered letter by letter",
            "'5m'",
        ),
        ("memory < '512Mi'", "turn both sides into numbers", "'512Mi'"),
        ("used < '95%'", "letter by letter", "'95%'"),
        ("count < '100'", "letter by letter", "'100'"),
    ] {
        let (message, at, _) = found(source);
        assert!(message.contains(reason), "{source}: {message}");
        assert!(at.contains(place), "{source}: at `{at}`");
    }
}

#[test]
fn constants_are_evaluated() {
    for (source, reason, place) in [
        ("x > 1 / 0", "division by zero", "1 / 0"),
        (
            "x < ('5' | duration)",
            "\"5\" is not a length of time",
            "'5' | duration",
        ),
        (
            "x < ('5 MB' | quantity)",
            "is not a quantity",
            "'5 MB' | quantity",
        ),
        (
            "x in ['a', 'b'] and [1] == ['1']",
            "cannot be compared",
            "[1] == ['1']",
        ),
        ("x == ([] | first)", "empty list", "[] | first"),
        ("{'a': 1}.b == x", "there is no `b`", ".b"),
        ("{1: 2}", "a key must be text", "1"),
        ("x and '{' | from_json", "not JSON", "'{' | from_json"),
    ] {
        let (message, at, _) = found(source);
        assert!(message.contains(reason), "{source}: {message}");
        assert!(at.contains(place), "{source}: at `{at}`");
    }
    for source in [
        "[] | first | default(x)",
        "x if ([] | first) is defined else y",
        "true or x",
        "'2024-05-01T12:00:00Z' | age < 5",
    ] {
        assert!(Expression::parse(source).is_ok(), "{source}");
    }
}

#[test]
fn what_may_be_right_is_left_alone() {
    for source in [
        "x | default(none) == 'a'",
        "x == none and y != none",
        "inputs.wait | duration > ('5m' | duration)",
        "x < 'm' and x >= '2024-05-01'",
        "x | select | length == 0",
        "x | selectattr('ready')",
        "x in {'a': 1} and 'a' in x",
        "x | first | upper",
        "(1 if x else 'a') == y",
        "x | map(attribute=inputs.part)",
        "x is matches(inputs.pattern)",
        "x | round(inputs.digits)",
        "x | join",
        "x | percent > 0.9",
        "[x, 1] == [1, y]",
    ] {
        if let Err(error) = Expression::parse(source) {
            panic!("{source}: {}", told(error));
        }
    }
}

/// What is only looked at is not worked out: a file could hold a hundred thousand of these.
#[test]
fn reading_works_little_out() {
    let sources = [
        r"x is matches('\\w{9999}')".to_owned(),
        r"x | select('matches', '(?i)\\pL{500}')".to_owned(),
        format!("'aaaaaaaaaa'{} == x", " | replace('a', 'aaaaaaaaaa')".repeat(20)),
        format!("x == {}1{}", "[".repeat(60), "]".repeat(60)),
    ];
    for source in sources {
        for _ in 0..100 {
            assert!(Expression::parse(&source).is_ok(), "{source}");
        }
    }
}
