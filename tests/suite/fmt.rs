//! `runbook fmt`: one way of writing, and never another meaning.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use runbook_document::{Findings, SourceId, parse};
use serde_json::Value;

use crate::harness::{Ended, Project, cases, repository};

const UNTIDY: &str = "apiVersion:   runbook/v1   # the format\nname: small\nversion: 1.0.0\ntitle:  'Small'\n\n\n\nsteps:\n    \
    - {id: a,  exec: [ echo, one ],effect: read}   # first\n";
const TIDY: &str = "apiVersion: runbook/v1     # the format\nname: small\nversion: 1.0.0\ntitle: \"Small\"\n\nsteps:\n  \
    - {id: a, exec: [echo, one], effect: read}       # first\n";

fn read(project: &Project, path: &str) -> String {
    fs::read_to_string(project.path(path)).unwrap()
}

fn piped(project: &Project, args: &[&str], text: &[u8]) -> Ended {
    let mut command = project.command(env!("CARGO_BIN_EXE_runbook"), args);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    Ended::of(&child.wait_with_output().unwrap())
}

/// What a text says, without places.
fn meaning(text: &str) -> Value {
    let mut findings = Findings::new();
    let tree = parse(SourceId(0), text, &mut findings).unwrap();
    tree.to_json()
}

#[test]
fn the_files_of_the_project_are_formatted() {
    let project = Project::empty()
        .with("runbooks/deep/a.yaml", UNTIDY)
        .with("runbooks/b.yml", TIDY)
        .with("runbook.config.yaml", "environments:  {}\n")
        .with("elsewhere/c.yaml", UNTIDY);
    let ended = project.run(&["fmt"]).expect(0);
    assert_eq!(ended.stderr, "");
    ended.says(&[
        "formatted runbooks/deep/a.yaml",
        "formatted runbook.config.yaml",
        "3 files: 2 changed",
    ]);
    assert_eq!(read(&project, "runbooks/deep/a.yaml"), TIDY);
    assert_eq!(read(&project, "runbook.config.yaml"), "environments: {}\n");
    assert_eq!(read(&project, "elsewhere/c.yaml"), UNTIDY);
    project
        .run(&["fmt"])
        .expect(0)
        .says(&["3 files: all are formatted"]);
    project
        .run(&["fmt", "deep"])
        .expect(0)
        .says(&["1 file: all are formatted"]);
    project
        .run(&["fmt", "elsewhere", "deep/a"])
        .expect(0)
        .says(&["2 files: 1 changed"]);
    assert_eq!(read(&project, "elsewhere/c.yaml"), TIDY);
    project
        .run(&["fmt", "no-such"])
        .expect(2)
        .says(&["there is no runbook `no-such`"]);
    Project::empty()
        .run(&["fmt"])
        .expect(2)
        .says(&["nothing was formatted"]);
}

#[test]
fn a_check_shows_what_would_change_and_changes_nothing() {
    let project = Project::empty()
        .with("runbooks/a.yaml", UNTIDY)
        .with("runbooks/b.yaml", TIDY);
    let ended = project.run(&["fmt", "--check"]).expect(1);
    let ended = ended.says(&[
        "runbooks/a.yaml would change",
        "-title:  'Small'",
        "+title: \"Small\"",
        "2 files: 1 would",
    ]);
    assert!(!ended.stdout.contains("b.yaml"), "{}", ended.stdout);
    assert_eq!(read(&project, "runbooks/a.yaml"), UNTIDY);
    project.run(&["fmt"]).expect(0);
    project
        .run(&["fmt", "--check"])
        .expect(0)
        .says(&["2 files: all are formatted"]);
    // A long difference is cut.
    let long: Vec<String> = (0..300).map(|at| format!("k{at}:   1")).collect();
    let long = long.join("\n");
    let project = Project::empty().with("long.yaml", &long);
    let ended = project
        .run(&["fmt", "--check", "long.yaml"])
        .expect(1)
        .says(&["more lines"]);
    assert!(ended.stdout.lines().count() < 60, "{}", ended.stdout);
}

