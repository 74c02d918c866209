//! Text to a tree, with bounds on size, depth and expansion.
//!
//! A text is at most [`MAX_BYTES`] long, at most [`MAX_DEPTH`] deep, and stands for at most [`MAX_NODES`]
//! values and [`MAX_ALIASED`] more bytes once its aliases are followed; so neither nested brackets, nor aliases of
//! aliases, nor many aliases of one long text can use up memory.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span as Marked, StrInput};

use crate::{
    Code, Entry, Finding, Findings, Kind, Node, Scalar, ScalarValue, SourceId, Span, Spanned, codes, unquoted,
};

/// The greatest length of a text, in bytes.
pub const MAX_BYTES: usize = 4 << 20;
/// The greatest depth of lists and mappings within each other.
pub const MAX_DEPTH: usize = 64;
/// The greatest number of values, aliases followed.
pub const MAX_NODES: usize = 200_000;

/// The greatest length of what anchors and aliases stand for, in bytes.
pub const MAX_ALIASED: usize = 16 << 20;

/// Reads a text that holds one YAML document. `None` means that a finding says why.
pub fn parse(source: SourceId, text: &str, findings: &mut Findings) -> Option<Node> {
    if text.len() > MAX_BYTES {
        let message = format!(
            "the file has {} bytes, more than the {MAX_BYTES} that are read",
            text.len()
        );
        findings.push(Finding::error(codes::TOO_LARGE, Span::new(source, 0, 0), message));
        return None;
    }
    let mut reader = Reader {
        source,
        text,
        parser: parser(text),
        anchors: HashMap::new(),
        nodes: 0,
        aliased: 0,
        findings,
    };
    match reader.document() {
        Ok(node) => Some(node),
        Err(stop) => {
            findings.push(*stop);
            None
        }
    }
}

/// Where a text stops being YAML.
fn first_error(text: &str) -> Option<usize> {
    let error = parser(text).find_map(Result::err)?;
    Some(error.marker().byte_offset().unwrap_or(text.len()))
}

/// A parser that passes over comments, whatever another crate of the program wants of the same parser.
fn parser(text: &str) -> Parser<'_, StrInput<'_>> {
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    Parser::new_from_str_with_options(text, options)
}

type Stop = Box<Finding>;

struct Reader<'a, 'f> {
    source: SourceId,
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    aliased: usize,
    findings: &'f mut Findings,
}

