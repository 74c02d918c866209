//! A service on Kubernetes does not respond, or its memory grows.

use serde_json::json;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::harness::cluster::Site;
use crate::harness::until;

const DOWN: &str = "incident/k8s-not-responding.yaml";
const LEAK: &str = "incident/k8s-memory-leak.yaml";

/// What the pods read when they start, in the place of what they read; then pods that have read it.
fn restarted_with(site: &Site, setting: &str, value: &str) {
    let data = json!({"data": {setting: value}}).to_string();
    let _patched = site.kubectl(&["patch", "configmap/mcp-config", "-p", &data]);
    let _deleted = site.kubectl(&["delete", "pods", "-l", "app=mcp-server", "--wait=false"]);
}

/// Waits until no pod is ready, and as many as there are to be wait for this reason.
fn until_pods_wait(site: &Site, reason: &str) {
    until("the pods fail", || {
        let pods = site.pods();
        let waits = |pod: &serde_json::Value| {
            let state = &pod["status"]["containerStatuses"][0]["state"];
            state["waiting"]["reason"] == reason
        };
        (pods.len() == 2 && pods.iter().all(|pod| waits(pod))).then_some(())
    });
}

fn is_ill(site: &Site) -> bool {
    site.object("deployments.apps", "mcp-server")["status"]["readyReplicas"].is_null()
}

fn until_it_is_ill(site: &Site) {
    until("no pod is ready", || is_ill(site).then_some(()));
}

#[test]
fn a_service_that_does_not_respond_gets_what_its_cause_calls_for() {
    let site = Site::start();
    site.exec(DOWN, &[], "not_needed");

    // The program has a state from which it does not come back by itself.
    let before = site.pod_names();
    site.order(&json!({"sick": true}));
    until_it_is_ill(&site);
    let (_, run) = site.exec(DOWN, &[], "resolved");
    assert!(run.steps("step_done").contains(&"restart".to_owned()));
    assert!(site.pod_names().iter().all(|pod| !before.contains(pod)));

    // Clients have left no session to the service.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let url = site.database_url("mcp_app");
    let mut held = Vec::new();
    until("no pod is ready", || {
        // Until then the pods themselves have some at times.
        if let Ok(session) = runtime.block_on(PgConnection::connect(&url)) {
            held.push(session);
        }
        is_ill(&site).then_some(())
    });
    let (_, run) = site.exec(DOWN, &["idle_for=0s"], "resolved");
    assert_eq!(
        run.steps("step_done")
            .iter()
            .filter(|step| *step == "end_idle")
            .count(),
        1
    );
    drop(held);
}

#[test]
fn pods_that_the_kernel_kills_get_more_memory() {
    let site = Site::start();
    restarted_with(&site, "BALLAST_MB", "230");
    until_pods_wait(&site, "CrashLoopBackOff");
    let (_, run) = site.exec(DOWN, &["memory=600Mi", "memory_request=64Mi"], "resolved");
    assert!(run.steps("step_done").contains(&"memory".to_owned()));
    assert_eq!(site.container()["resources"]["limits"]["memory"], "600Mi");
}

#[test]
fn pods_that_are_given_up_get_more_time_unless_their_configuration_is_wrong() {
    let site = Site::start();
    // Less time than they need.
    site.patch_container(&json!({"startupProbe": {"failureThreshold": 15}}));
    site.until_ready("mcp-server", 2);
    restarted_with(&site, "START_SECONDS", "4");
    until("a start was given up", || {
        let is_over = |pod: &serde_json::Value| {
            let container = &pod["status"]["containerStatuses"][0];
            container["restartCount"].as_u64() > Some(0)
        };
        site.pods().iter().any(|pod| is_over(pod)).then_some(())
    });
    let (_, run) = site.exec(DOWN, &["start_failures=400"], "resolved");
    assert!(run.steps("step_done").contains(&"slow_start".to_owned()));
    assert_eq!(site.container()["startupProbe"]["failureThreshold"], 400);

    // What only people can put right.
    restarted_with(&site, "LOG_LEVEL", "loud");
    until_pods_wait(&site, "CrashLoopBackOff");
    let (ended, run) = site.exec(DOWN, &[], "failed");
    ended
        .expect(4)
        .says(&["does not accept what it is configured with", "LOG_LEVEL"]);
    assert!(run.steps("step_failed").contains(&"misconfigured".to_owned()));
}

#[test]
fn a_service_without_its_database_is_left_to_people() {
    let site = Site::start();
    let _scaled = site.kubectl(&["scale", "statefulset/postgres", "--replicas=0"]);
    until_it_is_ill(&site);
    let (ended, run) = site.exec(DOWN, &[], "failed");
    ended.expect(4).says(&["asked from here, it does not"]);
    assert!(run.steps("step_failed").contains(&"no_database".to_owned()));
}

#[test]
fn pods_that_leak_are_replaced_and_what_they_held_is_kept() {
    let site = Site::start();
    let most = "memory=80Mi";
    let objects = r#"objects=["python","-c","import gc; print('objects:', len(gc.get_objects()))"]"#;
    let profile = r#"profile=["cat","/proc/1/smaps_rollup"]"#;
    site.exec(LEAK, &[most], "not_needed");
    let pods = site.pod_names();
    let (ill, well) = (&pods[0], &pods[1]);
    let _ordered = site.in_pod(
        ill,
        &[
            "curl",
            "-sf",
            "-d",
            r#"{"leak_mb": 45}"#,
            "http://localhost:8000/faults",
        ],
    );
    for _ in 0..2 {
        let _listed = site.in_pod(ill, &["curl", "-sf", "http://localhost:8000/tools/list_releases"]);
    }
    let (ended, run) = site.exec(LEAK, &[most, objects, profile], "resolved");
    assert_eq!(run.captured("usage"), json!({"names": [ill]}), "{}", ended.all());
    for step in ["held", "profile"] {
        assert!(
            run.steps("step_done").contains(&step.to_owned()),
            "{step}: {}",
            ended.all()
        );
    }
    let now = site.pod_names();
    assert!(now.contains(well) && !now.contains(ill), "{now:?}");
}
