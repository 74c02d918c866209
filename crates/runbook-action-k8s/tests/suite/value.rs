//! Values from outside fill names, and decide nothing.

use indexmap::IndexMap;
use runbook_action::{Failure, Kind, Param, Recognised, Segment, Text, Undoing};
use runbook_action_k8s::Language;
use runbook_testkit::contract::{value, written};
use serde_json::json;

fn text(segments: &[Segment]) -> Param {
    Param::Text(Text::from_segments(segments.to_vec()))
}

fn after(literal: &str, part: Segment) -> Param {
    text(&[Segment::Literal(literal.to_owned()), part])
}

fn verb(verb: &str, about: Param) -> Result<Recognised, Failure> {
    let params = IndexMap::from([(verb.to_owned(), about)]);
    Language.recognise(&Param::Map(params))
}

fn unknown(expression: &str) -> Segment {
    Segment::Unknown(expression.to_owned())
}

#[test]
fn a_name_may_be_a_value() {
    for part in [
        unknown("inputs.name"),
        Segment::Value("web-0".to_owned()),
        Segment::Value("system:metrics.v1".to_owned()),
    ] {
        let known = verb("delete", after("pod/", part)).unwrap();
        assert_eq!(known.undoing, Undoing::Automatic);
    }
    verb("cordon", text(&[unknown("item")])).unwrap();
    verb("drain", after("node/", Segment::Value("n1".to_owned()))).unwrap();
    let known = verb("get", after("pod/web-", unknown("item"))).unwrap();
    assert_eq!(known.summary, "get pod/web-{{ item }}");
}

#[test]
fn a_kind_may_not() {
    for about in [
        text(&[unknown("inputs.what")]),
        value("pods"),
        after("deploy", unknown("inputs.what")),
        after("pod", Segment::Value("/web-0".to_owned())),
    ] {
        for name in ["get", "delete", "scale", "restart", "top"] {
            let Param::Map(mut params) = written(&json!({})) else {
                panic!("not a mapping")
            };
            params.insert(name.to_owned(), about.clone());
            if name == "scale" {
                params.insert("replicas".to_owned(), Param::Number(1.into()));
            }
            let failure = Language.recognise(&Param::Map(params)).unwrap_err();
            assert_eq!(failure.param.as_deref(), Some(name));
            assert!(failure.message.contains("must be written out"), "{failure}");
        }
    }
}

#[test]
fn a_value_leads_to_no_other_object() {
    for hostile in [
        "",
        ".",
        "..",
        "a/b",
        "../../secrets/x",
        "a%2fb",
        "a?watch",
        "a b",
        "a\n",
        "a\\b",
        "a#",
    ] {
        let about = after("pod/", Segment::Value(hostile.to_owned()));
        let failure = verb("delete", about).unwrap_err();
        assert_eq!(failure.param.as_deref(), Some("delete"), "{hostile:?}");
        let failure = verb("drain", value(hostile)).unwrap_err();
        assert_eq!(failure.param.as_deref(), Some("drain"), "{hostile:?}");
    }
}

#[test]
fn a_value_in_a_selector_is_one_label() {
    let labelled = |label: Param| {
        let selector = Param::Map(IndexMap::from([("app".to_owned(), label)]));
        let params = [
            ("get", Param::Text(Text::literal("pods"))),
            ("selector", selector),
        ];
        Language.recognise(&Param::Map(
            params
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        ))
    };
    labelled(value("web-1.2_x")).unwrap();
    labelled(text(&[unknown("inputs.app")])).unwrap();
    for hostile in ["a,tier=db", "a in (b)", "!a", "a=b", "a b"] {
        let failure = labelled(value(hostile)).unwrap_err();
        assert_eq!(failure.param.as_deref(), Some("selector.app"), "{hostile}");
    }
}

#[test]
fn the_text_of_a_selector_holds_no_value() {
    let params = [
        ("delete", Param::Text(Text::literal("pods"))),
        ("selector", after("app=", Segment::Value("x".to_owned()))),
    ];
    let params = params
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let failure = Language.recognise(&Param::Map(params)).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("selector"));
}

/// Numbers and lengths of time may not be known yet.
#[test]
fn what_is_not_known_yet_is_no_mistake() {
    let params = [
        ("scale", Param::Text(Text::literal("deployment/web"))),
        ("replicas", text(&[unknown("inputs.replicas")])),
    ];
    let params = params
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let known = Language.recognise(&Param::Map(params)).unwrap();
    assert_eq!(
        known.summary,
        "scale deployment/web (replicas: {{ inputs.replicas }})"
    );
}
