//! What many runs tell: how they end, how long they take, what flaps, what is slow, and what nobody has tried.

use jsonschema::Validator;
use serde_json::Value;

use crate::harness::{Project, repository};

/// A runbook whose gate flaps, which has a step that is skipped, and one that fails where it is told to.
fn project() -> Project {
    Project::empty()
        .with(
            "runbooks/pool.yaml",
            "apiVersion: runbook/v1\nname: pool\nversion: 1.0.0\ntitle: The pool has room\n\
             inputs: {fail: {type: string, default: 'no'}}\n\
             steps:\n\
             \x20 - id: drain\n\
             \x20   exec: [touch, drained]\n\
             \x20   rollback: {exec: [rm, -f, drained]}\n\
             \x20   verify:\n\
             \x20     - id: steady\n\
             \x20       shell: 'n=$(($(cat n 2>/dev/null || echo 0) + 1)); echo $n > n; test $((n % 4)) -ne 2'\n\
             \x20       every: 1ms\n\
             \x20       within: 20s\n\
             \x20       consecutive: 3\n\
             \x20 - {id: spare, when: inputs.fail == 'never', exec: [touch, spare], irreversible: It is spent}\n\
             \x20 - {id: judge, when: inputs.fail == 'yes', exec: ['false'], effect: read}\n\
             verify: [{id: there, exec: [test, -e, drained]}]\n",
        )
        .with(
            "runbooks/never.yaml",
            "apiVersion: runbook/v1\nname: never\nversion: 1.0.0\ntitle: Nobody has tried it\n\
             steps:\n  - {id: look, exec: ['true'], effect: read}\n",
        )
}

fn stats(project: &Project, args: &[&str]) -> Value {
    let all = [&["stats", "--format", "json"], args].concat();
    let value = project.run(&all).expect(0).json();
    let schema: Value = serde_json::from_str(
        &std::fs::read_to_string(repository().join("schemas/stats.schema.json")).unwrap(),
    )
    .unwrap();
    let validator: Validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(wrong, [""; 0]);
    value
}

fn by<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|one| one[key] == name);
    found.unwrap_or_else(|| panic!("there is no {name} in {list:#}"))
}

/// Four runs that were resolved, and one that was rolled back.
fn five_runs() -> Project {
    let project = project();
    // The counter of the gate is the same in all runs, so of four readings the second fails.
    for _ in 0..4 {
        std::fs::remove_file(project.path("n")).ok();
        project.exec("pool", &[], "resolved");
    }
    std::fs::remove_file(project.path("n")).unwrap();
    project.exec("pool", &["fail=yes"], "rolled_back");
    project
}

#[test]
fn many_runs_are_compared() {
    let project = five_runs();
    let all = stats(&project, &[]);
    assert_eq!(all["runs"]["counted"], 5);
    let pool = by(&all["runbooks"], "name", "pool");
    assert_eq!(pool["outcomes"]["resolved"], 4);
    assert_eq!(
        (&pool["tried"], &pool["success_rate"]),
        (&Value::from(5), &Value::from(0.8))
    );
    assert_eq!(pool["repair"]["all"]["count"], 4);
    assert!(pool["repair"]["change"]["older_ms"].is_u64(), "{pool:#}");
    let periods = pool["repair"]["periods"].as_array().unwrap();
    assert_eq!(
        periods
            .iter()
            .map(|period| period["tried"].as_u64().unwrap())
            .sum::<u64>(),
        5
    );

    let gate = by(&pool["gates"], "check", "steady");
    assert_eq!(
        (&gate["decided"], &gate["passed"], &gate["flapped"]),
        (&5.into(), &5.into(), &5.into())
    );
    assert_eq!(
        (&gate["readings_median"], &gate["step"]),
        (&5.into(), &"drain".into())
    );
    assert_eq!(by(&pool["gates"], "check", "there")["flapped"], 0);

    let drain = by(&pool["steps"], "id", "drain");
    assert_eq!((&drain["used"], &drain["done"]), (&5.into(), &5.into()));
    assert!(drain["share"].as_f64().unwrap() > 0.5, "{drain}");
    assert_eq!(by(&pool["steps"], "id", "judge")["failed"], 1);
    let unused = pool["never_used"].as_array().unwrap();
    assert_eq!(unused.len(), 1);
    assert_eq!(
        (&unused[0]["id"], &unused[0]["why"], &unused[0]["skipped"]),
        (&"spare".into(), &"when".into(), &5.into())
    );
    assert_eq!(by(&pool["undos"], "step", "drain")["undone"], 1);
    assert_eq!(
        (&pool["freshness"], &pool["days_since"]),
        (&"fresh".into(), &0.into())
    );
    assert_eq!(by(&all["runbooks"], "name", "never")["freshness"], "never_run");
}

