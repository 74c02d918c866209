//! `runbook check`: the exact words for each thing that can be wrong, in the folders of `tests/cases/invalid/`.
//!
//! A folder holds `runbook.yaml`, perhaps `runbook.config.yaml`, perhaps `base.yaml` with what it was before, and
//! `expected.txt`. Its name begins with the code
//! that it shows, where it shows one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use runbook_document::codes;

use crate::base::committed;
use crate::harness::{Ended, Project, cases};

/// What is said of a case. One with a `base.yaml` is compared with that, committed before.
fn checked(case: &Path) -> Ended {
    let project = Project::case(case);
    let Ok(base) = fs::read_to_string(case.join("base.yaml")) else {
        return project.run(&["check", "runbook.yaml"]);
    };
    let now = fs::read_to_string(case.join("runbook.yaml")).unwrap();
    let project = committed(project.with("runbook.yaml", &base)).with("runbook.yaml", &now);
    project.run(&["check", "runbook.yaml", "--base", "main"])
}

#[test]
fn what_is_wrong_is_said_in_these_words() {
    let mut wrong = Vec::new();
    for case in cases("invalid") {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let ended = checked(&case);
        assert_eq!(ended.stderr, "", "what was looked for is on the output");
        let said = &ended.stdout;
        let expected = fs::read_to_string(case.join("expected.txt")).unwrap_or_default();
        if *said != expected {
            wrong.push(format!("===== {name} says\n{said}===== instead of\n{expected}"));
        }
        let warns = !said.contains("  × ");
        assert_eq!(ended.code, if warns { 0 } else { 2 }, "{name}\n{said}");
        let code = name.split('-').next().unwrap();
        assert!(
            !code.starts_with("RB") || said.contains(code),
            "{name} does not show {code}\n{said}"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_case() {
    let shown: BTreeSet<String> = cases("invalid")
        .iter()
        .map(|case| {
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            name.split('-').next().unwrap().to_owned()
        })
        .collect();
    for code in codes::ALL {
        assert!(shown.contains(code.id), "{} ({}): a case", code.id, code.title);
    }
}

#[test]
fn the_shipped_runbooks_are_fine() {
    let project = Project::shipped();
    let ended = project.run(&["check"]).expect(0).says(&["0 errors, 0 warnings"]);
    assert_eq!(ended.stderr, "");
    let findings = project.run(&["check", "--format", "json"]).expect(0).json();
    assert_eq!(findings, serde_json::json!([]));
}

#[test]
fn places_are_counted_in_characters() {
    let project = Project::runbook("owner: größe\nsteps: [{id: a, shell: 'true', effect: read, títle: x}]\n");
    let findings = project
        .run(&["check", "runbook.yaml", "--format", "json"])
        .expect(2)
        .json();
    let only = &findings[0];
    assert_eq!(
        (&only["code"], &only["severity"]),
        (&"RB0201".into(), &"error".into())
    );
    assert_eq!(
        (&only["line"], &only["column"]),
        (&6.into(), &46.into()),
        "{only}"
    );
    assert_eq!((&only["end_line"], &only["end_column"]), (&6.into(), &51.into()));
    assert_eq!(only["file"], "runbook.yaml");
}

#[test]
fn an_environment_made_for_one_runbook_leaves_the_others_alone() {
    let other = "apiVersion: runbook/v1\nname: other\nversion: 1.0.0\ntitle: Another\n\
        steps: [{id: look, exec: ['true'], effect: read}]\n";
    let project = Project::shipped().with("runbooks/other.yaml", other);
    project
        .run(&["check"])
        .expect(0)
        .says(&[" runbooks: 0 errors, 0 warnings"]);
    project
        .run(&["exec", "other.yaml", "--env", "postgres"])
        .expect(0);
    // What goes through such a connection needs all that the connection needs.
    let through = other.replace(
        "exec: ['true'], effect: read",
        "target: api, http: {get: /health}",
    );
    let project = project.with("runbooks/other.yaml", &through);
    project
        .run(&["check"])
        .expect(2)
        .says(&["there is no input `api_url`", "runbook.config.yaml:17"]);
}

#[test]
fn a_check_runs_reads_and_connects_to_nothing() {
    let project = Project::runbook(
        "secrets: {token: {env: NOT_SET}}\nconnections: {api: {http: 'http://127.0.0.1:1'}, db: {sql: 'sqlite:not-there.db'}}\n\
        steps:\n  - {id: one, shell: touch ran, env: {T: '{{ secrets.token }}'}, effect: read}\n  - {id: two, http: {get: /}}\n  \
        - {id: three, sql: SELECT 1 AS one}\n",
    );
    project.run(&["check", "runbook.yaml"]).expect(0);
    let left: Vec<_> = fs::read_dir(project.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["runbook.yaml"]);
}

/// The project file lies in the folder that is checked.
#[test]
fn a_folder_is_checked_without_its_project_file() {
    let project = Project::runbook("steps: [{id: a, shell: 'true', effect: read}]\n")
        .with("runbook.config.yaml", "state: .runbook\n");
    project
        .run(&["check", "."])
        .expect(0)
        .says(&["1 runbook: 0 errors"]);
}

/// `container` is a kind of connection, and a part of a pod: which one is meant does not depend on what stands first.
#[test]
fn a_container_of_a_pod_is_a_pod_wherever_it_stands() {
    for database in [
        "{container: postgres, pod: {selector: {app: postgres}}, via: cluster}",
        "{pod: {selector: {app: postgres}}, container: postgres, via: cluster}",
    ] {
        let project = Project::runbook(&format!(
            "connections:\n  cluster: {{k8s: production}}\n  database: {database}\nsteps:\n  \
            - {{id: room, shell: df -P, target: database, effect: read}}\n"
        ));
        project.run(&["check", "runbook.yaml"]).expect(0);
    }
}
