//! `checks`: a table of which every row is asked, and the worst decides.

use runbook_event::{Outcome, StepStatus};
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;
use serde_json::{Value, json};

use crate::is;

fn table(plays: [Play; 3]) -> Ran {
    let [x, y, z] = plays;
    Scenario::new(
        "
        steps:
          - id: table
            checks:
              - {id: x, title: The first, probe: {name: x}, value: got, warn: value > 10, fail: value > 20}
              - {id: y, probe: {name: y}, value: got, warn: value > 10, fail: value > 20}
              - {id: z, probe: {name: z}, value: got, warn: value > 10, fail: value > 20}
            capture: {worst: worst, all: results}
            on_failure: continue
          - {id: end, let: {worst: steps.table.worst}}
        ",
    )
    .on("x", [x])
    .on("y", [y])
    .on("z", [z])
    .run()
}

fn worst(plays: [Play; 3]) -> (Option<StepStatus>, Option<Value>) {
    let ran = table(plays);
    let state = &ran.finished().state;
    let asked = ["x", "y", "z"].map(|name| ran.calls().get(name).copied());
    assert_eq!(asked, [Some(1); 3], "every row is asked: {}", ran.trace());
    let end = state.step("end").and_then(|step| step.value("worst").cloned());
    (state.step("table").map(|step| step.status), end)
}

#[test]
fn the_worst_row_decides() {
    let (good, warns, bad, error) = (
        || Play::gives(1),
        || Play::gives(15),
        || Play::gives(25),
        || Play::fails("down"),
    );
    let done = Some(StepStatus::Done);
    let failed = Some(StepStatus::Failed);
    assert_eq!(worst([good(), good(), good()]), (done, Some(json!("pass"))));
    assert_eq!(worst([good(), warns(), good()]), (done, Some(json!("warn"))));
    // What a failed step captured is null.
    assert_eq!(worst([bad(), warns(), good()]), (failed, Some(Value::Null)));
    assert_eq!(worst([bad(), warns(), error()]), (failed, Some(Value::Null)));
    assert_eq!(
        worst([good(), good(), Play::gives("1")]),
        (failed, Some(Value::Null))
    );
    assert_eq!(
        worst([good(), good(), Play::panics()]),
        (failed, Some(Value::Null))
    );
}

#[test]
fn a_table_is_a_row_a_reading() {
    let ran = table([Play::gives(1), Play::gives(15), Play::gives(25)]);
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        table start
        table intent
        table row.x ?
        table row.y ?
        table row.z ?
        table row.x #1 pass 1
        table row.y #1 pass 1
        table row.z #1 fail 0
        table row.x = pass
        table row.y = pass
        table row.z = fail
        table did not act: other
        table failed: other
        end start
        end intent
        end acted
        end captured worst=null
        end done
        == resolved
        ",
    );
    let failure = ran
        .finished()
        .state
        .step("table")
        .and_then(|step| step.failure.clone());
    let failure = failure.expect("it failed");
    let result = failure.result.clone().expect("it has a result");
    assert_eq!(result.get("worst"), Some(&json!("fail")));
    assert_eq!(
        result.get("results").and_then(Value::as_array).map(Vec::len),
        Some(3)
    );
    assert!(failure.to_string().contains("25"), "{failure}");
}

#[test]
fn the_rows_are_captured_in_their_order() {
    let ran = table([Play::gives(1).takes(5000), Play::gives(15), Play::gives(2)]);
    let state = &ran.finished().state;
    let all = state
        .step("table")
        .and_then(|step| step.value("all").cloned())
        .expect("captured");
    let rows: Vec<(Option<&Value>, Option<&Value>)> = all
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| (row.get("id"), row.get("result")))
        .collect();
    assert_eq!(
        rows,
        [
            (Some(&json!("x")), Some(&json!("pass"))),
            (Some(&json!("y")), Some(&json!("warn"))),
            (Some(&json!("z")), Some(&json!("pass"))),
        ]
    );
}

/// A row may be about many things: it names those that are bad.
#[test]
fn a_row_over_a_list_names_the_offenders() {
    let ran = Scenario::new(
        "
        steps:
          - id: table
            checks:
              - {id: nodes, probe: {name: nodes}, each: got, fail: item.state != 'up'}
        ",
    )
    .on(
        "nodes",
        [Play::gives(json!([
            {"name": "n1", "state": "up"}, {"name": "n2", "state": "down"}, {"name": "n3", "state": "gone"},
        ]))],
    )
    .run();
    assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
    let failure = ran
        .finished()
        .state
        .step("table")
        .and_then(|step| step.failure.clone());
    let message = failure.expect("it failed").to_string();
    assert!(
        message.contains("n2") && message.contains("n3") && !message.contains("n1"),
        "{message}"
    );
}

/// A list that is empty has no offender, and one that is no list is an error.
#[test]
fn a_row_over_no_list() {
    for (got, outcome) in [(json!([]), Outcome::Resolved), (json!("x"), Outcome::Failed)] {
        let ran = Scenario::new(
            "
            steps:
              - id: table
                checks: [{id: nodes, probe: {name: nodes}, each: got, fail: item.state != 'up'}]
            ",
        )
        .on("nodes", [Play::gives(got)])
        .run();
        assert_eq!(ran.outcome(), outcome, "{}", ran.trace());
    }
}
