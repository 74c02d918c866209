//! What people say of an incident, and what they have not said yet.

use jiff::Timestamp;
use runbook_event::{
    Author, CheckRole, Event, KnownBy, Note, NoteKind, Outcome, Phase, Promise, Record, UndoEnd, Verdict,
};
use runbook_report::{Evidence, missing, report as parts};
use serde_json::json;

use crate::sample::{Sample, part, report, site, step};

/// A note, as it was written.
fn note(kind: NoteKind, text: &str) -> Note {
    Note {
        kind,
        text: text.to_owned(),
        by: Author {
            user: "ada".to_owned(),
            host: "ops1".to_owned(),
            known_by: KnownBy::Process,
        },
        happened_at: None,
        corrects: None,
        owner: None,
        due: None,
        request: None,
    }
}

/// A note of when something was so.
fn at(kind: NoteKind, at: &str) -> Note {
    let happened_at: Timestamp = at.parse().unwrap();
    Note {
        happened_at: Some(happened_at),
        ..note(kind, "the alert says so")
    }
}

/// A run of two minutes that repairs something, and then these notes.
fn noted(promise: Option<Promise>, outcome: Outcome, notes: Vec<Note>) -> Vec<Record> {
    let mut sample = Sample::new(vec![step("drain", &[])]);
    sample.run.promise = promise;
    let mut sample = sample
        .phase(Phase::Detect)
        .asks(
            &site(CheckRole::Detect, None, "used"),
            &[(Verdict::Pass, json!(97))],
        )
        .phase(Phase::Baseline)
        .phase(Phase::Steps)
        .after(110_000)
        .does("drain");
    if outcome == Outcome::Resolved {
        let free = site(CheckRole::Verify, None, "free");
        sample = sample
            .phase(Phase::Verify)
            .asks(&free, &[(Verdict::Pass, json!(60)), (Verdict::Pass, json!(50))]);
    } else {
        sample = sample
            .stops(
                runbook_event::StopCause::Signal {
                    name: "SIGINT".to_owned(),
                },
                runbook_event::OnFailure::Rollback,
            )
            .phase(Phase::Rollback)
            .undoes("drain", UndoEnd::Undone);
    }
    let ended = Event::RunEnded {
        outcome,
        elapsed_ms: 120_000,
    };
    let sample = sample.event(ended).after(3_600_000);
    notes
        .into_iter()
        .fold(sample, |sample, note| sample.event(Event::Note(Box::new(note))))
        .records()
}

const PROMISE: Promise = Promise {
    respond_within_ms: Some(900_000),
    resolve_within_ms: Some(600_000),
};

/// The row of a table that begins so.
fn row(report: &str, begins: &str) -> String {
    let row = report
        .lines()
        .find(|line| line.starts_with(&format!("| {begins}")));
    row.unwrap_or_else(|| panic!("{begins}: {report}")).to_owned()
}

#[test]
fn times_are_measured_against_what_is_promised() {
    let notes = vec![
        at(NoteKind::ImpactStart, "2026-05-04T23:50:00Z"),
        at(NoteKind::Detected, "2026-05-04T23:52:00Z"),
    ];
    let told = report(&noted(Some(PROMISE), Outcome::Resolved, notes));
    let times = part(&told, "## Times");
    assert!(row(&times, "Time to detect").ends_with("| 2 m 00 s | – | – |"));
    assert!(row(&times, "Time to acknowledge").ends_with("| 7 m 58 s | 15 m 00 s | yes |"));
    assert!(row(&times, "Time to resolve").ends_with("| 9 m 48 s | 10 m 00 s | yes |"));
    let severity = part(&told, "## Severity");
    assert!(severity.contains("- Promised: it is over within 10 m 00 s"));
    assert!(
        part(&told, "## Impact").contains("It hurt from 2026-05-04 23:50:00 UTC until 2026-05-05 00:01:")
    );
}

#[test]
fn a_promise_that_the_run_alone_broke_is_broken_also_if_nobody_knows_the_rest() {
    let promise = Promise {
        respond_within_ms: Some(1),
        resolve_within_ms: Some(60_000),
    };
    for outcome in [Outcome::Resolved, Outcome::RolledBack] {
        let told = report(&noted(Some(promise), outcome, Vec::new()));
        let times = part(&told, "## Times");
        assert!(
            row(&times, "Time to resolve").ends_with("| 1 m 00 s | **no** |"),
            "{times}"
        );
        assert!(
            row(&times, "Time to acknowledge")
                .ends_with("| not known: a time is missing | 1 ms | not known |")
        );
    }
}

#[test]
fn times_that_contradict_each_other_are_no_measure() {
    let notes = vec![
        at(NoteKind::Detected, "2026-05-04T23:59:00Z"),
        at(NoteKind::Acknowledged, "2026-05-04T23:58:00Z"),
    ];
    let told = report(&noted(Some(PROMISE), Outcome::Resolved, notes));
    let row = row(&told, "Time to acknowledge");
    assert!(
        row.ends_with("| **the times contradict each other** | 15 m 00 s | not known |"),
        "{row}"
    );
}

