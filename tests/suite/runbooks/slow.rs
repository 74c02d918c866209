//! What is slow or grows: requests, tables, memory.

use serde_json::json;

use crate::harness::until;
use crate::site::Site;

const LATENCY: &str = "incident/high-latency.yaml";
const OPTIMISE: &str = "maintenance/database-optimise.yaml";
const LEAK: &str = "incident/memory-leak.yaml";
const SEARCH: &str = r#"{"query": "test"}"#;

fn chosen(run: &crate::harness::Run) -> Vec<String> {
    run.steps("step_done")
        .into_iter()
        .filter(|step| ["quiet", "wider", "fresh"].contains(&step.as_str()))
        .collect()
}

/// Each of the causes calls for something else.
#[test]
fn a_slow_server_gets_what_its_cause_calls_for() {
    let site = Site::start();
    site.post("/search", SEARCH);
    site.exec(LATENCY, &[], "not_needed");

    site.drop_in("log.conf", "Environment=LOG_LEVEL=DEBUG SEARCH_SECONDS=0.6");
    site.post("/search", SEARCH);
    assert!(site.health("codebase")["latency_p95_seconds"].as_f64().unwrap() > 0.5);
    let (_, run) = site.exec(LATENCY, &[], "rolled_back");
    assert_eq!(chosen(&run), ["quiet"], "it is still slow, for another reason");
    assert_eq!(
        site.health("codebase")["log_level"],
        "DEBUG",
        "so its settings are as before"
    );
}

#[test]
fn a_server_that_writes_its_debugging_log_writes_less() {
    let site = Site::start();
    site.drop_in("log.conf", "Environment=LOG_LEVEL=DEBUG");
    site.post("/search", SEARCH);
    let slow = site.health("codebase")["latency_p95_seconds"].as_f64().unwrap();
    let threshold = format!("slow={}", slow / 2.0);
    let (_, run) = site.exec(LATENCY, &[&threshold], "resolved");
    assert_eq!(chosen(&run), ["quiet"]);
    assert_eq!(site.health("codebase")["log_level"], "WARNING");
}

#[test]
fn a_server_whose_requests_wait_gets_a_larger_pool() {
    let site = Site::start();
    site.post("/sessions/hold", r#"{"count": 20}"#);
    assert_eq!(site.post("/search", SEARCH), "503", "it waited in vain");
    let (_, run) = site.exec(LATENCY, &["slow=0.25", "pool_size=40"], "resolved");
    assert_eq!(chosen(&run), ["wider"]);
    assert_eq!(site.health("codebase")["connection_pool"]["max_size"], 40);
}

#[test]
fn a_server_that_is_slow_for_no_known_reason_starts_afresh() {
    let site = Site::start();
    site.redis(&["SET", "other", "1"]);
    site.drop_in("slow.conf", "Environment=SEARCH_SECONDS=0.6");
    site.post("/search", SEARCH);
    site.run(&[
        "rm",
        &site
            .path("units/codebase-mcp.service.d/slow.conf")
            .to_string_lossy(),
    ]);
    site.systemctl(&["daemon-reload"]);
    let (_, run) = site.exec(LATENCY, &[], "resolved");
    assert_eq!(chosen(&run), ["fresh"]);
    assert_eq!(site.redis(&["DBSIZE"]), "0");
}

#[test]
fn a_bloated_table_is_written_anew() {
    let site = Site::start();
    site.sql("ALTER TABLE code_chunks SET (autovacuum_enabled = false)");
    site.exec(OPTIMISE, &[], "not_needed");
    for _ in 0..2 {
        site.sql("UPDATE code_chunks SET content = content || 'x'");
    }
    let dead = "SELECT n_dead_tup >= 4000 FROM pg_stat_user_tables WHERE relname = 'code_chunks'";
    until("the dead rows are counted", || {
        (site.sql(dead) == "t").then_some(())
    });
    let node = "SELECT pg_relation_filepath('idx_chunks_embedding')";
    let (before, size) = (site.sql(node), "SELECT pg_table_size('code_chunks')");
    let was: u64 = site.sql(size).parse().unwrap();

    let (_, run) = site.exec(OPTIMISE, &[], "resolved");
    assert_eq!(run.captured("sizes")["held"], json!(was));
    assert!(site.sql(size).parse::<u64>().unwrap() < was / 2);
    assert_ne!(site.sql(node), before, "the index was built anew");
    assert_eq!(site.sql("SELECT count(*) FROM code_chunks"), "2000");
}

#[test]
fn a_table_is_not_written_anew_for_an_index_of_another() {
    let site = Site::start();
    site.sql("CREATE TABLE other (n int); CREATE INDEX idx_other ON other (n)");
    let (ended, run) = site.exec(OPTIMISE, &["dead=0", "index=idx_other"], "not_needed");
    drop((ended, run));
    site.sql("ALTER TABLE code_chunks SET (autovacuum_enabled = false)");
    site.sql("UPDATE code_chunks SET content = content || 'x'");
    let dead = "SELECT n_dead_tup >= 2000 FROM pg_stat_user_tables WHERE relname = 'code_chunks'";
    until("the dead rows are counted", || {
        (site.sql(dead) == "t").then_some(())
    });
    let (ended, run) = site.exec(OPTIMISE, &["index=idx_other"], "failed");
    ended.says(&["is not an index of code_chunks"]);
    assert_eq!(run.steps("step_failed"), ["not_its_index"]);
}

#[test]
fn a_server_that_leaks_is_watched_and_limited() {
    let site = Site::start();
    site.drop_in("leak.conf", "Environment=LEAK_MB=40");
    site.exec(LEAK, &["too_much=120M"], "not_needed");
    for _ in 0..3 {
        site.post("/search", SEARCH);
    }
    let held = site.health("codebase")["memory"]["rss_bytes"].as_u64().unwrap();
    assert!(held > 120 << 20, "{held}");
    let (_, run) = site.exec(LEAK, &["too_much=120M", "limit=400M"], "resolved");
    assert_eq!(run.captured("dump")["traced"], false);
    let health = site.health("codebase");
    assert_eq!(
        (&health["traced_frames"], &health["memory"]["max_bytes"]),
        (&json!(10), &json!(400 << 20))
    );

    // The next time it is told where the memory went.
    for _ in 0..3 {
        site.post("/search", SEARCH);
    }
    let (_, run) = site.exec(LEAK, &["too_much=120M", "limit=400M"], "resolved");
    let dump = run.captured("dump");
    assert_eq!(dump["traced"], true);
    assert!(dump["top"][0].as_str().unwrap().contains("service.py"), "{dump}");
}
