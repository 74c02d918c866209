//! The logs of the secure MCP server in Elasticsearch, and the endpoints that somebody is paged for.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::production::{Outside, PAGERDUTY_KEY, project};

const ANALYSIS: &str = "operations/log-analysis.yaml";
const RETENTION: &str = "maintenance/log-retention.yaml";
const MONITOR: &str = "operations/endpoint-monitor.yaml";

/// Seconds of a day.
const DAY: u64 = 86400;

#[expect(
    clippy::disallowed_methods,
    reason = "what is old is so by the clock of the machine"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// A time that is so many seconds ago.
fn ago(seconds: u64) -> String {
    let now = now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seconds = i64::try_from(now.as_secs() - seconds).unwrap();
    format!("{}", jiff::Timestamp::from_second(seconds).unwrap())
}

/// Brings these documents into an index.
fn index(elasticsearch: &Outside, name: &str, documents: &[Value]) {
    let mut lines = String::new();
    for document in documents {
        let head = json!({"index": {"_index": name}});
        lines.extend([
            head.to_string(),
            "
"
            .to_owned(),
            document.to_string(),
            "
"
            .to_owned(),
        ]);
    }
    let (status, answer) = elasticsearch.ask("POST", "/_bulk", &lines);
    assert_eq!((status.as_str(), &answer["errors"]), ("200", &json!(false)));
}

fn count(elasticsearch: &Outside, name: &str) -> Value {
    elasticsearch.ask("GET", &format!("/{name}/_count"), "").1["count"].clone()
}

#[test]
fn errors_and_slow_queries_are_found_in_the_logs() {
    let elasticsearch = Outside::start("elasticsearch.py", ".", &[]);
    let project = project(
        "{}",
        &format!("{{elasticsearch_url: \"{}\"}}", elasticsearch.url),
        &[],
    );
    let line = |level: &str, message: &str, seconds| json!({"application": "mcp-server", "level": level, "@timestamp": ago(seconds), "error": {"message": message}});
    index(
        &elasticsearch,
        "mcp-2026.01.01",
        &[line("info", "", 10), line("error", "old", 3 * 3600)],
    );
    project.exec(ANALYSIS, &[], "not_needed");

    let timeout = "connection to db timed out";
    let errors = [
        line("error", timeout, 30),
        line("error", timeout, 40),
        line("error", "no such tool", 600),
    ];
    index(&elasticsearch, "mcp-2026.01.02", &errors);
    let slow = |milliseconds: u32| json!({"application": "mcp-server", "query_duration_ms": milliseconds, "@timestamp": ago(5)});
    index(
        &elasticsearch,
        "mcp-2026.01.02",
        &[slow(999), slow(1000), slow(2500)],
    );
    let (_, run) = project.exec(ANALYSIS, &[], "resolved");
    let captured = run.captured("over_time");
    assert_eq!(captured["total"], 3);
    assert!(captured["minutes"].as_array().unwrap().len() >= 2, "{captured}");
    let frequent = run.captured("most_frequent");
    assert_eq!(
        frequent,
        json!({"messages": [timeout, "no such tool", "old"], "counts": [2, 1, 1]})
    );
    assert_eq!(
        run.captured("slow_queries"),
        json!({"slowest": [2500, 1000], "found": 2})
    );
}

