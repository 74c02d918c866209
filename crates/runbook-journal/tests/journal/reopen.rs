//! A run is gone on with after its writer is gone.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use runbook_event::{CheckRole, CheckSite, Journal as _};
use runbook_journal::{OpenError, Writer, pinned, read, readings, verify};

use crate::sample::{endless, events, fold, reading, records, write};

/// A run and the bytes of its lines.
fn written(runs: &Path, records: &[runbook_event::Record]) -> (PathBuf, Vec<String>) {
    let run = write(runs, "r", records);
    let text = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    (run, text.split_inclusive('\n').map(str::to_owned).collect())
}

#[test]
fn a_run_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(events("r", Vec::new()));
    for at in 1..=all.len() {
        let name = format!("r{at}");
        let run = write(dir.path(), &name, &all[..at]);
        let mut opened = Writer::open(dir.path(), &name).unwrap();
        assert_eq!(opened.records, all[..at]);
        assert_eq!(opened.state, fold(&all[..at]));
        assert_eq!(opened.torn, None);
        assert_eq!(opened.writer.next_seq(), at as u64);
        assert_eq!(opened.writer.head(), read(&run).unwrap().head);
        for record in &all[at..] {
            opened.writer.append(record).unwrap();
        }
        opened.writer.sync().unwrap();
        let whole = verify(&run, Some(opened.writer.head())).unwrap();
        assert_eq!(whole.records, all.len() as u64);
        assert_eq!(read(&run).unwrap().records, all);
    }
}

#[test]
fn a_run_that_was_written_in_pieces_is_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(events("r", Vec::new()));
    let (run, lines) = written(dir.path(), &all);
    let other = write(dir.path(), "pieces", &all[..1]);
    for record in &all[1..] {
        let mut opened = Writer::open(dir.path(), "pieces").unwrap();
        opened.writer.append(record).unwrap();
    }
    assert_eq!(
        fs::read(other.join("journal.jsonl")).unwrap(),
        lines.concat().as_bytes()
    );
    assert_eq!(read(&run).unwrap(), read(&other).unwrap());
}

#[test]
fn a_last_line_that_is_torn_anywhere_is_cut_and_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(events("r", Vec::new()));
    let (run, lines) = written(dir.path(), &all);
    let (last, before) = lines.split_last().unwrap();
    for len in 0..last.len() {
        fs::write(
            run.join("journal.jsonl"),
            format!("{}{}", before.concat(), &last[..len]),
        )
        .unwrap();
        let mut opened = Writer::open(dir.path(), "r").unwrap();
        assert_eq!(opened.torn, (len > 0).then_some(len as u64));
        assert_eq!(opened.records, all[..all.len() - 1]);
        // What was torn is gone before anything is written.
        assert_eq!(
            fs::read_to_string(run.join("journal.jsonl")).unwrap(),
            before.concat()
        );
        assert!(!verify(&run, Some(opened.writer.head())).unwrap().torn);
        opened.writer.append(&all[all.len() - 1]).unwrap();
        assert!(verify(&run, Some(opened.writer.head())).unwrap().ended);
        drop(opened);
        assert_eq!(
            fs::read_to_string(run.join("journal.jsonl")).unwrap(),
            lines.concat()
        );
    }
}

#[test]
fn wherever_a_crash_stops_the_file_all_whole_lines_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(events("r", Vec::new()));
    let (run, lines) = written(dir.path(), &all);
    let whole = lines.concat();
    let from = whole.len() - lines[lines.len() - 2..].concat().len();
    for len in from..=whole.len() {
        fs::write(run.join("journal.jsonl"), &whole[..len]).unwrap();
        let kept = whole[..len].matches('\n').count();
        let mut opened = Writer::open(dir.path(), "r").unwrap();
        assert_eq!(opened.records, all[..kept]);
        for record in &all[kept..] {
            opened.writer.append(record).unwrap();
        }
        drop(opened);
        assert_eq!(fs::read_to_string(run.join("journal.jsonl")).unwrap(), whole);
    }
}

#[test]
fn what_was_torn_after_the_end_of_a_run_is_cut_too() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(events("r", Vec::new()));
    let (run, lines) = written(dir.path(), &all);
    fs::write(run.join("journal.jsonl"), lines.concat() + "{\"seq\"").unwrap();
    let opened = Writer::open(dir.path(), "r").unwrap();
    assert_eq!(opened.torn, Some(6));
    assert!(opened.state.outcome().is_some());
}