impl<'a> Reader<'a, '_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser's own enum, which may grow: all the rest is for `node` to judge"
    )]
    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, mark) = self.next()?;
            match event {
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(self.stop(
                        codes::YAML_FEATURE,
                        &mark,
                        "a second document begins here; a file holds one",
                    ));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd | Event::Anchor(..) => {}
                Event::StreamEnd => break,
                other => root = Some(self.node(other, &mark, 0)?),
            }
        }
        root.ok_or_else(|| {
            Box::new(Finding::error(
                codes::YAML,
                Span::new(self.source, 0, 0),
                "the file is empty",
            ))
        })
    }

    fn next(&mut self) -> Result<(Event<'a>, Marked), Stop> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let at = error
                    .marker()
                    .byte_offset()
                    .unwrap_or(self.text.len())
                    .min(self.text.len());
                let there = self.text.get(at..).and_then(|rest| rest.chars().next());
                let span = Span::new(self.source, at, at + there.map_or(0, char::len_utf8));
                let what = error.to_string();
                // The place is in the finding.
                let what = what.split(" at char ").next().unwrap_or(&what).trim();
                let (code, message) = if what.contains("recursion limit") {
                    (codes::TOO_LARGE, format!("more than {MAX_DEPTH} levels deep"))
                } else {
                    (codes::YAML, format!("this is not YAML: {what}"))
                };
                let meant = || unquoted::meant(self.text, at, first_error);
                let help = if what.contains("tab") {
                    Some("YAML is indented with spaces only".to_owned())
                } else if let Some(quoted) = (code == codes::YAML).then(meant).flatten() {
                    Some(format!("put the whole text in quotes: `{quoted}`"))
                } else if what.contains("quoted") || what.contains("flow") {
                    Some("look above: a quote or a bracket may not be closed".to_owned())
                } else {
                    None
                };
                Err(Box::new(Finding::error(code, span, message).maybe_help(help)))
            }
            None => Err(Box::new(Finding::error(
                codes::YAML,
                Span::new(self.source, self.text.len(), self.text.len()),
                "the text ends too early",
            ))),
        }
    }

    fn node(&mut self, event: Event<'a>, mark: &Marked, depth: usize) -> Result<Node, Stop> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.stop(codes::TOO_LARGE, mark, format!("more than {MAX_NODES} values")));
        }
        if depth > MAX_DEPTH {
            return Err(self.stop(
                codes::TOO_LARGE,
                mark,
                format!("more than {MAX_DEPTH} levels deep"),
            ));
        }
        if let Some(tag) = event.tag().filter(|tag| !tag.is_yaml_core_schema()) {
            let tag = tag.original();
            let finding = Finding::error(
                codes::YAML_FEATURE,
                self.span(mark),
                format!("`{tag}` is a YAML tag, and runbooks have none"),
            );
            self.findings
                .push(finding.help("to begin a value with `!`, put the whole value in quotes"));
        }
        let anchor = event.anchor_id();
        #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's enum is open")]
        let node = match event {
            Event::Scalar(text, style, ..) => self.scalar(&text, style, mark),
            Event::SequenceStart(..) => self.list(mark, depth)?,
            Event::MappingStart(..) => self.map(mark, depth)?,
            Event::Alias(id) => self.alias(id, mark)?,
            // The parser's enum is open to new kinds; none of the others begins a value.
            _ => return Err(self.stop(codes::YAML, mark, "a value is missing here")),
        };
        if let Some(anchor) = anchor {
            self.keep(length(&node), mark)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn scalar(&self, text: &str, style: ScalarStyle, mark: &Marked) -> Node {
        let value = if style == ScalarStyle::Plain {
            resolve(text)
        } else {
            ScalarValue::Text
        };
        Node {
            span: self.span(mark),
            kind: Kind::Scalar(Scalar {
                text: text.to_owned(),
                value,
            }),
        }
    }

    fn list(&mut self, start: &Marked, depth: usize) -> Result<Node, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, mark) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                let span = self.enclose(start, &mark, items.last().map(|item: &Node| item.span));
                return Ok(Node {
                    span,
                    kind: Kind::List(items),
                });
            }
            items.push(self.node(event, &mark, depth + 1)?);
        }
    }

    fn map(&mut self, start: &Marked, depth: usize) -> Result<Node, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, Span> = HashMap::new();
        let mut is_cut = false;
        loop {
            let (event, mark) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                let span = self.enclose(start, &mark, entries.last().map(|entry| entry.value.span));
                return Ok(Node {
                    span,
                    kind: Kind::Map(entries),
                });
            }
            let key = self.node(event, &mark, depth + 1)?;
            let (event, mark) = self.next()?;
            let value = self.node(event, &mark, depth + 1)?;
            if self.is_split(start, &key, &value) {
                if let Some(before) = entries.last_mut() {
                    self.join(before, &key);
                }
                if !is_cut {
                    self.split(&key);
                }
                is_cut = true;
                continue;
            }
            is_cut = false;
            self.insert(&mut entries, &mut seen, key, value);
        }
    }

    /// Whether this is a word without a colon in a mapping with braces: what a comma leaves of `{a: b,c}`.
    fn is_split(&self, start: &Marked, key: &Node, value: &Node) -> bool {
        let opening = start.byte_range().unwrap_or(0..0).start;
        let after = self.text.get(key.span.end..).unwrap_or_default();
        let before = self.text.get(..key.span.start).unwrap_or_default();
        value.is_null()
            && before.trim_end().ends_with(',')
            && self.text.get(opening..).is_some_and(|rest| rest.starts_with('{'))
            && after.trim_start().starts_with([',', '}'])
    }

    /// Puts a value together again that a comma has split, so that it is not wrong as well.
    fn join(&self, before: &mut Entry, key: &Node) {
        let value = &mut before.value;
        if let Kind::Scalar(scalar) = &mut value.kind
            && scalar.value == ScalarValue::Text
            && !self
                .text
                .get(value.span.start..)
                .is_some_and(|rest| rest.starts_with(['"', '\'']))
            && let Some(more) = self.text.get(value.span.end..key.span.end)
        {
            scalar.text.push_str(more);
            value.span.end = key.span.end;
        }
    }

    fn split(&mut self, key: &Node) {
        let word = key.text().unwrap_or_default();
        let message = format!("`{word}` stands alone in this mapping: a comma has split a value");
        let finding = Finding::error(codes::SPLIT_VALUE, key.span, message);
        self.findings
            .push(finding.help("put the whole value in quotes, the comma included"));
    }

    fn insert(&mut self, entries: &mut Vec<Entry>, seen: &mut HashMap<String, Span>, key: Node, value: Node) {
        let span = key.span;
        let Kind::Scalar(Scalar { text, .. }) = key.kind else {
            self.findings.push(
                Finding::error(
                    codes::YAML_FEATURE,
                    span,
                    "a key must be a word, not a list or a mapping",
                )
                .help("to begin a value with `{{`, put the whole value in quotes"),
            );
            return;
        };
        if text == "<<" {
            self.findings.push(
                Finding::error(
                    codes::YAML_FEATURE,
                    span,
                    "merge keys are not part of the language",
                )
                .help("write the keys out, or use `defaults`"),
            );
            return;
        }
        if let Some(first) = first_of(entries, seen, &text) {
            let finding = Finding::error(
                codes::DUPLICATE_KEY,
                span,
                format!("`{text}` stands twice in this mapping"),
            )
            .label("again here")
            .related(first, "first defined here")
            .help("keep one of them: YAML readers differ in which one they take");
            self.findings.push(finding);
            return;
        }
        entries.push(Entry {
            key: Spanned::new(text, span),
            value,
        });
    }

    fn alias(&mut self, id: usize, mark: &Marked) -> Result<Node, Stop> {
        let Some(node) = self.anchors.get(&id) else {
            return Err(self.stop(
                codes::YAML,
                mark,
                "an alias that stands inside what it stands for",
            ));
        };
        let (values, bytes) = (count(node), length(node));
        self.nodes += values;
        if self.nodes > MAX_NODES {
            return Err(self.stop(
                codes::TOO_LARGE,
                mark,
                format!("aliases expand to more than {MAX_NODES} values"),
            ));
        }
        self.keep(bytes, mark)?;
        // What is cloned has been counted.
        let kind = self.anchors.get(&id).map(|node| node.kind.clone());
        Ok(Node {
            span: self.span(mark),
            kind: kind.unwrap_or(Kind::List(Vec::new())),
        })
    }

    /// Counts what an anchor or an alias stands for.
    fn keep(&mut self, bytes: usize, mark: &Marked) -> Result<(), Stop> {
        self.aliased += bytes;
        if self.aliased > MAX_ALIASED {
            let message = format!("anchors and aliases stand for more than {MAX_ALIASED} bytes");
            return Err(self.stop(codes::TOO_LARGE, mark, message));
        }
        Ok(())
    }

    fn span(&self, mark: &Marked) -> Span {
        let range = mark.byte_range().unwrap_or(0..0);
        let end = range.end.min(self.text.len());
        let raw = self.text.get(range.start..end).unwrap_or_default();
        Span::new(self.source, range.start, range.start + raw.trim_end().len())
    }

    /// From the start of a collection to its closing bracket, or to the end of its last part.
    fn enclose(&self, start: &Marked, end: &Marked, last: Option<Span>) -> Span {
        let from = start.byte_range().unwrap_or(0..0).start;
        let closing = self.span(end);
        let to = if closing.end > closing.start {
            closing.end
        } else {
            last.map_or(from, |last| last.end)
        };
        Span::new(self.source, from, to.max(from))
    }

    fn stop(&self, code: Code, mark: &Marked, message: impl Into<String>) -> Stop {
        Box::new(Finding::error(code, self.span(mark), message))
    }
}

