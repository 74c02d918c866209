//! A run that uses all that a runbook can hold, and runs that a crash or a person interrupted.

use std::sync::Arc;

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure, Handle};
use runbook_event::{
    AttemptEnd, CheckOutline, CheckRole, CheckSite, Commit, Event, Holds, Into, Item, Notice, Outcome,
    Outline, Phase, Reading, Record, RunbookRef, SkipReason, StepOutline, UndoOutline, Verdict, Wanted,
};
use serde_json::{Value, json};

use crate::sample::{Sample, check, done, intent, site, step};

fn id(text: &str) -> String {
    text.to_owned()
}

pub(crate) fn share(steps: Vec<StepOutline>) -> Vec<Arc<StepOutline>> {
    steps.into_iter().map(Arc::new).collect()
}

/// A step that holds others.
pub(crate) fn holder(name: &str, needs: &[usize], holds: Holds) -> StepOutline {
    StepOutline {
        kind: "group".to_owned(),
        undo: UndoOutline::Within,
        holds,
        ..step(name, needs)
    }
}

pub(crate) fn group(name: &str, needs: &[usize], steps: Vec<StepOutline>) -> StepOutline {
    holder(name, needs, Holds::Steps { steps: share(steps) })
}

pub(crate) fn begun(step: &str) -> Event {
    Event::StepStarted { step: id(step) }
}

pub(crate) fn enters(step: &str, into: Into) -> Event {
    Event::Entered {
        step: id(step),
        into,
        sealed: None,
    }
}

pub(crate) fn skips(step: &str, reason: SkipReason) -> Event {
    Event::StepSkipped {
        step: id(step),
        reason,
    }
}

pub(crate) fn items(keys: &[&str]) -> Into {
    let items = keys.iter().map(|key| Item {
        key: id(key),
        value: json!({"name": key}),
    });
    Into::Items {
        items: items.collect(),
    }
}

/// A failure that certainly changed nothing.
pub(crate) fn busy() -> Failure {
    Failure::new(ErrorKind::Conflict, "it is busy")
}

pub(crate) fn failed(step: &str, failure: Failure) -> Event {
    Event::StepFailed {
        step: id(step),
        failure,
    }
}

pub(crate) fn within(step: &str, phase: Phase) -> Event {
    Event::PhaseStarted {
        within: Some(id(step)),
        phase,
    }
}

/// A check of the sub-runbook within a step.
pub(crate) fn inner_site(step: &str, role: CheckRole, check: &str) -> CheckSite {
    CheckSite {
        within: Some(id(step)),
        ..site(role, None, check)
    }
}

fn sub_runbook() -> Holds {
    let runbook = RunbookRef {
        name: id("failover"),
        version: id("2"),
        title: id("Fail over"),
        summary: None,
        severity: None,
        owner: None,
        labels: IndexMap::new(),
        path: id("runbooks/failover.yaml"),
        sha256: "34".repeat(32),
    };
    let outline = Outline {
        steps: share(vec![step("promote", &[])]),
        detect: vec![check("down", "The primary is down", &["up == false"])],
        verify: vec![CheckOutline {
            consecutive: 1,
            ..check("up", "There is a primary", &["up"])
        }],
        max_parallel: 1,
        timeout_ms: Some(90_000),
        ..Outline::default()
    };
    Holds::Runbook {
        runbook: Box::new(runbook),
        outline: Box::new(outline),
    }
}

/// The steps of the whole run.
fn outlines() -> Vec<StepOutline> {
    let each = Holds::Items {
        steps: share(vec![step("restart", &[])]),
        batch: 1,
        max_failures: 1,
    };
    let branches = share(vec![
        group("fast", &[], vec![step("cut", &[])]),
        group("slow", &[], vec![step("wait", &[])]),
    ]);
    let alternatives = share(vec![step("logs", &[]), step("cache", &[]), step("tmp", &[])]);
    let rounds = share(vec![step("look", &[])]);
    vec![
        group("prepare", &[], vec![step("drain", &[]), step("fence", &[0])]),
        holder("each", &[0], each),
        holder("choose", &[1], Holds::Branches { steps: branches }),
        holder("free", &[2], Holds::Alternatives { steps: alternatives }),
        holder("poll", &[3], Holds::Rounds { steps: rounds }),
        holder("over", &[4], sub_runbook()),
        step("table", &[5]),
        StepOutline {
            undo: UndoOutline::NotNeeded,
            ..step("unfence", &[6])
        },
        step("left", &[7]),
        step("asked", &[8]),
        step("never", &[9]),
    ]
}

