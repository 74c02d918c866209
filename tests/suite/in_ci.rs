//! What is offered for pull requests: its scripts, run as the action of GitHub and the job of GitLab run them, on real
//! repositories, with a stand-in for the interfaces that comments go to.

use std::fs;
use std::process::{Child, Output};

use serde_json::Value;

use crate::harness::{Project, repository, until};
use crate::review::case;

const TOKEN: &str = "t0ken-t0ken";

/// A line of a job, with these variables.
fn script(project: &Project, line: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = project.command("bash", &["-c", line]);
    command.env("RUNBOOK", env!("CARGO_BIN_EXE_runbook"));
    command.env("GITHUB_ACTION_PATH", repository().join(".github/actions/review"));
    command.env("BASE", "main");
    command.envs(variables.iter().copied());
    command.output().unwrap()
}

/// The lines that the action of GitHub runs, in their order.
fn lines_of_the_action() -> Vec<String> {
    let text = fs::read_to_string(repository().join(".github/actions/review/action.yml")).unwrap();
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("run: "));
    lines.map(|line| line.trim_matches('\'').to_owned()).collect()
}

/// The stand-in for the interfaces. Ends with the test.
struct Api {
    process: Child,
    url: String,
}

impl Api {
    fn start(project: &Project, more: &[&str]) -> Self {
        let program = repository().join("tests/site/github/api.py");
        let args = [&[program.to_str().unwrap(), "port"], more].concat();
        let process = project.command("python3", &args).spawn().unwrap();
        let port = until("the stand-in listens", || {
            let text = fs::read_to_string(project.path("port")).ok()?;
            text.strip_suffix('\n').map(str::to_owned)
        });
        Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    /// The comments of ours.
    fn ours(&self, project: &Project) -> Vec<String> {
        let url = format!("{}/repos/a/b/issues/7/comments?page=2", self.url);
        let header = format!("authorization: Bearer {TOKEN}");
        let output = project
            .command("curl", &["-sS", "-H", &header, &url])
            .output()
            .unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let bodies = told.as_array().unwrap().iter();
        let bodies = bodies.map(|one| one["body"].as_str().unwrap().to_owned());
        bodies
            .filter(|body| body.starts_with("<!-- runbook review -->"))
            .collect()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn the_action_reviews_and_comments() {
    let project = case("06-hidden-command");
    let api = Api::start(&project, &[]);
    let variables = [
        ("GITHUB_STEP_SUMMARY", "summary.md"),
        ("GITHUB_API_URL", api.url.as_str()),
        ("GITHUB_REPOSITORY", "a/b"),
        ("GITHUB_TOKEN", TOKEN),
        ("PULL_REQUEST", "7"),
    ];
    let lines = lines_of_the_action();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        let ended = script(&project, line, &variables);
        assert!(ended.status.success(), "{line}: {ended:?}");
    }
    let first = api.ours(&project);
    assert_eq!(first.len(), 1);
    assert!(first[0].contains("has `rm -rf` in it now"), "{}", first[0]);
    assert_eq!(fs::read_to_string(project.path("summary.md")).unwrap(), first[0]);
    let sarif: Value =
        serde_json::from_str(&fs::read_to_string(project.path("runbooks.sarif")).unwrap()).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    // The next push brings the comment up to date, and makes no second one.
    let text = fs::read_to_string(project.path("runbooks/incident/queue-stuck.yaml")).unwrap();
    let project = project.with(
        "runbooks/incident/queue-stuck.yaml",
        &text.replace("rm -rf /var/lib/app", "true"),
    );
    for line in &lines {
        assert!(script(&project, line, &variables).status.success());
    }
    let second = api.ours(&project);
    assert_eq!(second.len(), 1);
    assert!(!second[0].contains("rm -rf"), "{}", second[0]);
}

#[test]
fn the_job_of_gitlab_comments_in_the_same_way() {
    let project = case("08-weakened-gate");
    let api = Api::start(&project, &[]);
    let variables = [
        ("CI_API_V4_URL", api.url.as_str()),
        ("CI_PROJECT_ID", "1"),
        ("CI_MERGE_REQUEST_IID", "7"),
        ("RUNBOOK_REVIEW_TOKEN", TOKEN),
    ];
    for _ in 0..2 {
        for line in lines_of_the_action() {
            let ended = script(&project, &line, &variables);
            assert!(ended.status.success(), "{line}: {ended:?}");
        }
    }
    assert_eq!(api.ours(&project).len(), 1);
    let template = fs::read_to_string(repository().join(".github/actions/review/gitlab.yml")).unwrap();
    assert!(
        template.contains("- ci/review.sh") && template.contains("- ci/comment.sh"),
        "{template}"
    );
}

/// A change from a fork comes without the right to comment, and without any secret.
#[test]
fn where_nobody_may_comment_the_job_ends_well() {
    let project = case("02-new-step");
    let api = Api::start(&project, &["read-only"]);
    let lines = lines_of_the_action();
    for token in [TOKEN, "another", ""] {
        let variables = [
            ("GITHUB_API_URL", api.url.as_str()),
            ("GITHUB_REPOSITORY", "a/b"),
            ("GITHUB_TOKEN", token),
            ("PULL_REQUEST", "7"),
        ];
        for line in &lines {
            let ended = script(&project, line, &variables);
            assert!(ended.status.success(), "{token} {line}: {ended:?}");
        }
    }
    assert!(api.ours(&project).is_empty());
}

#[test]
fn what_must_not_pass_fails_the_job() {
    let [review, _] = lines_of_the_action().try_into().unwrap();
    let project = case("09-protections");
    let ended = script(&project, &review, &[("FAIL_ON", "alarms")]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let project = case("07-input-as-code");
    let ended = script(&project, &review, &[]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(
        String::from_utf8_lossy(&ended.stderr).contains("RB0406"),
        "{ended:?}"
    );
    assert!(
        project.path("comment.md").exists(),
        "the review is there all the same"
    );
}

/// What the hooks of `pre-commit` call is there.
#[test]
fn the_hooks_call_commands_that_are_there() {
    let hooks = fs::read_to_string(repository().join(".pre-commit-hooks.yaml")).unwrap();
    let entries: Vec<&str> = hooks
        .lines()
        .filter_map(|line| line.trim().strip_prefix("entry: runbook "))
        .collect();
    assert_eq!(entries, ["check", "fmt"]);
    for entry in entries {
        Project::shipped().run(&[entry]).expect(0);
    }
}
