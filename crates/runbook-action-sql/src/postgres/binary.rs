//! Values as PostgreSQL sends them in binary.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use super::civil;
use super::column::{Holds, Kind};

/// The value, or nothing if it is not formed as expected.
pub(crate) fn value(holds: Holds, bytes: &[u8]) -> Option<Value> {
    match holds {
        Holds::One(kind) => one(kind, bytes),
        Holds::List(kind) => list(kind, bytes),
    }
}

fn one(kind: Kind, bytes: &[u8]) -> Option<Value> {
    Some(match kind {
        Kind::Bool => Value::Bool(bytes.first()? != &0),
        Kind::Int2 => Value::from(i16::from_be_bytes(fixed(bytes)?)),
        Kind::Int4 => Value::from(i32::from_be_bytes(fixed(bytes)?)),
        Kind::Int8 => Value::from(i64::from_be_bytes(fixed(bytes)?)),
        Kind::Oid => Value::from(u32::from_be_bytes(fixed(bytes)?)),
        Kind::Xid8 => Value::from(u64::from_be_bytes(fixed(bytes)?)),
        Kind::Float4 => {
            // By its shortest text, as the text protocol has it: widening alone would show digits that nobody wrote.
            let float = f32::from_be_bytes(fixed(bytes)?);
            if float.is_finite() {
                float_of(float.to_string().parse().ok()?)
            } else {
                float_of(f64::from(float))
            }
        }
        Kind::Float8 => float_of(f64::from_be_bytes(fixed(bytes)?)),
        Kind::Text => Value::String(std::str::from_utf8(bytes).ok()?.to_owned()),
        Kind::Json => serde_json::from_slice(bytes).ok()?,
        Kind::Jsonb => serde_json::from_slice(bytes.strip_prefix(&[1])?).ok()?,
        Kind::Bytes => Value::String(STANDARD.encode(bytes)),
        Kind::Void => Value::Null,
        Kind::Numeric
        | Kind::Uuid
        | Kind::Date
        | Kind::Time
        | Kind::TimeTz
        | Kind::Timestamp
        | Kind::TimestampTz
        | Kind::Interval
        | Kind::Inet
        | Kind::MacAddr
        | Kind::Lsn => Value::String(written(kind, bytes)?),
    })
}

/// A value that JSON has only as text.
fn written(kind: Kind, bytes: &[u8]) -> Option<String> {
    let mut rest = Bytes(bytes);
    Some(match kind {
        Kind::Numeric => numeric(rest)?,
        Kind::Uuid => {
            let hex = hex(bytes, "");
            let part = |from: usize, to: usize| hex.get(from..to);
            [
                part(0, 8)?,
                part(8, 12)?,
                part(12, 16)?,
                part(16, 20)?,
                part(20, 32)?,
            ]
            .join("-")
        }
        Kind::Date => civil::date(rest.i32()?),
        Kind::Time => civil::time(rest.i64()?),
        Kind::TimeTz => {
            let (micros, west) = (rest.i64()?, rest.i32()?);
            let zone = civil::zone(west);
            format!(
                "{}{}",
                civil::time(micros),
                if west == 0 { "Z" } else { zone.as_str() }
            )
        }
        Kind::Timestamp => civil::timestamp(rest.i64()?, ""),
        Kind::TimestampTz => civil::timestamp(rest.i64()?, "Z"),
        Kind::Interval => {
            let (micros, days, months) = (rest.i64()?, rest.i32()?, rest.i32()?);
            civil::interval(months, days, micros)
        }
        Kind::Inet => inet(rest)?,
        Kind::MacAddr => hex(bytes, ":"),
        Kind::Lsn => {
            let position = u64::from_be_bytes(fixed(bytes)?);
            format!("{:X}/{:X}", position >> 32, position & 0xffff_ffff)
        }
        Kind::Bool
        | Kind::Bytes
        | Kind::Int2
        | Kind::Int4
        | Kind::Int8
        | Kind::Oid
        | Kind::Xid8
        | Kind::Float4
        | Kind::Float8
        | Kind::Text
        | Kind::Json
        | Kind::Jsonb
        | Kind::Void => return None,
    })
}

/// JSON has no number for `NaN` and `Infinity`: those are text.
fn float_of(float: f64) -> Value {
    Number::from_f64(float).map_or_else(
        || {
            let text = if float.is_nan() {
                "NaN"
            } else if float > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            Value::String(text.to_owned())
        },
        Value::Number,
    )
}

fn hex(bytes: &[u8], between: &str) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(between)
}

/// Digits in base 10,000, of which the first has the weight, and how many digits to show after the point.
fn numeric(mut rest: Bytes<'_>) -> Option<String> {
    let count = rest.u16()?;
    let weight = i32::from(rest.u16()?.cast_signed());
    let sign = rest.u16()?;
    let scale = usize::from(rest.u16()?);
    match sign {
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => {}
    }
    let digits: Vec<u16> = (0..count).map(|_| rest.u16()).collect::<Option<_>>()?;
    let digit = |power: i32| {
        usize::try_from(weight - power)
            .ok()
            .and_then(|index| digits.get(index))
            .copied()
            .unwrap_or(0)
    };
    let mut text = String::new();
    if sign == 0x4000 {
        text.push('-');
    }
    let _ = write!(text, "{}", digit(weight.max(0)));
    for power in (0..weight.max(0)).rev() {
        let _ = write!(text, "{:04}", digit(power));
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut power = -1;
        while fraction.len() < scale {
            let _ = write!(fraction, "{:04}", digit(power));
            power -= 1;
        }
        fraction.truncate(scale);
        text.push('.');
        text.push_str(&fraction);
    }
    Some(text)
}

/// An address, with the length of its network unless it is that of one host.
fn inet(mut rest: Bytes<'_>) -> Option<String> {
    let [family, bits, is_cidr, _length] = rest.take()?;
    let (address, whole) = if family == 2 {
        (Ipv4Addr::from(rest.take::<4>()?).to_string(), 32)
    } else {
        (Ipv6Addr::from(rest.take::<16>()?).to_string(), 128)
    };
    let is_host = bits == whole && is_cidr == 0;
    Some(if is_host {
        address
    } else {
        format!("{address}/{bits}")
    })
}

/// Its dimensions, then all items of the innermost one after the other.
fn list(kind: Kind, bytes: &[u8]) -> Option<Value> {
    let mut rest = Bytes(bytes);
    let dimensions = rest.i32()?;
    let (_has_nulls, _item_type) = (rest.i32()?, rest.i32()?);
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(rest.i32()?);
        let _lower_bound = rest.i32()?;
    }
    if lengths.is_empty() {
        return Some(Value::Array(Vec::new()));
    }
    items(kind, &lengths, &mut rest)
}

fn items(kind: Kind, lengths: &[i32], rest: &mut Bytes<'_>) -> Option<Value> {
    let Some((length, inner)) = lengths.split_first() else {
        let size = rest.i32()?;
        // A negative size is that of a null.
        return match usize::try_from(size) {
            Ok(size) => one(kind, rest.slice(size)?),
            Err(_) => Some(Value::Null),
        };
    };
    (0..*length).map(|_| items(kind, inner, rest)).collect()
}

fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// Bytes that are taken from the front.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn slice(&mut self, size: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(front)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        fixed(self.slice(N)?)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take()?))
    }

    fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take()?))
    }

    fn i64(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take()?))
    }
}
