//! What people say of the incident. What they have not said yet is marked, and asked.

use runbook_event::{NoteKind, NoteState};

use crate::markdown::page::{Page, date_time};
use crate::markdown::section::Sections;
use crate::questions::{QUESTIONS, answers, is_incident, missing};
use crate::story::Story;
use crate::text::{code, inline, paragraphs};

/// A section with what people say of one thing. Without an answer it is there only if one is asked for.
pub(super) fn section(
    story: &Story<'_>,
    kind: NoteKind,
    id: &'static str,
    title: &'static str,
    sections: &mut Sections,
) {
    if is_told(story, kind) {
        answer(story, kind, sections.begin(id, title));
    }
}

/// Whether there is something to tell or to ask.
fn is_told(story: &Story<'_>, kind: NoteKind) -> bool {
    answers(&story.state, kind).next().is_some()
        || missing(&story.state).iter().any(|question| question.kind == kind)
}

/// What people say of it, or that it is missing.
pub(super) fn answer(story: &Story<'_>, kind: NoteKind, page: &mut Page) {
    let mut any = false;
    for (seq, known) in answers(&story.state, kind) {
        any = true;
        page.paragraph(&paragraphs(&known.note.text));
        page.paragraph(&format!("— {}", signed(seq, known)));
    }
    if !any {
        lacks(story, kind, page);
    }
}

/// That an answer is missing, with the question, if it is asked for.
pub(super) fn lacks(story: &Story<'_>, kind: NoteKind, page: &mut Page) {
    let open = missing(&story.state);
    if let Some(question) = open.iter().find(|question| question.kind == kind) {
        page.paragraph(&format!("**MISSING**: {}", question.asks));
    }
}

/// Who wrote a note, when, and where it stands.
fn signed(seq: u64, known: &NoteState) -> String {
    let so = match known.note.happened_at {
        Some(at) => format!(", of {}", date_time(at)),
        None => String::new(),
    };
    format!(
        "{}{so}, written {} (record {seq})",
        code(&known.note.by.user),
        date_time(known.at)
    )
}

/// What went well, what did not, where it was luck, and what was learnt.
pub(super) fn lessons(story: &Story<'_>, sections: &mut Sections) {
    let parts = [
        (NoteKind::WentWell, "What went well"),
        (NoteKind::WentWrong, "What did not"),
        (NoteKind::Lucky, "Where we got lucky"),
        (NoteKind::Lesson, "Lessons"),
    ];
    let told: Vec<_> = parts
        .into_iter()
        .filter(|(kind, _)| is_told(story, *kind))
        .collect();
    if told.is_empty() {
        return;
    }
    let page = sections.begin("lessons-learned", "Lessons learned");
    for (kind, title) in told {
        page.heading(3, title);
        let items: Vec<String> = answers(&story.state, kind)
            .map(|(seq, known)| {
                format!(
                    "{} ({}, record {seq})",
                    inline(&known.note.text),
                    code(&known.note.by.user)
                )
            })
            .collect();
        page.list(&items);
        if items.is_empty() {
            lacks(story, kind, page);
        }
    }
}

/// What is done so that it does not happen again.
pub(super) fn action_items(story: &Story<'_>, sections: &mut Sections) {
    if !is_told(story, NoteKind::ActionItem) {
        return;
    }
    let page = sections.begin("action-items", "Action items");
    items(story, NoteKind::ActionItem, page);
    lacks_after(story, NoteKind::ActionItem, page);
}

fn lacks_after(story: &Story<'_>, kind: NoteKind, page: &mut Page) {
    if answers(&story.state, kind).next().is_none() {
        lacks(story, kind, page);
    }
}

/// A table of what is to be done.
pub(super) fn items(story: &Story<'_>, kind: NoteKind, page: &mut Page) {
    let rows: Vec<[String; 5]> = answers(&story.state, kind)
        .map(|(seq, known)| {
            let note = &known.note;
            let owner = note.owner.as_deref();
            [
                seq.to_string(),
                inline(&note.text),
                owner.map_or_else(|| "**MISSING**: who does it?".to_owned(), code),
                note.due.map_or_else(|| "–".to_owned(), |due| due.to_string()),
                state_of(known).to_owned(),
            ]
        })
        .collect();
    page.table(["Record", "What", "Owner", "Due", "State"], &rows);
}

/// Where something that is to be done stands.
const fn state_of(_known: &NoteState) -> &'static str {
    "open"
}

/// That answers are missing, and how they are given.
pub(super) fn open_questions(story: &Story<'_>) -> Option<String> {
    let open = missing(&story.state);
    let titles: Vec<String> = open
        .iter()
        .map(|question| question.title.to_lowercase())
        .collect();
    if titles.is_empty() {
        return None;
    }
    let asked = QUESTIONS
        .iter()
        .filter(|question| is_incident(&story.state) && is_told(story, question.kind))
        .count();
    let command = format!("runbook report {} --fill", crate::words::word(&story.run.run));
    let (are, them) = if open.len() == 1 {
        ("is", "it")
    } else {
        ("are", "them")
    };
    Some(format!(
        "**{} of {asked} answers that only people can give {are} missing**: {}. {} asks for {them}.",
        open.len(),
        titles.join(", "),
        code(&command)
    ))
}
