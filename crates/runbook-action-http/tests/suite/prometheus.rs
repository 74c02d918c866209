//! `promql` with a real Prometheus.

use std::time::Duration;

use runbook_action::{ErrorKind, Failure, Output, Param};
use runbook_action_http::Promql;
use runbook_testkit::authority::{Authority, Purpose};
use runbook_testkit::contract::{PATIENCE, Subject, Use, check, secret, value, written};
use runbook_testkit::host::FakeHost;
use runbook_testkit::prometheus::{Metrics, Options, Prometheus};
use serde_json::{Value, json};

use crate::connection;
use crate::server::{answers, nobody, silent};

const METRICS: &str = "\
# TYPE temperature gauge
temperature{room=\"kitchen\"} 21.5
temperature{room=\"a\\\"} or vector(1) #\"} 3
size 7
nothing NaN
endless +Inf
";

#[expect(
    clippy::needless_pass_by_value,
    reason = "a `&` before each `json!` says nothing"
)]
fn used(connected: Value, params: Value) -> Use {
    Use {
        params: written(&params),
        connection: connection(written(&connected)),
        ..Use::default()
    }
}

async fn run(case: &Use, host: &FakeHost) -> Result<Output, Failure> {
    let promql = Promql::new(std::env::temp_dir());
    let work = case.run(&promql, host);
    tokio::time::timeout(PATIENCE, work).await.expect("it hangs")
}

async fn ask(url: &str, params: Value) -> Result<Value, Failure> {
    let case = used(json!({"prometheus": url}), params);
    Ok(run(&case, &FakeHost::new()).await?.value)
}

/// Asks until it is so: metrics are read five times a second.
async fn until(url: &str, query: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let told = ask(url, json!(query)).await.unwrap();
            if is_so(&told) {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(50)).await; // paced: the server reads metrics in its own time
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .expect("it never comes")
}

fn with_metrics(text: &str) -> (Metrics, Prometheus, String) {
    let metrics = Metrics::start(text);
    let prometheus = Prometheus::start(&Options {
        targets: vec![metrics.address().to_owned()],
        ..Options::default()
    });
    let url = prometheus.url("http", "127.0.0.1");
    (metrics, prometheus, url)
}

#[tokio::test]
async fn a_query_has_one_value_or_several_series() {
    let (_metrics, _prometheus, url) = with_metrics(METRICS);
    until(&url, "size", |told| told["value"] == 7.0).await;

    let told = ask(&url, json!({"query": "temperature{room=\"kitchen\"}"}))
        .await
        .unwrap();
    assert_eq!(told["value"], 21.5);
    assert_eq!(told["series"][0]["labels"]["__name__"], "temperature");
    assert_eq!(told["series"][0]["labels"]["job"], "app");
    assert_eq!(told["series"][0]["samples"], json!([]));
    assert_eq!(ask(&url, json!("1 + 1")).await.unwrap()["value"], 2.0);

    let host = FakeHost::new();
    let case = used(json!({"prometheus": url}), json!("temperature"));
    let told = run(&case, &host).await.unwrap().value;
    assert_eq!(told.get("value"), None);
    assert_eq!(told["series"].as_array().unwrap().len(), 2);
    assert_eq!(
        host.stderr(),
        b"the query gave 2 series, so there is no `value`\n"
    );

    let told = ask(&url, json!("no_such_metric")).await.unwrap();
    assert_eq!(told, json!({"series": []}));
}

#[tokio::test]
async fn what_is_no_number_is_an_error() {
    let (_metrics, _prometheus, url) = with_metrics(METRICS);
    until(&url, "size", |told| told["value"] == 7.0).await;
    for (query, said) in [
        ("nothing", "is NaN"),
        ("endless", "is +Inf"),
        ("-endless", "is -Inf"),
        ("size / 0", "is +Inf"),
        ("0 / (size - 7)", "is NaN"),
        ("0 / 0", "is NaN"),
        ("{job=\"app\"}", "is NaN"),
    ] {
        for params in [
            json!(query),
            json!({"query": query, "range": "1s", "step": "100ms"}),
        ] {
            let failure = ask(&url, params.clone()).await.unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Other);
            assert!(
                failure.message.contains(said) || failure.message.contains("Inf"),
                "{params}: {failure}"
            );
        }
    }
    let failure = ask(&url, json!("nothing")).await.unwrap_err();
    assert!(
        failure.message.starts_with("a sample of `nothing{instance=\"127"),
        "{failure}"
    );
    assert_eq!(
        ask(&url, json!("nothing >= 0")).await.unwrap(),
        json!({"series": []})
    );
}

