//! Pods run as processes, and their objects say what becomes of them.

use runbook_cluster::Fields as _;
use serde_json::json;

use crate::pods::{Pods, app, condition, is_ready, waits_for};

#[test]
fn a_pod_becomes_ready_and_says_all_that_a_pod_says() {
    let pods = Pods::start();
    pods.run("web", "exec httpd -f -p 8080", &json!({}));
    let pod = pods.until_ready("web");
    assert_eq!(pod.text("/status/phase"), "Running");
    assert!(pod.text("/status/podIP").starts_with("10.244."));
    assert_eq!(pod.text("/status/podIPs/0/ip"), pod.text("/status/podIP"));
    assert_eq!(pod.text("/status/qosClass"), "BestEffort");
    for kind in [
        "PodScheduled",
        "PodReadyToStartContainers",
        "Initialized",
        "ContainersReady",
    ] {
        assert_eq!(condition(&pod, kind), "True", "{kind}");
    }
    let status = app(&pod);
    assert_eq!(status.number("/restartCount"), Some(0));
    assert!(status.is_true("/ready") && status.is_true("/started"));
    assert!(status.text("/containerID").starts_with("containerd://"));
    assert!(
        status
            .text("/imageID")
            .starts_with("docker.io/library/busybox@sha256:")
    );
    assert!(!status.text("/state/running/startedAt").is_empty());
    assert_eq!(
        pods.events("web"),
        [
            "Pulling Pulling image \"busybox:1.36\"",
            "Pulled Successfully pulled image \"busybox:1.36\" in 12ms (12ms including waiting). Image size: 2221186 bytes.",
            "Created Created container: app",
            "Started Started container app",
        ]
    );
    pods.run("again", "exec sleep 1000", &json!({}));
    pods.until_ready("again");
    assert_eq!(
        pods.events("again").first().unwrap(),
        "Pulled Container image \"busybox:1.36\" already present on machine"
    );
}

