//! What is to be run, from the parameters.

use indexmap::IndexSet;
use runbook_action::{Args, Failure, Param, Undoing};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::bind::{self, Bound};
use crate::effect::{self, Analysis};
use crate::query::Query;
use crate::token::{Kind, Token, tokens};

/// The longest summary, in characters.
const SUMMARY: usize = 80;

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

/// A statement as the author wrote it, checked as far as it can be without a database.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    args: Args<'a>,
    query: Query,
    /// The binds in the text, in the order of their first appearance.
    names: IndexSet<String>,
    /// What it would do.
    pub(crate) analysis: Analysis,
    /// How many rows it may change.
    pub(crate) max_rows: Option<u64>,
    undoing: Undoing,
}

impl<'a> Statement<'a> {
    /// Reads and checks it.
    pub(crate) fn read(params: &'a Param) -> Result<Self, Failure> {
        let args = Args::new(params);
        let query = match params {
            Param::Map(_) => args.require("query")?,
            Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) | Param::List(_) => args.clone(),
        };
        let text = Query::read(&query)?;
        let tokens = tokens(text.outline());
        let parts = parts(&tokens);
        let transaction = match args.get("transaction") {
            Some(transaction) => Some((transaction.boolean()?, transaction)),
            None => None,
        };
        has_statements(&query, &parts, transaction.is_some())?;
        for part in &parts {
            leaves_transactions_alone(&query, part)?;
            if let Some((true, transaction)) = &transaction {
                can_be_in_transaction(transaction, part)?;
            }
        }
        let names = tokens
            .iter()
            .filter(|token| token.kind == Kind::Bind)
            .map(|token| token.text.trim_start_matches(':').to_owned())
            .collect();
        if let Some(place) = tokens.iter().find(|token| token.kind == Kind::Numbered) {
            let message = format!("`{}` is not the name of a value", place.text);
            return Err(query
                .wrong(message)
                .help("write `:name`, and give the value under `bind`"));
        }
        let max_rows = match args.get("max_rows") {
            Some(max) => Some(
                u64::try_from(max.integer()?)
                    .map_err(|_| max.wrong("expected a whole number of at least 0"))?,
            ),
            None => None,
        };
        if let (Some((false, transaction)), Some(_)) = (&transaction, max_rows) {
            return Err(transaction.wrong("what `max_rows` takes back must be in a transaction"));
        }
        let analysis = analyse(&text, parts.len(), &names);
        let statement = Self {
            args,
            undoing: undoing(&parts),
            query: text,
            names,
            analysis,
            max_rows,
        };
        statement.names_match(&query)?;
        statement.can_be_limited()?;
        Ok(statement)
    }

    /// Every bind in the text has a value, and every value a bind.
    fn names_match(&self, query: &Args<'_>) -> Result<(), Failure> {
        let given = match self.args.get("bind") {
            Some(bind) => bind.entries()?,
            None => Vec::new(),
        };
        for name in &self.names {
            if !given.iter().any(|(key, _)| *key == name.as_str()) {
                return Err(query
                    .wrong(format!("`:{name}` has no value"))
                    .help(format!("add `{name}` under `bind`")));
            }
        }
        match given.iter().find(|(key, _)| !self.names.contains(*key)) {
            Some((key, unused)) => Err(unused.wrong(format!("`:{key}` is not in the statement"))),
            None => Ok(()),
        }
    }

    /// A limit on changed rows holds only if the database counts all of them and can take all of them back.
    fn can_be_limited(&self) -> Result<(), Failure> {
        let Some(max) = self.args.get("max_rows") else {
            return Ok(());
        };
        if let Some(function) = &self.analysis.acts {
            return Err(max.wrong(format!("`{function}` acts at once, so it cannot be rolled back")));
        }
        if !self.analysis.counts {
            return Err(max
                .wrong("only the rows of one INSERT, UPDATE, DELETE or MERGE can be counted")
                .help("leave `max_rows` out, or split the statement"));
        }
        Ok(())
    }

    /// What it takes to undo it.
    pub(crate) const fn undoing(&self) -> Undoing {
        self.undoing
    }

    /// The first 80 characters, on one line.
    pub(crate) fn summary(&self) -> String {
        let mut line = self
            .query
            .shown()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        line.retain(|c| !c.is_control());
        match line.char_indices().nth(SUMMARY) {
            Some((end, _)) => {
                line.truncate(end);
                line.push('…');
                line
            }
            None => line,
        }
    }

    /// The values, in the order of their numbers, with their names.
    pub(crate) fn values(&self) -> Result<Vec<(&str, Bound)>, Failure> {
        let given = match self.args.get("bind") {
            Some(bind) => bind.entries()?,
            None => return Ok(Vec::new()),
        };
        let mut values = Vec::with_capacity(self.names.len());
        for name in &self.names {
            for (key, value) in &given {
                if *key == name.as_str() {
                    values.push((name.as_str(), bind::read(value)?));
                }
            }
        }
        Ok(values)
    }

    /// The text as the database takes it, each bind replaced by its number after `mark`.
    pub(crate) fn sql(&self, mark: char) -> SqlStr {
        // The text is the author's, word for word, and the replaced pieces are numbers. What values are part of it are
        // whole literals and names, which `Query` has seen to.
        AssertSqlSafe(self.numbered(self.query.text(), mark)).into_sql_str()
    }

    /// Refuses what this database would take for a place of its own, and leave empty.
    pub(crate) fn has_no_places_like(&self, marks: &[char]) -> Result<(), Failure> {
        let tokens = tokens(self.query.outline());
        let stray = tokens
            .iter()
            .find(|token| token.kind == Kind::Other && token.text.starts_with(marks));
        match stray {
            Some(token) => Err(Failure::new(
                runbook_action::ErrorKind::Other,
                format!("`{}` is not the name of a value here", token.text),
            )
            .help("write `:name`, and give the value under `bind`")),
            None => Ok(()),
        }
    }

    fn numbered(&self, text: &str, mark: char) -> String {
        numbered(&tokens(text), &self.names, mark)
    }
}

