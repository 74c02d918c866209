//! The report as a page of HTML: what it shows, what it leaves out, and that it is what it says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use runbook_event::{
    AttemptEnd, CheckRole, Event, OnFailure, Outcome, Phase, Reading, Record, TimedReading, UndoEnd, Verdict,
};
use runbook_report::{Evidence, Medium, html};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::interrupted::crashed;
use crate::sample::{Sample, done, refused, site, step};
use crate::whole::resolved;

fn page(records: &[Record], readings: &[TimedReading], medium: Medium) -> String {
    let head = "ef".repeat(32);
    let evidence = Evidence {
        readings,
        ..Evidence::new(&head)
    };
    html(records, &evidence, medium).unwrap()
}

fn on_screen(records: &[Record]) -> String {
    page(records, &[], Medium::Screen)
}

/// What stands between two texts, each time.
fn between<'a>(page: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    let parts = page.split(from).skip(1);
    parts.map(|part| part.split(to).next().unwrap()).collect()
}

/// The final check passes, and the run is over.
fn over(sample: Sample) -> Vec<Record> {
    let site = site(CheckRole::Verify, None, "free");
    let sample = sample.phase(Phase::Verify);
    let sample = sample.asks(&site, &[(Verdict::Pass, json!(60)), (Verdict::Pass, json!(50))]);
    sample.ends(Outcome::Resolved)
}

/// A run whose second step fails, with the undo of the first.
fn turned_back(end: UndoEnd, outcome: Outcome) -> Vec<Record> {
    Sample::new(vec![step("drain", &[]), step("widen", &[0]), step("tell", &[1])])
        .phase(Phase::Steps)
        .does("drain")
        .fails("widen", OnFailure::Rollback)
        .skips(&["tell"])
        .phase(Phase::Rollback)
        .undoes("widen", UndoEnd::Undone)
        .undoes("drain", end)
        .ends(outcome)
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let records = resolved();
    for medium in [Medium::Screen, Medium::Paper] {
        assert_eq!(page(&records, &[], medium), page(&records, &[], medium));
    }
}

#[test]
fn its_policy_allows_its_own_style_and_nothing_else() {
    for medium in [Medium::Screen, Medium::Paper] {
        let page = page(&resolved(), &[], medium);
        let style = between(&page, "<style>", "</style>");
        assert_eq!(style.len(), 1);
        let digest = STANDARD.encode(Sha256::digest(style[0].as_bytes()));
        let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
        let expected =
            format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'");
        assert_eq!(policy, [expected]);
        for absent in [
            "<script", "<img", "<link", "http://", "https://", " style=", " onclick",
        ] {
            assert!(!page.contains(absent), "{absent}");
        }
    }
}

#[test]
fn a_page_for_paper_is_light_and_open() {
    let page = page(&resolved(), &[], Medium::Paper);
    assert!(!page.contains("prefers-color-scheme"));
    assert!(page.contains("<details open>") && !page.contains("<details>"));
    let screen = on_screen(&resolved());
    assert!(screen.contains("prefers-color-scheme") && screen.contains("<details>"));
}

#[test]
fn what_became_of_each_step_is_told_by_words_and_signs() {
    let failure = refused();
    for (records, signs) in [
        (
            turned_back(UndoEnd::Undone, Outcome::RolledBack),
            ["↶ Rolled back", "undone", "undone", "not begun"],
        ),
        (
            turned_back(UndoEnd::Failed { failure }, Outcome::RollbackFailed),
            ["⚠ Rollback failed", "undo failed", "undone", "not begun"],
        ),
    ] {
        let page = on_screen(&records);
        let outcome = between(&page, "<p class=\"outcome", "</p>")[0].replace("</span>", "");
        assert!(outcome.ends_with(signs[0]), "{outcome}");
        let told = between(&page, "<span class=\"sr\">(", ")</span>");
        assert_eq!(told, &signs[1..]);
        // The undo has a colour and a form of its own, in the picture of the times and in the graph.
        assert!(page.contains("class=\"bar undo ") && page.contains(" undone\""));
    }
}

