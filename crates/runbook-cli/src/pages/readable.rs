//! A page for a terminal: headings stand out, code is indented, the rest is set to a width.

use crate::term::{BOLD, CODE, DIM, styled};

/// The page of a code, which has headings, paragraphs and code, and nothing else.
pub(super) fn readable(page: &str, width: usize) -> String {
    let mut text = String::new();
    let mut in_code = false;
    let mut paragraph = String::new();
    for line in page.lines().chain([""]) {
        if let Some(info) = line.strip_prefix("```") {
            in_code = !in_code;
            // What is wrong and what is right is told by the headings; a project file is told by nothing else.
            if in_code && info == "yaml,config" {
                text.extend([&styled(DIM, "    # runbook.config.yaml"), "\n\n"]);
            }
        } else if in_code {
            let indent = if line.is_empty() { "" } else { "    " };
            text.extend([indent, &styled(CODE, line), "\n"]);
        } else if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim();
            text.extend([&styled(BOLD, heading), "\n"]);
        } else if line.is_empty() {
            if !paragraph.is_empty() {
                text.push_str(&textwrap::fill(&inline(&paragraph), width));
                text.push('\n');
                paragraph.clear();
            }
            text.push('\n');
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line);
        }
    }
    format!("{}\n", text.trim_end())
}

/// A paragraph with its code marked.
fn inline(paragraph: &str) -> String {
    let mut text = String::new();
    for (at, part) in paragraph.split('`').enumerate() {
        if at % 2 == 1 {
            text.push_str(&styled(CODE, &format!("`{part}`")));
        } else {
            text.push_str(&part.replace("**", ""));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_set_to_a_width() {
        let page = "# A\n\nSome words that are\nset, and `code`.\n\n```yaml,wrong\na: 1\n\nb: 2\n```\n";
        let text = anstream::adapter::strip_str(&readable(page, 20)).to_string();
        assert_eq!(
            text,
            "A\n\nSome words that are\nset, and `code`.\n\n    a: 1\n\n    b: 2\n"
        );
    }
}
