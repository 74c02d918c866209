//! What happens by time and by use: cron jobs, autoscalers, `kubectl top`.

use std::time::Duration;

use runbook_cluster::Cluster;
use serde_json::json;

use crate::kubectl::Kubectl;
use crate::nodes;
use crate::rollouts::workload;

/// More than a year, and less than two.
const YEAR: Duration = Duration::from_hours(366 * 24);

#[test]
fn a_cron_job_fires_when_it_is_time_and_keeps_as_much_as_it_says() {
    let cluster = Cluster::start().unwrap();
    nodes::run(&cluster);
    let kubectl = Kubectl::new(&cluster, "admin");
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "backup"},
        "spec": {
            "schedule": "30 4 1 1 *", "successfulJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {"labels": {"app": "backup"}}, "spec": {"template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "main", "image": "backup:1"}],
            }}}},
        },
    });
    kubectl.fed("create -f -", &cron.to_string());
    assert_eq!(kubectl.ok("get jobs -o name"), "");
    cluster.advance(YEAR);
    kubectl.ok("wait --for=jsonpath={.status.lastSuccessfulTime} cronjob/backup --timeout=30s");
    let first = kubectl.json("get jobs -l app=backup");
    let job = &first["items"][0]["metadata"];
    assert_eq!(first["items"].as_array().unwrap().len(), 1);
    assert!(job["name"].as_str().unwrap().starts_with("backup-"));
    assert_eq!(job["ownerReferences"][0]["kind"], "CronJob");
    let scheduled = job["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
        .as_str()
        .unwrap();
    assert!(scheduled.ends_with("-01-01T04:30:00Z"), "{scheduled}");
    assert_eq!(
        kubectl.json("get cronjob backup")["status"]["lastScheduleTime"],
        scheduled
    );
    // The next one takes the place of the first.
    cluster.advance(YEAR);
    kubectl.ok(&format!(
        "wait --for=delete job/{} --timeout=30s",
        job["name"].as_str().unwrap()
    ));
    assert_eq!(kubectl.ok("get jobs -l app=backup -o name").lines().count(), 1);
    let pause = r#"{"spec":{"suspend":true}}"#;
    kubectl.run_words(&["patch", "cronjob", "backup", "--type=merge", "-p", pause], "");
    let before = kubectl.json("get cronjob backup")["status"]["lastScheduleTime"].clone();
    cluster.advance(YEAR);
    kubectl.makes("create job by-hand --from=cronjob/backup");
    kubectl.ok("wait --for=condition=Complete job/by-hand --timeout=30s");
    assert_eq!(
        kubectl.json("get cronjob backup")["status"]["lastScheduleTime"],
        before
    );
}

#[test]
fn an_autoscaler_follows_the_use_within_its_bounds_and_is_slow_to_give_up() {
    let cluster = Cluster::start().unwrap();
    nodes::run(&cluster);
    let kubectl = Kubectl::new(&cluster, "admin");
    let mut web = workload("Deployment", "web", 1);
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m"}});
    kubectl.fed("create -f -", &web.to_string());
    kubectl.ok("rollout status deployment/web --timeout=30s");
    let scaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
        },
    });
    kubectl.fed("create -f -", &scaler.to_string());
    kubectl.ok("wait --for=condition=ScalingActive=false hpa/web --timeout=30s");
    cluster.set_usage("default", "web-", 100, 64 << 20);
    kubectl.ok("wait --for=jsonpath={.spec.replicas}=3 deployment/web --timeout=30s");
    kubectl.ok("rollout status deployment/web --timeout=30s");
    kubectl.ok("wait --for=condition=ScalingActive hpa/web --timeout=30s");
    let top = kubectl.ok("top pods --no-headers");
    assert_eq!(top.lines().count(), 3, "{top}");
    assert!(
        top.lines()
            .all(|line| line.contains("100m") && line.contains("64Mi")),
        "{top}"
    );
    assert!(kubectl.ok("top pod -l app=web --containers").contains("main"));
    cluster.set_usage("default", "web-", 5, 1 << 20);
    kubectl.ok("wait --for=jsonpath={.status.currentMetrics[0].resource.current.averageUtilization}=5 hpa/web --timeout=30s");
    assert_eq!(kubectl.json("get deployment web")["spec"]["replicas"], 3);
    cluster.advance(Duration::from_secs(301));
    kubectl.ok("wait --for=jsonpath={.spec.replicas}=1 deployment/web --timeout=30s");
    let events =
        kubectl.ok("get events --field-selector=reason=SuccessfulRescale -o jsonpath={.items[*].message}");
    assert!(
        events.contains("New size: 3; reason: cpu resource utilization (percentage of request) above target"),
        "{events}"
    );
    assert!(
        events.contains("New size: 1; reason: All metrics below target"),
        "{events}"
    );
}
