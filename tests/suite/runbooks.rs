//! Each shipped runbook against real parts, with its fault really there.

mod compose;
mod compose_care;
mod container;
mod database;
mod hub;
mod k8s;
mod k8s_change;
mod k8s_data;
mod k8s_measured;
mod pool;
mod recovery;
mod secure_database;
mod secure_failover;
mod secure_incidents;
mod secure_logs;
mod secure_recovery;
mod secure_scaling;
mod server;
mod slow;

use std::fs;

use runbook_document::codes;

use crate::harness::{Project, repository};

/// The page of the book names the runbooks that ship, and no others.
#[test]
fn the_book_lists_all_that_ship() {
    let page = fs::read_to_string(repository().join("book/src/runbooks.md")).unwrap();
    let listed = Project::shipped()
        .run(&["list", "--format", "json"])
        .expect(0)
        .json();
    let listed = listed.as_array().unwrap();
    assert!(!listed.is_empty());
    for runbook in listed {
        let file = runbook["path"].as_str().unwrap();
        let name = file.trim_start_matches("runbooks/");
        assert!(page.contains(&format!("`{name}`")), "{name} is on the page");
    }
    let named = page.matches(".yaml`").count();
    assert_eq!(named, listed.len(), "the page names each once");
}

#[test]
fn all_that_ship_pass_where_every_lint_is_an_error() {
    let lints: Vec<String> = codes::ALL
        .iter()
        .filter(|code| code.lint)
        .map(|code| format!("{}: error", code.id))
        .collect();
    assert!(!lints.is_empty());
    let config = fs::read_to_string(repository().join("runbook.config.yaml")).unwrap();
    let config = format!("{config}\npolicy: {{lints: {{{}}}}}\n", lints.join(", "));
    let project = Project::shipped().with("runbook.config.yaml", &config);
    project.run(&["check"]).expect(0).says(&["0 errors, 0 warnings"]);
}
