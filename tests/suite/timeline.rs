//! The timeline of a run, and of all runs of an incident.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::harness::{Project, until};

const SLOW: &str = "apiVersion: runbook/v1\nname: slow\nversion: 1.0.0\ntitle: It waits\nsteps:\n  - {id: one, title: First, shell: 'touch begun; until [ -e go ]; do sleep 0.02; done', rollback: {shell: 'true'}}\nverify: [{id: there, shell: test -e go}]\n";

const FAILS: &str = "steps:\n  - {id: one, title: '=1+1', shell: 'true', rollback: {shell: 'true'}}\n  - {id: two, shell: 'echo \"@SUM(1)\" >&2; exit 3', rollback: {shell: 'true'}}\nverify: [{id: fine, shell: 'true'}]\n";

/// Two runs of an incident, of which the second went on within the first, and notes in both.
fn incident() -> Project {
    let project = Project::runbook(FAILS).with("slow.yaml", SLOW);
    let slow = project.start(&["exec", "slow.yaml", "--incident", "INC-7"]);
    until("the first is under way", || {
        project.path("begun").exists().then_some(())
    });
    project
        .run(&["exec", "runbook.yaml", "--incident", "INC-7"])
        .expect(5);
    project
        .run(&[
            "note",
            "slow",
            "=HYPERLINK(\"http://x\")",
            "--kind",
            "detected",
            "--at",
            "1h ago",
        ])
        .expect(0);
    fs::write(project.path("go"), "").unwrap();
    slow.end().expect(0);
    project.run(&["note", "small", "not a part of it"]).expect(0);
    project.run(&["exec", "slow.yaml"]).expect(0);
    project
}

fn fields(line: &str) -> Vec<String> {
    let inner = line.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
    inner
        .split("\",\"")
        .map(|field| field.replace("\"\"", "\""))
        .collect()
}

#[test]
fn all_runs_of_an_incident_are_one_timeline() {
    let project = incident();
    let text = project.run(&["timeline", "--incident", "INC-7"]).expect(0).stdout;
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}\n{text}"));
    assert!(
        at("It waits") < at("A small runbook"),
        "in the order in which they began"
    );
    assert!(
        text.contains("while B went on") && text.contains("while A went on"),
        "{text}"
    );
    let detected = at("≈");
    assert!(
        detected < at("started by"),
        "what is claimed stands where it is claimed\n{text}"
    );
    assert!(at("rolled_back after") < at("resolved after"), "{text}");
    assert!(
        text.contains("B‖") && text.contains("more of the machinery"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "no colours where none are wanted");
    let all = project
        .run(&["timeline", "--incident", "INC-7", "--all"])
        .expect(0)
        .stdout;
    assert!(all.lines().count() > text.lines().count());
    let part = project
        .run(&["timeline", "small", "--phase", "rollback"])
        .expect(0)
        .stdout;
    assert!(
        part.contains("undone in") && !part.contains("started by"),
        "{part}"
    );
}

