//! The sections that a runbook or its project adds.

use std::borrow::Cow;

use runbook_event::{Notice, Words};

use crate::markdown::section::Sections;
use crate::story::Story;
use crate::text::{demoted, inline, visible};

/// Those that were written when the run last ended: what it said of itself before that is behind the times.
pub(super) fn write(story: &Story<'_>, sections: &mut Sections) {
    let since = story
        .sessions
        .last()
        .map_or(story.started_at, |session| session.at);
    for (at, notice) in &story.notices {
        let Notice::Section { title, text, why } = notice else {
            continue;
        };
        if *at < since {
            continue;
        }
        let page = sections.begin_own(&slug(title), inline(title));
        if let Some(why) = why {
            page.paragraph(&format!("**It could not be written**: {}.", inline(why)));
            continue;
        }
        let text: String = text
            .iter()
            .map(|words| match words {
                // What the author wrote is Markdown.
                Words::Written(text) => Cow::Borrowed(text.as_str()),
                Words::Value(value) if value.trim().is_empty() => Cow::Borrowed(""),
                Words::Value(value) => Cow::Owned(inline(value)),
            })
            .collect();
        page.paragraph(demoted(&text).trim_end());
    }
}

/// What a section is called in links: as its heading leads to.
fn slug(title: &str) -> String {
    let letters = visible(title).to_lowercase();
    let letters = letters.chars().filter_map(|letter| match letter {
        ' ' | '-' => Some('-'),
        letter => (letter.is_alphanumeric() || letter == '_').then_some(letter),
    });
    letters.collect()
}
