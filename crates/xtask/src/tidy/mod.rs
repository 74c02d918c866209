//! `cargo xtask tidy`: the house rules that no compiler knows.
//!
//! Everything is loaded first; then each check, a module of its own, is a pure function from what was loaded to
//! findings; then all findings are printed, so that one run shows all that is to do. A rule that clippy or rustc
//! can check stays with them. The runbooks in `runbooks/` and `examples/` are checked by the tests of the CLI.

mod arrows;
mod attributes;
mod codes;
mod crate_table;
mod exit_codes;
mod files;
mod leaks;
mod links;
mod purity;
mod semantics;
mod sleeps;
mod variables;

use std::path::Path;

use crate::finding::Finding;
use crate::graph::Graph;
use crate::repo::Repo;

/// Checks everything and prints what it found. An error if there is any finding.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let repo = Repo::load(root)?;
    let graph = Graph::load(root)?;
    let findings = check(&repo, &graph);
    for finding in &findings {
        println!("{finding}");
    }
    println!(
        "tidy: {}, {}",
        files::summary(&repo),
        counted(findings.len(), "finding")
    );
    if findings.is_empty() {
        Ok(())
    } else {
        Err("the rules are in ARCHITECTURE.md".to_owned())
    }
}

fn check(repo: &Repo, graph: &Graph) -> Vec<Finding> {
    let mut findings = [
        arrows::check(repo, graph),
        purity::check(repo, graph),
        files::check(repo),
        attributes::check(repo),
        sleeps::check(repo),
        links::check(repo),
        codes::check(repo),
        exit_codes::check(repo),
        variables::check(repo),
        semantics::check(repo),
        leaks::check(repo),
    ]
    .concat();
    findings.sort();
    findings.dedup();
    findings
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Asserts what a check finds, each finding as it is printed.
#[cfg(test)]
fn assert_findings(findings: &[Finding], expected: &[&str]) {
    assert_eq!(
        findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        expected
    );
}
