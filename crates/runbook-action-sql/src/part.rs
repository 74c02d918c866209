//! One of the statements of a text: where it ends, and what it has to do with transactions.

use indexmap::IndexSet;
use runbook_action::{Args, Failure};

use crate::effect::Analysis;
use crate::token::{Kind, Token};

/// Words that begin or end a transaction, which is not left to a statement.
const TRANSACTION: [&str; 7] = [
    "BEGIN",
    "START",
    "COMMIT",
    "ROLLBACK",
    "END",
    "ABORT",
    "SAVEPOINT",
];

/// Beginnings of statements that a database does only outside of a transaction.
const OUTSIDE: [&str; 14] = [
    "VACUUM",
    "CREATE DATABASE",
    "DROP DATABASE",
    "ALTER SYSTEM",
    "CREATE TABLESPACE",
    "DROP TABLESPACE",
    "CREATE SUBSCRIPTION",
    "DROP SUBSCRIPTION",
    "REINDEX DATABASE",
    "REINDEX SCHEMA",
    "REINDEX SYSTEM",
    "COMMIT PREPARED",
    "ROLLBACK PREPARED",
    "DISCARD ALL",
];

/// First words of statements that end the transaction in which they are on `MySQL` and its kin.
const COMMITS: [&str; 18] = [
    "ALTER",
    "ANALYZE",
    "CACHE",
    "CHECK",
    "CREATE",
    "DROP",
    "FLUSH",
    "GRANT",
    "INSTALL",
    "LOAD INDEX",
    "LOCK",
    "OPTIMIZE",
    "RENAME",
    "REPAIR",
    "RESET",
    "REVOKE",
    "TRUNCATE",
    "UNINSTALL",
];

/// One statement.
#[derive(Debug)]
pub(crate) struct Part {
    /// Which one of the text.
    pub(crate) index: usize,
    /// The binds in it, in the order of their first appearance.
    pub(crate) names: IndexSet<String>,
    /// The binds in it, in the order in which they stand there.
    pub(crate) places: Vec<String>,
    /// What it would do.
    pub(crate) analysis: Analysis,
    /// What in it refuses to be part of a transaction.
    pub(crate) outside: Option<&'static str>,
    /// Its first word, if that ends a transaction on `MySQL`.
    pub(crate) commits: Option<&'static str>,
}

impl Part {
    /// The statement of these pieces.
    pub(crate) fn new(index: usize, tokens: &[Token<'_>], analysis: Analysis) -> Self {
        let places: Vec<String> = tokens.iter().filter_map(bind_of).map(str::to_owned).collect();
        Self {
            index,
            names: places.iter().cloned().collect(),
            places,
            analysis,
            outside: outside(tokens),
            commits: commits(tokens),
        }
    }
}

/// The name of the value that a piece stands for.
pub(crate) fn bind_of<'a>(token: &Token<'a>) -> Option<&'a str> {
    (token.kind == Kind::Bind).then(|| token.text.trim_start_matches(':'))
}

/// The statements in a text, each with what stands before it.
pub(crate) fn parts<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut parts = Vec::new();
    let mut rest = tokens;
    while !rest.is_empty() {
        let mut body = Body::of(rest);
        let end = rest.iter().position(|token| {
            body.see(token);
            token.kind == Kind::End && !body.is_open()
        });
        let (part, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        if part
            .iter()
            .any(|token| !matches!(token.kind, Kind::Blank | Kind::End))
        {
            parts.push(part);
        }
        rest = after;
    }
    parts
}

