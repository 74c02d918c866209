//! Reports by templates of one's own.

use runbook_event::{Outcome, Record};
use runbook_report::{Evidence, TemplateError, templated};

use crate::sample::{Sample, step};

fn records() -> Vec<Record> {
    let mut sample = Sample::new(vec![step("drain", &[])]);
    sample.run.outline.detect.clear();
    sample.run.runbook.title = "<b>*Full*</b>\n# pool".to_owned();
    sample
        .phase(runbook_event::Phase::Baseline)
        .phase(runbook_event::Phase::Steps)
        .does("drain")
        .phase(runbook_event::Phase::Verify)
        .ends(Outcome::Failed)
}

fn by(name: &str, source: &str) -> Result<String, TemplateError> {
    let records = records();
    templated(&records[..records.len() - 1], &Evidence::new("ab"), name, source)
}

fn wrong(source: &str) -> String {
    by("report.md", source).unwrap_err().to_string()
}

#[test]
fn a_template_places_sections_and_values() {
    let source = "# {{ report.runbook.title }}\n{% for step in report.steps %}\n- {{ step.id | code }} took {{ step.elapsed_ms | duration }}\n\
                  {% endfor %}\n{{ report.started_at | date }}, {{ report.exit_code }}{{ sections.guards }}\n## Inputs\n{{ sections.inputs }}";
    assert_eq!(
        by("report.md", source).unwrap(),
        "# &lt;b&gt;\\*Full\\*&lt;/b&gt; ⏎ # pool\n- `drain` took 340 ms\n2026-05-04 23:59:58 UTC, \n## Inputs\n\
         | Input | Value |\n| --- | --- |\n| `limit` | `80` |\n| `token` | `‹secret token›` |\n"
    );
    let parts = by("report.md", "{% for part in parts %}{{ part.id }} {% endfor %}").unwrap();
    assert_eq!(
        parts,
        "summary impact severity times detection what_happened root_cause trigger resolution before_and_after \
         what_was_changed lessons_learned action_items timeline steps inputs evidence appendix "
    );
}

#[test]
fn values_are_escaped_for_html_too() {
    let page = by("report.html.j2", "<p>{{ report.runbook.title }}</p>").unwrap();
    assert_eq!(page, "<p>&lt;b&gt;*Full*&lt;&#x2f;b&gt; ⏎ # pool</p>");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    assert_eq!(wrong("one\n{{ nothing }}"), "line 2: `nothing` is not defined");
    assert_eq!(
        wrong("{{ report.nothing }}"),
        "line 1: `report.nothing` is not defined"
    );
    assert!(wrong("a\nb {% if %}").starts_with("line 2: "));
    assert!(wrong("{{ report.run | nothing }}").starts_with("line 1: "));
    assert_eq!(
        wrong("\n{% include 'x' %}"),
        "line 2: it asks for another template"
    );
}

#[test]
fn a_template_that_runs_away_is_ended() {
    let nested = "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}";
    assert_eq!(wrong(nested), "line 1: it takes too long");
    let long = "{% set x = report.plan * 100000 %}{% for a in range(100) %}{{ x | safe }}{% endfor %}";
    assert_eq!(wrong(long), "line 1: the report gets longer than 64 MiB");
}
