//! Every verb with its effect, whether that is certain, and what it takes to undo it.

use runbook_action::schema::Shape;
use runbook_action::{Effect, Kind, Undoing};
use runbook_action_k8s::Language;
use serde_json::{Value, json};

use crate::recognise;

use Effect::{Change, Destructive, Read};
use Undoing::{Automatic, ByAuthor, Needless};

/// A use of each verb, or several where the effect depends on more than the verb.
pub(crate) fn table() -> Vec<(Value, Effect, bool, Undoing)> {
    let mut table = reading();
    table.extend(changing());
    table.extend(destroying());
    table
}

fn reading() -> Vec<(Value, Effect, bool, Undoing)> {
    [
        json!({"get": "pod/web-0"}),
        json!({"get": "pods", "selector": "app=web,tier!=cache", "namespace": "mcp"}),
        json!({"get": "certificates.cert-manager.io", "all_namespaces": true, "limit": 50}),
        json!({"get": "hpa/mcp-hpa", "missing_ok": true}),
        json!({"list": "pods", "field_selector": "status.phase!=Running", "all_namespaces": true}),
        json!({"list": "Deployment", "selector": {"app": "web"}}),
        json!({"wait": "pod/web-0", "for": "deleted"}),
        json!({"wait": "pods", "selector": {"app": "web"}, "for": {"condition": "Ready", "status": "False"}}),
        json!({"wait": "pvc/data", "for": {"field": "status.phase", "equals": "Bound"}}),
        json!({"wait": "nodes", "all": true, "for": {"condition": "Ready"}}),
        json!({"events": "all", "type": "Warning", "since": "10m"}),
        json!({"events": "pod/web-0"}),
        json!({"logs": "deployment/mcp-server", "tail": 100}),
        json!({"logs": "pods", "selector": "app=web", "since": "24h", "all_containers": true}),
        json!({"logs": "pod/web-0", "previous": true, "container": "app", "timestamps": true}),
        json!({"top": "pods", "selector": "app=web", "containers": true}),
        json!({"top": "nodes"}),
        json!({"rollout_status": "deployment/web"}),
        json!({"rollout_history": "statefulset/db", "revision": 3}),
        json!({"port_forward": "service/web", "port": 8080, "local_port": 18080}),
    ]
    .map(|params| (params, Read, true, Needless))
    .to_vec()
}

fn changing() -> Vec<(Value, Effect, bool, Undoing)> {
    let certain = [
        (json!({"scale": "deployment/web", "replicas": 3}), Automatic),
        (
            json!({"scale": "statefulset/db", "replicas": 0, "current_replicas": 3}),
            Automatic,
        ),
        (json!({"restart": "deployment/web"}), Needless),
        (
            json!({"restart": "deployments", "selector": {"tier": "front"}}),
            Needless,
        ),
        (json!({"undo": "deployment/web"}), ByAuthor),
        (json!({"undo": "deployment/web", "to_revision": 4}), ByAuthor),
        (
            json!({"set_image": "deployment/web", "container": "app", "image": "web:2.0"}),
            Automatic,
        ),
        (
            json!({"set_env": "deployment/web", "env": {"LOG": "debug"}}),
            Automatic,
        ),
        (
            json!({"set_env": "deployment/web", "unset": ["LOG"], "container": "app"}),
            Automatic,
        ),
        (
            json!({"set_resources": "deployment/web", "requests": {"cpu": "250m"}, "limits": {"memory": "1Gi"}}),
            Automatic,
        ),
        (
            json!({"patch": "hpa/mcp-hpa", "merge": {"spec": {"maxReplicas": 20}}}),
            Automatic,
        ),
        (
            json!({"patch": "deployment/web", "json": [{"op": "replace", "path": "/spec/paused", "value": true}]}),
            Automatic,
        ),
        (
            json!({"patch": "deployment/web", "strategic": {"spec": {}}}),
            Automatic,
        ),
        (
            json!({"apply": "deploy/ingress.yaml", "force_conflicts": true}),
            Automatic,
        ),
        (
            json!({"apply": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {}}}),
            Automatic,
        ),
        (json!({"cordon": "node-1"}), Automatic),
        (json!({"uncordon": "node/node-1"}), Automatic),
        (
            json!({"cp": "pod/redis-0", "from": "dump.rdb", "path": "/data/dump.rdb"}),
            ByAuthor,
        ),
    ];
    let uncertain = [
        json!({"exec": "pod/postgres-0", "argv": ["pg_isready"]}),
        json!({"exec": "deployment/web", "argv": ["sh"], "stdin": "ls", "container": "app", "ok_exit_codes": [0, 1]}),
        json!({"cp": "pod/redis-0", "path": "/data/dump.rdb", "to": "backups/redis.rdb"}),
    ];
    let certain = certain.map(|(params, undoing)| (params, Change, true, undoing));
    let uncertain = uncertain.map(|params| (params, Change, false, ByAuthor));
    certain.into_iter().chain(uncertain).collect()
}

