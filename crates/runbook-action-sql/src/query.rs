//! The text of a statement, with the values that are part of it.
//!
//! Most statements take their values as parameters. Those that take none (`ALTER ROLE`, `VACUUM`, `SET`) may have
//! some in their text, each as one literal or one name. Who writes templates has seen to the quotes; here each value is
//! held to it again, and so is its place: within quotes or next to a word it would become part of another piece.

use runbook_action::{Args, Failure, Param, Segment};

use crate::part::parts;
use crate::spec::IDENT;
use crate::token::{Kind, Token, tokens};

/// A name that no function, table or role has.
pub(crate) const PLACE: &str = "runbook$value";

/// The text of a statement.
#[derive(Debug)]
pub(crate) struct Query {
    /// With all values that are known.
    text: String,
    /// The same, with the names among the values in backquotes: elsewhere than in standard SQL, double quotes may be
    /// those of a text, in which a backslash means something.
    backquoted: String,
    /// With a harmless piece in the place of each value: what has the structure, whatever the values are.
    outline: String,
    /// The same, with a number in the place of each literal: some statements take only that.
    numbers: Option<String>,
    /// For people.
    shown: String,
    holds_secret: bool,
}

impl Query {
    /// Reads it, and holds each value to being one piece.
    pub(crate) fn read(args: &Args<'_>) -> Result<Self, Failure> {
        let Param::Text(text) = args.param() else {
            return args.literal().map(Self::literal);
        };
        if let Some(text) = text.as_literal() {
            return Ok(Self::literal(text));
        }
        let mut query = Self {
            shown: text.to_string(),
            holds_secret: text.is_secret(),
            ..Self::literal("")
        };
        let mut numbers = String::new();
        let mut places = Vec::new();
        for segment in text.segments() {
            let (value, is_name) = match segment {
                Segment::Literal(text) => {
                    query.text.push_str(text);
                    query.backquoted.push_str(text);
                    query.outline.push_str(text);
                    numbers.push_str(text);
                    continue;
                }
                Segment::Value(value) => (value.as_str(), value.starts_with('"')),
                Segment::Secret(secret) => (secret.reveal(), secret.reveal().starts_with('"')),
                Segment::Unknown(expression) => ("", ends_with_ident(expression)),
            };
            if !matches!(segment, Segment::Unknown(_)) && !is_one_piece(value) {
                return Err(args.wrong(
                    "must be written out: only `{{ x | sql_literal }}` and `{{ x | sql_ident }}` may be part of it",
                ));
            }
            let quote = if is_name { '"' } else { '\'' };
            let from = query.outline.len();
            query.text.push_str(value);
            query.backquoted.push_str(&in_backquotes(value));
            query
                .outline
                .extend([quote.to_string().as_str(), PLACE, quote.to_string().as_str()]);
            numbers.push_str(if is_name { "\"runbook$value\"" } else { "1" });
            places.push(from..query.outline.len());
        }
        query.places_are_whole(args, &places)?;
        query.runs_no_value(args)?;
        query.numbers = Some(numbers);
        Ok(query)
    }

    /// What is written out.
    pub(crate) fn literal(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            backquoted: text.to_owned(),
            outline: text.to_owned(),
            numbers: None,
            shown: text.to_owned(),
            holds_secret: false,
        }
    }

    /// The text, with all values that are known.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text with all values that are known, and the names among them in backquotes.
    pub(crate) fn backquoted(&self) -> &str {
        &self.backquoted
    }

    /// The text with a harmless piece in the place of each value.
    pub(crate) fn outline(&self) -> &str {
        &self.outline
    }

    /// Whether a secret is part of it.
    pub(crate) const fn holds_secret(&self) -> bool {
        self.holds_secret
    }

    /// The texts that tell what the statement does.
    pub(crate) fn readings(&self) -> Vec<String> {
        std::iter::once(&self.outline)
            .chain(&self.numbers)
            .cloned()
            .collect()
    }

    /// For people: secrets are masked.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Each value must be a piece by itself, and nothing beside it may make it part of another.
    fn places_are_whole(&self, args: &Args<'_>, places: &[std::ops::Range<usize>]) -> Result<(), Failure> {
        const BEFORE: &str = "([,.=<>+-*/%|&!:~^";
        const AFTER: &str = "([)],.=<>+-*/%|&!:~^;";
        let mut pieces = Vec::new();
        let mut at = 0;
        for token in tokens(&self.outline) {
            pieces.push((at..at + token.text.len(), token));
            at += token.text.len();
        }
        let may_stand = |index: Option<usize>, signs: &str| {
            let Some((_, token)) = index.and_then(|index| pieces.get(index)) else {
                return true;
            };
            match token.kind {
                Kind::Blank => true,
                Kind::Other | Kind::End => token.text.chars().all(|sign| signs.contains(sign)),
                Kind::Bind | Kind::Word | Kind::Quoted | Kind::Numbered => false,
            }
        };
        for place in places {
            let is_whole = pieces
                .iter()
                .position(|(range, token)| range == place && token.kind == Kind::Quoted)
                .is_some_and(|index| {
                    may_stand(index.checked_sub(1), BEFORE) && may_stand(Some(index + 1), AFTER)
                });
            if !is_whole {
                return Err(args
                    .wrong("has a `{{ … }}` within quotes, in a comment or next to a word, where it would not be a piece of its own")
                    .help("`sql_literal` and `sql_ident` bring their quotes: leave yours out, and put blanks around"));
            }
        }
        Ok(())
    }

    /// Some statements take code or a command as a literal, which a value would become then.
    fn runs_no_value(&self, args: &Args<'_>) -> Result<(), Failure> {
        let tokens = tokens(&self.outline);
        match parts(&tokens).into_iter().find_map(runs) {
            Some(what) => Err(args
                .wrong(format!(
                    "has a `{{{{ … }}}}` in `{what}`, which runs what it is given"
                ))
                .help("write the statement out")),
            None => Ok(()),
        }
    }
}

