//! Random runbooks, and what must hold in every run of them, through crashes too.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each invariant is about few of the events"
)]

mod case;
mod facts;
mod invariants;
mod plays;
mod random;
mod steps;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use runbook_event::{Event, Outcome, Record, RunState};
use runbook_testkit::ran::Ran;

use self::case::Case;

/// The records, and the records as text and back, fold into the final state.
pub(crate) fn folds(ran: &Ran) {
    let records = ran.records();
    let mut state = RunState::new();
    let mut again = RunState::new();
    let mut halfway = None;
    for record in &records {
        state.apply(record).expect("the engine's own record fits");
        let line = serde_json::to_string(record).expect("a record is JSON");
        let read: Record = serde_json::from_str(&line).expect("a line is a record");
        assert_eq!(read, *record, "{line}");
        again.apply(&read).expect("what was read fits");
        if record.seq == u64::try_from(records.len() / 2).unwrap_or(0) {
            halfway = Some(state.clone());
        }
    }
    if ran.error().is_none() {
        assert_eq!(state, ran.finished().state);
        assert_eq!(again, ran.finished().state);
    }
    // What is left of a journal that was cut folds into the state of that moment.
    let mut cut = RunState::new();
    for record in records.iter().take(records.len() / 2 + 1) {
        cut.apply(record).expect("a part of what fits fits");
    }
    assert!(halfway.is_none_or(|halfway| halfway == cut));
}

/// What a run came to: its outcome, and each step.
type End = (Outcome, BTreeMap<String, String>);

/// What a run came to, as far as neither time nor order decides it.
fn end(ran: &Ran) -> End {
    let steps = ran.finished().state.steps().iter();
    let told = steps.map(|step| (step.id.clone(), format!("{} {:?}", step.status.word(), step.undo)));
    (ran.outcome(), told.collect())
}

/// How many runs of each outcome there were.
type Outcomes = BTreeMap<String, u64>;

/// How many runs there are of each plan: one to its end, the others through crashes.
const RUNS: u64 = 4;

/// Runs these seeds, and says how many runs ended in which way.
fn simulate(seeds: std::ops::Range<u64>) -> Outcomes {
    let mut outcomes = Outcomes::new();
    let mut failures = Vec::new();
    for seed in seeds {
        let result = catch_unwind(AssertUnwindSafe(|| simulate_one(seed, &mut outcomes)));
        if let Err(panic) = result {
            let text = panic.downcast::<String>().map(|text| *text).unwrap_or_default();
            failures.push((seed, text));
        }
    }
    if let Some((seed, text)) = failures.iter().min_by_key(|(_, text)| text.len()) {
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        let all: Vec<String> = failures
            .iter()
            .map(|(seed, text)| format!("{seed}: {}", first(text)))
            .collect();
        panic!(
            "{} seeds fail:\n{}\n\nseed {seed}: {text}",
            failures.len(),
            all.join("\n")
        );
    }
    outcomes
}

fn simulate_one(seed: u64, outcomes: &mut Outcomes) {
    let mut case = case::case(seed);
    let whole = case.stage.run(&[]);
    checked(&case, &whole, outcomes);
    if seed.is_multiple_of(8) {
        let (first, second) = (whole.full_trace(), case.stage.run(&[]).full_trace());
        assert!(first == second, "two traces:\n{first}\n\n{second}");
    }
    let expected = end(&whole);
    for _ in 1..RUNS {
        let crashes = case.crashes(whole.records().len());
        let ran = case.stage.run(&crashes);
        checked(&case, &ran, outcomes);
        let found = end(&ran);
        // Crashes take time, and a question may be over before its answer is on the disk.
        let late = has_timed_out(&ran) != has_timed_out(&whole);
        assert!(
            !case.steady || late || found == expected,
            "another end: {}\n{crashes:?}\n{}\n{}",
            difference(&expected, &found),
            case.text,
            ran.full_trace()
        );
    }
}

/// Whether nobody answered a question in time.
fn has_timed_out(ran: &Ran) -> bool {
    ran.records()
        .iter()
        .any(|record| matches!(&record.event, Event::ApprovalAnswered { how, .. } if how == "timeout"))
}

