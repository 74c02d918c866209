//! What statements would change on PostgreSQL.

use runbook_action::{ErrorKind, Preview, PreviewLine, Sounding};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{Use, secret, written};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::mysql::until;
use crate::{connection, on, run, run_with};

pub(crate) async fn told(sql: &Sql, url: &str, params: Value) -> Preview {
    let said = params.to_string();
    let preview = on(url, params).preview(sql, &FakeHost::new()).await;
    preview
        .unwrap_or_else(|failure| panic!("{said}: {failure:?}"))
        .unwrap_or_else(|| panic!("{said}: nothing is said"))
}

pub(crate) fn lines(preview: &Preview) -> Vec<&str> {
    preview
        .lines
        .iter()
        .map(|PreviewLine { text, .. }| text.as_str())
        .collect()
}

const WORLD: &str = "
CREATE TABLE t (id int PRIMARY KEY, name text, note text DEFAULT 'x');
INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');
CREATE TABLE u (id int PRIMARY KEY REFERENCES t ON DELETE CASCADE, at timestamptz DEFAULT now(), key uuid DEFAULT gen_random_uuid());
INSERT INTO u VALUES (1), (2);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE p (id bigserial, m mood, tags text[], CHECK (id > 0)) PARTITION BY RANGE (id);
CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (100);
CREATE INDEX ON p (lower(tags[1]));
CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO late VALUES (1);
";

async fn world() -> (Cluster, Sql, String) {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    run(&sql, &on(&url, json!({"query": WORLD, "transaction": true})))
        .await
        .unwrap();
    (cluster, sql, url)
}

#[tokio::test]
async fn plain_statements_are_tried_and_taken_back() {
    let (cluster, sql, url) = world().await;
    let before = cluster.dump();
    for (params, summary) in [
        (
            json!("UPDATE t SET name = upper(name) || '!' WHERE id > 1"),
            "2 rows would change",
        ),
        (
            json!({"query": "UPDATE t SET name = :n WHERE id = :id", "bind": {"n": "x", "id": 1}}),
            "1 row would change",
        ),
        (
            json!("UPDATE t SET name = 'x' WHERE id > 9"),
            "no rows would change",
        ),
        (
            json!("UPDATE t AS one SET note = default FROM u WHERE one.id = u.id"),
            "2 rows would change",
        ),
        (
            json!("INSERT INTO t VALUES (4, 'd'), (5, 'e')"),
            "would add 2 rows",
        ),
        (
            json!("INSERT INTO t (id, name) SELECT n, 'n' FROM generate_series(10, 19) AS n RETURNING id"),
            "would add 10 rows",
        ),
        (json!("INSERT INTO u (id) VALUES (3)"), "would add 1 row"),
        (
            json!(
                "INSERT INTO t VALUES (1, 'z'), (9, 'n') ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name"
            ),
            "would add or change 2 rows",
        ),
        (
            json!("INSERT INTO p (id, m, tags) VALUES (5, 'happy', ARRAY['a'])"),
            "would add 1 row",
        ),
        (
            json!("DELETE FROM t WHERE id IN (SELECT id FROM u)"),
            "would delete 2 rows",
        ),
        (
            json!("DELETE FROM t USING u WHERE t.id = u.id AND t.name LIKE 'a%'"),
            "would delete 1 row",
        ),
        (
            json!("WITH few AS (SELECT max(id) AS id FROM t) DELETE FROM t USING few WHERE t.id = few.id"),
            "would delete 1 row",
        ),
        (
            json!(
                "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED AND t.id = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET name = 'm'"
            ),
            "2 rows would change",
        ),
    ] {
        let preview = told(&sql, &url, params.clone()).await;
        assert_eq!(preview.summary, summary, "{params}");
        assert_eq!(preview.sounding, Sounding::Tried, "{params}");
        assert!(preview.lines.is_empty());
    }
    assert_eq!(cluster.dump(), before);
}

#[tokio::test]
async fn what_only_reads_is_not_previewed() {
    let (_cluster, sql, url) = world().await;
    let preview = on(&url, json!("SELECT 1")).preview(&sql, &FakeHost::new()).await;
    assert_eq!(preview, Ok(None));
}

