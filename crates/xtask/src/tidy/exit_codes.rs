//! The book's table of exit codes is that of the program.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::markdown;
use crate::repo::Repo;

const CRATE: &str = "runbook-event";
const SOURCE: &str = "crates/runbook-event/src/outcome.rs";
const PAGE: &str = "book/src/exit-codes.md";
/// Nothing ran, so there is no outcome: wrong usage, an invalid runbook, a wrong input.
const REFUSED: u8 = 2;

/// Each outcome's word, where it stands, and its code.
type Codes = BTreeMap<String, (usize, u8)>;

/// Compares `Outcome::exit_code` with the page.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    if !repo.crates().contains(CRATE) {
        return Vec::new();
    }
    let Some(source) = repo.text(SOURCE) else {
        return vec![Finding::new(
            SOURCE,
            1,
            "the file with `Outcome::exit_code` is missing",
        )];
    };
    let in_source = of_source(source);
    if in_source.is_empty() {
        return vec![Finding::new(
            SOURCE,
            1,
            "`exit_code` has no line of the form `Self::Name => 0,`",
        )];
    }
    let Some(page) = repo.text(PAGE) else {
        return vec![Finding::new(PAGE, 1, "the page about exit codes is missing")];
    };
    compare(&in_source, &of_page(page))
}

fn compare(in_source: &Codes, in_page: &Codes) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (word, (line, code)) in in_source {
        match in_page.get(word) {
            None => findings.push(Finding::new(
                SOURCE,
                *line,
                format!("`{word}` has no row in `{PAGE}`"),
            )),
            Some((row, other)) if other != code => {
                let message = format!("`{word}` is {other} here and {code} in `{SOURCE}`");
                findings.push(Finding::new(PAGE, *row, message));
            }
            Some(_) => {}
        }
    }
    let unknown = in_page
        .iter()
        .filter(|(word, (_, code))| !in_source.contains_key(*word) && *code != REFUSED);
    findings.extend(unknown.map(|(word, (row, code))| {
        Finding::new(
            PAGE,
            *row,
            format!("`{word}` with {code} is no outcome in `{SOURCE}`"),
        )
    }));
    findings
}

/// The lines `Self::Name => N,` of the function `exit_code`.
fn of_source(source: &str) -> Codes {
    let lines = source
        .lines()
        .enumerate()
        .skip_while(|(_, line)| !line.contains("fn exit_code("));
    let body = lines.skip(1).take_while(|(_, line)| !line.contains("fn "));
    let arms = body.filter_map(|(index, line)| {
        let (name, code) = line.trim().strip_prefix("Self::")?.split_once(" => ")?;
        Some((
            snake_case(name),
            (index + 1, code.trim_end_matches(',').parse().ok()?),
        ))
    });
    arms.collect()
}

/// The rows of the page's table: the first cell is the outcome, and some cell is a number.
fn of_page(page: &str) -> Codes {
    let rows = markdown::table(page, "outcome")
        .into_iter()
        .filter_map(|(line, row)| {
            let cells: Vec<String> = row.iter().map(|cell| markdown::plain(cell)).collect();
            let code = cells.iter().find_map(|cell| cell.parse().ok())?;
            Some((cells.first()?.clone(), (line, code)))
        });
    rows.collect()
}

fn snake_case(name: &str) -> String {
    let mut word = String::new();
    for char in name.chars() {
        if char.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.extend(char.to_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::super::assert_findings;
    use super::*;

    const OUTCOME: &str = "\
impl Outcome {
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Resolved => 0,
            Self::NotNeeded => 3,
        }
    }
    pub const fn word(self) -> &'static str {
        match self { Self::Other => 9, }
";

    fn found(page: &str) -> Vec<Finding> {
        check(&Repo::of(&[(SOURCE, OUTCOME), (PAGE, page)]))
    }

    #[test]
    fn a_page_with_every_outcome_passes() {
        let page = "| outcome | exit | when |\n|-|-|-|\n| `resolved` | 0 | |\n| refused | 2 | |\n| `not_needed` | `3` | |\n";
        assert_findings(&found(page), &[]);
    }

    #[test]
    fn what_differs_is_found_on_both_sides() {
        let page = "| Outcome | exit |\n|-|-|\n| `resolved` | 1 |\n| `lost` | 7 |\n";
        assert_findings(
            &found(page),
            &[
                "crates/runbook-event/src/outcome.rs:5: `not_needed` has no row in `book/src/exit-codes.md`",
                "book/src/exit-codes.md:3: `resolved` is 1 here and 0 in `crates/runbook-event/src/outcome.rs`",
                "book/src/exit-codes.md:4: `lost` with 7 is no outcome in `crates/runbook-event/src/outcome.rs`",
            ],
        );
    }

    #[test]
    fn a_missing_file_is_a_finding_once_the_crate_is_there() {
        assert_findings(&check(&Repo::of(&[])), &[]);
        let manifest = ("crates/runbook-event/Cargo.toml", "");
        assert_findings(
            &check(&Repo::of(&[manifest])),
            &["crates/runbook-event/src/outcome.rs:1: the file with `Outcome::exit_code` is missing"],
        );
        assert_findings(
            &check(&Repo::of(&[manifest, (SOURCE, OUTCOME)])),
            &["book/src/exit-codes.md:1: the page about exit codes is missing"],
        );
        assert_findings(
            &check(&Repo::of(&[manifest, (SOURCE, "")])),
            &[
                "crates/runbook-event/src/outcome.rs:1: `exit_code` has no line of the form `Self::Name => 0,`",
            ],
        );
    }
}
