//! `runbook plan --rbac`: the roles that a runbook needs. That they are what it takes is tested where the action is.

use serde_json::json;

use crate::harness::Project;

const RUNBOOK: &str = r#"
inputs:
  name: {type: string}
  image: {type: string, default: "app:2"}
connections:
  cluster: {k8s: {context: production, namespace: web}}
  inside: {deployment: hub, via: cluster}
  db: {sql: "postgres://app@localhost/app", via: data}
  data: {pod: {selector: {app: db}}, via: cluster, namespace: data}
detect:
  - {k8s: {get: deployment/web}, expect: replicas.ready == 0}
steps:
  - id: image
    k8s: {set_image: deployment/web, image: "{{ inputs.image }}"}
    rollback: auto
    verify: [{k8s: {rollout_status: deployment/web}}]
  - {id: named, k8s: {delete: "pod/{{ inputs.name }}"}, irreversible: It is gone.}
  - {id: nodes, k8s: {get: nodes}, target: cluster}
  - {id: cert, k8s: {get: certificate/tls, namespace: "{{ inputs.name }}"}}
  - {id: asked, sql: SELECT 1}
  - {id: seen, exec: [ls], target: inside, effect: read}
"#;

#[test]
fn the_roles_are_printed_as_kubectl_takes_them() {
    let project = Project::runbook(RUNBOOK);
    // What is not known yet is any name.
    let printed = project.run(&["plan", "runbook.yaml", "--rbac"]).expect(0).stdout;
    for text in [
        "in the namespace `web`",
        "in the namespace `data`",
        "in the namespace `{{ inputs.name }}`: bind it there, by a RoleBinding",
        "in all namespaces, and about what is in none: bind it by a ClusterRoleBinding",
        "`certificate` is taken to be `certificates` of any group",
        "  namespace: \"web\"",
        "  - apiGroups: [\"apps\"]\n    resources: [\"deployments\"]\n    resourceNames: [\"hub\",\"web\"]\n    verbs: [\"get\"]\n",
        "    resourceNames: [\"web\"]\n    verbs: [\"patch\"]\n",
        "  - apiGroups: [\"\"]\n    resources: [\"pods/portforward\"]\n    verbs: [\"get\",\"create\"]\n",
    ] {
        assert!(printed.contains(text), "`{text}` is not said\n{printed}");
    }
    let again = project.run(&["plan", "runbook.yaml", "--rbac"]).expect(0).stdout;
    assert_eq!(printed, again);
    assert!(!project.path(".runbook").exists(), "it leaves nothing");
}

#[test]
fn what_is_known_stands_in_the_role() {
    let project = Project::runbook(RUNBOOK);
    let args = [
        "plan",
        "runbook.yaml",
        "--rbac",
        "-i",
        "name=web-0",
        "--format",
        "json",
    ];
    let told = project.run(&args).expect(0).json();
    let cluster = &told["clusters"][0];
    assert_eq!(cluster["connection"], "cluster");
    let roles = cluster["roles"].as_array().unwrap();
    let names: Vec<_> = roles
        .iter()
        .map(|role| (&role["kind"], &role["metadata"]["namespace"]))
        .collect();
    let expected = [
        (json!("Role"), json!("data")),
        (json!("Role"), json!("web")),
        (json!("Role"), json!("web-0")),
        (json!("ClusterRole"), json!(null)),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(kind, namespace)| (kind, namespace))
        .collect();
    assert_eq!(names, expected);
    let delete = json!({
        "apiGroups": [""], "resources": ["pods"], "resourceNames": ["web-0"], "verbs": ["delete"],
    });
    assert!(
        roles[1]["rules"].as_array().unwrap().contains(&delete),
        "{:#}",
        roles[1]
    );
    let nodes = json!([{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}]);
    assert_eq!(roles[3]["rules"], nodes);
}

#[test]
fn what_asks_no_cluster_needs_no_role() {
    let project = Project::runbook("steps:\n  - {id: a, exec: [\"true\"], effect: read}\n");
    let printed = project.run(&["plan", "runbook.yaml", "--rbac"]).expect(0).stdout;
    assert!(printed.contains("# It asks nothing of any.\n"), "{printed}");
    let refused = project
        .run(&["plan", "runbook.yaml", "--rbac", "--format", "svg"])
        .expect(2);
    refused.says(&["roles are printed as YAML or as JSON"]);
    project
        .run(&["plan", "runbook.yaml", "--rbac", "--probe"])
        .expect(2);
    project
        .run(&["plan", "runbook.yaml", "--rbac", "-i", "nonsense=1"])
        .expect(2)
        .says(&["nonsense"]);
}

/// What a manifest of a file needs, what a called runbook needs, and what a service becomes.
#[test]
fn files_and_called_runbooks_count_too() {
    let project = Project::runbook(
        "inputs:\n  size: {type: integer, default: 3}\n\
         connections:\n  cluster: {k8s: production}\n\
         steps:\n  - {id: made, k8s: {apply: all.yaml}, rollback: auto}\n\
         \x20 - {id: up, service: {restart: hub}}\n\
         \x20 - {id: more, runbook: {name: other, inputs: {name: web}}}\n",
    )
    .with(
        "all.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: two}\n",
    )
    .with(
        "runbooks/other.yaml",
        "apiVersion: runbook/v1\nname: other\nversion: 1.0.0\ntitle: Other\ninputs:\n  name: {type: string}\n\
         connections:\n  cluster: {k8s: production}\n\
         steps:\n  - {id: one, k8s: {cordon: \"{{ inputs.name }}\"}, rollback: auto}\n",
    );
    let args = ["plan", "runbook.yaml", "--rbac", "--format", "json"];
    let told = project.run(&args).expect(0).json();
    let cluster = &told["clusters"][0];
    let text = cluster["roles"].to_string();
    for part in [
        r#""resources":["configmaps"],"resourceNames":["one"],"verbs":["get","patch","delete"]"#,
        r#""resources":["namespaces"],"verbs":["list","watch","create"]"#,
        r#""resources":["nodes"],"resourceNames":["web"],"verbs":["get","patch"]"#,
        r#""resources":["deployments"],"resourceNames":["hub"],"verbs":["get","patch"]"#,
    ] {
        assert!(text.contains(part), "{part}\n{:#}", cluster["roles"]);
    }
    let note = cluster["notes"].to_string();
    assert!(note.contains("`hub` is taken to be a deployment"), "{note}");
}
