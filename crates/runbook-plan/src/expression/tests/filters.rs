//! What filters and tests give, and what they refuse when a run gets there.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Expression, scope, value};

#[test]
fn filters_give() {
    for (source, expected) in [
        ("stdout | matches('^web')", json!(true)),
        ("lines | contains('a')", json!(true)),
        ("body | contains('pool')", json!(true)),
        ("stdout | contains('db')", json!(false)),
        ("lines | all_match('matches', '^[ab]$')", json!(true)),
        ("lines | all_match('eq', 'a')", json!(false)),
        ("rows | all_match('gt', 0, attribute='pid')", json!(true)),
        ("flags | all_match('true')", json!(false)),
        ("[] | all_match('eq', 1) | default(true)", json!(true)),
        ("items | map(attribute='metadata.name')", json!(["web", "db"])),
        (
            "items | map(attribute='app.kubernetes.io/name')",
            json!(["w", "d"]),
        ),
        (
            "items | selectattr('metadata.name', 'eq', 'db') | length",
            json!(1),
        ),
        ("counts | map('int') | max", json!(10)),
        ("counts | map('replace', '1', '2')", json!(["9", "20"])),
        ("rows | sum(attribute='pid')", json!(6)),
        ("rows | max(attribute='pid')", json!({"pid": 3, "state": "idle"})),
        ("'1.5Gi' | quantity", json!(1_610_612_736)),
        ("'250m' | quantity", json!(0.25)),
        ("'97.3 %' | percent", json!(0.973)),
        ("0.973 | percent", json!("97.3 %")),
        ("(inputs.limit | percent) | percent", json!(0.8)),
        ("1e300 | round(15)", json!(1e300)),
        ("7 | round(2)", json!(7)),
        ("[1, 1.0, 2] | unique", json!([1, 2])),
        (
            "[{'a': 1, 'b': 2}, {'b': 2, 'a': 1.0}] | unique | length",
            json!(1),
        ),
        ("'aXbX' | replace('X', '')", json!("ab")),
        ("8 is divisibleby(-1)", json!(true)),
        ("'it''s' ~ '' | sql_literal", json!("its''")),
        ("'it\\'s' | sql_literal", json!("'it''s'")),
        ("-5 | sql_literal", json!(" -5")),
        ("1.5 | sql_literal", json!("1.5")),
        ("true | sql_literal", json!("TRUE")),
        ("none | sql_literal", json!("NULL")),
        ("'or\"ders' | sql_ident", json!("\"or\"\"ders\"")),
    ] {
        assert_eq!(value(source), Ok(expected), "{source}");
    }
}

#[test]
fn filters_refuse() {
    for (source, reason) in [
        ("[] | all_match('eq', 1)", "`all_match` of an empty list"),
        (
            "uneven | all_match('eq', 'idle', attribute='state')",
            "there is no `state`",
        ),
        (
            "uneven | max(attribute='state') | default(0)",
            "there is no `state`",
        ),
        (
            "uneven | all_match('eq', 'idle', attribute='state') | default(true)",
            "there is no `state`",
        ),
        ("uneven | map('upper') | length", "needs text, found a mapping"),
        (
            "rows | map(attribute='pid') | map('upper')",
            "needs text, found a number",
        ),
        ("rows | sum_of('state')", "arithmetic needs numbers"),
        (
            "rows | selectattr('pid', 'matches', '^1')",
            "`matches` needs text, found a number",
        ),
        ("stdout | duration", "\"web-1\" is not a length of time"),
        (
            "status | duration",
            "needs text with a unit such as `90s`, found a number",
        ),
        ("stdout | quantity", "is not a quantity"),
        ("stdout | percent", "is not a share"),
        ("stdout | age", "is not a time with its offset"),
        ("rows | sort", "cannot be compared"),
        ("mixed | sort", "cannot be compared"),
        ("counts | sort", "ordered letter by letter"),
        ("[none] | max", "cannot be compared"),
        (
            "body.pool.size | length",
            "needs a list, a mapping or text, found null",
        ),
        (
            "rows | sql_literal",
            "needs null, true or false, a number or text, found a list",
        ),
        ("body.slash | sql_literal", "backslash"),
        ("body.nul | sql_literal", "NUL"),
        ("body.nul | sql_ident", "NUL"),
        ("body.empty | sql_ident", "the empty text is no name"),
        ("body.long | sql_ident", "at most 63 bytes, and this has 64"),
        ("stdout is matches('a{1000}{1000}{1000}')", "size limit"),
        ("status | sql_ident", "needs text, found a number"),
        ("secrets.token | sql_ident", "reveal"),
        ("secrets.token | contains('h')", "reveal"),
        ("secrets.token | matches('h')", "reveal"),
        ("[secrets.token] | all_match('eq', 'x')", "reveal"),
        (
            "lines | join(',') | replace(body.empty, 'x')",
            "what to replace is empty",
        ),
        ("stdout | split(body.empty)", "the separator is empty"),
        ("status | round(status)", "`round` keeps 0 to 15 digits"),
        (
            "stdout is matches(body.bracket)",
            "this is not a regular expression: unclosed character class",
        ),
    ] {
        let error = value(source).expect_err(source);
        assert!(error.contains(reason), "{source}: {error}");
        assert!(!error.contains("hunter2"), "{source}: {error}");
    }
}

