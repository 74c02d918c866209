//! Every error code has a page in the book, and every page a code that is still in use.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::repo::Repo;
use crate::rust_code::is_word;

const PAGES: &str = "book/src/codes/";
const SUMMARY: &str = "book/src/SUMMARY.md";

/// Compares the codes in our sources with the pages and with the book's table of contents.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let used = used(repo);
    let mut findings = Vec::new();
    for (code, (path, line)) in &used {
        let page = format!("{PAGES}{code}.md");
        if !repo.has(&page) {
            findings.push(Finding::new(
                path,
                *line,
                format!("`{code}` has no page `{page}`"),
            ));
        }
    }
    let summary = repo.text(SUMMARY).unwrap_or_default();
    for (page, _) in repo.ending(".md") {
        let name = page.strip_prefix(PAGES).and_then(|name| name.strip_suffix(".md"));
        let Some(code) = name.filter(|name| code_at(name) == Some(name)) else {
            continue;
        };
        if !used.contains_key(code) {
            findings.push(Finding::new(
                page,
                1,
                format!("nothing in `crates/` reports `{code}`"),
            ));
        }
        if !summary.contains(&format!("(codes/{code}.md)"))
            && !summary.contains(&format!("(./codes/{code}.md)"))
        {
            findings.push(Finding::new(page, 1, format!("not listed in `{SUMMARY}`")));
        }
    }
    findings
}

/// Each code that our sources mention, and its first place.
fn used(repo: &Repo) -> BTreeMap<&str, (&str, usize)> {
    let mut used = BTreeMap::new();
    for (path, number, line) in repo.source_lines() {
        for code in codes(line) {
            used.entry(code).or_insert((path, number));
        }
    }
    used
}

fn codes(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("RB").filter_map(|(at, _)| {
        let (before, tail) = line.split_at(at);
        if before.ends_with(is_word) {
            None
        } else {
            code_at(tail)
        }
    })
}

/// The code at the start of a text: `RB` and four digits.
fn code_at(text: &str) -> Option<&str> {
    let (code, after) = text.split_at_checked(6)?;
    let digits = code.strip_prefix("RB")?;
    (digits.chars().all(|char| char.is_ascii_digit()) && !after.starts_with(is_word)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::super::assert_findings;
    use super::*;

    #[test]
    fn codes_and_pages_match() {
        let repo = Repo::of(&[
            (
                "crates/a/src/lib.rs",
                "//! A.\nconst A: &str = \"RB0101\"; // RB01012, xRB0103, RB010\n\"RB0102\"\n",
            ),
            ("crates/xtask/src/main.rs", "\"RB0999\""),
            ("book/src/codes/RB0101.md", ""),
            ("book/src/codes/RB0104.md", ""),
            ("book/src/codes/index.md", ""),
            (SUMMARY, "- [RB0101](codes/RB0101.md)\n"),
        ]);
        assert_findings(
            &check(&repo),
            &[
                "crates/a/src/lib.rs:3: `RB0102` has no page `book/src/codes/RB0102.md`",
                "book/src/codes/RB0104.md:1: nothing in `crates/` reports `RB0104`",
                "book/src/codes/RB0104.md:1: not listed in `book/src/SUMMARY.md`",
            ],
        );
    }
}
