//! What a deployment on Kubernetes is made from is changed, and proved.

use serde_json::json;

use crate::harness::cluster::Site;

const BACK: &str = "recovery/k8s-rollback.yaml";
const RESOURCES: &str = "scaling/k8s-resources.yaml";

fn version(site: &Site) -> String {
    let (code, body) = site.ask("GET", "/health", "").unwrap();
    assert_eq!(code, 200, "{body}");
    let health: serde_json::Value = serde_json::from_str(&body).unwrap();
    health["version"].as_str().unwrap().to_owned()
}

#[test]
fn a_deployment_goes_back_to_a_revision_unless_that_is_not_fit() {
    let site = Site::start();
    let _set = site.kubectl(&["set", "image", "deployment/mcp-server", "mcp-server=mcp-server:2"]);
    site.until_ready("mcp-server", 2);
    assert_eq!(version(&site), "2");

    let (ended, _) = site.exec(BACK, &["revision=7"], "failed");
    ended.expect(4).says(&["has the revisions 1, 2, and not 7"]);
    let (ended, _) = site.exec(BACK, &["revision=2"], "failed");
    ended.expect(4).says(&["Revision 2 is the one that runs"]);

    // The smoke tests say no, so it is rolled forward again.
    let (ended, _) = site.exec(BACK, &["revision=1", r#"smoke_tests=["false"]"#], "rolled_back");
    ended.expect(5);
    assert_eq!(version(&site), "2");

    // Its number is another one by now.
    let fit = format!(
        r#"smoke_tests=["curl","-sf","{}/tools/list_releases"]"#,
        site.url()
    );
    let first = site.revision_of("mcp-server:1");
    let (_, run) = site.exec(BACK, &[&format!("revision={first}"), &fit], "resolved");
    assert_eq!(version(&site), "1");
    assert!(run.steps("step_done").contains(&"tried".to_owned()));

    // An image that is gone cannot be gone to, and nobody notices that it was tried.
    site.images.withdraw("mcp-server:2");
    let pods = site.pod_names();
    let second = site.revision_of("mcp-server:2");
    let (ended, _) = site.exec(BACK, &[&format!("revision={second}")], "rolled_back");
    ended.expect(5).says(&["ImagePull"]);
    assert_eq!(site.container()["image"], "mcp-server:1");
    assert_eq!(site.pod_names(), pods);
}

#[test]
fn containers_get_other_limits_or_keep_those_that_they_have() {
    let site = Site::start();
    let given = [
        "memory_request=32Mi",
        "memory_limit=300Mi",
        "cpu_request=50m",
        "cpu_limit=1",
    ];
    site.exec(RESOURCES, &given, "resolved");
    let limited = json!({
        "requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": "1", "memory": "300Mi"},
    });
    assert_eq!(site.container()["resources"], limited);

    let (ended, _) = site.exec(RESOURCES, &["memory_limit=512Mi"], "failed");
    ended
        .expect(4)
        .says(&["1Gi cannot be promised where 512Mi is the limit"]);

    // Under that the program cannot even start, and none of the pods that run is given up for it.
    let pods = site.pod_names();
    let little = [
        "memory_request=2Mi",
        "memory_limit=4Mi",
        "cpu_request=50m",
        "cpu_limit=1",
    ];
    let (ended, _) = site.exec(RESOURCES, &little, "rolled_back");
    ended
        .expect(5)
        .says(&["CrashLoopBackOff", "it ended as OOMKilled"]);
    assert_eq!(site.container()["resources"], limited);
    assert_eq!(site.pod_names(), pods, "those that ran run on");
}
