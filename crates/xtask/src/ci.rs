//! `cargo xtask ci`: everything that must pass before a change is merged, cheap stages first.
//!
//! All stages build with the dev profile, so dependencies compile once for the tests and once, without code, for
//! clippy. The tests come last, so that their summary is what one sees at the end.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::{program, setup, tidy};

/// What a stage runs: a command of this program, or of cargo.
#[derive(Clone, Copy)]
enum Runs {
    Setup,
    Tidy,
    Cargo(&'static str),
}

const STAGES: [(&str, Runs); 7] = [
    ("setup", Runs::Setup),
    ("format", Runs::Cargo("fmt --all --check")),
    ("tidy", Runs::Tidy),
    (
        "licences",
        Runs::Cargo("deny --locked check --hide-inclusion-graph bans licenses sources"),
    ),
    (
        "clippy",
        Runs::Cargo("clippy --workspace --all-targets --locked -- -D warnings"),
    ),
    (
        "doc tests",
        Runs::Cargo("test --doc --workspace --locked --quiet"),
    ),
    ("tests", Runs::Cargo("nextest run --workspace --locked")),
];

impl Runs {
    fn shown(self) -> String {
        match self {
            Self::Setup => "cargo xtask setup".to_owned(),
            Self::Tidy => "cargo xtask tidy".to_owned(),
            Self::Cargo(arguments) => format!("cargo {arguments}"),
        }
    }

    fn run(self, root: &Path) -> Result<(), String> {
        match self {
            Self::Setup => setup::run(root),
            Self::Tidy => tidy::run(root),
            Self::Cargo(arguments) => {
                program::run(program::cargo().current_dir(root).args(arguments.split(' ')))
            }
        }
    }
}

/// Runs the stages in order, up to the first that fails, and prints how long each took.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let mut rows = Vec::new();
    let mut failure = None;
    for (name, runs) in STAGES {
        println!("\n── {name}: {}", runs.shown());
        let start = Instant::now();
        let done = runs.run(root);
        let row = row(name, done.is_ok(), start.elapsed());
        println!("── {row}");
        rows.push(row);
        if let Err(message) = done {
            failure = Some(format!("ci stopped at {name}: {message}"));
            break;
        }
    }
    println!("\n{}", rows.join("\n"));
    failure.map_or(Ok(()), Err)
}

/// The stages, one a line, with what each runs.
pub(crate) fn list() -> String {
    STAGES
        .map(|(name, runs)| format!("{name:<10} {}\n", runs.shown()))
        .concat()
}

fn row(name: &str, passed: bool, took: Duration) -> String {
    format!(
        "{name:<10} {:<6} {:>7.1} s",
        if passed { "ok" } else { "FAILED" },
        took.as_secs_f64()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_listed_with_what_they_run() {
        let list = list();
        assert_eq!(list.lines().count(), STAGES.len());
        assert!(list.contains("tidy       cargo xtask tidy\n"), "{list}");
        assert!(
            list.ends_with("tests      cargo nextest run --workspace --locked\n"),
            "{list}"
        );
    }

    #[test]
    fn rows_line_up() {
        assert_eq!(
            row("tidy", true, Duration::from_millis(340)),
            "tidy       ok         0.3 s"
        );
        assert_eq!(
            row("doc tests", false, Duration::from_mins(20)),
            "doc tests  FAILED  1200.0 s"
        );
    }

    #[test]
    fn every_cargo_stage_that_resolves_keeps_the_lock_file() {
        for (name, runs) in STAGES {
            if let Runs::Cargo(arguments) = runs {
                assert!(arguments.contains("--locked") || name == "format", "{name}");
            }
        }
    }
}
