//! Runs are found among many, and removed when they were kept long enough: what is over goes, and a line of it stays.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Project, Run};

/// A project with runbooks that end in most ways, each run once, in this order.
fn kept() -> Project {
    let project = Project::empty()
        .with(
            "runbooks/good.yaml",
            "apiVersion: runbook/v1\nname: good\nversion: 1.0.0\ntitle: It is good\nlabels: {service: api}\n\
             inputs: {fail: {type: string, default: 'no'}}\n\
             steps:\n  - {id: one, exec: [touch, one], rollback: {exec: [rm, one]}}\n\
             \x20 - {id: two, when: inputs.fail == 'yes', exec: ['false'], effect: read}\n\
             verify: [{id: there, exec: [test, -e, one]}]\n",
        )
        .with(
            "runbooks/held.yaml",
            "apiVersion: runbook/v1\nname: held\nversion: 1.0.0\ntitle: It holds\n\
             steps:\n  - {id: one, exec: [touch, two], rollback: {exec: [rm, two]}}\n\
             \x20 - {id: two, exec: ['false'], effect: read, on_failure: hold}\n\
             verify: [{id: there, exec: [test, -e, one]}]\n",
        )
        .with(
            "runbooks/stuck.yaml",
            "apiVersion: runbook/v1\nname: stuck\nversion: 1.0.0\ntitle: Its undo fails\n\
             steps:\n  - {id: one, exec: [touch, three], rollback: {exec: ['false']}}\n\
             \x20 - {id: two, exec: ['false'], effect: read}\n\
             verify: [{id: there, exec: [test, -e, one]}]\n",
        )
        .with(
            "runbook.config.yaml",
            "environments: {lab: {help: For tests.}}\nreport: {keep: 90d}\n",
        );
    project.exec_with(&["--env", "lab"], "good", &[], "resolved");
    project.exec("good", &["fail=yes"], "rolled_back");
    project.exec("held", &[], "failed");
    project.exec("stuck", &[], "rollback_failed");
    project
}

fn listed(project: &Project, args: &[&str]) -> Vec<String> {
    let args = [&["runs", "--format", "json"], args].concat();
    let runs = project.run(&args).expect(0).json();
    let told = |run: &Value| {
        let text = |key: &str| run[key].as_str().unwrap_or("-").to_owned();
        format!("{} {}", text("runbook"), text("outcome"))
    };
    runs.as_array().unwrap().iter().map(told).collect()
}

fn names(project: &Project) -> Vec<String> {
    project.runs().iter().map(Run::name).collect()
}

#[test]
fn runs_are_found_by_what_they_were() {
    let project = kept();
    let (resolved, rolled_back) = ("good resolved", "good rolled_back");
    let (failed, stuck) = ("held failed", "stuck rollback_failed");
    let sorted = |args: &[&str]| {
        let mut all = listed(&project, args);
        all.sort();
        all
    };
    assert_eq!(sorted(&[]), [resolved, rolled_back, failed, stuck]);
    assert_eq!(sorted(&["--runbook", "good"]), [resolved, rolled_back]);
    assert_eq!(
        sorted(&["--runbook", "good", "--runbook", "held"]),
        [resolved, rolled_back, failed]
    );
    assert_eq!(
        sorted(&["--outcome", "failed", "--outcome", "rollback-failed"]),
        [failed, stuck]
    );
    assert_eq!(sorted(&["--label", "service=api"]), [resolved, rolled_back]);
    assert_eq!(sorted(&["--label", "service=web"]), [""; 0]);
    assert_eq!(sorted(&["--env", "lab"]), [resolved]);
    assert_eq!(sorted(&["--since", "1h"]).len(), 4);
    assert_eq!(sorted(&["--until", "1h"]), [""; 0]);
    assert_eq!(
        sorted(&["--since", "2020-01-01", "--until", "2020-01-02"]),
        [""; 0]
    );
    assert_eq!(sorted(&["--running"]), [""; 0]);
    assert_eq!(sorted(&["--incident", "INC-1"]), [""; 0]);
    assert_eq!(listed(&project, &["-n", "1"]).len(), 1);
    project
        .run(&["runs", "--outcome", "fine"])
        .expect(2)
        .says(&["resolved, ", "killed"]);
    project
        .run(&["runs", "--since", "yesterday"])
        .expect(2)
        .says(&["2026-05-04"]);
    project
        .run(&["runs", "--outcome", "waiting"])
        .expect(0)
        .says(&["none of 4 runs fits"]);
    // One that cannot be read is in nobody's way, and is told.
    let broken = project.path(".runbook/runs/20260101-000000-broken-0000");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("journal.jsonl"), "nonsense\n").unwrap();
    assert_eq!(sorted(&["--runbook", "good"]), [resolved, rolled_back]);
    project
        .run(&["runs", "--outcome", "unreadable"])
        .expect(0)
        .says(&["broken-0000", "unreadable", "line 1"]);
}

#[test]
fn nothing_is_pruned_without_yes() {
    let project = kept();
    let before = names(&project);
    project
        .run(&["runs", "prune"])
        .expect(0)
        .says(&["0 runs would go", "report.keep 90d", "4 kept"]);
    let dry = project.run(&["runs", "prune", "--keep", "1ms"]).expect(0);
    dry.says(&[
        "-good-",
        "2 runs would go",
        "0 kept",
        "held-",
        "stands",
        "stuck-",
        "rollback failed",
        "nothing was removed",
    ]);
    assert_eq!(names(&project), before);
    project
        .run(&["runs", "prune", "--keep-last", "1", "--format", "json"])
        .expect(0)
        .says(&["\"removed\": false", "\"kept\": 3"]);
}

