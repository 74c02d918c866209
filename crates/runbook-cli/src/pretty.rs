//! Setting a YAML text anew: the same values and the same comments, in one way of writing.
//!
//! `pretty_yaml` does the work, but for what is in brackets and too long for a line ([`blocks`]). What they made is compared
//! with what there was before anybody gets to see it.

mod blocks;

use pretty_yaml::config::{FormatOptions, LanguageOptions, LayoutOptions, LineBreak};
use runbook_document::{Finding, Findings, Kind, Node, SourceId, parse};
use yaml_parser::SyntaxKind;

/// How long a line may be before a list or mapping in brackets is set on several lines.
const WIDTH: usize = 120;

/// A comment that says this before a value keeps the value as it is.
const IGNORE: &str = "runbook-fmt-ignore";

/// Why a text is left as it is.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not YAML that a runbook may use.
    Findings(Vec<Finding>),
    /// The formatter cannot take it apart, for this reason.
    Unread(String),
    /// Formatting it would not have kept this.
    Loses(&'static str),
}

/// The text, formatted.
pub(crate) fn format(source: SourceId, text: &str) -> Result<String, Refusal> {
    let before = read(source, text)?;
    // A mark at the start of a file is not part of what it says.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = options(body);
    let pretty = |text: &str| {
        pretty_yaml::format_text(text, &options).map_err(|error| {
            let what = error.to_string();
            Refusal::Unread(what.lines().next().unwrap_or_default().to_owned())
        })
    };
    let folded = pretty(body)?;
    let set = unfolded(&folded, source, pretty).unwrap_or(folded);
    let set = aligned(body, &set).ok_or(Refusal::Loses("its comments"))?;
    let after = read(source, &set).map_err(|_| Refusal::Loses("its values"))?;
    if same(&before, &after) {
        Ok(set)
    } else {
        Err(Refusal::Loses("its values"))
    }
}

/// How often what was written without brackets is set again, until that changes nothing.
const ROUNDS: usize = 4;

/// The text without brackets that go over several lines, if that says the same and stays as it is.
fn unfolded(
    folded: &str,
    source: SourceId,
    pretty: impl Fn(&str) -> Result<String, Refusal>,
) -> Option<String> {
    let before = read(source, folded).ok()?;
    let mut text = folded.to_owned();
    for _ in 0..ROUNDS {
        let next = pretty(&blocks::unfold(&text)).ok()?;
        if next == text {
            let after = read(source, &text).ok()?;
            return same(&before, &after).then_some(text);
        }
        text = next;
    }
    None
}

fn read(source: SourceId, text: &str) -> Result<Node, Refusal> {
    let mut findings = Findings::new();
    let tree = parse(source, text, &mut findings);
    let findings = findings.into_sorted();
    // Of a key that stands twice the tree has one, so a tree with findings does not hold all of the text.
    tree.filter(|_| findings.is_empty())
        .ok_or(Refusal::Findings(findings))
}

fn options(text: &str) -> FormatOptions {
    FormatOptions {
        layout: LayoutOptions {
            print_width: WIDTH,
            indent_width: 2,
            // As most of the lines end.
            line_break: if text.matches("\r\n").count() * 2 > text.matches('\n').count() {
                LineBreak::Crlf
            } else {
                LineBreak::Lf
            },
        },
        language: LanguageOptions {
            brace_spacing: false,
            trailing_comma: false,
            ignore_comment_directive: IGNORE.to_owned(),
            // They would be lost from texts too, where they mean something.
            trim_trailing_whitespaces: false,
            ..LanguageOptions::default()
        },
    }
}

/// A comment: its text, and where it begins and ends.
struct Comment<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

fn comments(text: &str) -> Option<Vec<Comment<'_>>> {
    let tree = yaml_parser::parse(text).ok()?;
    tree.descendants_with_tokens()
        .filter(|part| part.kind() == SyntaxKind::COMMENT)
        .map(|part| {
            let range = part.text_range();
            let (start, end) = (usize::from(range.start()), usize::from(range.end()));
            let text = text.get(start..end)?.trim_end();
            Some(Comment { text, start, end })
        })
        .collect()
}

