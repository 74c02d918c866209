//! A disk that is full, and then is not.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use runbook_action::Stream;
use runbook_event::{CheckRole, CheckSite, Journal as _, OutputName, Vault as _};
use runbook_journal::{CreateError, FileVault, Locks, OpenError, TakeError, Writer, read, readings, verify};

use crate::locks::owner;
use crate::process::{given_dir, mounted};
use crate::sample::{endless, reading};

/// Runs one test with 64 KiB of disk.
fn small(test: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=64k none \"$D\";";
    mounted(&format!("full::{test}"), mount, dir.path());
}

/// Takes what is left of the disk, and more than `spare` bytes of it back.
fn fill(dir: &Path, spare: u64) -> PathBuf {
    let path = dir.join("filler");
    let mut file = File::create(&path).unwrap();
    while file.write(&[0; 1024]).is_ok_and(|written| written > 0) {}
    let len = file.metadata().unwrap().len();
    file.set_len(len - spare).unwrap();
    path
}

#[test]
fn a_journal_on_a_full_disk_ends_with_a_whole_line_and_goes_on_when_there_is_room() {
    small("fills_the_disk_with_records");
}

#[test]
fn fills_the_disk_with_records() {
    let Some(dir) = given_dir() else { return };
    let dir = Path::new(&dir);
    let mut writer = Writer::create(dir, "r", &[]).unwrap();
    let filler = fill(dir, 16 * 1024);
    let mut synced = 0;
    let error = loop {
        let record = endless("r").nth(synced).unwrap();
        match writer.append(&record).and_then(|()| writer.sync()) {
            Ok(()) => synced += 1,
            Err(error) => break error,
        }
    };
    assert!(error.path.ends_with("r/journal.jsonl"), "{error}");
    assert!(error.reason.contains("No space left"), "{error}");
    assert!(!error.reason.contains("torn"), "{error}");
    let more = endless("r").nth(synced).unwrap();
    assert_eq!(writer.append(&more), Err(error.clone()));
    assert_eq!(writer.sync(), Err(error));
    let expected: Vec<_> = endless("r").take(synced).collect();
    let run = writer.dir().to_owned();
    let kept = read(&run).unwrap();
    assert!(!kept.torn && kept.records == expected);
    drop(writer);
    // It can be opened while there is no room, too: that takes none.
    let opened = Writer::open(dir, "r").unwrap();
    assert_eq!(opened.torn, None);
    drop(opened);
    fs::remove_file(filler).unwrap();
    let mut opened = Writer::open(dir, "r").unwrap();
    opened.writer.append(&more).unwrap();
    opened.writer.sync().unwrap();
    let verified = verify(&run, Some(opened.writer.head())).unwrap();
    assert_eq!(verified.records, synced as u64 + 1);
}

#[test]
fn readings_on_a_full_disk_are_whole() {
    small("fills_the_disk_with_readings");
}

#[test]
fn fills_the_disk_with_readings() {
    let Some(dir) = given_dir() else { return };
    let dir = Path::new(&dir);
    let mut writer = Writer::create(dir, "r", &[]).unwrap();
    for record in endless("r").take(3) {
        writer.append(&record).unwrap();
    }
    let filler = fill(dir, 16 * 1024);
    let site = CheckSite {
        within: None,
        role: CheckRole::Baseline,
        step: None,
        check: "1".to_owned(),
    };
    let mut kept = 0;
    let error = loop {
        match writer.reading(Timestamp::UNIX_EPOCH, &site, &reading(kept)) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(error.path.ends_with("r/readings.jsonl"), "{error}");
    assert!(error.reason.contains("No space left"), "{error}");
    let numbers = || -> Vec<u32> {
        let all = readings(&dir.join("r")).unwrap();
        all.iter().map(|timed| timed.reading.number).collect()
    };
    assert_eq!(numbers(), (0..kept).collect::<Vec<_>>());
    drop(writer);
    fs::remove_file(filler).unwrap();
    let mut opened = Writer::open(dir, "r").unwrap();
    opened
        .writer
        .reading(Timestamp::UNIX_EPOCH, &site, &reading(kept))
        .unwrap();
    assert_eq!(numbers(), (0..=kept).collect::<Vec<_>>());
}

#[test]
fn output_on_a_full_disk_is_an_error_that_stays() {
    small("fills_the_disk_with_output");
}

#[test]
fn fills_the_disk_with_output() {
    let Some(dir) = given_dir() else { return };
    let dir = Path::new(&dir);
    let writer = Writer::create(dir, "r", &[]).unwrap();
    let name = OutputName {
        step: "a".to_owned(),
        part: "1".to_owned(),
    };
    let mut output = writer.output(&name);
    let error = (0..100)
        .find_map(|_| output.write(Stream::Stdout, &[b'x'; 1000]).err())
        .unwrap();
    assert!(error.path.ends_with("r/output/a.1.stdout"), "{error}");
    assert!(error.reason.contains("No space left"), "{error}");
    assert_eq!(output.write(Stream::Stdout, b"x"), Err(error.clone()));
    assert_eq!(output.finish(), Err(error));
}

#[test]
fn what_does_not_fit_is_not_there_by_half() {
    small("creates_on_a_full_disk");
}

#[test]
fn creates_on_a_full_disk() {
    let Some(dir) = given_dir() else { return };
    let dir = Path::new(&dir);
    let locks = Locks::at(dir.join("locks"));
    locks.try_take("a", &owner("r")).unwrap().release().unwrap();
    let vault = FileVault::create(&dir.join("keys"), "r").unwrap();
    let filler = fill(dir, 0);
    let error = locks.try_take("a", &owner("r")).unwrap_err();
    assert!(matches!(error, TakeError::Io { .. }), "{error}");
    assert!(error.to_string().contains("No space left"), "{error}");
    let error = vault.seal(b"x").unwrap_err();
    assert!(error.reason.contains("No space left"), "{error}");
    for empty in ["locks", "keys"] {
        assert_eq!(fs::read_dir(dir.join(empty)).unwrap().count(), 0, "{empty}");
    }
    let error = Writer::create(dir, "r", &[("runbook.yaml", b"x")]).unwrap_err();
    assert!(matches!(error, CreateError::Io { .. }), "{error}");
    let error = Writer::open(dir, "r").unwrap_err();
    assert!(matches!(error, OpenError::Unreadable(_)), "{error}");
    fs::remove_file(filler).unwrap();
    let held = locks.try_take("a", &owner("r")).unwrap();
    held.release().unwrap();
    assert_eq!(vault.open(&vault.seal(b"x").unwrap()).unwrap(), b"x");
}
