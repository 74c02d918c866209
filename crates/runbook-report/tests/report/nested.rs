//! What stands within steps is told where it stands.

use runbook_action::{ErrorKind, Failure};
use runbook_event::{AttemptEnd, Into, OnFailure, Outcome, Phase, RunState, SkipReason, StopCause, Verdict};
use runbook_report::{Evidence, depth, json, step_title, timeline};
use serde_json::json;

use crate::sample::{Sample, part, report, site, step};
use crate::whole::{begun, busy, enters, failed, group, inner_site, items, resolved, whole, within};

/// The texts of the timeline, without those that say that a step began and what its one attempt did.
fn told() -> Vec<String> {
    let quiet =
        |text: &str| text.ends_with(": started") || text.contains(": do ") || text.contains("attempt 1 s");
    let entries = timeline(&resolved()).unwrap().into_iter();
    entries
        .map(|entry| entry.text)
        .filter(|text| !quiet(text))
        .collect()
}

#[test]
fn the_timeline_says_in_which_turn_and_in_which_runbook() {
    let told = told();
    let expected = [
        "The prepare: 2 steps within it",
        "The drain: kept for the undo: size = 20; what to put back is weight 100",
        "The drain: attempt 1 failed after 340 ms: it is busy",
        "The drain: attempt 2 follows in 4.0 s",
        "The drain: attempt 2 succeeded in 100 ms; captured size = 0",
        "The drain: then: reload the proxy (db)",
        "The drain: then succeeded in 30 ms",
        "The drain: done after 4.4 s",
        "The fence: done after 340 ms",
        "The prepare: done after 4.8 s",
        "The each: 2 items: hub-1, hub-2",
        "The restart [hub-1]: done after 340 ms",
        "The each [hub-1]: done after 340 ms",
        "The restart [hub-2]: attempt 1 failed after 340 ms: it is busy",
        "The restart [hub-2]: failed: it is busy",
        "The each [hub-2]: failed: it is busy",
        "The each: done after 680 ms: 1 of 2 items done, 1 failed",
        "The choose: the branch The slow is chosen",
        "The fast: skipped, since its branch was not chosen",
        "The slow: 1 step within it",
        "The wait: done after 340 ms",
        "The slow: done after 340 ms",
        "The choose: done after 340 ms",
        "The free: 3 alternatives, until one works",
        "The logs: attempt 1 failed after 340 ms: it is busy",
        "The logs: failed: it is busy",
        "The cache: done after 340 ms",
        "The tmp: not run, since an earlier alternative worked",
        "The free: done after 680 ms: The cache worked",
        "The poll: round 1",
        "The look [round 1]: done after 340 ms",
        "The poll [round 1]: done after 340 ms",
        "The poll: round 2",
        "The look [round 2]: done after 340 ms",
        "The poll [round 2]: done after 340 ms",
        "The poll: done after 680 ms: 2 rounds",
        "The over: runbook Fail over: failover 2; with zone = b",
        "The over › Detect: is there anything to repair?",
        "The over › The primary is down: reading 1: pass, value true: used is true",
        "The over › Steps",
        "The over › The promote: done after 340 ms",
        "The over › Verify: is the incident over?",
        "The over › There is a primary: reading 1: pass, value true: used is true",
        "The over: its runbook ended as resolved: every step is done and every gate passed",
        "The over: done after 540 ms; captured primary = b",
        "The table: check: cpu: reading 1: pass, value 3: cpu was read",
        "The table: check: disk: reading 1: warn, value 80: disk was read",
        "The table: check: mail: reading 1: fail, value 0: mail was read",
        "The table: check: dns: reading 1: error, value null: dns was read",
        "The table: done after 340 ms",
        "The unfence: undoes fence",
        "The fence: undoing: undo fence (db)",
        "The fence: undone in 1.2 s",
        "The unfence: done after 1.2 s",
        "The left: skipped, since `--skip` leaves it out",
        "The asked: asked for approval: Go on? (do asked (db))",
        "The asked: refused by eve (terminal)",
        "The asked: skipped, since nobody approved it",
        "The never: skipped, since its `when` is false: no",
        "the terminal is gone; the run goes on without it",
    ];
    let from = told.iter().position(|text| text == expected[0]).unwrap();
    assert_eq!(told[from..from + expected.len()], expected);
}

