//! What an action would change, found out without changing anything.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};

/// The most lines that a comparison of two texts shows: what is longer is told as a number.
const MOST_LINES: usize = 200;

/// The most lines that are compared one by one, between the first change and the last. The time that it takes grows with
/// the square of what differs.
const MOST_COMPARED: usize = 10_000;

/// How many unchanged lines stand around a change.
const AROUND: usize = 3;

/// What running an action would change, as far as that can be found out without changing anything.
///
/// Its summary holds no secret. Its lines are as the other side has them, as output is: whoever asked masks them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Preview {
    /// In a few words, without a full stop: “3 rows would change”.
    pub summary: String,
    /// How it was found out.
    pub sounding: Sounding,
    /// The details, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<PreviewLine>,
}

/// How it was found out what would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sounding {
    /// What is there was compared with what would be there, or the other side tried it and took it back.
    #[default]
    Tried,
    /// The other side says that it would take it. What it would do was not tried.
    Accepted,
}

/// One line of what would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewLine {
    /// What becomes of it.
    pub mark: Mark,
    /// The line, without a line break.
    pub text: String,
}

/// What becomes of a line, an object, a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It stays.
    Same,
    /// It would come.
    Added,
    /// It would go.
    Removed,
    /// It is said about the others.
    Note,
}

impl Mark {
    /// The character that stands before such a line.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Same => ' ',
            Self::Added => '+',
            Self::Removed => '-',
            Self::Note => '#',
        }
    }
}

impl PreviewLine {
    /// A line.
    pub fn new(mark: Mark, text: impl Into<String>) -> Self {
        Self {
            mark,
            text: text.into(),
        }
    }
}

impl Preview {
    /// A preview that says no more than this.
    pub fn new(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            ..Self::default()
        }
    }

    /// What would change of a text, with the lines around each change. Of two long texts that differ much it is only told
    /// how much.
    #[must_use]
    pub fn of_texts(before: &str, after: &str) -> Self {
        let (gone, come) = between(before, after);
        if gone > 0 && come > 0 && gone + come > MOST_COMPARED {
            return Self::new(format!("up to {gone} lines would go and up to {come} would come"));
        }
        let diff = TextDiff::from_lines(before, after);
        let (mut added, mut removed) = (0_usize, 0_usize);
        let mut lines = Vec::new();
        for (at, group) in diff.grouped_ops(AROUND).iter().enumerate() {
            if at > 0 {
                lines.push(PreviewLine::new(Mark::Note, "…"));
            }
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                let mark = match change.tag() {
                    ChangeTag::Equal => Mark::Same,
                    ChangeTag::Insert => Mark::Added,
                    ChangeTag::Delete => Mark::Removed,
                };
                added += usize::from(mark == Mark::Added);
                removed += usize::from(mark == Mark::Removed);
                lines.push(PreviewLine::new(
                    mark,
                    change.value().trim_end_matches(['\n', '\r']),
                ));
            }
        }
        let more = lines.len().saturating_sub(MOST_LINES);
        if more > 0 {
            lines.truncate(MOST_LINES);
            lines.push(PreviewLine::new(Mark::Note, format!("… {more} more lines")));
        }
        Self {
            summary: counted(added, removed),
            sounding: Sounding::Tried,
            lines,
        }
    }
}

/// How many lines of each text stand between the first that differs and the last.
fn between(before: &str, after: &str) -> (usize, usize) {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let alike = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| {
        pairs.take_while(|(one, other)| one == other).count()
    };
    let first = alike(&mut before.iter().zip(&after));
    let rest = |lines: &[&str]| lines.len() - first;
    let last = alike(&mut before.iter().rev().zip(after.iter().rev()))
        .min(rest(&before))
        .min(rest(&after));
    (rest(&before) - last, rest(&after) - last)
}

fn counted(added: usize, removed: usize) -> String {
    let lines = |count: usize| if count == 1 { "line" } else { "lines" };
    match (added, removed) {
        (0, 0) => "nothing would change".to_owned(),
        (added, 0) => format!("{added} {} would come", lines(added)),
        (0, removed) => format!("{removed} {} would go", lines(removed)),
        (added, removed) => format!("{removed} {} would go and {added} would come", lines(removed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(preview: &Preview) -> Vec<String> {
        let line = |line: &PreviewLine| format!("{}{}", line.mark.sign(), line.text);
        preview.lines.iter().map(line).collect()
    }

    fn numbers(count: usize) -> String {
        let lines: Vec<String> = (0..count).map(|line| line.to_string()).collect();
        format!("{}\n", lines.join("\n"))
    }

    #[test]
    fn a_change_is_shown_with_the_lines_around_it() {
        let before = "1\n2\n3\n4\nold\n6\n7\n8\n9\n";
        let preview = Preview::of_texts(before, &before.replace("old", "new"));
        assert_eq!(preview.summary, "1 line would go and 1 would come");
        assert_eq!(
            shown(&preview),
            [" 2", " 3", " 4", "-old", "+new", " 6", " 7", " 8"]
        );
    }

    #[test]
    fn changes_far_apart_are_shown_apart() {
        let before = numbers(40);
        let after = format!("first\n{before}last");
        let preview = Preview::of_texts(&before, &after);
        assert_eq!(preview.summary, "2 lines would come");
        let expected = ["+first", " 0", " 1", " 2", "#…", " 37", " 38", " 39", "+last"];
        assert_eq!(shown(&preview), expected);
    }

    #[test]
    fn equal_texts_have_no_lines() {
        assert_eq!(
            Preview::of_texts("a\n", "a\n"),
            Preview::new("nothing would change")
        );
    }

    #[test]
    fn long_texts_are_compared_only_where_that_is_quick() {
        let before = numbers(200_000);
        let preview = Preview::of_texts(&before, &before.replace("\n777\n", "\nx\n"));
        assert_eq!(preview.summary, "1 line would go and 1 would come");
        let turned: Vec<&str> = before.lines().rev().collect();
        let preview = Preview::of_texts(&before, &turned.join("\n"));
        assert_eq!(
            preview.summary,
            "up to 200000 lines would go and up to 200000 would come"
        );
        assert!(preview.lines.is_empty());
    }

    #[test]
    fn a_long_comparison_is_cut() {
        let after = numbers(10_000);
        let preview = Preview::of_texts("", &after);
        assert_eq!(preview.summary, "10000 lines would come");
        assert_eq!(preview.lines.len(), MOST_LINES + 1);
        assert_eq!(preview.lines[MOST_LINES].text, "… 9800 more lines");
    }
}
