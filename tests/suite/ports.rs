//! A server in a pod, which a runbook reaches through a forwarded port: it is probed, asked, and missed.

use runbook_cluster::Cluster;
use runbook_cluster::kubelet::{Kubelet, Settings};
use serde_json::json;

use crate::harness::{Project, until};

const SERVER: &str =
    "mkdir /tmp/w; echo '{\"state\": \"fine\"}' >/tmp/w/health; exec httpd -f -p 7000 -h /tmp/w";

const RUNBOOK: &str = "connections:
  cluster: {k8s: {kubeconfig: config, namespace: default}}
  hub: {pod: {selector: {app: hub}}, via: cluster}
  api: {http: \"http://hub.example.org:7000\", via: hub}
detect:
  - {http: {get: /health}, expect: body.state == \"fine\"}
steps:
  - {id: asked, http: {get: /health}, verify: [{http: {get: /health}, expect: body.state == \"fine\"}]}
";

#[test]
fn a_server_in_a_pod_is_probed_and_asked() {
    let cluster = Cluster::start().unwrap();
    let kubelet = Kubelet::start(&cluster, &Settings::default()).unwrap();
    let pod = json!({
        "metadata": {"name": "hub", "namespace": "default", "labels": {"app": "hub"}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
            "name": "main", "image": "busybox:1.36", "command": ["sh", "-c", SERVER],
            "readinessProbe": {"tcpSocket": {"port": 7000}, "periodSeconds": 1},
        }]},
    });
    cluster.objects().create("pods", &pod).unwrap();
    until("the pod is ready", || {
        let pod = cluster
            .objects()
            .list("pods", Some("default"))
            .into_iter()
            .next()?;
        let conditions = pod["status"]["conditions"].as_array()?;
        let is_ready = conditions
            .iter()
            .any(|one| one["type"] == "Ready" && one["status"] == "True");
        is_ready.then_some(())
    });
    let project = Project::runbook(RUNBOOK).with("config", &cluster.kubeconfig("admin"));
    let probed = project
        .run(&["plan", "runbook.yaml", "--probe", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(probed["needed"], true, "{probed:#}");
    project
        .run(&["exec", "runbook.yaml"])
        .expect(0)
        .says(&["resolved"]);
    // Who may not forward ports is told which right is missing.
    let project = project.with("config", &cluster.kubeconfig("nobody"));
    let probed = project.run(&["plan", "runbook.yaml", "--probe"]).expect(1);
    probed.says(&["`nobody` may not `list` on `pods` in the namespace `default`"]);
    drop(kubelet);
}
