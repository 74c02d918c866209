//! What expressions must mean, and what they must refuse.

mod bounds;
mod filters;
mod reading;
mod statics;

use indexmap::IndexMap;
use runbook_action::{Param, Secret, Segment, Text};
use serde_json::json;

use super::{Expression, Kind, Scope, SyntaxError, Val};

fn scope() -> Scope {
    let token = Text::from_segments(vec![Segment::Secret(Secret::new("token", "hunter2".to_owned()))]);
    let secrets = Val::map(IndexMap::from([("token".to_owned(), Val::Secret(token))]));
    let inputs = Val::from(&json!({"size": 200, "name": "db", "limit": 0.8}));
    Scope::new(IndexMap::from([
        ("secrets".to_owned(), secrets),
        ("inputs".to_owned(), inputs),
    ]))
    .with_result(&json!({
        "status": 200,
        "body": {"pool": {"util": 0.97, "size": null}, "state": "idle", "count": "12", "up": "false",
                 "slash": "a\\b", "nul": "a\0b", "empty": "", "long": "n".repeat(64), "bracket": "["},
        "rows": [{"pid": 1, "state": "idle"}, {"pid": 2, "state": "active"}, {"pid": 3, "state": "idle"}],
        "uneven": [{"state": "idle"}, {}],
        "items": [
            {"metadata": {"name": "web"}, "app.kubernetes.io/name": "w"},
            {"metadata": {"name": "db"}, "app.kubernetes.io/name": "d"},
        ],
        "flags": [true, false], "counts": ["9", "10"], "mixed": ["a", 1], "stdout": "web-1",
        "lines": ["a", "b"], "big": 18_446_744_073_709_551_615_u64
    }))
}

fn value(source: &str) -> Result<serde_json::Value, String> {
    let expression = Expression::parse(source).map_err(told)?;
    expression
        .eval(&scope())
        .map(|value| value.to_json())
        .map_err(|error| error.message)
}

/// What is said of an expression that cannot be read.
fn told(error: SyntaxError) -> String {
    match error.help {
        Some(help) => format!("{}; {help}", error.message),
        None => error.message,
    }
}

fn condition(source: &str) -> Result<bool, String> {
    Expression::parse(source)
        .map_err(told)?
        .eval_bool(&scope())
        .map_err(|error| error.message)
}

#[test]
fn values() {
    for (source, expected) in [
        ("body.pool.util", json!(0.97)),
        (
            "rows | selectattr(\"state\", \"eq\", \"idle\") | list | length",
            json!(2),
        ),
        ("rows | map(attribute='pid') | join(',')", json!("1,2,3")),
        ("rows[0].pid + rows[-1]['pid']", json!(4)),
        ("rows | sum_of('pid')", json!(6)),
        ("inputs.size // 3", json!(66)),
        ("7 / 2", json!(3.5)),
        ("2 ** 10 - 1", json!(1023)),
        ("(inputs.size * 1.5) | round", json!(300)),
        ("'a' ~ 1 ~ true", json!("a1true")),
        ("'big' if inputs.size > 100 else 'small'", json!("big")),
        ("body.pool.missing | default(5)", json!(5)),
        ("body.pool.size | default(5)", json!(5)),
        ("[] | first | default('none')", json!("none")),
        ("big", json!("18446744073709551615")),
        ("body.count | int + 1", json!(13)),
        ("'90s' | duration", json!(90.0)),
        ("{'a': [1, 2.0]}", json!({"a": [1, 2.0]})),
        ("'{\"a\": 1}' | from_json", json!({"a": 1})),
    ] {
        assert_eq!(value(source), Ok(expected), "{source}");
    }
}

#[test]
fn conditions() {
    for (source, expected) in [
        ("body.pool.util > 0.95", true),
        ("status == 200.0", true),
        ("status in [200, 204]", true),
        ("'idle' in body.state and not 'x' in body.state", true),
        ("0 < body.pool.util < 1", true),
        ("body.pool.size is none", true),
        ("body.pool.size == none", true),
        ("body.nothing is defined", false),
        ("body.state is matches('^id')", true),
        ("lines == ['a', 'b']", true),
    ] {
        assert_eq!(condition(source), Ok(expected), "{source}");
    }
}

