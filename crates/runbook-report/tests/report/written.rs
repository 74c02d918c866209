//! What people write, and the words in which it is told.

use runbook_event::{Author, Event, KnownBy, Note, NoteKind};

use crate::every::Told;

pub(crate) fn written() -> Told {
    let note = Note {
        kind: NoteKind::Note,
        text: String::from("the pager\nwent off "),
        by: Author {
            user: String::from("eve"),
            host: String::from("desk"),
            known_by: KnownBy::RequestOwner,
        },
        happened_at: None,
        corrects: None,
        owner: None,
        due: None,
        request: None,
    };
    let claimed = Note {
        kind: NoteKind::Detected,
        happened_at: Some("2026-11-07T09:00:00Z".parse().unwrap()),
        corrects: Some(7),
        ..note.clone()
    };
    let to_do = Note {
        kind: NoteKind::ActionItem,
        owner: Some(String::from("bob")),
        due: Some("2026-12-01".parse().unwrap()),
        ..note.clone()
    };
    vec![
        (Event::Note(Box::new(note)), "eve noted: the pager ⏎ went off"),
        (
            Event::Note(Box::new(claimed)),
            "eve noted `detected`: the pager ⏎ went off (claimed for 2026-11-07 09:00:00 UTC; in place of record 7)",
        ),
        (
            Event::Note(Box::new(to_do)),
            "eve noted `action-item`: the pager ⏎ went off (owner bob; due 2026-12-01)",
        ),
    ]
}
