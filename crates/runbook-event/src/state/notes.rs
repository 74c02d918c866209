//! What people wrote, and what stands in whose place.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::RunState;
use super::transition::{Fits, ensure};
use crate::{Note, Record};

/// A note, as it is known after all records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteState {
    /// What was written.
    pub note: Note,
    /// When it was written.
    pub at: Timestamp,
    /// The `seq` of the note that stands in its place.
    pub corrected_by: Option<u64>,
}

impl NoteState {
    /// When it was so: as its author claims, or when it was written.
    #[must_use]
    pub fn happened_at(&self) -> Timestamp {
        self.note.happened_at.unwrap_or(self.at)
    }

    /// Whether it holds: no other stands in its place.
    #[must_use]
    pub const fn stands(&self) -> bool {
        self.corrected_by.is_none()
    }
}

impl RunState {
    /// What people wrote, by the `seq` of its record, in that order. What was corrected is among it.
    #[must_use]
    pub fn notes(&self) -> &IndexMap<u64, NoteState> {
        &self.notes
    }

    /// Whether a note may be the next record, and if not, why.
    pub fn admits(&self, note: &Note, at: Timestamp) -> Result<(), String> {
        ensure(self.started.is_some(), "the run has not begun")?;
        ensure(!note.text.trim().is_empty(), "a note has a text")?;
        ensure(
            note.text.len() <= Note::TEXT_BYTES,
            "a note has at most 16384 bytes",
        )?;
        let owner = note.owner.as_ref().map_or(0, String::len);
        ensure(
            owner <= Note::OWNER_BYTES,
            "the name of an owner has at most 200 bytes",
        )?;
        ensure(
            note.happened_at.is_none_or(|happened| happened <= at),
            "nobody notes what is still to happen",
        )?;
        ensure(
            note.kind.is_to_do() || (note.owner.is_none() && note.due.is_none()),
            "only what is to be done has an owner or is due",
        )?;
        let Some(corrects) = note.corrects else {
            return Ok(());
        };
        let wrong = self
            .notes
            .get(&corrects)
            .ok_or_else(|| format!("record {corrects} is no note, so there is nothing to correct"))?;
        match wrong.corrected_by {
            Some(by) => Err(format!(
                "record {corrects} was corrected by record {by}, so that is what can be corrected"
            )),
            None => Ok(()),
        }
    }

    /// The `seq` of the note that came by a request, once it was taken up.
    #[must_use]
    pub fn note_of_request(&self, request: &str) -> Option<u64> {
        let mut notes = self.notes.iter();
        let found = notes.find(|(_, known)| known.note.request.as_deref() == Some(request));
        found.map(|(seq, _)| *seq)
    }

    pub(super) fn noted(&mut self, record: &Record, note: &Note) -> Fits {
        self.admits(note, record.at)?;
        let wrong = note.corrects.and_then(|corrects| self.notes.get_mut(&corrects));
        if let Some(wrong) = wrong {
            wrong.corrected_by = Some(record.seq);
        }
        let note = NoteState {
            note: note.clone(),
            at: record.at,
            corrected_by: None,
        };
        self.notes.insert(record.seq, note);
        Ok(())
    }
}
