//! Values from outside fill names, and decide nothing.

use indexmap::IndexMap;
use runbook_action::{Effect, Kind, Param, Segment, Text};
use runbook_action_docker::Docker;
use runbook_testkit::contract::value;

fn unknown(expression: &str) -> Param {
    Param::Text(Text::from_segments(vec![Segment::Unknown(expression.to_owned())]))
}

fn used(entries: Vec<(&str, Param)>) -> Param {
    Param::Map(
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

#[test]
fn a_name_may_be_a_value() {
    for name in [value("mcp_hub-1.x"), unknown("item")] {
        Docker::default()
            .recognise(&used(vec![("restart", name.clone())]))
            .unwrap();
        Docker::default()
            .recognise(&used(vec![("pull", name.clone())]))
            .unwrap();
        Docker::default()
            .recognise(&used(vec![("stop", Param::List(vec![name.clone()]))]))
            .unwrap();
        crate::compose()
            .recognise(&used(vec![("restart", name)]))
            .unwrap();
    }
}

#[test]
fn a_value_becomes_no_option_and_no_path() {
    for hostile in [
        "",
        "-f",
        "a b",
        "../x",
        "a/b",
        "a?force=true",
        "a%2fb",
        "a\n",
        "..",
    ] {
        for key in ["rm", "stop", "logs"] {
            let failure = Docker::default()
                .recognise(&used(vec![(key, value(hostile))]))
                .unwrap_err();
            assert_eq!(failure.param.as_deref(), Some(key), "{hostile:?}");
        }
        let failure = crate::compose()
            .recognise(&used(vec![("restart", value(hostile))]))
            .unwrap_err();
        assert_eq!(failure.param.as_deref(), Some("restart"), "{hostile:?}");
    }
    for hostile in ["", "-v", "a b", "a?x", "a\n"] {
        let failure = Docker::default()
            .recognise(&used(vec![("run", value(hostile))]))
            .unwrap_err();
        assert_eq!(failure.param.as_deref(), Some("run"), "{hostile:?}");
    }
}

#[test]
fn what_decides_is_no_value() {
    for (key, about) in [("ps", "all"), ("prune", "volumes")] {
        let failure = Docker::default()
            .recognise(&used(vec![(key, value(about))]))
            .unwrap_err();
        assert_eq!(failure.param.as_deref(), Some(key));
    }
    let signal = used(vec![("kill", value("hub")), ("signal", value("HUP"))]);
    let failure = Docker::default().recognise(&signal).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("signal"));
}

#[test]
fn a_number_may_not_be_known_yet() {
    let replicas = IndexMap::from([("hub".to_owned(), unknown("inputs.count"))]);
    let known = crate::compose()
        .recognise(&used(vec![("scale", Param::Map(replicas))]))
        .unwrap();
    assert_eq!(known.effect, Effect::Change);
    assert_eq!(known.summary, "scale hub={{ inputs.count }}");
}
