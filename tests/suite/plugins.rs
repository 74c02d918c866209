//! Plugins: pinned, planned, run, undone; and what the book says of their protocol.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Project, repository};

/// The example's project.
fn example() -> Project {
    let copied = [
        "runbook.config.yaml",
        "runbook.lock",
        "runbooks/maintenance.yaml",
        LEDGER,
    ];
    let project = copied.iter().fold(Project::empty(), |project, path| {
        let text = fs::read_to_string(repository().join("examples/plugins").join(path)).unwrap();
        project.with(path, &text)
    });
    executable(&project);
    project
}

const LEDGER: &str = "plugins/runbook-action-ledger";

fn executable(project: &Project) {
    fs::set_permissions(project.path(LEDGER), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_example_is_pinned_runs_and_is_undone() {
    let project = example();
    let listed = project.run(&["plugins", "--format", "json"]).expect(0).json();
    assert_eq!(listed["plugins"][0]["state"], "pinned");
    assert_eq!(listed["plugins"][0]["sha256"], listed["plugins"][0]["pinned"]);
    project
        .run(&["plugins"])
        .expect(0)
        .says(&["ledger", "pinned", "Keeps names and values in a file."]);
    let findings = project.run(&["check", "--format", "json"]).expect(0).json();
    assert_eq!(findings, serde_json::json!([]));
    project
        .run(&["exec", "maintenance", "--yes"])
        .expect(0)
        .says(&["resolved"]);
    let ledger = fs::read_to_string(project.path("ledger.txt")).unwrap();
    let run = project.only_run();
    assert_eq!(ledger, format!("maintenance={}\n", run.name()));
    let pinned = fs::read_to_string(run.path("pinned/runbook.lock")).unwrap();
    assert_eq!(pinned, fs::read_to_string(project.path("runbook.lock")).unwrap());
    project
        .run(&["exec", "maintenance", "--yes", "-i", "fails=true"])
        .expect(5)
        .says(&["rolled_back", "put back `maintenance`"]);
    assert_eq!(fs::read_to_string(project.path("ledger.txt")).unwrap(), ledger);
}

#[test]
fn a_run_of_a_plugin_is_undone_later() {
    let project = example();
    project.run(&["exec", "maintenance", "--yes"]).expect(0);
    project.run(&["rollback", "last", "--yes"]).expect(5);
    assert_eq!(fs::read_to_string(project.path("ledger.txt")).unwrap(), "");
}

/// What a run began with is what undoes it, whatever the project has pinned since.
#[test]
fn a_run_is_undone_by_the_plugin_that_it_began_with() {
    let project = example();
    project.run(&["exec", "maintenance", "--yes"]).expect(0);
    let ledger = fs::read_to_string(project.path("ledger.txt")).unwrap();
    let program = fs::read_to_string(project.path(LEDGER)).unwrap();
    let project = project.with(LEDGER, &format!("{program}# another version\n"));
    executable(&project);
    project.run(&["plugins", "pin", "ledger"]).expect(0);
    let said = project.run(&["rollback", "last", "--yes"]).expect(6);
    said.says(&["is not the program that was pinned"]);
    let journal = fs::read_to_string(project.only_run().path("journal.jsonl")).unwrap();
    let help = "put back the program whose SHA-256 is";
    assert!(journal.contains(help), "{journal}");
    assert_eq!(fs::read_to_string(project.path("ledger.txt")).unwrap(), ledger);
    let project = project.with(LEDGER, &program);
    executable(&project);
    project.run(&["rollback", "last", "--yes"]).expect(5);
    assert_eq!(fs::read_to_string(project.path("ledger.txt")).unwrap(), "");
}

#[test]
fn what_has_changed_is_not_run_until_it_is_pinned_again() {
    let project = example();
    let text = fs::read_to_string(project.path(LEDGER)).unwrap();
    let project = project.with(LEDGER, &format!("{text}# changed\n"));
    executable(&project);
    project
        .run(&["plugins"])
        .expect(1)
        .says(&["changed", "runbook plugins pin ledger"]);
    project
        .run(&["exec", "maintenance", "--yes"])
        .says(&["is not the program that was pinned"]);
    assert!(!project.path("ledger.txt").exists());
    project
        .run(&["plugins", "pin", "ledger"])
        .expect(0)
        .says(&["ledger: "]);
    project.run(&["plugins"]).expect(0);
    project.run(&["exec", "maintenance", "--yes"]).expect(0);
}

#[test]
fn what_is_not_pinned_is_checked_and_not_run() {
    let project = example();
    fs::remove_file(project.path("runbook.lock")).unwrap();
    // It would tell that it was started.
    let project = project.with(LEDGER, "#!/bin/sh\ntouch started\n");
    executable(&project);
    project
        .run(&["check"])
        .says(&["RB0901", "the plugin `ledger` (`runbook plugins pin ledger`"]);
    project
        .run(&["exec", "maintenance", "--yes"])
        .expect(2)
        .says(&["RB0901", "nothing ran"]);
    project.run(&["plugins"]).expect(1).says(&["unpinned"]);
    project.run(&["show", "runbooks/maintenance.yaml"]);
    assert!(!project.path("started").exists());
    // It does not describe itself, so it is not pinned.
    project
        .run(&["plugins", "pin"])
        .expect(2)
        .says(&["`ledger` cannot be pinned", "exit code 0"]);
    assert!(!project.path("runbook.lock").exists());
    project
        .run(&["plugins", "pin", "nobody"])
        .expect(2)
        .says(&["there is no program `runbook-action-nobody`"]);
}

#[test]
fn parameters_are_checked_by_the_lock() {
    let project = example();
    fs::remove_file(project.path(LEDGER)).unwrap();
    let runbook = fs::read_to_string(project.path("runbooks/maintenance.yaml")).unwrap();
    let project = project.with(
        "runbooks/maintenance.yaml",
        &runbook.replace("set: maintenance", "sett: maintenance"),
    );
    project.run(&["check"]).expect(2).says(&[
        "RB0307",
        "there is no parameter `sett`",
        "did you mean `set`?",
    ]);
    let project = project.with("runbook.lock", "{}");
    project
        .run(&["check"])
        .expect(2)
        .says(&["`runbook.lock` does not say its `version`"]);
    project
        .run(&["plugins"])
        .expect(2)
        .says(&["`runbook.lock` does not say its `version`"]);
}

/// The conversations of the page, with the lines that are told and the lines that are said.
fn conversations(page: &str) -> Vec<Vec<(bool, Value)>> {
    let blocks = page.split("```jsonl,plugin\n").skip(1);
    let lines = |block: &str| {
        let block = block.split("\n```").next().unwrap().to_owned();
        block
            .lines()
            .map(|line| (line.starts_with("> "), serde_json::from_str(&line[2..]).unwrap()))
            .collect()
    };
    blocks.map(lines).collect()
}

#[test]
fn the_book_tells_the_protocol_as_it_is_spoken() {
    let page = fs::read_to_string(repository().join("book/src/plugins.md")).unwrap();
    let project = example();
    let all = conversations(&page);
    assert_eq!(all.len(), 6);
    for conversation in all {
        let program = project.path(LEDGER);
        let mut child = project
            .command(program.to_str().unwrap(), &[])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for (is_told, message) in conversation {
            if is_told {
                writeln!(stdin, "{message}").unwrap();
            } else {
                let said: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
                assert_eq!(said, message);
            }
        }
        assert!(lines.next().is_none());
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn the_book_lists_what_a_description_may_hold() {
    let page = fs::read_to_string(repository().join("book/src/plugins.md")).unwrap();
    let lock = fs::read_to_string(repository().join("examples/plugins/runbook.lock")).unwrap();
    let lock: Value = serde_json::from_str(&lock).unwrap();
    let descriptor = lock["plugins"]["ledger"]["descriptor"].as_object().unwrap();
    for key in descriptor.keys() {
        assert!(page.contains(&format!("| `{key}` |")), "{key}");
    }
}
