//! `runbook explain` and `runbook new`: for those who write runbooks.

use std::fs;

use runbook_document::codes;

use crate::harness::{Ended, Project, repository};

#[test]
fn a_code_is_explained_however_it_is_written() {
    let project = Project::empty();
    let page = project.run(&["explain", "RB0101"]).expect(0);
    assert!(
        page.stdout.starts_with("RB0101: the text is not YAML\n\n"),
        "{}",
        page.stdout
    );
    assert!(
        page.stdout.contains("\n    apiVersion: runbook/v1\n"),
        "code is indented\n{}",
        page.stdout
    );
    assert!(!page.stdout.contains('\u{1b}'), "{}", page.stdout);
    assert!(
        page.stdout.lines().all(|line| line.chars().count() <= 100),
        "{}",
        page.stdout
    );
    for given in ["rb0101", "101", "0101"] {
        assert_eq!(project.run(&["explain", given]).expect(0).stdout, page.stdout);
    }
}

#[test]
fn on_a_terminal_a_page_is_set_to_its_width() {
    let project = Project::empty();
    let program = env!("CARGO_BIN_EXE_runbook");
    let line = format!("stty cols 40; unset NO_COLOR; exec '{program}' explain 101");
    let ended = project.start_in_terminal(&line).end().expect(0);
    assert!(ended.stdout.contains("\u{1b}[1mRB0101"), "{:?}", ended.stdout);
    let prose = ended
        .stdout
        .lines()
        .find(|line| line.starts_with("The file"))
        .unwrap();
    assert!(prose.trim_end().len() <= 40, "{prose:?}");
}

#[test]
fn every_code_is_listed_and_explained() {
    let project = Project::empty();
    let list = project.run(&["explain"]).expect(0);
    let entries = project.run(&["explain", "--format", "json"]).expect(0).json();
    assert_eq!(entries.as_array().unwrap().len(), codes::ALL.len());
    for (at, code) in codes::ALL.iter().enumerate() {
        let line = format!("{}  {}\n", code.id, code.title);
        assert!(list.stdout.contains(&line), "{line}\n{}", list.stdout);
        assert_eq!(entries[at]["title"], code.title);
        let one = project
            .run(&["explain", code.id, "--format", "json"])
            .expect(0)
            .json();
        assert_eq!(one["code"], code.id);
        let page = repository().join("book/src").join(one["page"].as_str().unwrap());
        assert!(page.is_file(), "{}", page.display());
        assert!(one["markdown"].as_str().unwrap().contains("## Right"), "{one}");
    }
}

#[test]
fn an_unknown_code_is_refused_with_the_nearest() {
    let project = Project::empty();
    let refused = |given: &str, says: &[&str]| {
        let ended = project.run(&["explain", given]).expect(2).says(says);
        assert_eq!(ended.stdout, "");
    };
    refused("RB0100", &["there is no code `RB0100`", "did you mean `RB010"]);
    refused("nonsense", &["`runbook explain` lists all codes"]);
}

fn new(project: &Project, args: &[&str]) -> Ended {
    project.run(&[&["new"], args].concat())
}

#[test]
fn a_new_runbook_is_without_findings_and_well_set() {
    let project = Project::empty();
    let ended = new(&project, &["incident/disk-full"]).expect(0).says(&[
        "it was made",
        "wrote runbooks/incident/disk-full.yaml",
        "runbook check runbooks/incident/disk-full.yaml",
    ]);
    let text = fs::read_to_string(project.path("runbooks/incident/disk-full.yaml")).unwrap();
    for says in [
        "name: disk-full\n",
        "title: Disk full\n",
        "severity: P3\n",
        "owner: tester\n",
    ] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    for key in ["detect:", "before:", "verify:", "rollback:"] {
        assert!(text.contains(key), "{key}\n{text}");
    }
    assert!(!text.contains("$schema") && !text.contains('@'), "{text}");
    let marks = text.lines().filter(|line| line.contains("CHANGE")).count() - 1;
    assert!(
        ended.stdout.contains(&format!("in {marks} places")),
        "{}",
        ended.stdout
    );
    project
        .run(&["check"])
        .expect(0)
        .says(&["1 runbook: 0 errors, 0 warnings"]);
    project.run(&["fmt", "--check"]).expect(0);
}

