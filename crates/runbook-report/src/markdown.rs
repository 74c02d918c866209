//! The report after the incident, in Markdown.

mod appendix;
mod changes;
mod checks;
mod closing;
mod happened;
mod head;
mod incident;
mod measured;
mod outcome;
mod own;
mod page;
mod people;
mod section;
mod steps;
mod times;

use runbook_event::{NoteKind, Record};

pub use self::incident::{chronicle_markdown, incident_report, letter};
use self::section::Sections;
pub use self::section::{Report, Section};
use crate::story::{Error, Evidence, Story};

/// The ids of all sections that a report may have, besides those that a runbook or a project adds.
pub(crate) const IDS: [&str; 24] = [
    "head",
    "summary",
    "to-do-by-hand",
    "to-be-decided",
    "impact",
    "severity",
    "times",
    "detection",
    "what-happened",
    "root-cause",
    "trigger",
    "resolution",
    "before-and-after",
    "guards",
    "what-was-changed",
    "undone",
    "lessons-learned",
    "action-items",
    "follow-up",
    "timeline",
    "steps",
    "inputs",
    "evidence",
    "appendix",
];

/// The report after the incident, in parts.
pub fn report(records: &[Record], evidence: &Evidence<'_>) -> Result<Report, Error> {
    report_of(&Story::new(records)?, evidence)
}

/// The same of a run that is folded already.
pub(crate) fn report_of(story: &Story<'_>, evidence: &Evidence<'_>) -> Result<Report, Error> {
    let mut sections = Sections::default();
    told(story, &mut sections);
    times::write(story, &mut sections)?;
    steps::write(story, &mut sections);
    closing::inputs(story, &mut sections);
    closing::evidence(story, evidence, &mut sections);
    appendix::write(story, evidence, &mut sections);
    Ok(Report {
        head: head::section(story),
        sections: sections.finish(),
    })
}

/// What happened and why, and what is to be done: what most readers read. What is to be done at once comes first.
fn told(story: &Story<'_>, sections: &mut Sections) {
    changes::to_do(story, sections);
    changes::to_decide(story, sections);
    people::section(story, NoteKind::Summary, "summary", "Summary", sections);
    measured::impact(story, sections);
    measured::severity(story, sections);
    measured::times(story, sections);
    measured::detection(story, sections);
    happened::write(story, sections);
    people::section(story, NoteKind::RootCause, "root-cause", "Root cause", sections);
    people::section(story, NoteKind::Trigger, "trigger", "Trigger", sections);
    outcome::resolution(story, sections);
    checks::write(story, sections);
    changes::write(story, sections);
    people::lessons(story, sections);
    people::action_items(story, sections);
    outcome::follow_up(story, sections);
    own::write(story, sections);
}

/// The sections of the report after the incident, without its head.
pub fn sections(records: &[Record], evidence: &Evidence<'_>) -> Result<Vec<Section>, Error> {
    Ok(report(records, evidence)?.sections)
}

/// The report after the incident. The same records give the same bytes.
pub fn markdown(records: &[Record], evidence: &Evidence<'_>) -> Result<String, Error> {
    Ok(report(records, evidence)?.markdown())
}
