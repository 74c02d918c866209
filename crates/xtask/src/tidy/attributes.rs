//! A lint is silenced by `#[expect(…, reason = "…")]`, which complains once it is not needed; never by `allow`.

use crate::finding::Finding;
use crate::repo::Repo;
use crate::rust_code::blank;

const ATTRIBUTES: [&str; 2] = ["#[allow(", "#![allow("];

/// Checks every Rust file. Clippy's `allow_attributes` says the same, where it is switched on.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repo.ending(".rs") {
        let code = blank(text);
        for (index, line) in code.lines().enumerate() {
            if ATTRIBUTES.iter().any(|attribute| line.contains(attribute)) {
                findings.push(Finding::new(
                    path,
                    index + 1,
                    "`allow`: use `#[expect(…, reason = \"…\")]`",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::assert_findings;
    use super::*;

    #[test]
    fn an_allow_is_found_in_code_only() {
        let text = "#![allow(dead_code)]\n// #[allow(x)]\nlet a = \"#[allow(x)]\";\n    #[allow(b)] fn c() {}\n#[expect(d)]\n";
        assert_findings(
            &check(&Repo::of(&[("crates/a/src/lib.rs", text)])),
            &[
                "crates/a/src/lib.rs:1: `allow`: use `#[expect(…, reason = \"…\")]`",
                "crates/a/src/lib.rs:4: `allow`: use `#[expect(…, reason = \"…\")]`",
            ],
        );
    }
}
