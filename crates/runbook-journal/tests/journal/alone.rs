//! What holds for a process, and so needs one of its own: a limit on files, the memory it took.

use std::fs;
use std::path::Path;

use runbook_action::Stream;
use runbook_event::{Journal as _, OutputName};
use runbook_journal::{Writer, read};

use crate::process::{alone, given_dir};
use crate::sample::{events, records};

#[test]
fn half_a_line_is_cut_off_and_nothing_follows() {
    let dir = tempfile::tempdir().unwrap();
    // The signal is ignored, so that the limit is an error like a full disk.
    alone(
        "alone::writes_until_it_is_full",
        "trap '' XFSZ; ulimit -f 4;",
        dir.path(),
    );
    let run = dir.path().join("r");
    let journal = fs::read(run.join("journal.jsonl")).unwrap();
    assert_eq!(journal.last(), Some(&b'\n'));
    let read = read(&run).unwrap();
    assert!(!read.torn);
    let written = fs::read_to_string(dir.path().join("written")).unwrap();
    assert_eq!(read.records.len().to_string(), written);
}

#[test]
fn writes_until_it_is_full() {
    let Some(dir) = given_dir() else { return };
    let mut writer = Writer::create(Path::new(&dir), "r", &[]).unwrap();
    let all = records(events("r", Vec::new()));
    let written = all
        .iter()
        .take_while(|record| writer.append(record).is_ok())
        .count();
    assert!((1..all.len()).contains(&written), "{written}");
    let error = writer.append(&all[written]).unwrap_err();
    assert!(error.path.ends_with("r/journal.jsonl"), "{error}");
    assert!(!error.reason.contains("torn"), "{error}");
    assert_eq!(writer.sync(), Err(error));
    fs::write(Path::new(&dir).join("written"), written.to_string()).unwrap();
}

#[test]
fn fifty_megabytes_of_output_need_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    alone("alone::writes_fifty_megabytes", "", dir.path());
    let len = fs::metadata(dir.path().join("r/output/a.1.stdout"))
        .unwrap()
        .len();
    assert_eq!(len, 50 * 1024 * 1024);
}

#[test]
fn writes_fifty_megabytes() {
    let Some(dir) = given_dir() else { return };
    let writer = Writer::create(Path::new(&dir), "r", &[]).unwrap();
    let chunk = vec![b'x'; 64 * 1024];
    let name = OutputName {
        step: "a".to_owned(),
        part: "1".to_owned(),
    };
    let mut output = writer.output(&name);
    let mut write = |times: usize| {
        for _ in 0..times {
            output.write(Stream::Stdout, &chunk).unwrap();
        }
    };
    // What writing brings in at all, pages of the program and buffers, is there after two megabytes.
    write(32);
    let before = most_memory_kib();
    write(768);
    let grown = most_memory_kib() - before;
    assert_eq!(output.finish().unwrap()[0].bytes, 50 * 1024 * 1024);
    assert!(grown < 1024, "{grown} KiB");
}

/// The most memory that this process ever held.
fn most_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
