//! The secure MCP server with more pods, larger pods, a larger database, and in a maintenance window.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::harness::Ended;
use crate::production::{Outside, Production, STATUS_TOKEN};

const HORIZONTAL: &str = "scaling/k8s-horizontal.yaml";
const VERTICAL: &str = "scaling/k8s-vertical.yaml";
const DATABASE: &str = "scaling/database.yaml";
const WINDOW: &str = "maintenance/window.yaml";

const LIMITS: &str = "/spec/template/spec/containers/0/resources";

/// A stand-in for the program of Amazon: it takes what the real one takes, and keeps the class of the instance.
const AWS: &str = r#"#!/bin/sh
class=$(dirname "$0")/class
case "$*" in
  "rds describe-db-instances --db-instance-identifier mcp-postgres --output json")
    printf '{"DBInstances": [{"DBInstanceClass": "%s", "DBInstanceStatus": "available"}]}\n' "$(cat "$class")" ;;
  "rds modify-db-instance --db-instance-identifier mcp-postgres --db-instance-class db."*" --apply-immediately")
    printf %s "$6" > "$class" ;;
  *) echo "aws: error: unrecognized arguments: $*" >&2; exit 252 ;;
esac
"#;

fn replicas(production: &Production) -> serde_json::Value {
    production.field("mcp-server", "/spec/replicas")
}

fn most(production: &Production) -> serde_json::Value {
    let autoscaler = production.object("horizontalpodautoscalers.autoscaling", "mcp-hpa");
    autoscaler.unwrap()["spec"]["maxReplicas"].clone()
}

#[test]
fn more_pods_run_or_as_many_as_before() {
    let production = Production::start();
    production.exec(HORIZONTAL, &["replicas=2", "most=10"], "not_needed");
    production.exec(HORIZONTAL, &["replicas=3"], "resolved");
    assert_eq!((replicas(&production), most(&production)), (json!(3), json!(15)));
    let (ended, _) = production.exec(HORIZONTAL, &["replicas=16"], "failed");
    ended.says(&["between 2 and 15 pods, and 16 are wanted"]);

    // The registry has lost the image, so that there can be no more of them.
    production.patch(&json!({"imagePullPolicy": "Always"}));
    production.images.withdraw("secure-mcp-server:*");
    let (ended, _) = production.exec(HORIZONTAL, &["replicas=4", "most=20"], "rolled_back");
    ended.says(&["ImagePullBackOff"]);
    assert_eq!((replicas(&production), most(&production)), (json!(3), json!(15)));
    assert_eq!(production.pods("mcp-server").len(), 3);
}

#[test]
fn pods_get_more_room_or_stay_as_they_are() {
    let production = Production::start();
    let small = [
        "memory_request=64Mi",
        "memory_limit=128Mi",
        "cpu_request=50m",
        "cpu_limit=500m",
    ];
    production.exec(VERTICAL, &small, "resolved");
    production.exec(VERTICAL, &small, "not_needed");
    let limits = production.field("mcp-server", LIMITS);
    assert_eq!(
        limits,
        json!({"requests": {"memory": "64Mi", "cpu": "50m"}, "limits": {"memory": "128Mi", "cpu": "500m"}})
    );
    let pods = production.pods("mcp-server");

    // That is less than its program needs to start.
    let (ended, _) = production.exec(
        VERTICAL,
        &["memory_request=1Mi", "memory_limit=4Mi"],
        "rolled_back",
    );
    ended.says(&["CrashLoopBackOff"]);
    assert_eq!(production.field("mcp-server", LIMITS), limits);
    assert!(
        pods.iter().any(|pod| production.pods("mcp-server").contains(pod)),
        "some served all the while"
    );
}

#[test]
fn a_database_gets_replicas_a_pooler_and_a_machine() {
    let production = Production::start();
    let tools = production.project.path("tools");
    fs::create_dir(&tools).unwrap();
    fs::write(tools.join("aws"), AWS).unwrap();
    fs::set_permissions(tools.join("aws"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(tools.join("class"), "db.r6g.large").unwrap();
    let settings = || production.object("configmaps", "pgbouncer-config");
    assert_eq!(settings(), None);
    let exec = |inputs: &[&str], outcome| {
        let inputs = inputs.iter().flat_map(|input| ["-i", input]);
        let args: Vec<&str> = ["exec", DATABASE, "--yes", "--output"]
            .into_iter()
            .chain(inputs)
            .collect();
        let mut command = production.project.command(env!("CARGO_BIN_EXE_runbook"), &args);
        let path = command
            .get_envs()
            .find(|(name, _)| *name == "PATH")
            .and_then(|(_, path)| path);
        let path = format!("{}:{}", tools.display(), path.unwrap().display());
        Ended::of(&command.env("PATH", path).output().unwrap()).expect(outcome)
    };
    exec(&["replicas=2", "instance_class=db.r6g.2xlarge"], 0);
    assert_eq!(fs::read_to_string(tools.join("class")).unwrap(), "db.r6g.2xlarge");
    let text = settings().unwrap()["data"]["pgbouncer.ini"].clone();
    assert!(
        text.as_str()
            .unwrap()
            .contains("pool_mode = transaction\nmax_client_conn = 1000\n"),
        "{text}"
    );
    exec(&["replicas=2"], 3);

    // The pooler does not take this.
    exec(&["replicas=3", "pool_size=25000"], 5).says(&["invalid default_pool_size"]);
    assert_eq!(settings().unwrap()["data"]["pgbouncer.ini"], text);
    assert_eq!(
        production
            .object("statefulsets.apps", "postgres-replicas")
            .unwrap()["spec"]["replicas"],
        2
    );
}

#[test]
fn a_window_is_opened_and_closed() {
    let pages = Outside::pages();
    let inputs = format!("{{status_url: \"{}\"}}", pages.url);
    let production = Production::start_with("{}", &inputs, &[("STATUS_PAGE_TOKEN", STATUS_TOKEN)]);
    let before = production.pods("mcp-server");
    let (_, run) = production.exec(WINDOW, &[], "resolved");
    run.nowhere(STATUS_TOKEN);
    let incidents: serde_json::Value = serde_json::from_str(&pages.noted("incidents.json")).unwrap();
    assert_eq!(incidents[0]["status"], "resolved");
    assert_eq!(incidents[0]["affected_components"], json!(["API", "WebSocket"]));
    assert!(production.cordoned().is_empty());
    assert_eq!(production.field("monitoring", "/spec/replicas"), 1);
    assert_eq!(
        production.object("ingresses.networking.k8s.io", "maintenance"),
        None
    );
    assert!(
        before
            .iter()
            .all(|pod| !production.pods("mcp-server").contains(pod)),
        "they were evicted"
    );

    // A pod that nothing would bring back ends the window. Whoever cordoned a node wants it so afterwards.
    production.kubectl(&[
        "run",
        "keep",
        "--image=busybox:1.36",
        "--command",
        "--",
        "sleep",
        "3600",
    ]);
    production.kubectl(&["wait", "pod/keep", "--for=condition=Ready", "--timeout=30s"]);
    production.kubectl(&["cordon", "node-2"]);
    let (ended, _) = production.exec(WINDOW, &[], "rolled_back");
    ended.says(&["keep"]);
    assert_eq!(production.cordoned(), ["node-2"]);
    assert_eq!(production.field("monitoring", "/spec/replicas"), 1);
    assert_eq!(
        production.object("ingresses.networking.k8s.io", "maintenance"),
        None
    );
}
