//! What is read is what was written.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use runbook_event::{CheckRole, CheckSite, Event, Journal as _, Reading, Record, Verdict};
use runbook_journal::{CreateError, Fault, Writer, read, readings, verify};
use serde_json::json;

use crate::sample::{events, fold, keep, records, write};

#[test]
fn a_run_that_is_read_is_the_run_that_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join(".runbook/runs");
    let mut writer = Writer::create(&runs, "r1", &[]).unwrap();
    let output = keep(&writer, "drain", "1", &["grüße\n".as_bytes()]);
    let live = records(events("r1", output));
    for record in &live {
        writer.append(record).unwrap();
    }
    writer.sync().unwrap();
    let run = read(writer.dir()).unwrap();
    assert_eq!(run.records, live);
    assert_eq!(run.state, fold(&live));
    assert_eq!(run.head, writer.head());
    assert!(!run.torn);
    let verified = verify(writer.dir(), Some(writer.head())).unwrap();
    assert_eq!(verified.records, live.len() as u64);
    assert!(verified.ended && !verified.torn && verified.lost.is_empty());
}

#[test]
fn a_prefix_of_a_run_is_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let live = records(events("r", Vec::new()));
    for len in 1..live.len() {
        let run = read(&write(dir.path(), &format!("r{len}"), &live[..len])).unwrap();
        assert_eq!(run.state, fold(&live[..len]), "{len}");
    }
}

#[test]
fn a_line_is_an_object_with_its_hash_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let run = write(dir.path(), "r", &records(events("r", Vec::new())));
    let text = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    for (seq, line) in text.lines().enumerate() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(object["seq"], json!(seq));
        assert_eq!(object.as_object().unwrap().keys().next_back().unwrap(), "hash");
        assert!(
            line.starts_with(&format!("{{\"seq\":{seq},\"at\":\"2026-05-04T10:00:")),
            "{line}"
        );
        assert_eq!(&line[line.len() - 75..line.len() - 66], ",\"hash\":\"");
    }
}

#[test]
fn nobody_else_may_look_and_version_control_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join(".runbook");
    let pinned: [(&str, &[u8]); 2] = [("pool.yaml", b"name: pool\n"), ("sql/size.sql", b"select 1\n")];
    let mut writer = Writer::create(&state.join("runs"), "r", &pinned).unwrap();
    keep(&writer, "drain", "1", &[&[b'x'; 5000]]);
    let site = CheckSite {
        within: None,
        role: CheckRole::Detect,
        step: None,
        check: "1".to_owned(),
    };
    let reading = Reading {
        number: 2,
        verdict: Verdict::Fail,
        streak: 0,
        warned: false,
        value: None,
        detail: String::new(),
    };
    writer.reading(Timestamp::UNIX_EPOCH, &site, &reading).unwrap();
    assert_eq!(fs::read_to_string(state.join(".gitignore")).unwrap(), "*\n");
    let run = writer.dir();
    assert_eq!(
        fs::read_to_string(run.join("pinned/sql/size.sql")).unwrap(),
        "select 1\n"
    );
    let mut seen = 0;
    let mut rest = vec![state];
    while let Some(path) = rest.pop() {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{}", path.display());
        if path.is_dir() {
            rest.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        seen += 1;
    }
    // The last is the inbox, which belongs to who holds the run before anybody asks.
    assert_eq!(seen, 14);
}

#[test]
fn a_state_directory_that_was_there_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    Writer::create(&dir.path().join("runs"), "r", &[]).unwrap();
    assert!(!dir.path().join(".gitignore").exists());
}

