//! `runbook list`

use std::collections::HashMap;

use runbook_document::{Document, Severity};
use runbook_journal::Summary;
use runbook_report::visible;
use serde_json::{Value, json};

use super::runs::outcome;
use crate::args::{Format, List};
use crate::describe::words;
use crate::error::Error;
use crate::project::Project;
use crate::survey::{Survey, Surveyed};
use crate::table::{self, Column};
use crate::term::{self, BAD, BOLD, DIM, GOOD, WARN, styled};

const COLUMNS: [Column; 10] = [
    column("", None, 0),
    column("NAME", None, 0),
    column("VERSION", None, 3),
    column("SEV", None, 0),
    column("OWNER", Some(8), 4),
    column("EFFECT", None, 2),
    column("LAST RUN (UTC)", None, 1),
    column("TITLE", Some(16), 0),
    column("CALLED BY", Some(12), 5),
    column("PATH", None, 6),
];

const fn column(heading: &'static str, least: Option<usize>, spare: u8) -> Column {
    Column {
        heading,
        least,
        spare,
    }
}

/// Where in the table what has a style stands.
const EFFECT: usize = 5;
const TITLE: usize = 7;
const PATH: usize = 9;

/// Lists the runbooks of a project. No process is started, no connection opened and no secret read for it.
pub(crate) fn run(project: &Project, args: &List) -> Result<u8, Error> {
    let mut project = project.clone();
    let paths = project.all_runbooks()?;
    let runs = runbook_journal::runs(&project.runs())?;
    let mut survey = Survey::of(&mut project, &paths, None, false)?;
    let findings = survey.findings(&project, Vec::new(), None);
    let mut errors = HashMap::new();
    for finding in findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
    {
        errors
            .entry(finding.span.source)
            .or_insert(finding.message.as_str());
    }
    // The newest come first, so the first of each name is its last run.
    let mut last: HashMap<&str, &Summary> = HashMap::new();
    for run in &runs {
        if let Some(name) = &run.runbook {
            last.entry(name).or_insert(run);
        }
    }
    let mut listed: Vec<Listed<'_>> = survey
        .runbooks
        .iter()
        .map(|one| Listed {
            one,
            error: errors.get(&one.loaded.source).copied(),
            last: last.get(name_of(one)).copied(),
        })
        .filter(|listed| listed.fits(args))
        .collect();
    listed.sort_by_key(|listed| (listed.folder().to_owned(), name_of(listed.one).to_owned()));
    match args.format {
        Format::Json => {
            let value: Value = listed.iter().map(Listed::json).collect();
            term::print(&format!("{value:#}"));
        }
        Format::Text if paths.is_empty() => {
            term::print("no runbooks yet; begin with `runbook new incident/disk-full`");
        }
        Format::Text if listed.is_empty() => {
            term::print(&format!("none of {} fits", words::count(paths.len(), "runbook")));
        }
        Format::Text => print(&project, &listed),
    }
    Ok(0)
}

/// Its name, or what its file is called where that cannot be read.
fn name_of(one: &Surveyed) -> &str {
    let stem = || {
        let file = one.loaded.file.file_stem();
        file.and_then(|stem| stem.to_str()).unwrap_or_default()
    };
    one.loaded
        .document
        .as_ref()
        .map_or_else(stem, |document| document.name.value.as_str())
}

/// A runbook of the catalogue.
struct Listed<'a> {
    one: &'a Surveyed,
    error: Option<&'a str>,
    last: Option<&'a Summary>,
}