#[test]
fn the_standard_input_goes_to_the_output() {
    let project = Project::empty();
    let ended = piped(&project, &["fmt", "-"], UNTIDY.as_bytes()).expect(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), (TIDY, ""));
    let ended = piped(&project, &["fmt", "-"], TIDY.as_bytes()).expect(0);
    assert_eq!(ended.stdout, TIDY);
    piped(&project, &["fmt", "--check", "-"], UNTIDY.as_bytes())
        .expect(1)
        .says(&["+title: \"Small\""]);
    let ended = piped(&project, &["fmt", "--check", "-"], TIDY.as_bytes()).expect(0);
    assert_eq!(ended.stdout, "");
    let ended = piped(&project, &["fmt", "-"], b"a: [1\n")
        .expect(2)
        .says(&["RB0101", "standard input:1"]);
    assert_eq!(ended.stdout, "");
    piped(&project, &["fmt", "-"], b"a: \xff\n")
        .expect(2)
        .says(&["UTF-8"]);
    piped(&project, &["fmt", "-", "x"], b"")
        .expect(2)
        .says(&["stands alone"]);
}

#[test]
fn what_is_no_yaml_is_reported_and_left_alone() {
    let project = Project::empty()
        .with("runbooks/a.yaml", UNTIDY)
        .with("runbooks/b.yaml", "name: [small\n")
        .with("runbooks/c.yaml", "name:   one\nname: two\n")
        .with("runbooks/d.yaml", "a: |+\n  x\n\n\n\nb:   1\n")
        .with("runbooks/f.yaml", "a:\n  - {b: c\nd, e: 1}\n");
    fs::write(project.path("runbooks/e.yaml"), b"a: \xff").unwrap();
    let ended = project.run(&["fmt"]).expect(2);
    let ended = ended.says(&[
        "RB0101",
        "b.yaml:1:",
        "RB0102",
        "5 left alone",
        "formatted runbooks/a.yaml",
    ]);
    ended.says(&[
        "formatting `runbooks/d.yaml` would not keep its values",
        "formatting cannot read `runbooks/f.yaml` (parse error at line 2, column 3)",
        "UTF-8",
    ]);
    assert_eq!(
        read(&project, "runbooks/a.yaml"),
        TIDY,
        "the others are formatted"
    );
    assert_eq!(read(&project, "runbooks/b.yaml"), "name: [small\n");
    assert_eq!(read(&project, "runbooks/c.yaml"), "name:   one\nname: two\n");
    assert_eq!(read(&project, "runbooks/d.yaml"), "a: |+\n  x\n\n\n\nb:   1\n");
    // What the language does not know is not this command's to judge.
    let project = Project::empty().with("runbooks/a.yaml", "colour:   red\n");
    project.run(&["fmt"]).expect(0);
    assert_eq!(read(&project, "runbooks/a.yaml"), "colour: red\n");
}

#[test]
fn a_file_keeps_its_mode_and_a_link_its_target() {
    let project = Project::empty()
        .with("real/a.yaml", UNTIDY)
        .with("runbooks/x", "");
    let path = project.path("real/a.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("../real/a.yaml", project.path("runbooks/a.yaml")).unwrap();
    project.run(&["fmt"]).expect(0);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(read(&project, "real/a.yaml"), TIDY);
    assert!(
        fs::symlink_metadata(project.path("runbooks/a.yaml"))
            .unwrap()
            .is_symlink()
    );
    let left: Vec<_> = fs::read_dir(project.path("real")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside it");
}

fn yaml_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn all_runbooks_of_the_repository_can_be_formatted_and_mean_the_same() {
    let project = Project::empty();
    let mut files = vec![repository().join("runbook.config.yaml")];
    for folder in ["runbooks", "examples"] {
        yaml_below(&repository().join(folder), &mut files);
    }
    let shipped = files.len();
    for case in ["ok", "failed"].iter().flat_map(|kind| cases(kind)) {
        yaml_below(&case, &mut files);
    }
    assert!(files.len() > shipped + 10, "{files:?}");
    for (at, path) in files.iter().enumerate() {
        let before = fs::read_to_string(path).unwrap();
        let after = piped(&project, &["fmt", "-"], before.as_bytes()).expect(0).stdout;
        assert_eq!(meaning(&before), meaning(&after), "{}", path.display());
        let again = piped(&project, &["fmt", "-"], after.as_bytes()).expect(0).stdout;
        assert_eq!(again, after, "twice is once: {}", path.display());
        let comments = |text: &str| {
            text.lines()
                .filter(|line| line.trim_start().starts_with('#'))
                .count()
        };
        assert_eq!(comments(&before), comments(&after), "{}", path.display());
        if at < shipped {
            assert_eq!(after, before, "{} is formatted", path.display());
        }
    }
}
