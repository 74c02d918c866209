//! `runbook list`: the catalogue of a project.

use serde_json::{Value, json};

use crate::harness::{Project, repository};

const STEPS: &str = "steps: [{id: look, exec: ['true'], effect: read}]\n";

fn runbook(name: &str, more: &str) -> String {
    format!("apiVersion: runbook/v1\nname: {name}\nversion: 1.0.0\ntitle: All about {name}\n{more}{STEPS}")
}

fn project() -> Project {
    let change = "apiVersion: runbook/v1\nname: widen\nversion: 2.1.0\ntitle: Widen\nowner: db\n\
        steps: [{id: go, exec: ['true'], rollback: {exec: ['true']}}]\nverify: [{exec: ['true']}]\n";
    Project::empty()
        .with("runbooks/db/widen.yaml", change)
        .with(
            "runbooks/app/zebra.yaml",
            &runbook(
                "zebra",
                "severity: P1\nowner: web\nlabels: {service: api}\n\
                triggers: [{alert: {alertname: HubDown}}, {schedule: '0 9 * * *', timezone: Europe/Berlin}]\n",
            ),
        )
        .with("runbooks/app/apple.yaml", &runbook("apple", "severity: P3\nowner: web\n"))
}

/// The names that are listed, in order.
fn names(project: &Project, args: &[&str]) -> Vec<String> {
    let args: Vec<&str> = ["list", "--format", "json"].iter().chain(args).copied().collect();
    let listed = project.run(&args).expect(0).json();
    let listed = listed.as_array().expect("a list").clone();
    listed
        .iter()
        .map(|one| one["name"].as_str().unwrap_or("?").to_owned())
        .collect()
}

#[test]
fn runbooks_are_listed_by_folder_and_name() {
    let project = project();
    assert_eq!(names(&project, &[]), ["apple", "zebra", "widen"]);
    let said = project.run(&["list"]).expect(0).stdout;
    let expected = "\
NAME   VERSION  SEV  OWNER  EFFECT   TITLE            CALLED BY                                                   PATH
apple  1.0.0    P3   web    reads    All about apple                                                              runbooks/app/apple.yaml
zebra  1.0.0    P1   web    reads    All about zebra  alert alertname=HubDown; schedule 0 9 * * *, Europe/Berlin  runbooks/app/zebra.yaml
widen  2.1.0         db     changes  Widen                                                                        runbooks/db/widen.yaml
";
    assert_eq!(said, expected);
    assert!(!project.path(".runbook").exists(), "it leaves nothing");
}

#[test]
fn a_list_can_be_narrowed() {
    let project = project();
    for (args, expected) in [
        (&["zeb"] as &[&str], &["zebra"] as &[&str]),
        (&["ALL ABOUT"], &["apple", "zebra"]),
        (&["db/"], &["widen"]),
        (&["--severity", "p1"], &["zebra"]),
        (&["--owner", "web"], &["apple", "zebra"]),
        (&["--label", "service=api"], &["zebra"]),
        (&["--label", "service=other"], &[]),
        (&["--trigger", "hubdown"], &["zebra"]),
        (&["--trigger", "schedule", "--owner", "db"], &[]),
    ] {
        assert_eq!(names(&project, args), expected, "{args:?}");
    }
    project
        .run(&["list", "nothing-like-it"])
        .expect(0)
        .says(&["none of 3 runbooks fits"]);
    project
        .run(&["list", "--label", "service"])
        .expect(2)
        .says(&["NAME=VALUE"]);
}

#[test]
fn the_last_run_is_told() {
    let project = Project::shipped();
    let one = |project: &Project| {
        let listed = project.run(&["list", "--format", "json"]).expect(0).json();
        let mut listed = listed.as_array().expect("it is a list").iter();
        let is_it = |listed: &&Value| listed["name"] == "pool-exhaustion";
        listed.find(is_it).expect("it is listed").clone()
    };
    assert_eq!(one(&project)["last_run"], Value::Null);
    project
        .run(&["exec", "incident/pool-exhaustion.yaml", "--yes", "--lab-healthy"])
        .expect(3);
    let run = project.only_run();
    let listed = one(&project);
    assert_eq!(listed["last_run"]["run"], json!(run.name()));
    assert_eq!(listed["last_run"]["outcome"], "not_needed");
    assert_eq!(listed["effect"], "destructive");
    project
        .run(&["list"])
        .expect(0)
        .says(&["LAST RUN (UTC)", "not_needed", "destroys"]);
}

#[test]
fn a_runbook_with_errors_is_marked_and_stops_nothing() {
    let project = project()
        .with("runbooks/app/broken.yaml", "apiVersion: runbook/v1\nname: [\n")
        .with("runbooks/app/typo.yaml", &runbook("typo", "ownr: me\n"));
    assert_eq!(
        names(&project, &[]),
        ["apple", "broken", "typo", "zebra", "widen"]
    );
    let said = project.run(&["list"]).expect(0).stdout;
    assert!(said.contains("✗  typo"), "{said}");
    assert!(said.contains("2 of 5 with errors"), "{said}");
    let listed = project
        .run(&["list", "typo", "--format", "json"])
        .expect(0)
        .json();
    let error = listed[0]["error"].as_str().expect("an error");
    assert!(error.contains("ownr"), "{error}");
}

#[test]
fn an_empty_project_says_how_to_begin() {
    let project = Project::empty();
    project.run(&["list"]).expect(0).says(&["runbook new"]);
    assert_eq!(
        project.run(&["list", "--format", "json"]).expect(0).json(),
        json!([])
    );
}

#[test]
fn on_a_terminal_no_line_is_broken() {
    let long = runbook(
        "very-long-name-of-a-runbook",
        "owner: somebody-with-a-long-name\n",
    )
    .replace(
        "All about",
        "A title that goes on and on and on, more than there is room, all about",
    );
    let project = project().with("runbooks/app/long.yaml", &long);
    for columns in [60, 80, 120] {
        let program = env!("CARGO_BIN_EXE_runbook");
        let line = format!("stty cols {columns}; exec '{program}' list");
        let said = project.start_in_terminal(&line).end().expect(0).stdout;
        assert!(said.contains("very-long-name-of-a-runbook"), "{said}");
        for line in said.lines() {
            let width = line.trim_end().chars().count();
            assert!(width <= columns, "{width} of {columns}: {line}");
        }
    }
}

#[test]
fn the_shipped_runbooks_are_listed() {
    let count = repository().join("runbooks");
    assert!(count.is_dir());
    assert_eq!(
        names(&Project::shipped(), &["pool-exhaustion"]),
        ["pool-exhaustion"]
    );
    assert_eq!(
        names(&Project::shipped(), &["adaptive"]),
        ["adaptive-pool"],
        "by a part of the name"
    );
}
