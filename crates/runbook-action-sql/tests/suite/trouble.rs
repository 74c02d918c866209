//! Servers that do not answer, hang up, or answer with anything: a failure that says what and where, soon, with nothing
//! else broken.

use std::net::SocketAddr;
use std::time::Duration;

use runbook_action::{ErrorKind, Failure};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use runbook_testkit::mariadb::Server;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::cluster::Cluster;
use crate::{connection, on, run, run_with};

const SCHEMES: [&str; 2] = ["postgres", "mysql"];

/// A server whose every answer is `answer`, after which it hangs up.
struct Impostor {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Impostor {
    async fn start(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else {
                    return;
                };
                // The other side may have hung up before.
                let _sent = stream.write_all(&answer).await.is_ok();
                let _ended = stream.shutdown().await.is_ok();
            }
        });
        Self { address, task }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://u:hunter2-hunter2@{}/d", self.address)
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Bytes that look like nothing, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

/// It failed before anything was asked, says where, and shows no password.
fn is_told(failure: &Failure, address: SocketAddr) {
    assert!(!failure.may_have_applied, "{failure:?}");
    let shown = format!("{failure:?}");
    assert!(shown.contains(&address.to_string()), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for scheme in SCHEMES {
        let url = format!("{scheme}://u:hunter2-hunter2@{address}/d");
        let failure = run(&Sql::default(), &on(&url, json!("DELETE FROM t")))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Refused, "{failure:?}");
        is_told(&failure, address);
        let named = Use {
            connection: connection(written(&json!({"sql": url, "tls": {"server_name": "db"}}))),
            ..on(&url, json!("DELETE FROM t"))
        };
        let failure = run(&Sql::default(), &named).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Refused, "{failure:?}");
        is_told(&failure, address);
    }
}

/// The clock jumps as soon as nothing else can happen.
#[tokio::test(start_paused = true)]
async fn somebody_listens_and_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for scheme in SCHEMES {
        let url = format!("{scheme}://u:hunter2-hunter2@{address}/d");
        let case = on(&url, json!("DELETE FROM t"));
        for host in [
            FakeHost::new(),
            FakeHost::new().remaining(Duration::from_millis(100)),
        ] {
            let failure = run_with(&Sql::default(), &case, &host).await.unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Timeout, "{failure:?}");
            is_told(&failure, address);
        }
        let host = FakeHost::new();
        let sql = Sql::default();
        let (outcome, ()) = tokio::join!(run_with(&sql, &case, &host), async { host.cancel() });
        let failure = outcome.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Cancelled, "{failure:?}");
        assert!(!failure.may_have_applied);
    }
}

