//! Settings of the server that `ALTER SYSTEM SET` changes: what was set before is kept, and put back.
//!
//! The statement writes to one file of the server, and that file is what is kept: a setting that was not in it is
//! taken out again, whatever its value was from elsewhere. Nothing of it takes effect before the server is told to read
//! its files, which is a step of the author's.

use runbook_action::{ErrorKind, Failure, Inverse};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::token::{Kind, Token, tokens};

/// The form of what is kept.
const VERSION: u32 = 1;

/// The file is read from its end: the last line of a setting holds.
const IN_FILE: &str = "SELECT setting FROM pg_file_settings WHERE sourcefile LIKE '%/postgresql.auto.conf' AND lower(name) = lower($1) ORDER BY seqno DESC LIMIT 1";

/// The statement, with its names and literals quoted by the server itself.
const WRITE_SET: &str = "SELECT format('ALTER SYSTEM SET %s = %s', (SELECT string_agg(quote_ident(part), '.' ORDER BY n) FROM unnest(string_to_array($1, '.')) WITH ORDINALITY u(part, n)), (SELECT string_agg(quote_literal(item), ', ' ORDER BY n) FROM unnest($2::text[]) WITH ORDINALITY u(item, n)))";
const WRITE_RESET: &str = "SELECT format('ALTER SYSTEM RESET %s', (SELECT string_agg(quote_ident(part), '.' ORDER BY n) FROM unnest(string_to_array($1, '.')) WITH ORDINALITY u(part, n)))";

/// Settings that are lists of names, which the server keeps in quotes.
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// A setting, and what one statement sets it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    name: String,
    /// As the server writes it to its file; nothing if the statement takes it out.
    value: Option<String>,
    /// Whether its values are not to be shown.
    is_hidden: bool,
}

impl Setting {
    /// The setting that a statement sets, if it sets one.
    pub(crate) fn of(sql: &str, is_secret: bool) -> Option<Self> {
        let all = tokens(sql);
        let mut pieces = all
            .iter()
            .filter(|token| !matches!(token.kind, Kind::Blank | Kind::End));
        for word in ["ALTER", "SYSTEM", "SET"] {
            pieces.next().filter(|token| is_word(token, word))?;
        }
        let mut name = part_of_name(pieces.next()?)?;
        let mut next = pieces.next()?;
        while next.text == "." {
            name = format!("{name}.{}", part_of_name(pieces.next()?)?);
            next = pieces.next()?;
        }
        if next.text != "=" && !is_word(next, "TO") {
            return None;
        }
        let given: Vec<&Token<'_>> = pieces.collect();
        let is_hidden = is_secret || ["_conninfo", "_command"].iter().any(|end| name.ends_with(end));
        let value = match given.as_slice() {
            [] => return None,
            [only] if is_word(only, "DEFAULT") => None,
            _ => Some(written(&name, &given)?),
        };
        Some(Self {
            name,
            value,
            is_hidden,
        })
    }

    /// Keeps what the file holds.
    pub(super) async fn keep(&self, connection: &mut PgConnection) -> sqlx::Result<Inverse> {
        let before = self.in_file(connection).await?;
        let name = &self.name;
        let summary = match (&before, self.is_hidden) {
            (None, _) => format!("take `{name}` out of the server's own settings again"),
            (Some(_), true) => format!("put back what `{name}` was set to"),
            (Some(before), false) => format!("put back `{name} = {}`", one_line(before)),
        };
        Ok(Inverse {
            version: VERSION,
            summary,
            expects: json!({ name: self.value }),
            data: json!({ name: before }),
        })
    }

    /// Whether there is anything to put back.
    pub(super) async fn is_due(
        &self,
        connection: &mut PgConnection,
        kept: &Inverse,
    ) -> Result<bool, Refused> {
        if kept.version != VERSION || kept.data.get(&self.name).is_none() {
            return Err(Refused::Failure(
                Failure::new(
                    ErrorKind::Other,
                    "what was kept is of a form that is not known here",
                )
                .help("put the setting back by hand"),
            ));
        }
        let now = self.in_file(connection).await.map_err(Refused::Error)?;
        let due = kept.is_due(&json!({ self.name.as_str(): now }));
        due.map_err(|failure| Refused::Failure(if self.is_hidden { self.conflict() } else { failure }))
    }

    /// Puts back what was kept.
    pub(super) async fn put_back(&self, connection: &mut PgConnection, kept: &Inverse) -> sqlx::Result<()> {
        let query = match kept.data.get(&self.name).and_then(Value::as_str) {
            Some(before) => sqlx::query(WRITE_SET)
                .bind(&self.name)
                .bind(items(&self.name, before)),
            None => sqlx::query(WRITE_RESET).bind(&self.name),
        };
        let row = query.persistent(false).fetch_one(&mut *connection).await?;
        let statement: String = row.try_get(0)?;
        // The server has written it, with its own quotes, from values that were bound.
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(statement)))
            .await
            .map(drop)
    }

    async fn in_file(&self, connection: &mut PgConnection) -> sqlx::Result<Option<String>> {
        let query = sqlx::query(IN_FILE).bind(&self.name).persistent(false);
        let row = query.fetch_optional(connection).await?;
        row.map(|row| row.try_get(0)).transpose().map(Option::flatten)
    }

    fn conflict(&self) -> Failure {
        Failure::new(
            ErrorKind::Conflict,
            format!("somebody else has changed `{}` since", self.name),
        )
        .help("find out whose change it is, and decide by hand which value stays")
    }
}

