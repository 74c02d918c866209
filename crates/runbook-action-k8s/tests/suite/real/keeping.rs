//! What every action keeps to, with a cluster.

use runbook_action::{Connection, Param};
use runbook_testkit::contract::{Subject, Use, check, secret, written};
use serde_json::json;

use super::{Own, Stage};

/// One with a secret in its parameters.
fn telling(stage: &Stage) -> Use {
    let mut used = stage.used(&json!({"exec": "pod/a", "argv": ["sh", "-c", "cat >&2; exit 1"]}));
    if let Param::Map(map) = &mut used.params {
        map.insert("stdin".to_owned(), secret("token", "hunter2-hunter2"));
    }
    used
}

fn nowhere(stage: &Stage) -> Use {
    Use {
        connection: Some(Connection {
            name: "cluster".to_owned(),
            params: written(&json!({"k8s": {"kubeconfig": "/not/here"}})),
        }),
        ..stage.used(&json!({"delete": "pod/a"}))
    }
}

#[tokio::test]
async fn k8s_keeps_to_the_contract() {
    // The world is all that this cluster has, so nobody else uses it.
    let own = Own::start();
    let stage = Stage::of(own.config("admin")).await;
    stage.pod("a", "sleep 3600").await;
    stage.deployment("web", 1).await;
    let used = |params| stage.used(&params);
    let failing = vec![
        used(json!({"get": "pod/none"})),
        used(json!({"get": "unicorns"})),
        used(json!({"logs": "pod/a", "container": "none"})),
        used(json!({"logs": "pod/a", "since": "yesterday"})),
        used(json!({"wait": "pod/none", "for": {"condition": "Ready"}})),
        used(json!({"scale": "deployment/none", "replicas": 1})),
        used(json!({"scale": "configmap/none", "replicas": 1})),
        used(json!({"scale": "deployment/web", "replicas": 2, "current_replicas": 7})),
        used(json!({"set_image": "deployment/none", "image": "x"})),
        used(json!({"set_image": "deployment/web", "image": "x", "container": "none"})),
        used(json!({"set_env": "deployment/none", "env": {"A": "1"}})),
        used(json!({"set_resources": "deployment/none", "limits": {"cpu": "1"}})),
        used(
            json!({"patch": "deployment/web", "json": [{"op": "test", "path": "/spec/replicas", "value": 9}]}),
        ),
        used(json!({"restart": "deployment/none"})),
        used(json!({"undo": "deployment/web"})),
        used(json!({"undo": "deployment/web", "to_revision": 9})),
        used(json!({"delete": "pod/none"})),
        used(json!({"apply": "none.yaml"})),
        used(json!({"cordon": "none"})),
        used(json!({"uncordon": "none"})),
        used(json!({"exec": "pod/none", "argv": ["true"]})),
        used(json!({"exec": "pod/a", "argv": ["false"], "ok_exit_codes": [2]})),
        used(json!({"cp": "pod/a", "from": "none", "path": "/tmp/x"})),
        used(json!({"cp": "pod/a", "path": "relative", "to": "x"})),
        used(json!({"port_forward": "service/none", "port": 80})),
        telling(&stage),
        nowhere(&stage),
    ];
    check(&Subject {
        action: &stage.action,
        endless: used(json!({"exec": "pod/a", "argv": ["sh", "-c", "echo begun; sleep 1000"]})),
        begun: &|host| host.stdout() == b"begun\n",
        failing,
        world: &|| {
            let objects = own.cluster.objects();
            let kinds = ["pods", "deployments.apps", "configmaps"];
            let all = kinds.map(|kind| format!("{:?}", objects.list(kind, None)));
            all.join("\n")
        },
    })
    .await;
}