/// A run with all kinds of steps, up to the end of its steps.
pub(crate) fn whole() -> Sample {
    let mut sample = Sample::new(outlines());
    let run = &mut sample.run;
    run.outline.finally = share(vec![step("clean", &[])]);
    run.outline.guards = vec![check("lag", "The replica keeps up", &["lag < 10"])];
    run.outline.detect = Vec::new();
    run.locks = vec![id("pool"), id("db/primary")];
    run.wanted = Wanted {
        force: true,
        no_rollback: true,
        skips: IndexMap::from([(id("left"), id("--skip"))]),
    };
    run.commit = Some(Commit {
        id: id("0123abc"),
        dirty: true,
    });
    run.pinned = IndexMap::from([(id("runbooks/pool.yaml"), "ab".repeat(32))]);
    let guard = site(CheckRole::Guard, None, "lag");
    let sample = sample
        .phase(Phase::Steps)
        .asks(&guard, &[(Verdict::Pass, json!(2))]);
    rest(turns(branched(looped(prepared(sample)))))
}

fn prepared(sample: Sample) -> Sample {
    let end = AttemptEnd::Failed { failure: busy() };
    let kept = |text: &str| IndexMap::from([(id("size"), json!(text))]);
    sample
        .event(begun("prepare"))
        .event(enters("prepare", Into::Group))
        .event(begun("drain"))
        .event(Event::BeforeTaken {
            step: id("drain"),
            values: kept("20"),
            inverse: Some(id("weight 100")),
            sealed: None,
        })
        .attempts("drain", 1)
        .event(Event::HandleKept {
            step: id("drain"),
            handle: Handle {
                what: id("process_group"),
                data: json!({"leader": 12}),
            },
        })
        .comes_back("drain", 1, end, "")
        .event(Event::RetryPlanned {
            step: id("drain"),
            attempt: 2,
            delay_ms: 4_000,
        })
        .after(4_000)
        .attempts("drain", 2)
        .after(100)
        .event(Event::AttemptEnded {
            step: id("drain"),
            attempt: 2,
            end: AttemptEnd::Succeeded,
            values: kept("0"),
            sealed: None,
            output: Vec::new(),
            elapsed_ms: 100,
        })
        .event(Event::ThenStarted {
            step: id("drain"),
            number: 1,
            undoing: false,
            intent: intent("reload the proxy"),
        })
        .after(30)
        .event(Event::ThenEnded {
            step: id("drain"),
            number: 1,
            undoing: false,
            end: AttemptEnd::Succeeded,
            output: Vec::new(),
            elapsed_ms: 30,
        })
        .event(done("drain"))
        .does("fence")
        .event(done("prepare"))
}

fn looped(sample: Sample) -> Sample {
    let end = AttemptEnd::Failed { failure: busy() };
    sample
        .event(begun("each"))
        .event(enters("each", items(&["hub-1", "hub-2"])))
        .event(begun("each[hub-1]"))
        .does("restart[hub-1]")
        .event(done("each[hub-1]"))
        .event(begun("each[hub-2]"))
        .begins("restart[hub-2]")
        .comes_back("restart[hub-2]", 1, end, "")
        .event(failed("restart[hub-2]", busy()))
        .event(failed("each[hub-2]", busy()))
        .event(done("each"))
}