impl Listed<'_> {
    fn document(&self) -> Option<&Document> {
        self.one.loaded.document.as_ref()
    }

    fn folder(&self) -> &str {
        let path = self.one.loaded.path.as_str();
        path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn severity(&self) -> &str {
        let severity = self.document().and_then(|document| document.severity.as_ref());
        severity.map_or("", |severity| severity.value.as_str())
    }

    fn owner(&self) -> &str {
        self.document()
            .and_then(|document| document.owner.as_deref())
            .unwrap_or_default()
    }

    fn title(&self) -> &str {
        self.document().map_or("", |document| document.title.as_str())
    }

    fn triggers(&self) -> Vec<String> {
        let triggers = self.document().map_or(&[] as &[_], |document| &document.triggers);
        triggers
            .iter()
            .map(|trigger| words::written_trigger(&trigger.on))
            .collect()
    }

    fn fits(&self, args: &List) -> bool {
        let same = |asked: &Option<String>, value: &str| {
            asked
                .as_ref()
                .is_none_or(|asked| asked.eq_ignore_ascii_case(value))
        };
        let within = |asked: &Option<String>, texts: &[&str]| {
            asked.as_ref().is_none_or(|asked| {
                let asked = asked.to_lowercase();
                texts.iter().any(|text| text.to_lowercase().contains(&asked))
            })
        };
        let has = |(name, value): &(String, String)| {
            let labels = self.document().map_or(&[] as &[_], |document| &document.labels);
            labels
                .iter()
                .any(|(key, label)| key.value == *name && label.value == *value)
        };
        let triggers = self.triggers();
        let triggers: Vec<&str> = triggers.iter().map(String::as_str).collect();
        same(&args.severity, self.severity())
            && same(&args.owner, self.owner())
            && args.label.iter().all(has)
            && within(&args.trigger, &triggers)
            && within(
                &args.pattern,
                &[name_of(self.one), self.title(), &self.one.loaded.path],
            )
    }

    fn row(&self) -> Vec<String> {
        let version = self
            .document()
            .map_or("", |document| document.version.value.as_str());
        let last = self.last.map(|run| {
            let began = run.started_at.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string());
            format!("{} {}", began.unwrap_or_default(), outcome(run))
        });
        let cells = [
            if self.error.is_some() { "✗" } else { "" },
            name_of(self.one),
            version,
            self.severity(),
            self.owner(),
            self.one.effect.map_or("", words::effect),
            last.as_deref().unwrap_or_default(),
            self.error.unwrap_or_else(|| self.title()),
            &self.triggers().join("; "),
            &self.one.loaded.path,
        ];
        cells.into_iter().map(visible).collect()
    }

    fn json(&self) -> Value {
        let document = self.document();
        let labels = document.map(|document| {
            let labels = document.labels.iter();
            labels
                .map(|(name, value)| (name.value.clone(), json!(value.value)))
                .collect::<serde_json::Map<_, _>>()
        });
        let last = self.last.map(|run| {
            json!({
                "run": run.run,
                "started_at": run.started_at.map(|at| at.to_string()),
                "ended_at": run.ended_at.map(|at| at.to_string()),
                "outcome": outcome(run),
            })
        });
        json!({
            "name": name_of(self.one),
            "version": document.map(|document| &document.version.value),
            "title": document.map(|document| &document.title),
            "severity": document.and_then(|document| Some(&document.severity.as_ref()?.value)),
            "owner": document.and_then(|document| document.owner.as_ref()),
            "labels": labels,
            "triggers": self.triggers(),
            "effect": self.one.effect.map(runbook_action::Effect::word),
            "last_run": last,
            "path": self.one.loaded.path,
            "error": self.error,
        })
    }
}

fn print(project: &Project, listed: &[Listed<'_>]) {
    let rows: Vec<Vec<String>> = listed.iter().map(Listed::row).collect();
    let widths = table::widths(&COLUMNS, &rows, term::width());
    let headings = COLUMNS.map(|column| column.heading);
    term::print(&table::line(&headings, &widths, |_, cell| styled(BOLD, cell)));
    for (row, one) in rows.iter().zip(listed) {
        let style = |at: usize, cell: &str| match (at, cell) {
            (0, _) | (EFFECT, "destroys") => styled(BAD, cell),
            (TITLE, _) if one.error.is_some() => styled(BAD, cell),
            (EFFECT, "reads") => styled(GOOD, cell),
            (EFFECT, "changes") => styled(WARN, cell),
            (PATH, _) => styled(DIM, cell),
            _ => cell.to_owned(),
        };
        term::print(&table::line(row, &widths, style));
    }
    let wrong = listed.iter().filter(|listed| listed.error.is_some()).count();
    if wrong > 0
        || project
            .findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    {
        let text = format!(
            "{wrong} of {} with errors; `runbook check` tells all of them",
            listed.len()
        );
        term::print(&styled(WARN, &text));
    }
}
