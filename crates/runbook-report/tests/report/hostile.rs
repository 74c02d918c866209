//! No text of a run can become a part of the report's form, or hide.

use runbook_action::{ErrorKind, Failure};
use runbook_event::{AttemptEnd, CheckRole, Event, OnFailure, Outcome, Phase, StopCause, UndoEnd, Verdict};
use runbook_report::timeline;
use serde_json::json;

use crate::sample::{Sample, check, report, site, step};

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
        assert!(
            !line.starts_with("# Owned") && !line.starts_with("# After"),
            "{line}"
        );
    }
    assert!(!report.contains(['\u{1b}', '\u{202e}', '\u{7}', '\r']));
    let rows: Vec<&&str> = outside.iter().filter(|line| line.starts_with("| ")).collect();
    for row in rows {
        let bars = row.replace("\\\\", "").replace("\\|", "").matches('|').count();
        assert!((3..=6).contains(&bars), "{row}");
    }
    assert!(report.contains("`````text") || report.contains("````text"));
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
