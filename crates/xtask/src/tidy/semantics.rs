//! Every rule in the book's page about what running does names tests, and every test that it names exists.

use crate::finding::Finding;
use crate::markdown;
use crate::repo::Repo;

const PAGE: &str = "book/src/semantics.md";
/// The program's own tests are not below its crate.
const PROGRAM: &str = "program";
/// What stands in place of tests where a part is not there.
const NOT_YET: &str = "not yet";

/// Looks up each test: `crate::file::name`, without the common prefix of the crates.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let Some(page) = repo.text(PAGE) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let mut tests = 0;
    for (index, line) in page.lines().enumerate() {
        let Some(cells) = rule(line) else { continue };
        let named = tests_of(cells);
        if named.is_empty() && !cells.to_lowercase().contains(NOT_YET) {
            let message = format!("a rule names its tests, or says `{NOT_YET}`");
            findings.push(Finding::new(PAGE, index + 1, message));
        }
        tests += named.len();
        for test in named.iter().filter(|test| !exists(repo, test)) {
            findings.push(Finding::new(
                PAGE,
                index + 1,
                format!("there is no test `{test}`"),
            ));
        }
    }
    if tests == 0 {
        findings.push(Finding::new(PAGE, 1, "the page names no test"));
    }
    findings
}

/// The last cell of a row whose first cell is the number of a rule.
fn rule(line: &str) -> Option<&str> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let (first, _) = row.split_once('|')?;
    let number = markdown::plain(first);
    let is_rule = number.contains(|char: char| char.is_ascii_digit());
    row.rsplit_once('|').map(|(_, last)| last).filter(|_| is_rule)
}

/// The words in backticks that are paths.
fn tests_of(cell: &str) -> Vec<&str> {
    let words = cell.split('`').skip(1).step_by(2);
    words.filter(|word| word.contains("::")).collect()
}

fn exists(repo: &Repo, test: &str) -> bool {
    let parts: Vec<&str> = test.split("::").collect();
    let [place, modules @ .., name] = parts.as_slice() else {
        return false;
    };
    let below = if *place == PROGRAM {
        "tests/suite/".to_owned()
    } else {
        format!("crates/runbook-{place}/")
    };
    let module = modules.join("/");
    let ends = [format!("/{module}.rs"), format!("/{module}/mod.rs")];
    let declared = format!("fn {name}(");
    repo.ending(".rs").any(|(path, text)| {
        path.starts_with(&below)
            && ends.iter().any(|end| path.ends_with(end.as_str()))
            && text.contains(&declared)
    })
}

#[cfg(test)]
mod tests {
    use super::super::assert_findings;
    use super::*;

    fn found(page: &str) -> Vec<Finding> {
        check(&Repo::of(&[
            (PAGE, page),
            (
                "crates/runbook-engine/tests/engine/loops.rs",
                "fn one_by_one() {}\n",
            ),
            (
                "crates/runbook-engine/tests/engine/peers/rundeck.rs",
                "fn a_kill() {}\n",
            ),
            ("tests/suite/signals.rs", "fn twice() {}\n"),
        ]))
    }

    #[test]
    fn tests_that_are_there_pass() {
        let page = "\
| no | rule | tests |
|-|-|-|
| S1 | One by one. | `engine::loops::one_by_one`, `engine::peers::rundeck::a_kill`, `program::signals::twice` |
| S2 | People. | Not yet. |
| word | meaning | none |
";
        assert_findings(&found(page), &[]);
    }

    #[test]
    fn what_is_not_there_and_what_names_none_is_found() {
        let page = "| S1 | One by one. | `engine::loops::one_by_two`, `engine::rounds::one_by_one` |\n| S2 | All. | |\n";
        assert_findings(
            &found(page),
            &[
                "book/src/semantics.md:1: there is no test `engine::loops::one_by_two`",
                "book/src/semantics.md:1: there is no test `engine::rounds::one_by_one`",
                "book/src/semantics.md:2: a rule names its tests, or says `not yet`",
            ],
        );
        assert_findings(
            &found("Words."),
            &["book/src/semantics.md:1: the page names no test"],
        );
    }
}
