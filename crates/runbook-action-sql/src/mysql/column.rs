//! Columns: which type is read in which way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runbook_action::{ErrorKind, Failure};
use serde_json::{Number, Value};
use sqlx::mysql::{MySql, MySqlRow, MySqlTypeInfo};
use sqlx::{Column, Decode, Row, Type, TypeInfo};

use super::temporal::{self, Temporal};
use crate::rows::Rows;

/// How values come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Binary,
}

/// The values of one row.
pub(super) fn values(row: &MySqlRow, format: Format, rows: &Rows) -> Result<Vec<Value>, Failure> {
    (0..row.columns().len())
        .map(|index| {
            value(row, index, format).ok_or_else(|| {
                let message = format!("the column `{}` holds what cannot be read", rows.column(index));
                Failure::new(ErrorKind::Protocol, message).maybe_applied()
            })
        })
        .collect()
}

fn value(row: &MySqlRow, index: usize, format: Format) -> Option<Value> {
    let raw = row.try_get_raw(index).ok()?;
    // Only the null has no bytes: the date of zeros, which sqlx takes for a null too, has some.
    let Ok(bytes) = <&[u8] as Decode<'_, MySql>>::decode(raw) else {
        return Some(Value::Null);
    };
    let column = row.columns().get(index)?;
    of_type(column.type_info(), bytes, format)
}

fn of_type(info: &MySqlTypeInfo, bytes: &[u8], format: Format) -> Option<Value> {
    Some(match info.name() {
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "YEAR" | "TINYINT UNSIGNED"
        | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED" => {
            let is_unsigned = <u64 as Type<MySql>>::compatible(info);
            integer(bytes, is_unsigned, format)?
        }
        "FLOAT" => match format {
            // By its shortest text: widening alone would show digits that nobody wrote.
            Format::Binary => float(f32::from_le_bytes(fixed(bytes)?).to_string().parse().ok()?),
            Format::Text => float(text(bytes)?.parse().ok()?),
        },
        "DOUBLE" => match format {
            Format::Binary => float(f64::from_le_bytes(fixed(bytes)?)),
            Format::Text => float(text(bytes)?.parse().ok()?),
        },
        "DECIMAL" => Value::String(text(bytes)?.to_owned()),
        "BIT" => Value::from(bits(bytes)?),
        "JSON" => serde_json::from_slice(bytes).ok()?,
        "DATE" => temporal_value(Temporal::Date, bytes, format)?,
        "TIME" => temporal_value(Temporal::Time, bytes, format)?,
        "DATETIME" => temporal_value(Temporal::Moment(""), bytes, format)?,
        "TIMESTAMP" => temporal_value(Temporal::Moment("Z"), bytes, format)?,
        "NULL" => Value::Null,
        "GEOMETRY" => Value::String(STANDARD.encode(bytes)),
        _ if <str as Type<MySql>>::compatible(info) => Value::String(text(bytes)?.to_owned()),
        "ENUM" | "SET" => Value::String(text(bytes)?.to_owned()),
        _ => Value::String(STANDARD.encode(bytes)),
    })
}

fn integer(bytes: &[u8], is_unsigned: bool, format: Format) -> Option<Value> {
    if format == Format::Text {
        let text = text(bytes)?;
        return match text.parse::<i64>() {
            Ok(signed) => Some(Value::from(signed)),
            Err(_) => text.parse::<u64>().ok().map(Value::from),
        };
    }
    let mut whole = [0; 8];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let unsigned = u64::from_le_bytes(whole);
    if is_unsigned {
        return Some(Value::from(unsigned));
    }
    let unused = 64 - 8 * u32::try_from(bytes.len()).ok()?;
    let signed = unsigned.checked_shl(unused)?.cast_signed() >> unused;
    Some(Value::from(signed))
}

/// Bits are one number, whose first byte is the greatest.
fn bits(bytes: &[u8]) -> Option<u64> {
    let mut whole = [0; 8];
    let from = whole.len().checked_sub(bytes.len())?;
    whole.get_mut(from..)?.copy_from_slice(bytes);
    Some(u64::from_be_bytes(whole))
}

fn temporal_value(temporal: Temporal, bytes: &[u8], format: Format) -> Option<Value> {
    let text = match format {
        Format::Binary => temporal::of_binary(temporal, bytes)?,
        Format::Text => temporal::of_text(temporal, text(bytes)?),
    };
    Some(Value::String(text))
}

/// The servers have no numbers that JSON does not have.
fn float(float: f64) -> Value {
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_their_sign_and_all_digits() {
        for (bytes, is_unsigned, value) in [
            (&[0xff][..], false, Value::from(-1)),
            (&[0xff], true, Value::from(255)),
            (&[0x00, 0x80], false, Value::from(i16::MIN)),
            (&[0xff; 8], true, Value::from(u64::MAX)),
            (&[0xff; 8], false, Value::from(-1)),
            (&[0xff, 0xff, 0xff, 0x7f], false, Value::from(i32::MAX)),
        ] {
            assert_eq!(integer(bytes, is_unsigned, Format::Binary), Some(value));
        }
        assert_eq!(
            integer(b"18446744073709551615", true, Format::Text),
            Some(Value::from(u64::MAX))
        );
        assert_eq!(integer(&[0; 9], true, Format::Binary), None);
        assert_eq!(integer(&[], false, Format::Binary), None);
        assert_eq!(bits(&[1, 0]), Some(256));
        assert_eq!(bits(&[0; 9]), None);
    }
}
