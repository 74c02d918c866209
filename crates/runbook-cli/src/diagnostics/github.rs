//! Findings as workflow commands, which GitHub Actions shows beside the lines of a pull request.

use runbook_document::Finding;
use runbook_report::visible;

use super::{Checked, Column, level};

/// One command a finding.
pub(super) fn render(checked: &Checked<'_>) -> String {
    checked
        .findings
        .iter()
        .map(|finding| one(checked, finding))
        .collect()
}

fn one(checked: &Checked<'_>, finding: &Finding) -> String {
    let place = checked.place(finding.span, Column::Chars);
    let mut properties = vec![
        ("file", visible(&checked.path(&place.file))),
        ("line", place.line.to_string()),
        ("endLine", place.end_line.to_string()),
    ];
    // Columns of different lines are refused.
    if place.line == place.end_line {
        properties.push(("col", place.column.to_string()));
        properties.push(("endColumn", place.end_column.to_string()));
    }
    properties.push(("title", finding.code.id.to_owned()));
    let properties: Vec<String> = properties
        .iter()
        .map(|(name, value)| format!("{name}={}", property(value)))
        .collect();
    let mut message = visible(&finding.message);
    if let Some(help) = &finding.help {
        message = format!("{message}\nhelp: {}", visible(help));
    }
    format!(
        "::{} {}::{}\n",
        level(finding),
        properties.join(","),
        data(&message)
    )
}

/// What stands after the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands after a `=`, where `:` and `,` end the value.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{data, property};

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(data("100 %\r\nof a: b, c"), "100 %25%0D%0Aof a: b, c");
        assert_eq!(property("a,b:c%\n"), "a%2Cb%3Ac%25%0A");
        assert_eq!(data("%0A"), "%250A", "what looks escaped stays what it is");
    }
}
