//! The database of the secure MCP server: its queries, its maintenance, its sessions.

use std::process::Stdio;

use runbook_testkit::prometheus::{Metrics, Options, Prometheus};
use serde_json::json;

use crate::harness::{Project, until};
use crate::production::{Running, project};
use crate::site::Site;

const QUERIES: &str = "operations/query-analysis.yaml";
const MAINTENANCE: &str = "maintenance/database.yaml";
const SESSIONS: &str = "incident/database-sessions.yaml";
const SLOW: &str = "incident/slow-api.yaml";

fn with_its_database(site: &Site, inputs: &str) -> Project {
    let url = format!(
        "postgres://postgres@127.0.0.1:{}/codebase_mcp",
        site.port("postgres")
    );
    project("{}", inputs, &[("MCP_DATABASE_URL", &url)])
}

fn until_dead_rows_are_counted(site: &Site, rows: u32) {
    let query = format!("SELECT sum(n_dead_tup) >= {rows} FROM pg_stat_user_tables");
    until("the dead rows are counted", || {
        (site.sql(&query) == "t").then_some(())
    });
}

/// A request that takes two seconds, most of them in the database or not.
fn metrics(requests: u32, seconds: f64, database: f64, redis: f64) -> String {
    let (all, count) = (seconds * f64::from(requests), requests);
    let buckets = [0.1, 0.5, 1.0, 2.5].map(|bound| {
        let within = if seconds <= bound { count } else { 0 };
        format!("mcp_request_duration_seconds_bucket{{le=\"{bound}\"}} {within}\n")
    });
    format!(
        "{}mcp_request_duration_seconds_bucket{{le=\"+Inf\"}} {count}
mcp_request_duration_seconds_sum {all}
mcp_request_duration_seconds_count {count}
mcp_database_query_duration_seconds_sum {}
mcp_redis_command_duration_seconds_sum {}
",
        buckets.concat(),
        database * f64::from(requests),
        redis * f64::from(requests),
    )
}

#[test]
fn costly_queries_are_found_and_the_database_is_looked_after() {
    let site = Site::start();
    let project = with_its_database(&site, "{}");
    site.sql("ALTER TABLE code_chunks SET (autovacuum_enabled = false)");
    site.sql("SELECT pg_stat_statements_reset()");
    project.exec(QUERIES, &[], "not_needed");
    site.sql("SELECT pg_sleep(0.15)");
    site.sql("UPDATE code_chunks SET content = content || 'x'");
    until_dead_rows_are_counted(&site, 2000);
    let (_, run) = project.exec(QUERIES, &[], "resolved");
    let texts = run.captured("queries")["texts"].to_string();
    assert!(texts.contains("pg_sleep"), "{texts}");
    assert_eq!(run.captured("tables"), json!({"bloated": ["public.code_chunks"]}));

    site.sql(
        "CREATE TABLE users (id serial PRIMARY KEY, name text); INSERT INTO users (id) VALUES (7), (12);
         CREATE TABLE audit_logs (created_at timestamptz NOT NULL);
         INSERT INTO audit_logs SELECT now() - make_interval(days => 30 * n) FROM generate_series(1, 6) n",
    );
    let (_, run) = project.exec(MAINTENANCE, &[], "resolved");
    assert_eq!(run.captured("audit"), json!({"deleted": 4}));
    assert_eq!(site.sql("SELECT count(*) FROM audit_logs"), "2");
    assert_eq!(site.sql("INSERT INTO users DEFAULT VALUES RETURNING id"), "13");
    let dead = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'code_chunks'";
    assert_eq!(site.sql(dead), "0");
    project.exec(MAINTENANCE, &[], "not_needed");

    // Its sequence is behind again, and a table that is missing is no reason to delete anything.
    site.sql("INSERT INTO users (id) VALUES (40)");
    let (_, run) = project.exec(MAINTENANCE, &["audit=audit_trail"], "failed");
    assert_eq!(run.steps("step_done"), ["sizes"]);
}

/// A client that holds a session and does nothing.
fn idle_session(site: &Site) -> Running {
    let mut psql = site.command(&[&site.psql("codebase_mcp")[..], &["-Atq"]].concat());
    Running(psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
}

#[test]
fn idle_sessions_are_ended_and_more_of_them_allowed() {
    let site = Site::start();
    let project = with_its_database(&site, "{}");
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'codebase_mcp' AND backend_type = 'client backend'";
    let count = || site.sql_in("postgres", count).parse::<usize>().unwrap();
    let most = format!("most={}", count() + 5);
    project.exec(SESSIONS, &[&most], "not_needed");
    let wanted = count() + 12;
    let idle: Vec<Running> = (0..12).map(|_| idle_session(&site)).collect();
    until("the sessions are open", || (count() >= wanted).then_some(()));
    let (_, run) = project.exec(SESSIONS, &[&most, "idle_for=0s"], "resolved");
    let ended = run.captured("end")["ended"].as_u64().unwrap();
    assert!(ended >= 12, "{ended}");
    let file =
        "SELECT setting FROM pg_file_settings WHERE name = 'max_connections' ORDER BY seqno DESC LIMIT 1";
    assert_eq!(site.sql(file), "200");
    project.run(&["rollback", &run.name(), "--yes"]).expect(5);
    assert_eq!(site.sql(file), "60");
    drop(idle);
}

/// The database takes most of it, or Redis does.
#[test]
fn a_slow_api_gets_what_its_cause_calls_for() {
    let site = Site::start();
    let told = Metrics::start(&metrics(0, 2.0, 0.0, 0.0));
    let prometheus = Prometheus::start(&Options {
        targets: vec![told.address().to_owned()],
        ..Options::default()
    });
    let inputs = format!("{{prometheus_url: \"{}\"}}", prometheus.url("http", "127.0.0.1"));
    let project = with_its_database(&site, &inputs);
    let asked = |query: &str| {
        let url = format!("{}/api/v1/query", prometheus.url("http", "127.0.0.1"));
        let query = format!("query={query}");
        site.run(&["curl", "-s", "-G", "--data-urlencode", &query, &url])
    };
    until("the first metrics", || {
        asked("mcp_request_duration_seconds_count")
            .contains("\"0\"")
            .then_some(())
    });
    told.tell(&metrics(50, 2.0, 0.1, 0.5));
    until("the requests are seen", || {
        asked("rate(mcp_redis_command_duration_seconds_sum[5m]) > 0")
            .contains("\"value\"")
            .then_some(())
    });
    let (ended, _) = project.exec(SLOW, &[], "failed");
    ended.says(&["0.5 seconds in Redis"]);

    told.tell(&metrics(500, 2.0, 1.5, 0.0));
    until("the database is slow", || {
        let share = "rate(mcp_database_query_duration_seconds_sum[5m]) / rate(mcp_request_duration_seconds_sum[5m]) > 0.6";
        asked(share).contains("\"value\"").then_some(())
    });
    // The queries are analysed by the server that has fresh statistics then; meanwhile requests have become fast.
    let analysed = "SELECT coalesce(max(last_analyze), '-infinity') > now() - interval '1 minute' FROM pg_stat_user_tables";
    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            until("the statistics are fresh", || {
                (site.sql(analysed) == "t").then_some(())
            });
            told.tell(&metrics(500_000, 0.05, 0.01, 0.0));
        });
        project.exec(SLOW, &[], "resolved").1
    });
    assert!(run.captured("database_share")["share"].as_f64().unwrap() > 0.5);
    project.exec(SLOW, &[], "not_needed");
}
