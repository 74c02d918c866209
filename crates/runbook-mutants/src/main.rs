//! Mutation testing of the transition table and the scheduler: `cargo run -p runbook-mutants`.
//!
//! Theory of operation. Compiling anew for each change would take hours. So all changes are compiled at once: a copy
//! of the workspace is made, in which each place that can be changed asks whether it is the one whose turn it is
//! (`if on(17) { a != b } else { a == b }`), and the tests are built from it once. They run once for each change,
//! which they find in an environment variable, stage by stage until one fails. A change that no test notices is a
//! survivor, and is printed with its place, unless `accepted.txt` says why nobody could notice it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command line of its own: it prints, runs cargo, and measures the time of tests"
)]

mod accepted;
mod change;
mod stages;
mod tree;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::change::Change;
use crate::stages::Stage;

const HELP: &str = "\
Changes what decides, one place at a time, and asks whether a test notices.

Usage: cargo run -p runbook-mutants -- [--list] [--told] [--quick] [--jobs N] [--nth N] [FILTER]

  --list    Only print the changes
  --told    Print also what noticed a change
  --quick   Without the last stage, which takes long
  --jobs N  How many run side by side (2)
  --nth N   Only every Nth change, for a quick look
  FILTER    Only changes whose place or text contains this";

struct Wanted {
    list: bool,
    told: bool,
    quick: bool,
    jobs: usize,
    nth: usize,
    filter: String,
}

fn main() -> ExitCode {
    let done = wanted().and_then(|wanted| run(&wanted));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted {
        list: false,
        told: false,
        quick: false,
        jobs: 2,
        nth: 1,
        filter: String::new(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            let number = words.next().and_then(|word| word.parse().ok());
            number.filter(|number| *number > 0).ok_or_else(|| HELP.to_owned())
        };
        match word.as_str() {
            "--list" => wanted.list = true,
            "--told" => wanted.told = true,
            "--quick" => wanted.quick = true,
            "--jobs" => wanted.jobs = number()?,
            "--nth" => wanted.nth = number()?,
            "--help" | "-h" => return Err(HELP.to_owned()),
            filter => filter.clone_into(&mut wanted.filter),
        }
    }
    Ok(wanted)
}

/// False if a change survived for which there is no reason, or a reason is given without need.
fn run(wanted: &Wanted) -> Result<bool, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).unwrap_or(here);
    let work = root.join("target/mutants");
    let accepted = accepted::reasons()?;
    let changes = tree::write(root, &work.join("tree"))?;
    for name in accepted.keys() {
        if !changes.iter().any(|change| change.name() == *name) {
            return Err(format!("accepted.txt names what is no change: {name}"));
        }
    }
    let fits = |change: &&Change| change.to_string().contains(&wanted.filter);
    let chosen: Vec<&Change> = changes.iter().filter(fits).step_by(wanted.nth).collect();
    if wanted.list {
        for change in chosen {
            println!("{change}");
        }
        return Ok(true);
    }
    let search = Search {
        stages: stages::build(&work, wanted.quick)?,
        accepted,
        told: wanted.told,
        all: chosen.len(),
        begun: Instant::now(),
        queue: Mutex::new(chosen.into()),
        found: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..wanted.jobs {
            scope.spawn(|| search.work_off());
        }
    });
    Ok(search.verdict())
}

/// The changes that are being tried.
struct Search<'c> {
    stages: Vec<Stage>,
    accepted: BTreeMap<String, String>,
    told: bool,
    all: usize,
    begun: Instant,
    queue: Mutex<VecDeque<&'c Change>>,
    found: Mutex<Found>,
}

/// What came of them.
#[derive(Default)]
struct Found {
    tried: usize,
    /// How many each stage noticed.
    noticed: BTreeMap<usize, usize>,
    accepted: usize,
    survived: usize,
    /// Accepted without need, or not tried.
    wrong: usize,
}

impl<'c> Search<'c> {
    fn next(&self) -> Option<&'c Change> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    }

    fn work_off(&self) {
        while let Some(change) = self.next() {
            let noticed = self.stages.iter().enumerate().find_map(|(at, stage)| {
                let noticed = stage.notices(change.number);
                noticed.transpose().map(|by| (at, by))
            });
            self.note(change, noticed);
        }
    }

    fn note(&self, change: &Change, noticed: Option<(usize, Result<String, String>)>) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let accepted = self.accepted.contains_key(&change.name());
        found.tried += 1;
        match noticed {
            Some((_, Err(message))) => {
                found.wrong += 1;
                eprintln!("{change}: {message}");
            }
            Some((at, Ok(by))) => {
                *found.noticed.entry(at).or_default() += 1;
                if accepted {
                    found.wrong += 1;
                    println!("accepted without need, {by}: {change}");
                } else if self.told {
                    let stage = self.stages.get(at).map_or("", |stage| stage.name);
                    println!("{stage}, {by}: {change}");
                }
            }
            None if accepted => found.accepted += 1,
            None => {
                found.survived += 1;
                println!("survived: {change}");
            }
        }
        if found.tried.is_multiple_of(50) {
            let seconds = self.begun.elapsed().as_secs();
            println!("{} of {} in {seconds} s", found.tried, self.all);
        }
    }

    fn verdict(&self) -> bool {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        println!("{} changes in {} s", found.tried, self.begun.elapsed().as_secs());
        for (at, stage) in self.stages.iter().enumerate() {
            let noticed = found.noticed.get(&at).copied().unwrap_or_default();
            println!("{noticed} noticed by {}", stage.name);
        }
        println!("{} accepted, {} survived", found.accepted, found.survived);
        found.survived == 0 && found.wrong == 0
    }
}