fn difference(expected: &End, found: &End) -> String {
    let mut told = format!("{} -> {}", expected.0, found.0);
    for (step, was) in &expected.1 {
        let is = found.1.get(step).map_or("nothing", String::as_str);
        if is != was {
            let _infallible = write!(told, ", {step}: {was} -> {is}");
        }
    }
    told
}

fn checked(case: &Case, ran: &Ran, outcomes: &mut Outcomes) {
    let left = matches!(ran.error(), Some(runbook_engine::EngineError::Left));
    assert!(
        ran.error().is_none() || left,
        "{:?}\n{}\n{}",
        ran.error(),
        case.text,
        ran.full_trace()
    );
    let held = catch_unwind(AssertUnwindSafe(|| {
        invariants::hold(ran);
        folds(ran);
    }));
    if let Err(panic) = held {
        let why = panic.downcast::<String>().map(|text| *text).unwrap_or_default();
        let (first, rest) = why.split_once('\n').unwrap_or((&why, ""));
        panic!("{first}\n{}\n{rest}", case.text);
    }
    let word = ran.outcome().to_string();
    *outcomes.entry(word).or_insert(0) += 1;
    let lives = if ran.lives > 1 { "resumed" } else { "whole" };
    *outcomes.entry(lives.to_owned()).or_insert(0) += 1;
}

#[expect(clippy::print_stdout, reason = "how many cases ran is part of the result")]
fn report(outcomes: &Outcomes) {
    println!("{outcomes:?}");
}

/// How many plans each part of the short form has: eight parts, which run side by side, are 100,000 runs.
const PLANS: u64 = 3_125;

/// Whatever a plan holds, to look at it changes nothing: no action that changes anything runs, nor is anything undone.
#[test]
fn to_probe_changes_nothing() {
    let mut found = Outcomes::new();
    for seed in 0..PLANS {
        let case = case::case(seed);
        let probed = case.stage.probe();
        let deeds = probed.world.deeds();
        assert!(deeds.is_empty(), "seed {seed}: {deeds:?}\n{}", case.text);
        for sounding in probed.soundings {
            *found.entry(sounding.found.word().to_owned()).or_insert(0) += 1;
        }
    }
    report(&found);
    for word in ["asked", "failed", "rendered", "skipped"] {
        assert!(found.contains_key(word), "nothing was {word}: {found:?}");
    }
}

fn part(number: u64) {
    report(&simulate(number * PLANS..(number + 1) * PLANS));
}

#[test]
fn whatever_happens_1() {
    part(0);
}

#[test]
fn whatever_happens_2() {
    part(1);
}

#[test]
fn whatever_happens_3() {
    part(2);
}

#[test]
fn whatever_happens_4() {
    part(3);
}

#[test]
fn whatever_happens_5() {
    part(4);
}

#[test]
fn whatever_happens_6() {
    part(5);
}

#[test]
fn whatever_happens_7() {
    part(6);
}

#[test]
fn whatever_happens_8() {
    part(7);
}

/// The long form: `SEEDS=25000..275000 cargo test -p runbook-engine --test engine -- --ignored --nocapture`. It uses
/// every core; each seed is four runs.
#[test]
#[ignore = "it takes as long as it is told to"]
#[expect(
    clippy::disallowed_methods,
    reason = "the seeds of a search by hand come from outside"
)]
fn whatever_happens_to_these_seeds() {
    let asked = std::env::var("SEEDS").unwrap_or_else(|_| "25000..275000".to_owned());
    let (from, to) = asked.split_once("..").expect("SEEDS=FROM..TO");
    let (from, to): (u64, u64) = (from.parse().expect("a number"), to.parse().expect("a number"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = u64::try_from(cores).expect("few cores");
    let share = (to - from).div_ceil(cores);
    let parts: Vec<_> = (0..cores)
        .map(|at| (from + at * share).min(to)..(from + (at + 1) * share).min(to))
        .map(|seeds| std::thread::spawn(move || simulate(seeds)))
        .collect();
    let mut failed = false;
    for part in parts {
        match part.join() {
            Ok(outcomes) => report(&outcomes),
            Err(_) => failed = true,
        }
    }
    assert!(!failed, "some seeds fail");
}
