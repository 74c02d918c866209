//! The report after the incident, in Markdown.

mod changes;
mod checks;
mod closing;
mod happened;
mod head;
mod page;
mod steps;
mod times;

use runbook_event::Record;

use self::page::Page;
use crate::story::{Error, Evidence, Story};

/// The report after the incident. The same records give the same bytes.
pub fn markdown(records: &[Record], evidence: &Evidence<'_>) -> Result<String, Error> {
    let story = Story::new(records)?;
    let mut page = Page::new();
    head::write(&story, &mut page);
    happened::write(&story, &mut page);
    checks::write(&story, &mut page);
    changes::write(&story, &mut page);
    times::write(&story, &mut page)?;
    steps::write(&story, &mut page);
    closing::inputs(&story, &mut page);
    closing::people(&mut page);
    closing::evidence(&story, evidence, &mut page);
    Ok(page.finish())
}
