//! `runbook show FILE`: what a runbook would do, in the exact words of `tests/cases/described/`.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Project, cases};

/// The project of a case, or the shipped one where the case has no runbooks of its own.
fn project(case: &std::path::Path) -> Project {
    if case.join("runbooks").is_dir() {
        Project::case(case)
    } else {
        Project::shipped()
    }
}

#[test]
fn a_runbook_is_shown_in_these_words() {
    let mut wrong = Vec::new();
    for case in cases("described") {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let file = if name == "whole" {
            "whole.yaml"
        } else {
            "incident/pool-exhaustion.yaml"
        };
        let project = project(&case);
        let said = project.run(&["show", file]).expect(0).stdout;
        let expected = fs::read_to_string(case.join("expected.txt")).unwrap_or_default();
        if said != expected {
            wrong.push(format!("===== {name} says\n{said}===== instead of\n{expected}"));
        }
        let long = said.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None, "{name}");
        assert!(!project.path(".runbook").exists(), "it leaves nothing");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_facts_are_there_as_data() {
    let whole = cases("described").pop().unwrap();
    let told = Project::case(&whole)
        .run(&["show", "whole.yaml", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(
        (&told["name"], &told["effect"]),
        (&json!("whole"), &json!("change"))
    );
    assert_eq!(told["totals"]["approvals"], 1);
    let ids = |steps: &Value| -> Vec<String> {
        let steps = steps.as_array().cloned().unwrap_or_default();
        steps
            .iter()
            .map(|step| step["id"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(ids(&told["steps"]).len(), 14);
    assert_eq!(ids(&told["finally"]), ["keep"]);
    let step = |at: usize| &told["steps"][at];
    assert_eq!(step(5)["for_each"]["in"], "steps.who.rows");
    assert_eq!(ids(&step(6)["choose"]), ["repair-1", "repair-2"]);
    assert_eq!(ids(&step(7)["first_of"]), ["again", "recover-2"]);
    assert_eq!(step(8)["repeat"]["at_most"], 60);
    assert_eq!(step(8)["steps"][1]["undo"]["how"], "action");
    assert_eq!(
        step(13)["undo"],
        json!({"how": "irreversible", "reason": "It is kept."})
    );
    assert_eq!(step(1)["needs"], json!(["who"]));
    let secrets = told["secrets"].to_string();
    assert!(secrets.contains("/run/secrets/key"), "{secrets}");
    let cannot = told["cannot_run"].to_string();
    assert!(cannot.contains("`manual`"), "{cannot}");
}

#[test]
fn no_secret_is_read_and_nothing_is_started() {
    let project = Project::runbook(
        "secrets: {token: {env: TOKEN}, made: {command: [touch, ran]}}\n\
        steps:\n  - {id: one, shell: touch ran, env: {T: '{{ secrets.token }}', M: '{{ secrets.made }}'}, effect: read}\n",
    )
    .variable("TOKEN", "hunter2");
    let ended = project.run(&["show", "runbook.yaml"]).expect(0);
    let ended = ended.says(&["TOKEN", "touch ran"]);
    assert!(!ended.all().contains("hunter2"));
    assert!(!project.path("ran").exists());
}

#[test]
fn an_environment_can_be_named() {
    let project = Project::shipped();
    let shown = |args: &[&str]| {
        let args: Vec<&str> = ["show", "incident/pool-exhaustion.yaml"]
            .iter()
            .chain(args)
            .copied()
            .collect();
        project.run(&args)
    };
    shown(&["--env", "postgres"])
        .expect(0)
        .says(&["in the environment postgres", "DATABASE_URL"]);
    shown(&["--env", "postgre"])
        .expect(2)
        .says(&["did you mean `postgres`?"]);
    shown(&["--env", "postgres", "--step", "x"])
        .expect(2)
        .says(&["cannot be used with"]);
}

#[test]
fn a_runbook_with_errors_is_not_described() {
    let project = Project::runbook("steps: [{id: a, shell: 'true', effect: read, títle: x}]\n");
    let ended = project.run(&["show", "runbook.yaml"]).expect(2);
    assert_eq!(ended.stdout, "");
    ended.says(&["RB0201", "runbook.yaml:5"]);
}

#[test]
fn what_could_be_a_run_or_a_runbook_is_not_guessed() {
    let steps = "apiVersion: runbook/v1\nname: small\nversion: 1.0.0\ntitle: Small\n\
        steps: [{id: one, exec: [echo, hello], effect: read}]\n";
    let project = Project::empty().with("runbooks/small.yaml", steps).with(
        "runbooks/deep/other.yaml",
        &steps.replace("name: small", "name: other"),
    );
    project.run(&["show", "small"]).expect(0).says(&["1 step"]);
    project.run(&["exec", "small"]).expect(0);
    let run = project.only_run().name();
    // Both a part of a run's name and a runbook.
    project
        .run(&["show", "small"])
        .expect(2)
        .says(&["runbooks/small.yaml", "last"]);
    for runbook in ["small.yaml", "runbooks/small.yaml", "deep/other"] {
        project.run(&["show", runbook]).expect(0).says(&["1 step"]);
    }
    for named in ["last", run.as_str(), &run[..20]] {
        project.run(&["show", named]).expect(0).says(&["one"]);
    }
    project
        .run(&["show", "other"])
        .expect(2)
        .says(&["no run and no runbook `other`", "did you mean `deep/other`?"]);
    project
        .run(&["show", "quite-different"])
        .expect(2)
        .says(&["runbook list", "runbook runs"]);
}

#[test]
fn what_an_author_wrote_cannot_steer_the_terminal() {
    let project = Project::runbook(
        "summary: \"before \\e[31mafter \\u202eturned\"\nsteps: [{id: a, title: \"x\\e]0;evil\\ay\", exec: ['true'], effect: read}]\n",
    );
    let said = project.run(&["show", "runbook.yaml"]).expect(0).stdout;
    assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'), "{said}");
}
