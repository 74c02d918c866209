//! The runbook that ships, against the practice system: each way in which it can end.

use serde_json::{Value, json};

use crate::harness::{Ended, Project, Run};

const EXEC: [&str; 3] = ["exec", "incident/pool-exhaustion.yaml", "--yes"];

fn exec(project: &Project, further: &[&str]) -> Ended {
    project.run(&[&EXEC, further].concat())
}

/// The journal of the run is whole, and the program says so.
fn verifies(project: &Project, run: &Run) {
    let name = run.name();
    let records = run.records().len();
    project
        .run(&["verify"])
        .expect(0)
        .says(&[&name, &format!("{records} records")]);
}

fn check<'a>(records: &'a [Value], kind: &str, role: &str, check: &str) -> Vec<&'a Value> {
    let is = |record: &&Value| record["event"] == kind && record["role"] == role && record["check"] == check;
    records.iter().filter(is).collect()
}

#[test]
fn an_exhausted_pool_is_repaired() {
    let project = Project::shipped();
    let ended = exec(&project, &[])
        .expect(0)
        .says(&["resolved", "journal.jsonl", "report.md"]);
    let (head, last) = (ended.stdout.lines().next(), ended.stdout.lines().last());
    assert!(head.unwrap().contains("· practice"), "{}", ended.all());
    assert!(
        last.unwrap().contains("stood in for the real one"),
        "{}",
        ended.all()
    );
    let run = project.only_run();
    assert_eq!(run.outcome(), "resolved");
    let records = run.records();

    let detected = check(&records, "check_read", "detect", "exhausted")[0];
    assert!(
        detected["reading"]["value"].as_f64().unwrap() > 0.95,
        "{detected}"
    );
    let before = check(&records, "check_ended", "baseline", "utilisation")[0];
    assert_eq!(before["verdict"], "fail");
    let after = check(&records, "check_ended", "verify", "utilisation")[0];
    assert_eq!(
        (&after["verdict"], &after["readings"]),
        (&json!("pass"), &json!(3)),
        "{after}"
    );
    let last = *check(&records, "check_read", "verify", "utilisation")
        .last()
        .unwrap();
    assert_eq!(last["reading"]["streak"], 3);
    assert!(last["reading"]["value"].as_f64().unwrap() < 0.8, "{last}");

    // A request that found no connection before is answered now.
    let turned_away = check(&records, "check_read", "baseline", "served")[0];
    assert_eq!(turned_away["reading"]["detail"], "`status` is 503");
    let served = check(&records, "check_read", "verify", "served")[0];
    assert_eq!(served["reading"]["verdict"], "pass");
    assert_eq!(run.captured("end_idle"), json!({"ended": 20}));

    let report = run.report();
    for text in [
        "## Before and after",
        "| Utilisation is below 80 % | value &lt; 0.8 | **fail**, 1.0",
        "**pass**, 0.0",
        "## What was changed",
        "| destructive | POST /admin/pool/terminate {\"idle_longer_than_ms\":0} (api) | done |",
        "| change | POST /admin/pool/resize {\"max_size\":200} (api) | done |",
        "irreversible: Ended connections do not come back; clients open new ones by themselves.",
        "`resolved`, exit code 0",
        "## Timeline",
    ] {
        assert!(report.contains(text), "`{text}` is not in\n{report}");
    }
    verifies(&project, &run);
}

#[test]
fn the_repair_is_proved_under_load() {
    let load = ["-i", "load_users=20", "-i", "load_requests=200"];
    let project = Project::shipped();
    exec(&project, &load).expect(0).says(&["resolved"]);
    let run = project.only_run();
    assert_eq!(run.captured("load"), json!({"served": 200}));
    let gate = check(&run.records(), "check_ended", "gate", "all_served")[0].clone();
    assert_eq!(gate["verdict"], "pass", "{gate}");
}

#[test]
fn a_resize_without_effect_is_undone_in_reverse() {
    let project = Project::shipped();
    exec(&project, &["--lab-fault", "resize-has-no-effect"])
        .expect(5)
        .says(&["rolled_back"]);
    let run = project.only_run();
    assert_eq!(run.outcome(), "rolled_back");
    assert_eq!(run.steps("undo_started"), ["widen", "let_go"]);
    for undone in run.events("undo_ended") {
        assert_eq!(undone["end"]["end"], "undone", "{undone}");
    }
    // The final checks were not asked: there is nothing to prove.
    assert!(
        run.events("check_started")
            .iter()
            .all(|check| check["role"] != "verify")
    );
    let pool = run.captured("aftermath")["pool"].clone();
    assert_eq!(
        (&pool["max_size"], &pool["idle_timeout_s"]),
        (&json!(20), &Value::Null)
    );

    let report = run.report();
    for text in [
        "“The pool has its new limit” expected `value == inputs.pool_size` within 5 s",
        "reading 6: fail, value 20: `value` is 20, `inputs.pool_size` is 200",
        "Undone, in this order: “Raise the pool's limit” (`widen`), “Let the pool go of idle connections by itself” (`let_go`).",
        "Kept as it was done",
        "(`end_idle`): irreversible: Ended connections do not come back",
        "`rolled_back`, exit code 5",
    ] {
        assert!(report.contains(text), "`{text}` is not in\n{report}");
    }
    verifies(&project, &run);
}

