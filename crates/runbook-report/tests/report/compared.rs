//! Many runs, compared: from samples to figures.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use runbook_event::{CheckRole, CheckSite, Outcome};
use runbook_report::compared;
use runbook_report::stats::{
    Collector, Current, Freshness, GateSample, Kind, Last, Options, Sample, Statistics, StepSample, schema,
};

fn now() -> Timestamp {
    "2026-05-04T10:00:00Z".parse().unwrap()
}

fn options() -> Options {
    Options {
        as_of: now(),
        since: None,
        until: None,
        stale_after_days: 90,
        practice_counts: false,
    }
}

fn days_ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(24 * days)
}

/// A run of so many days ago, which took so long.
fn run(days: i64, outcome: Option<Outcome>, repair_ms: Option<u64>) -> Sample {
    Sample {
        run: format!("run-{days}"),
        runbook: "pool".to_owned(),
        title: "Pool is full".to_owned(),
        at: days_ago(days),
        outcome,
        running: false,
        pruned: false,
        kind: Kind::Real,
        repair_ms,
        steps: IndexMap::new(),
        gates: IndexMap::new(),
        undos: IndexMap::new(),
    }
}

fn current() -> Current {
    Current {
        name: "pool".to_owned(),
        title: "The pool has room".to_owned(),
        path: "runbooks/pool.yaml".to_owned(),
        steps: vec![
            ("drain".to_owned(), "Drain it".to_owned()),
            ("spare".to_owned(), "Use the spare".to_owned()),
        ],
    }
}

fn collected(samples: Vec<Sample>) -> Statistics {
    let mut collector = Collector::new(options());
    for sample in samples {
        collector.add(sample);
    }
    collector.finish(&[current()], None)
}

#[test]
fn only_runs_with_something_to_do_that_are_over_count_in_the_rate() {
    let ended = |outcome: Outcome| run(1, Some(outcome), None);
    let mut samples: Vec<Sample> = Outcome::ALL.into_iter().map(ended).collect();
    samples.push(run(1, None, None));
    samples.push(Sample {
        running: true,
        ..run(1, None, None)
    });
    let all = collected(samples);
    let pool = &all.runbooks[0];
    assert_eq!((pool.runs, pool.tried, pool.resolved), (12, 8, 2));
    assert_eq!(pool.success_rate, Some(0.25));
    assert_eq!(
        (
            pool.outcomes["killed"],
            pool.outcomes["running"],
            pool.outcomes["waiting"]
        ),
        (1, 1, 1)
    );
    assert_eq!(pool.title, "The pool has room");
}

#[test]
fn repairs_have_a_spread_a_trend_and_periods() {
    let resolved = |days: i64, ms: u64| run(days, Some(Outcome::Resolved), Some(ms));
    // In no order.
    let all = collected(vec![
        resolved(1, 100),
        resolved(40, 400),
        resolved(20, 200),
        resolved(60, 400),
    ]);
    let repair = &all.runbooks[0].repair;
    let spread = repair.all.unwrap();
    assert_eq!(
        (spread.count, spread.median_ms, spread.p90_ms, spread.longest_ms),
        (4, 200, 400, 400)
    );
    let change = repair.change.unwrap();
    assert_eq!(
        (change.older_ms, change.newer_ms, change.percent),
        (400, 100, -75)
    );
    let tried: u64 = repair.periods.iter().map(|period| period.tried).sum();
    assert_eq!((tried, repair.periods[0].label.as_str()), (4, "2026-03-02"));
}

#[test]
fn a_rehearsal_keeps_a_runbook_fresh_and_is_in_no_figure() {
    let rehearsed = Sample {
        kind: Kind::Rehearsal,
        ..run(3, Some(Outcome::Resolved), Some(5))
    };
    let all = collected(vec![rehearsed.clone(), run(100, Some(Outcome::Failed), None)]);
    let pool = &all.runbooks[0];
    assert_eq!((all.runs.counted, all.runs.rehearsals, pool.runs), (1, 1, 1));
    assert_eq!((pool.freshness, pool.days_since), (Freshness::Fresh, Some(3)));
    assert_eq!(pool.last_rehearsal.as_ref().unwrap().run, "run-3");
    assert_eq!(pool.last_run.as_ref().unwrap().run, "run-100");
    let mut collector = Collector::new(Options {
        practice_counts: true,
        ..options()
    });
    collector.add(rehearsed);
    assert_eq!(collector.finish(&[], None).runs.counted, 1);
}

