//! What statements would change on MariaDB and SQLite.

use runbook_action::{ErrorKind, Sounding};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use runbook_testkit::mariadb::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mysql::until;
use crate::preview::{lines, told};
use crate::{connection, on, run, run_with};

const MARIADB: &[&str] = &[
    "CREATE TABLE t (id int PRIMARY KEY, name varchar(20), note varchar(20) DEFAULT 'a(b)', at timestamp DEFAULT current_timestamp())",
    "INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')",
    "CREATE TABLE u (id int PRIMARY KEY, FOREIGN KEY (id) REFERENCES t (id) ON DELETE CASCADE)",
    "INSERT INTO u VALUES (1), (2)",
    "CREATE TABLE log (line varchar(20)) ENGINE = MyISAM",
    "CREATE SEQUENCE s",
    "CREATE FUNCTION acts() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO log VALUES ('acts'); RETURN 1; END",
    "CREATE PROCEDURE proc() INSERT INTO log VALUES ('proc')",
    "CREATE TABLE triggered (n int)",
    "INSERT INTO triggered VALUES (1)",
    "CREATE TRIGGER tells BEFORE INSERT ON triggered FOR EACH ROW INSERT INTO log VALUES ('told')",
    "CREATE TRIGGER tells_too AFTER UPDATE ON triggered FOR EACH ROW INSERT INTO log VALUES ('told')",
    "CREATE TABLE stays (n int) ENGINE = MyISAM",
    "INSERT INTO stays VALUES (1)",
    "CREATE TABLE stays_too (n int) ENGINE = Aria",
    "CREATE TABLE numbered (id int AUTO_INCREMENT PRIMARY KEY, name varchar(20))",
    "INSERT INTO numbered (name) VALUES ('a')",
    "CREATE TABLE defaulted (name varchar(20), n int DEFAULT (NEXT VALUE FOR s))",
    "CREATE TABLE generated (n int, m int AS (n + 1) STORED)",
    "CREATE TABLE versioned (n int) WITH SYSTEM VERSIONING",
    "CREATE TABLE words (line text, FULLTEXT (line))",
    "CREATE VIEW v AS SELECT * FROM t",
    "CREATE USER 'limited'@'127.0.0.1' IDENTIFIED BY 'limited-limited'",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON test.* TO 'limited'@'127.0.0.1'",
];

const HOSTILE_ON_MARIADB: &[(&str, &str)] = &[
    ("INSERT INTO triggered VALUES (2)", "`triggered` has a trigger"),
    ("DELETE FROM triggered", "`triggered` has a trigger"),
    ("UPDATE stays SET n = 2", "kept by MyISAM"),
    ("INSERT INTO stays_too VALUES (2)", "kept by Aria"),
    ("INSERT INTO t (id) SELECT 10 + n FROM stays", "kept by MyISAM"),
    ("INSERT INTO numbered (name) VALUES ('b')", "gets a number"),
    ("INSERT INTO numbered VALUES (50, 'b')", "gets a number"),
    ("UPDATE numbered SET id = 90", "gets a number"),
    (
        "INSERT INTO defaulted (name) VALUES ('a')",
        "what a function gives",
    ),
    ("INSERT INTO generated (n) VALUES (1)", "is generated"),
    ("UPDATE versioned SET n = 1", "system versioned"),
    ("INSERT INTO words VALUES ('a')", "index of words"),
    ("UPDATE v SET name = 'x'", "`v` is a view"),
    ("UPDATE t SET name = acts()", "`acts`"),
    ("UPDATE t SET name = lower (name)", "next to its parenthesis"),
    ("UPDATE t SET name = NEXTVAL(s)", "`NEXTVAL`"),
    ("UPDATE t SET name = NEXT VALUE FOR s", ""),
    ("UPDATE t SET name = SLEEP(0)", "`SLEEP`"),
    ("UPDATE t SET name = GET_LOCK('x', 0)", "`GET_LOCK`"),
    ("UPDATE t SET name = LAST_INSERT_ID(9)", "`LAST_INSERT_ID`"),
    ("UPDATE t SET name = LOAD_FILE('/etc/passwd')", "`LOAD_FILE`"),
    ("UPDATE t, u SET t.name = 'x' WHERE t.id = u.id", "not understood"),
    (
        "UPDATE t JOIN u ON t.id = u.id SET t.name = 'x'",
        "several tables",
    ),
    ("DELETE t, u FROM t JOIN u ON t.id = u.id", "several tables"),
    ("REPLACE INTO t (id, name) VALUES (1, 'x')", "one by one"),
    (
        "INSERT INTO t (id) VALUES (1) ON DUPLICATE KEY UPDATE name = 'x'",
        "one by one",
    ),
    ("DELETE FROM mysql.user", ""),
    ("SELECT NEXTVAL(s)", "`NEXTVAL`"),
    ("SELECT * FROM t FOR UPDATE", "it locks rows"),
    ("CALL proc()", "grammar"),
    ("CREATE TABLE made (n int)", "grammar"),
    ("DROP TABLE t", "grammar"),
    ("TRUNCATE t", "grammar"),
    ("ALTER TABLE t ADD z int", "grammar"),
    ("SET GLOBAL max_connections = 90", "grammar"),
];

