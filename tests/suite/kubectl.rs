//! The page of the book on kubectl: each step in its table is one that `check` accepts, and no verb is missing.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::harness::{Project, repository};

/// The steps of the table: what stands between the last backticks of each row.
fn steps() -> Vec<String> {
    let page = fs::read_to_string(repository().join("book/src/kubectl.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `kubectl "));
    let step = |row: &str| row.rsplit('`').nth(1).unwrap().to_owned();
    rows.map(step).collect()
}

#[test]
fn every_step_of_the_table_is_accepted() {
    let steps = steps();
    let mut listed = String::new();
    for (at, step) in (1..).zip(&steps) {
        _ = writeln!(
            listed,
            "  - id: step_{at}\n    {step}\n    effect: destructive\n    irreversible: It is an example."
        );
    }
    let project = Project::empty().with(
        "runbook.yaml",
        &format!(
            "apiVersion: runbook/v1\nname: kubectl\nversion: 1.0.0\ntitle: The table\nconnections:\n  \
            cluster: {{k8s: {{context: production, namespace: mcp-production}}}}\nsteps:\n{listed}"
        ),
    );
    let project = project.with(
        "maintenance-ingress.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    );
    let found: Value = project.run(&["check", "runbook.yaml", "--format", "json"]).json();
    let found = found.as_array().unwrap().iter();
    let wrong: Vec<&Value> = found.filter(|one| one["severity"] == "error").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_verb_is_in_the_table() {
    let steps = steps();
    for verb in [
        "get",
        "list",
        "wait",
        "scale",
        "restart",
        "rollout_status",
        "undo",
        "set_image",
        "set_env",
        "set_resources",
        "patch",
        "apply",
        "delete",
        "logs",
        "exec",
        "cp",
        "cordon",
        "uncordon",
        "drain",
        "events",
        "top",
        "rollout_history",
        "port_forward",
    ] {
        let begin = format!("k8s: {{{verb}: ");
        assert!(steps.iter().any(|step| step.starts_with(&begin)), "`{verb}`");
    }
}
