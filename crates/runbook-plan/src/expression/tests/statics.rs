//! What an expression tells of itself.

use serde_json::json;

use super::{Expression, Kind};

fn read(source: &str) -> Expression {
    Expression::parse(source).expect(source)
}

#[test]
fn constants_have_their_value() {
    for (source, expected) in [
        ("true", Some(json!(true))),
        ("1 < 2", Some(json!(true))),
        ("'5m' | duration", Some(json!(300.0))),
        ("[1, 2] | sum == 3", Some(json!(true))),
        ("inputs.x", None),
        ("steps.a.b == 1", None),
        ("checks.a.b == 1", None),
        ("true or inputs.x", None),
        ("'2024-05-01T12:00:00Z' | age", None),
        ("['2024-05-01T12:00:00Z'] | map('age')", None),
    ] {
        assert_eq!(
            read(source).constant().map(|value| value.to_json()),
            expected,
            "{source}"
        );
    }
}

#[test]
fn kinds_are_known_from_the_text() {
    for (source, kind) in [
        ("rows | length", Some(Kind::Number)),
        ("a == b", Some(Kind::Bool)),
        ("a ~ b", Some(Kind::Text)),
        ("1 if a else 2", Some(Kind::Number)),
        ("1 if a else 'b'", None),
        ("a | first", None),
        ("a", None),
        ("(1 + a) | percent", Some(Kind::Text)),
    ] {
        assert_eq!(read(source).kind(), kind, "{source}");
    }
}

#[test]
fn the_outermost_filter() {
    for (source, filter) in [
        ("a | upper | sql_literal", Some("sql_literal")),
        ("(a ~ b) | sql_ident", Some("sql_ident")),
        ("a ~ b | sql_literal", None),
        ("a | sql_literal ~ 'x'", None),
        ("a | sql_literal if b else c", None),
        ("a", None),
    ] {
        assert_eq!(read(source).outermost_filter(), filter, "{source}");
    }
}

#[test]
fn a_gate_that_any_error_passes() {
    for source in [
        "not ok",
        "ok == false",
        "false == ok",
        "ok != true",
        "ok is false",
        "not ok and inputs.strict",
        "not ok or status == 500",
        "not ok and error != none",
        "not ok and error is not none",
        "not ok and error is defined",
        "not ok or error.kind == 'refused'",
        "true if not ok else status == 500",
        "not ok and true",
        "inputs.strict or not ok",
        "steps.a.b == 1 if ok else true",
    ] {
        assert!(read(source).passes_on_any_error(), "{source}");
    }
    for source in [
        "not ok and error.kind in ['refused', 'timeout']",
        "not ok and error.kind != 'auth'",
        "ok or error.kind == 'refused'",
        "ok",
        "ok and status == 200",
        "not ok and status == 200",
        "status == 200",
        "inputs.flag",
        "error.kind == 'refused'",
        "not ok and false",
        "ok or status == 500",
        "error.kind == 'dns' if not ok else true",
        "not (ok or error.kind == 'auth')",
    ] {
        assert!(!read(source).passes_on_any_error(), "{source}");
    }
}

#[test]
fn what_is_revealed() {
    for (source, revealed) in [
        ("'Bearer ' ~ secrets.a", ""),
        ("secrets.a", ""),
        ("[secrets.a, secrets.b] | join(',')", ""),
        ("[secrets.a] | first", ""),
        ("{'a': secrets.a}", ""),
        ("secrets.a | default('x')", ""),
        ("secrets.a | sql_literal", ""),
        ("secrets.a is defined", ""),
        ("secrets.a is none", ""),
        ("secrets.a == 'x'", "secrets.a"),
        ("'x' ~ secrets.a == 'xy'", "secrets.a"),
        ("secrets.a | length > 3", "secrets.a"),
        ("secrets.a | upper", "secrets.a"),
        ("secrets.a is startingwith('h')", "secrets.a"),
        ("inputs.x is eq(secrets.a)", "inputs.x secrets.a"),
        ("'h' in secrets.a", "secrets.a"),
        ("secrets.a[0]", "secrets.a"),
        ("[secrets.a][0]", ""),
        ("vars.list[0]", ""),
        ("vars.map[secrets.a]", "secrets.a"),
        ("secrets.a if inputs.x else secrets.b", "inputs.x"),
        (
            "(secrets.a if inputs.x else secrets.b) == 'x'",
            "secrets.a inputs.x secrets.b",
        ),
        ("[secrets.a] | all_match('eq', 'x')", "secrets.a"),
        ("inputs.list | select('eq', secrets.a)", "inputs.list secrets.a"),
        ("inputs.list | map(attribute=secrets.a)", "inputs.list secrets.a"),
        ("secrets.a ~ (secrets.b | length)", "secrets.b"),
        (
            "steps.a.token == 'x' and checks.c.n > 1",
            "steps.a.token checks.c.n",
        ),
    ] {
        let expression = read(source);
        let found: Vec<&str> = expression
            .revealed()
            .iter()
            .map(|reference| &source[reference.from..reference.to])
            .collect();
        assert_eq!(found.join(" "), revealed, "{source}");
    }
}