#[tokio::test]
async fn a_range_ends_now_or_when_it_is_told_to() {
    let (_metrics, _prometheus, url) = with_metrics(METRICS);
    until(&url, "count_over_time(size[1m])", |told| {
        told["value"].as_f64() >= Some(3.0)
    })
    .await;
    let told = ask(&url, json!({"query": "size", "range": "400ms", "step": "200ms"}))
        .await
        .unwrap();
    assert_eq!(told["value"], 7.0);
    let samples = told["series"][0]["samples"].as_array().unwrap();
    assert!(!samples.is_empty() && samples.len() <= 3, "{told}");
    assert_eq!(samples[0]["value"], 7.0);

    // Without metrics, a time of the past is as good as another.
    let params = json!({
        "query": "time()", "range": "1m", "step": "20s", "time": "2025-01-31T12:00:00+01:00",
    });
    let told = ask(&url, params).await.unwrap();
    let at: Vec<&str> = told["series"][0]["samples"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sample| sample["at"].as_str().unwrap())
        .collect();
    assert_eq!(
        at,
        [
            "2025-01-31T10:59:00.000Z",
            "2025-01-31T10:59:20.000Z",
            "2025-01-31T10:59:40.000Z",
            "2025-01-31T11:00:00.000Z",
        ]
    );
    assert_eq!(told["value"], 1_738_321_200.0);
    // A step that does not divide the range is counted from its end.
    let params = json!({"query": "time()", "range": "1m", "step": "25s", "time": "2025-01-31T11:00:00Z"});
    assert_eq!(ask(&url, params).await.unwrap()["value"], 1_738_321_200.0);
    let params = json!({"query": "time()", "range": "1h"});
    assert_eq!(
        ask(&url, params).await.unwrap()["series"][0]["samples"]
            .as_array()
            .unwrap()
            .len(),
        101
    );
    let params = json!({"query": "time()", "time": "2025-01-31T11:00:00Z"});
    assert_eq!(ask(&url, params).await.unwrap()["value"], 1_738_321_200.0);
}

#[tokio::test]
async fn a_series_that_has_ended_has_no_value() {
    let (metrics, _prometheus, url) = with_metrics(METRICS);
    until(&url, "count_over_time(size[1m])", |told| {
        told["value"].as_f64() >= Some(2.0)
    })
    .await;
    metrics.tell("other 1\n");
    let told = until(&url, "size", |told| told.get("value").is_none()).await;
    assert_eq!(told, json!({"series": []}));
    // It is part of the range, and not of its end.
    let host = FakeHost::new();
    let params = json!({"query": "size", "range": "20s", "step": "100ms"});
    let told = run(&used(json!({"prometheus": url}), params), &host)
        .await
        .unwrap()
        .value;
    assert_eq!(told.get("value"), None);
    assert_eq!(told["series"][0]["value"], Value::Null);
    assert!(!told["series"][0]["samples"].as_array().unwrap().is_empty());
    assert!(String::from_utf8(host.stderr()).unwrap().contains("has ended"));
}

#[tokio::test]
async fn values_are_compared_and_never_code() {
    let (_metrics, _prometheus, url) = with_metrics(METRICS);
    until(&url, "size", |told| told["value"] == 7.0).await;
    let bound = async |room: &str| {
        let mut case = used(
            json!({"prometheus": url}),
            json!({"query": "temperature{room=$room, job != $room}", "bind": {}}),
        );
        if let Param::Map(params) = &mut case.params {
            let bind = [("room".to_owned(), value(room))];
            params.insert("bind".to_owned(), Param::Map(bind.into_iter().collect()));
        }
        run(&case, &FakeHost::new()).await.unwrap().value
    };
    assert_eq!(bound("kitchen").await["value"], 21.5);
    assert_eq!(bound("a\"} or vector(1) #").await["value"], 3.0);
    for hostile in [
        "\"",
        "\\",
        "a\nb",
        "a\0b",
        "\"} or vector(1) or temperature{room=\"",
        "☃",
        ".*",
    ] {
        assert_eq!(bound(hostile).await, json!({"series": []}), "{hostile:?}");
    }
}

