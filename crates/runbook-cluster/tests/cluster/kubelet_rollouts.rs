//! Controllers and nodes together: a rollout with pods that run.

use runbook_cluster::Fields as _;
use serde_json::json;

use crate::pods::{Pods, is_ready};

#[test]
fn a_rollout_to_an_image_that_does_not_exist_leaves_the_old_pods_serving_until_it_is_undone() {
    let pods = Pods::start();
    for version in ["1", "2"] {
        let script = format!("mkdir /www; echo {version} > /www/index.html; exec httpd -f -p 80 -h /www");
        pods.image(&format!("lab:{version}"), &script);
    }
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{
                    "name": "web", "image": "lab:1",
                    "readinessProbe": {"httpGet": {"port": 80, "path": "/"}, "periodSeconds": 1},
                }],
            }},
        },
    });
    pods.kubectl.fed("create -f -", &deployment.to_string());
    let status = || pods.kubectl.ok("rollout status deployment/web --timeout=30s");
    assert!(status().contains("successfully rolled out"));
    let serving = || {
        let all = pods.cluster.objects().list("pods", Some("default"));
        let ready = all.iter().filter(|pod| is_ready(pod) && !pod.is_deleting());
        let images = ready.map(|pod| pod.text("/spec/containers/0/image").to_owned());
        images.collect::<Vec<_>>()
    };
    assert_eq!(serving(), ["lab:1", "lab:1"]);
    pods.kubectl.ok("set image deployment/web web=lab:2");
    assert!(status().contains("successfully rolled out"));
    assert_eq!(serving(), ["lab:2", "lab:2"]);
    pods.kubectl.ok("set image deployment/web web=lab:3");
    let pod = pods
        .until_any(|pod| pod.text("/status/containerStatuses/0/state/waiting/reason") == "ImagePullBackOff");
    assert_eq!(pod.text("/spec/containers/0/image"), "lab:3");
    assert_eq!(serving(), ["lab:2", "lab:2"]);
    pods.kubectl.ok("rollout undo deployment/web");
    assert!(status().contains("successfully rolled out"));
    assert_eq!(serving(), ["lab:2", "lab:2"]);
    pods.kubectl
        .ok("delete deployment web --cascade=foreground --timeout=30s");
}
