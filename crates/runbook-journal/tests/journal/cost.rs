//! What a durable record costs, beside what the disk costs anyway. Nothing is asserted: it prints figures, with
//! `cargo test --release -p runbook-journal cost -- --ignored --nocapture`.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use runbook_event::Journal as _;
use runbook_journal::Writer;

use crate::sample::endless;

const ROUNDS: usize = 40;
const RECORDS: usize = 50;

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

#[test]
#[ignore = "prints figures"]
fn a_durable_record_beside_a_bare_write_and_sync() {
    // Where the target directory is: a temporary directory may be in memory, where a sync costs nothing.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut writer = Writer::create(dir.path(), "r", &[]).unwrap();
    let mut records = endless("r");
    for record in records.by_ref().take(4) {
        writer.append(&record).unwrap();
    }
    writer.sync().unwrap();
    let text = std::fs::read_to_string(writer.dir().join("journal.jsonl")).unwrap();
    let line = text.lines().last().unwrap().len() + 1;
    let bytes = vec![b'x'; line];
    let mut bare = File::create(dir.path().join("bare")).unwrap();
    let (mut floor, mut each, mut appends) = (Vec::new(), Vec::new(), Vec::new());
    // Turn by turn, so that both see the same disk.
    for _ in 0..ROUNDS {
        floor.push(timed(|| {
            for _ in 0..RECORDS {
                bare.write_all(&bytes).unwrap();
                bare.sync_data().unwrap();
            }
        }));
        let batch: Vec<_> = records.by_ref().take(RECORDS).collect();
        each.push(timed(|| {
            for record in &batch {
                writer.append(record).unwrap();
                writer.sync().unwrap();
            }
        }));
        let batch: Vec<_> = records.by_ref().take(RECORDS).collect();
        appends.push(timed(|| {
            for record in &batch {
                writer.append(record).unwrap();
            }
        }));
        writer.sync().unwrap();
    }
    let [floor, each, appends] = [floor, each, appends].map(median);
    println!("write + fdatasync of {line} bytes: {floor:.1} µs");
    println!(
        "append + sync of a record:        {each:.1} µs, {:.2} times that",
        each / floor
    );
    println!("append of a record alone:         {appends:.1} µs");
}

/// Of one record, in microseconds.
fn median(mut rounds: Vec<Duration>) -> f64 {
    rounds.sort_unstable();
    rounds[rounds.len() / 2].as_secs_f64() * 1e6 / f64::from(u32::try_from(RECORDS).unwrap())
}