#[test]
fn an_answer_takes_the_place_of_its_question_and_a_correction_that_of_the_answer() {
    let before = noted(None, Outcome::Resolved, Vec::new());
    let first = note(NoteKind::RootCause, "A leak\n\nin the *pool*");
    let seq = before.len() as u64;
    let corrected = Note {
        corrects: Some(seq),
        ..note(NoteKind::RootCause, "A client that never closed.\nNobody looked.")
    };
    let told = report(&noted(None, Outcome::Resolved, vec![first.clone()]));
    let cause = part(&told, "## Root cause");
    assert!(
        cause.starts_with("A leak\n\nin the \\*pool\\*\n\n— `ada`, written 2026-05-05 "),
        "{cause}"
    );
    assert!(told.contains("**9 of 10 answers that only people can give are missing**"));
    let told = report(&noted(None, Outcome::Resolved, vec![first, corrected]));
    let cause = part(&told, "## Root cause");
    assert!(
        cause.starts_with("A client that never closed.\\\nNobody looked.\n\n— "),
        "{cause}"
    );
    assert!(!cause.contains("A leak"), "{cause}");
    assert!(
        part(&told, "## Timeline").contains("A leak"),
        "the timeline keeps what was said first"
    );
}

#[test]
fn what_is_to_be_done_has_an_owner_or_says_that_it_lacks_one() {
    let owned = Note {
        owner: Some("bob".to_owned()),
        due: Some("2026-06-01".parse().unwrap()),
        ..note(NoteKind::ActionItem, "alert at 80 %")
    };
    let told = report(&noted(
        None,
        Outcome::Resolved,
        vec![owned, note(NoteKind::ActionItem, "close idle clients")],
    ));
    let items = part(&told, "## Action items");
    assert!(
        items.contains("| alert at 80 % | `bob` | 2026-06-01 | open |"),
        "{items}"
    );
    assert!(
        items.contains("| close idle clients | **MISSING**: who does it? | – | open |"),
        "{items}"
    );
}

#[test]
fn what_the_run_has_not_proved_is_asked() {
    let records = noted(None, Outcome::RolledBack, Vec::new());
    let told = report(&records);
    let resolution = part(&told, "## Resolution");
    assert!(resolution.contains("**MISSING**: when was it over, and what ended it? This run did not."));
    assert!(resolution.contains("This run has not shown that the incident is over."));
    assert!(part(&told, "## Follow-up").contains("**The incident must be taken as still there**"));
    let over = report(&noted(
        None,
        Outcome::RolledBack,
        vec![at(NoteKind::Resolved, "2026-05-05T00:30:00Z")],
    ));
    let resolution = part(&over, "## Resolution");
    assert!(
        !resolution.contains("MISSING"),
        "what is over does not hurt: {resolution}"
    );
    assert!(
        row(&over, "It was over").starts_with("| It was over | 2026-05-05 00:30:00 UTC | a person, record ")
    );
}

#[test]
fn a_run_that_was_not_needed_and_a_routine_that_went_through_ask_nothing() {
    let not_needed = Sample::new(vec![step("drain", &[])])
        .phase(Phase::Detect)
        .asks(
            &site(CheckRole::Detect, None, "used"),
            &[(Verdict::Fail, json!(7))],
        )
        .ends(Outcome::NotNeeded);
    let mut routine = noted(None, Outcome::Resolved, Vec::new());
    let Event::RunStarted(started) = &mut routine[0].event else {
        panic!("the first record begins the run");
    };
    started.runbook.severity = None;
    started.outline.detect.clear();
    // Without a check of `detect` there is no such part.
    let routine: Vec<Record> = routine
        .into_iter()
        .filter(|record| {
            !matches!(
                &record.event,
                Event::PhaseStarted {
                    phase: Phase::Detect,
                    ..
                }
            ) && !matches!(
                &record.event,
                Event::CheckStarted { site } | Event::CheckRead { site, .. } | Event::CheckEnded { site, .. }
                    if site.role == CheckRole::Detect
            )
        })
        .zip(0..)
        .map(|(record, seq)| Record { seq, ..record })
        .collect();
    for records in [not_needed, routine] {
        let told = report(&records);
        assert!(!told.contains("MISSING"), "{told}");
        assert!(!told.contains("## Root cause"), "{told}");
    }
}

#[test]
fn every_question_has_one_place_in_the_report() {
    let records = noted(None, Outcome::RolledBack, Vec::new());
    let told = report(&records);
    let mut state = runbook_event::RunState::new();
    records.iter().for_each(|record| state.apply(record).unwrap());
    let open = missing(&state);
    assert_eq!(open.len(), 12);
    for question in &open {
        let marked = format!("**MISSING**: {}", question.asks);
        assert_eq!(told.matches(&marked).count(), 1, "{marked}");
    }
    assert_eq!(told.matches("**MISSING**").count(), open.len());
}

#[test]
fn the_sections_make_up_the_report_and_their_ids_lead_to_them() {
    let records = noted(Some(PROMISE), Outcome::Resolved, Vec::new());
    let parts = parts(&records, &Evidence::new("x")).unwrap();
    let whole = parts.markdown();
    for section in &parts.sections {
        assert!(
            whole.contains(&format!("\n## {}\n\n{}", section.title, section.body)),
            "{}",
            section.id
        );
        let slug = section.title.to_lowercase().replace(' ', "-");
        assert_eq!(section.id, slug, "a link in Markdown leads to the heading");
        let outside = section.body.split("```").step_by(2);
        for line in outside.flat_map(str::lines) {
            assert!(!line.starts_with("# ") && !line.starts_with("## "), "{line}");
        }
    }
    let led: Vec<&str> = whole
        .split("](#")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert!(!led.is_empty());
    for anchor in led {
        assert!(
            parts.sections.iter().any(|section| section.id == anchor),
            "{anchor}"
        );
    }
}
