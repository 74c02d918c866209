//! Settings of a PostgreSQL server: what `ALTER SYSTEM SET` changes is put back.

use runbook_action::{ErrorKind, Inverse, Param, Segment, Text};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{Subject, Use, check, secret};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::{on, one, run};

const FILE: &str = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY seqno) FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'";

struct Place {
    cluster: Cluster,
    sql: Sql,
    host: FakeHost,
}

impl Place {
    fn new() -> Self {
        Self {
            // A server knows a setting of somebody's own once it has been set.
            cluster: Cluster::start_with(&[], &["my.own=x", "my.token=x"]),
            sql: Sql::default(),
            host: FakeHost::new(),
        }
    }

    fn case(&self, statement: &str) -> Use {
        on(&self.cluster.url(), json!(statement))
    }

    async fn run(&self, statement: &str) {
        run(&self.sql, &self.case(statement)).await.unwrap();
    }

    async fn prepare(&self, statement: &str) -> Inverse {
        let kept = self.case(statement).prepare(&self.sql, &self.host).await;
        kept.unwrap().expect("it can be put back")
    }

    async fn undo(&self, statement: &str, kept: &Inverse) -> Result<(), runbook_action::Failure> {
        let undone = self.case(statement).undo(&self.sql, &self.host, kept).await?;
        assert_eq!(
            undone.value,
            json!({"rows": [], "rows_affected": 0, "columns": []})
        );
        Ok(())
    }

    /// All settings in the server's own file.
    async fn file(&self) -> Value {
        one(&self.sql, &self.cluster.url(), json!(FILE)).await
    }
}

#[tokio::test]
async fn what_was_set_before_is_put_back() {
    let place = Place::new();
    for (before, statement, told) in [
        (
            "ALTER SYSTEM SET work_mem = '4MB'",
            "ALTER SYSTEM SET work_mem = '8MB'",
            "put back `work_mem = 4MB`",
        ),
        (
            "ALTER SYSTEM SET log_destination = 'stderr', 'csvlog'",
            "ALTER SYSTEM SET log_destination TO jsonlog",
            "put back `log_destination = stderr, csvlog`",
        ),
        (
            "ALTER SYSTEM SET search_path = \"$user\", 'a, \"b', public",
            "ALTER SYSTEM SET search_path = 'X y', other",
            "put back `search_path = \"$user\", \"a, \"\"b\", public`",
        ),
        (
            "ALTER SYSTEM SET my.own = 'it''s \\ \"this\"'",
            "ALTER SYSTEM SET my.own = -0.5",
            "put back `my.own = it's \\ \"this\"`",
        ),
        (
            "ALTER SYSTEM SET archive_command = 'cp secret'",
            "ALTER SYSTEM SET archive_command = 'true'",
            "put back what `archive_command` was set to",
        ),
        (
            "ALTER SYSTEM RESET jit",
            "ALTER SYSTEM SET jit = Off",
            "take `jit` out of the server's own settings again",
        ),
        (
            "ALTER SYSTEM SET deadlock_timeout = 2500",
            "ALTER SYSTEM SET deadlock_timeout = DEFAULT",
            "put back `deadlock_timeout = 2500`",
        ),
    ] {
        place.run(before).await;
        let then = place.file().await;
        let kept = place.prepare(statement).await;
        assert_eq!(kept.summary, told);
        // It was not run: nothing to put back.
        place.undo(statement, &kept).await.unwrap();
        assert_eq!(place.file().await, then);
        place.run(statement).await;
        assert_ne!(place.file().await, then);
        // The journal keeps it as text, and it is undone twice.
        let kept: Inverse = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
        for _ in 0..2 {
            place.undo(statement, &kept).await.unwrap();
            let mut lines: Vec<String> = words(&place.file().await);
            let mut expected = words(&then);
            lines.sort();
            expected.sort();
            assert_eq!(lines, expected, "{statement}");
        }
    }
}

fn words(file: &Value) -> Vec<String> {
    let text = file.as_str().unwrap_or_default();
    text.split(' ').map(str::to_owned).collect()
}

#[tokio::test]
async fn what_somebody_else_has_set_since_stays() {
    let place = Place::new();
    let statement = "ALTER SYSTEM SET work_mem = '8MB'";
    let kept = place.prepare(statement).await;
    place.run(statement).await;
    place.run("ALTER SYSTEM SET work_mem = '9MB'").await;
    let failure = place.undo(statement, &kept).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert!(
        failure
            .message
            .contains("`work_mem` is \"9MB\", and was left as \"8MB\""),
        "{failure}"
    );
    assert!(!failure.may_have_applied);
    assert_eq!(place.file().await, "work_mem=9MB");
    // A secret is not shown, whoever has changed it.
    let value = secret("command", "'cp hunter2-hunter2'");
    let Param::Text(value) = value else {
        panic!("not text")
    };
    let segments = vec![
        Segment::Literal("ALTER SYSTEM SET my.token = ".to_owned()),
        value.segments()[0].clone(),
    ];
    let case = Use {
        params: Param::Text(Text::from_segments(segments)),
        ..place.case("")
    };
    let kept = case.prepare(&place.sql, &place.host).await.unwrap().unwrap();
    run(&place.sql, &case).await.unwrap();
    place.run("ALTER SYSTEM SET my.token = 'other'").await;
    let failure = case.undo(&place.sql, &place.host, &kept).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert!(
        !format!("{failure:?} {}", kept.summary).contains("hunter2"),
        "{failure:?}"
    );
    let unknown = Inverse { version: 2, ..kept };
    let failure = case.undo(&place.sql, &place.host, &unknown).await.unwrap_err();
    assert!(failure.message.contains("not known here"), "{failure}");
}

#[tokio::test]
async fn nothing_else_is_put_back() {
    let place = Place::new();
    for statement in ["SELECT 1", "ALTER SYSTEM RESET work_mem", "SET work_mem = '8MB'"] {
        let kept = place.case(statement).prepare(&place.sql, &place.host).await;
        assert_eq!(kept, Ok(None), "{statement}");
    }
    let sqlite = on("sqlite::memory:", json!("ALTER SYSTEM SET work_mem = 1"));
    assert_eq!(sqlite.prepare(&place.sql, &place.host).await, Ok(None));
    // Who may not read the server's files is told so before anything is done.
    place.run("CREATE ROLE app LOGIN PASSWORD 'app-password'").await;
    let app = on(
        &place.cluster.url_with("app:app-password", "postgres"),
        json!("ALTER SYSTEM SET work_mem = 1"),
    );
    let failure = app.prepare(&place.sql, &place.host).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Forbidden, "{failure}");
    assert!(!failure.may_have_applied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_keeps_to_the_contract() {
    let place = Place::new();
    let file = place.cluster.path().join("data/postgresql.auto.conf");
    check(&Subject {
        action: &place.sql,
        endless: place.case("SELECT count(*) FROM pg_sleep(1000)"),
        begun: &|_host| place.cluster.log().contains("FROM pg_sleep(1000)"),
        failing: vec![
            place.case("ALTER SYSTEM SET no_such_setting = 1"),
            place.case("ALTER SYSTEM SET work_mem = 'much'"),
            on(
                &place.cluster.url_with("runbook:hunter2-hunter2", "missing"),
                json!("ALTER SYSTEM SET work_mem = '8MB'"),
            ),
        ],
        world: &|| std::fs::read_to_string(&file).unwrap(),
    })
    .await;
}
