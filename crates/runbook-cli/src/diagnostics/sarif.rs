//! Findings in the Static Analysis Results Interchange Format, version 2.1.0, for code scanning.
//!
//! The standard wants `helpUri` absolute, and the book has no address that all readers could open. So each rule
//! carries its page itself.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use runbook_document::{Code, Finding, Severity, Span};
use runbook_report::visible;
use serde_json::{Value, json};

use super::{Checked, Column, level};
use crate::pages;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The name for the folder that paths begin at, which readers of the format know.
const ROOT: &str = "%SRCROOT%";

/// What may stand in a path of a URI as it is.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A log with one run.
pub(super) fn render(checked: &Checked<'_>) -> Value {
    // Each code that was found, with the gravest of its findings.
    let mut codes: BTreeMap<&str, (Code, Severity)> = BTreeMap::new();
    for finding in checked.findings {
        let (_, severity) = codes
            .entry(finding.code.id)
            .or_insert((finding.code, finding.severity));
        *severity = finding.severity.max(*severity);
    }
    let index = |id: &str| codes.keys().position(|known| *known == id);
    let results: Vec<Value> = checked
        .findings
        .iter()
        .map(|finding| result(checked, finding, index(finding.code.id)))
        .collect();
    let rules: Vec<Value> = codes
        .values()
        .map(|(code, severity)| rule(*code, *severity))
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "runbook",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "utf16CodeUnits",
            "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
            "results": results,
        }],
    })
}

fn rule(code: Code, severity: Severity) -> Value {
    let level = match severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let text = pages::readable(code, 80);
    json!({
        "id": code.id,
        "name": name(code.title),
        "shortDescription": {"text": sentence(code.title)},
        "help": {
            "text": anstream::adapter::strip_str(&text).to_string(),
            "markdown": pages::markdown(code),
        },
        "defaultConfiguration": {"level": level},
    })
}

/// A title as one word: `AKeyStandsTwice`.
fn name(title: &str) -> String {
    title
        .split(|char: char| !char.is_ascii_alphanumeric())
        .flat_map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or_default();
            [first.to_uppercase(), rest.to_owned()]
        })
        .collect()
}

fn sentence(title: &str) -> String {
    let first: String = title.chars().take(1).flat_map(char::to_uppercase).collect();
    let rest: String = title.chars().skip(1).collect();
    format!("{first}{rest}.")
}

fn result(checked: &Checked<'_>, finding: &Finding, rule: Option<usize>) -> Value {
    let mut text = visible(&finding.message);
    if let Some(help) = &finding.help {
        text = format!("{text}\nhelp: {}", visible(help));
    }
    let mut value = json!({
        "ruleId": finding.code.id,
        "ruleIndex": rule,
        "level": level(finding),
        "message": {"text": text},
        "locations": [location(checked, finding.span, &finding.label)],
    });
    if !finding.related.is_empty() {
        let related: Value = finding
            .related
            .iter()
            .map(|(span, remark)| location(checked, *span, remark))
            .collect();
        value["relatedLocations"] = related;
    }
    value
}

fn location(checked: &Checked<'_>, span: Span, remark: &str) -> Value {
    let place = checked.place(span, Column::Utf16);
    let mut value = json!({"physicalLocation": {
        "artifactLocation": artifact(&checked.path(&place.file)),
        "region": {
            "startLine": place.line,
            "startColumn": place.column,
            "endLine": place.end_line,
            "endColumn": place.end_column,
        },
    }});
    if !remark.is_empty() {
        value["message"] = json!({"text": visible(remark)});
    }
    value
}

fn artifact(path: &str) -> Value {
    let encoded = utf8_percent_encode(path, IN_PATH);
    if path.starts_with('/') {
        json!({"uri": format!("file://{encoded}")})
    } else {
        json!({"uri": encoded.to_string(), "uriBaseId": ROOT})
    }
}

#[cfg(test)]
mod tests {
    use super::{artifact, name, sentence};

    #[test]
    fn paths_become_uris() {
        let uri = |path: &str| artifact(path)["uri"].as_str().unwrap_or_default().to_owned();
        assert_eq!(uri("runbooks/a b#ü%.yaml"), "runbooks/a%20b%23%C3%BC%25.yaml");
        assert_eq!(uri("/tmp/x:y.yaml"), "file:///tmp/x%3Ay.yaml");
        assert_eq!(artifact("a.yaml")["uriBaseId"], "%SRCROOT%");
        assert!(artifact("/a.yaml")["uriBaseId"].is_null());
    }

    #[test]
    fn titles_become_names_and_sentences() {
        assert_eq!(name("a change without `rollback`"), "AChangeWithoutRollback");
        assert_eq!(sentence("a key stands twice"), "A key stands twice.");
    }
}