#[tokio::test]
async fn several_statements_are_tried_together_or_not_at_all() {
    let (cluster, sql, url) = world().await;
    let before = cluster.dump();
    let query = "DELETE FROM u; SELECT 1; DELETE FROM t; INSERT INTO t VALUES (1, 'again')";
    for transaction in [true, false] {
        let preview = told(&sql, &url, json!({"query": query, "transaction": transaction})).await;
        assert_eq!(preview.summary, "6 rows would change");
        assert_eq!(
            lines(&preview),
            [
                "1: would delete 2 rows",
                "2: changes nothing",
                "3: would delete 3 rows",
                "4: would add 1 row"
            ]
        );
    }
    let query = "DELETE FROM u; CREATE TABLE made (n int); INSERT INTO made VALUES (1); DELETE FROM t";
    let preview = told(&sql, &url, json!({"query": query, "transaction": true})).await;
    assert_eq!(
        preview.summary,
        "only checked, not tried: statement 2: only INSERT, UPDATE, DELETE and MERGE are tried"
    );
    assert_eq!(preview.sounding, Sounding::Accepted);
    assert_eq!(
        lines(&preview),
        [
            "1: the database would take it",
            "2: only its grammar was checked",
            "3: cannot be checked before what stands before it is done",
            "4: the database would take it"
        ]
    );
    assert_eq!(cluster.dump(), before);
}

type Failing = (Value, ErrorKind, Option<&'static str>, &'static str);

fn failing() -> Vec<Failing> {
    vec![
        (
            json!({"query": "UPDATE t SET nmae = 'x'"}),
            ErrorKind::NotFound,
            Some("query"),
            "nmae",
        ),
        (
            json!("UPDATE t SET nmae = 'x'"),
            ErrorKind::NotFound,
            None,
            "nmae",
        ),
        (
            json!({"query": "DELETE FROM missing"}),
            ErrorKind::NotFound,
            Some("query"),
            "missing",
        ),
        (
            json!({"query": "DELETE FROM t WHERE"}),
            ErrorKind::Other,
            Some("query"),
            "syntax error",
        ),
        (
            json!({"query": "ALTER TABEL t ADD x int"}),
            ErrorKind::Other,
            Some("query"),
            "syntax error",
        ),
        (
            json!({"query": "INSERT INTO t VALUES (1, 'again')"}),
            ErrorKind::Conflict,
            Some("query"),
            "duplicate key",
        ),
        (
            json!({"query": "INSERT INTO late VALUES (1)"}),
            ErrorKind::Conflict,
            Some("query"),
            "duplicate key",
        ),
        (
            json!({"query": "INSERT INTO u (id) VALUES (99)"}),
            ErrorKind::Conflict,
            Some("query"),
            "foreign key",
        ),
        (
            json!({"query": "DELETE FROM u; DELETE FROM missing", "transaction": true}),
            ErrorKind::NotFound,
            Some("query"),
            "statement 2 of 2",
        ),
        (
            json!({"query": "DELETE FROM t", "max_rows": 2}),
            ErrorKind::Other,
            Some("max_rows"),
            "would change 3 rows where at most 2 are expected",
        ),
        (
            json!({"query": "UPDATE t SET id = :x", "bind": {"x": "y"}}),
            ErrorKind::Other,
            Some("query"),
            "type",
        ),
    ]
}

#[tokio::test]
async fn what_running_it_would_meet_is_a_failure() {
    let (cluster, sql, url) = world().await;
    let before = cluster.dump();
    for (params, kind, param, said) in failing() {
        let failure = on(&url, params.clone())
            .preview(&sql, &FakeHost::new())
            .await
            .unwrap_err();
        assert_eq!(failure.kind, kind, "{params}: {failure:?}");
        assert_eq!(failure.param.as_deref(), param, "{params}: {failure:?}");
        assert!(failure.message.contains(said), "{params}: {failure:?}");
        assert!(!failure.may_have_applied, "{params}: {failure:?}");
    }
    let preview = told(&sql, &url, json!({"query": "DELETE FROM t", "max_rows": 3})).await;
    assert_eq!(preview.summary, "would delete 3 rows");
    assert_eq!(cluster.dump(), before);
}

#[tokio::test]
async fn nothing_is_tried_where_the_connection_only_reads() {
    let (cluster, sql, url) = world().await;
    let asked = cluster.log().len();
    let case = Use {
        params: written(&json!("DELETE FROM t")),
        connection: connection(written(&json!({"sql": url, "read_only": true}))),
        ..Use::default()
    };
    let preview = case.preview(&sql, &FakeHost::new()).await.unwrap().unwrap();
    assert_eq!(
        preview.summary,
        "only checked, not tried: the connection is `read_only`"
    );
    assert!(!cluster.log()[asked..].contains("DELETE FROM t"));
}

/// A session that holds a lock until it is told to stop.
async fn holding(url: &str, lock: &str, sql: &Sql, host: &FakeHost) {
    let query = format!("{lock}; SELECT pg_sleep(1000)");
    let case = on(url, json!({"query": query, "transaction": true}));
    let _stopped = run_with(sql, &case, host).await;
}

