//! `runbook explain`

use std::io::IsTerminal;

use runbook_document::{Code, codes};
use serde_json::json;

use crate::args::{Explain, Format};
use crate::error::Error;
use crate::pages;
use crate::term::{self, BOLD, CODE, DIM, styled};

/// How wide a text is set: as wide as reads well, or as the terminal is.
const WIDTH: usize = 96;

pub(crate) fn run(args: &Explain) -> Result<u8, Error> {
    let Some(given) = &args.code else {
        list(args.format);
        return Ok(0);
    };
    let code = pages::code(given).ok_or_else(|| unknown(given))?;
    match args.format {
        Format::Json => {
            let mut value = entry(code);
            value["markdown"] = json!(pages::page(code));
            term::print(&format!("{value:#}"));
        }
        Format::Text => {
            let terminal = std::io::stdout().is_terminal().then(term::width).flatten();
            let width = terminal.unwrap_or(WIDTH).min(WIDTH);
            term::print_raw(&readable(pages::page(code), width));
        }
    }
    Ok(0)
}

fn entry(code: Code) -> serde_json::Value {
    json!({"code": code.id, "title": code.title, "page": pages::path(code)})
}

fn list(format: Format) {
    match format {
        Format::Json => {
            let all: serde_json::Value = codes::ALL.iter().copied().map(entry).collect();
            term::print(&format!("{all:#}"));
        }
        Format::Text => {
            for code in codes::ALL {
                term::print(&format!("{}  {}", styled(BOLD, code.id), code.title));
            }
            term::print(&styled(DIM, "read one with `runbook explain CODE`"));
        }
    }
}

fn unknown(given: &str) -> Error {
    let meant = runbook_document::nearest(&pages::id(given), codes::ALL.iter().map(|code| code.id));
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`? `runbook explain` lists all codes"),
        None => "`runbook explain` lists all codes".to_owned(),
    };
    let given = runbook_report::visible(given);
    Error::usage_with(format!("there is no code `{given}`"), help)
}

/// A page for a terminal: headings stand out, code is indented, the rest is set to a width.
fn readable(page: &str, width: usize) -> String {
    let mut text = String::new();
    let mut in_code = false;
    let mut paragraph = String::new();
    for line in page.lines().chain([""]) {
        if let Some(info) = line.strip_prefix("```") {
            in_code = !in_code;
            // What is wrong and what is right is told by the headings; a project file is told by nothing else.
            if in_code && info == "yaml,config" {
                text.push_str(&format!("{}\n\n", styled(DIM, "    # runbook.config.yaml")));
            }
        } else if in_code {
            let indent = if line.is_empty() { "" } else { "    " };
            text.push_str(&format!("{indent}{}\n", styled(CODE, line)));
        } else if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim();
            text.push_str(&format!("{}\n", styled(BOLD, heading)));
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

/// A paragraph with its code marked, and of its links only the words.
fn inline(paragraph: &str) -> String {
    let mut text = String::new();
    for (at, part) in without_targets(paragraph).split('`').enumerate() {
        if at % 2 == 1 {
            text.push_str(&styled(CODE, &format!("`{part}`")));
        } else {
            text.push_str(&part.replace("**", ""));
        }
    }
    text
}

fn without_targets(text: &str) -> String {
    let mut rest = text;
    let mut words = String::new();
    while let Some((before, after)) = rest.split_once("](") {
        let (target, tail) = after.split_once(')').unwrap_or((after, ""));
        let (lead, word) = before.rsplit_once('[').unwrap_or((before, ""));
        words.push_str(lead);
        words.push_str(word);
        if target.contains("://") {
            words.push_str(&format!(" ({target})"));
        }
        rest = tail;
    }
    words.push_str(rest);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_set_to_a_width() {
        let page = "# A\n\nSome [words](../b.md) that are\nset, and `code`.\n\n```yaml,wrong\na: 1\n\nb: 2\n```\n";
        let text = anstream::adapter::strip_str(&readable(page, 20)).to_string();
        assert_eq!(text, "A\n\nSome words that are\nset, and `code`.\n\n    a: 1\n\n    b: 2\n");
    }

    #[test]
    fn no_page_has_a_link_or_a_fence_left() {
        for code in codes::ALL {
            let text = readable(pages::page(*code), 80);
            assert!(!text.contains("](") && !text.contains("```"), "{text}");
        }
    }
}
