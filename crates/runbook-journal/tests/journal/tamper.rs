//! Whatever is done to a run is found at the first line to which it was done.

use std::fs;
use std::path::{Path, PathBuf};

use runbook_journal::{Bad, Fault, Writer, read, verify};
use tempfile::TempDir;

use crate::sample::{events, keep, records, write};

struct Case {
    _dir: TempDir,
    run: PathBuf,
    lines: Vec<String>,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let run = write(dir.path(), "r", &records(events("r", Vec::new())));
        let text = fs::read_to_string(run.join("journal.jsonl")).unwrap();
        let lines = text.split_inclusive('\n').map(str::to_owned).collect();
        Self {
            _dir: dir,
            run,
            lines,
        }
    }

    fn put(&self, bytes: impl AsRef<[u8]>) {
        fs::write(self.run.join("journal.jsonl"), bytes).unwrap();
    }

    fn bad(&self, lines: &[String]) -> Bad {
        self.put(lines.concat());
        let bad = verify(&self.run, None).unwrap_err().bad().unwrap().clone();
        assert_eq!(read(&self.run).unwrap_err().bad(), Some(&bad));
        bad
    }

    fn head(&self) -> String {
        hash(self.lines.last().unwrap())
    }
}

fn hash(line: &str) -> String {
    line[line.len() - 67..line.len() - 3].to_owned()
}

#[test]
fn every_changed_byte_is_found_at_its_line() {
    let case = Case::new();
    let whole = case.lines.concat().into_bytes();
    let mut line = 1;
    for at in 0..whole.len() {
        // Each bit of a byte has its turn.
        let flip = 1 << (at % 8);
        let mut changed = whole.clone();
        changed[at] ^= flip;
        case.put(changed);
        let error = verify(&case.run, None).unwrap_err();
        let bad = error.bad().unwrap();
        assert_eq!(
            (bad.line, bad.fault),
            (line, Fault::Changed),
            "byte {at} ^ {flip}: {bad}"
        );
        assert!(
            bad.text.starts_with(&format!("line {line} was changed: ")),
            "{bad}"
        );
        if whole[at] == b'\n' {
            line += 1;
        }
    }
}

#[test]
fn a_byte_that_becomes_an_end_of_line_is_found_at_its_line() {
    let case = Case::new();
    let whole = case.lines.concat().into_bytes();
    let mut line = 1;
    for at in 0..whole.len() {
        if whole[at] == b'\n' {
            line += 1;
        }
        if whole[at] == b'\n' || at % 3 != 0 {
            continue;
        }
        let mut changed = whole.clone();
        changed[at] = b'\n';
        case.put(changed);
        let error = verify(&case.run, None).unwrap_err();
        assert_eq!(error.bad().unwrap().line, line, "byte {at}: {error}");
    }
}

#[test]
fn a_changed_line_is_said_to_be_changed() {
    let case = Case::new();
    let mut lines = case.lines.clone();
    lines[6] = lines[6].replace("true", "null");
    let bad = case.bad(&lines);
    assert_eq!(bad.text, "line 7 was changed: its hash does not match its bytes");
    lines[6] = "nonsense\n".to_owned();
    let bad = case.bad(&lines);
    assert_eq!(
        bad.text,
        "line 7 was changed: it is not a JSON object that ends in a hash"
    );
    lines[6] = case.lines[6].replace("\"seq\":6", "\"seq\":9");
    let bad = case.bad(&lines);
    assert_eq!(bad.text, "line 7 was changed: it states number 9 instead of 6");
}

#[test]
fn every_removed_line_is_found() {
    let case = Case::new();
    for at in 0..case.lines.len() - 1 {
        let mut lines = case.lines.clone();
        lines.remove(at);
        let bad = case.bad(&lines);
        assert_eq!((bad.line, bad.fault), (at as u64 + 1, Fault::Removed), "{bad}");
    }
    let mut lines = case.lines.clone();
    lines.drain(6..9);
    let bad = case.bad(&lines);
    assert_eq!(
        bad.text,
        "lines 7 to 9 were removed: record 9 stands where record 6 was"
    );
}

