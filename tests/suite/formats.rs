//! `runbook check --format …`: what other programs read.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Ended, Project, cases, repository};

const FORMATS: [&str; 4] = ["json", "github", "sarif", "junit"];

/// A file with an error that has help and a second place, an error without, a warning, and names that are hostile to
/// every format.
const BAD: &str = "owner: 🦀é\nsteps:\n  - {id: a, exec: ['true'], effect: read, títle: 'x'}\n  \
    - {id: a, exec: ['true'], rollback: not_needed}\n  - id: b\n    exec: ['true']\n    effect: read\n    \
    when: 1 == 1 # always\n\"<&]]>::,%0A\\e[31m\\u0007\\u202e\": 1\n";

fn check(project: &Project, format: &str) -> Ended {
    project.run(&["check", "--format", format])
}

/// A project below the root of a repository, with a runbook whose name must be escaped.
fn below_a_repository() -> Project {
    let head = "apiVersion: runbook/v1\nname: small\nversion: 1.0.0\ntitle: Small\n";
    Project::empty()
        .with(".git/HEAD", "ref: refs/heads/main\n")
        .with("ops/runbook.config.yaml", "environments: {}\n")
        .with("ops/runbooks/50 % ü,a:b.yaml", &format!("{head}{BAD}"))
}

fn in_ops(format: &str) -> Ended {
    let project = below_a_repository();
    project.run(&["check", "ops/runbooks", "--format", format])
}

#[test]
fn without_findings_every_format_is_a_whole_document() {
    let project = Project::shipped();
    let listed = project.run(&["list", "--format", "json"]).expect(0).json();
    let runbooks = listed.as_array().expect("it is a list").len();
    for format in FORMATS {
        let ended = check(&project, format).expect(0);
        assert_eq!(ended.stderr, "");
        assert!(
            !ended.stdout.contains("1 runbook"),
            "the sum is for people\n{}",
            ended.all()
        );
        match format {
            "github" => assert_eq!(ended.stdout, ""),
            // The project file and each runbook.
            "junit" => assert_eq!(of_junit(&ended.stdout), (1 + runbooks, 0)),
            "sarif" => {
                let log = ended.json();
                valid(&standard(), &log);
                assert_eq!(log["runs"][0]["results"], json!([]));
            }
            _ => assert_eq!(ended.json(), json!([])),
        }
    }
}

#[test]
fn every_format_tells_all_findings_with_the_same_exit_code() {
    let standard = standard();
    for case in cases("invalid") {
        let project = Project::case(&case);
        let run = |format: &str| project.run(&["check", "runbook.yaml", "--format", format]);
        let text = run("text");
        let findings = run("json").json();
        let findings = findings.as_array().unwrap();
        let errors = findings
            .iter()
            .filter(|finding| finding["severity"] == "error")
            .count();
        for format in FORMATS {
            let ended = run(format).expect(text.code);
            assert_eq!(ended.stderr, "", "{format} of {}", case.display());
            let count = match format {
                "github" => ended.stdout.lines().filter(|line| line.starts_with("::")).count(),
                "junit" => {
                    assert_eq!(of_junit(&ended.stdout).1, errors, "{}", ended.stdout);
                    continue;
                }
                "sarif" => {
                    valid(&standard, &ended.json());
                    ended.json()["runs"][0]["results"].as_array().unwrap().len()
                }
                _ => findings.len(),
            };
            assert_eq!(
                count,
                findings.len(),
                "{format} of {}\n{}",
                case.display(),
                ended.stdout
            );
        }
    }
}

#[test]
fn json_has_all_that_is_known_of_a_finding() {
    let findings = in_ops("json").expect(2).json();
    let twice = findings
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["code"] == "RB0301")
        .unwrap();
    for key in [
        "file",
        "line",
        "column",
        "end_line",
        "end_column",
        "severity",
        "message",
        "related",
        "page",
    ] {
        assert!(!twice[key].is_null(), "{key}: {twice}");
    }
    for key in ["help", "label"] {
        assert!(twice.get(key).is_some(), "{key}: {twice}");
    }
    assert_eq!(twice["page"], "codes/RB0301.md");
    assert_eq!(
        twice["file"], "runbooks/50 % ü,a:b.yaml",
        "from the project's root"
    );
    let other = &twice["related"][0];
    assert_eq!(
        (&other["line"], &other["column"]),
        (&7.into(), &10.into()),
        "{other}"
    );
}

#[test]
fn annotations_stand_on_the_lines_of_the_repository() {
    let ended = in_ops("github").expect(2);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let with = |title: &str| *lines.iter().find(|line| line.contains(title)).unwrap();
    let file = "file=ops/runbooks/50 %25 ü%2Ca%3Ab.yaml,";
    assert!(lines.iter().all(|line| line.contains(file)), "{}", ended.stdout);
    let unknown = with("title=RB0201");
    assert!(
        unknown.starts_with(&format!(
            "::error {file}line=7,endLine=7,col=43,endColumn=48,title=RB0201::"
        )),
        "{unknown}"
    );
    assert!(unknown.ends_with("%0Ahelp: did you mean `title`?"), "{unknown}");
    assert!(with("title=RB0106").starts_with("::warning "), "{}", ended.stdout);
    let hostile = with("<&]]>");
    assert!(hostile.contains("`<&]]>::,%250A⟨U+0007⟩⟨U+202E⟩`"), "{hostile}");
    assert!(
        !ended.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "{:?}",
        ended.stdout
    );
}