/// Refuses a text with no statement, and one with several that does not say how they belong together.
pub(crate) fn has_statements(
    query: &Args<'_>,
    parts: &[&[Token<'_>]],
    has_rule: bool,
) -> Result<(), Failure> {
    match parts {
        [] => Err(query.wrong("there is no statement")),
        [_, _, ..] if !has_rule => Err(query.wrong("there are several statements").help(
            "make each a step of its own, so that each can fail by itself, or add `transaction: true` to do all or none",
        )),
        [_, ..] => Ok(()),
    }
}

/// Refuses in a transaction what a database does only outside of one.
pub(crate) fn can_be_in_transaction(transaction: &Args<'_>, part: &[Token<'_>]) -> Result<(), Failure> {
    match outside(part) {
        Some(found) => Err(transaction
            .wrong(format!("`{found}` cannot be part of a transaction"))
            .help("make it a step of its own")),
        None => Ok(()),
    }
}

pub(crate) fn leaves_transactions_alone(query: &Args<'_>, tokens: &[Token<'_>]) -> Result<(), Failure> {
    let first = words(tokens).next().unwrap_or_default();
    let second = words(tokens).nth(1).unwrap_or_default();
    let is = |word: &str, known: &str| word.eq_ignore_ascii_case(known);
    // `START REPLICA` and its kin begin something else.
    let is_else = is(second, "PREPARED") || (is(first, "START") && !is(second, "TRANSACTION"));
    let controls = TRANSACTION.iter().any(|word| is(first, word)) && !is_else;
    // With it off, a session of MySQL keeps nothing of what no transaction ends.
    let is_switch = is(first, "SET") && words(tokens).any(|word| is(word, "AUTOCOMMIT"));
    if controls || is_switch {
        return Err(query.wrong(format!(
            "`{}` is not for a step to say: each statement is a transaction",
            first.to_uppercase()
        )));
    }
    Ok(())
}

fn outside(part: &[Token<'_>]) -> Option<&'static str> {
    let line = line(part);
    let begins = |beginning: &&str| line.starts_with(&format!("{beginning} "));
    OUTSIDE.into_iter().find(begins).or_else(|| {
        let is_concurrent = line.split(' ').any(|word| word == "CONCURRENTLY");
        (is_concurrent && !line.starts_with("REFRESH ")).then_some("CONCURRENTLY")
    })
}

fn commits(part: &[Token<'_>]) -> Option<&'static str> {
    let line = line(part);
    let mut words = line.split(' ').skip(1);
    let is_temporary = words.next() == Some("TEMPORARY");
    let begins = |beginning: &&str| line.starts_with(&format!("{beginning} "));
    let found = COMMITS.into_iter().find(begins)?;
    (!(is_temporary && matches!(found, "CREATE" | "DROP"))).then_some(found)
}

/// The first words of a statement in capitals, with a blank after each.
fn line(part: &[Token<'_>]) -> String {
    let mut line = String::new();
    for word in words(part).take(12) {
        line.push_str(&word.to_ascii_uppercase());
        line.push(' ');
    }
    line
}

pub(crate) fn words<'a>(tokens: &'a [Token<'a>]) -> impl Iterator<Item = &'a str> {
    tokens
        .iter()
        .filter(|token| token.kind != Kind::Blank)
        .map(|token| if token.kind == Kind::Word { token.text } else { "" })
}

/// The body of a trigger or function, `BEGIN … END`, which holds statements that are part of one.
struct Body {
    may_be_there: bool,
    depth: usize,
    /// Whether the last word was `END`.
    has_ended: bool,
}

impl Body {
    fn of(tokens: &[Token<'_>]) -> Self {
        let mut words = words(tokens);
        let creates = words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("CREATE"));
        let has_body = |word: &str| {
            ["TRIGGER", "FUNCTION", "PROCEDURE", "EVENT"]
                .iter()
                .any(|kind| word.eq_ignore_ascii_case(kind))
        };
        Self {
            may_be_there: creates && words.take(8).any(has_body),
            depth: 0,
            has_ended: false,
        }
    }

    fn see(&mut self, token: &Token<'_>) {
        if !self.may_be_there || token.kind == Kind::Blank {
            return;
        }
        let is = |word: &str| token.kind == Kind::Word && token.text.eq_ignore_ascii_case(word);
        let had_ended = std::mem::replace(&mut self.has_ended, is("END"));
        if is("BEGIN") || (is("CASE") && !had_ended) {
            self.depth += 1;
        } else if is("END") {
            self.depth = self.depth.saturating_sub(1);
        } else if had_ended && ["IF", "LOOP", "REPEAT", "WHILE", "FOR"].into_iter().any(is) {
            // `END IF` ends what did not begin with `BEGIN`.
            self.depth += 1;
        }
    }

    const fn is_open(&self) -> bool {
        self.depth > 0
    }
}