#[test]
fn all_readings_are_kept_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path(), "r", &[]).unwrap();
    assert_eq!(readings(writer.dir()).unwrap(), []);
    let site = CheckSite {
        within: None,
        role: CheckRole::Gate,
        step: Some("drain".to_owned()),
        check: "1".to_owned(),
    };
    for number in 1..=100 {
        let value = Some(json!(f64::from(number) / 10.0));
        let reading = Reading {
            number,
            verdict: Verdict::Fail,
            streak: 0,
            warned: false,
            value,
            detail: "no\n".to_owned(),
        };
        writer.reading(Timestamp::UNIX_EPOCH, &site, &reading).unwrap();
    }
    let kept = readings(writer.dir()).unwrap();
    assert_eq!(kept.len(), 100);
    assert!(
        kept.iter()
            .zip(1..)
            .all(|(kept, number)| kept.reading.number == number && kept.site == site)
    );
    let path = writer.dir().join("readings.jsonl");
    OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"{\"at\":")
        .unwrap();
    assert_eq!(readings(writer.dir()).unwrap().len(), 100);
    OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"\n")
        .unwrap();
    let error = readings(writer.dir()).unwrap_err();
    assert!(error.to_string().contains("line 101 is not a reading"), "{error}");
}

#[test]
fn a_run_has_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let first = Writer::create(dir.path(), "r", &[]).unwrap();
    let second = Writer::create(dir.path(), "r", &[]).unwrap_err();
    assert!(matches!(second, CreateError::Locked { .. }), "{second}");
    drop(first);
    let third = Writer::create(dir.path(), "r", &[]).unwrap_err();
    assert!(matches!(third, CreateError::Exists { .. }), "{third}");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["", "..", "a/b", ".hidden"] {
        let error = Writer::create(dir.path(), name, &[]).unwrap_err();
        assert!(matches!(error, CreateError::Name { .. }), "{error}");
    }
    for name in ["../x", "/etc/x", "", "a//b"] {
        let error = Writer::create(dir.path(), "r", &[(name, b"")]).unwrap_err();
        assert!(matches!(error, CreateError::Name { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_created_names_the_path() {
    let error = Writer::create(Path::new("/proc/runs"), "r", &[]).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot create `/proc/runs`: "),
        "{error}"
    );
}

#[test]
fn records_are_written_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path(), "r", &[]).unwrap();
    let live = records(events("r", Vec::new()));
    let error = writer.append(&live[1]).unwrap_err();
    assert_eq!(error.reason, "record 1 cannot follow, 0 would");
    writer.append(&live[0]).unwrap();
}

#[test]
fn a_line_longer_than_any_record_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = write(dir.path(), "r", &records(events("r", Vec::new())));
    let file = OpenOptions::new()
        .append(true)
        .open(run.join("journal.jsonl"))
        .unwrap();
    let len = file.metadata().unwrap().len();
    file.set_len(len + 65 * 1024 * 1024).unwrap();
    let error = read(&run).unwrap_err();
    assert_eq!(error.bad().unwrap().fault, Fault::TooLong);
    assert_eq!(error.bad().unwrap().text, "line 23 is longer than 64 MiB");
}

/// The third record of the run, with this value in it.
fn holding(value: serde_json::Value) -> Vec<Record> {
    let mut all = events("r", Vec::new());
    if let Event::BeforeTaken { values, .. } = &mut all[3] {
        values.insert("held".to_owned(), value);
    }
    records(all)
}

#[test]
fn a_value_as_deep_as_json_gets_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let live = holding(serde_json::from_str(&deep).unwrap());
    let run = write(dir.path(), "r", &live);
    assert_eq!(read(&run).unwrap().records, live);
}

#[test]
fn what_nobody_could_read_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let deep = (0..300).fold(json!(1), |inner, _| json!([inner]));
    for (name, value, reason) in [
        ("long", json!("x".repeat(64 * 1024 * 1024)), "longer than 64 MiB"),
        ("deep", deep, "nested deeper"),
    ] {
        let live = holding(value);
        let mut writer = Writer::create(dir.path(), name, &[]).unwrap();
        for record in &live[..3] {
            writer.append(record).unwrap();
        }
        let error = writer.append(&live[3]).unwrap_err();
        assert!(error.reason.contains(reason), "{error}");
        let good = records(events("r", Vec::new()));
        writer.append(&good[3]).unwrap();
        assert_eq!(read(writer.dir()).unwrap().records, good[..4]);
    }
}