fn destroying() -> Vec<(Value, Effect, bool, Undoing)> {
    [
        (json!({"delete": "pod/web-0", "grace": "0s"}), Automatic),
        (json!({"delete": "pods", "selector": "app=mcp-server"}), Automatic),
        (json!({"delete": "Ingress/maintenance", "missing_ok": true}), Automatic),
        (json!({"delete": "deployments.apps/web", "cascade": "foreground"}), Automatic),
        (json!({"delete": "hpa/web"}), Automatic),
        // What is gone with these is more than the object.
        (json!({"delete": "namespace/mcp"}), ByAuthor),
        (json!({"delete": "pvc/data-postgres-0"}), ByAuthor),
        (json!({"delete": "persistentvolumes", "all": true}), ByAuthor),
        (json!({"delete": "job/migrate"}), ByAuthor),
        (json!({"delete": "customresourcedefinition/x.example.com"}), ByAuthor),
        (json!({"delete": "node/node-1"}), ByAuthor),
        // What a controller of somebody else does when its object goes, nobody here knows.
        (json!({"delete": "services.serving.knative.dev/web"}), ByAuthor),
        (json!({"delete": "postgresqls.acid.zalan.do/main"}), ByAuthor),
        (json!({"delete": {"file": "deploy/ingress.yaml"}}), ByAuthor),
        (json!({"drain": "node-1"}), ByAuthor),
        (
            json!({"drain": "node-1", "delete_emptydir": true, "force": true, "grace": "30s", "pod_selector": {"app": "web"}}),
            ByAuthor,
        ),
    ]
    .map(|(params, undoing)| (params, Destructive, true, undoing))
    .to_vec()
}

#[test]
fn every_use_has_its_effect() {
    for (params, effect, certain, undoing) in table() {
        let known = recognise(&params).unwrap_or_else(|failure| panic!("{params}: {failure}"));
        assert_eq!(
            (known.effect, known.certain, known.undoing),
            (effect, certain, undoing),
            "{params}"
        );
    }
}

/// The keys that take an object are the verbs, and stand first.
#[test]
fn every_verb_is_in_the_table() {
    let Shape::Object(object) = Language.spec().params else {
        panic!("not a mapping")
    };
    let used: Vec<Value> = table().into_iter().map(|row| row.0).collect();
    let verbs = object.fields.iter().take_while(|field| field.key != "namespace");
    let mut count = 0;
    for verb in verbs {
        count += 1;
        assert!(
            used.iter().any(|params| params.get(verb.key).is_some()),
            "no test uses `{}`",
            verb.key
        );
    }
    assert_eq!(count, 23, "a verb was added or is gone");
}

#[test]
fn every_parameter_belongs_to_some_verb() {
    let Shape::Object(object) = Language.spec().params else {
        panic!("not a mapping")
    };
    let used: Vec<Value> = table().into_iter().map(|row| row.0).collect();
    for field in object.fields {
        assert!(
            used.iter().any(|params| params.get(field.key).is_some()),
            "no test uses `{}`",
            field.key
        );
    }
}

#[test]
fn a_summary_reads_like_the_command() {
    for (params, summary) in [
        (
            json!({"scale": "deployment/web", "replicas": 3}),
            "scale deployment/web (replicas: 3)",
        ),
        (
            json!({"get": "pods", "selector": {"app": "web"}}),
            r#"get pods (selector: {"app":"web"})"#,
        ),
        (json!({"drain": "node-1"}), "drain node-1"),
        (
            json!({"apply": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}]}),
            "apply configmap/a",
        ),
        (json!({"delete": {"file": "x.yaml"}}), "delete x.yaml"),
    ] {
        assert_eq!(recognise(&params).unwrap().summary, summary);
    }
}
