//! The report after the incident, in Markdown.

mod changes;
mod checks;
mod closing;
mod happened;
mod head;
mod page;
mod section;
mod steps;
mod times;

use runbook_event::Record;

use self::section::Sections;
pub use self::section::{Report, Section};
use crate::story::{Error, Evidence, Story};

/// The report after the incident, in parts.
pub fn report(records: &[Record], evidence: &Evidence<'_>) -> Result<Report, Error> {
    let story = Story::new(records)?;
    let mut sections = Sections::default();
    happened::write(&story, &mut sections);
    checks::write(&story, &mut sections);
    changes::write(&story, &mut sections);
    times::write(&story, &mut sections)?;
    steps::write(&story, &mut sections);
    closing::inputs(&story, &mut sections);
    closing::people(&mut sections);
    closing::evidence(&story, evidence, &mut sections);
    Ok(Report {
        head: head::section(&story),
        sections: sections.finish(),
    })
}

/// The sections of the report after the incident, without its head.
pub fn sections(records: &[Record], evidence: &Evidence<'_>) -> Result<Vec<Section>, Error> {
    Ok(report(records, evidence)?.sections)
}

/// The report after the incident. The same records give the same bytes.
pub fn markdown(records: &[Record], evidence: &Evidence<'_>) -> Result<String, Error> {
    Ok(report(records, evidence)?.markdown())
}