#[test]
fn what_stands_out_is_said_in_words_and_times_choose_runs() {
    let project = five_runs();
    project.run(&["stats"]).expect(0).says(&[
        "pool",
        "80 %",
        "flapped in 5 of 5",
        "never used: `spare`",
        "never run",
    ]);
    project.run(&["stats", "pool"]).expect(0).says(&[
        "4 resolved",
        "1 rolled_back",
        "of 5 that had something to do",
        "drain gate steady",
        "SHARE",
        "mostly: when",
        "undone: `drain` 1 time",
    ]);
    let before = stats(&project, &["--until", "2020-01-01"]);
    assert_eq!(before["runs"]["counted"], 0);
    assert_eq!(by(&before["runbooks"], "name", "pool")["freshness"], "fresh");
    let stale = stats(&project, &["--stale", "0"]);
    assert_eq!(by(&stale["runbooks"], "name", "pool")["freshness"], "stale");
    // A runbook that is gone is told as long as there are runs of it.
    std::fs::remove_file(project.path("runbooks/pool.yaml")).unwrap();
    assert_eq!(
        by(&stats(&project, &[])["runbooks"], "name", "pool")["freshness"],
        "gone"
    );
}

#[test]
fn without_runs_there_is_something_to_say() {
    let empty = Project::empty();
    empty.run(&["stats"]).expect(0).says(&["no runs yet", "0 runs"]);
    assert_eq!(stats(&empty, &[])["runbooks"], Value::Array(Vec::new()));
    let project = project();
    project.run(&["stats"]).expect(0).says(&["never run"]);
    project
        .run(&["stats", "pol"])
        .expect(2)
        .says(&["there is no runbook `pol`", "did you mean `pool`?"]);
    project
        .run(&["stats", "never"])
        .expect(0)
        .says(&["nobody has ever run or rehearsed it"]);
}

#[test]
fn practice_is_a_rehearsal() {
    let project = Project::shipped();
    project.exec("incident/pool-exhaustion.yaml", &[], "resolved");
    let all = stats(&project, &["pool-exhaustion"]);
    assert_eq!(
        (&all["runs"]["counted"], &all["runs"]["rehearsals"]),
        (&0.into(), &1.into())
    );
    let one = &all["runbooks"][0];
    assert_eq!((&one["runs"], &one["freshness"]), (&0.into(), &"fresh".into()));
    assert_eq!(one["last_rehearsal"]["outcome"], "resolved");
    assert!(one["last_run"].is_null());
    let counted = stats(&project, &["pool-exhaustion", "--practice"]);
    assert_eq!(counted["runs"]["counted"], 1);
    assert!(!counted["runbooks"][0]["gates"].as_array().unwrap().is_empty());
}

#[test]
fn the_page_is_one_file_without_scripts_and_hostile_titles_are_text() {
    let hostile = "<script>alert(1)</script>\u{202e}<img src=x onerror=y>";
    let project = Project::empty().with(
        "runbooks/bad.yaml",
        &format!(
            "apiVersion: runbook/v1\nname: bad\nversion: 1.0.0\ntitle: {0}\n\
             steps:\n  - {{id: look, title: {0}, exec: ['true'], effect: read}}\n",
            Value::from(hostile)
        ),
    );
    project.exec("bad", &[], "resolved");
    project.exec("bad", &[], "resolved");
    let page = project.run(&["stats", "--format", "html"]).expect(0).stdout;
    for never in ["<script", "<img", "http://", "https://", "\u{202e}"] {
        assert!(!page.contains(never), "{never}\n{page}");
    }
    for there in [
        "<!doctype html>",
        "<svg",
        "Content-Security-Policy",
        "&lt;script&gt;",
        "</html>",
    ] {
        assert!(page.contains(there), "{there}\n{page}");
    }
}