#[test]
fn every_two_swapped_lines_are_found() {
    let case = Case::new();
    for a in 0..case.lines.len() {
        for b in a + 1..case.lines.len() {
            let mut lines = case.lines.clone();
            lines.swap(a, b);
            let bad = case.bad(&lines);
            assert_eq!(
                (bad.line, bad.fault),
                (a as u64 + 1, Fault::Moved),
                "{a} {b}: {bad}"
            );
        }
    }
    let mut lines = case.lines.clone();
    lines.swap(6, 7);
    let bad = case.bad(&lines);
    assert_eq!(
        bad.text,
        "line 7 was moved: it continues from line 8, not from line 6"
    );
}

#[test]
fn every_repeated_line_is_found() {
    let case = Case::new();
    for from in 0..case.lines.len() {
        for to in 0..=case.lines.len() {
            let mut lines = case.lines.clone();
            lines.insert(to, case.lines[from].clone());
            let bad = case.bad(&lines);
            // Before itself or after itself is the same text: what is too much is the second of the two.
            let line = if to == from { to + 2 } else { to + 1 };
            assert_eq!(
                (bad.line, bad.fault),
                (line as u64, Fault::Inserted),
                "{from} {to}: {bad}"
            );
        }
    }
}

#[test]
fn every_inserted_line_is_found() {
    let case = Case::new();
    let forged = case.lines[2].replace("step_started", "step_done");
    for at in 0..=case.lines.len() {
        for new in [forged.as_str(), "garbage\n", "\n"] {
            let mut lines = case.lines.clone();
            lines.insert(at, new.to_owned());
            let bad = case.bad(&lines);
            assert_eq!(bad.line, at as u64 + 1, "{bad}");
            if at < case.lines.len() {
                assert_eq!(bad.fault, Fault::Inserted, "{bad}");
            }
        }
    }
    let mut lines = case.lines.clone();
    lines.insert(6, forged);
    let bad = case.bad(&lines);
    assert_eq!(bad.text, "line 7 was inserted: line 8 continues from line 6");
}

#[test]
fn a_cut_end_is_found_with_the_head() {
    let case = Case::new();
    for len in 0..case.lines.len() {
        case.put(case.lines[..len].concat());
        // Without a head, only that nothing is left is known to be wrong.
        let ended = verify(&case.run, None).map(|verified| verified.ended);
        assert_eq!(ended.ok(), (len > 0).then_some(false));
        let error = verify(&case.run, Some(&case.head())).unwrap_err();
        let bad = error.bad().unwrap();
        assert_eq!((bad.line, bad.fault), (len as u64 + 1, Fault::Cut), "{bad}");
    }
    case.put(case.lines.concat());
    let verified = verify(&case.run, Some(&case.head().to_uppercase())).unwrap();
    assert_eq!(verified.head, case.head());
}

#[test]
fn what_was_added_after_the_head_is_found() {
    let case = Case::new();
    let error = verify(&case.run, Some(&hash(&case.lines[9]))).unwrap_err();
    let bad = error.bad().unwrap();
    assert_eq!((bad.line, bad.fault), (11, Fault::Inserted));
    assert_eq!(
        bad.text,
        "line 11 was added: the given hash is that of line 10, and there it ended"
    );
}

#[test]
fn a_torn_end_is_noted() {
    let case = Case::new();
    let last = case.lines.len() - 1;
    for len in 1..case.lines[last].len() {
        case.put(format!(
            "{}{}",
            case.lines[..last].concat(),
            &case.lines[last][..len]
        ));
        let verified = verify(&case.run, None).unwrap();
        assert!(verified.torn && !verified.ended, "{len}");
        let run = read(&case.run).unwrap();
        assert!(run.torn);
        assert_eq!(run.records.len(), last);
        assert_eq!(run.head, hash(&case.lines[last - 1]));
    }
}

#[test]
fn a_run_that_is_gone_on_with_after_its_end_may_be_torn() {
    let case = Case::new();
    case.put(case.lines.concat() + "{\"seq\":");
    let verified = verify(&case.run, None).unwrap();
    assert!(verified.torn && verified.ended);
    assert_eq!(verified.head, case.head());
    // A whole line is judged by its hash, and then by the state.
    case.put(case.lines.concat() + "{\"seq\":22}\n");
    let error = verify(&case.run, None).unwrap_err();
    assert_eq!(
        error.bad().unwrap().text,
        "line 23 was changed: it is not a JSON object that ends in a hash"
    );
}