#[test]
fn a_resize_that_fails_leaves_work_for_a_person() {
    let project = Project::shipped();
    exec(&project, &["--lab-fault", "resize-fails"])
        .expect(6)
        .says(&["rollback_failed", "500 Internal Server Error"]);
    let run = project.only_run();
    // The undo of the resize is a resize, and fails like it; the other undo ran all the same.
    assert_eq!(run.steps("undo_started"), ["widen", "let_go"]);
    assert_eq!(run.of("undo_ended", "widen")[0]["end"]["end"], "failed");
    assert_eq!(run.of("undo_ended", "let_go")[0]["end"]["end"], "undone");
    let report = run.report();
    assert!(
        report.contains("To do by hand"),
        "it says what a person must do\n{report}"
    );
    assert!(
        report.contains(r#""max_size":20"#) || report.contains(r#""max_size": 20"#),
        "with the value\n{report}"
    );
    verifies(&project, &run);
}

#[test]
fn a_healthy_pool_is_left_alone() {
    let project = Project::shipped();
    exec(&project, &["--lab-healthy"]).expect(3).says(&["not_needed"]);
    let run = project.only_run();
    assert_eq!(run.outcome(), "not_needed");
    assert!(run.events("step_started").is_empty());
    assert!(run.events("attempt_started").is_empty());
    assert!(
        run.report()
            .contains("No step that changes anything was attempted.")
    );
    verifies(&project, &run);
}

/// The project's environment `other` is a practice system in another process.
fn beside(project: Project, url: &str) -> Project {
    let config = format!(
        "environments:\n  other:\n    connections:\n      api: {{http: \"{url}\"}}\n      db: {{sql: \"sqlite:data.db\"}}\n"
    );
    project
        .with("runbook.config.yaml", &config)
        .variable("DATABASE_URL", "sqlite:unused.db")
}

#[test]
fn no_write_reaches_a_healthy_service() {
    let project = Project::shipped();
    let lab = project.lab(&[]);
    let project = beside(project, lab.url());
    exec(&project, &["--env", "other"])
        .expect(3)
        .says(&["not_needed"]);
    assert_eq!(lab.get("/admin/writes"), json!({"writes": []}));
    lab.stop().expect(0);
}

#[test]
fn the_service_saw_what_the_journal_says() {
    let project = Project::shipped();
    let lab = project.lab(&["--fault", "connections-leaked", "--fault", "resize-has-no-effect"]);
    let project = beside(project, lab.url());
    exec(&project, &["--env", "other", "-i", "idle_for=0s"]).expect(5);
    let writes = lab.get("/admin/writes");
    let seen: Vec<(&Value, &Value)> = writes["writes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|write| (&write["path"], &write["body"]))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!("/admin/pool/idle-timeout"), &json!({"seconds": 60})),
            (
                &json!("/admin/pool/terminate"),
                &json!({"idle_longer_than_ms": 0})
            ),
            (&json!("/admin/pool/resize"), &json!({"max_size": 200})),
            (&json!("/admin/pool/resize"), &json!({"max_size": 20})),
            (&json!("/admin/pool/idle-timeout"), &json!({"seconds": null})),
        ]
    );
    lab.stop().expect(0);
}

#[test]
fn the_summary_for_programs_is_all_of_the_output() {
    let project = Project::shipped();
    let ended = exec(&project, &["--lab-healthy", "--format", "json"]).expect(3);
    let summary = ended.json();
    let run = project.only_run();
    assert_eq!(summary["run"], run.name());
    assert_eq!(
        (&summary["outcome"], &summary["exit_code"]),
        (&json!("not_needed"), &json!(3))
    );
    for key in ["journal", "report"] {
        let path = summary[key].as_str().expect("it is a path");
        assert!(std::path::Path::new(path).is_file(), "{path}");
    }
}

#[test]
fn the_project_is_that_of_the_file() {
    let project = Project::shipped();
    let elsewhere = Project::empty();
    let file = project.path("runbooks/incident/pool-exhaustion.yaml");
    let file = file.to_str().unwrap();
    elsewhere
        .run(&["check", file, "--env", "postgres"])
        .expect(0)
        .says(&["1 runbook"]);
    elsewhere.run(&["exec", file, "--yes", "--lab-healthy"]).expect(3);
    assert!(elsewhere.runs().is_empty());
    assert_eq!(project.only_run().outcome(), "not_needed");
    // What is not there as given is looked for in the project here.
    let away = ["check", "incident/pool-exhaustion.yaml"];
    elsewhere.run(&away).expect(2);
    project.run(&away).expect(0);
}
