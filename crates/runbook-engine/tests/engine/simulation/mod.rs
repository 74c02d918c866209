//! Random runbooks, and what must hold in every run of them.

mod case;
mod invariants;
mod random;

use std::collections::BTreeMap;

use runbook_event::{Record, RunState};
use runbook_testkit::ran::Ran;

/// The records, and the records as text and back, fold into the final state.
pub(crate) fn folds(ran: &Ran) {
    let (mut state, mut again) = (RunState::new(), RunState::new());
    for record in ran.records() {
        state.apply(&record).expect("the engine's own record fits");
        let line = serde_json::to_string(&record).expect("a record is JSON");
        let read: Record = serde_json::from_str(&line).expect("a line is a record");
        assert_eq!(read, record, "{line}");
        again.apply(&read).expect("what was read fits");
    }
    if ran.error().is_none() {
        assert_eq!(state, ran.finished().state);
        assert_eq!(again, ran.finished().state);
    }
}

/// Runs these seeds, and says how many runs ended in which way.
fn simulate(seeds: std::ops::Range<u64>) -> BTreeMap<String, u32> {
    let mut outcomes = BTreeMap::new();
    for seed in seeds {
        let trace = simulate_one(seed, &mut outcomes);
        if seed % 8 == 0 {
            let again = case::case(seed).scenario.run().full_trace();
            assert!(
                trace == again,
                "seed {seed} gives two traces:\n{trace}\n\n{again}"
            );
        }
    }
    outcomes
}

fn simulate_one(seed: u64, outcomes: &mut BTreeMap<String, u32>) -> String {
    let case = case::case(seed);
    let ran = case.scenario.clone().run();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        invariants::hold(&case, &ran);
        folds(&ran);
    }));
    if let Err(panic) = result {
        let text = panic.downcast::<String>().map(|text| *text).unwrap_or_default();
        panic!("seed {seed}: {text}");
    }
    let outcome = ran
        .error()
        .map_or_else(|| ran.outcome().to_string(), |_| "left".to_owned());
    *outcomes.entry(outcome).or_insert(0) += 1;
    ran.full_trace()
}

#[expect(clippy::print_stdout, reason = "how many cases ran is part of the result")]
fn report(outcomes: &BTreeMap<String, u32>) {
    println!("{} runs: {outcomes:?}", outcomes.values().sum::<u32>());
}

#[test]
fn whatever_happens() {
    let outcomes = simulate(0..2000);
    report(&outcomes);
    for outcome in [
        "resolved",
        "not_needed",
        "failed",
        "rolled_back",
        "rollback_failed",
        "rejected",
        "cleanup_failed",
        "interrupted",
        "left",
    ] {
        assert!(
            outcomes.contains_key(outcome),
            "no run ended as {outcome}: {outcomes:?}"
        );
    }
}

/// The long form: `cargo test -p runbook-engine --release -- --ignored --nocapture`.
#[test]
#[ignore = "it takes minutes"]
fn whatever_happens_a_hundred_thousand_times() {
    report(&simulate(2000..102_000));
}
