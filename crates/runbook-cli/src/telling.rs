//! A run as it is told: its records, with all that stands beside them.

use std::fs;
use std::path::{Path, PathBuf};

use runbook_event::TimedReading;
use runbook_journal::Run;
use runbook_report::{Evidence, TemplateError};

use crate::error::Error;
use crate::project::Project;

/// A run, read from its directory.
pub(crate) struct Telling {
    /// Its records.
    pub(crate) run: Run,
    readings: Vec<TimedReading>,
    texts: Vec<(String, Vec<u8>)>,
    unread: Vec<&'static str>,
}

impl Telling {
    /// Reads a run. What was changed in its journal is an error; what stands beside it and cannot be read is told as
    /// that, since a report without it is better than none.
    pub(crate) fn of(dir: &Path) -> Result<Self, Error> {
        let run = runbook_journal::read(dir)?;
        let mut unread = Vec::new();
        let readings = runbook_journal::readings(dir).unwrap_or_else(|_| {
            unread.push("readings.jsonl");
            Vec::new()
        });
        let texts = runbook_journal::pinned(dir).unwrap_or_else(|_| {
            unread.push("pinned");
            Vec::new()
        });
        Ok(Self {
            run,
            readings,
            texts,
            unread,
        })
    }

    /// What stands beside the records.
    pub(crate) fn evidence(&self) -> Evidence<'_> {
        Evidence {
            head: &self.run.head,
            readings: &self.readings,
            texts: &self.texts,
            unread: &self.unread,
        }
    }

    /// The report, by a template or as the program has it.
    pub(crate) fn markdown(&self, template: Option<&Template>) -> Result<String, Error> {
        let (records, evidence) = (&self.run.records, self.evidence());
        let Some(template) = template else {
            return Ok(runbook_report::markdown(records, &evidence)?);
        };
        let name = template.path.to_string_lossy();
        let told = runbook_report::templated(records, &evidence, &name, &template.source);
        told.map_err(|error| match error {
            TemplateError::Run(error) => error.into(),
            TemplateError::Template {
                line,
                text,
                found,
                help,
            } => {
                let found = found.filter(|found| !text.contains(found.as_str()));
                let found = found.map_or_else(String::new, |found| format!(" in `{found}`"));
                let message = format!("the template `{name}` gives no report: line {line}: {text}{found}");
                Error::Usage { message, help }
            }
        })
    }
}

/// What stands for the program's own template.
const OWN: &str = "default";

/// A template for reports.
pub(crate) struct Template {
    path: PathBuf,
    source: String,
}

impl Template {
    /// Whether it gives Markdown.
    pub(crate) fn is_markdown(&self) -> bool {
        !runbook_report::is_html(&self.path.to_string_lossy())
    }

    /// The one that is asked for, else the project's. None for the program's own.
    pub(crate) fn wanted(project: &Project, asked: Option<&str>) -> Result<Option<Self>, Error> {
        let path = match asked {
            Some(OWN) => return Ok(None),
            Some(path) => project.directory.join(path),
            None => {
                let Some(path) = &project.config.report_template else {
                    return Ok(None);
                };
                project.root.join(&path.value)
            }
        };
        let source = fs::read_to_string(&path).map_err(|error| Error::file("read", &path, &error))?;
        Ok(Some(Self { path, source }))
    }
}