#[test]
fn programs_and_readers_get_an_incident_as_one() {
    let project = incident();
    let json = |args: &[&str]| {
        project
            .run(&[&["timeline", "--format", "json"], args].concat())
            .expect(0)
            .json()
    };
    let known = json(&["--incident", "INC-7"]);
    assert_eq!(known["runs"].as_array().unwrap().len(), 2, "and no other run");
    let entries = known["entries"].as_array().unwrap();
    let times: Vec<jiff::Timestamp> = entries
        .iter()
        .map(|entry| entry["at"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    let detected = &known["times"][0];
    assert_eq!(
        (&detected["time"], &detected["at"]),
        (&"detected".into(), &entries[0]["at"])
    );
    let report = project.run(&["report", "--incident", "INC-7"]).expect(0).stdout;
    for part in [
        "# Incident INC-7",
        "## Timeline",
        "## A: It waits",
        "## B: A small runbook",
        "### Root cause",
    ] {
        assert!(report.contains(part), "{part}\n{report}");
    }
    project
        .run(&["timeline", "--incident", "INC-8"])
        .expect(2)
        .says(&["there are runs of `INC-7`"]);
    project
        .run(&["exec", "slow.yaml", "--incident", "../x"])
        .expect(2)
        .says(&["at most 64 letters"]);
}

#[test]
fn a_spreadsheet_gets_texts_and_no_formulas() {
    let project = incident();
    let csv = project
        .run(&["timeline", "--incident", "INC-7", "--format", "csv"])
        .expect(0)
        .stdout;
    assert!(csv.ends_with("\r\n"));
    let rows: Vec<Vec<String>> = csv.trim_end().split("\r\n").map(fields).collect();
    let columns = &rows[0];
    for row in &rows {
        assert_eq!(row.len(), columns.len(), "{row:?}");
        for field in row {
            assert!(!field.starts_with(['=', '+', '-', '@']), "{field}");
        }
    }
    let text = columns.iter().position(|name| name == "text").unwrap();
    assert!(
        rows.iter().any(|row| row[text] == "'=HYPERLINK(\"http://x\")"),
        "{csv}"
    );
    assert!(
        rows.iter().any(|row| row[text].starts_with("'=1+1: done")),
        "{csv}"
    );
}

fn hex(value: &Value, digits: usize) -> String {
    let text = value.as_str().unwrap();
    let is_hex = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    assert!(
        text.len() == digits && is_hex && text.bytes().any(|byte| byte != b'0'),
        "{text}"
    );
    text.to_owned()
}

fn nanos(value: &Value) -> u64 {
    value
        .as_str()
        .expect("a text, since JSON has no such numbers")
        .parse()
        .unwrap()
}

/// As `opentelemetry/proto/common/v1/common.proto` has it: a key, and one kind of value.
fn attributes(value: &Value) {
    for attribute in value.as_array().unwrap() {
        assert!(!attribute["key"].as_str().unwrap().is_empty());
        let kinds = attribute["value"].as_object().unwrap();
        assert_eq!(kinds.len(), 1, "{attribute}");
        let (kind, value) = kinds.iter().next().unwrap();
        let fits = match kind.as_str() {
            "stringValue" => value.is_string(),
            "boolValue" => value.is_boolean(),
            "intValue" => value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
            _ => false,
        };
        assert!(fits, "{attribute}");
    }
}

/// As `opentelemetry/proto/trace/v1/trace.proto` has it.
fn is_span(span: &Value) {
    assert_eq!(span["kind"], 1, "a number, as JSON has enumerations");
    assert!(
        nanos(&span["startTimeUnixNano"]) <= nanos(&span["endTimeUnixNano"]),
        "{span}"
    );
    assert!((0..=2).contains(&span["status"]["code"].as_u64().unwrap()));
    attributes(&span["attributes"]);
    for event in span["events"].as_array().unwrap() {
        nanos(&event["timeUnixNano"]);
        assert!(event["name"].is_string());
        attributes(&event["attributes"]);
    }
}

#[test]
fn runs_are_traces_of_the_shape_that_opentelemetry_demands() {
    let project = incident();
    let print = || {
        project
            .run(&["timeline", "--incident", "INC-7", "--format", "otlp"])
            .expect(0)
            .stdout
    };
    let text = print();
    assert_eq!(text, print(), "the same runs give the same bytes");
    let export: Value = serde_json::from_str(&text).unwrap();
    let mut names = BTreeMap::new();
    let mut traces = Vec::new();
    for resource in export["resourceSpans"].as_array().unwrap() {
        attributes(&resource["resource"]["attributes"]);
        let scope = &resource["scopeSpans"][0];
        assert_eq!(scope["scope"]["name"], "runbook");
        let spans = scope["spans"].as_array().unwrap();
        let ids: Vec<String> = spans.iter().map(|span| hex(&span["spanId"], 16)).collect();
        traces.push(hex(&spans[0]["traceId"], 32));
        for (at, span) in spans.iter().enumerate() {
            is_span(span);
            assert_eq!(span["traceId"], spans[0]["traceId"]);
            let parent = span.get("parentSpanId").map(|parent| hex(parent, 16));
            assert_eq!(
                parent.is_none(),
                at == 0,
                "one span has no other around it: the run"
            );
            if let Some(parent) = parent {
                assert!(ids[..at].contains(&parent));
            }
            names.insert(span["name"].as_str().unwrap().to_owned(), span.clone());
        }
        let mut apart = ids.clone();
        apart.sort();
        apart.dedup();
        assert_eq!(apart.len(), ids.len());
    }
    assert_ne!(traces[0], traces[1]);
    assert_eq!(names["It waits"]["status"]["code"], 1);
    assert_eq!(names["A small runbook"]["status"]["code"], 2);
    assert_eq!(names["two"]["status"]["code"], 2);
    assert!(
        names.keys().any(|name| name.starts_with("undo =1+1")),
        "{:?}",
        names.keys()
    );
    let events = names["It waits"]["events"].as_array().unwrap();
    let note = events
        .iter()
        .find(|event| event["name"] == "note")
        .expect("what people wrote");
    assert!(
        nanos(&note["timeUnixNano"]) < nanos(&names["It waits"]["startTimeUnixNano"]),
        "as claimed"
    );
    let alone = project
        .run(&["timeline", "small", "--format", "otlp"])
        .expect(0)
        .stdout;
    assert!(alone.contains(&traces[1]), "a run is the same trace alone");
}

#[test]
fn a_run_is_followed_to_its_end() {
    let project = Project::empty().with("slow.yaml", SLOW);
    let slow = project.start(&["exec", "slow.yaml"]);
    until("it is under way", || project.path("begun").exists().then_some(()));
    let mut follows = project.start(&["timeline", "last", "--follow"]);
    follows.wait_for("First: touch begun");
    assert!(!follows.has_ended());
    project
        .run(&["note", "last", "I am at it", "--kind", "acknowledged"])
        .expect(0);
    follows.wait_for("acknowledged: I am at it");
    fs::write(project.path("go"), "").unwrap();
    slow.end().expect(0);
    let told = follows.end().expect(0).says(&["resolved after"]).stdout;
    assert_eq!(
        told.matches("First: touch begun").count(),
        1,
        "nothing is told twice\n{told}"
    );
    let after = project.run(&["timeline", "last", "--follow"]).expect(0);
    after.says(&["resolved after", "I am at it"]);
}

#[test]
fn a_narrow_terminal_has_no_line_that_is_too_long() {
    let project = incident();
    let program = env!("CARGO_BIN_EXE_runbook");
    for columns in [40, 80] {
        let line = format!("stty cols {columns}; exec '{program}' timeline --incident INC-7");
        let shown = project.start_in_terminal(&line).end().expect(0).stdout;
        for line in shown.lines() {
            let width = line.trim_end_matches('\r').chars().count();
            assert!(width <= columns, "{width} of {columns}: {line}");
        }
        assert!(shown.contains("rolled_back"), "{shown}");
    }
}