/// All that the tables hold, and where the sequences and counters stand.
async fn world(sql: &Sql, url: &str) -> String {
    let mut world = String::new();
    for table in [
        "t",
        "u",
        "log",
        "triggered",
        "stays",
        "stays_too",
        "numbered",
        "defaulted",
        "generated",
        "versioned",
        "words",
        "s",
    ] {
        let query = format!("SELECT * FROM {table}");
        world += &run(sql, &on(url, json!(query))).await.unwrap().value.to_string();
    }
    let counters = "SELECT table_name, auto_increment, table_type FROM information_schema.tables WHERE table_schema = 'test' ORDER BY 1";
    world
        + &run(sql, &on(url, json!(counters)))
            .await
            .unwrap()
            .value
            .to_string()
}

async fn made(sql: &Sql, url: &str, statements: &[&str]) {
    for statement in statements {
        run(sql, &on(url, json!(statement)))
            .await
            .unwrap_or_else(|failure| panic!("{statement}: {failure}"));
    }
}

#[tokio::test]
async fn what_acts_is_only_prepared_on_mariadb() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    made(&sql, &url, MARIADB).await;
    let before = world(&sql, &url).await;
    let mut wrong = Vec::new();
    for (statement, word) in HOSTILE_ON_MARIADB {
        let preview = on(&url, json!(statement)).preview(&sql, &FakeHost::new()).await;
        let is_right = matches!(&preview, Ok(Some(preview)) if preview.sounding == Sounding::Accepted
            && preview.summary.starts_with("only ") && preview.summary.contains(word));
        if !is_right || server.asked().contains(&format!("Execute\t{statement}")) {
            wrong.push(format!("{statement}: {preview:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(world(&sql, &url).await, before);
}

#[tokio::test]
async fn plain_statements_are_tried_and_taken_back_on_mariadb() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    made(&sql, &url, MARIADB).await;
    let before = world(&sql, &url).await;
    for (params, summary) in [
        (
            json!("UPDATE t SET name = UPPER(name), note = CONCAT(name, '!') WHERE id > 1"),
            "2 rows would change",
        ),
        (
            json!({"query": "UPDATE t SET name = :n WHERE id = :id", "bind": {"n": "x", "id": 1}}),
            "1 row would change",
        ),
        (
            json!("INSERT INTO t (id, name) VALUES (4, 'd'), (5, 'e')"),
            "would add 2 rows",
        ),
        (
            json!("INSERT INTO t (id, name) SELECT id + 10, 'n' FROM u"),
            "would add 2 rows",
        ),
        (
            json!("DELETE FROM t WHERE id IN (SELECT id FROM u)"),
            "would delete 2 rows",
        ),
        (
            json!("DELETE FROM t WHERE id = 3 RETURNING id"),
            "would delete 1 row",
        ),
        (json!("UPDATE numbered SET name = 'x'"), "1 row would change"),
    ] {
        let preview = told(&sql, &url, params.clone()).await;
        assert_eq!(preview.summary, summary, "{params}");
        assert_eq!(preview.sounding, Sounding::Tried, "{params}");
    }
    let query = "DELETE FROM u; SELECT 1; DELETE FROM t";
    let preview = told(&sql, &url, json!({"query": query, "transaction": true})).await;
    assert_eq!(preview.summary, "5 rows would change");
    assert_eq!(lines(&preview)[2], "3: would delete 3 rows");
    // What it may not see may be there.
    let limited = server.url_for("limited:limited-limited", "test");
    let preview = told(&sql, &limited, json!("DELETE FROM t")).await;
    assert_eq!(
        preview.summary,
        "only checked, not tried: this user may not see whether table `t` has triggers"
    );
    assert_eq!(world(&sql, &url).await, before);
}

fn fails() -> [(Value, ErrorKind, &'static str); 4] {
    [
        (
            json!({"query": "UPDATE t SET nmae = 'x'"}),
            ErrorKind::NotFound,
            "nmae",
        ),
        (
            json!({"query": "DELETE FROM missing"}),
            ErrorKind::NotFound,
            "missing",
        ),
        (
            json!({"query": "DELETE FROM t WHERE"}),
            ErrorKind::Other,
            "syntax",
        ),
        (
            json!({"query": "INSERT INTO t (id) VALUES (1)"}),
            ErrorKind::Conflict,
            "",
        ),
    ]
}

#[tokio::test]
async fn what_running_it_would_meet_is_a_failure_on_mariadb() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    made(&sql, &url, MARIADB).await;
    for (params, kind, said) in fails() {
        let failure = on(&url, params.clone())
            .preview(&sql, &FakeHost::new())
            .await
            .unwrap_err();
        assert_eq!(failure.kind, kind, "{params}: {failure:?}");
        assert_eq!(failure.param.as_deref(), Some("query"), "{params}: {failure:?}");
        assert!(failure.message.contains(said), "{params}: {failure:?}");
        assert!(!failure.may_have_applied, "{params}: {failure:?}");
    }
}

#[tokio::test]
async fn what_others_have_locked_is_not_waited_for_on_mariadb() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    made(&sql, &url, MARIADB).await;
    let (holder, host) = (Sql::default(), FakeHost::new());
    let query = "UPDATE t SET name = 'held' WHERE id = 1; SELECT SLEEP(1000)";
    let case = on(&url, json!({"query": query, "transaction": true}));
    let look = async {
        until(
            &url,
            "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User sleep'",
            1,
        )
        .await;
        let preview = told(&sql, &url, json!("UPDATE t SET name = 'x'")).await;
        assert_eq!(
            preview.summary,
            "only checked, not tried: somebody else holds a lock that it needs"
        );
        host.cancel();
    };
    let (_stopped, ()) = tokio::join!(run_with(&holder, &case, &host), look);
}

#[tokio::test]
async fn a_preview_that_is_stopped_ends_on_mariadb() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    made(&sql, &url, MARIADB).await;
    made(
        &sql,
        &url,
        &[
            "CREATE TABLE many (n int)",
            "INSERT INTO many SELECT seq FROM seq_1_to_3000",
        ],
    )
    .await;
    let long =
        "UPDATE t SET name = 'stopped' WHERE (SELECT SUM(a.n + b.n + c.n) FROM many a, many b, many c) > id";
    let at_work = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%''stopped''%' AND id <> CONNECTION_ID()";
    let (case, host) = (on(&url, json!(long)), FakeHost::new());
    let (outcome, ()) = tokio::join!(case.preview(&sql, &host), async {
        until(&url, at_work, 1).await;
        host.cancel();
    });
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    assert!(!failure.may_have_applied, "{failure:?}");
    until(&url, at_work, 0).await;
    // Left alone, it is given up.
    let preview = told(&sql, &url, json!(long)).await;
    assert_eq!(
        preview.summary,
        "only checked, not tried: it takes longer than a preview may"
    );
}