/// The new text, with the comments where their author put them as far as that goes: authors set comments below each
/// other, and what is commented out at the end of a list stays in it. `None` if a comment was lost.
fn aligned(before: &str, after: &str) -> Option<String> {
    let (old, new) = (comments(before)?, comments(after)?);
    let same = old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| old.text == new.text);
    if !same {
        return None;
    }
    let closing = closing(after, &new);
    let moved = new.get(closing).is_none_or(|_| {
        let indent = |text: &str, comments: &[Comment<'_>]| {
            let content = text.get(..comments.get(closing)?.start)?.trim_end();
            let line = line_before(content, content.len());
            Some(line.len() - line.trim_start().len())
        };
        indent(before, &old) != indent(after, &new)
    });
    let mut text = String::with_capacity(after.len());
    let mut done = 0;
    for (at, (old, new)) in old.iter().zip(&new).enumerate() {
        let (was, is) = (line_before(before, old.start), line_before(after, new.start));
        text.push_str(after.get(done..new.start)?);
        let keeps = if is.trim().is_empty() {
            at >= closing && !moved && was.trim().is_empty()
        } else {
            // After one space it is beside nothing but its own value.
            was.ends_with("  ")
        };
        if keeps {
            let missing = was.chars().count().saturating_sub(is.chars().count());
            text.extend(std::iter::repeat_n(' ', missing));
        }
        text.push_str(after.get(new.start..new.end)?);
        done = new.end;
    }
    text.push_str(after.get(done..)?);
    Some(text)
}

