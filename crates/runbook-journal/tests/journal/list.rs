//! Which runs there are, and which one is meant.

use std::fs;
use std::path::Path;

use jiff::SignedDuration;
use runbook_event::{Outcome, Record};
use runbook_journal::{FindError, find, runs};

use crate::sample::{events, records, write};

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
