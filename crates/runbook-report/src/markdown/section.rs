//! The parts that the report is made of.

use std::borrow::Cow;

use crate::markdown::page::Page;

/// The report after the incident, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The title, the verdict in one line, and what one wants to know at once. Its id is `head`.
    pub head: Section,
    /// The rest, in its order.
    pub sections: Vec<Section>,
}

/// A part of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it is called by other parts and in links: lower case, words joined by `-`, unique in a report.
    pub id: Cow<'static, str>,
    /// Its heading, in Markdown, on one line.
    pub title: String,
    /// What follows the heading, in Markdown. The headings in it begin with the third level.
    pub body: String,
}

impl Report {
    /// The whole of it, in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut page = Page::new();
        self.head.put(1, &mut page);
        for section in &self.sections {
            section.put(2, &mut page);
        }
        page.finish()
    }
}

impl Section {
    fn put(&self, level: usize, page: &mut Page) {
        page.heading(level, &self.title);
        if !self.body.is_empty() {
            page.block(&self.body);
        }
    }
}

/// The sections as they are written.
#[derive(Default)]
pub(super) struct Sections(Vec<(Cow<'static, str>, String, Page)>);

impl Sections {
    /// Begins the next one.
    pub(super) fn begin(&mut self, id: &'static str, title: &'static str) -> &mut Page {
        let section = (Cow::Borrowed(id), title.to_owned(), Page::new());
        &mut self.0.push_mut(section).2
    }

    /// Begins one that is not the program's own. No two have the same id.
    pub(super) fn begin_own(&mut self, id: &str, title: String) -> &mut Page {
        let taken = |id: &str| super::IDS.contains(&id) || self.0.iter().any(|(known, _, _)| known == id);
        let mut free = id.to_owned();
        for number in 1_usize.. {
            if !free.is_empty() && !taken(&free) {
                break;
            }
            free = format!("{id}-{number}");
        }
        let section = (Cow::Owned(free), title, Page::new());
        &mut self.0.push_mut(section).2
    }

    pub(super) fn finish(self) -> Vec<Section> {
        let sections = self.0.into_iter();
        sections
            .map(|(id, title, page)| Section {
                id,
                title,
                body: page.finish(),
            })
            .collect()
    }
}