/// Each of these passes, or passes when negated, in engines that convert silently.
#[test]
fn what_must_not_pass_by_accident() {
    for (source, reason) in [
        ("body.pool.utilisation < 0.8", "there is no `utilisation`"),
        ("not body.nothing", "there is no `nothing`"),
        ("body.pool.size < 0.8", "null (null) cannot be compared"),
        ("body.pool.size.max < 3", "null"),
        (
            "body.count < 100",
            "text (\"12\") cannot be compared with a number (100)",
        ),
        ("body.count != 12", "cannot be compared"),
        ("status == '200'", "cannot be compared"),
        ("status not in ['200', '500']", "cannot be compared"),
        ("body.up", "must be true or false"),
        ("status", "must be true or false"),
        ("not body.up", "expected true or false, found text"),
        ("body.up and true", "expected true or false"),
        (
            "uneven | selectattr('state', 'eq', 'idle') | list | length == 1",
            "there is no `state`",
        ),
        (
            "uneven | map(attribute='state') | length == 2",
            "there is no `state`",
        ),
        ("[] | first == 1", "empty list"),
        ("(rows | sum_of('pidd') | default(0)) == 0", "there is no `pidd`"),
        ("(body.pol.util | default(0)) == 0", "there is no `pol`"),
        ("body.pol.util is defined", "there is no `pol`"),
        (
            "rows | selectattr('pid') | length == 0",
            "true or false, found a number",
        ),
        ("status is true", "needs true or false"),
        ("big == 9007199254740993", "cannot be compared"),
        ("1 / 0 > 0", "division by zero"),
        ("9223372036854775807 + 1 > 0", "not a number"),
        ("'a' + 'b' == 'ab'", "join texts with `~`"),
        ("secrets.token == 'hunter2'", "a secret"),
        ("secrets.token | length == 7", "reveal"),
        ("secrets.token is startingwith('h')", "a secret"),
        ("'h' in secrets.token", "a secret"),
        ("'x' ~ secrets.token == 'xhunter2'", "a secret"),
        ("none + 1 == 1", "null"),
        ("unknown_name == 1", "not known here"),
    ] {
        let error = condition(source).expect_err(source);
        assert!(error.contains(reason), "{source}: {error}");
        assert!(!error.contains("hunter2"), "{source}: {error}");
    }
}

#[test]
fn what_cannot_be_read() {
    for (source, reason) in [
        ("", "empty"),
        ("a +", "unexpected"),
        ("rows | lenght", "there is no filter `lenght`"),
        ("a is matchs('x')", "there is no test `matchs`"),
        ("rows | selectattr('a', 'equls', 1)", "there is no test `equls`"),
        ("range(3)", "no functions"),
        ("rows.items()", "no functions"),
        ("rows[1:2]", "slices"),
        ("1 if true", "no `else`"),
    ] {
        let error = Expression::parse(source).expect_err(source);
        assert!(error.message.contains(reason), "{source}: {}", error.message);
    }
}

#[test]
fn a_secret_stays_one_in_text() {
    let joined = Expression::parse("'Bearer ' ~ secrets.token")
        .unwrap()
        .eval(&scope())
        .unwrap();
    let Param::Text(text) = joined.to_param() else {
        panic!("not text")
    };
    assert_eq!(text.reveal(), "Bearer hunter2");
    assert_eq!(text.to_string(), "Bearer ‹secret token›");
    assert!(!format!("{joined:?}").contains("hunter2"));
}

#[test]
fn what_was_read_is_explained() {
    let expression = Expression::parse("body.pool.util < inputs.limit and status == 200").unwrap();
    assert_eq!(
        expression.explain(&scope()),
        "`body.pool.util` is 0.97, `inputs.limit` is 0.8, `status` is 200"
    );
    let expression =
        Expression::parse("rows | selectattr('state', 'eq', 'idle') | list | length == 0").unwrap();
    assert_eq!(
        expression.explain(&scope()),
        "`rows | selectattr('state', 'eq', 'idle') | list | length` is 2"
    );
}

#[test]
fn references_have_their_places() {
    let source = "steps.a.size + inputs.size > checks.c.n and (body.x | default(1)) == 1";
    let references = Expression::parse(source).unwrap().references();
    let found: Vec<(String, &str, bool)> = references
        .iter()
        .map(|reference| {
            (
                reference.path.join("."),
                &source[reference.from..reference.to],
                reference.lenient,
            )
        })
        .collect();
    let expected = ["steps.a.size", "inputs.size", "checks.c.n", "body.x"];
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!((found.0.as_str(), found.1), (expected, expected));
    }
    assert_eq!(
        found.iter().map(|found| found.2).collect::<Vec<_>>(),
        [false, false, false, true]
    );
}

#[test]
fn a_result_is_meant_before_what_else_has_its_name() {
    let names = Scope::new(IndexMap::from([
        ("host".to_owned(), Val::from(&json!("item"))),
        ("stdout".to_owned(), Val::from(&json!("item"))),
        ("value".to_owned(), Val::from(&json!("item"))),
    ]));
    let of = |scope: &Scope, name: &str| Expression::parse(name).unwrap().eval(scope).unwrap().to_json();
    for name in ["host", "stdout", "value"] {
        assert_eq!(of(&names, name), "item");
    }
    let answered = names.with_result(&json!({"stdout": "result", "value": "result"}));
    let judged = answered.with_value(Val::from(&json!("value")));
    let cases = [
        (&answered, "host", "item"),
        (&answered, "stdout", "result"),
        (&answered, "value", "result"),
        (&judged, "host", "item"),
        (&judged, "stdout", "result"),
        (&judged, "value", "value"),
        // In whichever order they were added.
        (
            &judged.with_root("stdout", Val::from(&json!("item"))),
            "stdout",
            "result",
        ),
        (
            &judged.with_root("value", Val::from(&json!("item"))),
            "value",
            "value",
        ),
    ];
    for (scope, name, expected) in cases {
        assert_eq!(of(scope, name), expected, "{name}");
    }
}
