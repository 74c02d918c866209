//! After a crash: the session of MariaDB that still runs a statement is ended on the server, and no other.

use runbook_action::{ErrorKind, Failure, Handle, Settled};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{PATIENCE, Use};
use runbook_testkit::host::FakeHost;
use runbook_testkit::mariadb::Server;
use serde_json::json;

use crate::mysql::until;
use crate::{on, one, run_with};

const RUNNING: &str =
    "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'INSERT%SLEEP(1000)%'";

fn endless(url: &str) -> Use {
    on(url, json!("INSERT INTO t SELECT SLEEP(1000)"))
}

async fn settle(url: &str, handles: &[Handle]) -> Result<Settled, Failure> {
    let (sql, host) = (Sql::default(), FakeHost::new());
    let case = endless(url);
    let settled = case.settle(&sql, &host, handles);
    tokio::time::timeout(PATIENCE, settled).await.expect("it hangs")
}

#[tokio::test]
async fn the_session_that_was_recorded_is_ended_on_the_server() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    let host = FakeHost::new();
    run_with(&sql, &on(&url, json!("CREATE TABLE t (n int)")), &host)
        .await
        .unwrap();
    // What has ended holds nothing any more, although its session is kept.
    let ended = host.handles();
    assert_eq!(ended.len(), 1);
    assert_eq!(settle(&url, &ended).await, Ok(Settled::Nothing));
    let session = one(&sql, &url, json!("SELECT CONNECTION_ID()")).await;
    let (host, case) = (FakeHost::new(), endless(&url));
    let (outcome, handles) = tokio::join!(run_with(&sql, &case, &host), async {
        until(&url, RUNNING, 1).await;
        let handles = host.handles();
        let other = Handle {
            what: "postgres_backend".to_owned(),
            ..handles[0].clone()
        };
        for wrong in [ended.clone(), vec![other]] {
            assert_eq!(settle(&url, &wrong).await, Ok(Settled::Nothing));
            until(&url, RUNNING, 1).await;
        }
        assert_eq!(settle(&url, &handles).await, Ok(Settled::Ended));
        assert_eq!(one(&Sql::default(), &url, json!(RUNNING)).await, 0);
        handles
    });
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Unreachable, "{failure}");
    assert!(failure.may_have_applied);
    assert_eq!(settle(&url, &handles).await, Ok(Settled::Nothing));
    assert_eq!(one(&sql, &url, json!("SELECT count(*) FROM t")).await, 0);
    assert_ne!(one(&sql, &url, json!("SELECT CONNECTION_ID()")).await, session);
}

#[tokio::test]
async fn what_only_reads_is_not_recorded_and_what_cannot_be_recorded_is_not_sent() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    let host = FakeHost::new();
    run_with(&sql, &on(&url, json!("SELECT 1")), &host).await.unwrap();
    assert_eq!(host.handles(), []);
    let full = Failure::new(ErrorKind::Other, "the disk is full");
    let host = FakeHost::new().refuses_handles(full.clone());
    let create = on(&url, json!("CREATE TABLE never (n int)"));
    assert_eq!(run_with(&sql, &create, &host).await, Err(full));
    assert!(!server.asked().contains("never"), "{}", server.asked());
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_settles_nothing() {
    let mut server = Server::start();
    let url = server.url("test");
    server.stop();
    let handle = Handle {
        what: "mysql_session".to_owned(),
        data: json!({"lock": "runbook 7b2f4a0e-0c5c-4a30-8f2a-0123456789ab"}),
    };
    let failure = settle(&url, std::slice::from_ref(&handle)).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused);
    assert!(failure.may_have_applied);
    let (host, sql) = (FakeHost::new(), Sql::default());
    host.cancel();
    let failure = endless(&url).settle(&sql, &host, &[handle]).await.unwrap_err();
    assert!(failure.may_have_applied, "{failure:?}");
}
