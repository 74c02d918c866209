//! A process that writes a run is killed, again and again.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use runbook_action::Stream;
use runbook_event::{CheckRole, CheckSite, Journal as _, OutputName};
use runbook_journal::{OpenError, Writer, is_running, read, readings, verify};

use crate::process::{Other, given_dir};
use crate::sample::{endless, keep, reading};

/// How often the run is killed.
const KILLS: u32 = 50;

#[test]
fn killed_at_any_moment_a_run_goes_on_and_misses_nothing_that_was_synced() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("r");
    let mut most = 0;
    for kill in 0..KILLS {
        let mut writing = Other::start("crash::writes_until_it_is_killed", "", dir.path());
        // It is killed while it goes on writing, after so many answers.
        let mut random = [0];
        getrandom::fill(&mut random).unwrap();
        let mut answers: Vec<String> = (0..=random[0] % 64).map(|_| writing.answer()).collect();
        answers.extend(writing.kill());
        let opened = Writer::open(dir.path(), "r").unwrap();
        let synced: usize = answers.last().unwrap().parse().unwrap();
        let kept = opened.records.len();
        assert!(kept >= synced, "kill {kill}: {kept} of {synced}");
        assert!(kept > most, "kill {kill}: {kept} after {most}");
        most = kept;
    }
    let whole = read(&run).unwrap();
    let expected: Vec<_> = endless("r").take(most).collect();
    assert_eq!(whole.records, expected);
    assert_eq!(
        verify(&run, Some(&whole.head)).unwrap().lost,
        Vec::<String>::new()
    );
    assert!(!readings(&run).unwrap().is_empty());
}

#[test]
fn writes_until_it_is_killed() {
    let Some(dir) = given_dir() else { return };
    let dir = Path::new(&dir);
    let mut writer = if dir.join("r").exists() {
        Writer::open(dir, "r").unwrap().writer
    } else {
        Writer::create(dir, "r", &[]).unwrap()
    };
    let site = CheckSite {
        within: None,
        role: CheckRole::Baseline,
        step: None,
        check: "1".to_owned(),
    };
    let from = usize::try_from(writer.next_seq()).unwrap();
    for record in endless("r").skip(from) {
        writer.append(&record).unwrap();
        writer.reading(Timestamp::UNIX_EPOCH, &site, &reading(1)).unwrap();
        if record.seq % 3 == 0 {
            keep(&writer, "a", "1", &[&[b'x'; 5_000]]);
        }
        if record.seq % 2 == 0 {
            writer.sync().unwrap();
            eprintln!("{}", record.seq + 1);
        }
    }
}

#[test]
fn another_process_that_writes_a_run_keeps_it_until_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut writing = Other::start("crash::writes_until_it_is_killed", "", dir.path());
    writing.answer();
    let error = Writer::open(dir.path(), "r").unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(is_running(&dir.path().join("r")));
    writing.kill();
    assert!(!is_running(&dir.path().join("r")));
    let _mine = Writer::open(dir.path(), "r").unwrap();
    assert!(is_running(&dir.path().join("r")));
}

#[test]
fn output_whose_end_was_never_noted_is_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path(), "r", &[]).unwrap();
    for record in endless("r").take(3) {
        writer.append(&record).unwrap();
    }
    let name = OutputName {
        step: "a".to_owned(),
        part: "1".to_owned(),
    };
    // A crash while a program prints: nobody finishes what was begun.
    let mut output = writer.output(&name);
    output.write(Stream::Stdout, &[b'x'; 10_000]).unwrap();
    drop(output);
    drop(writer);
    let torn = dir.path().join("r/output/a.1.stdout");
    fs::write(&torn, "x").unwrap();
    let opened = Writer::open(dir.path(), "r").unwrap();
    let verified = verify(opened.writer.dir(), Some(opened.writer.head())).unwrap();
    assert_eq!(verified.lost, Vec::<String>::new());
    let again = keep(&opened.writer, "a", "1", &[&[b'y'; 10_000]]);
    assert_eq!(again[0].file.as_deref(), Some("output/a.1.stdout.2"));
    assert_eq!(fs::read_to_string(&torn).unwrap(), "x");
}
