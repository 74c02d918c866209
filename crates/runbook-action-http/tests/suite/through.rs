//! Servers that another place reaches: a scripted one, which alone knows their names, and a real SSH server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use runbook_action::{
    Call, Command, Endpoint, ErrorKind, Failure, Forward, Handle, Opening, Output, Process, Settled,
    Transport, TransportKind as _, async_trait,
};
use runbook_action_http::Promql;
use runbook_action_shell::{Environment, Ssh};
use runbook_testkit::authority::{Authority, Purpose};
use runbook_testkit::contract::{PATIENCE, Use, written};
use runbook_testkit::host::FakeHost;
use runbook_testkit::https;
use runbook_testkit::prometheus::{Options, Prometheus};
use runbook_testkit::sshd;
use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::server::{Server, answers, nobody, silent};
use crate::{connection, http, run, run_with};

/// A place that knows where `app.internal:80` is, and what was asked of it.
#[derive(Debug, Default)]
struct Inside {
    knows: HashMap<String, String>,
    asked: Mutex<Vec<String>>,
    open: Arc<Mutex<usize>>,
}

#[derive(Debug)]
struct Way {
    local: Endpoint,
    open: Arc<Mutex<usize>>,
}

impl Forward for Way {
    fn local(&self) -> &Endpoint {
        &self.local
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        *self.open.lock().unwrap() -= 1;
    }
}

#[async_trait]
impl Transport for Inside {
    fn place(&self) -> String {
        "`inside`".to_owned()
    }

    async fn spawn(&self, _command: &Command) -> Result<Box<dyn Process>, Failure> {
        unreachable!("nothing is run")
    }

    async fn forward(&self, to: &Endpoint) -> Result<Box<dyn Forward>, Failure> {
        self.asked.lock().unwrap().push(to.to_string());
        let Some(address) = self.knows.get(&to.to_string()) else {
            return Err(Failure::new(
                ErrorKind::Dns,
                format!("`{to}` is not known inside"),
            ));
        };
        let (host, port) = address.rsplit_once(':').unwrap();
        *self.open.lock().unwrap() += 1;
        Ok(Box::new(Way {
            local: Endpoint::Tcp {
                host: host.to_owned(),
                port: port.parse().unwrap(),
            },
            open: Arc::clone(&self.open),
        }))
    }

    async fn settle(&self, _call: Call<'_>, _handles: &[Handle]) -> Result<Settled, Failure> {
        Ok(Settled::Nothing)
    }
}

fn inside<const N: usize>(knows: [(&str, &str); N]) -> Arc<Inside> {
    let bare = |url: &str| url.rsplit('/').next().unwrap().to_owned();
    Arc::new(Inside {
        knows: knows
            .into_iter()
            .map(|(name, url)| (name.to_owned(), bare(url)))
            .collect(),
        ..Inside::default()
    })
}

fn used(mapping: &Value, params: &Value, place: Arc<dyn Transport>) -> Use {
    Use {
        params: written(params),
        connection: connection(written(mapping)),
        transport: Some(place),
        ..Use::default()
    }
}

async fn get(mapping: Value, params: Value, place: &Arc<Inside>) -> Result<Output, Failure> {
    run(&used(&mapping, &params, Arc::<Inside>::clone(place))).await
}

#[tokio::test]
async fn the_server_is_asked_as_if_it_was_near() {
    let server = Server::start().await;
    let place = inside([("app.internal:80", &server.base)]);
    for _ in 0..2 {
        let output = get(
            json!({"http": "http://app.internal/api"}),
            json!({"get": "/x", "query": {"q": 1}}),
            &place,
        )
        .await
        .unwrap();
        assert_eq!(output.value["body"]["uri"], "/api/x?q=1");
        assert_eq!(output.value["body"]["headers"]["host"], "app.internal");
    }
    assert_eq!(*place.asked.lock().unwrap(), ["app.internal:80"; 2]);
    assert_eq!(*place.open.lock().unwrap(), 0, "no way is left open");
}

#[tokio::test]
async fn large_bodies_come_and_go_whole() {
    let server = Server::start().await;
    let place = inside([("app.internal:8000", &server.base)]);
    let mapping = json!({"http": "http://app.internal:8000"});
    let body = "x".repeat(500_003);
    let sent = get(
        mapping.clone(),
        json!({"post": "/status/200", "body": body}),
        &place,
    )
    .await
    .unwrap();
    assert_eq!(
        sent.value["text"].as_str().unwrap().len(),
        "said ".len() + body.len()
    );
    let host = FakeHost::new();
    let case = used(
        &mapping,
        &json!({"get": "/size/3000000"}),
        Arc::<Inside>::clone(&place),
    );
    let output = run_with(&case, &host).await.unwrap();
    assert_eq!(output.cut, ["text", "body"]);
    assert_eq!(host.total(), 3_000_000);
}

