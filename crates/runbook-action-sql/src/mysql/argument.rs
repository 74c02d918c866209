//! Values on their way to `MySQL` and MariaDB.

use runbook_action::{ErrorKind, Failure};
use sqlx::Arguments;
use sqlx::mysql::MySqlArguments;

use crate::bind::Bound;

/// The values, one for each place.
pub(super) fn arguments(values: &[(&str, &Bound)]) -> Result<MySqlArguments, Failure> {
    let mut arguments = MySqlArguments::default();
    for (name, bound) in values {
        let added = match bound {
            Bound::Null => arguments.add(None::<String>),
            Bound::Bool(value) => arguments.add(*value),
            Bound::Integer(value) => arguments.add(*value),
            Bound::Float(value) => arguments.add(*value),
            Bound::Text(value) => arguments.add(value.clone()),
            Bound::Json(value) => arguments.add(value.to_string()),
            Bound::Bools(_) | Bound::Integers(_) | Bound::Floats(_) | Bound::Texts(_) => {
                return Err(Failure::new(ErrorKind::Other, "MySQL and MariaDB have no lists")
                    .about(format!("bind.{name}"))
                    .help("give a text that holds JSON, and use `JSON_TABLE` or `JSON_CONTAINS`"));
            }
        };
        added.map_err(|error| {
            Failure::new(ErrorKind::Other, format!("the value cannot be sent: {error}"))
                .about(format!("bind.{name}"))
        })?;
    }
    Ok(arguments)
}