#[test]
fn two_pods_listen_on_the_same_port_and_one_sees_nothing_of_the_other() {
    let pods = Pods::start();
    let probe = json!({"readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1}});
    for name in ["one", "two"] {
        let script =
            format!("mkdir /{name}; echo {name} > /{name}/index.html; exec httpd -f -p 80 -h /{name}");
        pods.run(name, &script, &probe);
    }
    for (name, other) in [("one", "two"), ("two", "one")] {
        let pod = pods.until_ready(name);
        let fetched = pods.kubectl.ok(&format!(
            "exec {name} -- wget -qO- http://{}/",
            pod.text("/status/podIP")
        ));
        assert_eq!(fetched.trim(), name);
        assert_eq!(pods.kubectl.ok(&format!("exec {name} -- hostname")).trim(), name);
        let processes = pods.kubectl.ok(&format!("exec {name} -- ps"));
        assert!(
            processes.contains(&format!("-h /{name}")) && !processes.contains(&format!("-h /{other}")),
            "{processes}"
        );
    }
}

#[test]
fn what_a_pod_is_configured_with_is_in_its_environment_and_its_files() {
    let pods = Pods::start();
    let objects = pods.cluster.objects();
    let settings = json!({"metadata": {"name": "settings", "namespace": "default"}, "data": {"colour": "blue", "SIZE": "3"}});
    objects.create("configmaps", &settings).unwrap();
    let secret =
        json!({"metadata": {"name": "key", "namespace": "default"}, "data": {"password": "cHctMQ=="}});
    objects.create("secrets", &secret).unwrap();
    let change = json!({
        "workingDir": "/work",
        "readinessProbe": {"exec": {"command": ["test", "-e", "/scratch/done"]}, "periodSeconds": 1},
        "args": ["unused"],
        "env": [
            {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "key", "key": "password"}}},
            {"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
            {"name": "BOTH", "value": "$(WHO)-$(COLOUR) $$(WHO)"},
        ],
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "settings"}}],
        "volumeMounts": [
            {"name": "settings", "mountPath": "/etc/settings"},
            {"name": "secret", "mountPath": "/etc/secret"},
            {"name": "scratch", "mountPath": "/scratch"},
            {"name": "settings", "mountPath": "/one/colour.txt", "subPath": "colour"},
        ],
    });
    let volumes = json!({"volumes": [
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "secret", "secret": {"secretName": "key", "items": [{"key": "password", "path": "deep/pw"}]}},
        {"name": "scratch", "emptyDir": {}},
    ]});
    let script = "echo $COLOUR,$PASSWORD,$WHO,$LABEL,$BOTH,$P_SIZE,$(pwd); cat /etc/settings/colour; echo; \
                  cat /etc/secret/deep/pw; echo; cat /one/colour.txt; echo; echo x > /scratch/x && cat /scratch/x; \
                  echo no > /etc/settings/colour; touch /scratch/done; exec sleep 1000";
    pods.run_in("configured", script, &change, &volumes);
    pods.until_ready("configured");
    let printed = pods.kubectl.ok("logs configured");
    // The two streams come in any order.
    let (refused, printed): (Vec<&str>, Vec<&str>) = printed
        .lines()
        .partition(|line| line.contains("Read-only file system"));
    assert_eq!(refused.len(), 1);
    let first = "blue,pw-1,configured,configured,configured-blue $(WHO),3,/work";
    assert_eq!(printed, [first, "blue", "pw-1", "blue", "x"]);
    pods.kubectl.run_words(
        &[
            "patch",
            "configmap",
            "settings",
            "-p",
            r#"{"data":{"colour":"red"}}"#,
        ],
        "",
    );
    let wait = "until grep -q red /etc/settings/colour; do sleep 0.05; done; cat /etc/settings/colour";
    let seen = pods.kubectl.run_words(
        &["exec", "configured", "--", "timeout", "20", "sh", "-c", wait],
        "",
    );
    assert_eq!(seen.stdout, "red");
}

#[test]
fn init_containers_run_in_order_before_the_others_and_sidecars_beside_them() {
    let pods = Pods::start();
    let mount = json!([{"name": "shared", "mountPath": "/shared"}]);
    let init = |name: &str, script: &str| json!({"name": name, "image": "busybox:1.36", "command": ["sh", "-c", script], "volumeMounts": mount});
    let mut sidecar = init("side", "echo side >> /shared/order; exec sleep 1000");
    sidecar["restartPolicy"] = json!("Always");
    let spec = json!({
        "restartPolicy": "Never",
        "volumes": [{"name": "shared", "emptyDir": {}}],
        "initContainers": [
            init("first", "echo first >> /shared/order"),
            sidecar,
            init("second", "until [ -s /shared/order ]; do :; done; echo second >> /shared/order"),
        ],
    });
    pods.run_in(
        "ordered",
        "sort /shared/order; exit 0",
        &json!({"volumeMounts": mount}),
        &spec,
    );
    let pod = pods.until("ordered", |pod| pod.text("/status/phase") == "Succeeded");
    assert_eq!(pods.kubectl.ok("logs ordered -c app"), "first\nsecond\nside\n");
    assert_eq!(
        pod.text("/status/initContainerStatuses/0/state/terminated/reason"),
        "Completed"
    );
    assert_eq!(app(&pod).text("/state/terminated/reason"), "Completed");
}

#[test]
fn an_init_container_that_fails_keeps_the_pod_from_starting() {
    let pods = Pods::start();
    let spec = json!({"initContainers": [{"name": "setup", "image": "busybox:1.36", "command": ["false"]}]});
    pods.run_in("stuck", "sleep 1000", &json!({}), &spec);
    let pod = pods.until("stuck", |pod| {
        pod.text("/status/initContainerStatuses/0/state/waiting/reason") == "CrashLoopBackOff"
    });
    assert_eq!(pod.text("/status/phase"), "Pending");
    assert_eq!(condition(&pod, "Initialized"), "False");
    assert!(waits_for(&pod, "PodInitializing"));
    assert!(!is_ready(&pod));
}

