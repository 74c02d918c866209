//! Which runs there are, and which one is meant.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use runbook_event::{Event, Holds, Into, Item, Journal as _, Outcome, Record};
use runbook_journal::{Fault, FindError, Writer, find, is_running, read, runs, verify};

use crate::sample::{events, records, step, write};

fn hours_later(mut records: Vec<Record>, hours: i64) -> Vec<Record> {
    for record in &mut records {
        record.at += SignedDuration::from_hours(hours);
    }
    records
}

fn three(dir: &Path) {
    let all = records(events("r", Vec::new()));
    write(dir, "zeta-1", &all);
    write(dir, "pool-2", &hours_later(all.clone(), 2)[..12]);
    write(dir, "pool-1", &hours_later(all, 1));
}

#[test]
fn runs_are_listed_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    three(dir.path());
    let runs = runs(dir.path()).unwrap();
    let names: Vec<&str> = runs.iter().map(|run| run.run.as_str()).collect();
    assert_eq!(names, ["pool-2", "pool-1", "zeta-1"]);
    let newest = &runs[0];
    assert_eq!((newest.done, newest.total, newest.outcome), (1, 2, None));
    assert_eq!(
        (newest.runbook.as_deref(), newest.title.as_deref()),
        (Some("pool"), Some("Pool is full"))
    );
    assert_eq!(runs[1].outcome, Some(Outcome::RolledBack));
    assert_eq!(
        runs[1].ended_at.unwrap().to_string(),
        "2026-05-04T11:00:21.123456Z"
    );
    assert!(runs.iter().all(|run| run.error.is_none()));
}

#[test]
fn a_broken_run_is_listed_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    three(dir.path());
    fs::create_dir(dir.path().join("no-journal")).unwrap();
    write(dir.path(), "empty", &[]);
    let path = dir.path().join("pool-1/journal.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("drain it", "drain IT", 1)).unwrap();
    let runs = runs(dir.path()).unwrap();
    let error = |name: &str| {
        runs.iter()
            .find(|run| run.run == name)
            .unwrap()
            .error
            .clone()
            .unwrap_or_default()
    };
    assert_eq!(runs.len(), 5);
    assert!(error("pool-1").ends_with("line 5 was changed: its hash does not match its bytes"));
    assert!(error("no-journal").starts_with("cannot read `"));
    assert!(error("empty").ends_with("has no record"));
    assert_eq!(runs[1].run, "pool-1");
    assert_eq!(runs[1].total, 2);
}

#[test]
fn no_directory_means_no_runs() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(runs(&dir.path().join("none")).unwrap(), []);
    let error = find(&dir.path().join("none"), "last").unwrap_err();
    assert_eq!(error.to_string(), "no run is called `last`");
}

#[test]
fn a_run_is_found_by_its_name_or_a_part_or_as_the_last() {
    let dir = tempfile::tempdir().unwrap();
    three(dir.path());
    let check = |text: &str, name: &str| assert_eq!(find(dir.path(), text).unwrap(), dir.path().join(name));
    check("pool-1", "pool-1");
    check("zet", "zeta-1");
    check("last", "pool-2");
    write(dir.path(), "pool", &[]);
    check("pool", "pool");
}

#[test]
fn what_is_not_found_lists_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    three(dir.path());
    for text in ["nope", "", "../x"] {
        let error = find(dir.path(), text).unwrap_err();
        assert!(matches!(error, FindError::None { .. }));
        let expected = format!("no run is called `{text}`; there are `pool-2`, `pool-1`, `zeta-1`");
        assert_eq!(error.to_string(), expected);
    }
    let error = find(dir.path(), "pool").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`pool` could be any of 2 runs: `pool-2`, `pool-1`"
    );
    for number in 0..9 {
        write(dir.path(), &format!("many-{number}"), &[]);
    }
    let error = find(dir.path(), "many").unwrap_err();
    let FindError::Several {
        count, candidates, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!((count, candidates.len()), (9, 5));
}

/// What can be done to the beginning of a journal.
const DAMAGE: [fn(&Path); 3] = [
    |path| fs::remove_file(path).unwrap(),
    |path| fs::write(path, "").unwrap(),
    |path| {
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, text.replacen("run_started", "run_Started", 1)).unwrap();
    },
];