/// The first of the comments after which nothing but comments comes.
fn closing(text: &str, comments: &[Comment<'_>]) -> usize {
    let mut end = text.len();
    for (at, comment) in comments.iter().enumerate().rev() {
        let is_last = text
            .get(comment.end..end)
            .is_some_and(|rest| rest.trim().is_empty());
        if !is_last || !line_before(text, comment.start).trim().is_empty() {
            return at + 1;
        }
        end = comment.start;
    }
    0
}

/// What stands before a place on its line.
fn line_before(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    before.rsplit('\n').next().unwrap_or_default()
}

/// Whether two trees say the same, wherever it stands.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::Scalar(one), Kind::Scalar(other)) => one == other,
        (Kind::List(one), Kind::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Kind::Map(one), Kind::Map(other)) => {
            let pairs = one.iter().zip(other);
            one.len() == other.len()
                && pairs
                    .into_iter()
                    .all(|(one, other)| one.key.value == other.key.value && same(&one.value, &other.value))
        }
        (Kind::Scalar(_) | Kind::List(_) | Kind::Map(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(text: &str) -> String {
        let once = format(SourceId(0), text).unwrap_or_else(|refusal| panic!("{refusal:?}\n{text}"));
        assert_eq!(format(SourceId(0), &once).unwrap(), once, "twice is once");
        once
    }

    #[test]
    fn texts_are_set_in_one_way() {
        for (before, after) in [
            (
                "a:   1\n\n\n\nb:\n    - x\n    -  y\n",
                "a: 1\n\nb:\n  - x\n  - y\n",
            ),
            ("a: { b: 1, c: [ 2,3 ] }", "a: {b: 1, c: [2, 3]}\n"),
            (
                "a: 'x'\nb: 'say \"x\"'\nc: '\\d'\n",
                "a: \"x\"\nb: 'say \"x\"'\nc: '\\d'\n",
            ),
            ("a:   1   \r\nb: [1,2]\r\n", "a: 1\r\nb: [1, 2]\r\n"),
            ("\u{feff}a:  1\n", "a: 1\n"),
        ] {
            assert_eq!(formatted(before), after);
        }
    }

    #[test]
    fn what_is_too_long_for_brackets_is_written_without() {
        let (long, word) = ("x".repeat(50), "y".repeat(40));
        for (before, after) in [
            (
                format!("a:\n  - {{id: b, c: {long}, d: {long}, e: [1, 2], f: {{g: h}}}}\n  - {{id: z}}\n"),
                format!(
                    "a:\n  - id: b\n    c: {long}\n    d: {long}\n    e: [1, 2]\n    f: {{g: h}}\n  - {{id: z}}\n"
                ),
            ),
            (
                format!("a: {{b: {long}, c: {{d: {long}, e: {long}, g: 1}}}}\nf: 1\n"),
                format!("a:\n  b: {long}\n  c:\n    d: {long}\n    e: {long}\n    g: 1\nf: 1\n"),
            ),
            (
                format!("- k: [{word}, {word}, {word}]\n  l: 1\n"),
                format!("- k:\n    - {word}\n    - {word}\n    - {word}\n  l: 1\n"),
            ),
            (
                format!("- [{word}, {{a: {word}, b: {word}}}, [{word}, {word}, {word}]]\n"),
                format!(
                    "- - {word}\n  - {{a: {word}, b: {word}}}\n  - - {word}\n    - {word}\n    - {word}\n"
                ),
            ),
            (
                format!("a: {{b: \"{long} {long}\", c: 'it''s {long}'}}\r\nd: 1\r\n"),
                format!("a:\r\n  b: \"{long} {long}\"\r\n  c: 'it''s {long}'\r\nd: 1\r\n"),
            ),
        ] {
            assert_eq!(formatted(&before), after);
        }
        // What somebody remarks within stays beside it.
        let kept = format!("a: {{\n  b: {long}, # first\n  c: {long}\n}}\n");
        assert!(formatted(&kept).contains("# first"));
        let texts = format!("a: |\n  f() {{\n    {long}\n  }}\nb: {{}}\nc: []\n");
        assert_eq!(formatted(&texts), texts);
    }

    #[test]
    fn long_texts_stay_as_they_are() {
        let long = "word ".repeat(60);
        for text in [
            format!("a: >-\n  {long}end\n\n  two\nb: 1\n"),
            "a: |\n  one\n    two   \n\n  three\n".to_owned(),
            format!("a: \"{long}\"\n"),
            "a: |2\n    indented\n  less\n".to_owned(),
            "a: plain\n  on two lines\n".to_owned(),
        ] {
            assert_eq!(formatted(&text), text);
        }
    }

    #[test]
    fn comments_stay_with_what_they_are_beside() {
        let text = "# head\n\na: 1       # one\nbc: 22     # two\n# between\nd: # of d\n  - x # x\n\n  # last\n# of all\n";
        assert_eq!(formatted(text), text);
        // Where the value grows shorter, the comment keeps its column.
        let text = "a:    1  # one\nb: 'x' # two\n";
        assert_eq!(formatted(text), "a: 1     # one\nb: \"x\" # two\n");
        assert_eq!(formatted("a:  1 # one\n"), "a: 1 # one\n");
        assert_eq!(formatted("a:\n    - x\n    # y\n"), "a:\n  - x\n  # y\n");
        let kept = "# runbook-fmt-ignore\na:   {x:  1}\nb: 1\n";
        assert_eq!(formatted(kept), kept);
    }

    #[test]
    fn what_is_no_yaml_of_ours_is_refused() {
        for text in ["a: [1\n", "", "a: 1\na: 2\n", "a: !x 1\n", "a: 1\n---\nb: 2\n"] {
            let refused = format(SourceId(0), text);
            assert!(
                matches!(&refused, Err(Refusal::Findings(found)) if !found.is_empty()),
                "{text}: {refused:?}"
            );
        }
    }

    #[test]
    fn what_would_not_be_kept_is_refused() {
        // The formatter takes several empty lines for one, also where a text ends with them.
        let refused = format(SourceId(0), "a: |+\n  x\n\n\n\nb: 1\n");
        assert!(
            matches!(refused, Err(Refusal::Loses("its values"))),
            "{refused:?}"
        );
        let node = |text| read(SourceId(0), text).unwrap();
        for (one, other) in [
            ("a: 1", "a: '1'"),
            ("a: 1", "b: 1"),
            ("[1, 2]", "[1]"),
            ("a: 1\nb: 2", "b: 2\na: 1"),
            ("a: [x]", "a: {x: }"),
        ] {
            assert!(!same(&node(one), &node(other)), "{one} {other}");
        }
    }
}
