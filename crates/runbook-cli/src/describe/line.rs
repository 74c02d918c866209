//! Lines of words: what each part of a line is, and how it is set to a width.

use anstyle::Style;
use runbook_action::Effect;
use runbook_report::visible;
use textwrap::{Options, WordSeparator, WordSplitter};

use crate::term::{BAD, BOLD, CODE, DIM, GOOD, WARN, styled};

/// A template that is no longer stays on one line.
const WHOLE: usize = 40;

/// A blank at which no line ends.
const BOUND: &str = "\u{a0}";

/// How wide the labels of a step's lines are.
const LABEL: usize = 9;

/// What a part of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Words.
    Plain,
    /// What a person looks for.
    Heading,
    /// What is there for whoever needs it.
    Detail,
    /// A text of the language: an expression, an action.
    Code,
    /// Something that a person should know before.
    Warning,
    /// What is done to the world.
    Does(Effect),
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Heading => BOLD,
            Self::Detail => DIM,
            Self::Code => CODE,
            Self::Warning | Self::Does(Effect::Change) => WARN,
            Self::Does(Effect::Read) => GOOD,
            Self::Does(Effect::Destructive) => BAD,
        }
    }
}

/// A line before it is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    indent: usize,
    label: Option<&'static str>,
    /// How far its further lines are set in, beyond the first.
    hang: usize,
    parts: Vec<(Tone, String)>,
}

impl Line {
    /// An empty one.
    pub(crate) fn empty() -> Self {
        Self::default()
    }

    pub(crate) fn heading(text: &str) -> Self {
        Self::at(0).add(Tone::Heading, text)
    }

    /// One that begins here, and so do its further lines.
    pub(crate) const fn at(indent: usize) -> Self {
        Self {
            indent,
            label: None,
            hang: 0,
            parts: Vec::new(),
        }
    }

    /// One with a label before it.
    pub(crate) fn labelled(indent: usize, label: &'static str) -> Self {
        Self {
            label: Some(label),
            ..Self::at(indent)
        }
    }

    pub(crate) const fn hanging(mut self, hang: usize) -> Self {
        self.hang = hang;
        self
    }

    /// With more words. What an author wrote cannot steer the terminal.
    pub(crate) fn add(mut self, tone: Tone, text: &str) -> Self {
        if !text.is_empty() {
            self.parts.push((tone, bound(&visible(text))));
        }
        self
    }

    pub(crate) fn plain(self, text: &str) -> Self {
        self.add(Tone::Plain, text)
    }

    pub(crate) fn code(self, text: &str) -> Self {
        self.add(Tone::Code, text)
    }

    pub(crate) fn detail(self, text: &str) -> Self {
        self.add(Tone::Detail, text)
    }

    /// A text that stays on its line, however long that is, with the blanks that it has: a line of a file.
    pub(crate) fn verbatim(self, tone: Tone, text: &str) -> Self {
        self.add(tone, &text.replace(' ', BOUND).replace('\t', &BOUND.repeat(4)))
    }

    /// Whether it is the heading of what stands below it.
    pub(crate) const fn is_heading(&self) -> bool {
        self.indent == 0 && matches!(self.parts.as_slice(), [(Tone::Heading, _)])
    }

    /// How far it is set in, in columns.
    pub(crate) const fn indent(&self) -> usize {
        self.indent
    }

    /// What stands before it.
    pub(crate) const fn label(&self) -> Option<&'static str> {
        self.label
    }

    /// What stands on it.
    pub(crate) fn parts(&self) -> &[(Tone, String)] {
        &self.parts
    }

    /// Whether nothing stands on it yet but its label.
    pub(crate) const fn is_bare(&self) -> bool {
        self.parts.is_empty()
    }

    /// Set to a width, with styles, which whoever prints it takes out where they are not wanted.
    pub(crate) fn set(&self, width: usize) -> String {
        let first = " ".repeat(self.indent);
        let (first, rest) = match self.label {
            Some(label) => (
                format!("{first}{}", styled(DIM, &format!("{label:LABEL$}"))),
                " ".repeat(self.indent + LABEL),
            ),
            None => (first, " ".repeat(self.indent + self.hang)),
        };
        // Word by word, so that no style reaches over the end of a line.
        let words: String = self
            .parts
            .iter()
            .map(|(tone, text)| worded(*tone, text))
            .collect();
        let options = Options::new(width.max(40))
            .initial_indent(&first)
            .subsequent_indent(&rest)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation)
            .break_words(false);
        let set = textwrap::fill(&words, options).replace(BOUND, " ");
        set.trim_end().to_owned()
    }
}

/// The text with its short templates bound together.
fn bound(text: &str) -> String {
    let mut parts = text.split("{{");
    let mut bound = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inner, after) = part.split_once("}}").unwrap_or(("", ""));
        if inner.is_empty() || inner.len() > WHOLE {
            bound.extend(["{{", part]);
        } else {
            bound.extend(["{{", &inner.replace(' ', BOUND), "}}", after]);
        }
    }
    bound
}

fn worded(tone: Tone, text: &str) -> String {
    if tone == Tone::Plain {
        return text.to_owned();
    }
    let style = tone.style();
    let words = text.split(' ').map(|word| match word {
        "" => String::new(),
        word => styled(style, word),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Lines, set to a width.
pub(crate) fn set(lines: &[Line], width: usize) -> String {
    let lines: Vec<String> = lines.iter().map(|line| line.set(width)).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_set_to_a_width() {
        let line = Line::labelled(2, "does")
            .code("one two three four five six seven")
            .plain(" eight\nnine");
        let text = anstream::adapter::strip_str(&line.set(40)).to_string();
        assert_eq!(
            text,
            "  does     one two three four five six\n           seven eight ⏎ nine"
        );
        let line = Line::at(0).plain("a line that ends before {{ inputs.it }}, and {{ unclosed");
        assert_eq!(
            line.set(40),
            "a line that ends before {{ inputs.it }},\nand {{ unclosed"
        );
        let line = Line::at(0).code("one two three four five six seven eight nine ten");
        assert!(
            line.set(40)
                .lines()
                .all(|line| line.matches('\u{1b}').count() % 2 == 0)
        );
    }
}
