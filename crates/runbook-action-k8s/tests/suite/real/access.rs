//! How a cluster is reached.

use std::sync::Arc;

use runbook_action::{Connection, ErrorKind, Opening, Transport, TransportKind as _};
use runbook_action_k8s::{Environment, K8s};
use runbook_action_shell::Ssh;
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use runbook_testkit::sshd;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Own, Stage, action, connection, kubeconfig};

async fn run(root: &TempDir, vars: &[(&str, String)], k8s: Value) -> Result<Value, runbook_action::Failure> {
    let vars = vars
        .iter()
        .map(|(name, value)| ((*name).into(), value.into()))
        .collect();
    let used = Use {
        params: written(&json!({"get": "namespace/default"})),
        connection: Some(connection(&k8s)),
        ..Use::default()
    };
    let done = used.run(&action(root.path(), vars), &FakeHost::new()).await;
    done.map(|output| output.value["object"]["metadata"]["name"].clone())
}

#[tokio::test]
async fn the_kubeconfig_is_that_of_the_environment_or_of_the_connection() {
    let root = TempDir::new().unwrap();
    let config = kubeconfig().display().to_string();
    let named = run(&root, &[], json!({"kubeconfig": config})).await;
    assert_eq!(named.unwrap(), "default");
    // One that is not there is passed over, as kubectl does it.
    let several = format!("/nowhere/config:{config}");
    assert_eq!(
        run(&root, &[("KUBECONFIG", several)], json!({})).await.unwrap(),
        "default"
    );
    let nothing = run(&root, &[], json!({})).await.unwrap_err();
    assert_eq!(
        (nothing.kind, nothing.message.as_str()),
        (ErrorKind::NotFound, "there is no kubeconfig here")
    );
    let context = run(&root, &[("KUBECONFIG", config)], json!("nowhere"))
        .await
        .unwrap_err();
    assert!(
        context.message.contains("there is no context `nowhere`"),
        "{context}"
    );
    let outside = run(&root, &[], json!({"in_cluster": true})).await.unwrap_err();
    assert_eq!(outside.kind, ErrorKind::NotFound);
}

/// A pod finds in a folder who it is, and in its environment where the cluster is.
#[tokio::test]
async fn in_a_pod_the_cluster_is_its_own_and_it_is_its_service_account() {
    let own = Own::start();
    let root = TempDir::new().unwrap();
    let stage = Stage::of(own.user("admin")).await;
    let namespace = &stage.namespace;
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}, "data": {"a": "1"}});
    let group = "rbac.authorization.k8s.io";
    let role = json!({
        "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": {"name": "runner"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}],
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": {"name": "runner"},
        "subjects": [{"kind": "ServiceAccount", "name": "runner", "namespace": namespace}],
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "runner"},
    });
    stage.done(json!({"apply": [map, role, binding]})).await;
    let account = root.path().join("account");
    std::fs::create_dir(&account).unwrap();
    let token = own
        .cluster
        .token(&format!("system:serviceaccount:{namespace}:runner"));
    for (name, text) in [
        ("token", token.as_str()),
        ("ca.crt", own.cluster.authority()),
        ("namespace", namespace),
    ] {
        std::fs::write(account.join(name), text).unwrap();
    }
    let url = own.cluster.url();
    let (host, port) = url.trim_start_matches("https://").rsplit_once(':').unwrap();
    let around = Environment {
        vars: vec![
            ("KUBERNETES_SERVICE_HOST".into(), host.into()),
            ("KUBERNETES_SERVICE_PORT".into(), port.into()),
        ],
        root: root.path().to_owned(),
        account: Some(account),
    };
    let action = K8s::new(around, super::here(root.path(), Vec::new()));
    let run = async |params: Value| {
        let used = Use {
            params: written(&params),
            connection: Some(connection(&json!({"in_cluster": true}))),
            ..Use::default()
        };
        used.run(&action, &FakeHost::new()).await
    };
    let found = run(json!({"get": "configmap/own"})).await.unwrap();
    assert_eq!(found.value["object"]["metadata"]["namespace"], json!(namespace));
    let refused = run(json!({"get": "secret/own"})).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Forbidden);
    assert!(
        refused.message.contains("may not `get` on `secrets`"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_program_gives_credentials_and_what_it_prints_is_not_shown() {
    let own = Own::start();
    let root = TempDir::new().unwrap();
    let config = |script: &str| {
        let text = own.cluster.kubeconfig("admin");
        let mut config: Value = serde_yaml::from_str(&text).unwrap();
        config["users"][0]["user"] = json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script],
            "interactiveMode": "Never", "env": [{"name": "GIVEN", "value": "yes"}],
        }});
        let path = root.path().join("config");
        std::fs::write(&path, config.to_string()).unwrap();
        json!({"kubeconfig": path})
    };
    let token = own.cluster.token("admin");
    let fine = format!(
        r#"test "$GIVEN" = yes && echo '{{"kind":"ExecCredential","status":{{"token":"{token}"}}}}'"#
    );
    assert_eq!(run(&root, &[], config(&fine)).await.unwrap(), "default");
    let failure = run(
        &root,
        &[],
        config("echo secret-stuff; echo no session >&2; exit 1"),
    )
    .await
    .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Auth);
    assert_eq!(
        failure.message,
        "`sh`, which gives the credentials, exited with 1: no session"
    );
    let failure = run(&root, &[], config("echo secret-stuff")).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Protocol);
    assert!(!format!("{failure:?}").contains("secret-stuff"));
}

