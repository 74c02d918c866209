//! `runbook report`: what is missing is asked, and the answers are in the run's hash chain.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::harness::{Project, Run};

const RUNBOOK: &str = "
severity: P2
steps:
  - {id: look, shell: echo hello, effect: read, capture: {said: stdout}}
  - {id: fill, shell: 'echo 200 > size', rollback: {shell: 'echo 20 > size'}}
verify: [{id: full, shell: grep 200 size}]
";

/// A project with a run that is over.
fn repaired() -> (Project, Run) {
    let project = Project::runbook(RUNBOOK);
    let (_, run) = project.exec("runbook.yaml", &[], "resolved");
    (project, run)
}

/// A program that is used as an editor.
fn with_editor(project: Project, script: &str) -> Project {
    let project = project.with("editor", &format!("#!/bin/sh\nset -eu\n{script}\n"));
    let path = project.path("editor");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let editor = format!("{} --wait", path.display());
    project.variable("EDITOR", &editor)
}

fn missing(project: &Project) -> Vec<String> {
    let report = project.run(&["report", "--format", "json"]).expect(0).json();
    let missing = report["missing"].as_array().unwrap().iter();
    missing
        .map(|question| question["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn answers_from_a_file_are_notes_of_the_run() {
    let (project, run) = repaired();
    assert_eq!(missing(&project).len(), 10);
    let project = project.with(
        "answers",
        "== root-cause ==\nA leak.\n\nNobody looked.\n\n== detected ==\nat: 2026-01-02 03:04\nThe alert.\n\n\
         == action-item ==\n- alert at 80 % owner: bob due: 2027-01-01\n- read the logs\n\n== trigger ==\n# later\n",
    );
    let said = project.run(&["report", "--fill-from", "answers"]).expect(0);
    said.says(&["root-cause: noted as record", "still missing: 7"]);
    project.run(&["verify"]).expect(0);
    let report = project.run(&["report"]).expect(0).stdout;
    assert_eq!(
        report,
        run.report(),
        "the report in the run's directory is written anew"
    );
    for text in [
        "A leak.\n\nNobody looked.\n\n— `",
        "| It was noticed | 2026-01-02 03:04:00 UTC | a person, record ",
        "| alert at 80 % | `bob` | 2027-01-01 | open |",
        "| read the logs | **MISSING**: who does it? |",
        "**7 of 10 answers that only people can give are missing**",
    ] {
        assert!(report.contains(text), "`{text}` is not in\n{report}");
    }
    let left = missing(&project);
    assert!(
        !left.iter().any(|kind| kind == "root-cause" || kind == "detected"),
        "{left:?}"
    );
}

#[test]
fn an_editor_is_given_the_questions_and_what_it_leaves_empty_stays_missing() {
    let (project, _) = repaired();
    let project = with_editor(
        project,
        "test \"$1\" = --wait\ncp \"$2\" seen\nawk '{print} /^== lucky ==/ {print \"- It was noon.\"}' seen > \"$2\"",
    );
    project
        .run(&["report", "--fill"])
        .expect(0)
        .says(&["lucky: noted as record"]);
    let seen = fs::read_to_string(project.path("seen")).unwrap();
    assert!(
        seen.contains("== impact-start ==\n# When did it begin to hurt?\n"),
        "{seen}"
    );
    assert_eq!(missing(&project).len(), 9);
    let again = with_editor(project, "cp \"$2\" seen");
    again
        .run(&["report", "--fill"])
        .expect(0)
        .says(&["nothing was written, so nothing changed"]);
    let seen = fs::read_to_string(again.path("seen")).unwrap();
    assert!(
        !seen.contains("== lucky =="),
        "what is answered is not asked again"
    );
    assert_eq!(missing(&again).len(), 9);
}

#[test]
fn an_answer_that_cannot_be_understood_loses_nothing() {
    let (project, run) = repaired();
    let journal = || fs::read(run.path("journal.jsonl")).unwrap();
    let before = journal();
    let project = with_editor(
        project,
        "printf '== trigger ==\\nA deploy.\\n\\n== detected ==\\nat: teatime\\n' > \"$2\"",
    );
    project.run(&["report", "--fill"]).expect(2).says(&[
        "line 5: `teatime` is no time",
        "nothing was noted",
        "answers.txt",
        "opens the same text again",
    ]);
    assert_eq!(journal(), before, "all is looked at before the first is noted");
    let project = with_editor(
        project,
        "sed -i s/teatime/03:04/ \"$2\"\nsed -i 's/at: /at: 2026-01-02 /' \"$2\"",
    );
    project
        .run(&["report", "--fill"])
        .expect(0)
        .says(&["trigger: noted", "detected: noted"]);
    assert!(!run.path("answers.txt").exists());
    project
        .run(&["report", "--fill-from", "nowhere"])
        .expect(2)
        .says(&["nowhere"]);
    let project = with_editor(project, "echo '== lucky ==\n- x' > \"$2\"; exit 3");
    project
        .run(&["report", "--fill"])
        .expect(2)
        .says(&["so nothing was noted", "--fill-from"]);
    assert!(run.path("answers.txt").exists());
}

#[test]
fn without_an_editor_and_a_terminal_nobody_can_be_asked() {
    let (project, _) = repaired();
    let asked = project.run(&["report", "--fill"]);
    asked
        .expect(2)
        .says(&["neither an editor nor a terminal", "--fill-from"]);
}

/// What a section says of the run is Markdown where the author wrote it, and text where a value stands.
#[test]
fn sections_of_the_runbook_and_of_the_project_are_in_the_report() {
    let project = Project::runbook(
        "
report:
  sections:
    - {title: Who was told, text: \"# The chat\\nof *{{ steps.look.said }}*\"}
    - {title: Timeline, text: 'Another one'}
    - {title: Lost, text: '{{ steps.late.said | length }}'}
steps:
  - {id: look, shell: \"echo '<b>*all*</b>'\", effect: read, capture: {said: stdout}}
  - {id: late, when: false, shell: echo no, effect: read, capture: {said: stdout}}
",
    )
    .with(
        "runbook.config.yaml",
        "report: {sections: [{title: The project, text: 'It is ours.'}]}\n",
    );
    let (_, run) = project.exec("runbook.yaml", &[], "resolved");
    let report = run.report();
    for text in [
        "## Who was told\n\n### The chat\nof *&lt;b&gt;\\*all\\*&lt;/b&gt;*\n",
        "## The project\n\nIt is ours.\n",
        "## Lost\n\n**It could not be written**: ",
    ] {
        assert!(report.contains(text), "`{text}` is not in\n{report}");
    }
    project.run(&["verify"]).expect(0);
}

#[test]
fn a_template_places_what_it_is_given() {
    let (project, run) = repaired();
    let project = project.with(
        "own.md",
        "# {{ report.run }}\n{% for step in report.steps %}\n- {{ step.id }}: {{ step.status }}\n{% endfor %}\n## Root cause\n{{ sections.root_cause }}\n",
    );
    let own = project.run(&["report", "--template", "own.md"]).expect(0).stdout;
    assert!(
        own.ends_with("- look: done\n- fill: done\n## Root cause\n**MISSING**: why could it happen?\n\n"),
        "{own}"
    );
    let project = project.with("wrong.md", "one\n{{ report.nothing }}\n");
    let wrong = project.run(&["report", "--template", "wrong.md"]);
    wrong
        .expect(2)
        .says(&["wrong.md", "line 2: `report.nothing` is not defined"]);
    let project = project.with("runbook.config.yaml", "report: {template: own.md}\n");
    assert_eq!(project.run(&["report"]).expect(0).stdout, own);
    assert_eq!(
        project.run(&["report", "--template", "default"]).expect(0).stdout,
        run.report()
    );
    let (_, run) = project.exec("runbook.yaml", &[], "resolved");
    assert!(run.report().contains("- look: done\n- fill: done\n"));
    let project = project.with("own.md", "{{ nothing }}");
    let (ended, run) = project.exec("runbook.yaml", &[], "resolved");
    ended.says(&["line 1: `nothing` is not defined"]);
    assert!(
        run.report().contains("## Root cause"),
        "there is a report all the same"
    );
}

#[test]
fn the_json_of_every_outcome_is_what_its_schema_says() {
    let project = Project::empty();
    let schema = project.run(&["schema", "report"]).expect(0).json();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let cases: [(&str, &str); 6] = [
        (
            "resolved",
            "steps: [{id: a, shell: 'true', rollback: {shell: 'true'}}]",
        ),
        (
            "not_needed",
            "detect: [{shell: 'false'}]\nsteps: [{id: a, shell: 'true', effect: read}]",
        ),
        (
            "failed",
            "on_failure: hold\nsteps: [{id: a, shell: 'false', rollback: not_needed}]",
        ),
        (
            "rolled_back",
            "steps: [{id: a, shell: 'false', rollback: {shell: 'true'}}]",
        ),
        (
            "rollback_failed",
            "steps: [{id: a, shell: 'false', rollback: {shell: 'false'}}]",
        ),
        (
            "cleanup_failed",
            "steps: [{id: a, shell: 'true', effect: read}]\nfinally: [{id: b, shell: 'false', effect: read}]",
        ),
    ];
    for (outcome, rest) in cases {
        let project = Project::runbook(&format!("\n{rest}\n"));
        project.exec("runbook.yaml", &[], outcome);
        let report: Value = project.run(&["report", "--format", "json"]).expect(0).json();
        assert_eq!(report["outcome"], outcome);
        let wrong: Vec<String> = schema
            .iter_errors(&report)
            .map(|error| error.to_string())
            .collect();
        assert!(wrong.is_empty(), "{outcome}: {wrong:?}");
    }
}
