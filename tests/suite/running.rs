//! How runs go: the folders of `tests/cases/ok/` and `tests/cases/failed/`.
//!
//! A folder holds `runbook.yaml`, the files that it works on, and `expected.json`, of which only `exit` is needed:
//! `done`, `failed`, `skipped`, `undone` and `not_run` are the steps in the order of the journal, `captured` is what
//! steps captured, `files` the project's files afterwards (null: not there), `report` what the report says.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Ended, Project, Run, cases};

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().expect("it is a list");
    items
        .iter()
        .map(|item| item.as_str().expect("it is text").to_owned())
        .collect()
}

fn steps_not_run(run: &Run) -> Vec<String> {
    let outline = &run.events("run_started")[0]["outline"];
    let all = outline["steps"].as_array().expect("there are steps");
    let reached: BTreeSet<String> = ["step_started", "step_skipped"]
        .iter()
        .flat_map(|kind| run.events(kind))
        .filter(|record| record["reason"]["why"] != "stopped")
        .map(|record| record["step"].to_string())
        .collect();
    all.iter()
        .filter(|step| !reached.contains(&step["id"].to_string()))
        .map(|step| step["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn steps_expected(run: &Run, expected: &Value) {
    let kinds = [
        ("done", "step_done"),
        ("failed", "step_failed"),
        ("skipped", "step_skipped"),
        ("undone", "undo_started"),
    ];
    for (key, kind) in kinds {
        let Some(steps) = expected.get(key).map(strings) else {
            continue;
        };
        let mut seen = run.steps(kind);
        let mut steps = steps;
        if key == "done" && expected["done_in_any_order"] == true {
            seen.sort();
            steps.sort();
        }
        assert_eq!(seen, steps, "{key}\n{}", run.text());
    }
    if let Some(steps) = expected.get("not_run") {
        assert_eq!(steps_not_run(run), strings(steps), "not_run\n{}", run.text());
    }
}

fn runs_as_expected(case: &Path) {
    let text = fs::read_to_string(case.join("expected.json")).expect("it says what is expected");
    let expected: Value = serde_json::from_str(&text).expect("it is JSON");
    let known = "exit done done_in_any_order failed skipped undone not_run captured files report";
    for key in expected.as_object().expect("it is a map").keys() {
        assert!(known.split(' ').any(|word| word == key), "unknown key `{key}`");
    }
    let project = Project::case(case);
    let exit = expected["exit"].as_i64().expect("it is a number");
    project
        .run(&["exec", "runbook.yaml"])
        .expect(i32::try_from(exit).unwrap());
    let run = project.only_run();
    steps_expected(&run, &expected);
    for (step, captured) in expected["captured"].as_object().into_iter().flatten() {
        assert_eq!(run.captured(step), *captured, "what `{step}` captured");
    }
    for (file, content) in expected["files"].as_object().into_iter().flatten() {
        let found = fs::read_to_string(project.path(file)).ok().map(Value::from);
        assert_eq!(found.unwrap_or_default(), *content, "{file}\n{}", run.text());
    }
    let report = run.report();
    for text in expected.get("report").map(strings).unwrap_or_default() {
        assert!(report.contains(&text), "`{text}` is not in\n{report}");
    }
    project.run(&["verify"]).expect(0);
    assert_eq!(project.run(&["report"]).expect(0).stdout, report);
}

/// Runs the cases one after the other, and fails with the names of all that are not as expected.
fn all_run_as_expected(below: &str) {
    let mut wrong = Vec::new();
    for case in cases(below) {
        if std::panic::catch_unwind(|| runs_as_expected(&case)).is_err() {
            wrong.push(case);
        }
    }
    assert!(wrong.is_empty(), "not as expected: {wrong:#?}");
}

#[test]
fn what_goes_well() {
    all_run_as_expected("ok");
}

#[test]
fn what_fails() {
    all_run_as_expected("failed");
}

#[test]
fn much_output_is_kept_in_files() {
    let project = Project::runbook(
        "steps:\n  - id: talks\n    shell: 'for i in $(seq 1 20000); do echo line $i; done; echo oops >&2'\n    effect: read\n",
    );
    let ended = project.run(&["exec", "runbook.yaml"]).expect(0);
    assert!(
        !ended.stdout.contains("line 1"),
        "output is shown on demand\n{}",
        ended.all()
    );
    let run = project.only_run();
    assert!(
        run.text().len() < 30_000,
        "the journal holds the beginning and the end only"
    );
    let shown = project.run(&["show", "--step", "talks"]).expect(0).stdout;
    assert_eq!(shown.lines().count(), 20_001);
    assert!(shown.contains("line 12345\n") && shown.ends_with("oops\n"));
    let live = project
        .run(&["exec", "runbook.yaml", "--output"])
        .expect(0)
        .stdout;
    assert!(live.contains("talks │ line 12345") && live.contains("talks │ oops"));
}

#[test]
fn output_does_not_steer_the_terminal() {
    let project = Project::runbook(
        "steps: [{id: rude, shell: \"printf 'a\\\\033[31mred\\\\033]0;title\\\\007\\\\r\\\\bz\\\\n'\", effect: read, capture: {word: stdout}}]\n",
    );
    let ended = project
        .run(&["exec", "runbook.yaml", "--output"])
        .expect(0)
        .says(&["rude │ ared"]);
    let shown = project.run(&["show", "--step", "rude"]).expect(0);
    let told = project.run(&["show"]).expect(0);
    for text in [ended.all(), shown.all(), told.all(), project.only_run().report()] {
        let steers = |char: char| char.is_control() && char != '\n';
        assert!(!text.contains(steers), "{text:?}");
    }
}

#[test]
fn hostile_inputs_stay_data() {
    let project = Project::runbook(
        "inputs: {name: {type: string}}\nsteps:\n  - id: shell\n    shell: printf '%s' \"$NAME\"\n    \
        env: {NAME: '{{ inputs.name }}'}\n    effect: read\n    capture: {said: stdout}\n  - id: exec\n    \
        exec: [printf, '%s', '{{ inputs.name }}']\n    effect: read\n    capture: {said: stdout}\n",
    );
    let hostile = "$(touch x) `touch x`; touch x\n'\"{{ 7 * 7 }}{% raw %} \u{202e}\\";
    project
        .run(&["exec", "runbook.yaml", "-i", &format!("name={hostile}")])
        .expect(0);
    let run = project.only_run();
    for step in ["shell", "exec"] {
        assert_eq!(run.captured(step)["said"], hostile);
    }
    assert!(!project.path("x").exists());
    assert!(
        !run.report().contains('\u{202e}'),
        "the report shows what would stay unseen"
    );
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let project = Project::runbook("steps: [{id: one, exec: ['true'], effect: read}]\n");
    project.run(&["exec", "runbook.yaml"]).expect(0);
    for args in [
        "exec runbook.yaml",
        "exec runbook.yaml --output",
        "exec runbook.yaml --format json",
        "check runbook.yaml",
        "runs",
        "report",
        "show",
        "verify",
        "completions bash",
        "--help",
    ] {
        let (reader, writer) = std::io::pipe().expect("there is a pipe");
        drop(reader);
        let args: Vec<&str> = args.split(' ').collect();
        let mut command = project.command(env!("CARGO_BIN_EXE_runbook"), &args);
        let output = command.stdout(writer).output().expect("the program starts");
        let ended = Ended::of(&output).expect(0);
        assert_eq!(ended.stderr, "", "`{args:?}`");
    }
}

#[test]
fn what_a_rollback_leaves_is_said_at_the_end() {
    let project = Project::runbook(
        "steps:\n  - {id: one, title: First, shell: touch one, rollback: {shell: rm not-there}}\n  \
        - {id: two, title: Second, shell: touch two, irreversible: it is sent}\n  \
        - {id: three, shell: exit 1, rollback: not_needed}\nverify: [{id: sick, http: {get: 'http://127.0.0.1:1/'}, expect: status == 200}]\n",
    );
    project.run(&["exec", "runbook.yaml"]).expect(6).says(&[
        "· error GET",
        "kept: Second: irreversible: it is sent",
        "by hand: First: rm not-there",
    ]);
    let report = fs::metadata(project.only_run().path("report.md")).unwrap();
    assert_eq!(report.permissions().mode() & 0o777, 0o600);
}

/// A round may have ended before it is noticed that the one before it has.
#[test]
fn rounds_that_take_no_time_are_all_run() {
    let project = Project::runbook(
        "steps:\n  - id: many\n    repeat: {every: 1ms, until: steps.n.x > 1, at_most: 200}\n    steps: [{id: n, let: {x: 1}}]\n",
    );
    let ended = project.run(&["exec", "runbook.yaml"]).expect(4);
    ended.says(&["did not hold after 200 rounds"]);
}
