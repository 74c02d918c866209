//! What uses of `file` are known to do, without a file.

use runbook_action::{Effect, Kind, Param, Segment, Text, Undoing, Via};
use runbook_action_shell::{Environment, File};
use runbook_testkit::contract::{Use, declares, secret, value, written};
use serde_json::{Value, json};

use crate::used;

fn file() -> File {
    File::new(Environment::default())
}

/// Uses, with their effect and summary.
fn fine() -> Vec<(Value, Effect, &'static str)> {
    vec![
        (
            json!({"path": "/srv/app/.env", "set": {"POOL_SIZE": 200, "LOG": "debug"}}),
            Effect::Change,
            "set POOL_SIZE=200, LOG=debug in /srv/app/.env",
        ),
        (
            json!({"path": ".env.production", "set": {"A": null}, "mode": "0600"}),
            Effect::Change,
            "set A=null in .env.production",
        ),
        (
            json!({"path": "app.yml", "set": {"server.ports": [80, 443]}, "owner": "app:app"}),
            Effect::Change,
            "set server.ports=[80,443] in app.yml",
        ),
        (
            json!({"path": "/etc/app.conf", "format": "ini", "set": {"pool.size": 5}}),
            Effect::Change,
            "set pool.size=5 in /etc/app.conf",
        ),
        (
            json!({"path": "motd", "content": "Closed.\n", "mode": "644"}),
            Effect::Change,
            "write motd",
        ),
        (
            json!({"path": "empty", "content": ""}),
            Effect::Change,
            "write empty",
        ),
        (
            json!({"path": "a.conf", "replace": {"pattern": "(?m)^size = .*$", "with": "size = 5", "count": 1}}),
            Effect::Change,
            "replace /(?m)^size = .*$/ in a.conf",
        ),
        (
            json!({"path": "maintenance.on", "absent": true}),
            Effect::Destructive,
            "remove maintenance.on",
        ),
    ]
}

/// Wrong uses, the parameter that is named (nothing for the whole), and what is said of it.
fn wrong() -> Vec<(Value, Option<&'static str>, &'static str)> {
    let mut table = wrong_modes();
    table.extend(wrong_sets());
    table.extend(wrong_details());
    table
}

fn wrong_modes() -> Vec<(Value, Option<&'static str>, &'static str)> {
    vec![
        (json!({}), None, "`path` is missing"),
        (json!("a"), None, "`path` is missing"),
        (json!({"path": "a"}), None, "does not say what the file is to be"),
        (
            json!({"path": "a", "mode": "0600"}),
            None,
            "does not say what the file is to be",
        ),
        (json!({"path": "", "content": "x"}), Some("path"), "names no file"),
        (
            json!({"path": "a/", "content": "x"}),
            Some("path"),
            "names a directory",
        ),
        (json!({"path": "a\u{0}b", "content": "x"}), Some("path"), "NUL"),
        (
            json!({"path": "a", "content": "x", "absent": true}),
            Some("absent"),
            "stands beside `content`",
        ),
        (
            json!({"path": "a.env", "set": {"A": 1}, "content": "x"}),
            Some("content"),
            "stands beside `set`",
        ),
        (
            json!({"path": "a", "absent": false}),
            Some("absent"),
            "expected `true`",
        ),
        (
            json!({"path": "a", "absent": true, "mode": "0600"}),
            Some("mode"),
            "for a file that is there",
        ),
        (
            json!({"path": "a", "absent": true, "owner": "x"}),
            Some("owner"),
            "for a file that is there",
        ),
        (
            json!({"path": "a", "content": "x", "format": "json"}),
            Some("format"),
            "is for `set`",
        ),
    ]
}

fn wrong_sets() -> Vec<(Value, Option<&'static str>, &'static str)> {
    vec![
        (
            json!({"path": "a", "set": {"A": 1}}),
            Some("path"),
            "does not tell how",
        ),
        (
            json!({"path": "a", "set": {"A": 1}, "format": "toml"}),
            Some("format"),
            "expected one of",
        ),
        (json!({"path": "a.env", "set": {}}), Some("set"), "sets nothing"),
        (
            json!({"path": "a.env", "set": {"A B": 1}}),
            Some("set.A B"),
            "cannot be the name of a variable",
        ),
        (
            json!({"path": "a.env", "set": {"A": [1]}}),
            Some("set.A"),
            "holds text",
        ),
        (
            json!({"path": "a.json", "set": {"a..b": 1}}),
            Some("set"),
            "is not a key",
        ),
    ]
}

