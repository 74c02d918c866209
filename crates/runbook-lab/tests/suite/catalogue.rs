//! What is offered, and what is refused before anything runs.

use runbook_lab::{Database, Error, Fault, Settings, start, systems};

#[test]
fn the_catalogue_lists_every_fault() {
    let [system] = systems() else {
        panic!("there is one system")
    };
    assert_eq!(system.name, "codebase-mcp");
    assert_eq!(system.faults, Fault::ALL);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let settings = Settings {
        pool_size: Some(501),
        ..Settings::new(Database::Sqlite)
    };
    let error = start(settings).await.expect_err("the pool is too large");
    assert_eq!(error.to_string(), "a pool of 501 connections is outside 1 to 500");

    let settings = Settings::new(Database::Postgres(
        "postgres://lab:hunter2@localhost:x/lab".to_owned(),
    ));
    let error = start(settings).await.expect_err("the URL has no port");
    assert!(matches!(error, Error::Url(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("hunter2"));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it has an address");
    let settings = Settings {
        listen: Some(address),
        ..Settings::new(Database::Sqlite)
    };
    let error = start(settings).await.expect_err("the port is taken");
    assert_eq!(error.to_string(), format!("cannot listen on `{address}`"));
}
