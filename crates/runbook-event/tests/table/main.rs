//! The table of transitions, event by event.
//!
//! A case is an outline and a script. Right of each event of the script stands what it changes in the state, as anybody
//! can see it from outside, or, behind a `!`, why it is refused. A refused event leaves the script as if it were not
//! there, so that beside each refusal stands the nearest event that is taken.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod events;
mod journals;
mod outline;
mod sound;
mod told;

use std::fs;
use std::path::Path;

use runbook_event::{Event, Record, RunState};

use crate::told::Told;

/// A case: what it shows, the outline, and the script with its right side.
struct Case<'t> {
    title: &'t str,
    outline: &'t str,
    script: Vec<&'t str>,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let blocks = text.split("\n# ").skip(1);
    blocks
        .map(|block| {
            let (title, rest) = block.split_once('\n').expect("a title");
            let (outline, script) = rest.split_once("\n---\n").expect("an outline and a script");
            Case {
                title,
                outline,
                script: script.lines().filter(|line| !line.trim().is_empty()).collect(),
            }
        })
        .collect()
}

/// A run as a script goes on with it.
struct Play {
    state: RunState,
    records: Vec<Record>,
    now: i64,
}

impl Play {
    fn new(outline: &str) -> Self {
        let mut play = Self {
            state: RunState::new(),
            records: Vec::new(),
            now: 0,
        };
        play.take(&outline::started(outline)).expect("the run begins");
        play
    }

    /// Takes in an event, or says why it is refused and leaves all as it was.
    fn take(&mut self, event: &Event) -> Result<(), String> {
        let record = Record {
            seq: self.state.next_seq(),
            at: told::time(self.now),
            event: event.clone(),
        };
        let mut next = self.state.clone();
        next.apply(&record).map_err(|error| error.reason)?;
        self.state = next;
        self.records.push(record);
        Ok(())
    }

    /// What a line does, as it is to be read on its right side.
    fn line(&mut self, line: &str) -> String {
        if let Some(now) = line.strip_prefix('@') {
            self.now = now.parse().expect("milliseconds");
            return String::new();
        }
        if let Some(question) = line.strip_prefix('?') {
            return told::answer(&self.state, question.trim());
        }
        let before = Told::new(&self.state);
        for event in events::parse(line, &self.state) {
            if let Err(reason) = self.take(&event) {
                return format!("! {reason}");
            }
        }
        before.changes(&Told::new(&self.state))
    }
}

/// What a case comes to, as it should be written.
fn played(case: &Case<'_>) -> (String, Vec<Record>) {
    let mut play = Play::new(case.outline);
    let mut text = format!("# {}\n{}\n---\n", case.title, case.outline);
    for line in &case.script {
        let left = left(line);
        let right = play.line(left);
        text.push_str(format!("{left:<22} | {right}").trim_end());
        text.push('\n');
    }
    (text, play.records)
}

/// What is done, without what comes of it.
fn left(line: &str) -> &str {
    line.split(" |").next().unwrap_or_default().trim()
}

/// All cases of a file come to what stands in it.
#[track_caller]
fn file(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/table/cases/{name}.txt"));
    let text = fs::read_to_string(&path).expect("the cases");
    let head = text.split("\n# ").next().unwrap_or_default();
    let found: Vec<String> = cases(&text).iter().map(|case| played(case).0).collect();
    let found = format!("{head}\n{}", found.join("\n"));
    if found.trim() == text.trim() {
        return;
    }
    let beside = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.txt"));
    fs::write(&beside, &found).expect("what was found is kept");
    let different = text
        .lines()
        .zip(found.lines())
        .find(|(expected, found)| expected != found);
    panic!("{name}: {different:#?}\nall that was found: {}", beside.display());
}

macro_rules! files {
    ($($name:ident)*) => {
        /// The files of cases.
        const FILES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { file(stringify!($name)); })*
    };
}

files! { begin crash holding loops nesting notes rollback steps stop whole }