#[test]
fn what_was_changed_is_refused_in_the_words_of_reading_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(events("r", Vec::new()));
    let (run, lines) = written(dir.path(), &all);
    let mut cases: Vec<Vec<String>> = (0..lines.len() - 1)
        .map(|at| {
            let mut lines = lines.clone();
            lines.remove(at);
            lines
        })
        .collect();
    let mut changed = lines.clone();
    changed[6] = changed[6].replace("true", "null");
    cases.push(changed);
    cases.push(Vec::new());
    // A torn end does not hide what is wrong before it.
    let mut texts: Vec<String> = cases
        .iter()
        .flat_map(|lines| [lines.concat(), lines.concat() + "{\"seq\":"])
        .collect();
    // The end of the last line became another byte.
    texts.push(lines.concat().trim_end().to_owned() + " ");
    for text in texts {
        fs::write(run.join("journal.jsonl"), &text).unwrap();
        let reading = read(&run).unwrap_err();
        let opening = Writer::open(dir.path(), "r").unwrap_err();
        assert!(matches!(opening, OpenError::Unreadable(_)), "{opening}");
        assert_eq!(opening.to_string(), reading.to_string());
        assert_eq!(fs::read_to_string(run.join("journal.jsonl")).unwrap(), text);
    }
}

#[test]
fn a_run_that_is_not_there_or_leads_elsewhere_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["", "..", "a/b", ".hidden"] {
        let error = Writer::open(dir.path(), name).unwrap_err();
        assert!(matches!(error, OpenError::Name { .. }), "{error}");
    }
    let error = Writer::open(dir.path(), "r").unwrap_err();
    assert!(
        error.to_string().contains("r/journal.jsonl`: No such file"),
        "{error}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn one_writer_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = Writer::create(dir.path(), "r", &[]).unwrap();
    let second = Writer::open(dir.path(), "r").unwrap_err();
    assert_eq!(second.to_string(), "run `r` is being written by another process");
    drop(first);
    let all = records(events("r", Vec::new()));
    write(dir.path(), "s", &all[..3]);
    let third = Writer::open(dir.path(), "s").unwrap();
    let fourth = Writer::open(dir.path(), "s").unwrap_err();
    assert!(matches!(fourth, OpenError::Locked { .. }), "{fourth}");
    drop(third);
    Writer::open(dir.path(), "s").unwrap();
}

#[test]
fn a_run_whose_lock_was_not_copied_with_it_is_locked_again() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(events("r", Vec::new()));
    let run = write(dir.path(), "r", &all[..3]);
    fs::remove_file(run.join("lock")).unwrap();
    let _writer = Writer::open(dir.path(), "r").unwrap();
    assert!(matches!(
        Writer::open(dir.path(), "r"),
        Err(OpenError::Locked { .. })
    ));
}

#[test]
fn readings_go_on_where_they_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let at = Timestamp::UNIX_EPOCH;
    let site = CheckSite {
        within: None,
        role: CheckRole::Verify,
        step: None,
        check: "1".to_owned(),
    };
    let mut writer = Writer::create(dir.path(), "r", &[]).unwrap();
    let path = writer.dir().join("readings.jsonl");
    for record in endless("r").take(3) {
        writer.append(&record).unwrap();
    }
    drop(writer);
    // None so far: the first comes later.
    for number in 1..=2 {
        let mut opened = Writer::open(dir.path(), "r").unwrap();
        opened.writer.reading(at, &site, &reading(number)).unwrap();
    }
    let whole = fs::read(&path).unwrap();
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for len in (0..=whole.len()).chain([whole.len() + 10_000]) {
        let mut text = whole.clone();
        text.resize(len, b'x');
        fs::write(&path, text).unwrap();
        let mut opened = Writer::open(dir.path(), "r").unwrap();
        opened.writer.reading(at, &site, &reading(9)).unwrap();
        let kept = usize::from(len >= second) + usize::from(len >= whole.len());
        let numbers: Vec<u32> = readings(opened.writer.dir())
            .unwrap()
            .iter()
            .map(|timed| timed.reading.number)
            .collect();
        assert_eq!(numbers.len(), kept + 1, "{len}");
        assert_eq!(numbers.last(), Some(&9));
    }
}

#[test]
fn what_was_pinned_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let texts: [(&str, &[u8]); 4] = [
        ("runbook.yaml", b"name: x\n"),
        ("files/b/query.sql", b"select 1"),
        ("files/b.sql", &[0xff, 0]),
        ("files/a", b""),
    ];
    let writer = Writer::create(dir.path(), "r", &texts).unwrap();
    let mut expected: Vec<(String, Vec<u8>)> = texts
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
        .collect();
    expected.sort();
    assert_eq!(pinned(writer.dir()).unwrap(), expected);
    let bare = Writer::create(dir.path(), "s", &[]).unwrap();
    assert_eq!(pinned(bare.dir()).unwrap(), []);
    std::os::unix::fs::symlink("/etc/passwd", writer.dir().join("pinned/files/link")).unwrap();
    let error = pinned(writer.dir()).unwrap_err();
    assert!(
        error.to_string().contains("files/link`: it is neither"),
        "{error}"
    );
}
