//! What the tables of a statement are, and whether all that trying it does to them is taken back.

use sqlx::Row;
use sqlx::mysql::MySqlConnection;

use crate::preview::plain::{Defaults, Plain, Table, Verb};
use crate::token::{Kind, tokens};

const SERVER: &str = "SELECT VERSION(), COALESCE(DATABASE(), '')";

const KIND: &str = "SELECT table_type, COALESCE(engine, '') FROM information_schema.tables WHERE table_schema = ? AND table_name = ?";

/// Who may not see triggers is told that there are none.
const SEES_TRIGGERS: &str = "SELECT COUNT(*) FROM (\
SELECT grantee FROM information_schema.user_privileges WHERE privilege_type = 'TRIGGER' UNION ALL \
SELECT grantee FROM information_schema.schema_privileges WHERE privilege_type = 'TRIGGER' AND REPLACE(table_schema, '\\\\_', '_') = ? UNION ALL \
SELECT grantee FROM information_schema.table_privileges WHERE privilege_type = 'TRIGGER' AND table_schema = ? AND table_name = ?\
) AS known WHERE grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')";

const TRIGGERS: &str = "SELECT COUNT(*) FROM information_schema.triggers WHERE event_object_schema = ? AND event_object_table = ?";

const WORDS: &str = "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = ? AND table_name = ? AND index_type NOT IN ('BTREE', 'HASH', 'RTREE')";

const COLUMNS: &str = "SELECT column_name, COALESCE(column_default, 'NULL'), LOWER(extra), COALESCE(generation_expression, '') <> '' \
FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position";

/// What speaks against trying a statement, if anything does.
pub(super) async fn doubt(
    connection: &mut MySqlConnection,
    sql: &str,
    plain: &Plain,
) -> sqlx::Result<Option<String>> {
    if let Some(name) = called_from_afar(sql, plain) {
        return Ok(Some(format!(
            "`{name}` is not next to its parenthesis, and so may be another function"
        )));
    }
    let row = sqlx::query(SERVER).fetch_one(&mut *connection).await?;
    let (version, database): (String, String) = (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
    if !version.contains("MariaDB") {
        return Ok(Some("statements are tried on MariaDB only".to_owned()));
    }
    for table in &plain.tables {
        let Some((schema, name)) = place(table, &database) else {
            return Ok(Some(format!("`{}` is not found", table.written)));
        };
        if let Some(why) = kind(connection, table, schema, name).await? {
            return Ok(Some(why));
        }
    }
    let target = &plain.target;
    let Some((schema, name)) = place(target, &database) else {
        return Ok(Some(format!("`{}` is not found", target.written)));
    };
    let count = async |connection: &mut MySqlConnection, question: &'static str, extra: bool| {
        let query = sqlx::query(question).bind(schema);
        let query = if extra { query.bind(schema) } else { query };
        let row = query.bind(name).fetch_one(connection).await?;
        row.try_get_unchecked::<i64, _>(0)
    };
    if count(connection, SEES_TRIGGERS, true).await? == 0 {
        return Ok(Some(format!(
            "this user may not see whether table `{name}` has triggers"
        )));
    }
    if count(connection, TRIGGERS, false).await? > 0 {
        return Ok(Some(format!("table `{name}` has a trigger")));
    }
    if count(connection, WORDS, false).await? > 0 {
        return Ok(Some(format!("table `{name}` has an index of words")));
    }
    columns(connection, plain, schema, name).await
}

/// What speaks against a table that is read or written.
async fn kind(
    connection: &mut MySqlConnection,
    table: &Table,
    schema: &str,
    name: &str,
) -> sqlx::Result<Option<String>> {
    let rows = sqlx::query(KIND)
        .bind(schema)
        .bind(name)
        .fetch_all(connection)
        .await?;
    if rows.is_empty() && !table.may_be_within {
        return Ok(Some(format!("`{name}` is not found")));
    }
    for row in rows {
        let (kind, engine): (String, String) = (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
        if kind != "BASE TABLE" {
            return Ok(Some(format!("`{name}` is a {}", kind.to_lowercase())));
        }
        if engine != "InnoDB" {
            return Ok(Some(format!(
                "table `{name}` is kept by {engine}, which may take nothing back"
            )));
        }
    }
    Ok(None)
}

/// What speaks against the columns of the table that is written.
async fn columns(
    connection: &mut MySqlConnection,
    plain: &Plain,
    schema: &str,
    table: &str,
) -> sqlx::Result<Option<String>> {
    let rows = sqlx::query(COLUMNS)
        .bind(schema)
        .bind(table)
        .fetch_all(connection)
        .await?;
    let adds = matches!(plain.verb, Verb::Insert | Verb::Upsert | Verb::Merge);
    for (index, row) in rows.iter().enumerate() {
        let name: String = row.try_get_unchecked(0)?;
        let default: String = row.try_get_unchecked(1)?;
        let extra: String = row.try_get_unchecked(2)?;
        if row.try_get_unchecked::<i64, _>(3)? != 0 {
            return Ok(Some(format!("column `{name}` of `{table}` is generated")));
        }
        let is_set = plain.assigned.iter().any(|set| set.eq_ignore_ascii_case(&name));
        if extra.contains("auto_increment") && (adds || is_set) {
            return Ok(Some(format!(
                "column `{name}` of `{table}` gets a number that is not given back"
            )));
        }
        let is_given = match &plain.defaults {
            Defaults::None => true,
            Defaults::All => false,
            Defaults::AllBut(named) => named.iter().any(|given| given.eq_ignore_ascii_case(&name)),
            Defaults::After(first) => index < *first,
        };
        if !is_given && !is_harmless(&default) {
            return Ok(Some(format!(
                "column `{name}` of `{table}` gets what a function gives"
            )));
        }
    }
    Ok(None)
}

/// Whether a column's default is a literal, or one of a few functions.
fn is_harmless(default: &str) -> bool {
    let tokens = tokens(default);
    let calls = tokens.iter().any(|token| token.text == "(");
    let known = [
        "current_timestamp(",
        "curdate()",
        "curtime()",
        "uuid()",
        "utc_timestamp(",
    ];
    let default = default.to_lowercase();
    !(calls || default.contains("next"))
        || (known.iter().any(|call| default.starts_with(call)) && default.matches('(').count() == 1)
}

/// Its schema and its name.
fn place<'t>(table: &'t Table, database: &'t str) -> Option<(&'t str, &'t str)> {
    match table.path.as_slice() {
        [name] => Some((database, name)),
        [schema, name] => Some((schema, name)),
        _ => None,
    }
}

/// A function with a blank before its parenthesis, for which this server takes one that somebody has stored.
fn called_from_afar(sql: &str, plain: &Plain) -> Option<String> {
    let tokens = tokens(sql);
    tokens.iter().enumerate().find_map(|(at, name)| {
        let mut after = tokens
            .iter()
            .skip(at + 1)
            .skip_while(|token| token.kind == Kind::Blank);
        let is_apart = tokens.get(at + 1).is_some_and(|token| token.kind == Kind::Blank);
        let is_called = is_apart && after.next().is_some_and(|token| token.text == "(");
        let name = name.text.to_lowercase();
        (is_called && plain.functions.contains(&name)).then_some(name)
    })
}
