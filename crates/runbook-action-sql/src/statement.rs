//! What is to be run, from the parameters.

use indexmap::IndexSet;
use runbook_action::{Args, Failure, Param, Undoing};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::bind::{self, Bound};
use crate::effect::{self, Analysis};
use crate::part::{self, Part, bind_of, parts};
use crate::postgres::setting::Setting;
use crate::query::Query;
use crate::token::{Kind, Token, tokens};

/// The longest summary, in characters.
const SUMMARY: usize = 80;

/// How a database writes the place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A number after this sign: `$1`.
    Numbered(char),
    /// `?` for each, in order; names of values are in backquotes.
    Question,
}

/// One statement or several as the author wrote them, checked as far as it can be without a database.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    args: Args<'a>,
    query: Query,
    /// Each by itself.
    pub(crate) parts: Vec<Part>,
    /// What they would do together.
    pub(crate) analysis: Analysis,
    /// How many rows it may change.
    pub(crate) max_rows: Option<u64>,
    /// Whether all are done or none, if the author says.
    pub(crate) transaction: Option<bool>,
    undoing: Undoing,
    /// The parameter that holds the text.
    text_path: String,
}

impl<'a> Statement<'a> {
    /// Reads and checks what is written out in the parameters.
    pub(crate) fn read(params: &'a Param) -> Result<Self, Failure> {
        let args = Args::new(params);
        let query = match params {
            Param::Map(_) => args.require("query")?,
            Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) | Param::List(_) => args.clone(),
        };
        let text = Query::read(&query)?;
        Self::of(args, &query, text)
    }

    /// Reads and checks what a file holds that the parameters name.
    pub(crate) fn of_file(params: &'a Param, text: &str) -> Result<Self, Failure> {
        let args = Args::new(params);
        let file = args.require("file")?;
        Self::of(args, &file, Query::literal(text))
    }

    fn of(args: Args<'a>, query: &Args<'a>, text: Query) -> Result<Self, Failure> {
        let tokens = tokens(text.outline());
        let found = parts(&tokens);
        let transaction = match args.get("transaction") {
            Some(transaction) => Some((transaction.boolean()?, transaction)),
            None => None,
        };
        part::has_statements(query, &found, transaction.is_some())?;
        for part in &found {
            part::leaves_transactions_alone(query, part)?;
            if let Some((true, transaction)) = &transaction {
                part::can_be_in_transaction(transaction, part)?;
            }
        }
        if let Some(place) = tokens.iter().find(|token| token.kind == Kind::Numbered) {
            let message = format!("`{}` is not the name of a value", place.text);
            return Err(query
                .wrong(message)
                .help("write `:name`, and give the value under `bind`"));
        }
        let max_rows = max_rows(&args)?;
        if let (Some((false, transaction)), Some(_)) = (&transaction, max_rows) {
            return Err(transaction.wrong("what `max_rows` takes back must be in a transaction"));
        }
        let analyses = analyse(&text, found.len());
        let statement = Self {
            args,
            undoing: undoing(&found),
            text_path: query.path().to_owned(),
            analysis: effect::together(analyses.iter().cloned()),
            parts: found
                .iter()
                .zip(analyses)
                .enumerate()
                .map(|(index, (tokens, analysis))| Part::new(index, tokens, analysis))
                .collect(),
            query: text,
            max_rows,
            transaction: transaction.map(|(transaction, _)| transaction),
        };
        statement.names_match(query)?;
        statement.can_be_limited()?;
        Ok(statement)
    }

    /// Every bind in the text has a value, and every value a bind.
    fn names_match(&self, query: &Args<'_>) -> Result<(), Failure> {
        let given = match self.args.get("bind") {
            Some(bind) => bind.entries()?,
            None => Vec::new(),
        };
        let names: IndexSet<&String> = self.parts.iter().flat_map(|part| &part.names).collect();
        for name in &names {
            if !given.iter().any(|(key, _)| key == name) {
                return Err(query
                    .wrong(format!("`:{name}` has no value"))
                    .help(format!("add `{name}` under `bind`")));
            }
        }
        match given
            .iter()
            .find(|(key, _)| !names.iter().any(|name| name == key))
        {
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

    /// A failure about the parameter that holds the text.
    pub(crate) fn about(&self, failure: Failure) -> Failure {
        if self.text_path.is_empty() {
            failure
        } else {
            failure.about(self.text_path.clone())
        }
    }

    /// The first word of one of the statements, in capitals.
    pub(crate) fn first_word(&self, part: &Part) -> String {
        let all = tokens(self.query.text());
        let found = parts(&all).get(part.index).copied().unwrap_or_default();
        let first = part::words(found).find(|word| !word.is_empty());
        first.map(str::to_ascii_uppercase).unwrap_or_default()
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

    /// The values, by their names.
    pub(crate) fn values(&self) -> Result<Values, Failure> {
        let given = match self.args.get("bind") {
            Some(bind) => bind.entries()?,
            None => Vec::new(),
        };
        given
            .iter()
            .map(|(name, value)| Ok(((*name).to_owned(), bind::read(value)?)))
            .collect()
    }

    /// The text of one of the statements as the database takes it, each bind replaced by its mark.
    pub(crate) fn sql(&self, part: &Part, mark: Mark) -> SqlStr {
        let text = match mark {
            Mark::Numbered(_) => self.query.text(),
            Mark::Question => self.query.backquoted(),
        };
        let all = tokens(text);
        let found = parts(&all).get(part.index).copied().unwrap_or_default();
        // The text is the author's, word for word, and the replaced pieces are numbers. What values are part of it are
        // whole literals and names, which `Query` has seen to.
        AssertSqlSafe(marked(found, &part.names, mark)).into_sql_str()
    }

    /// The setting of the server that it sets, if it is what can be put back.
    pub(crate) fn setting(&self) -> Option<Setting> {
        if self.undoing != Undoing::Automatic {
            return None;
        }
        Setting::of(self.query.text(), self.query.holds_secret())
    }

    /// The whole text as `MySQL` is given it.
    pub(crate) fn backquoted(&self) -> &str {
        self.query.backquoted()
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
}

/// Values by their names.
pub(crate) type Values = indexmap::IndexMap<String, Bound>;

fn max_rows(args: &Args<'_>) -> Result<Option<u64>, Failure> {
    let Some(max) = args.get("max_rows") else {
        return Ok(None);
    };
    match u64::try_from(max.integer()?) {
        Ok(max) => Ok(Some(max)),
        Err(_) => Err(max.wrong("expected a whole number of at least 0")),
    }
}

/// The text of some pieces, with each bind replaced by its mark.
fn marked(tokens: &[Token<'_>], names: &IndexSet<String>, mark: Mark) -> String {
    tokens
        .iter()
        .map(|token| {
            let index = bind_of(token).and_then(|name| names.get_index_of(name));
            match (index, mark) {
                (Some(index), Mark::Numbered(sign)) => format!("{sign}{}", index + 1),
                (Some(_), Mark::Question) => "?".to_owned(),
                (None, _) => token.text.to_owned(),
            }
        })
        .collect()
}

/// What each statement of a text does, from all its readings.
fn analyse(query: &Query, count: usize) -> Vec<Analysis> {
    let readings = query.readings();
    let split: Vec<Vec<String>> = readings
        .iter()
        .map(|text| {
            let tokens = tokens(text);
            let each = parts(&tokens);
            each.iter()
                .map(|part| {
                    let names = part.iter().filter_map(bind_of).map(str::to_owned).collect();
                    marked(part, &names, Mark::Numbered('$'))
                })
                .collect()
        })
        .collect();
    (0..count)
        .map(|index| effect::analyse(split.iter().filter_map(|parts| parts.get(index).cloned())))
        .collect()
}

/// One setting of a server can be read before and put back.
fn undoing(parts: &[&[Token<'_>]]) -> Undoing {
    let text_of = |part: &[Token<'_>]| part.iter().map(|token| token.text).collect::<String>();
    match parts {
        [part] if Setting::of(&text_of(part), false).is_some() => Undoing::Automatic,
        _ => Undoing::ByAuthor,
    }
}
