//! Telling further what happens in a run that is going on, until its end.

use std::fs;
use std::path::Path;
use std::time::Duration;

use runbook_event::Phase;
use runbook_report::{Told, chronicle};

use super::super::not_ended;
use super::text::Sheet;
use crate::args::Timeline;
use crate::error::Error;
use crate::term::{self, WARN, styled};

/// How soon it is looked again.
const LOOK: Duration = Duration::from_millis(100);

/// Tells what happened and what happens, as it is written: what a person claims to have been before comes when it is
/// noted. Ends when nobody holds the run any more.
pub(super) fn follow(dir: &Path, args: &Timeline) -> Result<u8, Error> {
    let journal = dir.join("journal.jsonl");
    let mut told: Option<u64> = None;
    let mut day = None;
    let mut seen = None;
    loop {
        // Before the journal is read: what was written last is read then.
        let running = runbook_journal::is_running(dir);
        let size = fs::metadata(&journal).map(|found| found.len()).ok();
        if size != seen || !running {
            seen = size;
            let run = runbook_journal::read(dir)?;
            let known = chronicle(&[&run.records])?;
            let sheet = Sheet::new(&known, args.all);
            if told.is_none() {
                sheet.head();
            }
            let phase = args.phase.map(Phase::from);
            let mut news: Vec<&Told> = known
                .entries
                .iter()
                .filter(|entry| told.is_none_or(|told| entry.seq > told) && sheet.shows(entry))
                .filter(|entry| phase.is_none() || entry.phase == phase)
                .collect();
            news.sort_by_key(|entry| entry.seq);
            for entry in news {
                sheet.entry(entry, &mut day);
            }
            told = run.state.next_seq().checked_sub(1);
            if !running {
                if run.state.outcome().is_none() {
                    term::print(&styled(WARN, &not_ended(dir)));
                }
                return Ok(0);
            }
        }
        std::thread::sleep(LOOK);
    }
}
