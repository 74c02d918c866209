//! The pool of connections is fitted to its use.

use serde_json::json;

use crate::site::Site;

const RUNBOOK: &str = "operations/adaptive-pool.yaml";

#[test]
fn a_crowded_pool_grows_and_an_idle_one_shrinks() {
    let site = Site::start();
    assert_eq!(site.post("/sessions/hold", r#"{"count": 19}"#), "200");
    let (_, run) = site.exec(RUNBOOK, &[], "resolved");
    assert_eq!(run.captured("fit"), json!({"size": 30}));
    assert_eq!(site.health("codebase")["connection_pool"]["max_size"], 30);

    // 19 of 30 are in use, which is neither too much nor too little.
    let (_, run) = site.exec(RUNBOOK, &[], "not_needed");
    assert!(run.events("attempt_started").is_empty());

    // The clients are gone, and so is their use.
    site.systemctl(&["restart", "codebase-mcp"]);
    site.until_it_answers();
    let (_, run) = site.exec(RUNBOOK, &[], "resolved");
    assert_eq!(run.captured("fit"), json!({"size": 14}));
    assert_eq!(site.health("codebase")["connection_pool"]["max_size"], 14);
}

#[test]
fn a_pool_at_its_ceiling_is_left_to_people() {
    let site = Site::start();
    site.post("/sessions/hold", r#"{"count": 19}"#);
    let (ended, _) = site.exec(RUNBOOK, &["ceiling=20"], "failed");
    ended.expect(4).says(&["the most that it may have"]);
    assert_eq!(site.health("codebase")["connection_pool"]["max_size"], 20);
}

#[test]
fn a_size_that_did_not_help_is_taken_back() {
    let site = Site::start();
    site.post("/sessions/hold", r#"{"count": 20}"#);
    // 21 connections, of which 20 are held, are still too few.
    site.exec(RUNBOOK, &["ceiling=21"], "rolled_back").0.expect(5);
    assert_eq!(site.health("codebase")["connection_pool"]["max_size"], 20);
}