/// Why nothing is put back.
pub(super) enum Refused {
    Failure(Failure),
    Error(sqlx::Error),
}

fn is_word(token: &Token<'_>, word: &str) -> bool {
    token.kind == Kind::Word && token.text.eq_ignore_ascii_case(word)
}

/// A name, as the server reads it.
fn part_of_name(token: &Token<'_>) -> Option<String> {
    match token.kind {
        Kind::Word => Some(token.text.to_ascii_lowercase()),
        Kind::Quoted => unquoted(token.text, '"'),
        Kind::Bind | Kind::Blank | Kind::End | Kind::Numbered | Kind::Other => None,
    }
}

/// What is in quotes of this kind.
fn unquoted(text: &str, quote: char) -> Option<String> {
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    Some(inner.replace(&format!("{quote}{quote}"), &quote.to_string()))
}

/// The items of a value as the server writes them to its file.
fn written(name: &str, given: &[&Token<'_>]) -> Option<String> {
    let mut items = vec![String::new()];
    for token in given {
        let item = items.last_mut()?;
        match token.kind {
            Kind::Other if token.text == "," => items.push(String::new()),
            // The sign and the point of a number.
            Kind::Other if ["-", "."].contains(&token.text) => item.push_str(token.text),
            Kind::Other if token.text == "+" => {}
            Kind::Word => item.push_str(&token.text.to_ascii_lowercase()),
            Kind::Quoted => {
                let text = unquoted(token.text, '\'').or_else(|| unquoted(token.text, '"'))?;
                item.push_str(&text);
            }
            Kind::Bind | Kind::Blank | Kind::End | Kind::Numbered | Kind::Other => return None,
        }
    }
    if LISTS.contains(&name) {
        items = items.iter().map(|item| in_quotes(item)).collect();
    }
    Some(items.join(", "))
}

/// A name in double quotes, if it needs them.
fn in_quotes(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// What to give the server so that it writes this: the items of a list, or the one value.
fn items(name: &str, written: &str) -> Vec<String> {
    if !LISTS.contains(&name) {
        return vec![written.to_owned()];
    }
    let mut items = Vec::new();
    let mut item = String::new();
    let mut is_quoted = false;
    for c in written.chars() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                item.push(c);
            }
            ',' if !is_quoted => items.push(std::mem::take(&mut item)),
            c => item.push(c),
        }
    }
    items.push(item);
    items
        .iter()
        .map(|item| item.trim())
        .map(|item| unquoted(item, '"').unwrap_or_else(|| item.to_owned()))
        .collect()
}

fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_read_as_the_server_reads_it() {
        for (sql, name, value) in [
            ("ALTER SYSTEM SET work_mem = '8MB'", "work_mem", Some("8MB")),
            ("alter system set Work_Mem to 8192;", "work_mem", Some("8192")),
            ("ALTER SYSTEM SET \"TimeZone\" = 'UTC'", "TimeZone", Some("UTC")),
            (
                "ALTER SYSTEM SET my.setting = 'it''s'",
                "my.setting",
                Some("it's"),
            ),
            ("ALTER SYSTEM SET a = On", "a", Some("on")),
            ("ALTER SYSTEM SET a = -1", "a", Some("-1")),
            ("ALTER SYSTEM SET a = -0.5", "a", Some("-0.5")),
            ("ALTER SYSTEM SET a = 'x', y", "a", Some("x, y")),
            ("ALTER SYSTEM SET a = DEFAULT", "a", None),
            (
                "ALTER SYSTEM SET search_path = \"$user\", public, 'a b'",
                "search_path",
                Some("\"$user\", public, \"a b\""),
            ),
        ] {
            let setting = Setting::of(sql, false).unwrap();
            assert_eq!(
                (setting.name.as_str(), setting.value.as_deref()),
                (name, value),
                "{sql}"
            );
        }
        for sql in [
            "ALTER SYSTEM RESET work_mem",
            "ALTER SYSTEM SET",
            "ALTER SYSTEM SET work_mem",
            "ALTER SYSTEM SET work_mem =",
            "ALTER SYSTEM SET a = :b",
            "SET work_mem = 1",
        ] {
            assert_eq!(Setting::of(sql, false), None, "{sql}");
        }
    }

    #[test]
    fn a_list_is_given_back_by_its_items() {
        assert_eq!(
            items("search_path", "\"$user\", public, \"a, \"\"b\""),
            ["$user", "public", "a, \"b"]
        );
        assert_eq!(items("log_destination", "stderr, csvlog"), ["stderr, csvlog"]);
    }
}
