//! What the run was given, what people must still write, and what proves the rest.

use runbook_action::Stream;

use crate::markdown::happened::named;
use crate::markdown::head::sub_runbooks;
use crate::markdown::section::Sections;
use crate::story::{Evidence, Story};
use crate::text::{code, inline};
use crate::words::value;

pub(super) fn inputs(story: &Story<'_>, sections: &mut Sections) {
    let page = sections.begin("inputs", "Inputs");
    if story.run.inputs.is_empty() {
        page.paragraph("The runbook was given none.");
    }
    let rows: Vec<[String; 2]> = story
        .run
        .inputs
        .iter()
        .map(|(name, given)| [code(name), code(&value(given))])
        .collect();
    page.table(["Input", "Value"], &rows);
}

pub(super) fn evidence(story: &Story<'_>, evidence: &Evidence<'_>, sections: &mut Sections) {
    let page = sections.begin("evidence", "Evidence");
    let mut facts = vec![
        format!("Records: {}", story.records.len()),
        format!("Head of the journal: {}", code(evidence.head)),
        format!("Plan: {}", code(&story.run.plan)),
        format!(
            "Runbook: {}, SHA-256 {}",
            code(&story.run.runbook.path),
            code(&story.run.runbook.sha256)
        ),
    ];
    facts.extend(sub_runbooks(story).into_iter().map(|sub| {
        let (name, version) = (code(&sub.name), inline(&sub.version));
        let (path, sha256) = (code(&sub.path), code(&sub.sha256));
        format!("Sub-runbook {name} {version}: {path}, SHA-256 {sha256}")
    }));
    if let Some(commit) = &story.run.commit {
        let differ = if commit.dirty {
            ", and files differed from it"
        } else {
            ""
        };
        facts.push(format!("Commit: {}{differ}", code(&commit.id)));
    }
    facts.extend(evidence.unread.iter().map(|name| {
        let name = code(name);
        format!("**Cannot be read**: {name} beside the journal. What it would show is left out here")
    }));
    page.list(&facts);
    let command = format!("runbook verify {} --head {}", story.run.run, evidence.head);
    page.paragraph(&format!(
        "{} shows whether the journal is still the one that this report tells of.",
        code(&command)
    ));
    let pinned: Vec<[String; 2]> = story
        .run
        .pinned
        .iter()
        .map(|(name, sha256)| [code(name), code(sha256)])
        .collect();
    page.table(["Text that decides", "SHA-256"], &pinned);
    let rows: Vec<[String; 5]> = story
        .outputs()
        .take(story.most)
        .map(|(step, part, output)| {
            let stream = match output.stream {
                Stream::Stdout => "stdout",
                Stream::Stderr => "stderr",
            };
            [
                output
                    .file
                    .as_deref()
                    .map_or_else(|| "in the journal".to_owned(), code),
                named(story, step),
                format!("{part}, {stream}"),
                output.bytes.to_string(),
                code(&output.sha256),
            ]
        })
        .collect();
    page.table(["Output", "Step", "Of", "Bytes", "SHA-256"], &rows);
}
