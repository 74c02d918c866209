//! Whether `MySQL` and MariaDB read a text as everybody else does.
//!
//! What a statement does, where its values stand and where it ends was found out before anybody knew on which database
//! it runs. These servers read some pieces in their own way: a backslash in quotes, `#`, `--` without a blank, and
//! comments that are run. A text with such a piece would be another statement there than the one that was looked at,
//! so it is not sent.

use runbook_action::{ErrorKind, Failure};

use crate::statement::Statement;
use crate::token::{Kind, Token, tokens};

/// Refuses what these servers would read in another way.
pub(super) fn is_the_same(statement: &Statement<'_>) -> Result<(), Failure> {
    statement.has_no_places_like(&['?'])?;
    let tokens = tokens(statement.backquoted());
    match tokens.iter().find_map(differs) {
        Some((what, help)) => Err(Failure::new(
            ErrorKind::Other,
            format!("MySQL and MariaDB read {what} in their own way"),
        )
        .help(help)),
        None => Ok(()),
    }
}

/// Refuses statements that are to be done or not done together, if one of them ends what they are together in.
pub(super) fn is_all_or_none(statement: &Statement<'_>) -> Result<(), Failure> {
    if statement.transaction != Some(true) {
        return Ok(());
    }
    match statement.parts.iter().find_map(|part| part.commits) {
        Some(word) => Err(Failure::new(
            ErrorKind::Other,
            format!("`{word}` ends the transaction that it is in on MySQL and MariaDB"),
        )
        .about("transaction")
        .help("make it a step of its own, or say `transaction: false`")),
        None => Ok(()),
    }
}

/// What of a piece is read in another way, and what to write in its place.
fn differs(token: &Token<'_>) -> Option<(&'static str, &'static str)> {
    let text = token.text;
    match token.kind {
        Kind::Quoted if text.starts_with('$') => Some(("`$$`", "write the text in single quotes")),
        Kind::Quoted if text.starts_with(['e', 'E']) => Some(("`E'…'`", "leave the `E` out")),
        Kind::Quoted if !text.starts_with('`') && !ends_with_backslashes_read(text) => Some((
            "a backslash before a quote",
            "double the quote, or bind the text as `:name`",
        )),
        Kind::Blank if text.starts_with("/*!") || text.starts_with("/*M!") => {
            Some(("a comment that begins with `!`", "write it out, as a statement"))
        }
        Kind::Blank if text.starts_with("/*") && text.find("*/").is_none_or(|at| at + 2 != text.len()) => {
            Some(("a comment in a comment", "leave the inner one out"))
        }
        Kind::Blank
            if text
                .strip_prefix("--")
                .and_then(|rest| rest.chars().next())
                .is_some_and(|next| !next.is_ascii_whitespace()) =>
        {
            Some(("`--` without a blank", "write a blank after it"))
        }
        Kind::Other if text == "#" => Some(("`#`", "begin a comment with `-- `")),
        Kind::Bind | Kind::Word | Kind::Quoted | Kind::Blank | Kind::End | Kind::Numbered | Kind::Other => {
            None
        }
    }
}

/// Whether quotes end at the same place if a backslash takes the meaning from what follows it.
fn ends_with_backslashes_read(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    let Some(quote) = chars.next() else { return true };
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote && chars.next_if_eq(&quote).is_none() {
            return chars.next().is_none();
        }
    }
    // It does not end at all, if the other reading ends.
    !(text.len() > 1 && text.ends_with(quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_two_readings_is_found() {
        let found = |text: &str| tokens(text).iter().find_map(differs).is_some();
        for text in [
            r"SELECT '\'",
            r"SELECT '\' OR 1 --'",
            r#"SELECT "\""#,
            r"SELECT E'a'",
            "SELECT $$a$$",
            "SELECT 1 # comment",
            "SELECT 5--1",
            "SELECT 1 --comment",
            "SELECT /* a /* b */ c */ 1",
            "SELECT /*! 1, */ 2",
            "SELECT /*!50000 1, */ 2",
            "SELECT /*M!100000 1, */ 2",
        ] {
            assert!(found(text), "{text}");
        }
        for text in [
            "SELECT 'it''s', \"a\"\"b\", `c``d`",
            r"SELECT 'C:\\dir', '\n', 'a\%'",
            r"SELECT `\`",
            "SELECT 1 -- comment\n",
            "SELECT 1 --",
            "SELECT /* a */ /*+ hint */ 1",
            "SELECT @@version, @a := 5, x'00ff', _utf8'a', a$b",
            "SELECT ''",
        ] {
            assert!(!found(text), "{text}");
        }
    }
}