#[test]
fn readiness_comes_and_goes_with_what_its_probe_sees() {
    let pods = Pods::start();
    let change = json!({"readinessProbe": {
        "exec": {"command": ["test", "-e", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 1,
    }});
    pods.run("moody", "exec sleep 1000", &change);
    let pod = pods.until("moody", |pod| !app(pod).at("/state/running").is_null());
    assert!(!is_ready(&pod));
    pods.kubectl.ok("exec moody -- touch /tmp/ok");
    pods.until_ready("moody");
    pods.kubectl.ok("exec moody -- rm /tmp/ok");
    let pod = pods.until("moody", |pod| !is_ready(pod));
    assert_eq!(pod.text("/status/phase"), "Running");
    assert!(
        pods.events("moody")
            .iter()
            .any(|event| event.starts_with("Unhealthy Readiness probe failed: "))
    );
}

#[test]
fn a_container_that_fails_its_liveness_probe_is_started_anew() {
    let pods = Pods::start();
    let change = json!({
        "startupProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1, "failureThreshold": 50},
        "livenessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1, "failureThreshold": 2},
        "ports": [{"name": "http", "containerPort": 8080}],
    });
    let script = "mkdir -p /www; : > /www/health; exec httpd -f -p 8080 -h /www";
    pods.run("ill", script, &change);
    pods.until_ready("ill");
    pods.kubectl.ok("exec ill -- rm /www/health");
    let pod = pods.until("ill", |pod| {
        app(pod).number("/restartCount") == Some(1) && is_ready(pod)
    });
    // The first process of a container takes no signal that it has no handler for.
    assert_eq!(app(&pod).number("/lastState/terminated/exitCode"), Some(137));
    let events = pods.events("ill");
    let told = |text: &str| assert!(events.iter().any(|event| event == text), "{events:#?}");
    told("Unhealthy Liveness probe failed: HTTP probe failed with statuscode: 404");
    told("Killing Container app failed liveness probe, will be restarted");
}

#[test]
fn an_hog_shows_in_what_top_prints() {
    let pods = Pods::start();
    pods.run(
        "hog",
        "head -c 60000000 /dev/zero | tail & while :; do :; done",
        &json!({}),
    );
    pods.run("idle", "exec sleep 1000", &json!({}));
    pods.until_ready("hog");
    pods.until_ready("idle");
    // What has been used is only counted while it runs, so this asks until it shows.
    let used = |name: &str| {
        let usage = pods.kubectl.ok(&format!(
            "get --raw /apis/metrics.k8s.io/v1beta1/namespaces/default/pods/{name}"
        ));
        let usage: serde_json::Value = serde_json::from_str(&usage).unwrap();
        let number = |text: &str, unit: &str| text.trim_end_matches(unit).parse::<u64>().unwrap();
        let usage = usage.at("/containers/0/usage").clone();
        (
            number(usage.text("/cpu"), "n"),
            number(usage.text("/memory"), "Ki"),
        )
    };
    let (mut cpu, mut memory) = (0, 0);
    for _ in 0..1000 {
        (cpu, memory) = used("hog");
        if cpu > 100_000_000 && memory > 50_000 {
            break;
        }
    }
    assert!(cpu > 100_000_000, "{cpu}");
    assert!(memory > 50_000, "{memory}");
    let (cpu, memory) = used("idle");
    assert!(cpu < 100_000_000 && memory < 10_000, "{cpu} {memory}");
    let top = pods.kubectl.ok("top pods");
    assert!(top.contains("hog") && top.contains("idle"), "{top}");
    assert!(pods.kubectl.ok("top nodes").contains("node-1"));
}