#[tokio::test]
async fn what_others_have_locked_is_not_waited_for() {
    let (cluster, sql, url) = world().await;
    let before = cluster.dump();
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    for (lock, said) in [
        (
            "UPDATE t SET name = 'held' WHERE id = 1",
            "only checked, not tried: somebody else holds a lock that it needs",
        ),
        (
            "LOCK TABLE t IN ACCESS EXCLUSIVE MODE",
            "it cannot be looked at: somebody else holds a lock that it needs",
        ),
    ] {
        let (holder, host) = (Sql::default(), FakeHost::new());
        let look = async {
            until(&url, sleeping, 1).await;
            let preview = on(&url, json!("UPDATE t SET name = 'x'"))
                .preview(&sql, &FakeHost::new())
                .await;
            let words = match preview {
                Ok(preview) => preview.unwrap().summary,
                Err(failure) => {
                    assert_eq!(failure.kind, ErrorKind::Conflict);
                    failure.message
                }
            };
            assert_eq!(words, said);
            // Nothing of it is left that others could wait for.
            until(&url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'runbook' AND query LIKE 'ROLLBACK%' AND state <> 'idle'", 0).await;
            host.cancel();
        };
        tokio::join!(holding(&url, lock, &holder, &host), look);
    }
    assert_eq!(cluster.dump(), before);
}

#[tokio::test]
async fn what_takes_too_long_is_given_up() {
    let (cluster, sql, url) = world().await;
    let before = cluster.dump();
    let long =
        "UPDATE t SET name = 'x' WHERE (SELECT count(*) FROM generate_series(1, 1000000000) AS n) > id";
    let preview = told(&sql, &url, json!(long)).await;
    assert_eq!(
        preview.summary,
        "only checked, not tried: it takes longer than a preview may"
    );
    assert_eq!(cluster.dump(), before);
}

#[tokio::test]
async fn a_preview_that_is_stopped_ends_on_the_server() {
    let (cluster, sql, url) = world().await;
    let before = cluster.dump();
    let long =
        "UPDATE t SET name = 'stopped' WHERE (SELECT count(*) FROM generate_series(1, 1000000000) AS n) > id";
    let (case, host) = (on(&url, json!(long)), FakeHost::new());
    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%''stopped''%' AND state = 'active' AND pid <> pg_backend_pid()";
    let (outcome, ()) = tokio::join!(case.preview(&sql, &host), async {
        until(&url, at_work, 1).await;
        host.cancel();
    });
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    assert!(!failure.may_have_applied, "{failure:?}");
    until(&url, at_work, 0).await;
    assert_eq!(cluster.dump(), before);
}

#[tokio::test]
async fn a_server_that_goes_while_it_is_asked_is_unreachable() {
    let (cluster, sql, url) = world().await;
    let long =
        "UPDATE t SET name = 'gone' WHERE (SELECT count(*) FROM generate_series(1, 1000000000) AS n) > id";
    let (case, host) = (on(&url, json!(long)), FakeHost::new());
    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%''gone''%' AND state = 'active' AND pid <> pg_backend_pid()";
    let (outcome, ()) = tokio::join!(case.preview(&sql, &host), async {
        until(&url, at_work, 1).await;
        cluster.stop();
    });
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Unreachable, "{failure:?}");
    assert!(!failure.may_have_applied, "{failure:?}");
    let failure = case.preview(&sql, &host).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused, "{failure:?}");
}

#[tokio::test]
async fn a_secret_in_a_name_is_not_told() {
    let (_cluster, sql, url) = world().await;
    run(
        &sql,
        &on(&url, json!("CREATE VIEW hunter2hunter2 AS SELECT * FROM t")),
    )
    .await
    .unwrap();
    let runbook_action::Param::Text(name) = secret("name", "\"hunter2hunter2\"") else {
        panic!("not text")
    };
    let text = [
        runbook_action::Segment::Literal("DELETE FROM ".to_owned()),
        name.segments()[0].clone(),
    ];
    let case = Use {
        params: runbook_action::Param::Text(runbook_action::Text::from_segments(text.to_vec())),
        connection: connection(written(&json!({"sql": url}))),
        ..Use::default()
    };
    let preview = case.preview(&sql, &FakeHost::new()).await.unwrap().unwrap();
    assert!(preview.summary.contains("is a view"), "{preview:?}");
    // The secret is the name with its quotes: what is told has none of it in quotes.
    assert!(!preview.summary.contains("\"hunter2hunter2\""), "{preview:?}");
}
