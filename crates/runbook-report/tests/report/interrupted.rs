//! Runs that did not go through at once: crashes, what people said of them, and what was undone later.

use indexmap::IndexMap;
use runbook_action::Effect;
use runbook_event::{
    Assumed, Assumption, AttemptEnd, CheckRole, Event, Notice, OnFailure, Outcome, Phase, Record, Resumed,
    RunResumed, RunState, StepOutline, UndoEnd, UndoOutline, Verdict, Who,
};
use runbook_report::{Evidence, by_hand, doubts, json};
use serde_json::json;

use crate::sample::{Sample, check, done, intent, irreversible, part, refused, report, site, step};
use crate::whole::{begun, busy, enters, failed, holder, items, share};

fn id(text: &str) -> String {
    text.to_owned()
}

pub(crate) fn resumes(how: Resumed, assumed: &[(&str, Assumption, &str)]) -> RunResumed {
    let assumed = assumed.iter().map(|(step, assume, reason)| Assumed {
        step: id(step),
        assume: *assume,
        reason: id(reason),
    });
    RunResumed {
        how,
        who: Who {
            user: id("bob"),
            host: id("ops2"),
        },
        engine: id("0.1.0"),
        torn: None,
        with_journal: false,
        reason: None,
        assumed: assumed.collect(),
    }
}

fn resumed(how: Resumed, assumed: &[(&str, Assumption, &str)]) -> Event {
    Event::RunResumed(Box::new(resumes(how, assumed)))
}

fn doubted(step: &str, undoing: bool) -> Event {
    Event::Doubted {
        step: id(step),
        undoing,
        detail: id("its gate did not pass: reading 3: fail, value 97"),
    }
}

fn ended(sample: Sample, outcome: Outcome) -> Sample {
    sample.event(Event::RunEnded {
        outcome,
        elapsed_ms: 1_000,
    })
}

/// A crash in the middle of an action: nobody can tell whether it has happened.
pub(crate) fn crashed() -> Sample {
    let torn = RunResumed {
        torn: Some(17),
        with_journal: true,
        reason: None,
        ..resumes(Resumed::Forward, &[])
    };
    let mut gated = step("drain", &[]);
    gated.verify = vec![check("1", "It shrinks", &["used < 80"])];
    let sample = Sample::new(vec![gated, step("kill", &[0]), step("resize", &[1])])
        .phase(Phase::Steps)
        .event(begun("drain"))
        .asks(
            &site(CheckRole::Decide, Some("drain"), "1"),
            &[(Verdict::Fail, json!(97))],
        )
        .attempts("drain", 1)
        .after(9_900)
        .event(Event::RunResumed(Box::new(torn)))
        .event(Event::Noted {
            notice: Notice::Settled {
                step: id("drain"),
                found: id("nothing of it was running"),
            },
        })
        .asks(
            &site(CheckRole::Gate, Some("drain"), "1"),
            &[(Verdict::Error, json!(null))],
        )
        .event(doubted("drain", false));
    ended(sample, Outcome::Unknown)
}