const SQLITE: &[&str] = &[
    "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'x')",
    "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')",
    "CREATE TABLE log (line TEXT)",
    "CREATE TABLE triggered (n)",
    "CREATE TRIGGER tells AFTER INSERT ON triggered BEGIN INSERT INTO log VALUES ('told'); END",
    "CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
    "CREATE VIEW v AS SELECT * FROM t",
    "CREATE TRIGGER instead INSTEAD OF UPDATE ON v BEGIN INSERT INTO log VALUES ('instead'); END",
    "CREATE VIRTUAL TABLE words USING fts5 (line)",
    "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
    "CREATE TABLE child (id REFERENCES parent ON DELETE CASCADE)",
];

const HOSTILE_ON_SQLITE: &[(&str, &str)] = &[
    ("INSERT INTO triggered VALUES (2)", "`triggered` has a trigger"),
    ("INSERT INTO numbered (name) VALUES ('a')", "keeps count"),
    ("UPDATE v SET name = 'x'", "`v` is a view"),
    ("INSERT INTO words VALUES ('a')", "virtual table"),
    ("DELETE FROM parent", "`child` follows it"),
    (
        "UPDATE t SET name = (SELECT seq FROM sqlite_sequence)",
        "not a table of the database itself",
    ),
    (
        "INSERT INTO t SELECT key, value FROM json_each('[1]')",
        "`json_each`",
    ),
    (
        "WITH x AS (SELECT 1) SELECT load_extension('x') FROM x",
        "`load_extension`",
    ),
    ("CREATE TABLE made (n)", "only INSERT"),
    ("DROP TABLE t", "only INSERT"),
    ("ALTER TABLE t ADD z", "only INSERT"),
    ("VACUUM", "only INSERT"),
    ("ATTACH 'other.db' AS other", "only INSERT"),
    (
        "CREATE TRIGGER another AFTER INSERT ON t BEGIN DELETE FROM t; END",
        "",
    ),
];

