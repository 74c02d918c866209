//! The texts that were read, for whoever shows a place in them.

use runbook_document::SourceId;

/// The texts that were read, with the names under which they are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    pub(crate) names: Vec<String>,
    pub(crate) texts: Vec<String>,
}

impl Sources {
    /// The id of the text that will be added after so many others.
    pub(crate) fn next(&self, others: usize) -> SourceId {
        SourceId(u32::try_from(self.texts.len() + others).unwrap_or(u32::MAX))
    }

    pub(crate) fn add(&mut self, name: String, text: String) -> SourceId {
        let id = self.next(0);
        self.names.push(name);
        self.texts.push(text);
        id
    }

    fn at(source: SourceId) -> usize {
        usize::try_from(source.0).unwrap_or(usize::MAX)
    }

    pub(crate) fn text(&self, source: SourceId) -> &str {
        self.texts.get(Self::at(source)).map_or("", String::as_str)
    }

    pub(crate) fn name(&self, source: SourceId) -> &str {
        self.names.get(Self::at(source)).map_or("", String::as_str)
    }
}
