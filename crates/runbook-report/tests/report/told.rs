//! Each way in which a run can end is told with what matters then.

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure};
use runbook_event::{
    AttemptEnd, CheckRole, Event, OnFailure, Outcome, Phase, Record, SkipReason, StopCause, UndoEnd, Verdict,
};
use runbook_report::{Entry, EntryKind, Error, Evidence, json, timeline};
use serde_json::json;

use crate::sample::{Sample, done, intent, irreversible, part, refused, report, site, step};

fn found() -> Sample {
    Sample::new(vec![
        step("drain", &[]),
        irreversible("kill", &[0]),
        step("resize", &[1]),
    ])
    .after(500)
    .phase(Phase::Detect)
    .asks(
        &site(CheckRole::Detect, None, "used"),
        &[(Verdict::Pass, json!(97))],
    )
    .phase(Phase::Baseline)
    .asks(
        &site(CheckRole::Baseline, None, "free"),
        &[(Verdict::Fail, json!(97))],
    )
    .phase(Phase::Steps)
}

fn resolved() -> Vec<Record> {
    let gate = site(CheckRole::Gate, Some("drain"), "1");
    let verify = site(CheckRole::Verify, None, "free");
    found()
        .gated("drain")
        .event(Event::StepStarted {
            step: "drain".to_owned(),
        })
        .event(Event::BeforeTaken {
            step: "drain".to_owned(),
            values: IndexMap::from([("size".to_owned(), json!(20))]),
            inverse: None,
            sealed: None,
        })
        .event(Event::ApprovalAsked {
            step: "drain".to_owned(),
            message: "Drain it?".to_owned(),
            intent: intent("do drain"),
        })
        .after(60_000)
        .event(Event::ApprovalAnswered {
            step: "drain".to_owned(),
            approved: true,
            by: "eve".to_owned(),
            how: "terminal".to_owned(),
        })
        .attempts("drain", 1)
        .comes_back("drain", 1, AttemptEnd::Failed { failure: refused() }, "")
        .attempts("drain", 2)
        .comes_back("drain", 2, AttemptEnd::Succeeded, &"line\n".repeat(30))
        .asks(
            &gate,
            &[
                (Verdict::Fail, json!(85)),
                (Verdict::Pass, json!(70)),
                (Verdict::Pass, json!(60)),
            ],
        )
        .event(done("drain"))
        .event(Event::StepSkipped {
            step: "kill".to_owned(),
            reason: SkipReason::When {
                detail: "used > 99 is false".to_owned(),
            },
        })
        .does("resize")
        .phase(Phase::Verify)
        .asks(&verify, &[(Verdict::Pass, json!(60)), (Verdict::Pass, json!(50))])
        .ends(Outcome::Resolved)
}

#[test]
fn a_resolved_run_shows_before_and_after() {
    let report = report(&resolved());
    assert!(
        report.starts_with("# Connection pool is full\n\n**resolved**, after 1 m 02 s: every step is done")
    );
    assert!(report.contains("| Runbook | `pool` 3, `runbooks/pool.yaml` |"));
    assert!(report.contains("| Outcome | `resolved`, exit code 0 |"));
    assert!(report.contains("| Owner | – |"));
    assert!(report.contains(
        "| Environment | `lab` (**practice**: the practice system `pool-lab` stood in for the real one) |"
    ));
    assert!(report.contains("| Connections | `db`: `postgres://db.example:5432/pool` |"));
    assert!(report.contains("| Plan | `cdcdcdcdcdcd`… |"));
    assert_eq!(
        part(&report, "## Before and after"),
        "| Check | Expected | Before | After | Readings |\n\
         | --- | --- | --- | --- | --- |\n\
         | Pool has room | used &lt; 80 | **fail**, 97: used is 97 | **pass**, 50: used is 50 \
         | 2; 2 of 2 in a row passed |"
    );
    assert_eq!(
        part(&report, "## What happened"),
        "At 2026-05-04 23:59:58 UTC `ada` started the run on `ops1` in the environment `lab`.\n\n\
         2 of 3 steps were done, 1 not run.\n\n\
         Steps that were not run:\n\n\
         - “The kill” (`kill`): skipped, since its `when` is false: used &gt; 99 is false\n\n\
         The run ended at 2026-05-05 00:01:00 UTC after 1 m 02 s: every step is done and every gate passed."
    );
    assert!(part(&report, "## Detection").ends_with(
        "Whether there was anything to repair (`detect`):\n\n\
         - Pool is nearly full: **yes** (reading 1: pass, value 97: used is 97)"
    ));
    assert_eq!(
        part(&report, "## What was changed"),
        "| Step | Effect | What | Result | Undo |\n\
         | --- | --- | --- | --- | --- |\n\
         | “The drain” (`drain`) | change | do drain (db) | done | would be undone by undo drain |\n\
         | “The resize” (`resize`) | change | do resize (db) | done | would be undone by undo resize |"
    );
    assert!(!report.contains("## Undone") && !report.contains("## To do by hand"));
}

