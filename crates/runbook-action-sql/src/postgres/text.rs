//! Values as PostgreSQL writes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use super::column::{Holds, Kind};

/// The value, or nothing if it is not written as expected.
pub(crate) fn value(holds: Holds, text: &str) -> Option<Value> {
    match holds {
        Holds::One(kind) => one(kind, text),
        Holds::List(kind) => list(kind, text),
    }
}

fn one(kind: Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Bool => Value::Bool(text == "t"),
        Kind::Int2 | Kind::Int4 | Kind::Int8 | Kind::Oid => Value::from(text.parse::<i64>().ok()?),
        Kind::Xid8 => Value::from(text.parse::<u64>().ok()?),
        Kind::Float4 | Kind::Float8 => float(text)?,
        Kind::Json | Kind::Jsonb => serde_json::from_str(text).ok()?,
        Kind::Bytes => Value::String(STANDARD.encode(unhex(text.strip_prefix("\\x")?)?)),
        Kind::Timestamp => Value::String(with_t(text)),
        Kind::TimestampTz => Value::String(with_zone(&with_t(text))),
        Kind::TimeTz => Value::String(with_zone(text)),
        Kind::Void => Value::Null,
        Kind::Numeric
        | Kind::Text
        | Kind::Uuid
        | Kind::Date
        | Kind::Time
        | Kind::Interval
        | Kind::Inet
        | Kind::MacAddr
        | Kind::Lsn => Value::String(text.to_owned()),
    })
}

/// JSON has no number for `NaN` and `Infinity`: those stay text.
fn float(text: &str) -> Option<Value> {
    let float: f64 = text.parse().ok()?;
    Some(Number::from_f64(float).map_or_else(|| Value::String(text.to_owned()), Value::Number))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    Some(
        digits?
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    )
}

/// `2026-11-21 12:30:00` as RFC 3339 has it.
fn with_t(text: &str) -> String {
    match text.split_once(' ') {
        Some((date, time)) if !date.is_empty() && !time.is_empty() => format!("{date}T{time}"),
        Some(_) | None => text.to_owned(),
    }
}

/// `+02` as RFC 3339 has it; a date before Christ has its era after the zone.
fn with_zone(text: &str) -> String {
    let (text, era) = match text.strip_suffix(" BC") {
        Some(text) => (text, " BC"),
        None => (text, ""),
    };
    let time_at = text.find('T').unwrap_or(0);
    match text.get(time_at..).and_then(|time| time.rfind(['+', '-'])) {
        Some(at) if text.len() - time_at - at == 3 => {
            let (moment, zone) = text.split_at(time_at + at);
            if zone == "+00" {
                format!("{moment}Z{era}")
            } else {
                format!("{moment}{zone}:00{era}")
            }
        }
        Some(_) | None => format!("{text}{era}"),
    }
}

/// `{1,NULL,"a \" b",{2}}`, after its bounds if it has any.
fn list(kind: Kind, text: &str) -> Option<Value> {
    let start = text.find('{')?;
    let mut chars = text.get(start..)?.chars().peekable();
    let list = items(kind, &mut chars)?;
    chars.next().is_none().then_some(list)
}

fn items(kind: Kind, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Value> {
    chars.next_if_eq(&'{')?;
    let mut list = Vec::new();
    if chars.next_if_eq(&'}').is_some() {
        return Some(Value::Array(list));
    }
    loop {
        list.push(match chars.peek()? {
            '{' => items(kind, chars)?,
            '"' => one(kind, &quoted(chars)?)?,
            _ => {
                let mut word = String::new();
                while let Some(c) = chars.next_if(|c| *c != ',' && *c != '}') {
                    word.push(c);
                }
                if word == "NULL" {
                    Value::Null
                } else {
                    one(kind, &word)?
                }
            }
        });
        match chars.next()? {
            ',' => {}
            '}' => return Some(Value::Array(list)),
            _ => return None,
        }
    }
}

fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    chars.next_if_eq(&'"')?;
    let mut text = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}