#[tokio::test]
async fn each_origin_has_a_way_of_its_own() {
    let (first, second) = (Server::start().await, Server::start().await);
    let place = inside([("a.internal:80", &first.base), ("b.internal:81", &second.base)]);
    let mapping = json!({"http": "http://a.internal", "headers": {"x-key": "abc"}});
    let told = get(
        mapping.clone(),
        json!({"get": "/to/302?http://b.internal:81/to/302?http://a.internal/end", "redirects": "any"}),
        &place,
    )
    .await
    .unwrap();
    assert_eq!(told.value["body"]["uri"], "/end");
    assert_eq!(*place.asked.lock().unwrap(), ["a.internal:80", "b.internal:81"]);
    assert_eq!(second.seen()[0]["headers"]["host"], "b.internal:81");
    assert_eq!(second.seen()[0]["headers"].get("x-key"), None);
    // What is known near here only is not asked near here.
    let stray = format!("/to/302?{}/end", second.base);
    let failure = get(mapping, json!({"get": stray, "redirects": "any"}), &place)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Dns, "{failure}");
    assert_eq!(second.seen().len(), 1);
}

#[tokio::test]
async fn the_certificate_is_that_of_the_name_over_there() {
    let directory = tempfile::TempDir::new().unwrap();
    let authority = Authority::new();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let server = https::Server::start(&authority.sign(&["app.internal"], Purpose::Server), None).await;
    let near = server.url("127.0.0.1");
    let place = inside([("app.internal:443", &near), ("10.0.0.7:8443", &near)]);

    let tls = json!({"ca": ca});
    let mapping = json!({"http": "https://app.internal", "tls": tls});
    let told = get(mapping, json!({"post": "/x", "body": "b"}), &place)
        .await
        .unwrap();
    assert_eq!(told.value["body"]["server_name"], "app.internal");
    assert_eq!(told.value["body"]["headers"]["host"], "app.internal");

    let mapping = json!({"http": "https://10.0.0.7:8443", "tls": tls});
    let failure = get(mapping, json!({"post": "/x"}), &place).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
    assert!(!failure.may_have_applied);
    assert!(failure.help.clone().unwrap().contains("tls.server_name"));
    assert!(
        failure.message.contains("`10.0.0.7:8443` through `inside`"),
        "{failure}"
    );

    let tls = json!({"ca": ca, "server_name": "app.internal"});
    let mapping = json!({"http": "https://10.0.0.7:8443", "tls": tls});
    let told = get(mapping, json!({"get": "/x"}), &place).await.unwrap();
    assert_eq!(told.value["body"]["server_name"], "app.internal");
    assert_eq!(told.value["body"]["headers"]["host"], "10.0.0.7:8443");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn what_breaks_off_may_have_been_applied_and_what_never_got_there_was_not() {
    let (broken, gone) = (answers(b"").await, nobody().await);
    let place = inside([("broken.internal:80", &broken), ("gone.internal:80", &gone)]);
    let params = json!({"post": "/x", "body": "b"});
    let failure = get(json!({"http": "http://broken.internal"}), params.clone(), &place)
        .await
        .unwrap_err();
    assert!(failure.may_have_applied, "{failure:?}");
    let failure = get(json!({"http": "http://gone.internal"}), params.clone(), &place)
        .await
        .unwrap_err();
    assert!(!failure.may_have_applied, "{failure:?}");
    let failure = get(json!({"http": "http://none.internal"}), params, &place)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Dns);
    assert!(!failure.may_have_applied, "{failure:?}");
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for_and_a_request_can_be_stopped() {
    let (url, asked) = silent().await;
    let place = inside([("app.internal:80", &url)]);
    let mapping = json!({"http": "http://app.internal", "timeout": "50ms"});
    let failure = get(mapping, json!({"post": "/x"}), &place).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout);
    assert!(failure.may_have_applied);

    let case = used(
        &json!({"http": "http://app.internal"}),
        &json!({"post": "/x"}),
        Arc::<Inside>::clone(&place),
    );
    let (http, host) = (http(), FakeHost::new());
    let before = *asked.lock().unwrap();
    let stop = async {
        while *asked.lock().unwrap() == before {
            tokio::task::yield_now().await;
        }
        host.cancel();
    };
    let (answer, ()) = tokio::time::timeout(PATIENCE, async { tokio::join!(case.run(&http, &host), stop) })
        .await
        .expect("it hangs");
    assert_eq!(answer.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(*place.open.lock().unwrap(), 0, "no way is left open");
}

#[tokio::test]
async fn a_proxy_is_one_that_the_place_reaches() {
    let proxy = Proxy::start().await;
    let place = inside([("proxy.internal:3128", &proxy.address)]);
    let mapping = json!({"http": "http://app.invalid/api", "proxy": "http://u:p@proxy.internal:3128"});
    let output = get(mapping, json!({"get": "/x"}), &place).await.unwrap();
    assert_eq!(output.value["body"], "proxy");
    assert!(
        proxy.heads()[0].starts_with("GET http://app.invalid/api/x HTTP/1.1\r\n"),
        "{:?}",
        proxy.heads()
    );
    assert!(
        proxy.heads()[0]
            .to_ascii_lowercase()
            .contains("proxy-authorization: basic")
    );

    let mapping = json!({"http": "http://app.invalid", "proxy": "https://proxy.internal"});
    let failure = get(mapping, json!({"get": "/x"}), &place).await.unwrap_err();
    assert!(
        failure.message.contains("`proxy.internal:443` speaks TLS"),
        "{failure}"
    );
}

/// A real way: an SSH server, and the client that this machine has.
struct Real {
    server: sshd::Server,
    root: tempfile::TempDir,
}

impl Real {
    fn start() -> Self {
        Self {
            server: sshd::Server::start(),
            root: tempfile::TempDir::new().unwrap(),
        }
    }

    async fn open(&self) -> Arc<dyn Transport> {
        let ssh = Ssh::new(Environment {
            vars: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
            root: self.root.path().to_owned(),
        });
        let connection = connection(written(&json!({"ssh": "box", "config": self.server.config()})));
        let opening = Opening {
            kind: "ssh",
            connection: connection.as_ref().unwrap(),
            via: None,
            behind: None,
            through: None,
        };
        ssh.open(opening).await.unwrap()
    }
}

#[tokio::test]
async fn an_encrypted_server_is_reached_through_ssh() {
    let real = Real::start();
    let authority = Authority::new();
    let ca = real.root.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let server = https::Server::start(&authority.sign(&["localhost"], Purpose::Server), None).await;
    let place = real.open().await;
    let mapping = json!({"http": server.url("localhost"), "tls": {"ca": ca}});
    for _ in 0..3 {
        let case = used(&mapping, &json!({"get": "/x"}), Arc::clone(&place));
        let told = run(&case).await.unwrap().value["body"].clone();
        assert_eq!(told["server_name"], "localhost");
        assert_eq!(told["headers"]["host"], format!("localhost:{}", server.port()));
    }
    let wrong = json!({"http": server.url("127.0.0.1"), "tls": {"ca": ca}});
    let failure = run(&used(&wrong, &json!({"get": "/x"}), Arc::clone(&place)))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
    // When the connection is broken off, the next request makes a new one.
    real.server.break_connections().unwrap();
    let again = async {
        while run(&used(&mapping, &json!({"get": "/x"}), Arc::clone(&place)))
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again)
        .await
        .expect("it stays broken");
    place.close().await;
}

#[tokio::test]
async fn why_nothing_is_reached_through_ssh_is_told() {
    let real = Real::start();
    let place = real.open().await;
    let gone = nobody().await;
    let address = gone.trim_start_matches("http://");
    let post = json!({"post": "/x", "body": "b"});
    let failure = run(&used(&json!({"http": gone}), &post, Arc::clone(&place)))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused, "{failure}");
    assert_eq!(
        failure.message,
        format!("`POST /x`: `{address}`, as seen from `box`, refuses connections")
    );
    assert!(!failure.may_have_applied);

    let nowhere = json!({"http": "http://no-such-host.invalid"});
    let failure = run(&used(&nowhere, &post, Arc::clone(&place))).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Dns, "{failure}");
    assert!(!failure.may_have_applied);

    // What others came to is not this one's reason.
    let broken = answers(b"").await;
    let failure = run(&used(&json!({"http": broken}), &post, Arc::clone(&place)))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Protocol, "{failure}");
    assert!(failure.may_have_applied);

    // Nor is it certain while others are on their way too.
    let (url, _asked) = silent().await;
    let hanging = used(&json!({"http": url}), &post, Arc::clone(&place));
    let (http, host) = (http(), FakeHost::new());
    let mut hangs = Box::pin(hanging.run(&http, &host));
    let ask = used(&json!({"http": gone}), &post, Arc::clone(&place));
    let failure = async {
        loop {
            let failure = run(&ask).await.unwrap_err();
            if failure.may_have_applied {
                return failure;
            }
        }
    };
    let failure = tokio::select! {
        _ = &mut hangs => panic!("it does not hang"),
        failure = failure => failure,
    };
    assert_eq!(failure.kind, ErrorKind::Refused, "{failure}");
    drop(hangs);
    place.close().await;
}

#[tokio::test]
async fn prometheus_is_asked_through_ssh() {
    let real = Real::start();
    let place = real.open().await;
    let prometheus = Prometheus::start(&Options::default());
    let promql = Promql::new(std::env::temp_dir());
    let ask = async |query: &str, url: String| {
        let case = used(&json!({"prometheus": url}), &json!(query), Arc::clone(&place));
        tokio::time::timeout(PATIENCE, case.run(&promql, &FakeHost::new()))
            .await
            .expect("it hangs")
    };
    let told = ask("vector(42)", prometheus.url("http", "localhost"))
        .await
        .unwrap();
    assert_eq!(told.value["value"], 42.0);
    let failure = ask("rate(up)", prometheus.url("http", "localhost"))
        .await
        .unwrap_err();
    assert!(
        failure.message.starts_with("Prometheus refused the query"),
        "{failure}"
    );
    let failure = ask("vector(1)", nobody().await).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused, "{failure}");
    place.close().await;
}