#[test]
fn logs_are_kept_as_long_as_agreed() {
    let elasticsearch = Outside::start("elasticsearch.py", ".", &[]);
    let debugging = elasticsearch.path("debug");
    fs::create_dir(&debugging).unwrap();
    let inputs = format!(
        "{{elasticsearch_url: \"{}\", debug_logs: {}}}",
        elasticsearch.url,
        debugging.display()
    );
    let project = project("{}", &inputs, &[]);
    let line = |days| json!({"application": "mcp-server", "@timestamp": ago(days * DAY + 60)});
    index(&elasticsearch, "mcp-2026.01.01", &[line(31), line(40), line(29)]);
    index(&elasticsearch, "perf-2026.01.01", &[line(8), line(6)]);
    for (name, days) in [("old.log", 2), ("new.log", 0)] {
        let file = File::create(debugging.join(name)).unwrap();
        file.set_modified(now() - Duration::from_secs(days * DAY))
            .unwrap();
    }
    let (_, run) = project.exec(RETENTION, &[], "resolved");
    assert_eq!(run.captured("delete"), json!({"deleted": 2}));
    assert_eq!(
        (count(&elasticsearch, "mcp-*"), count(&elasticsearch, "perf-*")),
        (json!(1), json!(1))
    );
    assert!(debugging.join("new.log").exists() && !debugging.join("old.log").exists());
    let policy = |name: &str| elasticsearch.ask("GET", &format!("/_ilm/policy/{name}"), "").1[name].clone();
    let kept = policy("mcp-performance");
    assert_eq!(kept["policy"]["phases"]["delete"]["min_age"], "7d");
    assert_eq!(kept["in_use_by"]["indices"], json!(["perf-2026.01.01"]));
    project.exec(RETENTION, &[], "not_needed");

    // Where the debugging logs are is wrong: nobody can tell whether there are old ones, and the rules are as before.
    index(&elasticsearch, "mcp-2026.01.02", &[line(32)]);
    let nowhere = format!("debug_logs={}", elasticsearch.path("nowhere").display());
    project.exec(RETENTION, &["days=20", &nowhere], "rolled_back");
    assert_eq!(
        policy("mcp-application")["policy"]["phases"]["delete"]["min_age"],
        "30d"
    );
}

