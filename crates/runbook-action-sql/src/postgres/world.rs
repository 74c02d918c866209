//! What the tables of a statement are, and whether trying it could do more than change their rows.
//!
//! Names are resolved by the server, in the session in which the statement is prepared already: so it holds the locks that
//! keep the tables as they are. What comes with the server has a number below 16384; all else was made by somebody,
//! and may do anything. What a table computes (defaults, checks, generated columns, expressions of indexes) is kept as a tree
//! in which each function is written as its number.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use crate::preview::plain::{Defaults, Plain, Table};

/// A type that is the server's own, an enumeration, or an array of one of these: its values are compared and written by the
/// server's own functions.
macro_rules! own {
    ($oid:literal) => {
        concat!(
            "EXISTS (SELECT FROM pg_type AS own LEFT JOIN pg_type AS item ON item.oid = own.typelem AND own.typcategory = 'A' ",
            "WHERE own.oid = ", $oid, " AND (own.oid < 16384 OR own.typtype = 'e' OR item.typtype = 'e'))"
        )
    };
}

/// Whether a tree has a function or a type that did not come with the server, or a function that acts.
macro_rules! acts {
    ($tree:literal) => {
        concat!(
            "(EXISTS (SELECT FROM regexp_matches(", $tree, ", ':(?:op)?funcid (\\d+)', 'g') AS m LEFT JOIN pg_proc AS p ON p.oid = m[1]::oid ",
            "WHERE m[1] <> '0' AND (p.oid IS NULL OR p.oid >= 16384 OR (p.provolatile = 'v' AND p.proname <> ALL(ARRAY['gen_random_uuid', 'random', 'clock_timestamp'])))) ",
            "OR EXISTS (SELECT FROM regexp_matches(", $tree, ", ':[a-z]*type(?:id)? (\\d+)', 'gi') AS m JOIN pg_type AS t ON t.oid = m[1]::oid WHERE t.oid >= 16384 AND t.typtype <> 'e'))"
        )
    };
}

/// The tables whose rows the statement may change: partitions and heirs, and those that follow by a foreign key.
const WRITTEN: &str = "WITH RECURSIVE written(oid) AS (
  SELECT to_regclass($1)::oid
  UNION
  SELECT next.oid FROM written, LATERAL (
    SELECT inhrelid AS oid FROM pg_inherits WHERE inhparent = written.oid
    UNION ALL
    SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = written.oid
      AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))
  ) AS next
) SELECT array_agg(oid) FROM written WHERE oid IS NOT NULL";

/// The tables that it reads, with their partitions and heirs.
const READ: &str = "WITH RECURSIVE seen(oid) AS (
  SELECT to_regclass(name)::oid FROM unnest($1::text[]) AS name
  UNION
  SELECT inhrelid FROM pg_inherits JOIN seen ON inhparent = seen.oid
) SELECT array_agg(oid) FROM seen WHERE oid IS NOT NULL";

const MISSING: &str = "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL";

/// What the session is like.
const SESSION: &str = "SELECT CASE
  WHEN current_setting('standard_conforming_strings') <> 'on' THEN 'a backslash means something in its texts'
  WHEN (current_schemas(true))[1] IS DISTINCT FROM 'pg_catalog' THEN 'other functions may stand for those of the server here'
END";

/// What there is in the database beside the tables: `$1` are functions, `$2` the last parts of names, `$3` the signs in
/// the statement, `$4` the tables in it.
const AROUND: [&str; 6] = [
    "SELECT '`' || proname || '` is also a function of this database' FROM pg_proc \
     WHERE oid >= 16384 AND (proname = ANY($1::text[]) OR proname = ANY($2::text[])) AND $3::text IS NOT NULL AND $4::oid[] IS NOT NULL",
    "SELECT '`' || proname || '` is a function, and no column' FROM pg_proc WHERE proname = ANY($2::text[]) \
     AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = ANY($4::oid[]) AND attname = proname AND NOT attisdropped) \
     AND $1::text[] IS NOT NULL AND $3::text IS NOT NULL",
    "SELECT 'a function that it calls is not the same each time' FROM pg_proc WHERE proname = ANY($1::text[]) AND provolatile = 'v' \
     AND proname <> ALL(ARRAY['gen_random_uuid', 'random', 'clock_timestamp']) \
     AND $2::text[] IS NOT NULL AND $3::text IS NOT NULL AND $4::oid[] IS NOT NULL",
    concat!(
        "SELECT 'this database has an operator `' || oprname || '` of its own' FROM pg_operator AS o WHERE o.oid >= 16384 \
     AND (o.oprleft = 0 OR ",
        own!("o.oprleft"),
        ") AND (o.oprright = 0 OR ",
        own!("o.oprright"),
        ") \
     AND (position(oprname IN $3::text) > 0 OR oprname = ANY(ARRAY['=', '<>', '<', '>', '<=', '>=', '~~', '!~~', '~~*', '!~~*', '~', '!~'])) \
     AND $1::text[] IS NOT NULL AND $2::text[] IS NOT NULL AND $4::oid[] IS NOT NULL"
    ),
    concat!(
        "SELECT 'this database has casts of its own' FROM pg_cast AS c WHERE c.oid >= 16384 \
     AND ",
        own!("c.castsource"),
        " AND (c.castcontext = 'i' OR ",
        own!("c.casttarget"),
        ") \
     AND $1::text[] IS NOT NULL AND $2::text[] IS NOT NULL AND $3::text IS NOT NULL AND $4::oid[] IS NOT NULL"
    ),
    concat!(
        "SELECT 'this database orders values in a way of its own' FROM pg_opclass AS o WHERE o.oid >= 16384 AND o.opcdefault \
     AND ",
        own!("o.opcintype"),
        " \
     AND $1::text[] IS NOT NULL AND $2::text[] IS NOT NULL AND $3::text IS NOT NULL AND $4::oid[] IS NOT NULL"
    ),
];