#[test]
fn a_step_is_told_with_all_that_is_known_of_it() {
    let report = report(&resolved());
    let told = part(&report, "### “The drain” (`drain`)");
    for expected in [
        "- Action: `shell`, effect change: do drain (db)",
        "- Status: done, began at 23:59:58.700, took 1 m 00 s",
        "- Approval: approved by eve (terminal)",
        "- Attempt 1: failed after 340 ms: nobody listens on `db:5432`; it may have had an effect all the same",
        "- Attempt 2: succeeded in 340 ms",
        "- Undo: would be undone by undo drain",
        "- Environment: `TOKEN` = `‹secret token›`",
        "- Kept for the undo: size = 20",
        "| It shrinks | pass | 3 | reading 1: fail, value 85: used is 85<br>reading 2: pass, value 70: used is 70<br>",
        "What attempt 2 printed (output, 150 bytes):",
        "All of it is in `output/x.1.stdout`.",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    assert_eq!(told.matches("\nline").count(), 20);
}

#[test]
fn the_timeline_has_parts_offsets_and_who_approved() {
    let report = report(&resolved());
    let told = part(&report, "## Timeline");
    for expected in [
        "### Detect: is there anything to repair?",
        "| +00:00.600 | 23:59:58.600 |   | Pool is nearly full: reading 1: pass, value 97: used is 97 |",
        "| ? | The drain: asked for approval: Drain it? (do drain (db)) |",
        "| +01:00.700 | 2026-05-05 00:00:58.700 | ✓ | The drain: approved by eve (terminal) |",
        "| ✗ | The drain: attempt 1 failed after 340 ms: nobody listens on `db:5432`; it may",
        "|   | The drain: attempt 2: do drain (db) |",
        "| ✗ | The drain: gate: It shrinks: reading 1: fail, value 85: used is 85 |",
        "| ✓ | The drain: gate: It shrinks: passed after 3 readings in 300 ms |",
        "|   | The kill: skipped, since its `when` is false: used &gt; 99 is false |",
        "| ✓ | resolved after 1 m 02 s: every step is done and every gate passed |",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    assert!(!told.contains("line ⏎"), "output is not in the timeline");
}

#[test]
fn people_are_told_what_is_missing_and_the_evidence_is_listed() {
    let report = report(&resolved());
    for name in [
        "## Summary",
        "## Impact",
        "## Detection",
        "## Root cause",
        "## Trigger",
        "## Action items",
    ] {
        assert!(part(&report, name).starts_with("**MISSING**: "), "{name}");
    }
    for name in ["### What went well", "### What did not", "### Where we got lucky"] {
        assert!(part(&report, name).starts_with("**MISSING**: "), "{name}");
    }
    assert!(report.contains("**10 of 10 answers that only people can give are missing**: summary, impact"));
    assert_eq!(report.matches("**MISSING**: ").count(), 10);
    let evidence = part(&report, "## Evidence");
    assert!(evidence.contains(&format!("- Head of the journal: `{}`", "ef".repeat(32))));
    assert!(evidence.contains(&format!(
        "| `output/x.1.stdout` | “The drain” (`drain`) | attempt 2, stdout | 150 | `{}` |",
        "12".repeat(32)
    )));
    assert_eq!(
        part(&report, "## Inputs"),
        "| Input | Value |\n| --- | --- |\n| `limit` | `80` |\n| `token` | `‹secret token›` |"
    );
}

#[test]
fn a_rolled_back_run_shows_what_was_undone_and_what_was_kept() {
    let records = found()
        .does("drain")
        .does("kill")
        .fails("resize", OnFailure::Rollback)
        .phase(Phase::Rollback)
        .undoes("resize", UndoEnd::Undone)
        .undoes("drain", UndoEnd::Undone)
        .ends(Outcome::RolledBack);
    let report = report(&records);
    let told = part(&report, "## What happened");
    assert!(
        told.contains("The step “The resize” (`resize`) failed: nobody listens on `db:5432`; it may have")
    );
    assert!(told.contains("Undone, in this order: “The resize” (`resize`), “The drain” (`drain`)."));
    assert!(told.contains("- “The kill” (`kill`): irreversible: sessions are gone"));
    assert!(report.contains(
        "what can be undone was undone.\n\n\
         - Cause: The step “The resize” (`resize`) failed: nobody listens on `db:5432`; it may have had an \
         effect all the same.\n\
         - **Still changed**: “The kill” (`kill`) (irreversible: sessions are gone).\n\
         - **The incident must be taken as still there**: the final checks were not asked.\n\n"
    ));
    let changed = part(&report, "## What was changed");
    assert!(
        changed.contains("do drain (db) | done | undone at 2026-05-05 00:00:02.120 |"),
        "{changed}"
    );
    assert!(changed.contains("| done | kept: irreversible: sessions are gone |"));
    assert_eq!(
        part(&report, "## Undone"),
        "1. 23:59:59.720 “The resize” (`resize`): undo resize (db): undone (1.2 s)\n\
         2. 2026-05-05 00:00:00.920 “The drain” (`drain`): undo drain (db): undone (1.2 s)"
    );
    let failed = part(&report, "### “The resize” (`resize`)");
    assert!(failed.contains("**Failed** (refused): nobody listens"));
    assert!(failed.contains("Help: start the database."));
}

#[test]
fn a_failed_gate_is_named_with_its_reading() {
    let gate = site(CheckRole::Gate, Some("drain"), "1");
    let failure = Failure::new(ErrorKind::Timeout, "its gate did not pass");
    let records = found()
        .gated("drain")
        .begins("drain")
        .comes_back("drain", 1, AttemptEnd::Succeeded, "")
        .asks(
            &gate,
            &[(Verdict::Fail, json!(97)), (Verdict::Error, json!(null))],
        )
        .event(Event::StepFailed {
            step: "drain".to_owned(),
            failure,
        })
        .stops(
            StopCause::StepFailed {
                step: "drain".to_owned(),
            },
            OnFailure::Rollback,
        )
        .skips(&["kill", "resize"])
        .phase(Phase::Rollback)
        .undoes("drain", UndoEnd::Undone)
        .ends(Outcome::RolledBack);
    let told = part(&report(&records), "## What happened");
    let expected = "The step “The drain” (`drain`) failed: its gate did not pass. \
                    Its gate, “It shrinks”, could not be asked (reading 2: error, value null: used is null).";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn a_failed_undo_is_to_be_done_by_hand() {
    let records = found()
        .does("drain")
        .does("kill")
        .fails("resize", OnFailure::Rollback)
        .phase(Phase::Rollback)
        .undoes("resize", UndoEnd::Failed { failure: refused() })
        .undoes("drain", UndoEnd::Undone)
        .ends(Outcome::RollbackFailed);
    let report = report(&records);
    assert_eq!(
        part(&report, "## To do by hand"),
        "These steps may have changed something, and their undo did not pass:\n\n\
         ### “The resize” (`resize`)\n\n\
         It failed: nobody listens on `db:5432`; it may have had an effect all the same.\n\n\
         Help: start the database.\n\n\
         What was to be done: undo resize (db).\n\n\
         - Kind: `shell`\n- Target: `db` at `postgres://db.example:5432/pool`\n\n\
         ```sh\nexport TOKEN='‹secret token›'\nundo resize\n```\n\n\
         Its parameters:\n\n```json\n{\n  \"cwd\": \"/srv\"\n}\n```\n\n\
         What stands in `‹secret …›` is masked, and must be put in its place by hand.\n\n\
         `runbook rollback pool-7f3a` tries these undos once more."
    );
    assert!(part(&report, "## What was changed").contains("| **undo FAILED** at 2026-05-05 00:00:00.920 |"));
    assert!(part(&report, "## What happened").contains("**Could not be undone**: “The resize” (`resize`)."));
    assert!(
        part(&report, "## Undone")
            .contains("1. 23:59:59.720 “The resize” (`resize`): undo resize (db): **FAILED** (1.2 s)")
    );
}

#[test]
fn an_undo_that_never_came_is_to_be_done_by_hand() {
    let undoing = Event::UndoStarted {
        step: "resize".to_owned(),
        attempt: 1,
        intent: intent("undo resize"),
    };
    let records = found()
        .does("drain")
        .does("kill")
        .fails("resize", OnFailure::Rollback)
        .phase(Phase::Rollback)
        .event(undoing)
        .records();
    let by_hand = part(&report(&records), "## To do by hand");
    assert!(by_hand.contains(
        "### “The drain” (`drain`)\n\nThere is no record of its end.\n\nWhat was to be done: undo drain."
    ));
    assert!(by_hand.contains(
        "### “The resize” (`resize`)\n\nThere is no record of its end.\n\nWhat was to be done: undo resize (db).\n\n- Kind: `shell`"
    ));
}

#[test]
fn nothing_is_told_of_a_run_that_was_not_needed() {
    let records = Sample::new(vec![step("drain", &[])])
        .phase(Phase::Detect)
        .asks(
            &site(CheckRole::Detect, None, "used"),
            &[(Verdict::Fail, json!(12))],
        )
        .ends(Outcome::NotNeeded);
    let report = report(&records);
    assert!(
        report
            .contains("**not_needed**, after 100 ms: `detect` found nothing to repair; nothing was touched.")
    );
    assert!(report.contains("- Pool is nearly full: **no** (reading 1: fail, value 12: used is 12)"));
    assert!(report.contains("0 of 1 step was done, 1 never reached."));
    assert!(report.contains("No step that changes anything was attempted."));
    assert!(part(&report, "## Before and after").ends_with("| not asked | not asked | – |"));
}

#[test]
fn a_failure_that_did_not_stop_the_run_is_told() {
    let failure = refused();
    let records = found()
        .forgives("drain")
        .begins("drain")
        .comes_back(
            "drain",
            1,
            AttemptEnd::Failed {
                failure: failure.clone(),
            },
            "",
        )
        .event(Event::StepFailed {
            step: "drain".to_owned(),
            failure,
        })
        .does("kill")
        .does("resize")
        .phase(Phase::Verify)
        .asks(
            &site(CheckRole::Verify, None, "free"),
            &[(Verdict::Pass, json!(50))],
        )
        .ends(Outcome::Resolved);
    let told = part(&report(&records), "## What happened");
    let expected =
        "What failed without stopping the run:\n\n- The step “The drain” (`drain`) failed: nobody listens";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn what_is_held_is_listed() {
    let records = found()
        .does("drain")
        .does("kill")
        .fails("resize", OnFailure::Hold)
        .ends(Outcome::Failed);
    let report = report(&records);
    let told = part(&report, "## What happened");
    assert!(told.contains("What had been changed stays, since that is what the runbook says (`hold`)."));
    assert!(told.contains(
        "What was attempted stays: “The drain” (`drain`), “The kill” (`kill`), “The resize” (`resize`)."
    ));
    assert!(part(&report, "## What was changed").contains("| done | irreversible: sessions are gone |"));
    assert!(!report.contains("## Undone"));
}

#[test]
fn a_run_without_an_end_is_still_running_or_killed() {
    let records = found().does("drain").begins("kill").records();
    let report = report(&records);
    assert!(report.contains("**no end**: still running or killed."));
    assert!(report.contains("| Outcome | – (still running or killed) |"));
    assert!(report.contains("| Ended | – (last record 2026-05-04 23:59:59 UTC) |"));
    assert!(report.contains("1 of 3 steps was done, 1 never reached, 1 under way at the last record."));
    assert!(part(&report, "## What was changed").contains("| **not known**: no record of its end |"));
    assert!(part(&report, "## Steps").contains("- Attempt 1: **no record of its end**"));
    let data = json(&records, &Evidence::new("x")).unwrap();
    assert_eq!(
        (&data["outcome"], &data["exit_code"]),
        (&json!(null), &json!(null))
    );
}

#[test]
fn every_beginning_of_a_run_can_be_told() {
    let all = resolved();
    for len in 1..=all.len() {
        assert_eq!(report(&all[..len]), report(&all[..len]));
        json(&all[..len], &Evidence::new("x")).unwrap();
    }
    assert_eq!(timeline(&[]), Err(Error::Empty));
    assert!(matches!(timeline(&all[1..]), Err(Error::Misfit(_))));
}

#[test]
fn the_timeline_is_data() {
    let entries = timeline(&resolved()).unwrap();
    let asked = entries
        .iter()
        .position(|entry| entry.kind == EntryKind::Question)
        .unwrap();
    let Entry {
        offset_ms,
        phase,
        step,
        kind,
        ..
    } = &entries[asked + 1];
    assert_eq!(
        (*offset_ms, *phase, step.as_deref(), *kind),
        (60_700, Some(Phase::Steps), Some("drain"), EntryKind::Good)
    );
    assert_eq!(entries[0].text, "run pool-7f3a started by ada on ops1");
    assert_eq!(entries[0].phase, None);
}

#[test]
fn a_run_is_data() {
    let data = json(&resolved(), &Evidence::new("e")).unwrap();
    assert_eq!(data["outcome"], "resolved");
    assert_eq!(data["exit_code"], 0);
    assert_eq!(data["elapsed_ms"], 62_220);
    assert_eq!(data["ended_at"], "2026-05-05T00:01:00.22Z");
    let drain = &data["steps"][0];
    assert_eq!(drain["status"], "done");
    assert_eq!(drain["attempts"], 2);
    assert_eq!(drain["elapsed_ms"], 60_980);
    assert_eq!(
        drain["undo"],
        json!({"status": "none", "how": "rollback", "summary": "undo drain"})
    );
    assert_eq!(data["steps"][1]["skipped"]["why"], "when");
    assert_eq!(data["changed"], json!(["drain", "resize"]));
    let gate = data["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["role"] == "gate")
        .unwrap();
    assert_eq!(
        (&gate["step"], &gate["title"], &gate["asked"]),
        (&json!("drain"), &json!("It shrinks"), &json!(3))
    );
    assert_eq!(gate["readings"][2]["streak"], 2);
    assert_eq!(data["evidence"]["output"][0]["file"], "output/x.1.stdout");
}

#[test]
fn a_refused_run_says_who_refused_and_what_became_of_the_rest() {
    let records = found()
        .does("drain")
        .event(Event::StepStarted {
            step: "kill".to_owned(),
        })
        .event(Event::ApprovalAsked {
            step: "kill".to_owned(),
            message: "Kill them?".to_owned(),
            intent: intent("do kill"),
        })
        .event(Event::ApprovalAnswered {
            step: "kill".to_owned(),
            approved: false,
            by: "eve".to_owned(),
            how: "terminal".to_owned(),
        })
        .event(Event::StepFailed {
            step: "kill".to_owned(),
            failure: Failure::new(ErrorKind::Other, "it was refused"),
        })
        .stops(
            StopCause::Rejected {
                step: "kill".to_owned(),
            },
            OnFailure::Rollback,
        )
        .skips(&["resize"])
        .phase(Phase::Rollback)
        .undoes("drain", UndoEnd::Undone)
        .ends(Outcome::Rejected);
    let report = report(&records);
    let told = part(&report, "## What happened");
    assert!(!told.contains("without stopping"), "{told}");
    let cause = "The approval of “The kill” (`kill`) was refused by eve (terminal).";
    assert!(told.contains(&format!(
        "{cause} The run then turned to undoing what had been changed.\n\n\
         Undone, in this order: “The drain” (`drain`)."
    )));
    assert!(report.contains(&format!("- Cause: {cause}\n- Still changed: nothing.\n")));
}

#[test]
fn what_a_signal_cancelled_did_not_fail() {
    let cancelled = || Failure::new(ErrorKind::Cancelled, "it ended when it was asked to");
    let records = found()
        .begins("drain")
        .stops(
            StopCause::Signal {
                name: "SIGINT".to_owned(),
            },
            OnFailure::Rollback,
        )
        .comes_back("drain", 1, AttemptEnd::Failed { failure: cancelled() }, "")
        .event(Event::StepFailed {
            step: "drain".to_owned(),
            failure: cancelled(),
        })
        .skips(&["kill", "resize"])
        .phase(Phase::Rollback)
        .undoes("drain", UndoEnd::Undone)
        .ends(Outcome::RolledBack);
    let report = report(&records);
    assert!(!report.contains("failed"), "{report}");
    let told = part(&report, "## What happened");
    assert!(!told.contains("without stopping"));
    assert!(told.contains("The signal `SIGINT` stopped the run."));
    assert!(told.contains("Cancelled, since the run stopped: “The drain” (`drain`)."));
    let times = part(&report, "## Timeline");
    assert!(times.contains("The drain: attempt 1 was cancelled after 340 ms: it ended when"));
}
