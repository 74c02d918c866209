//! A run in a pod: the cluster is the pod's own, reached as the pod's service account.

use runbook_cluster::Cluster;
use runbook_cluster::kubelet::{HOST, Image, Kubelet, Settings};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::json;
use tempfile::TempDir;

use super::{Own, Stage, action, connection};

/// Where a pod finds who it is.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the pod of the next test runs.
#[tokio::test]
#[ignore = "runs in a pod, which the test below starts"]
#[expect(clippy::disallowed_methods, reason = "the pod says where its cluster is")]
async fn what_runs_in_the_pod() {
    let root = TempDir::new().unwrap();
    let vars = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KUBERNETES_"));
    let used = Use {
        params: written(&json!({"get": "configmap/own"})),
        connection: Some(connection(&json!({"in_cluster": true}))),
        ..Use::default()
    };
    let read = used
        .run(&action(root.path(), vars.collect()), &FakeHost::new())
        .await;
    let object = read.unwrap().value["object"].clone();
    // The next test reads it.
    assert_eq!(object["data"]["who"], "the namespace of the pod");
}

/// What the pod finds: who it is, what it may do, and the way to the cluster.
async fn furnish(own: &Own, stage: &Stage) {
    let namespace = &stage.namespace;
    let port: u16 = own.cluster.url().rsplit(':').next().unwrap().parse().unwrap();
    let user = format!("system:serviceaccount:{namespace}:runner");
    let role = "rbac.authorization.k8s.io/v1";
    stage
        .done(json!({"apply": [
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api", "namespace": namespace},
                "spec": {"ports": [{"port": 443, "targetPort": port}]}},
            {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "api"},
                "subsets": [{"addresses": [{"ip": HOST}], "ports": [{"port": port}]}]},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "account"}, "stringData": {
                "token": own.cluster.token(&user), "ca.crt": own.cluster.authority(), "namespace": namespace,
            }},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"},
                "data": {"who": "the namespace of the pod"}},
            {"apiVersion": role, "kind": "Role", "metadata": {"name": "runner"}, "rules": [
                {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["own"], "verbs": ["get"]},
            ]},
            {"apiVersion": role, "kind": "RoleBinding", "metadata": {"name": "runner"},
                "subjects": [{"kind": "ServiceAccount", "name": "runner", "namespace": namespace}],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "runner"}},
        ]}))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "the tests themselves run in the pod")]
async fn a_pod_knows_its_cluster_its_namespace_and_who_it_is() {
    let cluster = Cluster::start().unwrap();
    let settings = Settings::default();
    // The pod has the programs of this machine, and these tests.
    let programs = TempDir::with_prefix("runbook-").unwrap();
    let tests = std::env::current_exe().unwrap();
    let within = programs.path().join("tests-within");
    if std::fs::hard_link(&tests, &within).is_err() {
        std::fs::copy(&tests, &within).unwrap();
    }
    let image = Image::host().with_directory(programs.path());
    settings.images.register("within:1", image);
    let kubelet = Kubelet::start(&cluster, &settings).unwrap();
    let own = Own {
        cluster,
        kubelet: Some(kubelet),
        directory: TempDir::with_prefix("runbook-").unwrap(),
    };
    std::fs::write(own.config("admin"), own.cluster.kubeconfig("admin")).unwrap();
    let stage = Stage::of(own.config("admin")).await;
    furnish(&own, &stage).await;
    let service = stage.object("service/api").await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "runner"},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "volumes": [{"name": "account", "secret": {"secretName": "account"}}],
            "hostAliases": [{"ip": service["spec"]["clusterIP"], "hostnames": ["kubernetes"]}],
            "containers": [{
                "name": "main", "image": "within:1", "command": ["sleep", "3600"],
                "env": [
                    {"name": "KUBERNETES_SERVICE_HOST", "value": "kubernetes"},
                    {"name": "KUBERNETES_SERVICE_PORT", "value": "443"},
                ],
                "volumeMounts": [{"name": "account", "mountPath": ACCOUNT}],
            }],
        },
    });
    stage.done(json!({"apply": pod})).await;
    stage
        .done(json!({"wait": "pod/runner", "for": {"condition": "Ready"}}))
        .await;
    let argv = [
        "/tests-within",
        "--exact",
        "real::inside::what_runs_in_the_pod",
        "--ignored",
    ];
    let ran = stage.done(json!({"exec": "pod/runner", "argv": argv})).await;
    assert!(ran["stdout"].as_str().unwrap().contains("1 passed"), "{ran}");
}
