//! Every environment variable that the program knows is in the book.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Finding;
use crate::repo::Repo;
use crate::rust_code::is_word;

const PREFIX: &str = "RUNBOOK_";

/// Looks for each variable that our sources mention in the pages of the book.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let pages = repo
        .ending(".md")
        .filter(|(path, _)| path.starts_with("book/src/"));
    let documented: BTreeSet<&str> = pages.flat_map(|(_, text)| variables(text)).collect();
    let mut used = BTreeMap::new();
    for (path, number, line) in repo.source_lines() {
        for variable in variables(line) {
            used.entry(variable).or_insert((path, number));
        }
    }
    let missing = used
        .into_iter()
        .filter(|(variable, _)| !documented.contains(variable));
    missing
        .map(|(variable, (path, line))| {
            Finding::new(path, line, format!("`{variable}` is on no page of the book"))
        })
        .collect()
}

fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(PREFIX).filter_map(|(at, _)| {
        let (before, tail) = text.split_at(at);
        let name = tail.split(|char| !is_word(char)).next().unwrap_or_default();
        (!before.ends_with(is_word) && name.len() > PREFIX.len()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::super::assert_findings;
    use super::*;

    #[test]
    fn a_variable_needs_a_page() {
        let repo = Repo::of(&[
            (
                "crates/a/src/lib.rs",
                "//! A.\n\"RUNBOOK_COLOUR\" \"RUNBOOK_HOME\"\n// MY_RUNBOOK_X, RUNBOOK_\n",
            ),
            ("crates/xtask/src/main.rs", "RUNBOOK_TEST"),
            (
                "book/src/environment.md",
                "`RUNBOOK_HOME_DIRECTORY` and `RUNBOOK_COLOUR`",
            ),
            ("README.md", "`RUNBOOK_HOME`"),
        ]);
        assert_findings(
            &check(&repo),
            &["crates/a/src/lib.rs:2: `RUNBOOK_HOME` is on no page of the book"],
        );
    }
}
