//! Reports by a template of one's own.
//!
//! A template is given data, and texts of the run are data too: whatever a value says, it is shown as text. Only the
//! sections are Markdown already.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, Value, context};
use runbook_event::Record;
use thiserror::Error;

use crate::json::json;
use crate::markdown::{IDS, Report, report};
use crate::story::{Error, Evidence};
use crate::text;
use crate::words::duration;

/// How many steps a template may take. The report of 100,000 records, with each of them in a line, needs a tenth.
const FUEL: u64 = 50_000_000;

/// How long a report may get, in bytes.
const LONGEST: usize = 64 << 20;

/// How deep a template may call itself.
const DEEPEST: usize = 64;

/// A template does not give a report.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The run cannot be told.
    #[error(transparent)]
    Run(#[from] Error),
    /// The template is wrong.
    #[error("line {line}: {text}")]
    Template {
        /// The line of the template, from 1.
        line: usize,
        /// What is wrong there.
        text: String,
        /// What stands there.
        found: Option<String>,
        /// The way out, where one is known.
        help: Option<String>,
    },
}

/// The report that a template gives. What is named `….html` gives HTML, all else Markdown.
///
/// It is given `report`, which is what [`json`] gives, `sections` by their ids with `_` for `-`, and `parts`, which are
/// the sections in their order with `id`, `title` and `body`.
pub fn templated(
    records: &[Record],
    evidence: &Evidence<'_>,
    name: &str,
    source: &str,
) -> Result<String, TemplateError> {
    let parts = report(records, evidence)?;
    let data = json(records, evidence)?;
    let wrong = |error: &minijinja::Error| told(error, source);
    let mut environment = environment();
    environment
        .add_template(name, source)
        .map_err(|error| wrong(&error))?;
    let template = environment.get_template(name).map_err(|error| wrong(&error))?;
    let given = context! {
        report => Value::from(Serde(&data)),
        sections => by_id(&parts),
        parts => in_order(&parts),
    };
    let mut written = Limited(Vec::new());
    template
        .render_captured_to(given, &mut written)
        .map_err(|error| wrong(&error))?;
    Ok(String::from_utf8_lossy(&written.0).into_owned())
}

/// Whether a template of this name gives HTML.
#[must_use]
pub fn is_html(name: &str) -> bool {
    let name = Path::new(name.strip_suffix(".j2").unwrap_or(name));
    let is = |ending| {
        name.extension()
            .is_some_and(|known| known.eq_ignore_ascii_case(ending))
    };
    is("html") || is("htm")
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEEPEST);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build();
    // Without marks of its own a syntax has nothing that could be wrong.
    if let Ok(syntax) = syntax {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|name| {
        if is_html(name) {
            AutoEscape::Html
        } else {
            AutoEscape::Custom("markdown".into())
        }
    });
    environment.set_formatter(shown);
    environment.add_filter("duration", duration);
    environment.add_filter("date", date);
    environment.add_filter("code", code);
    environment
}

/// Puts a value into the report, so that it stays text.
fn shown(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    if value.is_undefined() || value.is_safe() || matches!(value.kind(), ValueKind::Number | ValueKind::Bool)
    {
        return minijinja::escape_formatter(output, state, value);
    }
    let text = if value.is_none() {
        String::new()
    } else {
        value.to_string()
    };
    if text.is_empty() {
        return Ok(());
    }
    if matches!(state.auto_escape(), AutoEscape::Custom(_)) {
        let written = output.write_str(&text::inline(&text));
        return written.map_err(minijinja::Error::from);
    }
    minijinja::escape_formatter(output, state, &Value::from(text::visible(&text)))
}

/// A name or a value, as code.
fn code(value: &str) -> Value {
    Value::from_safe_string(text::code(value))
}

/// A time as it stands in reports.
fn date(at: &str) -> Result<String, minijinja::Error> {
    let wrong = |_| {
        let detail = format!("`{}` is no time", text::visible(at));
        minijinja::Error::new(ErrorKind::InvalidOperation, detail)
    };
    let at: Timestamp = at.parse().map_err(wrong)?;
    Ok(at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// The name of a section in a template.
fn named(id: &str) -> String {
    id.replace('-', "_")
}

/// The bodies by their names: all that there can be, so that one which this run does not have is empty.
fn by_id(parts: &Report) -> Value {
    let mut sections: BTreeMap<String, Value> = IDS.iter().map(|id| (named(id), Value::from(""))).collect();
    for section in std::iter::once(&parts.head).chain(&parts.sections) {
        sections.insert(named(&section.id), Value::from_safe_string(section.body.clone()));
    }
    Value::from_object(sections)
}

fn in_order(parts: &Report) -> Value {
    let parts = parts.sections.iter();
    parts
        .map(|section| {
            context! {
                id => named(&section.id),
                title => Value::from_safe_string(section.title.clone()),
                body => Value::from_safe_string(section.body.clone()),
            }
        })
        .collect()
}

/// An error of a template with its place.
fn told(error: &minijinja::Error, source: &str) -> TemplateError {
    let found = error
        .range()
        .and_then(|range| source.get(range))
        .map(text::visible);
    let found = found.filter(|found| !found.is_empty());
    let detail = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    let (message, help) = match (error.kind(), &found) {
        (ErrorKind::UndefinedError, Some(found)) => (
            format!("`{found}` is not defined"),
            Some("what there is: `report`, `sections` and `parts`; ask with `is defined` first".to_owned()),
        ),
        (ErrorKind::OutOfFuel, _) => (
            "it takes too long".to_owned(),
            Some("it repeats itself too often".to_owned()),
        ),
        (ErrorKind::TemplateNotFound, _) => (
            "it asks for another template".to_owned(),
            Some("a template for reports is one file".to_owned()),
        ),
        (ErrorKind::WriteFailure, _) => (format!("the report gets longer than {} MiB", LONGEST >> 20), None),
        (_, _) => (text::visible(&detail), None),
    };
    TemplateError::Template {
        line: error.line().unwrap_or(1),
        text: message,
        found,
        help,
    }
}

/// A report that may not get too long.
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