#[test]
fn only_what_is_over_is_pruned_and_a_line_of_it_stays() {
    let project = kept();
    let before = names(&project);
    let done = project
        .run(&["runs", "prune", "--keep", "1ms", "--yes", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(done["removed"], true);
    assert_eq!(done["runs"].as_array().unwrap().len(), 2);
    assert!(done["runs"][0]["bytes"].as_u64().unwrap() > 1000, "{done}");
    assert_eq!(names(&project).len(), 2);
    assert_eq!(listed(&project, &["--runbook", "good"]), [""; 0]);
    let kept = project
        .run(&["runs", "--pruned", "--format", "json"])
        .expect(0)
        .json();
    let kept = kept.as_array().unwrap();
    assert_eq!(kept.len(), 2);
    for run in kept {
        assert!(before.contains(&run["run"].as_str().unwrap().to_owned()));
        assert_eq!(run["by"]["user"], "tester");
        assert_eq!(run["rule"], "--keep 1 ms");
        assert_eq!(run["version"], "1.0.0");
        assert_eq!(run["head"].as_str().unwrap().len(), 64);
    }
    project
        .run(&["runs", "--pruned"])
        .expect(0)
        .says(&["PRUNED", "tester", "It is good"]);
    project
        .run(&["runs", "--pruned", "--outcome", "resolved"])
        .expect(0)
        .says(&["resolved"]);
    // The lab's system was none, so they were meant, and count as before.
    let stats = project
        .run(&["stats", "good", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(stats["runs"]["pruned"], 2);
    assert_eq!(stats["runbooks"][0]["outcomes"]["resolved"], 1);
    assert_eq!(stats["runbooks"][0]["success_rate"], 0.5);

    project
        .run(&["runs", "prune", "--keep", "1ms", "--yes", "--force"])
        .expect(0)
        .says(&["1 run removed", "held-"]);
    assert_eq!(listed(&project, &[]), ["held failed"]);
    // What is undone is over.
    let held = names(&project).remove(0);
    project.run(&["rollback", &held, "--yes"]).expect(5);
    project
        .run(&["runs", "prune", "--keep", "1ms", "--yes"])
        .expect(0)
        .says(&["1 run removed"]);
    assert_eq!(names(&project), [""; 0]);
    project.run(&["runs"]).expect(0).says(&["no runs yet"]);
    project
        .run(&["runs", "--pruned", "-n", "2"])
        .expect(0)
        .says(&["… and 2 more"]);
}

#[test]
fn a_run_that_goes_on_is_never_pruned() {
    let project = Project::runbook(
        "steps:\n  - {id: wait, shell: 'touch begun; while ! test -e go; do sleep 0.1; done', effect: read}\n",
    );
    let running = project.start(&["exec", "runbook.yaml"]);
    crate::harness::until("it has begun", || project.path("begun").exists().then_some(()));
    let dry = project
        .run(&["runs", "prune", "--keep", "1ms", "--yes", "--force"])
        .expect(0);
    dry.says(&["0 runs removed", "it is going on"]);
    assert_eq!(listed(&project, &["--running"]).len(), 1);
    project.run(&["stats"]).expect(0).says(&["1 run"]);
    fs::write(project.path("go"), "").unwrap();
    running.end().expect(0);
    assert_eq!(listed(&project, &["--running"]), [""; 0]);
}

#[test]
fn without_a_rule_nothing_is_pruned() {
    let project = Project::empty().with("runbook.config.yaml", "{}\n");
    project
        .run(&["runs", "prune"])
        .expect(2)
        .says(&["report.keep", "--keep 90d"]);
    project
        .run(&["runs", "prune", "--keep", "90d", "--yes"])
        .expect(0)
        .says(&["0 runs"]);
    project
        .run(&["runs", "--pruned"])
        .expect(0)
        .says(&["no runs were pruned"]);
}

/// A copy of a run under another name: only its beginning and its end are looked at where it is listed.
fn copy(from: &Path, runs: &Path, name: &str) {
    let to = runs.join(name);
    fs::create_dir(&to).unwrap();
    for file in ["journal.jsonl", "lock"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

#[test]
fn among_many_runs_only_the_ends_of_those_are_read_that_are_not_shown() {
    let project = kept();
    let runs = project.path(".runbook/runs");
    let good = names(&project)
        .into_iter()
        .find(|name| name.contains("good"))
        .unwrap();
    for number in 0..300 {
        let name = format!("20200101-000000-copy-{number:04}");
        copy(&runs.join(&good), &runs, &name);
        // What stands between the first and the last lines is not what it was, and nobody looks.
        let path = runs.join(&name).join("journal.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines[4] = "nonsense";
        let mut file = fs::File::create(&path).unwrap();
        file.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    }
    let resolved = project
        .run(&["runs", "--outcome", "failed", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(resolved.as_array().unwrap().len(), 1);
    project
        .run(&["runs", "-n", "3"])
        .expect(0)
        .says(&["… and 301 more"]);
    let stats = project.run(&["stats", "--format", "json"]).expect(0).json();
    assert_eq!(stats["runs"]["unreadable"], 300);
    assert_eq!(stats["runs"]["counted"], 4);
}
