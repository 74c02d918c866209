//! Dates and times as PostgreSQL counts them: days and microseconds since 2000.

use std::fmt::Write as _;

/// Days from 0000-03-01 to 2000-01-01.
const EPOCH: i64 = 730_425;
const DAY: i64 = 86_400_000_000;

/// `2026-11-21`, from days since 2000. Its ends are `infinity` and `-infinity`.
pub(crate) fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        days => {
            let (date, era) = civil(i64::from(days));
            format!("{date}{era}")
        }
    }
}

/// `12:30:00.5`, from microseconds since midnight.
pub(crate) fn time(micros: i64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let text = format!("{hours:02}:{minutes:02}:{seconds:02}");
    with_fraction(text, fraction)
}

/// `2026-11-21T12:30:00.5` and what follows, from microseconds since 2000.
pub(crate) fn timestamp(micros: i64, zone: &str) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        micros => {
            let (date, era) = civil(micros.div_euclid(DAY));
            let time = time(micros.rem_euclid(DAY));
            format!("{date}T{time}{zone}{era}")
        }
    }
}

/// `+02:00`, from seconds west of Greenwich.
pub(crate) fn zone(west: i32) -> String {
    let sign = if west > 0 { '-' } else { '+' };
    let minutes = west.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// `1 year 2 mons 3 days 04:05:06.7`, as PostgreSQL writes it unless told otherwise.
pub(crate) fn interval(months: i32, days: i32, micros: i64) -> String {
    let mut text = String::new();
    let mut was_negative = false;
    for (count, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if count == 0 {
            continue;
        }
        let space = if text.is_empty() { "" } else { " " };
        let sign = if was_negative && count > 0 { "+" } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        let _ = write!(text, "{space}{sign}{count} {unit}{plural}");
        was_negative = count < 0;
    }
    if micros != 0 || text.is_empty() {
        let space = if text.is_empty() { "" } else { " " };
        let sign = match (micros < 0, was_negative) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        let time = time(i64::try_from(micros.unsigned_abs()).unwrap_or(i64::MAX));
        let _ = write!(text, "{space}{sign}{time}");
    }
    text
}

fn with_fraction(mut text: String, micros: i64) -> String {
    if micros != 0 {
        let digits = format!("{micros:06}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    text
}

/// Year, month and day of a day since 2000, and ` BC` for years before the first.
/// By Howard Hinnant's `civil_from_days`: years begin in March, so that the leap day comes last.
fn civil(days: i64) -> (String, &'static str) {
    let days = days + EPOCH;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    if year > 0 {
        (format!("{year:04}-{month:02}-{day:02}"), "")
    } else {
        (format!("{:04}-{month:02}-{day:02}", 1 - year), " BC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (days, shown) in [
            (0, "2000-01-01"),
            (-1, "1999-12-31"),
            (59, "2000-02-29"),
            (60, "2000-03-01"),
            (-10_957, "1970-01-01"),
            (9_456, "2025-11-21"),
            (-730_119, "0001-01-01"),
            (-730_120, "0001-12-31 BC"),
        ] {
            assert_eq!(date(days), shown);
        }
    }

    #[test]
    fn intervals_read_as_postgres_writes_them() {
        for (months, days, micros, shown) in [
            (0, 0, 0, "00:00:00"),
            (0, 0, 300_000_000, "00:05:00"),
            (14, 1, 0, "1 year 2 mons 1 day"),
            (-14, 3, -1_500_000, "-1 years -2 mons +3 days -00:00:01.5"),
            (0, -1, 1_000_000, "-1 days +00:00:01"),
            (0, 0, 360_000_000_000, "100:00:00"),
        ] {
            assert_eq!(interval(months, days, micros), shown);
        }
    }
}