#[test]
fn a_doubt_is_told_with_what_is_known_and_the_commands() {
    let records = crashed().records();
    let report = report(&records);
    assert!(
        report.contains(
            "**unknown**, after 10.1 s: a crash left an action whose effect is not known.\n\n\
             - **A person must say what is so**: see [To be decided](#to-be-decided).\n\
             - **Still changed**: “The drain” (`drain`) (nobody can tell whether it has happened, see [To be \
             decided](#to-be-decided)).\n"
        ),
        "{report}"
    );
    assert_eq!(
        part(&report, "## To be decided"),
        "A crash interrupted these steps, and nobody can tell whether what they were about has happened. A person \
         must look, and say what is so:\n\n\
         ### “The drain” (`drain`)\n\n\
         What is known: its gate did not pass: reading 3: fail, value 97.\n\n\
         What was to be done: do drain (db).\n\n\
         - Kind: `shell`\n- Target: `db` at `postgres://db.example:5432/pool`\n\n\
         ```sh\nexport TOKEN='‹secret token›'\ndo drain\n```\n\n\
         Its parameters:\n\n```json\n{\n  \"cwd\": \"/srv\"\n}\n```\n\n\
         What stands in `‹secret …›` is masked, and must be put in its place by hand.\n\n\
         Then one of:\n\n\
         ```text\n\
         runbook resume pool-7f3a --assume done|attempted|not-started drain --reason …\n\
         runbook resume pool-7f3a --retry drain --reason …\n\
         ```\n\n\
         - `done`: it has happened as it was meant to\n\
         - `attempted`: it may have happened in part: the step counts as failed, and its undo is due\n\
         - `not-started`: it has not happened: it is run\n\
         - `--retry`: it is run again, whether or not it has happened"
    );
    assert!(!report.contains("## To do by hand"));
    assert!(
        part(&report, "## What happened").contains("0 of 3 steps were done, 1 not known, 2 never reached.")
    );
    assert!(part(&report, "## What was changed").contains(
        "| **not known**: its gate did not pass: reading 3: fail, value 97 | would be undone by undo drain |"
    ));
    let told = part(&part(&report, "## Steps"), "### “The drain” (`drain`)");
    assert!(told.contains("- **Not known**: its gate did not pass"), "{told}");
    assert!(
        told.contains("| before its action: It shrinks | fail | 1 | reading 1: fail, value 97: used is 97 |")
    );
    let data = json(&records, &Evidence::new("e")).unwrap();
    assert_eq!(
        (&data["outcome"], &data["exit_code"]),
        (&json!("unknown"), &json!(9))
    );
    assert_eq!(
        data["doubts"],
        json!([{
            "step": "drain",
            "undoing": false,
            "detail": "its gate did not pass: reading 3: fail, value 97",
            "assume": "runbook resume pool-7f3a --assume done|attempted|not-started drain --reason …",
            "retry": "runbook resume pool-7f3a --retry drain --reason …",
        }])
    );
}

/// What a person said of the first doubt, an action that had happened before a second crash, and then the end.
pub(crate) fn gone_on() -> Vec<Record> {
    let adopted = Event::Adopted {
        step: id("resize"),
        detail: id("its gate passed"),
    };
    let sample = crashed()
        .after(60_000)
        .event(resumed(
            Resumed::Forward,
            &[("drain", Assumption::Done, "I counted the sessions")],
        ))
        .asks(
            &site(CheckRole::Gate, Some("drain"), "1"),
            &[(Verdict::Pass, json!(60))],
        )
        .event(done("drain"))
        .does("kill")
        .begins("resize")
        .after(5_000)
        .event(resumed(Resumed::Forward, &[]))
        .event(adopted)
        .event(done("resize"))
        .phase(Phase::Verify)
        .asks(
            &site(CheckRole::Verify, None, "free"),
            &[(Verdict::Pass, json!(50))],
        );
    sample.ends(Outcome::Resolved)
}

