//! What a plugin may say of itself.

use runbook_action::Kind;
use runbook_action_plugin::{Descriptor, Place, describe};
use runbook_testkit::contract::{value, written};
use serde_json::{Value, json};

use crate::{Project, used};

#[expect(
    clippy::needless_pass_by_value,
    reason = "a `&` before each `json!` says nothing"
)]
fn described(more: Value) -> Value {
    let mut descriptor = json!({"protocol": 1, "doc": "Does it.", "effect": "change"});
    for (key, value) in more.as_object().unwrap() {
        descriptor[key] = value.clone();
    }
    descriptor
}

#[test]
fn what_is_wrong_with_a_description_is_told() {
    for (descriptor, said) in [
        (json!({}), "no `protocol`"),
        (json!("x"), "no `protocol`"),
        (described(json!({"protocol": 2})), "version 2"),
        (described(json!({"doc": "Does it"})), "not a sentence"),
        (
            described(json!({"effect": "nothing"})),
            "unknown variant `nothing`",
        ),
        (described(json!({"more": 1})), "unknown field `more`"),
        (
            described(json!({"params": {"x": {"type": "path", "doc": "X."}}})),
            "unknown variant `path`",
        ),
        (
            described(json!({"effects": [{"param": "x", "effect": "read"}]})),
            "depends on `x`, which is no parameter",
        ),
    ] {
        let failure = Descriptor::read(&descriptor).unwrap_err();
        assert!(failure.message.contains(said), "{descriptor}: {failure}");
    }
}

#[tokio::test]
async fn one_that_does_not_describe_itself_is_not_pinned() {
    for (script, said) in [
        ("echo '{\"done\": {\"protocol\": 9}}'", "version 9"),
        (
            "echo '{\"failed\": {\"kind\": \"other\", \"message\": \"no\"}}'",
            "no",
        ),
        ("echo what", "`what`"),
        ("exit 1", "exit code 1"),
    ] {
        let project = Project::with_script(script);
        let place = Place {
            name: "bad".to_owned(),
            file: project.program("bad"),
        };
        let failure = describe(&project.places(), &place).await.unwrap_err();
        assert!(failure.message.contains(said), "{script}: {failure}");
    }
}

/// A project with a plugin of these parameters.
fn declaring() -> Project {
    let mut project = Project::with_script("");
    let descriptor = described(json!({
        "params": {
            "text": {"type": "text", "doc": "Text.", "values": ["a", "b"]},
            "count": {"type": "integer", "doc": "Count.", "required": true},
            "share": {"type": "number", "doc": "Share."},
            "flag": {"type": "boolean", "doc": "Flag."},
            "wait": {"type": "duration", "doc": "Wait."},
            "items": {"type": "list", "doc": "Items."},
            "map": {"type": "map", "doc": "Map."},
            "mode": {"type": "text", "doc": "Mode.", "literal": true},
        },
        "effects": [{"param": "mode", "is": "dry", "effect": "read"}],
    }));
    project.lock.plugins["bad"].descriptor = Descriptor::read(&descriptor).unwrap();
    project
}

#[test]
fn parameters_are_as_declared() {
    let uses = declaring().uses();
    for (with, param, said) in [
        (json!({}), Some("with"), "`count` is missing"),
        (json!({"count": null}), Some("with"), "`count` is missing"),
        (
            json!({"count": "x"}),
            Some("with.count"),
            "expected a whole number",
        ),
        (
            json!({"count": 1, "text": "c"}),
            Some("with.text"),
            "expected one of `a`, `b`",
        ),
        (
            json!({"count": 1, "share": "x"}),
            Some("with.share"),
            "expected a number",
        ),
        (
            json!({"count": 1, "flag": 1}),
            Some("with.flag"),
            "expected true or false",
        ),
        (
            json!({"count": 1, "wait": "5"}),
            Some("with.wait"),
            "a length of time",
        ),
        (
            json!({"count": 1, "items": {}}),
            Some("with.items"),
            "expected a list",
        ),
        (
            json!({"count": 1, "map": []}),
            Some("with.map"),
            "expected a mapping",
        ),
        (
            json!({"count": 1, "flg": true}),
            Some("with"),
            "there is no parameter `flg`",
        ),
        (json!("x"), Some("with"), "expected a mapping"),
    ] {
        let failure = uses.recognise(&used("bad", with.clone()).params).unwrap_err();
        assert_eq!(failure.param.as_deref(), param, "{with}: {failure}");
        assert!(failure.message.contains(said), "{with}: {failure}");
    }
    let failure = uses.recognise(&written(&json!({"uses": "bad"}))).unwrap_err();
    assert!(failure.message.contains("`count`"), "{failure}");
}

/// What decides the effect, and what is declared so, is literal.
#[test]
fn what_decides_is_written_out() {
    let uses = declaring().uses();
    let mut case = used("bad", json!({"count": 1}));
    if let runbook_action::Param::Map(params) = &mut case.params
        && let Some(runbook_action::Param::Map(with)) = params.get_mut("with")
    {
        with.insert("mode".to_owned(), value("dry"));
    }
    let failure = uses.recognise(&case.params).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("with.mode"));
}
