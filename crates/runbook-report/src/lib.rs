//! Tells about a run, from its records alone: [`timeline`], [`markdown`] for the report after the incident,
//! [`html`] for the same as a page with pictures, [`json`] for programs.
//!
//! It is pure, and knows neither the clock nor the file system: the same records give the same bytes. What
//! it says is what the records say. What a person must still find out is marked as missing, never invented.
//!
//! [`describe`], [`reading`] and [`duration`] are the words in which both the terminal and the report tell
//! of an event, and [`visible`] is what either must do to a text of the run before it shows it; [`text`] is the same for Markdown.

mod chronicle;
mod form;
mod html;
mod json;
mod markdown;
mod measures;
mod questions;
pub mod stats;
mod story;
mod template;
pub mod text;
mod timeline;
mod words;

pub use chronicle::{Chronicle, Time, Told, ToldRun, chronicle, chronicle_json, csv, otlp};
pub use form::{Filled, FormError, filled, form};
pub use html::{Medium, compared, html};
pub use json::{json, schema};
pub use markdown::{
    Report, Section, chronicle_markdown, incident_report, letter, markdown, report, sections,
};
pub use questions::{Question, missing};
pub use story::{Error, Evidence};
pub use template::{TemplateError, is_html, templated};
pub use text::visible;
pub use timeline::{Entry, EntryKind, timeline};
pub use words::{
    Doubt, assumed, by_hand, check_title, deed, depth, describe, doubts, duration, named, planned_undo,
    reading, resumed, role_word, step_of, step_title, undo_word, value, verdict_word, why_kept, why_skipped,
};