fn with_output(dir: &Path, records_kept: usize) -> (PathBuf, PathBuf) {
    use runbook_event::Journal as _;
    let mut writer = Writer::create(dir, "r", &[]).unwrap();
    let output = keep(&writer, "drain", "1", &[&[b'x'; 10_000]]);
    let file = writer.dir().join(output[0].file.clone().unwrap());
    for record in &records(events("r", output))[..records_kept] {
        writer.append(record).unwrap();
    }
    (writer.dir().to_owned(), file)
}

#[test]
fn changed_output_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (run, file) = with_output(dir.path(), 22);
    assert!(verify(&run, None).unwrap().lost.is_empty());
    let check = |expected: &str| {
        let error = verify(&run, None).unwrap_err();
        assert_eq!(error.bad().unwrap().fault, Fault::Output);
        assert_eq!(
            error.bad().unwrap().text,
            format!("line 6 names `output/drain.1.stdout`, which {expected}")
        );
    };
    let mut bytes = fs::read(&file).unwrap();
    bytes[9_999] = b'y';
    fs::write(&file, &bytes).unwrap();
    check("was changed: its digest is not the one that was noted");
    bytes.push(b'y');
    fs::write(&file, &bytes).unwrap();
    check("was changed: it is longer than it was");
    fs::write(&file, &bytes[..9_000]).unwrap();
    check("was changed: it is shorter than it was");
    fs::remove_file(&file).unwrap();
    check("was changed: it is gone");
}

#[test]
fn output_that_a_crash_took_is_lost_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let (run, file) = with_output(dir.path(), 10);
    fs::write(&file, "x").unwrap();
    assert_eq!(verify(&run, None).unwrap().lost, ["output/drain.1.stdout"]);
    fs::remove_file(&file).unwrap();
    assert_eq!(verify(&run, None).unwrap().lost, ["output/drain.1.stdout"]);
    fs::write(&file, [b'y'; 10_000]).unwrap();
    assert_eq!(
        verify(&run, None).unwrap_err().bad().unwrap().fault,
        Fault::Output
    );
}

#[test]
fn what_a_crash_took_stays_lost_when_the_run_was_gone_on_with() {
    use runbook_event::{Event, Outcome, Resumed, RunResumed, Who};
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path(), "r", &[]).unwrap();
    let output = keep(&writer, "drain", "1", &[&[b'x'; 10_000]]);
    let file = writer.dir().join(output[0].file.clone().unwrap());
    // A process that was killed, one that went on and came to an end, and somebody who undid it later.
    let mut all = events("r", output)[..10].to_vec();
    let resumed = |how| {
        Event::RunResumed(Box::new(RunResumed {
            how,
            who: Who {
                user: "ada".to_owned(),
                host: "ops1".to_owned(),
            },
            engine: "0.1.0".to_owned(),
            torn: None,
            with_journal: false,
            reason: None,
            assumed: Vec::new(),
        }))
    };
    let end = |outcome| Event::RunEnded {
        outcome,
        elapsed_ms: 1,
    };
    all.push(resumed(Resumed::Rollback));
    all.push(end(Outcome::Failed));
    for record in &records(all) {
        runbook_event::Journal::append(&mut writer, record).unwrap();
    }
    let run = writer.dir().to_owned();
    drop(writer);
    fs::remove_file(&file).unwrap();
    let verified = verify(&run, None).unwrap();
    assert!(verified.ended);
    assert_eq!(verified.lost, ["output/drain.1.stdout"]);
}

#[test]
fn output_elsewhere_is_not_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    for (number, file) in ["/etc/passwd", "output/../../x", "journal.jsonl"]
        .into_iter()
        .enumerate()
    {
        let mut output = keep(
            &Writer::create(dir.path(), &format!("o{number}"), &[]).unwrap(),
            "a",
            "1",
            &[b"x"],
        );
        output[0].file = Some(file.to_owned());
        let run = write(dir.path(), &format!("r{number}"), &records(events("r", output)));
        let error = verify(&run, None).unwrap_err();
        assert!(
            error.to_string().ends_with("which is not a file of the run"),
            "{error}"
        );
    }
}
