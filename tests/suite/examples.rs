//! The reports in `examples/reports` are what the program makes of the runs that are kept beside them, byte for byte.
//!
//! `WRITE_EXAMPLES=1 cargo test -p runbook-cli --test suite examples` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Project, repository};

/// The formats, and what the reports in them are called.
const FORMATS: [(&str, &str); 3] = [
    ("md", "report.md"),
    ("json", "report.json"),
    ("html", "report.html"),
];

/// The folders of the examples, each with the one run that is kept in it.
fn examples() -> Vec<(PathBuf, String)> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    };
    let examples = folders(&repository().join("examples/reports"));
    let examples = examples.into_iter().map(|example| {
        let runs = folders(&example);
        assert_eq!(runs.len(), 1, "{}", example.display());
        let name = runs[0].file_name().unwrap().to_str().unwrap().to_owned();
        (example, name)
    });
    examples.collect()
}

/// A project with this run among its own.
fn with_run(example: &Path, run: &str) -> Project {
    let project = Project::empty();
    let from = example.join(run);
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(from.join(&below)).unwrap() {
            let entry = entry.unwrap();
            let path = below.join(entry.file_name());
            if entry.path().is_dir() {
                open.push(path);
                continue;
            }
            let to = project.path(".runbook/runs").join(run).join(&path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(entry.path(), to).unwrap();
        }
    }
    project
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever changes the report says by this variable that the examples are to be written anew"
)]
fn writes() -> bool {
    std::env::var_os("WRITE_EXAMPLES").is_some()
}

#[test]
fn the_reports_are_made_anew_byte_for_byte() {
    let examples = examples();
    assert_eq!(examples.len(), 3);
    let writes = writes();
    for (example, run) in examples {
        let project = with_run(&example, &run);
        project.run(&["verify", &run]).expect(0);
        for (format, name) in FORMATS {
            let made = project
                .run(&["report", &run, "--format", format])
                .expect(0)
                .stdout;
            let path = example.join(name);
            if writes {
                fs::write(&path, &made).unwrap();
            }
            let kept = fs::read_to_string(&path).unwrap();
            assert!(
                kept == made,
                "{} is behind: WRITE_EXAMPLES=1 cargo test -p runbook-cli --test suite examples",
                path.display()
            );
        }
    }
}

#[test]
fn each_example_ended_as_its_folder_says() {
    for (example, run) in examples() {
        let report = with_run(&example, &run)
            .run(&["report", &run, "--format", "json"])
            .expect(0)
            .json();
        let folder = example.file_name().unwrap().to_str().unwrap().replace('-', "_");
        assert_eq!(report["outcome"], folder.as_str());
    }
}