#[test]
fn attempts_have_bars_and_those_that_failed_have_a_cross() {
    let failure = refused();
    let sample = Sample::new(vec![step("drain", &[])])
        .phase(Phase::Steps)
        .begins("drain")
        .comes_back("drain", 1, AttemptEnd::Failed { failure }, "")
        .event(Event::RetryPlanned {
            step: "drain".to_owned(),
            attempt: 2,
            delay_ms: 500,
        })
        .after(500)
        .attempts("drain", 2)
        .comes_back("drain", 2, AttemptEnd::Succeeded, "")
        .event(done("drain"));
    let page = on_screen(&over(sample));
    let bars = between(&page, "<title>attempt ", "</title>");
    assert_eq!(bars, ["1, 340 ms: failed", "2, 340 ms: succeeded"]);
    assert_eq!(page.matches("bar attempt bad").count(), 1);
    assert!(page.contains("✓ done, 1.1 s, 2 attempts"));
}

#[test]
fn a_crash_is_marked_and_what_it_interrupted_has_no_end() {
    let page = on_screen(&crashed().records());
    assert!(page.contains("<title>attempt 1, 0 ms: not recorded: the process ended</title>"));
    assert!(page.contains("At ▸ the run went on after a crash."));
    let grid = between(&page, "<g id=\"grid\">", "</g>");
    assert_eq!(grid[0].matches("class=\"gap\"").count(), 1);
}

/// A gate that is read every second, and of whose readings only the first and the last are events.
fn gate(readings: u32) -> (Vec<Record>, Vec<TimedReading>) {
    let site = site(CheckRole::Gate, Some("drain"), "1");
    let sample = Sample::new(vec![step("drain", &[])])
        .gated("drain")
        .phase(Phase::Steps)
        .begins("drain")
        .comes_back("drain", 1, AttemptEnd::Succeeded, "")
        .asks(&site, &[(Verdict::Fail, json!(97)), (Verdict::Pass, json!(61))])
        .event(done("drain"));
    let records = over(sample);
    let start: Timestamp = records[0].at;
    let reading = |number: u32| TimedReading {
        at: start + SignedDuration::from_millis(450),
        site: site.clone(),
        reading: Reading {
            number: number + 1,
            verdict: Verdict::Fail,
            streak: 0,
            value: Some(json!(90)),
            warned: false,
            detail: "`used` is 90".to_owned(),
        },
    };
    (records, (1..=readings).map(reading).collect())
}

#[test]
fn readings_beside_the_journal_are_drawn_with_their_bound() {
    let (mut records, readings) = gate(3);
    for record in &mut records {
        if let Event::CheckRead { reading, .. } = &mut record.event {
            let value = reading.value.clone().unwrap();
            reading.detail = format!("`used` is {value}");
        }
    }
    let page = page(&records, &readings, Medium::Screen);
    let card = between(&page, "<li class=\"card\">", "</li>")
        .into_iter()
        .find(|card| card.contains("It shrinks"))
        .unwrap();
    assert_eq!(card.matches("class=\"dot fail\"").count(), 4);
    assert_eq!(card.matches("class=\"dot pass\"").count(), 1);
    assert_eq!(card.matches("class=\"bound\"").count(), 1);
    assert!(card.contains("5 readings, from 97 to 61"), "{card}");
    assert!(
        card.contains("expected <code>used &lt; 80</code>; last: pass"),
        "{card}"
    );
}

#[test]
fn many_readings_are_thinned_and_many_steps_left_out_and_both_are_said() {
    let (records, readings) = gate(50_000);
    let large = page(&records, &readings, Medium::Screen);
    assert!(large.contains("50002 readings"));
    assert!(large.len() < 200_000, "{}", large.len());
    let names: Vec<String> = (0..4_000).map(|at| format!("s{at}")).collect();
    let steps = names.iter().map(|name| step(name, &[])).collect();
    let mut sample = Sample::new(steps).phase(Phase::Steps);
    for name in &names {
        sample = sample.does(name);
    }
    let large = on_screen(&over(sample));
    assert!(large.len() < 3_000_000, "{}", large.len());
    assert!(large.contains("Not drawn: 3920 more steps that went as they should."));
    assert!(large.contains("--format md</code> shows all."));
    assert!(large.ends_with("</html>\n"));
}
