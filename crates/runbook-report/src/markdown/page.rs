//! A page as it grows. What it is given is Markdown already: texts of the run come through
//! [`crate::text`].

use jiff::Timestamp;

use crate::text::{cell, fence};

/// A page as it grows.
pub(super) struct Page(String);

impl Page {
    pub(super) fn new() -> Self {
        Self(String::new())
    }

    /// A heading of that level.
    pub(super) fn heading(&mut self, level: usize, text: &str) {
        self.block(&format!("{} {text}\n", "#".repeat(level)));
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.block(&format!("{text}\n"));
    }

    pub(super) fn list(&mut self, items: &[String]) {
        let lines: String = items.iter().flat_map(|item| ["- ", item, "\n"]).collect();
        if !items.is_empty() {
            self.block(&lines);
        }
    }

    pub(super) fn numbered(&mut self, items: &[String]) {
        let items: Vec<String> = (1..)
            .zip(items)
            .map(|(number, item)| format!("{number}. {item}\n"))
            .collect();
        if !items.is_empty() {
            self.block(&items.concat());
        }
    }

    /// A table, if it has rows.
    pub(super) fn table<const N: usize>(&mut self, columns: [&str; N], rows: &[[String; N]]) {
        if rows.is_empty() {
            return;
        }
        let mut lines = format!("| {} |\n|{}\n", columns.join(" | "), " --- |".repeat(N));
        for row in rows {
            let row: Vec<String> = row.iter().map(|text| cell(text)).collect();
            lines.push_str("| ");
            lines.push_str(&row.join(" | "));
            lines.push_str(" |\n");
        }
        self.block(&lines);
    }

    /// A text as it is, at most so many lines of it. Returns how many are left out.
    pub(super) fn verbatim(&mut self, text: &str, most: usize) -> usize {
        self.listing(text, "text", most)
    }

    /// A text as it is, in that language, at most so many lines of it. Returns how many are left out.
    pub(super) fn listing(&mut self, text: &str, language: &str, most: usize) -> usize {
        let (block, left_out) = fence(text, language, most);
        self.block(&block);
        left_out
    }

    /// All of a text as it is, in that language.
    pub(super) fn source(&mut self, text: &str, language: &str) {
        let (block, _) = fence(text, language, usize::MAX);
        self.block(&block);
    }

    /// Markdown as it is.
    pub(super) fn block(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(text);
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// A time with its date.
pub(super) fn date_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A time of the day; with its date, if that is another than that of `start`.
pub(super) fn time(at: Timestamp, start: Timestamp) -> String {
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let time = at.strftime("%H:%M:%S%.3f");
    if day(at) == day(start) {
        time.to_string()
    } else {
        format!("{} {time}", day(at))
    }
}
