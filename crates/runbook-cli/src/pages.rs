//! The pages of the book on codes, which the program carries with it.

use runbook_document::{Code, codes};

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code, in Markdown. A test proves that there is one for each.
pub(crate) fn page(code: Code) -> &'static str {
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
    fn a_code_is_known_however_it_is_written() {
        for given in ["RB0101", "rb0101", " 101", "0101", "Rb101"] {
            assert_eq!(code(given).map(|code| code.id), Some("RB0101"), "{given}");
        }
        for given in ["", "RB", "9999", "RB01010", "no_undo"] {
            assert_eq!(code(given), None, "{given}");
        }
    }
}
