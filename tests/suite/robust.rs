//! Hostile files: a clear answer, in bounded memory, and in time that grows with the file and not faster.
//!
//! Each is checked with at most 1 GiB of memory. What takes longer than the test's own limit fails by that: files of this
//! size took minutes where something was looked for in everything before it.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::{Ended, Project};

const HEAD: &str = "apiVersion: runbook/v1\nname: hostile\nversion: 1.0.0\ntitle: Hostile\n";
const STEP: &str = "steps: [{id: one, shell: 'true', effect: read}]\n";

/// Checks a path with little memory.
fn check(project: &Project, path: &str) -> Ended {
    let program = env!("CARGO_BIN_EXE_runbook");
    let line = format!("ulimit -v 1048576 && exec '{program}' check '{path}'");
    let output = project.command("bash", &["-c", &line]).output();
    Ended::of(&output.expect("there is a shell"))
}

/// What is said of a text.
fn said(text: &str) -> Ended {
    check(&Project::empty().with("hostile.yaml", text), "hostile.yaml")
}

/// The head of a runbook, many lines, and the rest.
fn many(before: &str, line: impl Fn(usize) -> String, count: usize, rest: &str) -> String {
    let mut text = format!("{HEAD}{before}");
    (0..count).for_each(|at| text.push_str(&line(at)));
    text + rest
}

#[test]
fn bombs_of_aliases() {
    let mut bomb = format!("{HEAD}labels:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        let _ = writeln!(bomb, "  a{level}: &a{level} [{items}]");
    }
    said(&bomb)
        .expect(2)
        .says(&["RB0103", "aliases expand to more than"]);
    let long = format!(
        "a: &a \"{}\"\nb: [{}]\n",
        "x".repeat(3_000_000),
        vec!["*a"; 100_000].join(", ")
    );
    said(&long)
        .expect(2)
        .says(&["RB0103", "anchors and aliases stand for more than"]);
    said("a: &a [*a]\n").expect(2).says(&["RB0101"]);
}

#[test]
fn brackets_within_brackets() {
    for text in [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        format!("{HEAD}steps: {}", "{a: ".repeat(50_000)),
    ] {
        said(&text).expect(2).says(&["RB0103", "levels deep"]);
    }
}

#[test]
fn files_that_are_too_large_or_no_text() {
    let project = Project::empty();
    let large = project.path("large.yaml");
    let file = fs::File::create(&large).unwrap();
    file.set_len(50 << 20).unwrap();
    check(&project, "large.yaml")
        .expect(2)
        .says(&["RB0103", "52428800 bytes"]);
    fs::write(
        project.path("latin.yaml"),
        [HEAD.as_bytes(), b"summary: caf\xe9\n"].concat(),
    )
    .unwrap();
    check(&project, "latin.yaml")
        .expect(2)
        .says(&["RB0101", "not UTF-8", "latin.yaml:5"]);
    fs::write(project.path("zero.yaml"), [0; 4096]).unwrap();
    check(&project, "zero.yaml").expect(2).says(&["RB0101"]);
    fs::create_dir(project.path("folder.yaml")).unwrap();
    check(&project, "folder.yaml")
        .expect(2)
        .says(&["no runbooks here"]);
    check(&project, "not-there.yaml")
        .expect(2)
        .says(&["there is no runbook `not-there.yaml`"]);
}

#[test]
fn links_that_lead_back() {
    let project = Project::empty().with("runbooks/one.yaml", &format!("{HEAD}{STEP}"));
    symlink("..", project.path("runbooks/up")).unwrap();
    symlink("here.yaml", project.path("runbooks/here.yaml")).unwrap();
    let ended = check(&project, "runbooks");
    assert!(ended.all().contains("here.yaml"), "{}", ended.all());
    fs::remove_file(project.path("runbooks/here.yaml")).unwrap();
    check(&project, "runbooks")
        .expect(0)
        .says(&["1 runbook: 0 errors"]);
}

#[test]
fn ends_of_lines_and_tabs() {
    let text = format!("{HEAD}steps:\n  - id: one\n    shell: |\n      true\n    effect: read\n");
    said(&text.replace('\n', "\r\n")).expect(0);
    said(&format!("{HEAD}steps:\n\t- id: one\n"))
        .expect(2)
        .says(&["spaces only"]);
    said(&format!("\u{feff}{HEAD}{STEP}")).expect(0);
}

#[test]
fn much_of_everything() {
    let keys = many("labels:\n", |at| format!("  k{at}: v\n"), 90_000, STEP);
    said(&keys).expect(0);
    let steps = |at| format!("  - {{id: s{at}, shell: 'true', effect: read}}\n");
    said(&many("steps:\n", steps, 8_000, "")).expect(0);
    let vars = |at| format!("  v{at}: vars.v{} + 1\n", at + 1);
    said(&many("vars:\n", vars, 10_000, &format!("  v10000: 1\n{STEP}"))).expect(0);
    let nested = |at| format!("  - {{id: g{at}, steps: [{{id: s{at}, shell: 'true', effect: read}}]}}\n");
    said(&many("steps:\n", nested, 4_000, "")).expect(0);
}

#[test]
fn many_mistakes_and_long_circles() {
    let unknown = said(&many("", |at| format!("stepz{at}: v\n"), 20_000, STEP)).expect(2);
    unknown.says(&["more findings are left out", "1001 errors"]);
    let circle = |at: usize| {
        format!(
            "  - {{id: s{at}, needs: [s{}], shell: 'true', effect: read}}\n",
            (at + 1) % 5_000
        )
    };
    said(&many("steps:\n", circle, 5_000, ""))
        .expect(2)
        .says(&["RB0303", "4990 more"]);
    let vars = |at: usize| format!("  v{at}: vars.v{} + 1\n", (at + 1) % 10_000);
    said(&many("vars:\n", vars, 10_000, STEP))
        .expect(2)
        .says(&["RB0303", "and others"]);
}
