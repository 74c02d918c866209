//! Each way in which another machine is not reached is told apart, and nothing is run.

use runbook_action::{Command, Connection, ErrorKind, Failure};
use runbook_testkit::contract::written;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::There;
use crate::in_time;

async fn fails(there_is: &There, params: &Value) -> Failure {
    let connection = Connection {
        name: "box".to_owned(),
        params: written(params),
    };
    let open = match there_is.open_through(&connection, None).await {
        Ok(open) => open,
        Err(failure) => return failure,
    };
    let ran = there_is.place.path("ran");
    let command = Command::new(["touch", ran.to_str().unwrap()]);
    let failure = in_time(open.output(&command, 100)).await.unwrap_err();
    assert!(!ran.exists());
    assert!(!failure.may_have_applied, "{failure:?}");
    assert!(failure.help.is_some(), "{failure:?}");
    failure
}

async fn fails_at(there_is: &There) -> Failure {
    fails(
        there_is,
        &json!({"ssh": "box", "config": there_is.server.config()}),
    )
    .await
}

#[tokio::test]
async fn a_host_that_is_not_known_is_not_trusted() {
    let there_is = There::new();
    for (known, more, message) in [
        (None, "", "`box` has a host key that is not known here"),
        // What the configuration allows is not enough.
        (
            None,
            "StrictHostKeyChecking no",
            "`box` has a host key that is not known here",
        ),
        (
            Some("other"),
            "",
            "`box` has another host key than the one that is known",
        ),
        (
            Some("other"),
            "StrictHostKeyChecking no",
            "`box` has another host key than the one that is known",
        ),
    ] {
        there_is.server.is_known_by(known).unwrap();
        there_is.server.configure("user", more).unwrap();
        let failure = fails_at(&there_is).await;
        assert_eq!(
            (failure.kind, failure.message.as_str()),
            (ErrorKind::Auth, message),
            "{known:?} {more}"
        );
    }
    // Nobody has written it down on the way.
    assert!(
        !std::fs::read_to_string(there_is.server.path("known"))
            .unwrap()
            .contains("host")
    );
}

#[tokio::test]
async fn a_wrong_key_is_not_let_in_and_nobody_is_asked() {
    let there_is = There::new();
    there_is.server.comes_with("other").unwrap();
    let failure = fails_at(&there_is).await;
    assert_eq!(failure.kind, ErrorKind::Auth);
    assert_eq!(failure.message, "`box` does not let this user in");
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses() {
    let there_is = There::new();
    let config = there_is.place.path("config");
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    std::fs::write(&config, format!("Host box\nHostName 127.0.0.1\nPort {port}\n")).unwrap();
    let failure = fails(&there_is, &json!({"ssh": "box", "config": config})).await;
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (ErrorKind::Refused, "`box` refuses connections")
    );
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_named() {
    let there_is = There::new();
    let failure = fails(
        &there_is,
        &json!({"ssh": "ops@no-such-host.invalid", "config": "/dev/null"}),
    )
    .await;
    assert_eq!(failure.kind, ErrorKind::Dns);
    assert_eq!(
        failure.message,
        "`ops@no-such-host.invalid` has a name that cannot be resolved"
    );
}

/// A server that takes the connection and says this, or nothing.
async fn fails_with_server(says: &'static [u8]) -> Failure {
    let there_is = There::new();
    let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = server.local_addr().unwrap().port();
    let config = there_is.place.path("config");
    let text = format!("Host box\nHostName 127.0.0.1\nPort {port}\nConnectTimeout 1\n");
    std::fs::write(&config, text).unwrap();
    let serve = async {
        let mut held = Vec::new();
        loop {
            let (mut client, _) = server.accept().await.unwrap();
            client.write_all(says).await.ok();
            if says.is_empty() {
                held.push(client);
            }
        }
    };
    let params = json!({"ssh": "box", "config": config});
    tokio::select! {
        failure = fails(&there_is, &params) => failure,
        () = serve => panic!("it ended"),
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let failure = fails_with_server(b"").await;
    assert_eq!(failure.kind, ErrorKind::Timeout, "{failure:?}");
}

#[tokio::test]
async fn what_is_no_ssh_server_is_told_as_such() {
    for says in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n" as &[u8],
        b"SSH-2.0-x\r\n\x00\x00\x00\x0c\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x00\x01\x02\x03\xff\xfe",
    ] {
        let failure = fails_with_server(Box::leak(says.to_vec().into_boxed_slice())).await;
        assert!(
            matches!(failure.kind, ErrorKind::Protocol | ErrorKind::Unreachable),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn what_names_no_host_is_refused_before_anything_is_run() {
    let there_is = There::new();
    for address in ["", "-oProxyCommand=touch ran", "a b", "a\nb"] {
        let failure = fails(&there_is, &json!({"ssh": address})).await;
        assert_eq!(failure.param.as_deref(), Some("connections.box.ssh"), "{address}");
    }
    let failure = fails(&there_is, &json!({"ssh": "box", "config": "/not/here"})).await;
    assert_eq!(failure.kind, ErrorKind::NotFound);
    let user = {
        let open = there_is.open().await;
        let mut command = Command::new(["true"]);
        command.user = Some("x; touch ran".to_owned());
        open.output(&command, 10).await.unwrap_err()
    };
    assert_eq!(user.param.as_deref(), Some("user"));
}
