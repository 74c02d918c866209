//! Dates and times of `MySQL` and MariaDB.

use std::fmt::Write as _;

/// What a value of time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temporal {
    Date,
    /// A length of time, or a time of a day.
    Time,
    /// A date and a time, with what follows it: a `TIMESTAMP` is in the session's zone, which is UTC.
    Moment(&'static str),
}

/// From what the server writes: `2026-11-21 12:30:00.500000`.
pub(super) fn of_text(temporal: Temporal, text: &str) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    match temporal {
        Temporal::Date => text.to_owned(),
        Temporal::Time => format!("{whole}{point}{fraction}"),
        Temporal::Moment(zone) => format!("{}{point}{fraction}{zone}", whole.replacen(' ', "T", 1)),
    }
}

/// From what the server sends: how many bytes follow, and then its parts, of which the last ones are left out if they
/// are zero.
pub(super) fn of_binary(temporal: Temporal, bytes: &[u8]) -> Option<String> {
    let (length, rest) = bytes.split_first()?;
    let mut parts = [0; 12];
    parts.get_mut(..rest.len())?.copy_from_slice(rest);
    if usize::from(*length) != rest.len() {
        return None;
    }
    Some(match temporal {
        Temporal::Time => time(parts),
        Temporal::Date => date(parts),
        Temporal::Moment(zone) => {
            let [_, _, _, _, hour, minute, second, a, b, c, d, _] = parts;
            let clock = format!("{hour:02}:{minute:02}:{second:02}");
            let micros = u32::from_le_bytes([a, b, c, d]);
            format!("{}T{}{zone}", date(parts), with_fraction(clock, micros))
        }
    })
}

fn date([low, high, month, day, ..]: [u8; 12]) -> String {
    let year = u16::from_le_bytes([low, high]);
    format!("{year:04}-{month:02}-{day:02}")
}

fn time([negative, a, b, c, d, hour, minute, second, micros @ ..]: [u8; 12]) -> String {
    let sign = if negative == 1 { "-" } else { "" };
    let hours = u64::from(u32::from_le_bytes([a, b, c, d])) * 24 + u64::from(hour);
    let clock = format!("{sign}{hours:02}:{minute:02}:{second:02}");
    with_fraction(clock, u32::from_le_bytes(micros))
}

fn with_fraction(mut text: String, micros: u32) -> String {
    if micros != 0 {
        let digits = format!("{micros:06}");
        let _written = write!(text, ".{}", digits.trim_end_matches('0'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_read_the_same() {
        let moment = [
            &[11, 0xea, 0x07, 11, 21, 12, 30, 0][..],
            &500_000_u32.to_le_bytes(),
        ]
        .concat();
        let time = [&[12, 1, 1, 0, 0, 0, 2, 3, 4][..], &1_u32.to_le_bytes()].concat();
        for (temporal, bytes, text, shown) in [
            (
                Temporal::Moment("Z"),
                &moment[..],
                "2026-11-21 12:30:00.500000",
                "2026-11-21T12:30:00.5Z",
            ),
            (
                Temporal::Moment(""),
                &[4, 0xea, 0x07, 11, 21],
                "2026-11-21 00:00:00",
                "2026-11-21T00:00:00",
            ),
            (
                Temporal::Moment(""),
                &[0],
                "0000-00-00 00:00:00",
                "0000-00-00T00:00:00",
            ),
            (
                Temporal::Date,
                &[4, 0xea, 0x07, 11, 21],
                "2026-11-21",
                "2026-11-21",
            ),
            (Temporal::Time, &time, "-26:03:04.000001", "-26:03:04.000001"),
            (Temporal::Time, &[0], "00:00:00", "00:00:00"),
        ] {
            assert_eq!(of_binary(temporal, bytes).as_deref(), Some(shown));
            assert_eq!(of_text(temporal, text), shown);
        }
        assert_eq!(of_binary(Temporal::Date, &[]), None);
        assert_eq!(of_binary(Temporal::Date, &[9, 1]), None);
    }
}