#[test]
fn somebody_is_paged_for_an_endpoint_that_is_not_healthy() {
    let (pages, well) = (Outside::pages(), Outside::pages());
    let endpoints = format!("[\"{}/health/ready\", \"{}/health\"]", pages.url, well.url);
    let inputs = format!(
        "{{endpoints: {endpoints}, pagerduty_url: \"{}\", pause: 10ms}}",
        pages.url
    );
    let project = project("{}", &inputs, &[("PAGERDUTY_KEY", PAGERDUTY_KEY)]);
    project.exec(MONITOR, &[], "not_needed");
    fs::write(pages.path("down"), "").unwrap();
    let (_, run) = project.exec(MONITOR, &[], "resolved");
    run.nowhere(PAGERDUTY_KEY);
    let events: Vec<Value> = pages
        .noted("events.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let key = format!("health-monitor {}/health/ready", pages.url);
    let actions: Vec<_> = events
        .iter()
        .map(|event| (&event["event_action"], &event["dedup_key"]))
        .collect();
    assert_eq!(
        actions,
        [(&json!("trigger"), &json!(key)), (&json!("resolve"), &json!(key))]
    );
    let payload = &events[0]["payload"];
    assert_eq!(payload["severity"], "error");
    assert_eq!(
        payload["summary"],
        format!("Health check failed for {}/health/ready", pages.url)
    );
    assert!(
        payload["custom_details"]["answered"]
            .as_str()
            .unwrap()
            .contains("503"),
        "{payload}"
    );
}

/// The stand-in refuses what the real one does.
#[test]
fn what_pagerduty_does_not_take_is_refused() {
    let pages = Outside::pages();
    let event = |change: &Value| {
        let mut event = json!({
            "routing_key": PAGERDUTY_KEY, "event_action": "trigger",
            "payload": {"summary": "it is down", "severity": "error", "source": "monitor"},
        });
        json_patch(&mut event, change);
        pages.ask("POST", "/v2/enqueue", &event.to_string())
    };
    let (status, answer) = event(&json!({}));
    assert_eq!((status.as_str(), &answer["status"]), ("202", &json!("success")));
    assert!(answer["dedup_key"].is_string());
    for change in [
        json!({"routing_key": "short"}),
        json!({"routing_key": null}),
        json!({"event_action": "open"}),
        json!({"event_action": "resolve"}),
        json!({"payload": {"severity": "bad"}}),
        json!({"payload": {"summary": null}}),
        json!({"payload": {"source": ""}}),
        json!({"dedup_key": "x".repeat(256)}),
    ] {
        let (status, answer) = event(&change);
        assert_eq!(
            (status.as_str(), &answer["status"]),
            ("400", &json!("invalid event")),
            "{change}"
        );
    }
}

#[test]
fn what_elasticsearch_does_not_take_is_refused() {
    let elasticsearch = Outside::start("elasticsearch.py", ".", &[]);
    index(
        &elasticsearch,
        "mcp-1",
        &[json!({"level": "error", "@timestamp": ago(5)})],
    );
    for (method, path, body, expected) in [
        (
            "GET",
            "/mcp-1/_search",
            r#"{"query": {"trem": {"level": "error"}}}"#,
            "400",
        ),
        (
            "GET",
            "/mcp-1/_search",
            r#"{"aggs": {"a": {"terms": {"field": "level"}}}}"#,
            "400",
        ),
        (
            "GET",
            "/mcp-1/_search",
            r#"{"sort": [{"missing": {"order": "desc"}}]}"#,
            "400",
        ),
        ("GET", "/mcp-2/_search", "", "404"),
        ("POST", "/mcp-1/_delete_by_query", "{}", "400"),
        ("GET", "/mcp-1/_delete_by_query", "", "400"),
        (
            "PUT",
            "/_ilm/policy/p",
            r#"{"policy": {"phases": {"delete": {"min_age": "soon"}}}}"#,
            "400",
        ),
        (
            "PUT",
            "/_ilm/policy/p",
            r#"{"policy": {"phases": {"delete": {"actions": {"rollover": {}}}}}}"#,
            "400",
        ),
        ("GET", "/_ilm/policy/p", "", "404"),
    ] {
        let (status, answer) = elasticsearch.ask(method, path, body);
        assert_eq!(status, expected, "{method} {path} {body}");
        assert!(answer["error"]["type"].is_string(), "{answer}");
    }
}

/// Puts fields in the place of others; null removes one.
fn json_patch(value: &mut Value, change: &Value) {
    for (key, new) in change.as_object().unwrap() {
        if new.is_object() {
            json_patch(&mut value[key], new);
        } else if new.is_null() {
            value.as_object_mut().unwrap().remove(key);
        } else {
            value[key] = new.clone();
        }
    }
}

#[test]
fn runbooks_are_reviewed_once_a_quarter() {
    let inputs = format!("{{program: \"{}\"}}", env!("CARGO_BIN_EXE_runbook"));
    let project = project("{}", &inputs, &[]);
    let old = File::open(project.path("runbooks/routine/morning-check.yaml")).unwrap();
    old.set_modified(now() - Duration::from_secs(91 * DAY)).unwrap();
    let (_, run) = project.exec("routine/runbook-review.yaml", &[], "resolved");
    assert_eq!(
        run.captured("stale"),
        json!({"files": ["runbooks/routine/morning-check.yaml"]})
    );
    let record = fs::read_to_string(project.path("runbook-review.env")).unwrap();
    assert!(record.starts_with("REVIEWED_AT="), "{record}");
    project.exec("routine/runbook-review.yaml", &[], "not_needed");

    // A runbook that is wrong is nothing to be signed.
    fs::write(
        project.path("runbooks/wrong.yaml"),
        "apiVersion: runbook/v1\nname: wrong\n",
    )
    .unwrap();
    let stale = "REVIEWED_AT=1700000000\n";
    fs::write(project.path("runbook-review.env"), stale).unwrap();
    project.exec("routine/runbook-review.yaml", &[], "failed");
    assert_eq!(
        fs::read_to_string(project.path("runbook-review.env")).unwrap(),
        stale
    );
}