#[tokio::test]
async fn somebody_else_can_be_impersonated() {
    let stage = Stage::new().await;
    let k8s = json!({"kubeconfig": kubeconfig(), "namespace": stage.namespace, "as": "nobody", "as_groups": ["none"]});
    let used = Use {
        params: written(&json!({"scale": "deployment/web", "replicas": 1})),
        connection: Some(connection(&k8s)),
        ..Use::default()
    };
    let failure = used.run(&stage.action, &FakeHost::new()).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Forbidden, "{failure:?}");
    let expected = format!(
        "`nobody` may not `get` on `deployments.apps/scale` in the namespace `{}`",
        stage.namespace
    );
    assert_eq!(failure.message, expected);
    assert!(failure.help.unwrap().contains("`runbook plan --rbac`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_reached_by_way_of_another_machine() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let server = sshd::Server::start();
    let open = async || {
        let ssh = Ssh::new(runbook_action_shell::Environment {
            vars: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
            root: stage.root.path().to_owned(),
        });
        let hop = Connection {
            name: "hop".to_owned(),
            params: written(&json!({"ssh": "box", "config": server.config()})),
        };
        let opening = Opening {
            kind: "ssh",
            connection: &hop,
            via: None,
            behind: None,
            through: None,
        };
        ssh.open(opening).await
    };
    let used = |params: Value, way: &Arc<dyn Transport>| Use {
        transport: Some(Arc::clone(way)),
        ..stage.used(&params)
    };
    let way = open().await.unwrap();
    let host = FakeHost::new();
    let read = used(json!({"get": "pod/a"}), &way)
        .run(&stage.action, &host)
        .await
        .unwrap();
    assert_eq!(read.value["names"], json!(["a"]));
    // So are programs, whose output comes over a connection that stays open.
    let exec = used(json!({"exec": "pod/a", "argv": ["echo", "there"]}), &way);
    assert_eq!(
        exec.run(&stage.action, &host).await.unwrap().value["stdout"],
        "there"
    );
    way.close().await;
    // Without the key nobody gets through, so that was the way.
    server.is_known_by(Some("other")).unwrap();
    let failure = match open().await {
        Ok(way) => used(json!({"get": "pod/a"}), &way)
            .run(&stage.action, &host)
            .await
            .unwrap_err(),
        Err(failure) => failure,
    };
    assert!(failure.message.contains("host key"), "{failure:?}");
}
