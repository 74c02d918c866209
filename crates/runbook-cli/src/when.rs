//! Times as people write them on the command line.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use runbook_action::schema::duration::parse_duration;

use crate::error::Error;
use runbook_report::visible;

/// How a time may be written.
const WAYS: &str = "write it as `10m ago`, `14:05`, `14:05+02:00`, `2026-05-04 14:05` or `2026-05-04T14:05:00+02:00`; \
                    without an offset it is UTC, as all that runbook prints";

/// A time that has been: `10m ago`, `14:05` of today, or in full. Without an offset it is UTC.
pub(crate) fn past(text: &str, now: Timestamp) -> Result<Timestamp, Error> {
    let Some(at) = read(text.trim(), now) else {
        let message = format!("`{}` is no time", visible(text));
        return Err(Error::usage_with(message, WAYS));
    };
    if at > now {
        let message = format!(
            "`{}` is {}, which is still to come",
            visible(text),
            at.strftime("%Y-%m-%d %H:%M:%S UTC")
        );
        return Err(Error::usage_with(message, WAYS));
    }
    Ok(at)
}

fn read(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(length) = text.strip_suffix("ago") {
        let length = parse_duration(length.trim())?;
        return now.checked_sub(SignedDuration::try_from(length).ok()?).ok();
    }
    full(text).or_else(|| today(text, now))
}

/// A date and a time, with an offset or in UTC.
fn full(text: &str) -> Option<Timestamp> {
    let in_utc = |time: DateTime| Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp());
    // A date alone is a day, and no time.
    if !text.contains(':') {
        return None;
    }
    let zoned = text.parse::<Timestamp>().ok();
    zoned.or_else(|| text.parse::<DateTime>().ok().and_then(in_utc))
}

/// A time of today, where its offset says that it is today.
fn today(text: &str, now: Timestamp) -> Option<Timestamp> {
    let time = text.get(..text.find(['+', '-', 'Z', 'z']).unwrap_or(text.len()))?;
    time.parse::<Time>().ok()?;
    let date = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let on = |date: &str| full(&format!("{date}T{text}"));
    let first = on(&date(now))?;
    let plain = full(&format!("{}T{time}", date(now)))?;
    on(&date(now.checked_add(plain.duration_since(first)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(text: &str, meant: &str) {
        let now = "2026-05-04T14:05:00Z".parse().unwrap();
        let at = past(text, now).unwrap();
        assert_eq!(at.to_string(), meant, "{text}");
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        is("10m ago", "2026-05-04T13:55:00Z");
        is("1h30m ago", "2026-05-04T12:35:00Z");
        is("0s ago", "2026-05-04T14:05:00Z");
        is("14:05", "2026-05-04T14:05:00Z");
        is(" 09:00:30 ", "2026-05-04T09:00:30Z");
        is("14:05+02:00", "2026-05-04T12:05:00Z");
        is("06:05-08:00", "2026-05-04T14:05:00Z");
        is("14:05Z", "2026-05-04T14:05:00Z");
        is("2026-05-04 14:05", "2026-05-04T14:05:00Z");
        is("2026-05-03T14:05:00+02:00", "2026-05-03T12:05:00Z");
        is("2025-12-31T23:59:59.5Z", "2025-12-31T23:59:59.5Z");
    }

    #[test]
    fn today_is_where_the_offset_is() {
        let now: Timestamp = "2026-05-04T23:30:00Z".parse().unwrap();
        let at = past("00:20+01:00", now).unwrap();
        assert_eq!(at.to_string(), "2026-05-04T23:20:00Z");
        let now: Timestamp = "2026-05-04T00:30:00Z".parse().unwrap();
        let at = past("23:20-01:00", now).unwrap();
        assert_eq!(at.to_string(), "2026-05-04T00:20:00Z");
    }

    #[test]
    fn what_is_no_time_or_still_to_come_is_refused() {
        let now: Timestamp = "2026-05-04T14:05:00Z".parse().unwrap();
        for text in [
            "",
            "yesterday",
            "ago",
            "-10m ago",
            "25:00",
            "14",
            "2026-05-04",
            "14:05+99:00",
        ] {
            let error = past(text, now).unwrap_err().to_string();
            assert!(error.contains("is no time"), "{text}: {error}");
        }
        for text in ["14:06", "15:00", "2026-05-05 00:00", "2026-05-04T14:05:01Z"] {
            let error = past(text, now).unwrap_err().to_string();
            assert!(error.contains("still to come"), "{text}: {error}");
        }
        let hostile = past("\u{1b}[2J14:05", now).unwrap_err().to_string();
        assert!(!hostile.chars().any(char::is_control), "{hostile:?}");
    }
}
