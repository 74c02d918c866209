//! Lists and mappings in brackets that are too long for a line, written without brackets: an entry a line, as an author
//! would write them.

use yaml_parser::{SyntaxKind, SyntaxNode};

/// How many are written anew in one text. More than that is no runbook that somebody wrote.
const MOST: usize = 2000;

/// The text with everything that stands in brackets on several lines written without them.
pub(super) fn unfold(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..MOST {
        let Some(next) = unfold_one(&text) else { break };
        text = next;
    }
    text
}

/// The first one that can be. Those within it are reached when it is done.
fn unfold_one(text: &str) -> Option<String> {
    let tree = yaml_parser::parse(text).ok()?;
    tree.descendants()
        .filter(|node| is_flow(node.kind()) && !node.ancestors().skip(1).any(|around| is_flow(around.kind())))
        .find_map(|node| unfolded(text, &node))
}

fn is_flow(kind: SyntaxKind) -> bool {
    kind == SyntaxKind::FLOW_MAP || kind == SyntaxKind::FLOW_SEQ
}

fn unfolded(text: &str, node: &SyntaxNode) -> Option<String> {
    let range = node.text_range();
    let (start, end) = (usize::from(range.start()), usize::from(range.end()));
    let has_comment = node
        .descendants_with_tokens()
        .any(|part| part.kind() == SyntaxKind::COMMENT);
    let rest = text.get(end..)?.split('\n').next()?;
    if has_comment || !text.get(start..end)?.contains('\n') || !rest.trim().is_empty() {
        return None;
    }
    let line = super::line_before(text, start);
    let (before, indent) = place(line)?;
    let is_list = node.kind() == SyntaxKind::FLOW_SEQ;
    let mut lines = Vec::new();
    for entry in entries(node) {
        let range = entry.text_range();
        let (from, to) = (usize::from(range.start()), usize::from(range.end()));
        let own = text.get(from..to)?.trim();
        let was = super::line_before(text, from);
        // One that does not begin its line is on one with others, where nothing can be said of its further lines.
        let stands_alone = was.trim().is_empty();
        if !stands_alone && own.contains('\n') {
            return None;
        }
        let column = indent + if is_list { 2 } else { 0 };
        let mark = if is_list { "- " } else { "" };
        for (at, part) in own.lines().enumerate() {
            lines.push(if at == 0 {
                format!("{}{mark}{part}", " ".repeat(indent))
            } else {
                let deep = part.len() - part.trim_start().len();
                let deep = (deep + column).saturating_sub(was.len());
                format!("{}{}", " ".repeat(deep), part.trim_start())
            });
        }
    }
    if lines.is_empty() {
        return None;
    }
    let mut all = lines.join("\n");
    if before.is_empty() {
        // It begins on the line of its dash.
        all = format!("{line}{}", all.get(line.len()..)?);
    } else {
        all = format!("{before}\n{all}");
    }
    let from = start - line.len();
    Some(format!(
        "{}{all}{}",
        text.get(..from)?,
        text.get(end + rest.len()..)?
    ))
}

/// What stays of the line before the bracket, and how far what is in it is indented: below a key, or beside a dash.
fn place(line: &str) -> Option<(&str, usize)> {
    let dashes = line.trim_start_matches([' ', '-']);
    let column = line.len() - dashes.len();
    let only_dashes = line.get(..column)?.split_whitespace().all(|word| word == "-");
    if !only_dashes || line.contains('\t') {
        return None;
    }
    if dashes.is_empty() {
        return line.contains('-').then_some(("", column));
    }
    let key = dashes.strip_suffix(": ")?;
    let is_plain = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    is_plain.then(|| (line.trim_end(), column + 2))
}

fn entries(node: &SyntaxNode) -> impl Iterator<Item = SyntaxNode> {
    let within = node.clone();
    node.descendants().filter(move |entry| {
        let is_entry =
            entry.kind() == SyntaxKind::FLOW_MAP_ENTRY || entry.kind() == SyntaxKind::FLOW_SEQ_ENTRY;
        let owner = entry.ancestors().skip(1).find(|around| is_flow(around.kind()));
        is_entry && owner.as_ref() == Some(&within)
    })
}