fn wrong_details() -> Vec<(Value, Option<&'static str>, &'static str)> {
    vec![
        (
            json!({"path": "a", "content": ["x"]}),
            Some("content"),
            "expected text",
        ),
        (
            json!({"path": "a", "replace": {"with": "x"}}),
            Some("replace"),
            "`pattern` is missing",
        ),
        (
            json!({"path": "a", "replace": {"pattern": "x"}}),
            Some("replace"),
            "`with` is missing",
        ),
        (
            json!({"path": "a", "replace": {"pattern": "(", "with": "x"}}),
            Some("replace.pattern"),
            "is not a regular expression: unclosed group",
        ),
        (
            json!({"path": "a", "replace": {"pattern": "x*", "with": "y"}}),
            Some("replace.pattern"),
            "finds it everywhere",
        ),
        (
            json!({"path": "a", "content": "x", "mode": 640}),
            Some("mode"),
            "does not read as octal",
        ),
        (
            json!({"path": "a", "content": "x", "mode": "rw-r--r--"}),
            Some("mode"),
            "octal",
        ),
        (
            json!({"path": "a", "content": "x", "mode": "0888"}),
            Some("mode"),
            "octal",
        ),
        (
            json!({"path": "a", "content": "x", "owner": ":app"}),
            Some("owner"),
            "names no user",
        ),
    ]
}

#[test]
fn a_file_keeps_to_the_contract() {
    let mut right: Vec<Use> = fine().into_iter().map(|row| used(row.0)).collect();
    right.push(with(
        &json!({"path": "a.env"}),
        "content",
        secret("token", "hunter2"),
    ));
    let values = Param::Map(std::iter::once(("A".to_owned(), secret("token", "hunter2"))).collect());
    right.push(with(&json!({"path": "a.env"}), "set", values));
    let mut refused: Vec<Use> = wrong().into_iter().map(|row| used(row.0)).collect();
    refused.push(with(&json!({"path": "a"}), "mode", secret("token", "hunter2")));
    declares(&file(), &right, &refused);
}

fn with(params: &Value, key: &str, entry: Param) -> Use {
    let Param::Map(mut map) = written(params) else {
        panic!("not a mapping")
    };
    map.insert(key.to_owned(), entry);
    Use {
        params: Param::Map(map),
        ..Use::default()
    }
}

#[test]
fn every_use_has_its_effect_and_can_be_undone() {
    for (params, effect, summary) in fine() {
        let known = file().recognise(&written(&params)).unwrap();
        assert_eq!((known.effect, known.certain), (effect, true), "{params}");
        assert_eq!(known.undoing, Undoing::Automatic, "{params}");
        assert_eq!(known.summary, summary);
    }
}

#[test]
fn what_makes_no_sense_is_refused_where_it_stands() {
    for (params, param, said) in wrong() {
        let Err(failure) = file().recognise(&written(&params)) else {
            panic!("{params} was recognised")
        };
        assert_eq!(failure.param.as_deref(), param, "{params}: {failure}");
        assert!(failure.message.contains(said), "{params}: {failure}");
    }
}

#[test]
fn a_value_in_a_path_stays_where_the_author_put_it() {
    let path = |value: &str| {
        Param::Text(Text::from_segments(vec![
            Segment::Literal("conf/".to_owned()),
            Segment::Value(value.to_owned()),
        ]))
    };
    let write = |path: Param| file().recognise(&with(&json!({"content": "x"}), "path", path).params);
    write(path("blue/app")).unwrap();
    write(value("../elsewhere/app")).unwrap();
    for hostile in ["..", "../../etc/passwd", "a/../../b", "a\u{0}"] {
        let failure = write(path(hostile)).unwrap_err();
        assert_eq!(failure.param.as_deref(), Some("path"), "{hostile:?}");
    }
}

#[test]
fn programs_and_files_are_reached_over_the_same_connections() {
    let spec = file().spec();
    let kinds: Vec<(&str, Via)> = spec.connections.iter().map(|it| (it.kind, it.via)).collect();
    assert_eq!(
        kinds,
        [
            ("local", Via::Never),
            ("ssh", Via::Named(&["ssh"])),
            ("systemd", Via::Named(&["ssh"])),
        ]
    );
    assert_eq!(
        spec.connection.kinds(),
        ["local", "ssh", "container", "pod", "deployment"]
    );
}