#[test]
fn an_annotation_over_several_lines_has_no_columns() {
    let project = Project::runbook(
        "steps: [{id: a, exec: ['true'], effect: read}]\ntitle_: >-\n  a\n  b\nowner:\n  - a\n  - b\n",
    );
    let ended = project
        .run(&["check", "runbook.yaml", "--format", "github"])
        .expect(2);
    let line = ended.stdout.lines().find(|line| line.contains("RB0202")).unwrap();
    assert!(line.contains("line=10,endLine=11,title=RB0202::"), "{line}");
}

#[test]
fn sarif_is_what_the_standard_says() {
    let log = in_ops("sarif").expect(2).json();
    valid(&standard(), &log);
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "utf16CodeUnits");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in run["results"].as_array().unwrap() {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert_eq!(rule["defaultConfiguration"]["level"], result["level"]);
        let help = rule["help"]["markdown"].as_str().unwrap();
        assert!(
            help.starts_with(&format!("# {}: ", rule["id"].as_str().unwrap())),
            "{help}"
        );
        assert!(!help.contains(".md)"), "a page leads nowhere from here\n{help}");
        let place = &result["locations"][0]["physicalLocation"];
        let file = json!({"uri": "ops/runbooks/50%20%25%20%C3%BC%2Ca%3Ab.yaml", "uriBaseId": "%SRCROOT%"});
        assert_eq!(place["artifactLocation"], file);
    }
    let twice = run["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|result| result["ruleId"] == "RB0301")
        .unwrap();
    let related = &twice["relatedLocations"][0];
    assert_eq!(related["physicalLocation"]["region"]["startLine"], 7);
    assert!(related["message"]["text"].is_string());
    let warning = run["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|result| result["level"] == "warning");
    assert_eq!(warning.unwrap()["ruleId"], "RB0106");
}

#[test]
fn sarif_counts_columns_as_editors_do() {
    let project = Project::runbook("steps: [{id: a, exec: [🦀é], effect: read, títle: x}]\n");
    let run = |format: &str| project.run(&["check", "runbook.yaml", "--format", format]).json();
    let region = run("sarif")["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].clone();
    assert_eq!(
        (&region["startColumn"], &region["endColumn"]),
        (&44.into(), &49.into()),
        "{region}"
    );
    assert_eq!(run("json")[0]["column"], 43, "JSON counts characters");
}

#[test]
fn a_file_elsewhere_has_an_absolute_uri() {
    let (project, other) = (below_a_repository(), Project::runbook(BAD));
    let path = other.path("runbook.yaml");
    let log = project
        .run(&["check", path.to_str().unwrap(), "--format", "sarif"])
        .json();
    valid(&standard(), &log);
    let file = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    let uri = file["uri"].as_str().unwrap();
    assert!(uri.ends_with("runbook.yaml"), "{uri}");
}

#[test]
fn junit_fails_a_test_for_each_error_and_for_no_warning() {
    let ended = in_ops("junit").expect(2);
    let text = &ended.stdout;
    assert!(
        text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "),
        "{text}"
    );
    let (tests, failures) = of_junit(text);
    assert!(failures > 2 && tests > failures, "{text}");
    for says in [
        "name=\"ops/runbooks/50 % ü,a:b.yaml\"",
        "type=\"RB0301\"",
        "`&lt;&amp;]]&gt;::,%0A⟨U+0007⟩⟨U+202E⟩`",
        "<system-out>warning: ops/runbooks",
        "help: did you mean `title`?",
        "see `runbook explain RB0201`",
    ] {
        assert!(text.contains(says), "`{says}`\n{text}");
    }
    let wild = |char: char| char.is_control() && char != '\n';
    assert!(!text.contains(wild), "{text:?}");
}

#[test]
fn only_what_was_checked_is_in_the_report() {
    let other = "apiVersion: runbook/v1\nname: other\nversion: 1.0.0\ntitle: Another\nowner: [\n";
    let project = Project::shipped().with("runbooks/other.yaml", other);
    let args = ["check", "incident/pool-exhaustion.yaml", "--format", "junit"];
    let report = project.run(&args).expect(0).stdout;
    assert!(!report.contains("other.yaml"), "{report}");
    assert_eq!(of_junit(&report), (2, 0), "the project file and the runbook");
}

/// How many tests there are in a report, and how many failed, after all of it was read.
#[track_caller]
fn of_junit(text: &str) -> (usize, usize) {
    let report =
        quick_junit::Report::deserialize_from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let cases: Vec<_> = report
        .test_suites
        .iter()
        .flat_map(|suite| &suite.test_cases)
        .collect();
    let failed = cases
        .iter()
        .filter(|case| matches!(case.status, quick_junit::TestCaseStatus::NonSuccess { .. }))
        .count();
    assert_eq!((report.tests, report.failures), (cases.len(), failed));
    (cases.len(), failed)
}

/// The standard's own schema.
fn standard() -> jsonschema::Validator {
    let text = fs::read_to_string(repository().join("tests/schemas/sarif-2.1.0.json")).unwrap();
    // It has a bracket too many in the pattern of languages, which strict readers of patterns refuse.
    let text = text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    let schema: Value = serde_json::from_str(&text).unwrap();
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap()
}

/// Fails unless it is a log after the standard.
#[track_caller]
fn valid(standard: &jsonschema::Validator, log: &Value) {
    let wrong: Vec<String> = standard
        .iter_errors(log)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{}\n{log:#}", wrong.join("\n"));
    // It is one that can fail.
    let mut broken = log.clone();
    broken["runs"][0]["tool"]["driver"]["name"] = Value::Null;
    assert!(!standard.is_valid(&broken));
}