/// What speaks against a table that is read or written.
const TABLES: [&str; 7] = [
    "SELECT '`' || relname || '` is ' || CASE relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view' \
     WHEN 'f' THEN 'a foreign table' WHEN 'S' THEN 'a sequence' ELSE 'not an ordinary table' END \
     FROM pg_class WHERE oid = ANY($1::oid[]) AND relkind NOT IN ('r', 'p')",
    "SELECT '`' || relname || '` has row security' FROM pg_class WHERE oid = ANY($1::oid[]) AND relrowsecurity",
    "SELECT '`' || relname || '` has a rule' FROM pg_class JOIN pg_rewrite ON ev_class = pg_class.oid WHERE pg_class.oid = ANY($1::oid[])",
    "SELECT '`' || relname || '` is kept by an extension' FROM pg_class WHERE oid = ANY($1::oid[]) AND relam >= 16384",
    concat!(
        "SELECT '`' || attname || '` of `' || relname || '` has a type that did not come with the server' \
     FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid \
     WHERE attrelid = ANY($1::oid[]) AND attnum > 0 AND NOT attisdropped AND NOT ",
        own!("atttypid")
    ),
    concat!(
        "SELECT 'the index `' || named.relname || '` does more than the server''s own' FROM pg_index AS i JOIN pg_class AS named ON named.oid = i.indexrelid \
     WHERE i.indrelid = ANY($1::oid[]) AND (named.relam >= 16384 OR EXISTS (SELECT FROM unnest(i.indclass::oid[]) AS class WHERE class >= 16384) \
     OR ",
        acts!("concat_ws(' ', i.indexprs::text, i.indpred::text)"),
        ")"
    ),
    concat!(
        "SELECT 'the partitions of `' || relname || '` are not told by the server alone' FROM pg_partitioned_table AS p JOIN pg_class ON pg_class.oid = p.partrelid \
     WHERE p.partrelid = ANY($1::oid[]) AND (EXISTS (SELECT FROM unnest(p.partclass::oid[]) AS class WHERE class >= 16384) OR ",
        acts!("p.partexprs::text"),
        ")"
    ),
];

/// What speaks against a table that is written.
const TARGETS: [&str; 4] = [
    "SELECT 'table `' || relname || '` belongs to the server' FROM pg_class WHERE oid = ANY($1::oid[]) AND oid < 16384",
    "SELECT 'table `' || relname || '` has a trigger' FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid \
     WHERE tgrelid = ANY($1::oid[]) AND tgenabled <> 'D' \
     AND NOT EXISTS (SELECT FROM pg_proc WHERE pg_proc.oid = tgfoid AND pg_proc.oid < 16384 AND (proname LIKE 'RI\\_FKey\\_%' OR proname = 'unique_key_recheck'))",
    concat!(
        "SELECT 'table `' || relname || '` has a constraint that calls a function' FROM pg_constraint AS c JOIN pg_class ON pg_class.oid = c.conrelid \
     WHERE c.conrelid = ANY($1::oid[]) AND (",
        acts!("c.conbin::text"),
        " OR EXISTS (SELECT FROM unnest(c.conexclop || c.conpfeqop || c.conppeqop || c.conffeqop) AS o WHERE o >= 16384) \
     OR (c.contype = 'f' AND (c.confdeltype = 'd' OR c.confupdtype = 'd')))"
    ),
    concat!(
        "SELECT 'column `' || attname || '` of `' || relname || '` is generated by a function' FROM pg_attribute AS a JOIN pg_class ON pg_class.oid = a.attrelid \
     JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
     WHERE a.attrelid = ANY($1::oid[]) AND a.attgenerated <> '' AND ",
        acts!("d.adbin::text")
    ),
];

