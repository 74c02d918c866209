//! No text makes the program panic, and no finding points outside its text.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::match_wild_err_arm,
    reason = "a test: a file that is not there fails it, its figure is for whoever runs the long form, and what a panic \
              carries has been printed"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use runbook_fuzz::{Mutant, Parts, read};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files below a folder with this ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What is changed: the runbooks of the repository, and what searches have found.
fn seeds() -> Vec<String> {
    let root = repository();
    let mut seeds = Vec::new();
    for folder in ["runbooks", "examples", "tests/cases"] {
        seeds.extend(files(&root.join(folder), ".yaml"));
    }
    seeds.extend(files(&root.join("tests/fuzz/corpus"), ""));
    let texts = seeds.iter().filter_map(|path| fs::read_to_string(path).ok());
    texts.filter(|text| text.len() < 20_000).collect()
}

#[test]
fn what_searches_have_found_is_read_without_a_panic() {
    let corpus = files(&repository().join("tests/fuzz/corpus"), "");
    assert!(corpus.len() > 100, "{} files", corpus.len());
    for path in corpus {
        drop(read(&fs::read(&path).unwrap()));
    }
}

#[test]
fn mutants_are_read_without_a_panic() {
    search(1, 3_000);
}

/// The long form: `cargo test --release -p runbook-fuzz -- --ignored --nocapture`.
#[test]
#[ignore = "a million texts take some minutes"]
fn a_million_mutants_are_read_without_a_panic() {
    search(2, 1_000_000);
}

fn search(seed: u64, count: u32) {
    let seeds = seeds();
    let mut mutant = Mutant::new(seed);
    let parts = Parts::new(&seeds);
    let mut found = 0;
    #[expect(
        clippy::disallowed_methods,
        reason = "the figure is printed, and decides nothing"
    )]
    let start = Instant::now();
    for number in 0..count {
        // Half of them are changed as text, and half in what they say, so that they are read to the end.
        let text = if number % 2 == 0 {
            mutant.change(&seeds)
        } else {
            parts.change(&mut mutant)
        };
        match std::panic::catch_unwind(|| read(text.as_bytes())) {
            Ok(findings) => found += findings.len(),
            Err(_) => panic!("text {number} of seed {seed}:\n{text}"),
        }
    }
    println!(
        "{count} texts from {} seeds, {found} findings, {:?}",
        seeds.len(),
        start.elapsed()
    );
}
