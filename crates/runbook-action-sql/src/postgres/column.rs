//! Columns: which type is read in which way.

use runbook_action::{ErrorKind, Failure};
use serde_json::Value;
use sqlx::postgres::{PgColumn, PgRow, PgTypeInfo, PgTypeKind, PgValueFormat, PgValueRef};
use sqlx::{Column, Row, TypeInfo, ValueRef};

use super::{binary, text};
use crate::rows::Rows;

/// What a type holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Bytes,
    Int2,
    Int4,
    Int8,
    /// An unsigned number: `oid`, `xid`, `cid`.
    Oid,
    Xid8,
    Float4,
    Float8,
    Numeric,
    Text,
    Json,
    /// JSON with a version before it.
    Jsonb,
    Uuid,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    Inet,
    MacAddr,
    Lsn,
    Void,
}

/// A kind, or a list of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    One(Kind),
    List(Kind),
}

/// The kinds of the types that every server has, with the number of the type and of its array.
const KINDS: [(u32, u32, Kind); 33] = [
    (16, 1000, Kind::Bool),
    (17, 1001, Kind::Bytes),
    (18, 1002, Kind::Text),
    (19, 1003, Kind::Text),
    (20, 1016, Kind::Int8),
    (21, 1005, Kind::Int2),
    (23, 1007, Kind::Int4),
    (25, 1009, Kind::Text),
    (26, 1028, Kind::Oid),
    (28, 1011, Kind::Oid),
    (29, 1012, Kind::Oid),
    (114, 199, Kind::Json),
    (142, 143, Kind::Text),
    (650, 651, Kind::Inet),
    (700, 1021, Kind::Float4),
    (701, 1022, Kind::Float8),
    (705, 0, Kind::Text),
    (829, 1040, Kind::MacAddr),
    (869, 1041, Kind::Inet),
    (1042, 1014, Kind::Text),
    (1043, 1015, Kind::Text),
    (1082, 1182, Kind::Date),
    (1083, 1183, Kind::Time),
    (1114, 1115, Kind::Timestamp),
    (1184, 1185, Kind::TimestampTz),
    (1186, 1187, Kind::Interval),
    (1266, 1270, Kind::TimeTz),
    (1700, 1231, Kind::Numeric),
    (2278, 0, Kind::Void),
    (2950, 2951, Kind::Uuid),
    (3220, 3221, Kind::Lsn),
    (3802, 3807, Kind::Jsonb),
    (5069, 271, Kind::Xid8),
];

/// What the type of this number holds, if every server has it.
pub(crate) fn of_number(number: u32) -> Option<Holds> {
    KINDS.iter().find_map(|(one, list, kind)| {
        if *one == number {
            Some(Holds::One(*kind))
        } else if *list == number {
            Some(Holds::List(*kind))
        } else {
            None
        }
    })
}

fn number(type_info: &PgTypeInfo) -> u32 {
    type_info.oid().map_or(0, |oid| oid.0)
}

/// What a type holds whose definition the server was asked for.
fn of_defined(type_info: &PgTypeInfo) -> Option<Holds> {
    if let Some(holds) = of_number(number(type_info)) {
        return Some(holds);
    }
    match type_info.kind() {
        PgTypeKind::Enum(_) => Some(Holds::One(Kind::Text)),
        PgTypeKind::Domain(inner) => of_defined(inner),
        PgTypeKind::Array(inner) => match of_defined(inner)? {
            Holds::One(kind) => Some(Holds::List(kind)),
            Holds::List(_) => None,
        },
        PgTypeKind::Simple if type_info.name().eq_ignore_ascii_case("citext") => Some(Holds::One(Kind::Text)),
        PgTypeKind::Simple | PgTypeKind::Pseudo | PgTypeKind::Composite(_) | PgTypeKind::Range(_) => None,
    }
}

/// Refuses columns that a prepared statement gives in a form that is not known here. Asked before it is run.
pub(crate) fn can_be_read(columns: &[PgColumn]) -> Result<(), Failure> {
    match columns
        .iter()
        .find(|column| of_defined(column.type_info()).is_none())
    {
        Some(column) => {
            let (name, type_name) = (column.name(), column.type_info().name());
            Err(Failure::new(
                ErrorKind::Other,
                format!("the column `{name}` has the type `{type_name}`, which cannot be read"),
            )
            .help(format!("cast it in the statement: `{name}::text`")))
        }
        None => Ok(()),
    }
}

/// The values of one row.
pub(crate) fn values(row: &PgRow, rows: &Rows) -> Result<Vec<Value>, Failure> {
    (0..row.columns().len())
        .map(|index| {
            value(row, index).ok_or_else(|| {
                let message = format!("the column `{}` holds what cannot be read", rows.column(index));
                Failure::new(ErrorKind::Protocol, message).maybe_applied()
            })
        })
        .collect()
}

fn value(row: &PgRow, index: usize) -> Option<Value> {
    let raw: PgValueRef<'_> = row.try_get_raw(index).ok()?;
    if raw.is_null() {
        return Some(Value::Null);
    }
    let column = row.columns().get(index)?;
    match raw.format() {
        PgValueFormat::Text => {
            let holds = of_number(number(column.type_info())).unwrap_or(Holds::One(Kind::Text));
            text::value(holds, raw.as_str().ok()?)
        }
        PgValueFormat::Binary => binary::value(of_defined(column.type_info())?, raw.as_bytes().ok()?),
    }
}
