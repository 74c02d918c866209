//! Lists in parts, versions that are forgotten, watches that end, servers that are busy or slow.

use std::io::{BufRead as _, BufReader};
use std::sync::Arc;
use std::time::Duration;

use runbook_cluster::{Cluster, Fault, Faulty, Verdict, Webhook};
use serde_json::{Value, json};

use crate::kubectl::Kubectl;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn settings(cluster: &Cluster, names: &[&str]) {
    for name in names {
        let map = json!({"metadata": {"name": name, "namespace": "default"}});
        cluster.objects().create("configmaps", &map).unwrap();
    }
}

fn raw(kubectl: &Kubectl, query: &str) -> Value {
    let path = format!("{MAPS}?{query}");
    serde_json::from_str(&kubectl.ok(&format!("get --raw {path}"))).unwrap()
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect()
}

/// The events of a watch that ends by itself after a second.
fn watched(kubectl: &Kubectl, query: &str) -> Vec<Value> {
    let path = format!("{MAPS}?watch=1&timeoutSeconds=1&{query}");
    let lines = kubectl.ok(&format!("get --raw {path}"));
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_list_in_parts_is_of_one_version_until_that_is_forgotten() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    settings(&cluster, &["a", "b", "c", "e"]);
    let first = raw(&kubectl, "limit=2");
    assert_eq!(
        (names(&first), &first["metadata"]["remainingItemCount"]),
        (vec!["a", "b"], &json!(2))
    );
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    // What comes between the parts is in none of them.
    settings(&cluster, &["d"]);
    let second = raw(&kubectl, &format!("limit=2&continue={token}"));
    assert_eq!(names(&second), ["c", "e"]);
    assert_eq!(
        second["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    assert!(second["metadata"]["continue"].is_null());
    cluster.compact();
    let path = format!("{MAPS}?limit=2&continue={token}");
    let refused = kubectl.run(&format!("get -v=10 --raw {path}"), "");
    assert!(!refused.ok);
    let why = &refused.stderr;
    assert!(
        why.contains("Error from server (Expired): The provided continue parameter is too old"),
        "{why}"
    );
    // With the refusal comes what leads to the rest, as it is now.
    let (_, rest) = why
        .split_once("continue\\\":\\\"")
        .or_else(|| why.split_once("continue\":\""))
        .unwrap();
    let end = rest.find(['\\', '"']).unwrap();
    let rest = raw(&kubectl, &format!("continue={}", &rest[..end]));
    assert_eq!(names(&rest), ["c", "d", "e"]);
    assert!(
        kubectl
            .refused(&format!("get --raw {MAPS}?continue=x"), "")
            .contains("continue key is not valid")
    );
    // kubectl itself lists in parts, too.
    assert_eq!(
        kubectl
            .ok("get configmaps --chunk-size=2 -o name")
            .lines()
            .count(),
        5
    );
}

#[test]
fn versions_are_kept_to_as_far_as_they_are_kept() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    settings(&cluster, &["a"]);
    let old = raw(&kubectl, "")["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    settings(&cluster, &["b"]);
    let exact = format!("resourceVersion={old}&resourceVersionMatch=Exact");
    assert_eq!(names(&raw(&kubectl, &exact)), ["a"]);
    let later = format!("resourceVersion={old}&resourceVersionMatch=NotOlderThan");
    assert_eq!(names(&raw(&kubectl, &later)), ["a", "b"]);
    assert_eq!(names(&raw(&kubectl, "resourceVersion=0")), ["a", "b"]);
    let events = watched(&kubectl, &format!("resourceVersion={old}"));
    assert_eq!((events.len(), &events[0]["type"]), (1, &json!("ADDED")));
    assert_eq!(events[0]["object"]["metadata"]["name"], "b");
    cluster.compact();
    settings(&cluster, &["c"]);
    let why = kubectl.refused(&format!("get --raw {MAPS}?{exact}"), "");
    assert!(
        why.contains("Error from server (Expired): The resourceVersion for the provided list is too old."),
        "{why}"
    );
    let events = watched(&kubectl, &format!("resourceVersion={old}"));
    assert_eq!(events[0]["type"], "ERROR");
    assert_eq!(
        (&events[0]["object"]["code"], &events[0]["object"]["reason"]),
        (&json!(410), &json!("Expired"))
    );
    assert!(
        events[0]["object"]["message"]
            .as_str()
            .unwrap()
            .starts_with("too old resource version: ")
    );
    for (query, why) in [
        (
            "resourceVersionMatch=Exact",
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (
            "resourceVersion=0&resourceVersionMatch=Exact",
            "is forbidden for resourceVersion \"0\"",
        ),
        ("resourceVersion=x", "resourceVersion: Invalid value: \"x\""),
    ] {
        let said = kubectl.refused(&format!("get --raw {MAPS}?{query}"), "");
        assert!(said.contains(why), "{query}: {said}");
    }
}

#[test]
fn a_watch_can_begin_with_what_there_is_and_a_bookmark() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    settings(&cluster, &["a", "b"]);
    let events = watched(
        &kubectl,
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
    );
    let kinds: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds[..3], ["ADDED", "ADDED", "BOOKMARK"]);
    // More of them may come until the watch ends.
    assert!(kinds[3..].iter().all(|kind| *kind == "BOOKMARK"), "{kinds:?}");
    let bookmark = &events[2]["object"];
    assert_eq!(
        bookmark["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
    assert!(
        bookmark["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 0
    );
    let why = kubectl.refused(&format!("get --raw {MAPS}?watch=1&sendInitialEvents=true"), "");
    assert!(
        why.contains("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
        "{why}"
    );
}

#[test]
fn a_watch_is_cut_in_the_middle_and_begun_again_by_who_watches() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    settings(&cluster, &["a"]);
    let mut child = kubectl.start(&["get", "--raw", &format!("{MAPS}?watch=1")]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("\"ADDED\""));
    cluster.cut();
    assert!(lines.next().is_none());
    child.wait().unwrap();
    // Who waits by a watch goes on behind the cut.
    let waiting = kubectl.start(&["wait", "--for=delete", "configmap/a", "--timeout=30s"]);
    cluster.cut();
    let map = json!({"metadata": {"name": "a", "namespace": "default"}});
    cluster.objects().delete("configmaps", &map, None).unwrap();
    let ended = waiting.wait_with_output().unwrap();
    // It ends either way: it may have begun only after the end of what it waits for, or been cut before it watched.
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success() || said.contains("not found") || said.contains("EOF"),
        "{said}"
    );
}

#[test]
fn a_busy_server_says_when_to_come_again() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    settings(&cluster, &["a"]);
    cluster.fault(
        Faulty::next(Fault::TooManyRequests { retry_after: 1 })
            .verb("get")
            .resource("configmaps"),
    );
    let answer = kubectl.run("get configmap a -v=8", "");
    assert!(answer.ok, "{}", answer.stderr);
    assert!(
        answer.stderr.contains("429 Too Many Requests"),
        "{}",
        answer.stderr
    );
    assert!(answer.stderr.contains("Retry-After: 1"), "{}", answer.stderr);
}

#[test]
fn a_slow_webhook_refuses_or_is_passed_over_as_its_policy_says() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    let slow = Webhook {
        name: "slow.example.com".to_owned(),
        delay: Duration::from_hours(1),
        timeout: Duration::from_millis(1),
        judge: Arc::new(|_| Verdict::Deny("it is never asked".to_owned())),
    };
    cluster.webhook(slow.clone());
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}).to_string();
    let why = kubectl.refused("create -f -", &map);
    assert!(
        why.contains("Internal error occurred: failed calling webhook \"slow.example.com\": failed to call webhook: Post"),
        "{why}"
    );
    assert!(why.contains("context deadline exceeded"), "{why}");
    kubectl.refused("get configmap a", "");
    cluster.mend();
    cluster.optional_webhook(slow);
    kubectl.fed("create -f -", &map);
}
