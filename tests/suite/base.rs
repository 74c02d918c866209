//! `runbook check --base`: what has changed since a commit without a new version, in a real repository.

use crate::harness::Project;

const RUNBOOK: &str = "apiVersion: runbook/v1\nname: small\nversion: 1.2.0\ntitle: Small\n\
    steps: [{id: one, exec: ['true'], effect: read}]\n";

/// Runs git in a project, as nobody in particular.
fn git(project: &Project, args: &[&str]) {
    let names = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"];
    let args: Vec<&str> = names.iter().chain(args).copied().collect();
    let output = project.command("git", &args).output().unwrap();
    assert!(output.status.success(), "git {args:?}\n{output:?}");
}

/// A project that was committed.
pub(crate) fn committed(project: Project) -> Project {
    git(&project, &["init", "--quiet", "--initial-branch", "main"]);
    git(&project, &["add", "--all"]);
    git(&project, &["commit", "--quiet", "--message", "as it was"]);
    project
}

fn small() -> Project {
    committed(Project::empty().with("runbooks/small.yaml", RUNBOOK))
}

/// The findings of a check against a commit: code, line and help.
fn found(project: &Project, args: &[&str]) -> Vec<(String, i64, String)> {
    let args: Vec<&str> = ["check", "--format", "json"]
        .iter()
        .chain(args)
        .copied()
        .collect();
    let findings = project.run(&args).expect(0).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = findings.as_array().unwrap().iter();
    findings
        .map(|one| {
            (
                text(&one["code"]),
                one["line"].as_i64().unwrap(),
                text(&one["help"]),
            )
        })
        .collect()
}

#[test]
fn a_change_needs_a_new_version() {
    let project = small();
    assert_eq!(found(&project, &["--base", "main"]), []);
    let project = project.with(
        "runbooks/small.yaml",
        &RUNBOOK.replace("title: Small", "title: Other"),
    );
    let told = found(&project, &["--base", "main"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0.as_str(), told[0].1), ("RB0804", 3));
    assert!(told[0].2.contains("1.2.1"), "{told:?}");
    // Nobody asked.
    assert_eq!(found(&project, &[]), []);
    let raised = RUNBOOK
        .replace("title: Small", "title: Other")
        .replace("1.2.0", "1.10.0");
    let project = project.with("runbooks/small.yaml", &raised);
    assert_eq!(found(&project, &["--base", "HEAD"]), []);
    let lowered = raised.replace("1.10.0", "1.1.9");
    let project = project.with("runbooks/small.yaml", &lowered);
    project
        .run(&["check", "--base", "main"])
        .expect(0)
        .says(&["RB0804", "went back from 1.2.0 to 1.1.9"]);
}

#[test]
fn layout_and_new_files_do_not_count() {
    let laid_out = "# A comment\napiVersion: runbook/v1\nname: small\nversion: 1.2.0\n\ntitle: 'Small'\n\
        steps:\n  - id: one\n    exec:\n      - 'true'\n    effect: read\n";
    let project = small()
        .with("runbooks/small.yaml", laid_out)
        .with("runbooks/new.yaml", &RUNBOOK.replace("name: small", "name: new"));
    assert_eq!(found(&project, &["--base", "main"]), []);
}

#[test]
fn a_project_below_the_repository_and_files_in_other_folders_are_found() {
    let project = committed(
        Project::empty()
            .with("ops/runbook.config.yaml", "policy: {lints: {RB0804: error}}\n")
            .with("ops/runbooks/a b/größe.yaml", RUNBOOK)
            .with(
                "ops/runbooks/fine.yaml",
                &RUNBOOK.replace("name: small", "name: fine"),
            ),
    )
    .with(
        "ops/runbooks/a b/größe.yaml",
        &RUNBOOK.replace("title: Small", "title: Other"),
    );
    project
        .run(&["check", "ops/runbooks", "--base", "main"])
        .expect(2)
        .says(&["RB0804", "größe.yaml", "1 error"]);
    project
        .run(&["check", "ops/runbooks/fine.yaml", "--base", "main"])
        .expect(0);
}

#[test]
fn a_waiver_holds_with_a_base_and_without() {
    let waived = format!("{RUNBOOK}waive: {{RB0804: Its versions are kept elsewhere.}}\n");
    let project = committed(Project::empty().with("runbooks/small.yaml", &waived));
    assert_eq!(found(&project, &[]), []);
    assert_eq!(found(&project, &["--base", "main"]), []);
    let project = project.with(
        "runbooks/small.yaml",
        &waived.replace("title: Small", "title: Other"),
    );
    assert_eq!(found(&project, &["--base", "main"]), []);
    assert_eq!(found(&project, &[]), []);
}

#[test]
fn a_commit_that_is_not_there_is_refused() {
    let project = small();
    for name in ["no-such-branch", "--all", "main:runbooks/small.yaml", ""] {
        let asked = format!("--base={name}");
        let ended = project.run(&["check", &asked]).expect(2);
        assert_eq!(ended.stdout, "", "{name}");
        ended.says(&["help:"]);
    }
    Project::empty()
        .with("runbooks/small.yaml", RUNBOOK)
        .run(&["check", "--base", "main"])
        .expect(2)
        .says(&["git repository", "help:"]);
}

#[test]
fn what_leads_git_elsewhere_is_not_heard() {
    let other = small().with("runbooks/small.yaml", RUNBOOK);
    let project = small().with(
        "runbooks/small.yaml",
        &RUNBOOK.replace("title: Small", "title: Other"),
    );
    let elsewhere = other.path(".git").to_string_lossy().into_owned();
    let project = project
        .variable("GIT_DIR", &elsewhere)
        .variable("GIT_OBJECT_DIRECTORY", "/nowhere");
    let ended = project.run(&["check", "--base", "main"]).expect(0);
    ended.says(&["RB0804"]);
}

#[test]
fn nothing_of_the_repository_is_run_or_changed() {
    let project = small().with(
        "runbooks/small.yaml",
        &RUNBOOK.replace("title: Small", "title: Other"),
    );
    for (key, value) in [
        ("core.fsmonitor", "touch ran"),
        ("core.pager", "touch ran"),
        ("diff.external", "touch ran"),
        ("core.hooksPath", "hooks"),
        ("alias.cat-file", "!touch ran"),
    ] {
        git(&project, &["config", key, value]);
    }
    let index = project.path(".git/index");
    let before = std::fs::read(&index).unwrap();
    project
        .run(&["check", "--base", "main"])
        .expect(0)
        .says(&["RB0804"]);
    assert!(!project.path("ran").exists() && !project.path("runbooks/ran").exists());
    assert_eq!(std::fs::read(&index).unwrap(), before);
}