/// The age of a text that was read at noon.
fn age(text: &str) -> Result<Value, String> {
    let noon: Timestamp = "2024-05-01T12:00:00Z".parse().unwrap();
    let scope = scope().with_instant(noon).with_result(&json!({"at": text}));
    Expression::parse("at | age")
        .unwrap()
        .eval(&scope)
        .map(|value| value.to_json())
        .map_err(|error| error.message)
}

#[test]
fn an_age_counts_to_the_moment_of_reading() {
    for (text, seconds) in [
        ("2024-05-01T12:00:00Z", 0.0),
        ("2024-05-01T11:58:30Z", 90.0),
        ("2024-05-01T13:58:30+02:00", 90.0),
        ("2024-05-01t11:59:59.5z", 0.5),
        ("2024-05-01 11:59:00+00:00", 60.0),
        ("2024-05-01 11:59:00.25+00", 59.75),
        ("2024-04-30T12:00:00-00:00", 86_400.0),
        ("2024-05-01T12:00:10Z", -10.0),
    ] {
        assert_eq!(age(text), Ok(json!(seconds)), "{text}");
    }
    // Without an offset it is anybody's guess which moment is meant.
    for text in [
        "2024-05-01T12:00:00",
        "2024-05-01",
        "12:00:00Z",
        "yesterday",
        "",
        "1714564800",
        "2024-13-01T00:00:00Z",
    ] {
        let error = age(text).expect_err(text);
        assert!(error.contains("is not a time with its offset"), "{text}: {error}");
    }
}

#[test]
fn an_age_needs_a_moment() {
    let error = value("'2024-05-01T12:00:00Z' | age").unwrap_err();
    assert!(error.contains("there is no moment here"), "{error}");
}

#[test]
fn whole_numbers_and_fractions_compare_by_value() {
    for (source, expected) in [
        ("1 == 1.0", true),
        ("9007199254740993 == 9007199254740992.0", false),
        ("9007199254740993 > 9007199254740992.0", true),
        ("9223372036854775807 < 9223372036854775808.0", true),
        ("-2 < -1.5 and -1 > -1.5 and 1 < 1.5 and 2 > 1.5", true),
        ("-9223372036854775808.0 <= -9223372036854775807", true),
        ("1e300 > 9223372036854775807 and -1e300 < 0", true),
        ("0 == -0.0", true),
        ("[1, {'a': [2.0]}] == [1.0, {'a': [2]}]", true),
    ] {
        assert_eq!(value(source), Ok(json!(expected)), "{source}");
    }
}

#[test]
fn a_secret_can_be_a_literal_of_sql() {
    let literal = Expression::parse("('it\\'s ' ~ secrets.token) | sql_literal")
        .unwrap()
        .eval(&scope())
        .unwrap();
    assert!(literal.has_secret() && !format!("{literal:?}").contains("hunter2"));
    assert_eq!(literal.to_param().reveal(), json!("'it''s hunter2'"));
}
