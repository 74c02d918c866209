//! What goes wrong with pods is told as a real node tells it.

use runbook_cluster::Fields as _;
use serde_json::json;

use crate::pods::{Pods, app, is_ready, waits_for};

#[test]
fn a_container_that_fails_is_started_again_and_again_and_its_last_words_are_kept() {
    let pods = Pods::start();
    pods.run(
        "crash",
        "echo life; echo because > /dev/termination-log; exit 3",
        &json!({}),
    );
    let pod = pods.until("crash", |pod| {
        waits_for(pod, "CrashLoopBackOff") && app(pod).number("/restartCount") == Some(2)
    });
    assert_eq!(pod.text("/status/phase"), "Running");
    let status = app(&pod);
    assert_eq!(status.number("/lastState/terminated/exitCode"), Some(3));
    assert_eq!(status.text("/lastState/terminated/reason"), "Error");
    assert_eq!(status.text("/lastState/terminated/message"), "because\n");
    let message = status.text("/state/waiting/message");
    let expected = format!(
        "back-off 20s restarting failed container=app pod=crash_default({})",
        pod.uid()
    );
    assert_eq!(message, expected);
    assert_eq!(pods.kubectl.ok("logs crash"), "life\n");
    assert_eq!(pods.kubectl.ok("logs crash --previous"), "life\n");
    let told = format!(
        "BackOff Back-off restarting failed container app in pod crash_default({})",
        pod.uid()
    );
    assert!(pods.events("crash").contains(&told));
}

#[test]
fn policies_of_restarting_decide_how_a_pod_ends() {
    let pods = Pods::start();
    let policy = |policy: &str| json!({"restartPolicy": policy});
    pods.run_in("done", "exit 0", &json!({}), &policy("Never"));
    pods.run_in("failed", "kill -9 $$; exit 4", &json!({}), &policy("Never"));
    let script = "[ -e /kept/x ] && exit 0; touch /kept/x; exit 1";
    let volume = json!({"restartPolicy": "OnFailure", "volumes": [{"name": "kept", "emptyDir": {}}]});
    pods.run_in(
        "second",
        script,
        &json!({"volumeMounts": [{"name": "kept", "mountPath": "/kept"}]}),
        &volume,
    );
    let pod = pods.until("done", |pod| pod.text("/status/phase") == "Succeeded");
    assert!(!is_ready(&pod));
    assert_eq!(app(&pod).text("/state/terminated/reason"), "Completed");
    let pod = pods.until("failed", |pod| pod.text("/status/phase") == "Failed");
    assert_eq!(
        app(&pod).number("/state/terminated/exitCode"),
        Some(4),
        "the first process cannot be killed from within"
    );
    let pod = pods.until("second", |pod| pod.text("/status/phase") == "Succeeded");
    assert_eq!(app(&pod).number("/restartCount"), Some(1));
}

#[test]
fn an_image_that_does_not_exist_is_told_and_tried_again() {
    let pods = Pods::start();
    pods.run("absent", "sleep 1000", &json!({"image": "lab:7"}));
    let pod = pods.until("absent", |pod| waits_for(pod, "ErrImagePull"));
    let message = app(&pod).text("/state/waiting/message");
    assert!(
        message.contains("docker.io/library/lab:7: not found"),
        "{message}"
    );
    let pod = pods.until("absent", |pod| waits_for(pod, "ImagePullBackOff"));
    assert!(
        app(&pod)
            .text("/state/waiting/message")
            .starts_with("Back-off pulling image \"lab:7\"")
    );
    assert_eq!(pod.text("/status/phase"), "Pending");
    let why = pods.kubectl.refused("logs absent", "");
    let said = "container \"app\" in pod \"absent\" is waiting to start: trying and failing to pull image";
    assert_eq!(why.trim(), format!("Error from server (BadRequest): {said}"));
    let events = pods.events("absent");
    for event in [
        "Failed Error: ErrImagePull",
        "Failed Error: ImagePullBackOff",
        "BackOff Back-off pulling image \"lab:7\"",
    ] {
        assert!(events.iter().any(|told| told == event), "{events:#?}");
    }
    pods.image("lab:7", "exec sleep 1000");
    pods.until_ready("absent");
}

#[test]
fn what_a_container_refers_to_must_be_there() {
    let pods = Pods::start();
    let variable =
        json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "later", "key": "a"}}}]});
    pods.run("waits", "exec sleep 1000", &variable);
    let pod = pods.until("waits", |pod| waits_for(pod, "CreateContainerConfigError"));
    assert_eq!(
        app(&pod).text("/state/waiting/message"),
        "configmap \"later\" not found"
    );
    let volume = json!({"volumes": [{"name": "cfg", "configMap": {"name": "later"}}]});
    pods.run_in(
        "mounts",
        "exec sleep 1000",
        &json!({"volumeMounts": [{"name": "cfg", "mountPath": "/cfg"}]}),
        &volume,
    );
    let made = json!({"metadata": {"name": "later", "namespace": "default"}, "data": {"b": "1"}});
    pods.cluster.objects().create("configmaps", &made).unwrap();
    let pod = pods.until("waits", |pod| {
        app(pod).text("/state/waiting/message").starts_with("couldn't")
    });
    assert_eq!(
        app(&pod).text("/state/waiting/message"),
        "couldn't find key a in ConfigMap default/later"
    );
    pods.until_ready("mounts");
    assert_eq!(pods.kubectl.ok("exec mounts -- cat /cfg/b"), "1");
}

#[test]
fn a_program_that_is_not_in_the_image_cannot_start() {
    let pods = Pods::start();
    pods.run_in(
        "none",
        "",
        &json!({"command": ["no-such-program"]}),
        &json!({"restartPolicy": "Never"}),
    );
    let pod = pods.until("none", |pod| pod.text("/status/phase") == "Failed");
    let status = app(&pod);
    assert_eq!(status.number("/state/terminated/exitCode"), Some(128));
    assert_eq!(status.text("/state/terminated/reason"), "StartError");
    let message = status.text("/state/terminated/message");
    assert!(
        message.contains("exec: \"no-such-program\": executable file not found in $PATH"),
        "{message}"
    );
}

#[test]
fn who_uses_more_memory_than_allowed_is_killed() {
    let pods = Pods::start();
    let change = json!({"resources": {"limits": {"memory": "20Mi"}}});
    pods.run_in(
        "greedy",
        "awk 'BEGIN { s = \"x\"; while (1) s = s s }'",
        &change,
        &json!({"restartPolicy": "Never"}),
    );
    let pod = pods.until("greedy", |pod| pod.text("/status/phase") == "Failed");
    assert_eq!(app(&pod).text("/state/terminated/reason"), "OOMKilled");
    assert_eq!(app(&pod).number("/state/terminated/exitCode"), Some(137));
}
