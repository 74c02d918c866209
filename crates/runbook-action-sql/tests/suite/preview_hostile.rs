//! Statements on PostgreSQL that do more than a transaction takes back: they are prepared and never run.

use runbook_action::Sounding;
use runbook_action_sql::Sql;
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::cluster::Cluster;
use crate::{on, run};

/// A world in which much happens by itself.
const WORLD: &str = r"
CREATE TABLE t (id int PRIMARY KEY, name text, note text DEFAULT 'x');
INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');
CREATE TABLE u (id int PRIMARY KEY, name text);
INSERT INTO u VALUES (1, 'u'), (2, 'v');
CREATE TABLE log (line text);
CREATE SEQUENCE s;
CREATE FUNCTION acts() RETURNS int LANGUAGE sql AS $$ SELECT nextval('s')::int $$;
CREATE FUNCTION lies(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM nextval('s'); RETURN n; END $$;
CREATE FUNCTION same(a int, b int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('s'); RETURN a = b; END $$;
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
CREATE FUNCTION evil(t) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('s'); RETURN 'evil'; END $$;
CREATE PROCEDURE proc() LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('s'); END $$;
CREATE FUNCTION tells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO log VALUES ('told'); PERFORM nextval('s'); PERFORM pg_notify('c', 'x'); RETURN coalesce(NEW, OLD); END $$;
CREATE TABLE triggered (n int); INSERT INTO triggered VALUES (1);
CREATE TRIGGER tells BEFORE INSERT OR UPDATE OR DELETE ON triggered FOR EACH ROW EXECUTE FUNCTION tells();
CREATE TABLE stated (n int);
CREATE TRIGGER tells AFTER INSERT ON stated FOR EACH STATEMENT EXECUTE FUNCTION tells();
CREATE TABLE numbered (id serial, name text);
CREATE TABLE identified (id int GENERATED ALWAYS AS IDENTITY, name text);
CREATE TABLE defaulted (name text, n int DEFAULT acts()); INSERT INTO defaulted VALUES ('a', 1);
CREATE TABLE ruled (n int);
CREATE RULE tells AS ON INSERT TO ruled DO ALSO INSERT INTO log VALUES (nextval('s')::text);
CREATE VIEW v AS SELECT * FROM t;
CREATE VIEW instead AS SELECT * FROM u;
CREATE TRIGGER tells INSTEAD OF INSERT ON instead FOR EACH ROW EXECUTE FUNCTION tells();
CREATE VIEW calling AS SELECT acts() AS n;
CREATE MATERIALIZED VIEW kept AS SELECT 1 AS n;
CREATE TABLE checked (n int CHECK (lies(n) > 0));
CREATE TABLE indexed (n int); CREATE INDEX ON indexed (lies(n));
CREATE TABLE partly (n int); CREATE INDEX ON partly (n) WHERE lies(n) > 0;
CREATE TABLE generated (n int, m int GENERATED ALWAYS AS (lies(n)) STORED);
CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1);
CREATE TABLE child (id int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE); INSERT INTO child VALUES (1);
CREATE TRIGGER tells BEFORE UPDATE OR DELETE ON child FOR EACH ROW EXECUTE FUNCTION tells();
CREATE TABLE parted (n int) PARTITION BY RANGE (n);
CREATE TABLE parted_own PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TRIGGER tells BEFORE INSERT ON parted_own FOR EACH ROW EXECUTE FUNCTION tells();
CREATE TABLE base (n int); CREATE TABLE heir () INHERITS (base); INSERT INTO heir VALUES (1);
CREATE TRIGGER tells BEFORE UPDATE ON heir FOR EACH ROW EXECUTE FUNCTION tells();
CREATE TABLE secured (n int); INSERT INTO secured VALUES (1);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON secured USING (acts() > 0);
CREATE DOMAIN narrow AS int CHECK (lies(VALUE) > 0);
CREATE TABLE domained (n narrow);
CREATE TABLE wholes (whole t);
CREATE TABLE through_domain (n int, m int DEFAULT (5::narrow)::int);
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE filed (line text) SERVER files OPTIONS (filename '/etc/passwd');
CREATE EXTENSION postgres_fdw;
CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '@PORT@', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER loop OPTIONS (user 'runbook', password 'hunter2-hunter2');
CREATE TABLE there (n int);
CREATE FOREIGN TABLE afar (n int) SERVER loop OPTIONS (table_name 'there');
CREATE FOREIGN TABLE parted_afar PARTITION OF parted FOR VALUES FROM (100) TO (200) SERVER loop OPTIONS (table_name 'there');
";

/// Each would do more than change rows of a plain table, or is nothing that is tried. With a word of the reason.
const HOSTILE: &[(&str, &str)] = &[
    ("INSERT INTO triggered VALUES (2)", "`triggered` has a trigger"),
    ("UPDATE triggered SET n = 2", "`triggered` has a trigger"),
    ("DELETE FROM triggered", "`triggered` has a trigger"),
    ("INSERT INTO stated VALUES (1)", "`stated` has a trigger"),
    ("INSERT INTO numbered (name) VALUES ('a')", "column `id`"),
    ("INSERT INTO numbered VALUES (DEFAULT, 'a')", "column `id`"),
    ("INSERT INTO numbered DEFAULT VALUES", ""),
    ("INSERT INTO identified (name) VALUES ('a')", "column `id`"),
    ("INSERT INTO defaulted (name) VALUES ('a')", "column `n`"),
    ("INSERT INTO defaulted VALUES ('a')", "column `n`"),
    ("UPDATE defaulted SET n = DEFAULT", "column `n`"),
    ("INSERT INTO through_domain VALUES (1)", "column `m`"),
    ("INSERT INTO ruled VALUES (1)", "`ruled` has a rule"),
    ("UPDATE v SET name = 'x'", "`v` is a view"),
    ("INSERT INTO instead VALUES (8, 'x')", "`instead` is a view"),
    ("INSERT INTO u SELECT n, 'x' FROM calling", "`calling` is a view"),
    ("DELETE FROM t USING calling", "`calling` is a view"),
    ("INSERT INTO afar VALUES (1)", "`afar` is a foreign table"),
    (
        "INSERT INTO u SELECT 7, line FROM filed LIMIT 1",
        "`filed` is a foreign table",
    ),
    (
        "INSERT INTO parted VALUES (150)",
        "`parted_afar` is a foreign table",
    ),
    ("INSERT INTO parted_own VALUES (50)", "`parted_own` has a trigger"),
    ("INSERT INTO checked VALUES (1)", "constraint"),
    ("INSERT INTO indexed VALUES (1)", "index"),
    ("INSERT INTO partly VALUES (1)", "index"),
    ("INSERT INTO generated VALUES (1)", "column `m`"),
    ("DELETE FROM parent", "`child` has a trigger"),
    ("UPDATE parent SET id = 2", "`child` has a trigger"),
    ("UPDATE base SET n = 2", "`heir` has a trigger"),
    ("UPDATE secured SET n = 2", "row security"),
    ("INSERT INTO domained VALUES (1)", "`n` of `domained` has a type"),
    (
        "INSERT INTO wholes SELECT t FROM t",
        "`whole` of `wholes` has a type",
    ),
    ("UPDATE t SET name = 'x' WHERE acts() > 0", "`acts`"),
    ("UPDATE t SET name = public.acts()::text", "`public.acts`"),
    ("UPDATE t SET name = 'x' RETURNING acts()", "`acts`"),
    ("DELETE FROM t WHERE id = (SELECT lies(1))", "`lies`"),
    ("INSERT INTO u SELECT setval('s', 100)::int, 'x'", "`setval`"),
    ("INSERT INTO u SELECT n, 'x' FROM acts() AS n", "`acts`"),
    ("UPDATE t SET name = 'x' WHERE id === 1", ""),
    ("UPDATE t SET name = 'x' WHERE id OPERATOR(public.===) 1", ""),
    ("UPDATE t SET note = t.evil", "`evil`"),
    ("UPDATE t SET note = (t).evil", ""),
    ("UPDATE t SET note = ((id).pg_cancel_backend)::text", ""),
    ("UPDATE t SET id = 1::narrow WHERE id = 1", "`narrow`"),
    ("UPDATE t SET id = narrow '1' WHERE id = 1", ""),
    ("UPDATE t SET note = 's'::regclass::text", "`REGCLASS`"),
    (
        "UPDATE t SET name = query_to_xml('SELECT acts()', true, true, '')::text",
        "`query_to_xml`",
    ),
    (
        "UPDATE t SET name = 'x' WHERE EXISTS (SELECT FROM pg_sleep(0))",
        "",
    ),
    (
        "UPDATE t SET name = 'x' WHERE pg_try_advisory_lock(1)",
        "`pg_try_advisory_lock`",
    ),
    (
        "UPDATE t SET name = 'x' WHERE id IN (SELECT id FROM u FOR UPDATE)",
        "locks",
    ),
    (
        "UPDATE t SET name = current_setting('work_mem')",
        "`current_setting`",
    ),
    ("WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone", ""),
    (
        "WITH gone AS (DELETE FROM t RETURNING id) INSERT INTO u SELECT id + 100, 'x' FROM gone",
        "changes rows too",
    ),
    (
        "WITH moved AS (SELECT setval('s', 9)) INSERT INTO u SELECT 9, 'x' FROM moved",
        "`setval`",
    ),
    (
        "INSERT INTO u VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = acts()::text",
        "`acts`",
    ),
    (
        "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET name = acts()::text",
        "`acts`",
    ),
    (
        "MERGE INTO triggered USING u ON n = u.id WHEN MATCHED THEN DELETE",
        "`triggered` has a trigger",
    ),
    (
        "MERGE INTO numbered AS m USING u ON m.id = u.id WHEN NOT MATCHED THEN INSERT (name) VALUES ('x')",
        "column `id`",
    ),
    (
        "UPDATE pg_class SET reltuples = 0 WHERE relname = 't'",
        "`pg_class`",
    ),
    ("DELETE FROM pg_largeobject", "`pg_largeobject`"),
    ("SELECT pg_notify('c', 'x')", "`pg_notify`"),
    ("SELECT nextval('s')", "`nextval`"),
    ("SELECT setval('s', 50)", "`setval`"),
    ("SELECT lo_create(0)", "`lo_create`"),
    (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'runbook'",
        "`pg_terminate_backend`",
    ),
    ("SELECT * INTO made FROM t", ""),
    ("SELECT * FROM t FOR UPDATE", ""),
    ("CALL proc()", "only INSERT"),
    ("DO $$ BEGIN PERFORM acts(); END $$", ""),
    ("CREATE TABLE made (a int)", "grammar"),
    ("DROP TABLE t CASCADE", "grammar"),
    ("TRUNCATE t", "grammar"),
    ("ALTER SYSTEM SET work_mem = '8MB'", "grammar"),
    ("ALTER TABLE t ADD COLUMN z int DEFAULT acts()", "grammar"),
    ("COPY t TO PROGRAM 'touch /nowhere/at-all'", ""),
    ("VACUUM t", "grammar"),
    ("CREATE INDEX CONCURRENTLY ON t (name)", "grammar"),
    ("REFRESH MATERIALIZED VIEW kept", "grammar"),
    ("EXPLAIN ANALYZE DELETE FROM t", ""),
    ("NOTIFY c, 'x'", "grammar"),
    ("LOCK TABLE t", "grammar"),
];

#[tokio::test]
async fn what_acts_is_only_prepared_on_postgres() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    let world = WORLD.replace("@PORT@", &cluster.port.to_string());
    let made = run(&sql, &on(&url, json!({"query": world, "transaction": true}))).await;
    made.unwrap();
    let (before, asked) = (cluster.dump(), cluster.log().len());
    let mut wrong = Vec::new();
    for (statement, word) in HOSTILE {
        let preview = on(&url, json!(statement)).preview(&sql, &FakeHost::new()).await;
        let is_right = matches!(&preview, Ok(Some(preview)) if preview.sounding == Sounding::Accepted
            && preview.summary.starts_with("only ") && preview.summary.contains(word));
        // What is only prepared is not logged.
        if !is_right || cluster.log()[asked..].contains(statement) {
            wrong.push(format!("{statement}: {preview:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cluster.dump(), before);
}

/// Things beside the tables that make the plainest statement one that is not known.
#[tokio::test]
async fn a_database_with_functions_of_its_own_for_plain_things_is_not_tried_on() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    let ok = |text: &str| {
        let case = on(&url, json!({"query": text, "transaction": true}));
        let sql = &sql;
        async move { run(sql, &case).await.unwrap() }
    };
    ok("CREATE TABLE t (id int, name text); INSERT INTO t VALUES (1, 'a');
        CREATE FUNCTION act(a text, b int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it was run''; END'").await;
    for (make, unmake, statement, word) in [
        (
            "CREATE FUNCTION upper(int) RETURNS text LANGUAGE sql AS $$ SELECT act('x', 1)::text $$",
            "DROP FUNCTION upper(int)",
            "UPDATE t SET name = upper(id)",
            "`upper` is also a function of this database",
        ),
        (
            "CREATE OPERATOR = (LEFTARG = text, RIGHTARG = int, FUNCTION = act)",
            "DROP OPERATOR = (text, int)",
            "UPDATE t SET name = 'x' WHERE name = id",
            "operator `=`",
        ),
        (
            "CREATE FUNCTION made(text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT act('x', 1)::int $$; CREATE CAST (text AS int) WITH FUNCTION made(text) AS IMPLICIT",
            "DROP CAST (text AS int); DROP FUNCTION made(text)",
            "UPDATE t SET name = 'x' WHERE name = id",
            "casts of its own",
        ),
        (
            "ALTER ROLE runbook SET search_path = public, pg_catalog",
            "ALTER ROLE runbook RESET search_path",
            "UPDATE t SET name = 'x'",
            "other functions may stand",
        ),
        (
            "ALTER ROLE runbook SET standard_conforming_strings = off",
            "ALTER ROLE runbook RESET standard_conforming_strings",
            "UPDATE t SET name = 'x'",
            "backslash",
        ),
    ] {
        ok(make).await;
        let preview = on(&url, json!(statement)).preview(&sql, &FakeHost::new()).await;
        let preview = preview.unwrap().unwrap();
        assert_eq!(preview.sounding, Sounding::Accepted, "{make}: {preview:?}");
        assert!(preview.summary.contains(word), "{make}: {preview:?}");
        ok(unmake).await;
        let preview = on(&url, json!("UPDATE t SET name = 'x'"))
            .preview(&sql, &FakeHost::new())
            .await;
        assert_eq!(
            preview.unwrap().unwrap().summary,
            "1 row would change",
            "{unmake}"
        );
    }
}