#[test]
fn steps_stand_below_the_step_that_holds_them() {
    let steps = part(&report(&resolved()), "## Steps");
    let headings: Vec<&str> = steps.lines().filter(|line| line.starts_with("##")).collect();
    assert_eq!(
        headings,
        [
            "### “The prepare” (`prepare`)",
            "#### “The drain” (`drain`)",
            "#### “The fence” (`fence`)",
            "### “The each” (`each`)",
            "#### “The each” (`each[hub-1]`)",
            "##### “The restart” (`restart[hub-1]`)",
            "#### “The each” (`each[hub-2]`)",
            "##### “The restart” (`restart[hub-2]`)",
            "### “The choose” (`choose`)",
            "#### “The fast” (`fast`)",
            "#### “The slow” (`slow`)",
            "##### “The wait” (`wait`)",
            "### “The free” (`free`)",
            "#### “The logs” (`logs`)",
            "#### “The cache” (`cache`)",
            "#### “The tmp” (`tmp`)",
            "### “The poll” (`poll`)",
            "#### “The poll” (`poll[1]`)",
            "##### “The look” (`look[1]`)",
            "#### “The poll” (`poll[2]`)",
            "##### “The look” (`look[2]`)",
            "### “The over” (`over`)",
            "#### “The promote” (`over/promote`)",
            "### “The table” (`table`)",
            "### “The unfence” (`unfence`)",
            "### “The left” (`left`)",
            "### “The asked” (`asked`)",
            "### “The never” (`never`)",
            "### “The clean” (`clean`)",
        ]
    );
}

#[test]
fn a_sub_runbook_is_told_with_its_version_its_inputs_and_its_end() {
    let report = report(&resolved());
    let over = part(&report, "### “The over” (`over`)");
    assert!(
        over.starts_with(
            "- Action: `group`, effect change: do over\n\
             - Status: done, began at 2026-05-05 00:00:05.290, took 540 ms\n\
             - Runbook: “Fail over”, `failover` 2, `runbooks/failover.yaml`\n\
             - Its inputs: zone = b\n\
             - It ended as `resolved`: every step is done and every gate passed\n\
             - Captured: primary = b\n\n\
             | Check of its runbook | Verdict | Asked | Readings where it changed |\n\
             | --- | --- | --- | --- |\n\
             | detect: The primary is down | pass | 1 | reading 1: pass, value true: used is true |\n\
             | verify: There is a primary | pass | 1 | reading 1: pass, value true: used is true |\n\n"
        ),
        "{over}"
    );
    assert!(report.contains("| Sub-runbooks | `failover` 2, `runbooks/failover.yaml` |"));
    let evidence = part(&report, "## Evidence");
    let line = format!(
        "- Sub-runbook `failover` 2: `runbooks/failover.yaml`, SHA-256 `{}`\n\
         - Commit: `0123abc`, and files differed from it\n",
        "34".repeat(32)
    );
    assert!(evidence.contains(&line), "{evidence}");
    assert!(evidence.contains("| Text that decides | SHA-256 |\n| --- | --- |\n| `runbooks/pool.yaml` |"));
}

#[test]
fn a_table_of_checks_is_told_row_by_row() {
    let told = part(&report(&resolved()), "### “The table” (`table`)");
    let expected = "4 rows: 1 pass, 1 warn, 1 fail, 1 error.\n\n\
                    | Row | Result | Found |\n| --- | --- | --- |\n\
                    | cpu | pass | 3: cpu was read |\n\
                    | disk | warn | 80: disk was read |\n\
                    | mail | fail | 0: mail was read |\n\
                    | dns | error | null: dns was read |";
    assert!(told.ends_with(expected), "{told}");
}

#[test]
fn what_was_asked_for_and_what_is_owned_is_told() {
    let report = report(&resolved());
    let wishes = "`--force`, so it goes on also if `detect` answers no; `--no-rollback`, so nothing is undone \
                  after a failure; `--skip`, which leaves out left";
    assert!(report.contains(&format!("| Asked for | {wishes} |")));
    assert!(report.contains(&format!("Asked for on the command line: {wishes}.")));
    assert!(report.contains("| Locks | `pool`, `db/primary` |"));
    assert_eq!(
        part(&report, "## Guards"),
        "| Guard | At last | Asked | Readings where it changed |\n| --- | --- | --- | --- |\n\
         | The replica keeps up | pass | 1 | reading 1: pass, value 2: used is 2 |"
    );
}

