//! The report as one page of HTML, with pictures.
//!
//! The words are those of the Markdown. The page needs no network and no script, its policy forbids both, and every text
//! of the run is text in it, whatever stands there. The same records give the same bytes.

mod axis;
mod baseline;
mod fate;
mod gantt;
mod graph;
mod markdown;
mod markup;
mod page;
mod series;
mod shell;
mod sparkline;
mod statistics;
mod style;
mod threshold;

use runbook_event::Record;

use crate::stats::Statistics;
use crate::story::{Error, Evidence};

/// What a page is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A screen, dark or light as its reader likes it. It prints well, too.
    Screen,
    /// Paper: light, and all that opens is open.
    Paper,
}

/// The report after the incident as a page of HTML. What is to be read is what the Markdown says, and the pictures are
/// drawn from the records and the readings beside them.
pub fn html(records: &[Record], evidence: &Evidence<'_>, medium: Medium) -> Result<String, Error> {
    page::write(records, evidence, medium)
}

/// What is known of many runs, as a page of HTML with plots. The same statistics give the same bytes.
#[must_use]
pub fn compared(statistics: &Statistics) -> String {
    statistics::write(statistics)
}
