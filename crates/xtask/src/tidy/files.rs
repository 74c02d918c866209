//! Every Rust file opens with a `//!` and is of a length that one reads in one sitting.

use crate::finding::Finding;
use crate::repo::Repo;

const MAX_LINES: usize = 700;

/// Checks the first line and the length of each file.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repo.ending(".rs") {
        let first = text
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        if !first.starts_with("//!") {
            findings.push(Finding::new(path, 1, "begins without `//!`: say what lives here"));
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            let message = format!("{lines} lines, and at most {MAX_LINES} are allowed: split it by subject");
            findings.push(Finding::new(path, lines, message));
        }
    }
    findings
}

/// How many Rust files there are, and their median length.
pub(super) fn summary(repo: &Repo) -> String {
    let mut lengths: Vec<usize> = repo.ending(".rs").map(|(_, text)| text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
    let longest = lengths.last().copied().unwrap_or_default();
    format!(
        "{} Rust files, median {median} lines, longest {longest}",
        lengths.len()
    )
}

#[cfg(test)]
mod tests {
    use super::super::assert_findings;
    use super::*;

    #[test]
    fn a_file_without_a_header_and_a_long_one_are_found() {
        let long = format!("\n//! Long.\n{}", "\n".repeat(699));
        let fits = format!("//! Fits.\n{}", "\n".repeat(699));
        let repo = Repo::of(&[
            ("crates/a/src/bare.rs", "use std::fmt;\n//! too late\n"),
            ("crates/a/src/empty.rs", ""),
            ("crates/a/src/fits.rs", &fits),
            ("crates/a/src/long.rs", &long),
            ("crates/a/README.md", "anything"),
        ]);
        assert_findings(
            &check(&repo),
            &[
                "crates/a/src/bare.rs:1: begins without `//!`: say what lives here",
                "crates/a/src/empty.rs:1: begins without `//!`: say what lives here",
                "crates/a/src/long.rs:701: 701 lines, and at most 700 are allowed: split it by subject",
            ],
        );
        assert_eq!(summary(&repo), "4 Rust files, median 700 lines, longest 701");
    }
}