#[tokio::test]
async fn a_wrong_query_is_told_in_prometheus_own_words() {
    let (_metrics, _prometheus, url) = with_metrics(METRICS);
    let failure = ask(&url, json!({"query": "sum(1 +)"})).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Other);
    assert_eq!(failure.param.as_deref(), Some("query"));
    assert!(
        failure.message.starts_with("Prometheus refused the query: "),
        "{failure}"
    );
    assert!(failure.message.contains("parse error"), "{failure}");
    let failure = ask(&url, json!("sum(1 +)")).await.unwrap_err();
    assert_eq!(failure.param, None);

    let failure = ask(&url, json!({"query": "up", "range": "365d", "step": "1s"}))
        .await
        .unwrap_err();
    assert!(failure.message.contains("11,000 points"), "{failure}");
    until(&url, "count_over_time(size[1m])", |told| {
        told["value"].as_f64() >= Some(2.0)
    })
    .await;
    let failure = ask(&url, json!("size[1m]")).await.unwrap_err();
    assert!(
        failure.message.contains("a range of samples for `size{"),
        "{failure}"
    );
    assert!(failure.help.unwrap().contains("rate"));
    let failure = ask(&url, json!("\"text\"")).await.unwrap_err();
    assert!(failure.message.contains("a text"), "{failure}");
    for (params, param) in [
        (json!({"query": "up", "time": "yesterday"}), "time"),
        (json!({"query": "up", "time": "1950-01-01T00:00:00Z"}), "time"),
        (json!({"query": "up", "range": "0s"}), "range"),
        (json!({"query": "up", "range": "1s", "step": "2s"}), "step"),
    ] {
        let failure = ask(&url, params).await.unwrap_err();
        assert_eq!(failure.param.as_deref(), Some(param), "{failure}");
    }
}

#[tokio::test]
async fn passwords_and_certificates_are_as_for_http() {
    let authority = Authority::new();
    let directory = tempfile::TempDir::new().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let prometheus = Prometheus::start(&Options {
        password: true,
        shown: Some(&authority.sign(&["127.0.0.1"], Purpose::Server)),
        ..Options::default()
    });
    let url = prometheus.url("https", "127.0.0.1");
    let asked = async |password: &str, tls: Value| {
        let mapping = json!({
            "prometheus": url, "tls": tls, "auth": {"basic": {"user": "admin", "password": password}},
        });
        run(&used(mapping, json!("1")), &FakeHost::new()).await
    };
    let told = asked("open sesame", json!({"ca": ca})).await.unwrap();
    assert_eq!(told.value["value"], 1.0);
    let failure = asked("open barley", json!({"ca": ca})).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Auth, "{failure}");
    assert!(!format!("{failure:?}").contains("barley"));
    let failure = asked("open sesame", json!({})).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
    // Plain HTTP at the encrypted port.
    let plain = prometheus.url("http", "127.0.0.1");
    let failure = ask(&plain, json!("1")).await.unwrap_err();
    assert!(failure.message.contains("400"), "{failure}");
}

#[tokio::test]
async fn what_is_not_prometheus_is_told() {
    for (answer, kind) in [
        (
            &b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"[..],
            ErrorKind::Protocol,
        ),
        (
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            ErrorKind::NotFound,
        ),
        (
            b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
            ErrorKind::Forbidden,
        ),
        (
            b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n",
            ErrorKind::Unreachable,
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"status\":\"success\"}",
            ErrorKind::Protocol,
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n{\"status\":\"success\"}",
            ErrorKind::Protocol,
        ),
        (b"garbage\r\n\r\n", ErrorKind::Protocol),
    ] {
        let failure = ask(&answers(answer).await, json!("up")).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(!failure.may_have_applied);
    }
    let failure = ask(&nobody().await, json!("up")).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused);
    let (silent, _asked) = silent().await;
    let case = used(json!({"prometheus": silent, "timeout": "50ms"}), json!("up"));
    let failure = run(&case, &FakeHost::new()).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout);
}

#[tokio::test]
async fn promql_keeps_to_the_contract_of_what_runs() {
    let (silent, asked) = silent().await;
    let (_metrics, _prometheus, url) = with_metrics(METRICS);
    let token = || secret("token", "hunter2-hunter2");
    let with = |params: Value, key: &str, entry: Param| {
        let mut params = written(&params);
        if let Param::Map(map) = &mut params {
            map.insert(key.to_owned(), entry);
        }
        params
    };
    let failing = |params: Param| Use {
        params,
        connection: connection(with(
            json!({"prometheus": url}),
            "headers",
            with(json!({}), "x", token()),
        )),
        ..Use::default()
    };
    let bind = |query: &str| with(json!({"query": query}), "bind", with(json!({}), "x", token()));
    let promql = Promql::new(std::env::temp_dir());
    check(&Subject {
        action: &promql,
        endless: used(json!({"prometheus": silent}), json!("up")),
        begun: &|_host| *asked.lock().unwrap() > 0,
        failing: vec![
            failing(bind("up{a=$x} +")),
            failing(bind("up{a=~$x}")),
            failing(written(&json!({}))),
            failing(written(&json!("0/0"))),
            failing(written(&json!({"query": "up", "range": "x"}))),
            used(json!({"prometheus": nobody().await}), json!("up")),
            Use {
                params: written(&json!("up")),
                connection: connection(with(json!({}), "prometheus", token())),
                ..Use::default()
            },
        ],
        world: &String::new,
    })
    .await;
}