/// What makes a statement run what it is given, if it does.
fn runs(statement: &[Token<'_>]) -> Option<String> {
    let words: Vec<String> = statement
        .iter()
        .filter(|token| token.kind == Kind::Word)
        .map(|token| token.text.to_ascii_uppercase())
        .collect();
    let has = |word: &str| words.iter().any(|known| known == word);
    let what = match words.first().map(String::as_str) {
        Some(first @ ("DO" | "LOAD")) => first,
        Some("CREATE") if has("FUNCTION") => "CREATE FUNCTION",
        Some("CREATE") if has("PROCEDURE") => "CREATE PROCEDURE",
        Some("COPY") if has("PROGRAM") => "COPY … PROGRAM",
        Some("ALTER") if has("SYSTEM") => return setting_that_runs(statement),
        Some(_) | None => return None,
    };
    Some(what.to_owned())
}

/// The setting of the server, if what it is set to is a command or a library, or if it is not the author's to say.
fn setting_that_runs(statement: &[Token<'_>]) -> Option<String> {
    let mut pieces = statement.iter().filter(|token| token.kind != Kind::Blank);
    let name = pieces.nth(3)?;
    let lower = name.text.to_ascii_lowercase();
    let runs = ["_command", "_libraries", "library_path"]
        .iter()
        .any(|end| lower.ends_with(end));
    (name.kind != Kind::Word || runs).then(|| format!("ALTER SYSTEM SET {lower}"))
}

/// Whether an expression gives a name: it ends with that filter.
fn ends_with_ident(expression: &str) -> bool {
    expression
        .rsplit('|')
        .next()
        .is_some_and(|filter| filter.trim().trim_end_matches("()").trim_end() == IDENT)
}

/// A name in double quotes as one in backquotes; anything else as it is.
fn in_backquotes(value: &str) -> String {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(name) => format!("`{}`", name.replace("\"\"", "\"").replace('`', "``")),
        None => value.to_owned(),
    }
}

/// Whether a value is one literal or one name, whatever is in it.
fn is_one_piece(value: &str) -> bool {
    if value.contains('\0') {
        return false;
    }
    for quote in ['\'', '"'] {
        if let Some(inner) = value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
        {
            let undoubled = inner.replace([quote, quote].iter().collect::<String>().as_str(), "");
            let escapes = quote == '\'' && inner.contains('\\');
            return !undoubled.contains(quote) && !escapes && (quote == '\'' || !inner.is_empty());
        }
    }
    matches!(value, "NULL" | "TRUE" | "FALSE") || is_number(value)
}

/// `12`, ` -0.5`, `1e300`: what begins with a minus has a blank before it.
fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix(" -").unwrap_or(value);
    let (number, exponent) = digits.split_once('e').unwrap_or((digits, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    [whole, fraction, exponent.strip_prefix('-').unwrap_or(exponent)]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_literal_or_name_is_a_piece() {
        for value in [
            "'a'",
            "''",
            "'it''s'",
            "''''",
            "\"a\"",
            "\"o\"\"r\"",
            "1",
            " -1",
            "0.5",
            "1e300",
            "1e-7",
            " -1.5e-7",
            "NULL",
            "TRUE",
            "FALSE",
        ] {
            assert!(is_one_piece(value), "{value}");
        }
        for value in [
            "",
            "a",
            "'",
            "'''",
            "'a'b'",
            "'a' OR 'b'",
            "'a\\'",
            "\"\"",
            "\"",
            "\"a\"b\"",
            "-1",
            "--1",
            "1;",
            "1 OR 1",
            "0x1",
            "1e",
            ".5",
            "null",
            "'a\0'",
            "\"a\0\"",
            "$1",
            "'a' --",
        ] {
            assert!(!is_one_piece(value), "{value}");
        }
    }

    #[test]
    fn a_name_is_the_same_in_backquotes() {
        for (value, written) in [
            ("\"a\"", "`a`"),
            ("\"a\"\"b\"", "`a\"b`"),
            ("\"a`b\\\"", "`a``b\\`"),
            ("'a'", "'a'"),
            (" -1", " -1"),
        ] {
            assert_eq!(in_backquotes(value), written);
        }
    }

    #[test]
    fn the_last_filter_tells_a_name() {
        assert!(ends_with_ident("inputs.x | sql_ident"));
        assert!(ends_with_ident("(a ~ b)|sql_ident()"));
        assert!(!ends_with_ident("inputs.sql_ident | sql_literal"));
        assert!(!ends_with_ident("'| sql_ident' | sql_literal"));
    }
}
