//! `runbook schema`

use std::path::Path;

use runbook_plan::schema;

use crate::args::{Schema, SchemaOf};
use crate::catalogue::catalogue;
use crate::identity::Environment;
use crate::term;

/// Prints a schema, or the reference. What an action accepts depends neither on the environment nor on a project.
pub(crate) fn run(args: &Schema) -> u8 {
    let nothing = Environment {
        vars: Vec::new(),
        directory: Path::new("/").to_owned(),
    };
    let catalogue = catalogue(&nothing, Path::new("/"));
    let text = match args.of {
        SchemaOf::Runbook => format!("{:#}", schema::runbook(&catalogue)),
        SchemaOf::Config => format!("{:#}", schema::config(&catalogue)),
        SchemaOf::Journal => format!("{:#}", runbook_event::schema()),
        SchemaOf::Stats => format!("{:#}", runbook_report::stats::schema()),
        SchemaOf::Report => format!("{:#}", runbook_report::schema()),
        SchemaOf::Reference => schema::reference(&catalogue).trim_end().to_owned(),
    };
    term::print(&text);
    0
}
