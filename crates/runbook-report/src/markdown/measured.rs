//! How grave it was, when it was what, and how long that took against what is promised.

use runbook_event::{CheckRole, NoteKind, Verdict};

use crate::markdown::happened::last_reading;
use crate::markdown::page::date_time;
use crate::markdown::people::{answer, lacks};
use crate::markdown::section::Sections;
use crate::measures::{Measure, Moments, Took, measures};
use crate::questions::{answers, is_incident, is_over};
use crate::story::Story;
use crate::text::{code, inline};
use crate::words::{check_title, duration};

/// Whom it hurt, and from when until when.
pub(super) fn impact(story: &Story<'_>, sections: &mut Sections) {
    let moments = Moments::of(story);
    let noted = [NoteKind::Impact, NoteKind::ImpactStart, NoteKind::Mitigated];
    if !is_incident(&story.state)
        && noted
            .into_iter()
            .all(|kind| answers(&story.state, kind).next().is_none())
    {
        return;
    }
    let page = sections.begin("impact", "Impact");
    answer(story, NoteKind::Impact, page);
    let from = moments.impact_start.map(|start| date_time(start.at));
    let until = moments.mitigated.map(|end| date_time(end.at));
    match (from, until) {
        (Some(from), Some(until)) => page.paragraph(&format!("It hurt from {from} until {until}.")),
        (Some(from), None) => page.paragraph(&format!(
            "It began to hurt at {from}. No record says that it stopped."
        )),
        (None, Some(_) | None) => {}
    }
    lacks(story, NoteKind::ImpactStart, page);
}

/// How grave the incident is, and what is promised then.
pub(super) fn severity(story: &Story<'_>, sections: &mut Sections) {
    let run = story.run;
    if run.runbook.severity.is_none() && run.promise.is_none() && run.incident.is_none() {
        return;
    }
    let page = sections.begin("severity", "Severity");
    let mut facts = Vec::new();
    let severity = run.runbook.severity.as_deref();
    facts.push(severity.map_or_else(
        || "The runbook names no severity".to_owned(),
        |severity| format!("Severity, as the runbook names it: {}", code(severity)),
    ));
    facts.extend(
        run.incident
            .as_deref()
            .map(|incident| format!("Incident: {}", code(incident))),
    );
    let promise = run.promise.unwrap_or_default();
    for (what, promised) in [
        ("somebody is at work on it", promise.respond_within_ms),
        ("it is over", promise.resolve_within_ms),
    ] {
        facts.extend(promised.map(|ms| format!("Promised: {what} within {}", duration(ms))));
    }
    if promise.respond_within_ms.is_none() && promise.resolve_within_ms.is_none() {
        facts.push("The project file promises nothing for it".to_owned());
    }
    page.list(&facts);
}

/// When it was what, and how long that took.
pub(super) fn times(story: &Story<'_>, sections: &mut Sections) {
    let moments = Moments::of(story);
    let is_noted = moments
        .named()
        .iter()
        .any(|(_, moment)| moment.is_some_and(|moment| moment.note.is_some()));
    if !is_incident(&story.state) && !is_noted {
        return;
    }
    let page = sections.begin("times", "Times");
    let rows: Vec<[String; 3]> = moments
        .named()
        .into_iter()
        .map(|(name, moment)| {
            let at = moment.map_or_else(|| not_yet(story, name), |moment| date_time(moment.at));
            let by = moment.map_or_else(
                || "–".to_owned(),
                |moment| match moment.note {
                    Some(seq) => format!("a person, record {seq}"),
                    None => shown_by(name).to_owned(),
                },
            );
            [time_title(name).to_owned(), at, by]
        })
        .collect();
    page.table(["What", "When", "Who says so"], &rows);
    let rows: Vec<[String; 4]> = measures(story)
        .iter()
        .map(|measure| row(story, measure))
        .collect();
    page.table(["Measure", "Took", "Promised", "Kept"], &rows);
}

/// Why a time is not there.
fn not_yet(story: &Story<'_>, name: &str) -> String {
    if matches!(name, "mitigated" | "resolved") && story.state.outcome().is_none() {
        return "not yet, as far as the journal goes".to_owned();
    }
    "not known".to_owned()
}

/// What of a run shows a time that nobody has noted.
fn shown_by(name: &str) -> &'static str {
    match name {
        "acknowledged" => "the run: somebody started it",
        _ => "the run: its final checks passed",
    }
}

fn time_title(name: &str) -> &'static str {
    match name {
        "impact_start" => "It began to hurt",
        "detected" => "It was noticed",
        "acknowledged" => "Somebody was at work on it",
        "mitigated" => "It stopped hurting",
        _ => "It was over",
    }
}

fn row(story: &Story<'_>, measure: &Measure) -> [String; 4] {
    let ends = format!(
        "from “{}” to “{}”",
        time_title(measure.from).to_lowercase(),
        time_title(measure.to).to_lowercase()
    );
    let took = match measure.took {
        Took::Ms(ms) => duration(ms),
        Took::AtLeast(ms) if is_over(&story.state) => format!("at least the run’s own {}", duration(ms)),
        Took::AtLeast(ms) => format!("{} at least, and not over by then", duration(ms)),
        Took::Backwards => "**the times contradict each other**".to_owned(),
        Took::Unknown => "not known: a time is missing".to_owned(),
    };
    let promised = measure.promised_ms.map_or_else(|| "–".to_owned(), duration);
    let kept = match (measure.promised_ms, measure.kept()) {
        (None, _) => "–",
        (Some(_), Some(true)) => "yes",
        (Some(_), Some(false)) => "**no**",
        (Some(_), None) => "not known",
    };
    [
        format!("{}, {ends}", measure.title),
        took,
        promised,
        kept.to_owned(),
    ]
}

/// How it was noticed, and what the run found when it looked.
pub(super) fn detection(story: &Story<'_>, sections: &mut Sections) {
    let answers_of_run: Vec<String> = story
        .checks_for(None, CheckRole::Detect)
        .map(|(site, state)| {
            let answer = match state.verdict {
                Some(Verdict::Pass) => "yes",
                Some(Verdict::Fail) => "no",
                Some(Verdict::Error) => "it could not be asked",
                None => "no answer",
            };
            format!(
                "{}: **{answer}**{}",
                inline(&check_title(site, &story.state)),
                last_reading(state)
            )
        })
        .collect();
    let noted = answers(&story.state, NoteKind::Detected).next().is_some();
    if answers_of_run.is_empty() && !noted && !is_incident(&story.state) {
        return;
    }
    let page = sections.begin("detection", "Detection");
    answer(story, NoteKind::Detected, page);
    if !answers_of_run.is_empty() {
        page.paragraph("Whether there was anything to repair (`detect`):");
        page.list(&answers_of_run);
    }
}