#[test]
fn what_nobody_has_tried_is_stale_or_never_run() {
    assert_eq!(collected(Vec::new()).runbooks[0].freshness, Freshness::NeverRun);
    let old = collected(vec![run(90, Some(Outcome::Resolved), Some(5))]);
    assert_eq!(old.runbooks[0].freshness, Freshness::Stale);
    let gone = Sample {
        runbook: "gone".to_owned(),
        ..run(1, Some(Outcome::Resolved), Some(5))
    };
    let all = collected(vec![gone]);
    assert_eq!(all.runbooks[0].freshness, Freshness::Gone);
    assert_eq!(all.runbooks[0].never_used, []);
    // What is left out by its time is still the last run.
    let mut collector = Collector::new(Options {
        since: Some(days_ago(1)),
        ..options()
    });
    assert!(!collector.wants(days_ago(2)) && collector.wants(days_ago(1)));
    let last = Last {
        run: "old".to_owned(),
        at: days_ago(2),
        outcome: None,
    };
    collector.seen("pool", Kind::Real, last);
    let pool = collector.finish(&[current()], Some("pool")).runbooks.remove(0);
    assert_eq!((pool.runs, pool.freshness), (0, Freshness::Fresh));
}

#[test]
fn steps_have_times_shares_and_reasons() {
    let step = |used: bool, ms: &[u64], skipped: &[(&'static str, u64)]| StepSample {
        title: "Drain it".to_owned(),
        done: u64::from(used),
        used,
        times_ms: ms.to_vec(),
        skipped: skipped.iter().copied().collect(),
        ..StepSample::default()
    };
    let with = |drain: StepSample, spare: StepSample| Sample {
        steps: IndexMap::from([("drain".to_owned(), drain), ("spare".to_owned(), spare)]),
        ..run(1, Some(Outcome::Resolved), Some(5))
    };
    let all = collected(vec![
        with(step(true, &[300], &[]), step(false, &[], &[("when", 1)])),
        with(step(true, &[100], &[]), step(false, &[], &[("stopped", 1)])),
        Sample {
            steps: IndexMap::from([("old".to_owned(), step(true, &[100], &[]))]),
            ..with(step(true, &[], &[]), step(false, &[], &[("when", 1)]))
        },
    ]);
    let pool = &all.runbooks[0];
    let told: Vec<(&str, bool, u64, f64)> = pool
        .steps
        .iter()
        .map(|step| (step.id.as_str(), step.current, step.used, step.share))
        .collect();
    assert_eq!(
        told,
        [
            ("drain", true, 2, 0.8),
            ("spare", true, 0, 0.0),
            ("old", false, 1, 0.2)
        ]
    );
    assert_eq!(pool.never_used.len(), 1);
    assert_eq!(
        (pool.never_used[0].id.as_str(), pool.never_used[0].skipped),
        ("spare", 2)
    );
}

#[test]
fn gates_flap_and_need_many_readings() {
    let site = CheckSite {
        within: None,
        role: CheckRole::Gate,
        step: Some("drain".to_owned()),
        check: "steady".to_owned(),
    };
    let with = |flaps: u64, readings: &[u64]| Sample {
        gates: IndexMap::from([(
            site.clone(),
            GateSample {
                decided: 1,
                flaps: vec![flaps],
                readings: readings.to_vec(),
                consecutive: 3,
                times_ms: vec![10],
            },
        )]),
        ..run(1, Some(Outcome::Resolved), Some(5))
    };
    let all = collected(vec![with(0, &[8]), with(2, &[9]), with(1, &[])]);
    let gate = &all.runbooks[0].gates[0];
    assert_eq!(
        (gate.decided, gate.passed, gate.flapped, gate.flaps),
        (3, 2, 2, 3)
    );
    assert_eq!(
        (gate.readings_median, gate.readings_p90, gate.needs_many),
        (Some(8), Some(9), true)
    );
    let few = collected(vec![with(0, &[7])]);
    assert!(!few.runbooks[0].gates[0].needs_many);
}

#[test]
fn the_same_runs_give_the_same_page_and_a_valid_json() {
    let hostile = "<script>\u{202e}</style>\"'&";
    let samples = || {
        vec![
            Sample {
                title: hostile.to_owned(),
                runbook: hostile.to_owned(),
                ..run(1, Some(Outcome::Resolved), Some(5))
            },
            run(2, Some(Outcome::Resolved), Some(0)),
            run(3, Some(Outcome::Failed), None),
        ]
    };
    let page = compared(&collected(samples()));
    assert_eq!(page, compared(&collected(samples())));
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && page.matches("</style>").count() == 1);
    assert!(schema()["properties"]["runbooks"].is_object());
    let empty = compared(&Collector::new(options()).finish(&[], None));
    assert!(empty.contains("There are no runbooks"), "{empty}");
}