fn count(node: &Node) -> usize {
    1 + node.items().iter().map(count).sum::<usize>()
        + node
            .entries()
            .iter()
            .map(|entry| 1 + count(&entry.value))
            .sum::<usize>()
}

/// A mapping with more keys than this is looked through by a table.
const FEW: usize = 32;

/// Where a key stands in a mapping, if it has it. The table is made when there is much to look through.
fn first_of(entries: &[Entry], seen: &mut HashMap<String, Span>, key: &str) -> Option<Span> {
    if entries.len() <= FEW {
        let first = entries.iter().find(|entry| entry.key.value == key);
        return first.map(|entry| entry.key.span);
    }
    for entry in entries.iter().skip(seen.len()) {
        seen.insert(entry.key.value.clone(), entry.key.span);
    }
    seen.get(key).copied()
}

/// The bytes of all texts in a tree.
fn length(node: &Node) -> usize {
    let own = node.scalar().map_or(0, |scalar| scalar.text.len());
    let items: usize = node.items().iter().map(length).sum();
    let entries = node.entries().iter();
    own + items
        + entries
            .map(|entry| entry.key.value.len() + length(&entry.value))
            .sum::<usize>()
}

/// The core schema of YAML 1.2 (§10.3.2): `yes`, `on` and `0o17` of older versions are text.
fn resolve(text: &str) -> ScalarValue {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return ScalarValue::Null,
        "true" | "True" | "TRUE" => return ScalarValue::Bool(true),
        "false" | "False" | "FALSE" => return ScalarValue::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_or(ScalarValue::Text, ScalarValue::Integer);
    }
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if numeric {
        text.parse().map_or(ScalarValue::Text, ScalarValue::Float)
    } else {
        ScalarValue::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Node>, Vec<Finding>) {
        let mut findings = Findings::new();
        let node = parse(SourceId(0), text, &mut findings);
        (node, findings.into_sorted())
    }

    fn codes_of(text: &str) -> Vec<&'static str> {
        read(text).1.iter().map(|finding| finding.code.id).collect()
    }

    #[test]
    fn values_have_their_places() {
        let text = "name: pool\nsteps:\n  - id: a # first\n    shell: |\n      echo hi\n";
        let node = read(text).0.unwrap();
        let name = node.get("name").unwrap();
        assert_eq!(&text[name.span.start..name.span.end], "pool");
        let step = &node.get("steps").unwrap().items()[0];
        assert_eq!(&text[step.get("id").unwrap().span.start..][..1], "a");
        assert_eq!(step.get("shell").unwrap().text(), Some("echo hi\n"));
    }

    #[test]
    fn only_yaml_1_2_booleans_and_numbers() {
        use ScalarValue::{Bool, Float, Integer, Null, Text};
        let node = read("[on, yes, true, 1, -2, 1.5, 1e3, 1.2.0, 0x1f, '3', ~, '']")
            .0
            .unwrap();
        let kinds: Vec<ScalarValue> = node
            .items()
            .iter()
            .map(|item| item.scalar().unwrap().value.clone())
            .collect();
        let expected = [
            Text,
            Text,
            Bool(true),
            Integer(1),
            Integer(-2),
            Float(1.5),
            Float(1000.0),
            Text,
            Text,
            Text,
            Null,
            Text,
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn what_is_not_yaml_is_one_finding() {
        assert_eq!(codes_of("a: [1, 2\nb: 3\n"), ["RB0101"]);
        assert_eq!(codes_of(""), ["RB0101"]);
        assert_eq!(codes_of("a: *nope\n"), ["RB0101"]);
        assert_eq!(codes_of("a:\n\tb: 3\n").len(), 1);
    }

    #[test]
    fn duplicate_keys_tags_and_second_documents_are_reported() {
        assert_eq!(codes_of("a: 1\nb: 2\na: 3\n"), ["RB0102"]);
        assert_eq!(codes_of("a: !ok\n"), ["RB0104"]);
        assert_eq!(codes_of("a: 1\n---\nb: 2\n"), ["RB0104"]);
        assert_eq!(codes_of("a: &a {x: 1}\nb: {<<: *a}\n"), ["RB0104"]);
    }

    #[test]
    fn bombs_are_stopped() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = level - 1;
            let items = vec![format!("*a{before}"); 10].join(", ");
            bomb = format!("{bomb}a{level}: &a{level} [{items}]\n");
        }
        assert_eq!(codes_of(&bomb), ["RB0103"]);
        let long = format!(
            "a: &a {}\nb: [{}]\n",
            "x".repeat(1 << 20),
            vec!["*a"; 1000].join(", ")
        );
        assert_eq!(codes_of(&long), ["RB0103"]);
        let deep = "[".repeat(100_000);
        assert_eq!(codes_of(&deep).len(), 1);
    }
}