const URL: &str = "sqlite:file.db?mode=rwc";

async fn sqlite() -> (TempDir, Sql) {
    let root = TempDir::new().unwrap();
    let sql = Sql::new(root.path().to_owned());
    made(&sql, URL, SQLITE).await;
    (root, sql)
}

fn bytes(root: &TempDir) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(root.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                std::fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_acts_is_only_prepared_on_sqlite() {
    let (root, sql) = sqlite().await;
    let before = bytes(&root);
    let mut wrong = Vec::new();
    for (statement, word) in HOSTILE_ON_SQLITE {
        let preview = on(URL, json!(statement)).preview(&sql, &FakeHost::new()).await;
        let is_right = matches!(&preview, Ok(Some(preview)) if preview.sounding == Sounding::Accepted
            && preview.summary.starts_with("only ") && preview.summary.contains(word));
        if !is_right {
            wrong.push(format!("{statement}: {preview:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // SQLite may run these when they are prepared, so it is not asked.
    let preview = on(URL, json!("PRAGMA user_version = 9"))
        .preview(&sql, &FakeHost::new())
        .await;
    assert_eq!(preview, Ok(None));
    let both = json!({"query": "PRAGMA user_version = 9; DELETE FROM t", "transaction": true});
    assert_eq!(lines(&told(&sql, URL, both).await)[0], "1: was not checked");
    assert_eq!(bytes(&root), before);
}

#[tokio::test]
async fn plain_statements_are_tried_and_taken_back_on_sqlite() {
    let (root, sql) = sqlite().await;
    let before = bytes(&root);
    for (params, summary) in [
        (
            json!("UPDATE t SET name = upper(name) WHERE id > 1"),
            "2 rows would change",
        ),
        (
            json!({"query": "UPDATE t SET name = :n WHERE id = :id", "bind": {"n": "x", "id": 1}}),
            "1 row would change",
        ),
        (
            json!("INSERT INTO t (name) VALUES ('d'), ('e')"),
            "would add 2 rows",
        ),
        (
            json!("INSERT OR REPLACE INTO t VALUES (1, 'z')"),
            "would add or change 1 row",
        ),
        (
            json!("WITH few AS (SELECT max(id) AS id FROM t) DELETE FROM t WHERE id IN (SELECT id FROM few)"),
            "would delete 1 row",
        ),
        (
            json!("DELETE FROM main.t WHERE id = 9 RETURNING id"),
            "would delete no rows",
        ),
    ] {
        let preview = told(&sql, URL, params.clone()).await;
        assert_eq!(preview.summary, summary, "{params}");
        assert_eq!(preview.sounding, Sounding::Tried, "{params}");
    }
    for (params, kind, said) in fails() {
        let failure = on(URL, params.clone())
            .preview(&sql, &FakeHost::new())
            .await
            .unwrap_err();
        // SQLite has one code for all that it does not understand.
        let kind = if kind == ErrorKind::NotFound {
            ErrorKind::Other
        } else {
            kind
        };
        let said = said.replace("syntax", "incomplete input");
        assert_eq!(failure.kind, kind, "{params}: {failure:?}");
        assert_eq!(failure.param.as_deref(), Some("query"), "{params}: {failure:?}");
        assert!(failure.message.contains(&said), "{params}: {failure:?}");
    }
    let case = Use {
        params: written(&json!("DELETE FROM t")),
        connection: connection(written(&json!({"sql": URL, "read_only": true}))),
        ..Use::default()
    };
    let preview = case.preview(&sql, &FakeHost::new()).await.unwrap().unwrap();
    assert_eq!(
        preview.summary,
        "only checked, not tried: the connection is `read_only`"
    );
    assert_eq!(bytes(&root), before);
}

#[tokio::test]
async fn what_others_write_is_not_waited_for_on_sqlite() {
    let (root, sql) = sqlite().await;
    let (holder, host) = (Sql::new(root.path().to_owned()), FakeHost::new());
    let endless =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n WHERE x < 3";
    let query = format!("UPDATE t SET name = 'held'; {endless}");
    let case = on(URL, json!({"query": query, "transaction": true}));
    let look = async {
        while host.total() == 0 {
            tokio::task::yield_now().await;
        }
        let preview = told(&sql, URL, json!("UPDATE t SET name = 'x'")).await;
        assert_eq!(
            preview.summary,
            "only checked, not tried: somebody else holds a lock that it needs"
        );
        host.cancel();
    };
    let (_stopped, ()) = tokio::join!(run_with(&holder, &case, &host), look);
    let long = format!(
        "UPDATE t SET name = 'x' WHERE id < (SELECT count(*) FROM ({}))",
        endless.replace(" WHERE x < 3", "")
    );
    let preview = told(&sql, URL, json!(long)).await;
    assert_eq!(
        preview.summary,
        "only checked, not tried: it takes longer than a preview may"
    );
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made() {
    let root = TempDir::new().unwrap();
    let sql = Sql::new(root.path().to_owned());
    let preview = told(&sql, URL, json!("CREATE TABLE t (id int)")).await;
    assert_eq!(preview.sounding, Sounding::Accepted);
    let failure = on(URL, json!("DELETE FROM t"))
        .preview(&sql, &FakeHost::new())
        .await
        .unwrap_err();
    assert!(failure.message.contains("no such table"), "{failure}");
    let failure = on("sqlite:file.db", json!("DELETE FROM t"))
        .preview(&sql, &FakeHost::new())
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::NotFound, "{failure}");
    assert_eq!(bytes(&root), []);
}
