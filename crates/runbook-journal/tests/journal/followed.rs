//! A run is followed while another writes it.

use std::fs;

use jiff::Timestamp;
use runbook_event::{CheckRole, CheckSite, Journal as _};
use runbook_journal::{Follower, Writer};

use crate::sample::{events, fold, reading, records, write};

fn all_of(follower: &mut Follower) -> Vec<runbook_event::Record> {
    std::iter::from_fn(|| follower.advance().unwrap()).collect()
}

#[test]
fn what_is_written_is_read_whenever_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(events("r", Vec::new()));
    write(dir.path(), "r", &all[..1]);
    let mut opened = Writer::open(dir.path(), "r").unwrap();
    let mut follower = Follower::open(&dir.path().join("r")).unwrap();
    let mut seen = all_of(&mut follower);
    for record in &all[1..] {
        opened.writer.append(record).unwrap();
        opened.writer.sync().unwrap();
        seen.extend(all_of(&mut follower));
        assert_eq!(*follower.state(), fold(&seen));
    }
    assert_eq!(seen, all);
}

/// Whoever goes on with a run cuts a torn line off, and writes another in its place.
#[test]
fn a_line_is_read_once_it_is_whole_and_never_what_was_torn() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(events("r", Vec::new()));
    let run = write(dir.path(), "r", &all);
    let path = run.join("journal.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let half = |line: &str| line[..line.len() / 2].to_owned();
    fs::write(&path, format!("{}{}", lines[..2].concat(), half(lines[2]))).unwrap();
    let mut follower = Follower::open(&run).unwrap();
    assert_eq!(all_of(&mut follower), all[..2]);
    fs::write(&path, lines[..3].concat()).unwrap();
    assert_eq!(all_of(&mut follower), all[2..3]);
    let torn = format!("{}{{\"seq\":3,\"at\":\"not all of it", lines[..3].concat());
    fs::write(&path, torn).unwrap();
    assert_eq!(all_of(&mut follower), []);
    fs::write(&path, &text).unwrap();
    assert_eq!(all_of(&mut follower), all[3..]);
}

#[test]
fn a_line_that_was_changed_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let run = write(dir.path(), "r", &records(events("r", Vec::new())));
    let path = run.join("journal.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"seq\":1,", "\"seq\":7,", 1)).unwrap();
    let mut follower = Follower::open(&run).unwrap();
    assert!(follower.advance().unwrap().is_some());
    assert!(follower.advance().is_err());
}

#[test]
fn readings_come_once_each_as_they_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let run = write(dir.path(), "r", &records(events("r", Vec::new()))[..1]);
    let mut follower = Follower::open(&run).unwrap();
    assert_eq!(follower.readings(), []);
    let mut opened = Writer::open(dir.path(), "r").unwrap();
    let site = CheckSite {
        role: CheckRole::Gate,
        within: None,
        step: Some("one".to_owned()),
        check: "gate".to_owned(),
    };
    for number in 1..=5 {
        let read = reading(number);
        opened
            .writer
            .reading(Timestamp::UNIX_EPOCH, &site, &read)
            .unwrap();
        opened.writer.sync().unwrap();
        let came = follower.readings();
        let numbers: Vec<u32> = came.iter().map(|timed| timed.reading.number).collect();
        assert_eq!(numbers, [number]);
    }
}
