//! What people wrote, on one line.

use jiff::Timestamp;
use runbook_event::Note;

use super::add;
use crate::text::visible;

/// A note on one line: who, what about, their words, and what they claim.
pub(crate) fn noted(note: &Note) -> String {
    let mut text = visible(&format!("{} noted", note.by.user));
    if note.kind != runbook_event::NoteKind::Note {
        add(&mut text, " ", &format!("`{}`", note.kind.word()));
    }
    add(&mut text, ": ", &visible(note.text.trim()));
    let claims = claims(note);
    if !claims.is_empty() {
        add(&mut text, " ", &format!("({})", claims.join("; ")));
    }
    text
}

/// What a note claims besides its text.
fn claims(note: &Note) -> Vec<String> {
    let mut claims = Vec::new();
    claims.extend(note.happened_at.map(|at| format!("claimed for {}", claimed(at))));
    claims.extend(
        note.corrects
            .map(|corrects| format!("in place of record {corrects}")),
    );
    claims.extend(
        note.owner
            .as_ref()
            .map(|owner| format!("owner {}", visible(owner))),
    );
    claims.extend(note.due.map(|due| format!("due {due}")));
    claims
}

/// A time that a person claims. Nobody knows it to the millisecond.
fn claimed(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
