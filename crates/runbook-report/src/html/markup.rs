//! Texts of a run in HTML: in each of them nothing can hide, and nothing is taken for markup.

use crate::text::visible;

/// How many characters of a text a picture shows.
const SHOWN: usize = 160;

/// A text of the run, for the content of an element and for the value of an attribute.
pub(super) fn text(raw: &str) -> String {
    escaped(&visible(raw))
}

/// The same, cut if it is long.
pub(super) fn short(raw: &str) -> String {
    let shown = visible(raw);
    match shown.char_indices().nth(SHOWN) {
        Some((end, _)) => escaped(&format!("{}…", &shown[..end])),
        None => escaped(&shown),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            char => out.push(char),
        }
    }
    out
}

/// A table whose cells are HTML already, in a box of its own that scrolls where it is too wide.
pub(super) fn table(name: &str, columns: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = columns
        .iter()
        .map(|column| format!("<th scope=\"col\">{column}</th>"))
        .collect();
    let head = head.concat();
    let mut out = format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{name}\"><table><thead><tr>{head}</tr></thead><tbody>\n"
    );
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            out.push_str(if cell.len() > 24 {
                "<td class=\"t\">"
            } else {
                "<td>"
            });
            out.push_str(cell);
            out.push_str("</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

/// What opens to more: closed on a screen, open on paper.
pub(super) fn details(summary: &str, open: bool, body: &str) -> String {
    let open = if open { " open" } else { "" };
    format!("<details{open}><summary>{summary}</summary>\n{body}</details>\n")
}
