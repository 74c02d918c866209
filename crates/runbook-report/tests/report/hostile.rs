//! No text of a run can become a part of the report's form, or hide.

use runbook_action::{ErrorKind, Failure};
use runbook_event::{
    Assumption, AttemptEnd, Author, CheckRole, Event, KnownBy, Note, NoteKind, Notice, OnFailure, Outcome,
    Phase, Record, Resumed, RunState, SkipReason, Stop, StopCause, UndoEnd, Verdict,
};
use runbook_report::{describe, doubts, step_title, timeline};
use serde_json::json;

use crate::interrupted::{crashed, gone_on, resumes, undone_in_a_loop, undone_later};
use crate::sample::{Sample, check, report, site, step};
use crate::whole::resolved;

const EVIL: &str = "\n\n# Owned <script>alert(1)</script> | x ``` [a](http://e) \u{1b}[31mred\u{1b}[0m \u{202e}txt\u{7} \
                    `<b>` **bold**\r\n| a | b |\n```\n# After";

#[test]
fn hostile_texts_stay_texts() {
    let failure = Failure::new(ErrorKind::Other, EVIL).help(EVIL);
    let mut outline = step("drain", &[]);
    outline.title = EVIL.to_owned();
    outline.verify = vec![check("1", EVIL, &[EVIL])];
    let mut sample = Sample::new(vec![outline]);
    sample.run.runbook.title = EVIL.to_owned();
    sample.run.runbook.owner = Some(EVIL.to_owned());
    sample.run.who.user = EVIL.to_owned();
    sample.run.environment = Some(EVIL.to_owned());
    sample.run.practice = Some(EVIL.to_owned());
    sample.run.connections = [(EVIL.to_owned(), EVIL.to_owned())].into_iter().collect();
    sample.run.inputs = [(EVIL.to_owned(), json!(EVIL))].into_iter().collect();
    sample.run.outline.verify = vec![check("free", EVIL, &[EVIL])];
    let records = sample
        .phase(Phase::Steps)
        .begins("drain")
        .comes_back("drain", 1, AttemptEnd::Succeeded, EVIL)
        .asks(
            &site(CheckRole::Gate, Some("drain"), "1"),
            &[(Verdict::Fail, json!(EVIL))],
        )
        .event(Event::StepFailed {
            step: "drain".to_owned(),
            failure: failure.clone(),
        })
        .stops(
            StopCause::StepFailed {
                step: "drain".to_owned(),
            },
            OnFailure::Rollback,
        )
        .phase(Phase::Rollback)
        .undoes("drain", UndoEnd::Failed { failure })
        .ends(Outcome::RollbackFailed);
    let report = report(&records);
    keeps_its_form(&report, &["# Owned", "# After"]);
    assert!(report.contains("`````text") || report.contains("````text"));
}

/// No line outside of a fence is what a text of the run made it, and every row has its cells.
fn keeps_its_form(report: &str, own: &[&str]) {
    let mut fenced: Option<&str> = None;
    let mut outside = Vec::new();
    for line in report.lines() {
        match fenced {
            None if line.starts_with("```") => fenced = Some(line.trim_end_matches(char::is_alphabetic)),
            None => outside.push(line),
            Some(ticks) if line == ticks => fenced = None,
            Some(_) => {}
        }
    }
    assert_eq!(fenced, None);
    for line in &outside {
        assert!(!line.contains("<script") && !line.contains("<b>"), "{line}");
        assert!(!line.contains("[a]("), "{line}");
        assert!(!own.iter().any(|own| line.starts_with(own)), "{line}");
    }
    assert!(!report.contains(['\u{1b}', '\u{202e}', '\u{7}', '\r']));
    let rows: Vec<&&str> = outside.iter().filter(|line| line.starts_with("| ")).collect();
    for row in rows {
        let bars = row.replace("\\\\", "").replace("\\|", "").matches('|').count();
        assert!((3..=6).contains(&bars), "{row}");
    }
}

#[test]
fn the_timeline_is_safe_for_a_terminal() {
    let mut outline = step("drain", &[]);
    outline.title = EVIL.to_owned();
    let records = Sample::new(vec![outline])
        .phase(Phase::Steps)
        .does("drain")
        .records();
    for entry in timeline(&records).unwrap() {
        assert!(!entry.text.chars().any(char::is_control), "{:?}", entry.text);
        assert!(!entry.text.contains('\u{202e}'));
    }
}

#[test]
fn output_in_a_fence_keeps_its_lines() {
    let records = Sample::new(vec![step("drain", &[])])
        .phase(Phase::Steps)
        .begins("drain")
        .comes_back(
            "drain",
            1,
            AttemptEnd::Succeeded,
            "a\n````\n\u{1b}[1m# b\u{1b}[0m\n10 %\r20 %\n",
        )
        .records();
    let told = report(&records);
    assert!(
        told.contains("`````text\na\n````\n# b\n10 %\n20 %\n`````\n"),
        "{told}"
    );
}

