//! The sections that a runbook or its project adds to the report.

use runbook_action::{Param, Segment};
use runbook_event::{Notice, Outcome, Words};
use runbook_plan::Template;
use runbook_plan::expression::Scope;

use crate::courses::Courses;
use crate::unit::Run;

/// The sections, written with what is known when the run ends. What cannot be written says why: a report is no reason
/// for a run to fail. A run that found nothing to do has nothing to say in them.
pub(super) fn written(run: &Run, outcome: Outcome) -> Vec<Notice> {
    let Some(course) = run.courses.get(None).filter(|_| outcome != Outcome::NotNeeded) else {
        return Vec::new();
    };
    let sections = &course.plan.about().sections;
    if sections.is_empty() {
        return Vec::new();
    }
    let scope = Courses::scope(&course, run, 0);
    let sections = sections.iter();
    sections
        .map(|(title, template)| section(title, template, &scope))
        .collect()
}

fn section(title: &str, template: &Template, scope: &Scope) -> Notice {
    let (text, why) = match template.render(scope) {
        Ok(text) => (words(&text), None),
        Err(error) => (
            Vec::new(),
            Some(format!("`{}`: {}", error.expression, error.error)),
        ),
    };
    Notice::Section {
        title: title.to_owned(),
        text,
        why,
    }
}

/// A text in its parts, with secrets masked.
fn words(text: &Param) -> Vec<Words> {
    let Param::Text(text) = text else {
        return vec![Words::Value(text.masked().to_string())];
    };
    let parts = text.segments().iter();
    parts
        .map(|part| match part {
            Segment::Literal(text) => Words::Written(text.clone()),
            Segment::Value(text) | Segment::Unknown(text) => Words::Value(text.clone()),
            Segment::Secret(secret) => Words::Value(secret.to_string()),
        })
        .collect()
}
