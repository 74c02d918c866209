//! A journal of some hundred lines, with output and readings beside it: whatever is done to it is found where it was done.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use runbook_event::{
    CheckRole, CheckSite, Event, Journal as _, OnFailure, Outcome, Phase, Reading, Record, Stop, StopCause,
    Verdict,
};
use runbook_journal::{Fault, Readings, Writer, verify};
use serde_json::json;
use tempfile::TempDir;

use crate::sample::{keep, reading, records, started};

/// How many checks are asked, each with two readings that are events and three that are not.
const CHECKS: u32 = 80;

/// A source of numbers that are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // Marsaglia's xorshift: what it gives must only differ, not surprise.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

struct Long {
    _dir: TempDir,
    run: PathBuf,
    lines: Vec<Vec<u8>>,
}

fn site(number: u32) -> CheckSite {
    CheckSite {
        within: None,
        role: CheckRole::Baseline,
        step: None,
        check: format!("check-{number}"),
    }
}

fn passes(number: u32) -> Reading {
    Reading {
        verdict: Verdict::Pass,
        streak: 1,
        value: Some(json!(1.5)),
        ..reading(number)
    }
}

fn events() -> Vec<Event> {
    let mut beginning = started("r", "Pool is full");
    if let Event::RunStarted(started) = &mut beginning {
        started.outline.steps.clear();
    }
    let mut events = vec![
        beginning,
        Event::PhaseStarted {
            within: None,
            phase: Phase::Baseline,
        },
    ];
    for number in 0..CHECKS {
        let site = site(number);
        events.push(Event::CheckStarted { site: site.clone() });
        for reading in [reading(1), passes(5)] {
            let site = site.clone();
            events.push(Event::CheckRead { site, reading });
        }
        events.push(Event::CheckEnded {
            site,
            verdict: Verdict::Pass,
            readings: 5,
            elapsed_ms: 12,
            values: indexmap::IndexMap::new(),
            sealed: None,
        });
    }
    events.push(Event::Stopping {
        within: None,
        stop: Stop {
            cause: StopCause::TimedOut,
            then: OnFailure::Hold,
        },
    });
    events.push(Event::RunEnded {
        outcome: Outcome::Failed,
        elapsed_ms: 20_000,
    });
    events
}

/// Writes the records of a run, with the readings between them.
fn put(writer: &mut Writer, records: &[Record]) {
    for record in records {
        if let Event::CheckEnded { site, .. } = &record.event {
            for number in 2..5 {
                writer.reading(record.at, site, &reading(number)).unwrap();
            }
        }
        writer.append(record).unwrap();
    }
    writer.sync().unwrap();
}

impl Long {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(dir.path(), "r", &[]).unwrap();
        put(&mut writer, &records(events()));
        let run = writer.dir().to_owned();
        let text = fs::read(run.join("journal.jsonl")).unwrap();
        let lines = text
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        Self {
            _dir: dir,
            run,
            lines,
        }
    }

    /// The line at which it is found, and what it is taken for.
    fn found(&self, lines: &[Vec<u8>]) -> (u64, Fault) {
        fs::write(self.run.join("journal.jsonl"), lines.concat()).unwrap();
        let error = verify(&self.run, None).unwrap_err();
        let bad = error.bad().unwrap();
        (bad.line, bad.fault)
    }
}

fn line(at: usize) -> u64 {
    at as u64 + 1
}

#[test]
fn in_every_line_any_byte_may_change_and_it_is_found_there() {
    let long = Long::new();
    assert!(long.lines.len() > 300, "{}", long.lines.len());
    let mut dice = Dice(7);
    for at in 0..long.lines.len() {
        // The first and the last byte, the end of line, and some in between.
        let len = long.lines[at].len();
        let some = [0, len - 1, len - 2, len - 40, dice.below(len), dice.below(len)];
        for byte in some {
            let old = long.lines[at][byte];
            let new = u8::try_from(dice.below(256)).unwrap();
            // An end of line more is two lines; it is found, and told as something else.
            if new == old || new == b'\n' {
                continue;
            }
            let mut lines = long.lines.clone();
            lines[at][byte] = new;
            assert_eq!(
                long.found(&lines),
                (line(at), Fault::Changed),
                "byte {byte} of line {}: {old} to {new}",
                line(at)
            );
        }
    }
}

#[test]
fn any_lines_may_be_removed_inserted_and_swapped_and_the_first_is_named() {
    let long = Long::new();
    let count = long.lines.len();
    let mut dice = Dice(11);
    for _ in 0..150 {
        let at = dice.below(count - 2);
        let many = 1 + dice.below((count - at - 1).min(9));
        let mut lines = long.lines.clone();
        lines.drain(at..at + many);
        assert_eq!(
            long.found(&lines),
            (line(at), Fault::Removed),
            "{many} lines removed"
        );

        let mut lines = long.lines.clone();
        let copy = lines[dice.below(count)].clone();
        lines.insert(at, copy.clone());
        let (found, fault) = long.found(&lines);
        // A line before itself is itself, and what follows is the copy.
        let expected = if copy == long.lines[at] {
            line(at + 1)
        } else {
            line(at)
        };
        assert_eq!((found, fault), (expected, Fault::Inserted));

        let other = at + 1 + dice.below(count - at - 1);
        let mut lines = long.lines.clone();
        lines.swap(at, other);
        assert_eq!(
            long.found(&lines),
            (line(at), Fault::Moved),
            "swapped with line {}",
            line(other)
        );
    }
}