#[test]
fn code_in_a_cell_stays_code_and_in_its_cell() {
    let mut sample = Sample::new(vec![step("drain", &[])]);
    sample.run.outline.verify = vec![
        check("1", "`rows | length` is 97", &["a"]),
        check("2", "`</td><script>` is odd | x", &["a"]),
    ];
    let told = report(&sample.phase(Phase::Steps).records());
    assert!(
        told.contains("| `rows \\| length` is 97 | a | not asked |"),
        "{told}"
    );
    assert!(
        told.contains("| \\`&lt;/td&gt;&lt;script&gt;\\` is odd \\| x | a |"),
        "{told}"
    );
}

/// What stands in the texts of the whole run, each time it is written: items, ids, reasons, locks, names of files.
const WORDS: [&str; 21] = [
    "hub-1",
    "drain",
    "zone",
    "it is busy",
    "weight 100",
    "lag",
    "slow",
    "Fail over",
    "failover",
    "pool",
    "\"by\":\"eve",
    "--skip",
    "process_group",
    "leader",
    "cpu",
    "0123abc",
    "reload the proxy",
    "promote",
    "primary",
    "Go on?",
    "its gate passed",
];

/// The same run with a hostile text after each of these words, wherever it stands.
fn soiled(records: &[Record]) -> Vec<Record> {
    let evil = serde_json::to_string(EVIL).unwrap();
    let evil = evil.trim_matches('"');
    let soil = |record: &Record| {
        let mut line = serde_json::to_string(record).unwrap();
        for word in WORDS {
            line = line.replace(word, &format!("{word}\u{0}"));
        }
        let line = line.replace('\u{0}', evil);
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    records.iter().map(soil).collect()
}

#[test]
fn no_text_of_any_event_leaves_its_line() {
    for records in [
        resolved(),
        undone_later(),
        gone_on(),
        undone_in_a_loop(),
        crashed().records(),
    ] {
        let soiled = soiled(&records);
        assert_ne!(soiled, records);
        keeps_its_form(&report(&soiled), &["# Owned", "# After"]);
        let mut state = RunState::new();
        for record in &soiled {
            state.apply(record).unwrap();
            let told = describe(&record.event, &state);
            assert!(!told.chars().any(char::is_control), "{told:?}");
            assert!(!told.contains('\u{202e}'), "{told:?}");
        }
        for doubt in doubts(&state) {
            for text in [doubt.title, doubt.detail, doubt.assume, doubt.retry] {
                assert!(!text.chars().any(char::is_control), "{text:?}");
            }
        }
        for step in state.steps() {
            let title = step_title(&step.id, &state);
            assert!(!title.chars().any(char::is_control), "{title:?}");
        }
        assert!(timeline(&soiled).unwrap().len() > 3);
    }
}

#[test]
fn no_word_of_a_person_or_of_the_system_leaves_its_line() {
    let evil = || EVIL.to_owned();
    let notices = [
        Notice::SecretChanged { name: evil() },
        Notice::Settled {
            step: evil(),
            found: evil(),
        },
        Notice::Unlocked {
            lock: evil(),
            by: evil(),
            reason: evil(),
        },
    ];
    let mut events: Vec<Event> = notices
        .into_iter()
        .map(|notice| Event::Noted { notice })
        .collect();
    let mut resumed = resumes(Resumed::Forward, &[(EVIL, Assumption::Done, EVIL)]);
    resumed.who.user = evil();
    events.push(Event::RunResumed(Box::new(resumed)));
    for reason in [
        SkipReason::When { detail: evil() },
        SkipReason::Asked { option: evil() },
    ] {
        events.push(Event::StepSkipped { step: evil(), reason });
    }
    for cause in [
        StopCause::Person { by: evil() },
        StopCause::GuardTripped { check: evil() },
        StopCause::Signal { name: evil() },
    ] {
        let stop = Stop {
            cause,
            then: OnFailure::Hold,
        };
        let within = Some(evil());
        events.push(Event::Stopping { within, stop });
    }
    events.push(Event::Doubted {
        step: evil(),
        undoing: true,
        detail: evil(),
    });
    events.push(Event::Note(Box::new(Note {
        kind: NoteKind::ActionItem,
        text: evil(),
        by: Author {
            user: evil(),
            host: evil(),
            known_by: KnownBy::Process,
        },
        happened_at: None,
        corrects: None,
        owner: Some(evil()),
        due: None,
        request: None,
    })));
    for event in &events {
        let told = describe(event, &RunState::new());
        assert!(told.contains("Owned"), "{told}");
        assert!(!told.chars().any(char::is_control), "{told:?}");
        assert!(!told.contains('\u{202e}'), "{told:?}");
    }
}
