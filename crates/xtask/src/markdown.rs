//! Just enough of Markdown to check links, anchors and tables.

use std::collections::BTreeSet;

/// The same text, with code (fenced or in backticks) replaced by blanks. Lines stay lines.
pub(crate) fn blank_code(text: &str) -> String {
    let mut fence: Option<&str> = None;
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let trimmed = line.trim_start();
        let marker = ["```", "~~~"]
            .into_iter()
            .find(|marker| trimmed.starts_with(marker));
        match (fence, marker) {
            (None, Some(marker)) => fence = Some(marker),
            (Some(open), Some(marker)) if open == marker => fence = None,
            (Some(_), _) => {}
            (None, None) => out.push_str(&blank_spans(line)),
        }
        out.push('\n');
    }
    out
}

/// The targets of all links, each with its line, counted from 1.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in blank_code(text).lines().enumerate() {
        let inline = line
            .match_indices("](")
            .filter_map(|(at, open)| line.get(at + open.len()..));
        let reference = line
            .trim_start()
            .strip_prefix('[')
            .filter(|tail| !tail.starts_with('^'))
            .and_then(|tail| tail.split_once("]: "));
        for tail in inline.map(closed).chain(reference.map(|(_, target)| target)) {
            let target = tail.split_whitespace().next().unwrap_or_default();
            found.push((index + 1, target.trim_matches(['<', '>']).to_owned()));
        }
    }
    found
}

/// The anchors that a page offers: its headings, as GitHub and mdBook name them, and explicit ones.
pub(crate) fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let blanked = blank_code(text);
    for (line, without_code) in text.lines().zip(blanked.lines()) {
        for attribute in ["id=\"", "name=\""] {
            let tails = without_code.split(attribute).skip(1);
            anchors.extend(tails.filter_map(|tail| Some(tail.split_once('"')?.0.to_owned())));
        }
        let title = without_code.trim_start_matches('#');
        let level = without_code.len() - title.len();
        if !(1..=6).contains(&level) || !title.starts_with(' ') {
            continue;
        }
        let title = line.trim_start_matches('#').trim();
        let (title, id) = title
            .strip_suffix('}')
            .and_then(|rest| rest.split_once("{#"))
            .unwrap_or((title, ""));
        let slug = if id.is_empty() { slug(title) } else { id.to_owned() };
        let again = (1..).map(|count| format!("{slug}-{count}"));
        let free = std::iter::once(slug.clone())
            .chain(again)
            .find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// The rows of the first table whose first column has this title, each with its line and its cells.
pub(crate) fn table(text: &str, first_column: &str) -> Vec<(usize, Vec<String>)> {
    let mut rows = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, cells(line)));
    let mut table = Vec::new();
    if rows.any(|(_, row)| {
        row.first()
            .is_some_and(|title| title.eq_ignore_ascii_case(first_column))
    }) {
        table.extend(rows.skip(1).take_while(|(_, row)| !row.is_empty()));
    }
    table
}

/// A cell as plain words: without links and backticks.
pub(crate) fn plain(cell: &str) -> String {
    let mut out = String::new();
    let mut rest = cell;
    while let Some((before, tail)) = rest.split_once("](") {
        out.push_str(before);
        rest = tail.split_once(')').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.retain(|char| !matches!(char, '[' | '`' | '*'));
    out.trim().to_owned()
}

fn cells(line: &str) -> Vec<String> {
    let inner = line
        .trim()
        .strip_prefix('|')
        .and_then(|tail| tail.strip_suffix('|'));
    inner
        .into_iter()
        .flat_map(|inner| inner.split('|'))
        .map(|cell| cell.trim().to_owned())
        .collect()
}

/// What is before the parenthesis that closes a link's target.
fn closed(tail: &str) -> &str {
    let mut depth = 0_usize;
    let end = tail.find(|char| {
        match char {
            '(' => depth += 1,
            ')' if depth == 0 => return true,
            ')' => depth -= 1,
            _ => {}
        }
        false
    });
    &tail[..end.unwrap_or(tail.len())]
}

fn blank_spans(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('`') {
        let (before, tail) = rest.split_at(open);
        let ticks = tail.len() - tail.trim_start_matches('`').len();
        let (marker, body) = tail.split_at(ticks);
        out.push_str(before);
        // Without its pair a backtick is itself.
        let span = body.find(marker).map_or(ticks, |close| close + 2 * ticks);
        out.extend(tail.chars().take(tail[..span].chars().count()).map(|_| ' '));
        rest = &tail[span..];
    }
    out.push_str(rest);
    out
}

fn slug(title: &str) -> String {
    let kept = plain(title).to_lowercase().replace(' ', "-");
    kept.chars()
        .filter(|char| char.is_alphanumeric() || matches!(char, '-' | '_'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_code() {
        let text = "[`a`](b.md#c) and ![d](<e.png> \"f\")\n```\n[g](h)\n```\n`[i](j)`\n[k]: l.md\n[^n]: o\n[m](n_(o).md)";
        let expected = [(1, "b.md#c"), (1, "e.png"), (6, "l.md"), (8, "n_(o).md")];
        let found = links(text);
        assert_eq!(
            found
                .iter()
                .map(|(line, to)| (*line, to.as_str()))
                .collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn anchors_are_those_of_github() {
        let text =
            "# A `b`: c & d\n## Twice\n## Twice\n<a id=\"x\"></a>\n```\n# no\n```\n# Own {#mine}\n#none\n";
        let expected = ["a-b-c--d", "twice", "twice-1", "x", "mine"].map(str::to_owned);
        assert_eq!(anchors(text), BTreeSet::from(expected));
    }

    #[test]
    fn a_table_is_found_by_its_first_column() {
        let text = "| x | y |\n| - | - |\n| 1 | 2 |\n\n| crate | why |\n| --- | --- |\n| [`a`](b) | c |\n\n| d | e |\n";
        assert_eq!(
            table(text, "crate"),
            [(7, vec!["[`a`](b)".to_owned(), "c".to_owned()])]
        );
        assert!(table(text, "absent").is_empty());
    }

    #[test]
    fn a_cell_is_read_as_words() {
        assert_eq!(plain("[`a`](b/c), `d` and **e**"), "a, d and e");
    }
}
