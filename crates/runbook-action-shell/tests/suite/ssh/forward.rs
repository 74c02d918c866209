//! What is reached from there, reached from here; and another machine through it.

use std::sync::Arc;

use runbook_action::{Command, Endpoint, ErrorKind};
use runbook_testkit::host::FakeHost;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{There, there};
use crate::{in_time, run, until};

fn tcp(endpoint: &Endpoint) -> (String, u16) {
    match endpoint {
        Endpoint::Tcp { host, port } => (host.clone(), *port),
        Endpoint::Socket(path) => panic!("{} is no port", path.display()),
    }
}

#[tokio::test]
async fn a_port_is_forwarded_while_it_is_wanted() {
    let there_is = There::new();
    let open = there_is.open().await;
    let service = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let to = Endpoint::Tcp {
        host: "localhost".to_owned(),
        port: service.local_addr().unwrap().port(),
    };
    let forward = open.forward(&to).await.unwrap();
    let local = tcp(forward.local());
    for _ in 0..2 {
        let (mut near, (mut far, _)) =
            in_time(async { tokio::try_join!(TcpStream::connect(local.clone()), service.accept()).unwrap() })
                .await;
        near.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        in_time(far.read_exact(&mut heard)).await.unwrap();
        assert_eq!(&heard, b"hello");
        drop(far);
        assert_eq!(in_time(near.read(&mut heard)).await.unwrap(), 0);
    }
    assert_eq!(forward.failure(), None);
    drop(forward);
    in_time(async {
        while TcpStream::connect(local.clone()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_socket_is_forwarded() {
    let there_is = There::new();
    let open = there_is.open().await;
    let path = there_is.place.path("service");
    let service = UnixListener::bind(&path).unwrap();
    let forward = open.forward(&Endpoint::Socket(path)).await.unwrap();
    let Endpoint::Socket(local) = forward.local() else {
        panic!("it is a port")
    };
    let (mut near, (mut far, _)) =
        in_time(async { tokio::try_join!(UnixStream::connect(local), service.accept()).unwrap() }).await;
    near.write_all(b"hello").await.unwrap();
    let mut heard = [0; 5];
    in_time(far.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"hello");
}

#[tokio::test]
async fn why_nothing_is_reached_is_known() {
    let there_is = There::new();
    let open = there_is.open().await;
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let to = Endpoint::Tcp {
        host: "127.0.0.1".to_owned(),
        port,
    };
    let forward = open.forward(&to).await.unwrap();
    let mut near = TcpStream::connect(tcp(forward.local())).await.unwrap();
    let mut heard = Vec::new();
    in_time(near.read_to_end(&mut heard)).await.ok();
    assert_eq!(heard, b"");
    until("the client says why", || forward.failure().is_some()).await;
    let failure = forward.failure().unwrap();
    assert_eq!(failure.kind, ErrorKind::Refused);
    assert_eq!(
        failure.message,
        format!("`127.0.0.1:{port}`, as seen from `box`, refuses connections")
    );
    for host in ["", "a b", "a\n", "-x:1:2"] {
        let hostile = Endpoint::Tcp {
            host: host.to_owned(),
            port: 1,
        };
        if !host.starts_with('-') {
            open.forward(&hostile).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn another_machine_is_reached_through_this_one() {
    let (first, second) = (There::new(), There::new());
    let jump = first.open().await;
    let open = second
        .open_through(&second.connection(), Some(Arc::clone(&jump)))
        .await
        .unwrap();
    let case = there(&open, second.connection(), &json!(["echo", "through"]));
    let output = run(&second.place.exec, &case, &FakeHost::new()).await.unwrap();
    assert_eq!(output.value["stdout"], "through");
    let command = Command::new(["sh", "-c", "echo ok"]);
    assert_eq!(in_time(open.output(&command, 100)).await.unwrap().stdout, b"ok\n");
    // Its key is still compared with the one that is known of it.
    second.server.is_known_by(Some("other")).unwrap();
    let wrong = second
        .open_through(&second.connection(), Some(jump))
        .await
        .unwrap();
    let failure = in_time(wrong.output(&command, 100)).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Auth);
}
