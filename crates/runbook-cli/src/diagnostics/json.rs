//! Findings for programs: one list, with a place, what to do and a page for each.

use runbook_document::{Finding, Span};
use serde_json::{Map, Value, json};

use super::{Checked, Column, level};
use crate::pages;

/// The findings as a list.
pub(super) fn render(checked: &Checked<'_>) -> Value {
    checked
        .findings
        .iter()
        .map(|finding| one(checked, finding))
        .collect()
}

fn one(checked: &Checked<'_>, finding: &Finding) -> Value {
    let related: Vec<Value> = finding
        .related
        .iter()
        .map(|(span, text)| {
            let mut value = place(checked, *span);
            value.insert("message".to_owned(), json!(text));
            Value::Object(value)
        })
        .collect();
    let label = (!finding.label.is_empty()).then_some(&finding.label);
    let mut value = place(checked, finding.span);
    for (key, item) in [
        ("code", json!(finding.code.id)),
        ("severity", json!(level(finding))),
        ("message", json!(finding.message)),
        ("label", json!(label)),
        ("help", json!(finding.help)),
        ("related", json!(related)),
        ("page", json!(pages::path(finding.code))),
    ] {
        value.insert(key.to_owned(), item);
    }
    Value::Object(value)
}

/// A place as file, line and column; columns count characters.
fn place(checked: &Checked<'_>, span: Span) -> Map<String, Value> {
    let place = checked.place(span, Column::Chars);
    [
        ("file", json!(place.file)),
        ("line", json!(place.line)),
        ("column", json!(place.column)),
        ("end_line", json!(place.end_line)),
        ("end_column", json!(place.end_column)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}
