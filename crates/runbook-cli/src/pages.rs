//! The pages of the book on codes, which the program carries with it.

mod readable;

use runbook_document::{Code, codes};

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code, in Markdown, for where the rest of the book is not.
pub(crate) fn markdown(code: Code) -> String {
    let page = without_targets(page(code));
    // What is wrong and what is right is told by the headings; few readers know more than the language's name.
    ["wrong", "right", "config", "runbook", "base"]
        .iter()
        .fold(page, |page, word| {
            page.replace(&format!("```yaml,{word}\n"), "```yaml\n")
        })
}

/// The page of a code for a terminal. Where styles are not wanted, whoever prints it takes them out.
pub(crate) fn readable(code: Code, width: usize) -> String {
    readable::readable(&without_targets(page(code)), width)
}

/// The page as it is in the book. A test proves that there is one for each.
fn page(code: Code) -> &'static str {
    PAGES
        .iter()
        .find(|(id, _)| *id == code.id)
        .map_or(code.title, |(_, page)| page)
}

/// Where the page is in the book.
pub(crate) fn path(code: Code) -> String {
    format!("codes/{}.md", code.id)
}

/// The code that somebody means by `RB0101`, `rb0101` or `101`.
pub(crate) fn code(given: &str) -> Option<Code> {
    let id = id(given);
    codes::ALL.iter().find(|code| code.id == id).copied()
}

/// A code as it is written in full.
pub(crate) fn id(given: &str) -> String {
    let upper = given.trim().to_ascii_uppercase();
    let digits = upper.strip_prefix("RB").unwrap_or(&upper);
    format!("RB{digits:0>4}")
}

/// The text with the words of its links only: they lead to other pages of the book.
fn without_targets(text: &str) -> String {
    let mut rest = text;
    let mut words = String::new();
    while let Some((before, after)) = rest.split_once("](") {
        let (target, tail) = after.split_once(')').unwrap_or((after, ""));
        let (lead, word) = before.rsplit_once('[').unwrap_or((before, ""));
        words.push_str(lead);
        words.push_str(word);
        if target.contains("://") {
            words.extend([" (", target, ")"]);
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
    fn every_code_has_a_page() {
        for code in codes::ALL {
            let title = format!("# {}: {}\n", code.id, code.title);
            assert!(page(*code).starts_with(&title), "{}", code.id);
        }
    }

    #[test]
    fn no_page_has_a_link_or_a_fence_left() {
        for code in codes::ALL {
            let text = readable(*code, 80);
            assert!(!text.contains("](") && !text.contains("```"), "{text}");
            assert!(!markdown(*code).contains("](") && !markdown(*code).contains("```yaml,"));
        }
        assert_eq!(
            without_targets("a [b `c`](../d.md#e), [f](https://g)."),
            "a b `c`, f (https://g)."
        );
    }

    #[test]
    fn a_code_is_known_however_it_is_written() {
        for given in ["RB0101", "rb0101", " 101", "0101", "Rb101"] {
            assert_eq!(code(given).map(|code| code.id), Some("RB0101"), "{given}");
        }
        for given in ["", "RB", "9999", "RB01010", "no_undo"] {
            assert_eq!(code(given), None, "{given}");
        }
    }
}
