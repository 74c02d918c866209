//! Findings as a JUnit report, which CI servers show as tests: a suite for each file, a failed test for each error.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use runbook_document::{Finding, Severity, SourceId, Span};
use runbook_report::visible;

use super::{Checked, Column};
use crate::project::CONFIG;

/// The report, with a suite for each file that was read.
pub(super) fn render(checked: &Checked<'_>) -> String {
    let mut report = Report::new("runbook check");
    for (at, name) in checked.sources.names.iter().enumerate() {
        let source = SourceId(u32::try_from(at).unwrap_or(u32::MAX));
        let is_here = |finding: &&Finding| finding.span.source == source;
        let findings: Vec<&Finding> = checked.findings.iter().filter(is_here).collect();
        // Others were only looked into.
        if findings.is_empty() && name != CONFIG && !checked.runbooks.contains(name) {
            continue;
        }
        let path = visible(&checked.path(name));
        let mut suite = TestSuite::new(path.as_str());
        for finding in findings {
            suite.add_test_case(case(checked, finding, &path));
        }
        if suite.test_cases.is_empty() {
            suite.add_test_case(in_file(
                TestCase::new("no findings", TestCaseStatus::success()),
                &path,
                1,
            ));
        }
        report.add_test_suite(suite);
    }
    // Writing into memory cannot fail.
    report.to_string().unwrap_or_default()
}

fn case(checked: &Checked<'_>, finding: &Finding, path: &str) -> TestCase {
    let place = checked.place(finding.span, Column::Chars);
    let message = visible(&finding.message);
    let name = format!("{} in line {}: {message}", finding.code.id, place.line);
    let told = told(checked, finding, &message);
    let mut case = match finding.severity {
        Severity::Error => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(finding.code.id)
                .set_message(message)
                .set_description(told);
            TestCase::new(name, status)
        }
        // A warning stops nothing, so its test passes, and says what is to be said.
        Severity::Warning => {
            let mut case = TestCase::new(name, TestCaseStatus::success());
            case.set_system_out(format!("warning: {told}"));
            case
        }
    };
    case.set_assertions(1);
    in_file(case, path, place.line)
}

/// All that is known of a finding, for people.
fn told(checked: &Checked<'_>, finding: &Finding, message: &str) -> String {
    let remark = |span: Span, text: &str| {
        let place = checked.place(span, Column::Chars);
        let file = visible(&checked.path(&place.file));
        format!("{file}:{}:{}: {}", place.line, place.column, visible(text))
    };
    let related = finding.related.iter().map(|(span, text)| remark(*span, text));
    let help = finding.help.iter().map(|help| format!("help: {}", visible(help)));
    let lines: Vec<String> = std::iter::once(remark(finding.span, message))
        .chain(related)
        .chain(help)
        .chain([format!("see `runbook explain {}`", finding.code.id)])
        .collect();
    lines.join("\n")
}

/// With the place in the attributes that GitLab and others read.
fn in_file(mut case: TestCase, path: &str, line: usize) -> TestCase {
    case.set_classname(path);
    case.extra.insert("file".into(), path.into());
    case.extra.insert("line".into(), line.to_string().into());
    case
}