fn branched(sample: Sample) -> Sample {
    let end = AttemptEnd::Failed { failure: busy() };
    let chosen = Some(id("slow"));
    sample
        .event(begun("choose"))
        .event(enters("choose", Into::Branch { chosen }))
        .event(skips("fast", SkipReason::NotChosen))
        .event(begun("slow"))
        .event(enters("slow", Into::Group))
        .does("wait")
        .event(done("slow"))
        .event(done("choose"))
        .event(begun("free"))
        .event(enters("free", Into::Alternatives))
        .begins("logs")
        .comes_back("logs", 1, end, "")
        .event(failed("logs", busy()))
        .does("cache")
        .event(skips("tmp", SkipReason::NotNeeded))
        .event(done("free"))
}

fn turns(sample: Sample) -> Sample {
    sample
        .event(begun("poll"))
        .event(enters("poll", Into::Round { number: 1 }))
        .does("look[1]")
        .event(done("poll[1]"))
        .event(enters("poll", Into::Round { number: 2 }))
        .does("look[2]")
        .event(done("poll[2]"))
        .event(done("poll"))
        .event(begun("over"))
        .event(enters(
            "over",
            Into::Runbook {
                inputs: IndexMap::from([(id("zone"), json!("b"))]),
            },
        ))
        .event(within("over", Phase::Detect))
        .asks(
            &inner_site("over", CheckRole::Detect, "down"),
            &[(Verdict::Pass, json!(true))],
        )
        .event(within("over", Phase::Steps))
        .does("over/promote")
        .event(within("over", Phase::Verify))
        .asks(
            &inner_site("over", CheckRole::Verify, "up"),
            &[(Verdict::Pass, json!(true))],
        )
        .event(Event::RunbookEnded {
            step: id("over"),
            outcome: Outcome::Resolved,
        })
        .event(Event::StepDone {
            step: id("over"),
            values: IndexMap::from([(id("primary"), json!("b"))]),
            sealed: None,
        })
}

/// A row of a table.
pub(crate) fn row(sample: Sample, name: &str, verdict: Verdict, warned: bool, value: Value) -> Sample {
    let site = site(CheckRole::Row, Some("table"), name);
    sample
        .event(Event::CheckStarted { site: site.clone() })
        .event(Event::CheckRead {
            site: site.clone(),
            reading: Reading {
                number: 1,
                verdict,
                streak: u32::from(verdict == Verdict::Pass),
                value: Some(value),
                warned,
                detail: format!("{name} was read"),
            },
        })
        .event(Event::CheckEnded {
            site,
            verdict,
            readings: 1,
            elapsed_ms: 5,
            values: IndexMap::new(),
            sealed: None,
        })
}

fn rest(mut sample: Sample) -> Sample {
    sample = sample.begins("table");
    sample = row(sample, "cpu", Verdict::Pass, false, json!(3));
    sample = row(sample, "disk", Verdict::Pass, true, json!(80));
    sample = row(sample, "mail", Verdict::Fail, false, json!(0));
    sample = row(sample, "dns", Verdict::Error, false, json!(null));
    sample
        .comes_back("table", 1, AttemptEnd::Succeeded, "")
        .event(done("table"))
        .event(begun("unfence"))
        .event(enters(
            "unfence",
            Into::Undoing {
                steps: vec![id("fence")],
            },
        ))
        .undoes("fence", runbook_event::UndoEnd::Undone)
        .event(done("unfence"))
        .event(skips("left", SkipReason::Asked { option: id("--skip") }))
        .event(begun("asked"))
        .event(Event::ApprovalAsked {
            step: id("asked"),
            message: id("Go on?"),
            intent: intent("do asked"),
        })
        .event(Event::ApprovalAnswered {
            step: id("asked"),
            approved: false,
            by: id("eve"),
            how: id("terminal"),
        })
        .event(skips("asked", SkipReason::NotApproved))
        .event(skips("never", SkipReason::When { detail: id("no") }))
        .event(Event::Noted {
            notice: Notice::TerminalGone { goes_on: true },
        })
}

/// The whole run, to its end.
pub(crate) fn resolved() -> Vec<Record> {
    whole()
        .phase(Phase::Verify)
        .asks(
            &site(CheckRole::Verify, None, "free"),
            &[(Verdict::Pass, json!(60)), (Verdict::Pass, json!(50))],
        )
        .phase(Phase::Finally)
        .does("clean")
        .ends(Outcome::Resolved)
}