#[test]
fn a_new_runbook_fits_into_the_project() {
    let project = Project::shipped()
        .with("schemas/runbook.schema.json", "{}")
        .with("deeper/x", "");
    new(&project, &["first"]).expect(0);
    let text = fs::read_to_string(project.path("runbooks/first.yaml")).unwrap();
    assert!(
        text.contains("owner: platform\n"),
        "the project's usual owner\n{text}"
    );
    let ended = new(
        &project,
        &[
            "ops/db/vacuum.yaml",
            "--title",
            "Vacuum: now",
            "--severity",
            "P1",
            "--owner",
            "true",
        ],
    );
    let ended = ended.expect(0);
    assert!(!ended.stdout.contains("it was made"), "{}", ended.stdout);
    let text = fs::read_to_string(project.path("runbooks/ops/db/vacuum.yaml")).unwrap();
    let schema = "# yaml-language-server: $schema=../../../schemas/runbook.schema.json\n";
    assert!(text.starts_with(schema), "{text}");
    for says in ["title: \"Vacuum: now\"\n", "severity: P1\n", "owner: \"true\"\n"] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    // Whatever connections an environment brings, the new one finds its own.
    let listed = project.run(&["list", "--format", "json"]).expect(0).json();
    let all = listed.as_array().unwrap().len();
    let says = format!("✓ {all} runbooks: 0 errors, 0 warnings");
    project.run(&["check"]).expect(0).says(&[says.as_str()]);
    new(&project, &["runbooks/plain"]).expect(0);
    let text = fs::read_to_string(project.path("runbooks/plain.yaml")).unwrap();
    assert!(
        text.contains("owner: platform\n"),
        "the project's usual owner\n{text}"
    );
    assert!(
        text.starts_with("# yaml-language-server: $schema=../schemas/"),
        "{text}"
    );
    // From a folder below, it goes to the same place.
    let mut below = project.command(env!("CARGO_BIN_EXE_runbook"), &["new", "below"]);
    let output = below.current_dir(project.path("deeper")).output().unwrap();
    Ended::of(&output).expect(0);
    assert!(project.path("runbooks/below.yaml").is_file());
}

#[test]
fn nothing_is_overwritten() {
    let project = Project::empty();
    new(&project, &["one"]).expect(0);
    let path = project.path("runbooks/one.yaml");
    let before = fs::read(&path).unwrap();
    new(&project, &["one"])
        .expect(2)
        .says(&["already named `one`", "choose another name"]);
    new(&project, &["other/one"])
        .expect(2)
        .says(&["`runbooks/one.yaml` is already named `one`"]);
    fs::write(project.path("runbooks/two.yaml"), "mine\n").unwrap();
    new(&project, &["two"])
        .expect(2)
        .says(&["is there already", "choose another name"]);
    std::os::unix::fs::symlink("nowhere.yaml", project.path("runbooks/three.yaml")).unwrap();
    new(&project, &["three"]).expect(2);
    assert!(!project.path("runbooks/nowhere.yaml").exists());
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(
        fs::read_to_string(project.path("runbooks/two.yaml")).unwrap(),
        "mine\n"
    );
}

#[test]
fn a_name_that_is_none_is_refused_with_one_that_is() {
    let project = Project::empty();
    for (given, says) in [
        ("Incident/Disk Full", "did you mean `incident/disk-full`?"),
        ("../up", "did you mean `up`?"),
        ("/etc/passwd", "did you mean `etc/passwd`?"),
        ("a//b", "did you mean `a/b`?"),
        ("42", "name it like `incident/disk-full`"),
        ("", "name it like"),
        ("ÄÖÜ", "name it like"),
    ] {
        let ended = new(&project, &[given])
            .expect(2)
            .says(&["is not a name for a runbook", says]);
        assert_eq!(ended.stdout, "");
    }
    for further in [
        ["--title", "two\nlines"],
        ["--owner", ""],
        ["--severity", "\u{7}"],
    ] {
        new(&project, &[&["fine"], &further[..]].concat())
            .expect(2)
            .says(&["does not do for", further[0]]);
    }
    let left = fs::read_dir(project.path("")).unwrap().count();
    assert_eq!(left, 0, "nothing is left");
}

#[test]
fn a_severity_is_one_that_the_project_knows() {
    let severities = "severities:\n  SEV1: {respond_within: 5m}\n  SEV2: {respond_within: 1h}\n";
    let project = Project::empty().with("runbook.config.yaml", severities);
    new(&project, &["one", "--severity", "SEV3"])
        .expect(2)
        .says(&["did you mean `SEV1`?"]);
    new(&project, &["one", "--severity", "low"])
        .expect(2)
        .says(&["the severities are SEV1, SEV2"]);
    new(&project, &["one"]).expect(0);
    let text = fs::read_to_string(project.path("runbooks/one.yaml")).unwrap();
    assert!(text.contains("severity: SEV2\n"), "{text}");
}