#[tokio::test]
async fn what_answers_is_no_database() {
    let mut answers = vec![
        Vec::new(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        // Half of what a server says first, and packets that claim to be longer than anybody should believe.
        b"N".to_vec(),
        b"NR\0\0\0\x08".to_vec(),
        b"NR\x7f\xff\xff\xff\0\0\0\x03".to_vec(),
        b"\x4a\0\0\0\x0a5.5.5-10.11".to_vec(),
        b"\xff\xff\xff\0\x0a5.5.5".to_vec(),
        b"\x01\0\0\0\x0a".to_vec(),
        b"\x00\0\0\0".to_vec(),
    ];
    for seed in 1..60 {
        let length = usize::try_from(seed).unwrap() * 3;
        answers.push(noise(seed, length));
        // The same in the frames of either protocol.
        let mut framed = u32::try_from(length).unwrap().to_le_bytes().to_vec();
        framed.extend(noise(seed, length));
        answers.push(framed);
        let mut framed = vec![b'N', b'R', 0, 0, 0, u8::try_from(length % 250 + 4).unwrap()];
        framed.extend(noise(seed, length));
        answers.push(framed);
    }
    for answer in answers {
        let shown = format!("{answer:?}");
        let impostor = Impostor::start(answer).await;
        for scheme in SCHEMES {
            let case = on(&impostor.url(scheme), json!("DELETE FROM t"));
            let failure = run(&Sql::default(), &case).await.unwrap_err();
            is_told(&failure, impostor.address);
            assert!(!failure.message.contains('\0'), "{scheme}: {shown}: {failure:?}");
        }
    }
}

/// Lies between us and a server, and passes on only so many bytes of what the server says. Then it hangs up, or goes
/// on with noise.
struct Between {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Between {
    async fn start(port: u16, bytes: usize, noise: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    return;
                };
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (from_server, mut to_server) = server.into_split();
                let asks = tokio::spawn(async move {
                    let _asked = tokio::io::copy(&mut from_client, &mut to_server).await.is_ok();
                });
                let mut said = from_server.take(u64::try_from(bytes).unwrap());
                let _told = tokio::io::copy(&mut said, &mut to_client).await.is_ok();
                let _told = to_client.write_all(&noise).await.is_ok();
                let _ended = to_client.shutdown().await.is_ok();
                asks.abort();
            }
        });
        Self { address, task }
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Wherever the answer breaks off or turns into noise: what was asked is known to be unknown, and nothing panics.
async fn breaks_anywhere(scheme: &str, who: &str, port: u16, database: &str) {
    let direct = format!("{scheme}://{who}@127.0.0.1:{port}/{database}");
    let sql = Sql::default();
    run(&sql, &on(&direct, json!("CREATE TABLE t (a int)")))
        .await
        .unwrap();
    let mut has_ended_well = false;
    for bytes in (0..1500).step_by(31) {
        for noise in [Vec::new(), noise(7, 200)] {
            let between = Between::start(port, bytes, noise).await;
            let url = format!("{scheme}://{who}@{}/{database}", between.address);
            // A connection for each, and none that was kept.
            let case = on(&url, json!("INSERT INTO t VALUES (1), (2)"));
            match run(&Sql::default(), &case).await {
                Ok(output) => {
                    has_ended_well = true;
                    assert_eq!(output.value["rows_affected"], 2);
                }
                Err(failure) => {
                    let shown = format!("{failure:?}");
                    assert!(!shown.contains("hunter2"), "{shown}");
                }
            }
        }
    }
    assert!(has_ended_well, "what lies between breaks everything");
    run(&sql, &on(&direct, json!("SELECT count(*) FROM t")))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_answer_of_postgres_breaks_off() {
    let cluster = Cluster::start();
    breaks_anywhere("postgres", "runbook:hunter2-hunter2", cluster.port, "postgres").await;
}

#[tokio::test]
async fn an_answer_of_mariadb_breaks_off() {
    let server = Server::start();
    breaks_anywhere("mysql", "runbook:hunter2-hunter2", server.port(), "test").await;
}

/// More than expressions may see is told as cut, and was passed on whole.
#[tokio::test]
async fn a_result_is_huge() {
    let (cluster, server) = (Cluster::start(), Server::start());
    let many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000) SELECT x, 'abcdefghij' AS y FROM n";
    for (url, big) in [
        (cluster.url(), "SELECT repeat('x', 50000000) AS big"),
        (server.url("test"), "SELECT repeat('x', 15000000) AS big"),
        (
            "sqlite::memory:".to_owned(),
            "SELECT hex(zeroblob(25000000)) AS big",
        ),
    ] {
        let sql = Sql::default();
        if url.starts_with("mysql") {
            let deep = json!("SET max_recursive_iterations = 200000");
            run(&sql, &on(&url, deep)).await.unwrap();
        }
        let host = FakeHost::new().keep(1024);
        let output = run_with(&sql, &on(&url, json!(many)), &host).await.unwrap();
        assert_eq!(output.cut, ["rows"]);
        assert_eq!(output.value["rows_affected"], 100_000);
        assert_eq!(output.value["rows"].as_array().unwrap().len(), 10_000);
        assert_eq!(host.total(), 2_888_895, "{url}");
        // One value that is longer than all of it may be.
        let host = FakeHost::new().keep(1024);
        let output = run_with(&sql, &on(&url, json!(big)), &host).await.unwrap();
        assert_eq!(output.cut, ["rows"]);
        assert_eq!(output.value["rows"], json!([]));
        assert!(host.total() > 15_000_000, "{url}");
    }
}