#[test]
fn any_tail_that_was_cut_is_found_with_the_head_and_only_with_it() {
    let long = Long::new();
    let head = verify(&long.run, None).unwrap().head;
    for left in (1..long.lines.len()).step_by(13) {
        fs::write(long.run.join("journal.jsonl"), long.lines[..left].concat()).unwrap();
        // A run that was killed may have taken readings of which its journal does not speak yet.
        assert!(verify(&long.run, None).is_ok(), "{left}");
        let error = verify(&long.run, Some(&head)).unwrap_err();
        let bad = error.bad().unwrap();
        assert_eq!((bad.line, bad.fault), (line(left), Fault::Cut), "{bad}");
    }
}

#[test]
fn readings_that_were_changed_removed_or_added_to_are_found() {
    let long = Long::new();
    assert_eq!(verify(&long.run, None).unwrap().readings, Readings::Whole);
    let path = long.run.join("readings.jsonl");
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 40_000, "{}", whole.len());
    let wrong = || {
        let error = verify(&long.run, None).unwrap_err();
        let bad = error.bad().unwrap().clone();
        assert_eq!(bad.fault, Fault::Output, "{bad}");
        bad
    };
    let each = whole.len() / usize::try_from(CHECKS).unwrap();
    let mut dice = Dice(13);
    for _ in 0..100 {
        let at = dice.below(whole.len());
        let mut changed = whole.clone();
        changed[at] ^= 1 << dice.below(8);
        fs::write(&path, &changed).unwrap();
        let bad = wrong();
        assert!(
            bad.text
                .contains("`readings.jsonl`, which was changed: its digest"),
            "{bad}"
        );
        // The line that is named is the one whose check had taken it, as far as lengths are alike.
        let check = i64::try_from(at / each).unwrap();
        let named = (i64::try_from(bad.line).unwrap() - 3) / 4;
        assert!((named - check).abs() <= 1, "byte {at}: {bad}");
    }
    for (bytes, what) in [
        (whole[..whole.len() - 1].to_vec(), "shorter"),
        (Vec::new(), "shorter"),
        ([whole.as_slice(), b"{}\n"].concat(), "longer"),
    ] {
        fs::write(&path, bytes).unwrap();
        let bad = wrong();
        assert!(bad.text.contains(what), "{bad}");
        assert_eq!(bad.line, line(long.lines.len() - 1), "{bad}");
    }
    fs::remove_file(&path).unwrap();
    assert!(wrong().text.contains("it is gone"));
}

#[test]
fn readings_that_nobody_took_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path(), "r", &[]).unwrap();
    for record in records(events()) {
        writer.append(&record).unwrap();
    }
    writer.sync().unwrap();
    let run = writer.dir().to_owned();
    assert_eq!(verify(&run, None).unwrap().readings, Readings::None);
    fs::write(run.join("readings.jsonl"), "{}\n").unwrap();
    let error = verify(&run, None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`readings.jsonl`, which was changed: it is longer"),
        "{error}"
    );
}

#[test]
fn what_a_crash_takes_of_readings_is_lost_and_not_tampered_with() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path(), "r", &[]).unwrap();
    let mut all = records(events());
    all.truncate(50);
    put(&mut writer, &all);
    let run = writer.dir().to_owned();
    drop(writer);
    let path = run.join("readings.jsonl");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let verified = verify(&run, None).unwrap();
    assert_eq!(
        (verified.readings, verified.lost),
        (Readings::Lost, vec!["readings.jsonl".to_owned()])
    );
    // The run goes on from what is left, and that is then what counts.
    let mut opened = Writer::open(dir.path(), "r").unwrap();
    let at: Timestamp = all.last().unwrap().at;
    opened.writer.reading(at, &site(99), &reading(1)).unwrap();
    drop(opened);
    assert_eq!(verify(&run, None).unwrap().readings, Readings::Lost);
}

#[test]
fn output_that_was_changed_removed_or_added_to_is_found_at_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path(), "r", &[]).unwrap();
    let output = keep(&writer, "drain", "1", &[&[b'x'; 9000]]);
    for record in records(crate::sample::events("r", output)) {
        writer.append(&record).unwrap();
    }
    writer.sync().unwrap();
    let run = writer.dir().to_owned();
    let path = run.join("output/drain.1.stdout");
    let whole = fs::read(&path).unwrap();
    let mut dice = Dice(17);
    for _ in 0..50 {
        let mut changed = whole.clone();
        changed[dice.below(whole.len())] ^= 1 << dice.below(8);
        fs::write(&path, &changed).unwrap();
        let error = verify(&run, None).unwrap_err();
        assert_eq!(
            (error.bad().unwrap().line, error.bad().unwrap().fault),
            (6, Fault::Output),
            "{error}"
        );
    }
    for (bytes, what) in [
        (&whole[1..], "shorter"),
        (&[whole.as_slice(), b"x"].concat(), "longer"),
    ] {
        fs::write(&path, bytes).unwrap();
        assert!(verify(&run, None).unwrap_err().to_string().contains(what));
    }
    fs::remove_file(&path).unwrap();
    assert!(verify(&run, None).unwrap_err().to_string().contains("gone"));
}
