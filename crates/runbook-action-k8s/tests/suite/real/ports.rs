//! Servers in pods, reached through forwarded ports.

use std::sync::Arc;

use runbook_action::{
    Action, Connection, Endpoint, ErrorKind, Failure, Opening, Transport, TransportKind as _,
};
use runbook_action_http::{Http, Promql};
use runbook_action_k8s::{Environment, Pods};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::{Stage, connection, container, deployment};

/// Says who was asked for, and which pod answers.
const SERVER: &str = r#"
mkdir -p /tmp/w/cgi-bin
printf '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"\necho "$HTTP_HOST at $(hostname)"\n' >/tmp/w/cgi-bin/who
chmod +x /tmp/w/cgi-bin/who
exec httpd -f -p 7000 -h /tmp/w
"#;

/// A place in pods, as this connection names them, through the cluster of this kubeconfig.
pub(super) async fn place(stage: &Stage, k8s: &Value, params: Value) -> Arc<dyn Transport> {
    let around = Environment {
        vars: Vec::new(),
        root: stage.root.path().to_owned(),
        account: None,
    };
    let here = runbook_action_shell::Environment {
        vars: Vec::new(),
        root: stage.root.path().to_owned(),
    };
    let pods = Pods::new(around, Arc::new(runbook_action_shell::Local::new(here)));
    let cluster = connection(k8s);
    let own = Connection {
        name: "inside".to_owned(),
        params: written(&params),
    };
    let opening = Opening {
        kind: "pod",
        connection: &own,
        via: Some(&cluster),
        behind: None,
        through: None,
    };
    pods.open(opening).await.unwrap()
}

/// The connection of the administrator.
fn admin(stage: &Stage) -> Value {
    json!({"kubeconfig": stage.config, "namespace": stage.namespace})
}

/// Asks a server by way of a place.
pub(super) async fn ask(
    action: &dyn Action,
    server: Value,
    place: &Arc<dyn Transport>,
    params: &Value,
) -> Result<Value, Failure> {
    let used = Use {
        params: written(params),
        connection: Some(Connection {
            name: "server".to_owned(),
            params: written(&server),
        }),
        transport: Some(Arc::clone(place)),
        ..Use::default()
    };
    used.run(action, &FakeHost::new())
        .await
        .map(|output| output.value)
}

/// A deployment whose pods answer at port 7000.
async fn hub(stage: &Stage, replicas: u32) {
    let mut hub = deployment("hub", replicas);
    let mut main = container(SERVER);
    main["readinessProbe"] = json!({"tcpSocket": {"port": 7000}, "periodSeconds": 1});
    hub["spec"]["template"]["spec"]["containers"] = json!([main]);
    stage.done(json!({"apply": hub})).await;
    stage.done(json!({"rollout_status": "deployment/hub"})).await;
}

/// The name of the pod that answers.
async fn who(http: &Http, place: &Arc<dyn Transport>) -> String {
    let server = json!({"http": "http://hub.example.org:7000"});
    let told = ask(http, server, place, &json!({"get": "/cgi-bin/who"}))
        .await
        .unwrap();
    let text = told["text"].as_str().unwrap().trim().to_owned();
    let (host, pod) = text.split_once(" at ").unwrap();
    assert_eq!(host, "hub.example.org:7000", "the host stays what the URL says");
    pod.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_a_pod_is_asked_and_when_the_pod_goes_another_one_is() {
    let stage = Stage::new().await;
    hub(&stage, 2).await;
    let http = Http::new(stage.root.path().to_owned());
    let place = place(&stage, &admin(&stage), json!({"deployment": "hub"})).await;
    let first = who(&http, &place).await;
    // A connection that is open ends with its pod, and the next one finds another pod by the same way.
    let to = Endpoint::Tcp {
        host: "localhost".to_owned(),
        port: 7000,
    };
    let way = place.forward(&to).await.unwrap();
    let Endpoint::Tcp { host, port } = way.local() else {
        panic!("a port is forwarded as a port");
    };
    let mut open = TcpStream::connect((host.as_str(), *port)).await.unwrap();
    stage.done(json!({"delete": format!("pod/{first}")})).await;
    let mut rest = Vec::new();
    let ended = open.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{ended:?}: {rest:?}");
    let second = who(&http, &place).await;
    assert_ne!(first, second);
    // By labels, and one pod by its name.
    let labelled = json!({"pod": {"selector": {"app": "hub"}}});
    let labelled = self::place(&stage, &admin(&stage), labelled).await;
    who(&http, &labelled).await;
    let named = self::place(&stage, &admin(&stage), json!({"pod": second})).await;
    assert_eq!(who(&http, &named).await, second);
    let promql = Promql::new(stage.root.path().to_owned());
    let asked = ask(
        &promql,
        json!({"prometheus": "http://x:7000"}),
        &named,
        &json!("up"),
    )
    .await;
    // It is no Prometheus, and says so itself.
    let failure = asked.unwrap_err();
    assert!(failure.message.contains("Prometheus answered"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_nothing_answers_in_a_pod_is_told() {
    let stage = Stage::new().await;
    hub(&stage, 1).await;
    let http = Http::new(stage.root.path().to_owned());
    let get = json!({"get": "/"});
    let place = place(&stage, &admin(&stage), json!({"deployment": "hub"})).await;
    let failure = ask(
        &http,
        json!({"http": "http://hub.example.org:7001"}),
        &place,
        &get,
    )
    .await
    .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused, "{failure:?}");
    assert!(
        failure
            .message
            .contains("nothing takes connections at port 7001 of pod `hub-"),
        "{failure:?}"
    );
    assert!(failure.help.unwrap().contains("`hub.example.org`"));
    let sql = Sql::new(stage.root.path().to_owned());
    let db = json!({"sql": "postgres://localhost:7001/app"});
    let failure = ask(&sql, db, &place, &json!("SELECT 1")).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused, "{failure:?}");
    stage
        .done(json!({"scale": "deployment/hub", "replicas": 0}))
        .await;
    stage
        .done(json!({"wait": "pods", "selector": {"app": "hub"}, "for": "deleted"}))
        .await;
    let failure = ask(&http, json!({"http": "http://hub:7000"}), &place, &get)
        .await
        .unwrap_err();
    assert!(
        failure.message.contains("deployment `hub` has no pods"),
        "{failure:?}"
    );
    let gone = self::place(&stage, &admin(&stage), json!({"pod": "none"})).await;
    let failure = ask(&http, json!({"http": "http://hub:7000"}), &gone, &get)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::NotFound, "{failure:?}");
    let nobody = json!({"kubeconfig": stage.config, "namespace": stage.namespace, "as": "nobody"});
    let nobody = self::place(&stage, &nobody, json!({"deployment": "hub"})).await;
    let failure = ask(&http, json!({"http": "http://hub:7000"}), &nobody, &get)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Forbidden, "{failure:?}");
}
