//! Values on their way to PostgreSQL.
//!
//! An integer is declared as a literal would be: `int4` if it fits, so that functions such as
//! `pg_terminate_backend` take it, else `int8`. A text is declared `text`, which the author can cast to anything. A
//! null has no type of its own, and takes the one that belongs to its place.

use runbook_action::{ErrorKind, Failure};
use serde_json::Value;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::{Arguments, Postgres, Type};

use crate::bind::Bound;

/// A null whose type the server chooses.
struct Untyped;

impl Type<Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(&self, _buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

/// The type as which a value is declared.
pub(crate) fn type_of(bound: &Bound) -> PgTypeInfo {
    match bound {
        Bound::Null => Untyped::type_info(),
        Bound::Bool(_) => <bool as Type<Postgres>>::type_info(),
        Bound::Integer(integer) if i32::try_from(*integer).is_ok() => <i32 as Type<Postgres>>::type_info(),
        Bound::Integer(_) => <i64 as Type<Postgres>>::type_info(),
        Bound::Float(_) => <f64 as Type<Postgres>>::type_info(),
        Bound::Text(_) => <String as Type<Postgres>>::type_info(),
        Bound::Bools(_) => <Vec<bool> as Type<Postgres>>::type_info(),
        Bound::Integers(_) => <Vec<i64> as Type<Postgres>>::type_info(),
        Bound::Floats(_) => <Vec<f64> as Type<Postgres>>::type_info(),
        Bound::Texts(_) => <Vec<String> as Type<Postgres>>::type_info(),
        Bound::Json(_) => <Value as Type<Postgres>>::type_info(),
    }
}

/// The values, in order.
pub(crate) fn arguments(values: &[(&str, &Bound)]) -> Result<PgArguments, Failure> {
    let mut arguments = PgArguments::default();
    for (name, bound) in values {
        add(&mut arguments, bound).map_err(|error| {
            Failure::new(ErrorKind::Other, format!("the value cannot be sent: {error}"))
                .about(format!("bind.{name}"))
        })?;
    }
    Ok(arguments)
}

fn add(arguments: &mut PgArguments, bound: &Bound) -> Result<(), BoxDynError> {
    match bound {
        Bound::Null => arguments.add(Untyped),
        Bound::Bool(value) => arguments.add(*value),
        Bound::Integer(value) => match i32::try_from(*value) {
            Ok(value) => arguments.add(value),
            Err(_) => arguments.add(*value),
        },
        Bound::Float(value) => arguments.add(*value),
        Bound::Text(value) => arguments.add(value.clone()),
        Bound::Bools(values) => arguments.add(values.clone()),
        Bound::Integers(values) => arguments.add(values.clone()),
        Bound::Floats(values) => arguments.add(values.clone()),
        Bound::Texts(values) => arguments.add(values.clone()),
        Bound::Json(value) => arguments.add(value.clone()),
    }
}