#[test]
fn every_step_that_was_not_run_is_told_with_the_reason() {
    let told = part(&report(&resolved()), "## What happened");
    let expected = "10 of 15 steps were done, 2 failed, 3 not run.\n\n\
                    Undone, in this order: “The fence” (`fence`).\n\n\
                    What failed without stopping the run:\n\n\
                    - The step “The restart” (`restart[hub-2]`) failed: it is busy.\n\
                    - The step “The logs” (`logs`) failed: it is busy.\n\n\
                    Steps that were not run:\n\n\
                    - “The fast” (`fast`): skipped, since its branch was not chosen\n\
                    - “The tmp” (`tmp`): not run, since an earlier alternative worked\n\
                    - “The left” (`left`): skipped, since `--skip` leaves it out\n\
                    - “The asked” (`asked`): skipped, since nobody approved it\n\
                    - “The never” (`never`): skipped, since its `when` is false: no\n\n\
                    What else was noted:\n\n\
                    - 2026-05-05 00:00:07 UTC: the terminal is gone; the run goes on without it\n\n";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn a_nested_run_is_data() {
    let data = json(&resolved(), &Evidence::new("e")).unwrap();
    assert_eq!(
        (&data["steps_done"], &data["steps_total"]),
        (&json!(10), &json!(15))
    );
    assert_eq!(data["wanted"]["skips"], json!({"left": "--skip"}));
    assert_eq!(data["locks"], json!(["pool", "db/primary"]));
    let find = |id: &str| {
        let steps = data["steps"].as_array().unwrap();
        steps.iter().find(|step| step["id"] == id).unwrap().clone()
    };
    let item = find("restart[hub-2]");
    assert_eq!(
        (&item["step"], &item["within"], &item["section"]),
        (&json!("restart"), &json!("each[hub-2]"), &json!("steps"))
    );
    assert_eq!(
        find("each[hub-2]")["turn"],
        json!({"key": "hub-2", "item": {"name": "hub-2"}})
    );
    assert_eq!(find("poll[2]")["turn"], json!({"round": 2}));
    let over = find("over");
    assert_eq!(over["runbook"]["runbook"]["version"], "2");
    assert_eq!(over["runbook"]["outcome"], "resolved");
    assert_eq!(over["captures"], json!({"primary": "b"}));
    assert_eq!(find("over/promote")["within"], "over");
    assert_eq!(find("tmp")["why_skipped"], "an earlier alternative worked");
    assert_eq!(find("clean")["section"], "finally");
    let rows = data["checks"].as_array().unwrap().iter();
    let results: Vec<&str> = rows
        .filter(|check| check["role"] == "row")
        .map(|check| check["readings"][0]["result"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["pass", "warn", "fail", "error"]);
    assert_eq!(data["undone"], json!(["fence"]));
    assert_eq!(data["notices"][0]["notice"], "terminal_gone");
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let all = resolved();
    for len in 1..=all.len() {
        assert_eq!(report(&all[..len]), report(&all[..len]));
        let data = || json(&all[..len], &Evidence::new("e")).unwrap().to_string();
        assert_eq!(data(), data());
    }
}

#[test]
fn how_deep_a_step_stands_is_known() {
    let mut state = RunState::new();
    for record in &resolved() {
        state.apply(record).unwrap();
    }
    for (id, deep, title) in [
        ("prepare", 0, "The prepare"),
        ("drain", 1, "The drain"),
        ("each[hub-1]", 1, "The each [hub-1]"),
        ("restart[hub-1]", 2, "The restart [hub-1]"),
        ("over/promote", 1, "The promote"),
        ("nobody", 0, "nobody"),
    ] {
        assert_eq!(
            (depth(id, &state), step_title(id, &state).as_str()),
            (deep, title)
        );
    }
}

/// A group that takes too long, and is cancelled.
fn timed_out() -> Sample {
    let mut slow = group("slow", &[], vec![step("dump", &[]), step("load", &[0])]);
    slow.timeout_ms = Some(1_000);
    let cancelled = || Failure::new(ErrorKind::Cancelled, "it ended when it was asked to").maybe_applied();
    Sample::new(vec![slow, step("next", &[0])])
        .phase(Phase::Steps)
        .event(begun("slow"))
        .event(enters("slow", Into::Group))
        .begins("dump")
        .after(1_000)
        .event(runbook_event::Event::TimedOut {
            step: "slow".to_owned(),
        })
        .comes_back("dump", 1, AttemptEnd::Failed { failure: cancelled() }, "")
        .event(failed("dump", cancelled()))
        .event(crate::whole::skips("load", SkipReason::Stopped))
        .event(failed(
            "slow",
            Failure::new(ErrorKind::Timeout, "it took longer than 1 s"),
        ))
        .stops(
            StopCause::StepFailed {
                step: "slow".to_owned(),
            },
            OnFailure::Hold,
        )
        .event(crate::whole::skips("next", SkipReason::Stopped))
}

#[test]
fn a_group_that_takes_too_long_is_told() {
    let records = timed_out().ends(Outcome::Failed);
    let report = report(&records);
    assert!(
        report.contains(
            "The slow: took longer than its `timeout` of 1.0 s; what is under way in it is cancelled"
        )
    );
    let told = part(&report, "## What happened");
    assert!(
        told.contains(
            "The step “The slow” (`slow`) failed: it took longer than 1 s. What had been changed stays"
        ),
        "{told}"
    );
    assert!(!told.contains("without stopping"), "{told}");
    assert!(
        told.contains("0 of 3 steps were done, 1 cancelled, 2 not run."),
        "{told}"
    );
    assert!(part(&report, "### “The slow” (`slow`)").contains("- It took longer than its `timeout`\n"));
}

#[test]
fn a_guard_that_trips_stops_the_run_with_its_reading() {
    let mut sample = Sample::new(vec![step("drain", &[])]);
    sample.run.outline.guards = vec![crate::sample::check("lag", "The replica keeps up", &["lag < 10"])];
    let guard = site(runbook_event::CheckRole::Guard, None, "lag");
    let records = sample
        .phase(Phase::Steps)
        .does("drain")
        .asks(&guard, &[(Verdict::Pass, json!(2)), (Verdict::Fail, json!(97))])
        .stops(
            StopCause::GuardTripped {
                check: "lag".to_owned(),
            },
            OnFailure::Hold,
        )
        .ends(Outcome::Failed);
    let report = report(&records);
    assert!(report.contains(
        "- Cause: The guard “The replica keeps up” tripped (reading 2: fail, value 97: used is 97).\n"
    ));
    assert!(
        report.contains("stopping, since the guard The replica keeps up tripped; what is done stays done")
    );
    assert!(part(&report, "## Guards").ends_with(
        "| The replica keeps up | fail | 2 | reading 1: pass, value 2: used is 2<br>reading 2: fail, value 97: used is 97 |"
    ));
}

#[test]
fn a_sub_runbook_that_stops_says_why_in_the_step_that_it_is_the_work_of() {
    let mut over = whole().run.outline.steps[5].as_ref().clone();
    over.needs = Vec::new();
    let records = Sample::new(vec![over])
        .phase(Phase::Steps)
        .event(begun("over"))
        .event(enters(
            "over",
            Into::Runbook {
                inputs: indexmap::IndexMap::new(),
            },
        ))
        .event(within("over", Phase::Steps))
        .does("over/promote")
        .event(within("over", Phase::Verify))
        .asks(
            &inner_site("over", runbook_event::CheckRole::Verify, "up"),
            &[(Verdict::Fail, json!(false))],
        )
        .event(runbook_event::Event::Stopping {
            within: Some("over".to_owned()),
            stop: runbook_event::Stop {
                cause: StopCause::VerifyFailed {
                    check: "up".to_owned(),
                },
                then: OnFailure::Hold,
            },
        })
        .event(runbook_event::Event::RunbookEnded {
            step: "over".to_owned(),
            outcome: Outcome::Failed,
        })
        .event(failed("over", busy()))
        .stops(
            StopCause::StepFailed {
                step: "over".to_owned(),
            },
            OnFailure::Hold,
        )
        .ends(Outcome::Failed);
    let report = report(&records);
    assert!(
        report.contains(
            "- Cause: The step “The over” (`over`) failed: it is busy. In its runbook: The final check “There is a \
             primary” did not pass (reading 1: fail, value false: used is false).\n"
        ),
        "{report}"
    );
    assert!(report.contains(
        "The over: stopping, since the final check There is a primary did not pass; what is done stays done"
    ));
}

#[test]
fn a_loop_over_nothing_and_over_many_items_is_told() {
    for (keys, expected) in [
        (Vec::new(), "The each: no items"),
        (vec!["a"], "The each: 1 item: a"),
        (
            vec!["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"],
            "The each: 12 items: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more",
        ),
    ] {
        let mut each = whole().run.outline.steps[1].as_ref().clone();
        each.needs = Vec::new();
        let records = Sample::new(vec![each])
            .phase(Phase::Steps)
            .event(begun("each"))
            .event(enters("each", items(&keys)))
            .records();
        let told = timeline(&records).unwrap();
        assert_eq!(told.last().unwrap().text, expected);
    }
}
