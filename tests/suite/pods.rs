//! Pods and services of a cluster, as runbooks use them: with a cluster whose pods are real processes.

use std::sync::atomic::{AtomicU32, Ordering};

use runbook_cluster::Cluster;
use runbook_cluster::kubelet::{Kubelet, Settings};

use crate::harness::Project;

/// A running cluster with nothing in it.
struct Site {
    // Pods end before the cluster that they are pods of.
    _kubelet: Kubelet,
    cluster: Cluster,
}

impl Site {
    fn start() -> Self {
        let cluster = Cluster::start().expect("a port is free");
        let kubelet = Kubelet::start(&cluster, &Settings::default()).expect("the suite runs as root");
        Self {
            _kubelet: kubelet,
            cluster,
        }
    }

    fn runbook(&self, rest: &str) -> Project {
        let connections = "connections:\n  cluster: {k8s: {kubeconfig: kubeconfig}}\n  app: {deployment: web, via: cluster}\n";
        Project::runbook(&format!("{connections}{rest}"))
            .with("kubeconfig", &self.cluster.kubeconfig("admin"))
    }

    /// A deployment of one pod that has a file to work with.
    fn deploy(&self) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let project = self.runbook(&format!(
            r#"steps:
  - id: web
    k8s:
      apply:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {{name: web, labels: {{number: "{number}"}}}}
        spec:
          replicas: 1
          selector: {{matchLabels: {{app: web}}}}
          template:
            metadata: {{labels: {{app: web}}}}
            spec:
              terminationGracePeriodSeconds: 1
              containers:
                - {{name: main, image: "busybox:1.36", command: [sh, -c, "echo SIZE=5 >/tmp/app.env; echo on >/tmp/flag; exec sleep 3600"]}}
    target: cluster
    rollback: auto
  - {{id: up, k8s: {{rollout_status: deployment/web}}, target: cluster}}
verify: [{{id: there, exec: [cat, /tmp/flag], target: app, expect: stdout == "on"}}]
"#
        ));
        project.run(&["exec", "runbook.yaml", "--yes"]).expect(0);
    }
}

#[test]
fn programs_and_files_in_a_pod_are_as_anywhere_else_and_are_put_back() {
    let site = Site::start();
    site.deploy();
    let project = site
        .runbook(
            r#"secrets: {token: {env: TOKEN}}
steps:
  - id: script
    shell: 'printf "%s %s\n" "$T" "$(cat /tmp/flag)"; test -n "$RUNBOOK_RUN"; umask'
    target: app
    effect: read
    env: {T: "{{ secrets.token }}"}
    capture: {said: lines}
  - {id: whole, shell: {run: cat, cwd: /tmp, stdin: read, umask: "077"}, target: app, effect: read, capture: {read: stdout}}
  - {id: size, file: {path: /tmp/app.env, set: {SIZE: 200}}, target: app, rollback: auto}
  - id: switch
    shell: echo off >/tmp/flag
    target: app
    rollback: {shell: "echo on >/tmp/flag; echo back >>/tmp/undone"}
  - {id: seen, exec: [cat, /tmp/app.env, /tmp/flag], target: app, effect: read, capture: {now: lines}}
verify:
  - {id: ok, exec: ["true"], target: app, expect: 'steps.whole.read == "read" and steps.seen.now == ["SIZE=200", "off"]'}
  - {id: wrong, exec: ["false"], target: app, expect: exit_code == 0}
"#,
        )
        .variable("TOKEN", "hunter2-hunter2");
    let ended = project
        .run(&["exec", "runbook.yaml", "--yes", "--output"])
        .expect(5);
    assert!(!ended.all().contains("hunter2"));
    let left = site.runbook(
        r#"steps:
  - {id: seen, exec: [cat, /tmp/app.env, /tmp/flag, /tmp/undone], target: app, effect: read, capture: {now: lines}}
verify: [{id: ok, exec: ["true"], expect: 'steps.seen.now == ["SIZE=5", "on", "back"]'}]
"#,
    );
    left.run(&["exec", "runbook.yaml", "--yes"]).expect(0);
}

#[test]
fn a_service_of_a_cluster_is_changed_and_put_back() {
    let site = Site::start();
    site.deploy();
    let project = site.runbook(
        r#"steps:
  - {id: more, service: {scale: web, replicas: 2}, target: cluster, rollback: auto, capture: {ready: ready}}
  - {id: role, service: {set_env: web, env: {ROLE: reader}}, target: cluster, rollback: auto}
  - {id: image, service: {set_image: web, image: "busybox:no-such-tag"}, target: cluster, rollback: auto}
verify: [{id: up, service: {status: web}, target: cluster, expect: running}]
"#,
    );
    project
        .run(&["exec", "runbook.yaml", "--yes"])
        .expect(5)
        .says(&["cannot succeed"]);
    let left = site.runbook(
        r#"steps:
  - {id: now, k8s: {get: deployment/web}, target: cluster, capture: {spec: object.spec}}
  - {id: up, service: {status: web}, target: cluster, capture: {state: state}}
verify:
  - id: ok
    exec: ["true"]
    expect: >-
      steps.now.spec.replicas == 1 and steps.now.spec.template.spec.containers[0].image == "busybox:1.36"
      and "env" not in steps.now.spec.template.spec.containers[0] and steps.up.state == "available"
"#,
    );
    left.run(&["exec", "runbook.yaml", "--yes"]).expect(0);
}