#[test]
fn each_session_is_told_with_who_began_it_and_what_was_said() {
    let report = report(&gone_on());
    let told = part(&report, "## What happened");
    let expected = "The run did not go through at once:\n\n\
         1. 2026-05-04 23:59:58 UTC: `ada` started it on `ops1`; there is no record of an end.\n\
         2. 2026-05-05 00:00:08 UTC: `bob` resumed it on `ops2`; it went on with the texts that the run began with \
         (`--with-journal`); a torn last line was cut off the journal (17 bytes); it ended at 2026-05-05 00:00:08 UTC \
         as `unknown`.\n\
         3. 2026-05-05 00:01:08 UTC: `bob` resumed it on `ops2`; there is no record of an end.\n\
         4. 2026-05-05 00:01:13 UTC: `bob` resumed it on `ops2`; it ended at 2026-05-05 00:01:13 UTC as `resolved`.\n\n\
         What people said of steps that had been interrupted:\n\n\
         - `bob` said The drain: taken that it is done: I counted the sessions\n\n\
         3 of 3 steps were done.\n\n\
         What else was noted:\n\n\
         - 2026-05-05 00:00:08 UTC: The drain: what the crash had left running was looked for: nothing of it was \
         running\n";
    assert!(told.contains(expected), "{told}");
    let times = part(&report, "## Timeline");
    for expected in [
        "### Session 2\n\n| After | UTC |  | What |\n| --- | --- | --- | --- |\n\
         | +00:10.000 | 2026-05-05 00:00:08.000 |   | resumed by bob on ops2; it goes on with the texts that the run \
         began with (`--with-journal`); a torn last line was cut off the journal (17 bytes) |\n",
        "### Session 2: Steps\n",
        "| ? | The drain: nobody can tell whether its action has happened: its gate did not pass: reading 3: fail, \
         value 97 |",
        "### Session 3\n",
        "| resumed by bob on ops2; The drain: taken that it is done: I counted the sessions |",
        "### Session 4: Steps\n",
        "| ✓ | The resize: had happened before the crash: its gate passed |",
    ] {
        assert!(times.contains(expected), "{expected}\n{times}");
    }
    assert!(
        part(&part(&report, "## Steps"), "### “The drain” (`drain`)")
            .contains("- Taken as done after a crash: I counted the sessions\n")
    );
    assert!(part(&report, "## What was changed").contains("| done before a crash, and taken so |"));
}

/// A run that was held, undone later, and once more.
pub(crate) fn undone_later() -> Vec<Record> {
    let retried = Event::UndoRetried {
        step: id("drain"),
        attempt: 2,
        failure: refused(),
        delay_ms: 2_000,
    };
    let then = |ended: bool| {
        let (step, number, undoing) = (id("drain"), 1, true);
        if ended {
            Event::ThenEnded {
                step,
                number,
                undoing,
                end: AttemptEnd::Succeeded,
                output: Vec::new(),
                elapsed_ms: 30,
            }
        } else {
            Event::ThenStarted {
                step,
                number,
                undoing,
                intent: intent("reload the proxy"),
            }
        }
    };
    let sample = Sample::new(vec![
        step("drain", &[]),
        irreversible("kill", &[0]),
        step("resize", &[1]),
    ])
    .phase(Phase::Steps)
    .does("drain")
    .does("kill")
    .fails("resize", OnFailure::Hold);
    let undoing = |attempt: u32| Event::UndoStarted {
        step: id("drain"),
        attempt,
        intent: intent("undo drain"),
    };
    let ends = |end: UndoEnd| Event::UndoEnded {
        step: id("drain"),
        end,
        output: Vec::new(),
        elapsed_ms: 40,
    };
    let sample = ended(sample, Outcome::Failed)
        .after(60_000)
        .event(resumed(Resumed::Rollback, &[]))
        .phase(Phase::Rollback)
        .undoes("resize", UndoEnd::Undone)
        .event(undoing(1))
        .event(retried)
        .event(ends(UndoEnd::Failed { failure: refused() }));
    ended(sample, Outcome::RollbackFailed)
        .after(60_000)
        .event(resumed(Resumed::Rollback, &[]))
        .phase(Phase::Rollback)
        .event(undoing(3))
        .event(then(false))
        .event(then(true))
        .event(ends(UndoEnd::Undone))
        .ends(Outcome::RolledBack)
}

