//! What each format makes of a text, and what it refuses.

use serde_json::{Value, json};

use super::{Format, New};

fn set(format: Format, text: &str, key: &str, value: Value) -> String {
    format.set(text, key, &New::Value(value)).unwrap()
}

#[test]
fn variables_keep_what_is_around_them() {
    let text = "# the pool\nexport POOL_SIZE=20 # see the wiki\n\nNAME='old name'\r\nURL=\"a b\"\nEMPTY=";
    for (key, value, expected) in [
        ("POOL_SIZE", json!(200), "export POOL_SIZE=200 # see the wiki\n"),
        ("NAME", json!("new $name"), "NAME='new $name'\r\n"),
        ("NAME", json!("it's"), "NAME=\"it's\"\r\n"),
        ("URL", json!("c"), "URL=\"c\"\n"),
        ("URL", json!("$(x) \"`\\\n"), "URL=\"\\$(x) \\\"\\`\\\\\\n\"\n"),
        ("EMPTY", json!("x y"), "EMPTY=\"x y\""),
        ("NEW", json!(true), "EMPTY=\r\nNEW=true"),
    ] {
        let changed = set(Format::Env, text, key, value.clone());
        assert!(changed.contains(expected), "{key}: {changed:?}");
        assert_eq!(
            Format::Env.get(&changed, key),
            Ok(Some(Format::Env.as_written(&value)))
        );
        assert_eq!(
            changed.lines().count(),
            text.lines().count() + usize::from(key == "NEW")
        );
    }
    assert_eq!(
        Format::Env.set("A=1\nB=2\nC=3\n", "B", &New::Absent),
        Ok("A=1\nC=3\n".to_owned())
    );
    assert!(Format::Env.set("A=1\nA=2\n", "A", &New::Value(json!(3))).is_err());
    assert_eq!(set(Format::Env, "", "A", json!(1)), "A=1\n");
}

#[test]
fn sections_keep_what_is_around_them() {
    let text = "; all\ntop = 1\n\n[pool]\n; how many\nsize = 20 ; old\nname=x\n\n[log]\nlevel: info\n";
    for (key, value, expected) in [
        ("pool.size", json!(200), "\nsize = 200 ; old\n"),
        ("log.level", json!("debug"), "\nlevel: debug\n"),
        ("top", json!("2"), "\ntop = 2\n"),
        ("pool.new", json!(1), "name=x\nnew = 1\n\n[log]"),
        ("other.key", json!("v"), "level: info\n\n[other]\nkey = v\n"),
    ] {
        let changed = set(Format::Ini, text, key, value);
        assert!(changed.contains(expected), "{key}: {changed:?}");
    }
    let gone = Format::Ini.set(text, "pool.name", &New::Absent).unwrap();
    assert_eq!(gone, text.replace("name=x\n", ""));
}

#[test]
fn json_keeps_its_order_and_indentation() {
    let text = "{\n    \"b\": 1,\n    \"a\": {\"x\": [1, 2], \"y\": \"}\\\"\"},\n    \"c\": {\n        \"d\": null\n    }\n}\n";
    for (key, value, from, to) in [
        ("b", json!(2.5), "\"b\": 1", "\"b\": 2.5"),
        ("a.x", json!("t"), "[1, 2]", "\"t\""),
        ("a.y", json!(true), "\"}\\\"\"", "true"),
        ("a.z", json!(1), "\"}\\\"\"}", "\"}\\\"\", \"z\": 1}"),
        (
            "c.d",
            json!({"e": 1}),
            "null",
            "{\n            \"e\": 1\n        }",
        ),
        ("c.f", json!(1), "null", "null,\n        \"f\": 1"),
        (
            "n.m",
            json!(1),
            "    }\n}",
            "    },\n    \"n\": {\n        \"m\": 1\n    }\n}",
        ),
    ] {
        assert_eq!(
            set(Format::Json, text, key, value),
            text.replacen(from, to, 1),
            "{key}"
        );
    }
    for (key, expected) in [
        ("b", text.replace("\"b\": 1,\n    ", "")),
        ("a.y", text.replace(", \"y\": \"}\\\"\"", "")),
    ] {
        assert_eq!(Format::Json.set(text, key, &New::Absent), Ok(expected));
    }
    assert_eq!(set(Format::Json, "", "a", json!(1)), "{\n  \"a\": 1\n}\n");
    assert_eq!(set(Format::Json, "{}", "a", json!(1)), "{\n  \"a\": 1\n}");
    for wrong in ["{", "[1]", "{\"a\": 1, \"a\": 2}"] {
        assert!(
            Format::Json.set(wrong, "a", &New::Value(json!(3))).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn yaml_keeps_its_comments_and_order() {
    let text = "# head\nb: 1  # one\na:\n  # inner\n  x: 'old'\n  y:\n    - 1\n    - 2\n\n  \"z\": |\n    many\n    lines\n# tail\nlist:\n- p\n- q\nlast: {f: 1}\n";
    for (key, value, from, to) in [
        ("b", json!(2), "b: 1  # one", "b: 2  # one"),
        ("a.x", json!("new"), "'old'", "'new'"),
        ("a.x", json!("it's"), "'old'", "\"it's\""),
        (
            "a.y",
            json!([80, 443]),
            "y:\n    - 1\n    - 2\n",
            "y: [80, 443]\n",
        ),
        (
            "a.z",
            json!("one"),
            "\"z\": |\n    many\n    lines\n",
            "\"z\": one\n",
        ),
        ("a.w", json!("true"), "    lines\n", "    lines\n  w: \"true\"\n"),
        ("list", json!([]), "list:\n- p\n- q\n", "list: []\n"),
        ("last", json!(null), "{f: 1}", "null"),
        ("new.deep", json!(1), "{f: 1}\n", "{f: 1}\nnew: {\"deep\": 1}\n"),
    ] {
        assert_eq!(
            set(Format::Yaml, text, key, value),
            text.replacen(from, to, 1),
            "{key}"
        );
    }
    assert_eq!(
        Format::Yaml.set(text, "a.y", &New::Absent),
        Ok(text.replace("  y:\n    - 1\n    - 2\n", ""))
    );
    let word = set(Format::Yaml, "", "a", json!("on"));
    assert_eq!(Format::Yaml.get(&word, "a"), Ok(Some(json!("on"))));
    for (wrong, key) in [
        ("last: {f: 1}\n", "last.f"),
        ("a: &x 1\nb: *x\n", "a"),
        ("- 1\n", "a"),
        ("a: [\n", "a"),
    ] {
        assert!(
            Format::Yaml.set(wrong, key, &New::Value(json!(3))).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn what_is_there_already_changes_nothing() {
    for (format, text, key, value) in [
        (Format::Env, "A = \"1\"", "A", json!(1)),
        (Format::Ini, "[a]\nb=1", "a.b", json!("1")),
        (Format::Json, "{\"a\":1}", "a", json!(1)),
        (Format::Yaml, "a:   1", "a", json!(1)),
    ] {
        assert_eq!(set(format, text, key, value), text);
    }
}