#[test]
fn a_run_whose_beginning_is_lost_stays_the_last() {
    for damage in DAMAGE {
        let dir = tempfile::tempdir().unwrap();
        let all = records(events("r", Vec::new()));
        write(dir.path(), "20260504-100000-pool-aaaa", &all);
        write(
            dir.path(),
            "20260504-110000-pool-bbbb",
            &hours_later(all.clone(), 1),
        );
        write(dir.path(), "notes", &hours_later(all, -1));
        let broken = dir.path().join("20260504-110000-pool-bbbb");
        damage(&broken.join("journal.jsonl"));
        let listed = runs(dir.path()).unwrap();
        let names: Vec<&str> = listed.iter().map(|run| run.run.as_str()).collect();
        assert_eq!(
            names,
            ["20260504-110000-pool-bbbb", "20260504-100000-pool-aaaa", "notes"]
        );
        assert!(listed[0].error.is_some());
        assert_eq!(find(dir.path(), "last").unwrap(), broken);
        assert_eq!(find(dir.path(), "20260504-110000-pool-bbbb").unwrap(), broken);
        assert!(read(&broken).is_err());
        assert!(verify(&broken, None).is_err());
    }
}

#[test]
fn a_journal_without_a_record_is_no_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = write(dir.path(), "r", &[]);
    for content in ["", "{\"seq\":0,\"at\""] {
        fs::write(run.join("journal.jsonl"), content).unwrap();
        for error in [read(&run).unwrap_err(), verify(&run, None).unwrap_err()] {
            let bad = error.bad().unwrap();
            assert_eq!((bad.line, bad.fault), (1, Fault::Cut));
            assert_eq!(bad.text, "line 1 is missing: the journal has no record");
        }
    }
}

#[test]
fn a_run_that_goes_on_is_told_from_one_that_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(events("r", Vec::new()));
    let mut writer = Writer::create(dir.path(), "r", &[]).unwrap();
    writer.append(&all[0]).unwrap();
    assert!(is_running(writer.dir()) && is_running(writer.dir()));
    assert!(runs(dir.path()).unwrap()[0].running);
    let run = writer.dir().to_owned();
    drop(writer);
    assert!(!is_running(&run) && !is_running(&dir.path().join("none")));
    assert!(!runs(dir.path()).unwrap()[0].running);
}

#[test]
fn the_clean_up_is_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = events("r", Vec::new());
    if let Event::RunStarted(run) = &mut all[0] {
        run.outline.finally.push(Arc::new(step("clean-up", &[])));
    }
    write(dir.path(), "r", &records(all)[..12]);
    let run = &runs(dir.path()).unwrap()[0];
    assert_eq!((run.done, run.total), (1, 2));
}

/// A run whose second step goes through a list, as far as the first item of it.
fn looping(items: &[&str]) -> Vec<Event> {
    let id = |id: &str| id.to_owned();
    let mut all = events("r", Vec::new());
    if let Event::RunStarted(run) = &mut all[0] {
        let mut each = step("each", &[0]);
        each.holds = Holds::Items {
            steps: vec![Arc::new(step("restart", &[])), Arc::new(step("look", &[0]))],
            batch: 1,
            max_failures: 0,
        };
        run.outline.steps[1] = Arc::new(each);
    }
    // Up to the end of the first step.
    all.truncate(11);
    let items = items
        .iter()
        .map(|key| Item {
            key: id(key),
            value: serde_json::json!(key),
        })
        .collect();
    all.push(Event::StepStarted { step: id("each") });
    all.push(Event::Entered {
        step: id("each"),
        into: Into::Items { items },
        sealed: None,
    });
    all
}

#[test]
fn what_stands_within_steps_is_counted_as_it_unfolds() {
    let dir = tempfile::tempdir().unwrap();
    let counted = |name: &str, all: Vec<Event>| {
        write(dir.path(), name, &records(all));
        let runs = runs(dir.path()).unwrap();
        let run = runs.iter().find(|run| run.run == name).unwrap();
        assert_eq!(run.error, None);
        (run.done, run.total)
    };
    // Before the loop begins, one turn of it is counted, and never the loop itself.
    assert_eq!(counted("before", looping(&[])[..12].to_vec()), (1, 3));
    assert_eq!(counted("none", looping(&[])), (1, 1));
    assert_eq!(counted("three", looping(&["a", "b", "c"])), (1, 7));
    let mut first = looping(&["a", "b", "c"]);
    first.push(Event::StepStarted {
        step: "each[a]".to_owned(),
    });
    assert_eq!(counted("first", first.clone()), (1, 7));
    first.push(Event::StepSkipped {
        step: "restart[a]".to_owned(),
        reason: runbook_event::SkipReason::When {
            detail: "false".to_owned(),
        },
    });
    assert_eq!(counted("skipped", first), (1, 7));
}