#[test]
fn what_is_undone_later_is_told_with_who_wanted_it() {
    let report = report(&undone_later());
    assert!(
        report.contains(
            "- Cause: The step “The resize” (`resize`) failed: nobody listens on `db:5432`; it may have had an effect \
             all the same.\n\
             - **Still changed**: “The kill” (`kill`) (irreversible: sessions are gone).\n"
        ),
        "{report}"
    );
    let told = part(&report, "## What happened");
    for expected in [
        "2. 2026-05-05 00:00:59 UTC: `bob` had it undone on `ops2`; it ended at 2026-05-05 00:01:00 UTC as \
         `rollback_failed`.\n\
         3. 2026-05-05 00:02:00 UTC: `bob` had it undone on `ops2`; it ended at 2026-05-05 00:02:00 UTC as \
         `rolled_back`.\n",
        "all the same. Later `bob` wanted what had been changed undone.\n\n\
         Undone, in this order: “The resize” (`resize`), “The drain” (`drain`).\n\n\
         Kept as it was done:\n\n\
         - “The kill” (`kill`): irreversible: sessions are gone\n",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    let times = part(&report, "## Timeline");
    for expected in [
        "| bob on ops2 undoes the run |",
        "| ✗ | The drain: could not be undone: nobody listens on `db:5432`; it may have had an effect all the same; \
         attempt 2 follows in 2.0 s |",
        "|   | The drain: undoing, attempt 3: undo drain (db) |",
        "|   | The drain: then after the undo: reload the proxy (db) |",
        "|   | The drain: then after the undo succeeded in 30 ms |",
    ] {
        assert!(times.contains(expected), "{expected}\n{times}");
    }
    let undone = part(&report, "## Undone");
    assert!(
        undone
            .ends_with("“The drain” (`drain`): undo drain (db): undone (40 ms) after 1 attempt that failed"),
        "{undone}"
    );
    let drain = part(&part(&report, "## Steps"), "### “The drain” (`drain`)");
    assert!(
        drain.contains("- Undo, attempt 1: failed: nobody listens on `db:5432`;"),
        "{drain}"
    );
    assert!(
        drain.contains("- Then, after the undo 1: succeeded in 30 ms"),
        "{drain}"
    );
    assert!(!report.contains("## To do by hand"));
}

/// Items that are undone, of which one cannot be, and a step that is undone by several.
pub(crate) fn undone_in_a_loop() -> Vec<Record> {
    let each = holder(
        "each",
        &[],
        runbook_event::Holds::Items {
            steps: share(vec![step("restart", &[])]),
            batch: 1,
            max_failures: 0,
        },
    );
    let several = StepOutline {
        undo: UndoOutline::Steps {
            steps: share(vec![step("unlock", &[]), step("warm", &[0])]),
        },
        ..step("lock", &[0])
    };
    let fails = AttemptEnd::Failed { failure: busy() };
    Sample::new(vec![each, several, step("last", &[1])])
        .phase(Phase::Steps)
        .event(begun("each"))
        .event(enters("each", items(&["a b"])))
        .event(begun("each[a b]"))
        .does("restart[a b]")
        .event(done("each[a b]"))
        .event(done("each"))
        .does("lock")
        .fails("last", OnFailure::Rollback)
        .phase(Phase::Rollback)
        .undoes("last", UndoEnd::Undone)
        .event(Event::UndoStarted {
            step: id("lock"),
            attempt: 1,
            intent: intent("undo lock"),
        })
        .event(enters("lock", runbook_event::Into::Undo))
        .does("unlock")
        .begins("warm")
        .comes_back("warm", 1, fails, "")
        .event(failed("warm", busy()))
        .event(Event::UndoEnded {
            step: id("lock"),
            end: UndoEnd::Failed { failure: busy() },
            output: Vec::new(),
            elapsed_ms: 700,
        })
        .undoes("restart[a b]", UndoEnd::Failed { failure: busy() })
        .ends(Outcome::RollbackFailed)
}

#[test]
fn what_is_left_of_an_undo_of_several_steps_is_to_be_done_by_hand() {
    let records = undone_in_a_loop();
    let report = report(&records);
    let hand = part(&report, "## To do by hand");
    let headings: Vec<&str> = hand.lines().filter(|line| line.starts_with("###")).collect();
    assert_eq!(
        headings,
        ["### “The restart” (`restart[a b]`)", "### “The lock” (`lock`)"]
    );
    assert!(hand.contains("do warm") && !hand.contains("do unlock"), "{hand}");
    let changed = part(&report, "## What was changed");
    assert!(
        !changed.contains("warm"),
        "what an undo does is no change of the run: {changed}"
    );
    assert!(
        part(&part(&report, "## Steps"), "### “The lock” (`lock`)").contains("#### “The warm” (`warm`)\n")
    );
    let data = json(&records, &Evidence::new("e")).unwrap();
    assert_eq!(data["by_hand"], json!(["restart[a b]", "lock"]));
}

#[test]
fn a_doubt_about_an_item_can_be_pasted_into_a_shell() {
    let each = holder(
        "each",
        &[],
        runbook_event::Holds::Items {
            steps: share(vec![step("restart", &[])]),
            batch: 1,
            max_failures: 0,
        },
    );
    let sample = Sample::new(vec![each])
        .phase(Phase::Steps)
        .event(begun("each"))
        .event(enters("each", items(&["it's $1"])))
        .event(begun("each[it's $1]"))
        .begins("restart[it's $1]")
        .event(resumed(Resumed::Forward, &[]))
        .event(doubted("restart[it's $1]", false));
    let records = ended(sample, Outcome::Unknown).records();
    let mut state = RunState::new();
    for record in &records {
        state.apply(record).unwrap();
    }
    let doubt = &doubts(&state)[0];
    assert_eq!(doubt.step, "restart[it's $1]");
    assert_eq!(doubt.title, "The restart [it's $1]");
    assert_eq!(
        doubt.retry,
        r"runbook resume pool-7f3a --retry 'restart[it'\''s $1]' --reason …"
    );
    assert_eq!(by_hand(&state), Vec::<usize>::new());
}

#[test]
fn a_doubt_about_an_undo_is_told_as_such() {
    let sample = Sample::new(vec![step("drain", &[]), step("kill", &[0])])
        .phase(Phase::Steps)
        .does("drain")
        .fails("kill", OnFailure::Rollback)
        .phase(Phase::Rollback)
        .event(Event::UndoStarted {
            step: id("kill"),
            attempt: 1,
            intent: intent("undo kill"),
        })
        .event(resumed(Resumed::Forward, &[]))
        .event(doubted("kill", true));
    let records = ended(sample, Outcome::Unknown).records();
    let report = report(&records);
    let told = part(&report, "## To be decided");
    assert!(told.contains("### The undo of “The kill” (`kill`)\n"), "{told}");
    assert!(told.contains("undo kill"), "{told}");
    assert!(
        !report.contains("## To do by hand"),
        "the rest is undone once the run goes on"
    );
    let changed = part(&report, "## What was changed");
    assert!(
        changed.contains("| **nobody can tell whether it was undone** |"),
        "{changed}"
    );
    assert!(
        changed.contains("| to be undone once the run goes on |"),
        "{changed}"
    );
}

/// What only reads can be asked again without a word, so nothing of it is left to say.
#[test]
fn a_read_that_a_crash_interrupted_leaves_no_doubt() {
    let mut read = step("look", &[]);
    read.effect = Effect::Read;
    read.repeatable = true;
    let mut again = intent("do look");
    again.effect = Effect::Read;
    let started = |attempt: u32| Event::AttemptStarted {
        step: id("look"),
        attempt,
        intent: again.clone(),
    };
    let records = Sample::new(vec![read])
        .phase(Phase::Steps)
        .event(begun("look"))
        .event(started(1))
        .event(resumed(Resumed::Forward, &[]))
        .event(started(2))
        .comes_back("look", 2, AttemptEnd::Succeeded, "")
        .event(Event::StepDone {
            step: id("look"),
            values: IndexMap::from([(id("sum"), json!(3))]),
            sealed: None,
        })
        .records();
    let report = report(&records);
    let told = part(&part(&report, "## Steps"), "### “The look” (`look`)");
    assert!(
        told.contains("- Attempt 1: **no record of its end**\n- Attempt 2: succeeded in 340 ms"),
        "{told}"
    );
    assert!(report.contains("The look: done after 340 ms; captured sum = 3"));
    assert!(!report.contains("## To be decided"));
}
