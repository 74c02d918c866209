//! What is known of a query without a server.

use runbook_action::{Effect, Kind, Param, Undoing, Via};
use runbook_action_http::Promql;
use runbook_testkit::contract::{Use, declares, secret, written};
use serde_json::{Value, json};

fn promql() -> Promql {
    Promql::new(std::env::temp_dir())
}

fn used(params: &Value) -> Use {
    Use {
        params: written(params),
        ..Use::default()
    }
}

fn fine() -> Vec<Value> {
    vec![
        json!("up"),
        json!("histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))"),
        json!(
            "sum(rate(http_requests_total{status=~\"5..\"}[5m])) / sum(rate(http_requests_total[5m])) > 0.05"
        ),
        json!("up{job='a\\'b', path=`\\`} # \"not a string, $not_a_place"),
        json!("label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")"),
        json!({"query": "up{job=$job, zone != $zone} == 0", "bind": {"job": "web", "zone": "a\"} or vector(1) #"}}),
        json!({"query": "up{job=\n  # the one\n  $job}", "bind": {"job": "web"}}),
        json!({"query": "up", "range": "1h", "step": "30s", "time": "2025-01-01T00:00:00Z"}),
    ]
}

/// Wrong uses, the parameter that is named (nothing for the whole), and what is said of it.
fn wrong() -> Vec<(Value, Option<&'static str>, &'static str)> {
    let query = |query: &str| json!({"query": query, "bind": {"x": "y"}});
    let at = Some("query");
    vec![
        (json!(""), None, "the query is empty"),
        (json!("  # nothing\n"), None, "the query is empty"),
        (json!({}), None, "`query` is missing"),
        (json!(5), None, "expected text"),
        (json!("sum(up"), None, "`(` is never closed"),
        (json!("sum(up])"), None, "`]` closes nothing"),
        (json!("up)"), None, "`)` closes nothing"),
        (json!("up{job=\"web}"), None, "has no end"),
        (json!("up{job=\"web\n\"}"), None, "has no end"),
        (json!("up{job=$job}"), None, "`$job` has no value"),
        (query("up{job=~$x}"), at, "`$x` would be a pattern"),
        (query("up{job!~$x}"), at, "`$x` would be a pattern"),
        (query("up[$x]"), at, "`$x` would be code"),
        (query("up > $x"), at, "`$x` would be code"),
        (query("up == $x"), at, "`$x` would be code"),
        (query("up{$x=\"a\"}"), at, "`$x` would be code"),
        (query("up{job=$x$x}"), at, "`$x` would be code"),
        (query("$x"), at, "`$x` would be code"),
        (query("sum(a=$x)"), at, "`$x` would be code"),
        (query("up{job=$}"), at, "is not followed by a name"),
        (query("up{job=$1}"), at, "is not followed by a name"),
        (
            query("up{job=\"$x\"}"),
            Some("bind.x"),
            "`$x` is not in the query",
        ),
        (query("up"), Some("bind.x"), "`$x` is not in the query"),
        (
            json!({"query": "up{a=$x}", "bind": {"x": [1]}}),
            Some("bind.x"),
            "expected text",
        ),
        (
            json!({"query": "up", "step": "5s"}),
            Some("step"),
            "is for a range",
        ),
    ]
}

#[test]
fn promql_keeps_to_the_contract() {
    let mut right: Vec<Use> = fine().iter().map(used).collect();
    let mut bound = used(&json!({"query": "up{job=$x}", "bind": {}}));
    if let Param::Map(params) = &mut bound.params {
        let bind = std::iter::once(("x".to_owned(), secret("token", "hunter2"))).collect();
        params.insert("bind".to_owned(), Param::Map(bind));
    }
    right.push(bound);
    let mut refused: Vec<Use> = wrong().iter().map(|row| used(&row.0)).collect();
    refused.push(Use {
        params: secret("token", "hunter2"),
        ..Use::default()
    });
    declares(&promql(), &right, &refused);
}

#[test]
fn a_query_only_reads() {
    for params in fine() {
        let known = promql().recognise(&written(&params)).unwrap();
        assert_eq!(
            (known.effect, known.certain, known.undoing),
            (Effect::Read, true, Undoing::Needless),
            "{params}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused_where_it_stands() {
    for (params, param, said) in wrong() {
        let Err(failure) = promql().recognise(&written(&params)) else {
            panic!("{params} was recognised")
        };
        assert_eq!(failure.param.as_deref(), param, "{params}: {failure}");
        assert!(failure.message.contains(said), "{params}: {failure}");
    }
}

#[test]
fn prometheus_is_reached_as_other_servers_are() {
    let [connection] = promql().spec().connections else {
        panic!("not one kind of connection")
    };
    assert_eq!(connection.kind, "prometheus");
    assert_eq!(
        connection.via,
        Via::Named(&["ssh", "container", "pod", "deployment"])
    );
    for key in ["headers", "auth", "tls", "proxy", "timeout"] {
        assert!(connection.shape.field(key).is_some(), "{key}");
    }
}
