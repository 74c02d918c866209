//! What is asked for on the command line beyond the runbook: steps that are left out, outputs, no rollback.

use std::fs;

use crate::harness::Project;

/// Two branches, of which one holds others, then one that joins them.
const GRAPH: &str = "outputs: {said: steps.last.said}\nsteps:\n  \
    - {id: first, shell: echo first >> log, rollback: not_needed}\n  \
    - id: group\n    needs: [first]\n    steps:\n      \
      - {id: inner_one, shell: echo inner_one >> log, rollback: not_needed}\n      \
      - {id: inner_two, shell: echo inner_two >> log, rollback: not_needed}\n  \
    - {id: aside, needs: [], shell: echo aside >> log, rollback: not_needed}\n  \
    - {id: last, needs: [group, aside], shell: 'echo last >> log; echo done', capture: {said: stdout | trim}, rollback: not_needed}\n\
    finally:\n  - {id: clean, shell: echo clean >> log, effect: read}\n";

fn ran(args: &[&str]) -> (Project, Vec<String>) {
    let project = Project::runbook(GRAPH);
    let args: Vec<&str> = ["exec", "runbook.yaml"].iter().chain(args).copied().collect();
    project.run(&args).expect(0);
    let log = fs::read_to_string(project.path("log")).unwrap_or_default();
    let mut ran: Vec<String> = log.lines().map(str::to_owned).collect();
    ran.sort();
    (project, ran)
}

#[test]
fn steps_are_left_out_by_options() {
    let all = ["aside", "clean", "first", "inner_one", "inner_two", "last"];
    assert_eq!(ran(&[]).1, all);
    for (args, left) in [
        (&["--skip", "inner_one"] as &[&str], &["inner_one"] as &[&str]),
        (
            &["--skip", "group", "--skip", "clean"],
            &["clean", "inner_one", "inner_two"],
        ),
        (&["--only", "group"], &["aside", "first", "last"]),
        (
            &["--only", "inner_two", "--only", "last"],
            &["aside", "first", "inner_one"],
        ),
        (&["--from", "last"], &["aside", "first", "inner_one", "inner_two"]),
        (&["--from", "inner_two"], &["first", "inner_one"]),
        (
            &["--from", "inner_two", "--skip", "aside"],
            &["aside", "first", "inner_one"],
        ),
        (&["--from", "first"], &[]),
    ] {
        let expected: Vec<&str> = all.iter().filter(|id| !left.contains(id)).copied().collect();
        assert_eq!(ran(args).1, expected, "{args:?}");
    }
}

#[test]
fn why_a_step_was_left_out_is_told() {
    let (project, _) = ran(&["--skip", "aside", "--reason", "done by hand"]);
    let run = project.only_run();
    assert_eq!(
        run.of("step_skipped", "aside")[0]["reason"]["option"],
        "--skip (done by hand)"
    );
    assert!(run.report().contains("--skip (done by hand)"), "{}", run.report());
}

#[test]
fn a_step_that_there_is_not_is_refused() {
    let project = Project::runbook(GRAPH);
    for option in ["--skip", "--only", "--from"] {
        let refused = project
            .run(&["exec", "runbook.yaml", option, "inner_too"])
            .expect(2);
        refused.says(&["no step `inner_too`", "did you mean `inner_two`?"]);
    }
    project
        .run(&["exec", "runbook.yaml", "--reason", "x"])
        .expect(2)
        .says(&["no step is left out"]);
    assert!(project.runs().is_empty());
}

#[test]
fn outputs_are_given_to_programs_and_people() {
    let project = Project::runbook(GRAPH);
    let summary = project
        .run(&["exec", "runbook.yaml", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(summary["outputs"], serde_json::json!({"said": "done"}));
    project
        .run(&["exec", "runbook.yaml"])
        .expect(0)
        .says(&["outputs  said = done"]);
}

#[test]
fn without_rollback_all_stays() {
    let project = Project::runbook(
        "steps:\n  - {id: one, shell: touch one, rollback: {shell: rm one}}\n  - {id: two, shell: exit 1, effect: read}\n",
    );
    project.run(&["exec", "runbook.yaml", "--no-rollback"]).expect(4);
    assert!(project.path("one").exists());
}

#[test]
fn the_commit_that_a_run_was_of_is_kept() {
    let project = crate::base::committed(Project::runbook(
        "steps: [{id: one, exec: ['true'], effect: read}]\n",
    ));
    project.run(&["exec", "runbook.yaml"]).expect(0);
    let clean = project.only_run().events("run_started")[0]["commit"].clone();
    assert_eq!(clean["id"].as_str().unwrap().len(), 40);
    assert_eq!(clean["dirty"], false);
    let project = project.with("further.yaml", "x\n");
    project.run(&["exec", "runbook.yaml"]).expect(0);
    let dirty = project
        .runs()
        .iter()
        .filter(|run| run.events("run_started")[0]["commit"]["dirty"] == true)
        .count();
    assert_eq!(dirty, 1);
    let outside = Project::runbook("steps: [{id: one, exec: ['true'], effect: read}]\n");
    outside.run(&["exec", "runbook.yaml"]).expect(0);
    assert!(outside.only_run().events("run_started")[0]["commit"].is_null());
}