/// A foreign key whose other table follows with its defaults; and the columns that get what the table gives them: `$2` are
/// those that do not, by name, `$3` by number.
const FOLLOWING: &str = "SELECT 'table `' || conrelid::regclass::text || '` gets its defaults back' FROM pg_constraint \
WHERE confrelid = ANY($1::oid[]) AND (confdeltype = 'd' OR confupdtype = 'd')";

const DEFAULTS: &str = concat!(
    "SELECT 'column `' || a.attname || '` gets a number that is not given back, or what a function gives' \
FROM (SELECT *, row_number() OVER (ORDER BY attnum) AS place FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped) AS a \
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
WHERE a.attgenerated = '' AND a.attname <> ALL($2::text[]) AND a.place > $3 AND (a.attidentity <> '' OR ",
    acts!("d.adbin::text"),
    ")"
);

/// What speaks against trying a statement, if anything does.
pub(super) async fn doubt(
    connection: &mut PgConnection,
    sql: &str,
    plain: &Plain,
) -> sqlx::Result<Option<String>> {
    let row = sqlx::query(SESSION)
        .persistent(false)
        .fetch_one(&mut *connection)
        .await?;
    if let Some(why) = row.try_get::<Option<String>, _>(0)? {
        return Ok(Some(why));
    }
    let own: Vec<&str> = plain
        .tables
        .iter()
        .filter(|table| !table.may_be_within)
        .map(written)
        .collect();
    let missing = sqlx::query(MISSING).bind(&own).persistent(false);
    if let Some(row) = missing.fetch_optional(&mut *connection).await? {
        let name: String = row.try_get(0)?;
        return Ok(Some(format!("`{name}` is not found")));
    }
    let names: Vec<&str> = plain.tables.iter().map(written).collect();
    let query = sqlx::query(WRITTEN).bind(&plain.target.written).persistent(false);
    let targets = numbers(&query.fetch_one(&mut *connection).await?)?;
    let query = sqlx::query(READ).bind(&names).persistent(false);
    let mut all = numbers(&query.fetch_one(&mut *connection).await?)?;
    all.extend(&targets);
    for (questions, about) in [
        (TABLES.as_slice(), &all),
        (TARGETS.as_slice(), &targets),
        (&[FOLLOWING], &targets),
    ] {
        for question in questions {
            let query = sqlx::query(*question).bind(about).persistent(false);
            if let Some(why) = said(query.fetch_optional(&mut *connection).await?)? {
                return Ok(Some(why));
            }
        }
    }
    let functions: Vec<&String> = plain.functions.iter().collect();
    let fields: Vec<&String> = plain.fields.iter().collect();
    for question in AROUND {
        let query = sqlx::query(question)
            .bind(&functions)
            .bind(&fields)
            .bind(signs(sql))
            .bind(&all)
            .persistent(false);
        if let Some(why) = said(query.fetch_optional(&mut *connection).await?)? {
            return Ok(Some(why));
        }
    }
    defaults(connection, plain).await
}

/// Whether a column gets something by which more is changed than the table.
async fn defaults(connection: &mut PgConnection, plain: &Plain) -> sqlx::Result<Option<String>> {
    let (named, first) = match &plain.defaults {
        Defaults::None => return Ok(None),
        Defaults::All => (Vec::new(), 0),
        Defaults::AllBut(named) => (named.clone(), 0),
        Defaults::After(first) => (Vec::new(), i64::try_from(*first).unwrap_or_default()),
    };
    let query = sqlx::query(DEFAULTS)
        .bind(&plain.target.written)
        .bind(named)
        .bind(first)
        .persistent(false);
    said(query.fetch_optional(connection).await?)
}

fn written(table: &Table) -> &str {
    &table.written
}

fn numbers(row: &PgRow) -> sqlx::Result<Vec<sqlx::postgres::types::Oid>> {
    Ok(row.try_get::<Option<_>, _>(0)?.unwrap_or_default())
}

fn said(row: Option<PgRow>) -> sqlx::Result<Option<String>> {
    row.map(|row| row.try_get(0)).transpose()
}

/// The signs of a statement, those that stand together as one word.
fn signs(sql: &str) -> String {
    use crate::token::{Kind, tokens};
    tokens(sql)
        .iter()
        .map(|token| {
            if token.kind == Kind::Other {
                token.text
            } else {
                " "
            }
        })
        .collect()
}