/// The text of some pieces, with each bind replaced by its number after `mark`.
fn numbered(tokens: &[Token<'_>], names: &IndexSet<String>, mark: char) -> String {
    tokens
        .iter()
        .map(
            |token| match (token.kind, names.get_index_of(token.text.trim_start_matches(':'))) {
                (Kind::Bind, Some(index)) => format!("{mark}{}", index + 1),
                _ => token.text.to_owned(),
            },
        )
        .collect()
}

/// What the statements of a text do, from all its readings.
fn analyse(query: &Query, count: usize, names: &IndexSet<String>) -> Analysis {
    let readings = query.readings();
    let split: Vec<Vec<String>> = readings
        .iter()
        .map(|text| {
            let tokens = tokens(text);
            let each = parts(&tokens);
            each.iter().map(|part| numbered(part, names, '$')).collect()
        })
        .collect();
    effect::together((0..count).map(|index| {
        let readings = split.iter().filter_map(|parts| parts.get(index).cloned());
        effect::analyse(readings)
    }))
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
fn has_statements(query: &Args<'_>, parts: &[&[Token<'_>]], has_rule: bool) -> Result<(), Failure> {
    match parts {
        [] => Err(query.wrong("there is no statement")),
        [_, _, ..] if !has_rule => Err(query.wrong("there are several statements").help(
            "make each a step of its own, so that each can fail by itself, or add `transaction: true` to do all or none",
        )),
        [_, ..] => Ok(()),
    }
}

/// Refuses in a transaction what a database does only outside of one.
fn can_be_in_transaction(transaction: &Args<'_>, part: &[Token<'_>]) -> Result<(), Failure> {
    const OUTSIDE: [&str; 5] = [
        "VACUUM",
        "CREATE DATABASE",
        "DROP DATABASE",
        "ALTER SYSTEM",
        "CREATE TABLESPACE",
    ];
    let words: Vec<String> = words(part).take(6).map(str::to_ascii_uppercase).collect();
    let line = format!("{} ", words.join(" "));
    let found = OUTSIDE
        .into_iter()
        .find(|outside| line.starts_with(&format!("{outside} ")))
        .or_else(|| {
            let is_concurrent = words.iter().any(|word| word == "CONCURRENTLY");
            (is_concurrent && !line.starts_with("REFRESH ")).then_some("CONCURRENTLY")
        });
    match found {
        Some(found) => Err(transaction
            .wrong(format!("`{found}` cannot be part of a transaction"))
            .help("make it a step of its own")),
        None => Ok(()),
    }
}

/// One setting of a server can be read before and put back.
fn undoing(parts: &[&[Token<'_>]]) -> Undoing {
    let text_of = |part: &[Token<'_>]| part.iter().map(|token| token.text).collect::<String>();
    match parts {
        [part] if effect::sets_one_setting(&text_of(part)) => Undoing::Automatic,
        _ => Undoing::ByAuthor,
    }
}

/// The body of a trigger or function, `BEGIN … END`, which holds statements that are part of one.
struct Body {
    may_be_there: bool,
    depth: usize,
}

impl Body {
    fn of(tokens: &[Token<'_>]) -> Self {
        let mut words = words(tokens);
        let creates = words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("CREATE"));
        let has_body = |word: &str| {
            ["TRIGGER", "FUNCTION", "PROCEDURE"]
                .iter()
                .any(|kind| word.eq_ignore_ascii_case(kind))
        };
        Self {
            may_be_there: creates && words.take(4).any(has_body),
            depth: 0,
        }
    }

    fn see(&mut self, token: &Token<'_>) {
        if !self.may_be_there || token.kind != Kind::Word {
            return;
        }
        if token.text.eq_ignore_ascii_case("BEGIN") || token.text.eq_ignore_ascii_case("CASE") {
            self.depth += 1;
        } else if token.text.eq_ignore_ascii_case("END") {
            self.depth = self.depth.saturating_sub(1);
        }
    }

    const fn is_open(&self) -> bool {
        self.depth > 0
    }
}

fn leaves_transactions_alone(query: &Args<'_>, tokens: &[Token<'_>]) -> Result<(), Failure> {
    let mut words = words(tokens);
    let first = words.next().unwrap_or_default();
    let is_prepared = words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("PREPARED"));
    let controls = TRANSACTION.iter().any(|word| word.eq_ignore_ascii_case(first));
    if controls && !is_prepared {
        return Err(query.wrong(format!(
            "`{}` is not for a step to say: each statement is a transaction",
            first.to_uppercase()
        )));
    }
    Ok(())
}

fn words<'a>(tokens: &'a [Token<'a>]) -> impl Iterator<Item = &'a str> {
    tokens
        .iter()
        .filter(|token| token.kind != Kind::Blank)
        .map(|token| if token.kind == Kind::Word { token.text } else { "" })
}
