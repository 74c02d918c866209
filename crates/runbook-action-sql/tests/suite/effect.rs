//! What statements would do.

use runbook_action::{Effect, Kind};
use runbook_action_sql::Sql;
use runbook_testkit::contract::written;
use serde_json::json;

fn effect(query: &str) -> (Effect, bool) {
    let recognised = Sql::default().recognise(&written(&json!(query)));
    let recognised = recognised.unwrap_or_else(|failure| panic!("{query}: {failure}"));
    (recognised.effect, recognised.certain)
}

#[test]
fn reads() {
    for query in [
        "SELECT 1",
        "select * from t where x like '%DELETE%' -- DROP TABLE t",
        "VALUES (1), (2)",
        "SHOW max_connections",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "EXPLAIN DELETE FROM t",
        "EXPLAIN (FORMAT JSON) UPDATE t SET a = 1",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT pid, state, now() - state_change AS idle FROM pg_stat_activity WHERE datname = current_database()",
        "SELECT count(*) FROM a JOIN b USING (id) GROUP BY c HAVING count(*) > 1",
        "SELECT 1 UNION ALL SELECT 2",
        "PRAGMA table_info(t)",
        "PRAGMA journal_mode",
        "SELECT * FROM t;",
        "SHOW PROCESSLIST",
        "SHOW FULL PROCESSLIST",
        "SHOW ENGINE INNODB STATUS",
        "SHOW STATUS LIKE 'Threads%'",
        "SHOW CREATE TABLE t",
        "SHOW REPLICA STATUS",
        "SELECT * FROM `t` WHERE a = 'x' LIMIT 5, 10",
        "DESCRIBE t",
    ] {
        assert_eq!(effect(query), (Effect::Read, true), "{query}");
    }
}

#[test]
fn changes() {
    for query in [
        "INSERT INTO t VALUES (1)",
        "INSERT INTO t SELECT * FROM u ON CONFLICT DO NOTHING",
        "UPDATE t SET a = 1 WHERE b = 2",
        "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = 1",
        "CREATE TABLE t (a int)",
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "ALTER TABLE t ADD COLUMN b int",
        "ANALYZE t",
        "VACUUM t",
        "GRANT SELECT ON t TO r",
        "SET work_mem = '1MB'",
        "SELECT * INTO u FROM t",
        "SELECT * FROM t FOR UPDATE",
        "SELECT * FROM t WHERE id IN (SELECT id FROM u FOR SHARE)",
        "SELECT nextval('s')",
        "SELECT pg_cancel_backend(1)",
        "SELECT pg_reload_conf()",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_xact_lock(1)",
        "SELECT * FROM dblink('host=x', 'DELETE FROM t') AS t(a int)",
        "SELECT pg_catalog.set_config('a.b', 'c', false)",
        "SELECT pg_stat_reset()",
        "SELECT lo_create(0)",
        "WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
        "EXPLAIN (ANALYZE, BUFFERS) UPDATE t SET a = 1 WHERE b = 2",
        "PRAGMA main.user_version = 5",
        "PRAGMA journal_mode = WAL",
        "pragma optimize;",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "INSERT OR REPLACE INTO t VALUES (1)",
        "INSERT INTO t SET a = 1",
        "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = 2",
        "UPDATE `t` SET a = 1 WHERE b = 2 LIMIT 5",
        "UPDATE t JOIN u ON t.a = u.a SET t.b = 1 WHERE u.c = 1",
        "SET GLOBAL max_connections = 5",
        "SELECT GET_LOCK('a', 0)",
        "SELECT 1 INTO @a",
    ] {
        assert_eq!(effect(query), (Effect::Change, true), "{query}");
    }
    assert_eq!(effect("CALL p()"), (Effect::Change, false));
}

#[test]
fn destruction() {
    for query in [
        "DELETE FROM t WHERE a = 1",
        "DROP TABLE t",
        "DROP DATABASE d",
        "TRUNCATE t",
        "UPDATE t SET a = 1",
        "ALTER TABLE t DROP COLUMN a",
        "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE",
        "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
        "WITH x AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM x",
        "EXPLAIN ANALYZE DELETE FROM t",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle'",
        "SELECT PG_TERMINATE_BACKEND(1)",
        "SELECT \"pg_terminate_backend\"(1)",
        "SELECT count(*) FROM (SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_stat_activity) x",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM pg_terminate_backend(5))",
        "SELECT CASE WHEN pg_terminate_backend(5) THEN 1 END",
        "SELECT 1 ORDER BY pg_terminate_backend(5)",
        "CREATE TABLE t AS SELECT pg_terminate_backend(1)",
        "SELECT pg_drop_replication_slot('s')",
        "DELETE t FROM t JOIN u ON t.a = u.a WHERE u.b = 1",
        "RESET MASTER",
        "reset -- all of it\n binary LOGS AND GTIDS",
        "RESET REPLICA ALL",
    ] {
        assert_eq!(effect(query), (Effect::Destructive, true), "{query}");
    }
}

#[test]
fn what_is_not_understood_is_taken_for_the_worst() {
    for query in [
        "DO $$ BEGIN PERFORM 1; END $$",
        "REINDEX TABLE t",
        "SELEC 1",
        "COMMIT PREPARED 'x'",
        "CHECKPOINT",
        "TABLE t",
        "SELECT * FROM t INTO OUTFILE '/tmp/x'",
        "KILL 5",
        "FLUSH TABLES",
        "START REPLICA",
        "LOAD DATA INFILE 'x' INTO TABLE t",
    ] {
        assert_eq!(effect(query), (Effect::Destructive, false), "{query}");
    }
}
