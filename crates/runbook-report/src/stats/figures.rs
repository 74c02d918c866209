//! Numbers over many runs.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::shape::{Change, Period, Spread};

/// From how many days on weeks are told apart, and no longer days.
const WEEKS: i64 = 14;

/// From how many days on months are told apart, and no longer weeks.
const MONTHS: i64 = 140;

/// How many periods are told at most: the newest.
const PERIODS: usize = 36;

/// The least of these numbers that the part `of` hundred of them do not exceed. They are sorted.
pub(super) fn quantile(sorted: &[u64], of_hundred: usize) -> Option<u64> {
    let rank = (sorted.len() * of_hundred).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

pub(super) fn spread(times: &[u64]) -> Option<Spread> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    Some(Spread {
        count: sorted.len() as u64,
        median_ms: quantile(&sorted, 50)?,
        p90_ms: quantile(&sorted, 90)?,
        longest_ms: *sorted.last()?,
    })
}

/// The newer half against the older half of what is in order of time. With an odd number the one in the middle is in none.
pub(super) fn change(times: &[u64]) -> Option<Change> {
    let half = times.len() / 2;
    if half < 2 {
        return None;
    }
    let older_ms = spread(&times[..half])?.median_ms;
    let newer_ms = spread(&times[times.len() - half..])?.median_ms;
    let (older, newer) = (i128::from(older_ms), i128::from(newer_ms));
    let percent = (newer - older) * 100 / older.max(1);
    Some(Change {
        older_ms,
        newer_ms,
        percent: i64::try_from(percent).unwrap_or(i64::MAX),
    })
}

/// A part of a whole, with four digits.
pub(super) fn part(some: u64, of: u64) -> f64 {
    if of == 0 {
        return 0.0;
    }
    let digits = u32::try_from((u128::from(some) * 10_000 + u128::from(of) / 2) / u128::from(of));
    f64::from(digits.unwrap_or(u32::MAX)) / 10_000.0
}

/// A run as its period counts it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dated {
    pub(super) at: Timestamp,
    pub(super) resolved: bool,
    pub(super) repair_ms: Option<u64>,
}

#[derive(Clone, Copy)]
enum Length {
    Day,
    Week,
    Month,
}

/// What runs were in which period, the oldest first. They are in order of time.
pub(super) fn periods(runs: &[Dated]) -> Vec<Period> {
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
        return Vec::new();
    };
    let (first, last) = (day(first.at), day(last.at));
    let days = last.duration_since(first).as_hours() / 24;
    let length = match days {
        ..WEEKS => Length::Day,
        WEEKS..MONTHS => Length::Week,
        MONTHS.. => Length::Month,
    };
    let mut begins = vec![begin(last, length)];
    let oldest = begin(first, length);
    while let Some(next) = begins.last().copied().filter(|begin| *begin > oldest) {
        let Some(before) = before(next, length).filter(|_| begins.len() < PERIODS) else {
            break;
        };
        begins.push(before);
    }
    begins.reverse();
    begins
        .into_iter()
        .map(|from| {
            let within: Vec<&Dated> = runs
                .iter()
                .filter(|run| begin(day(run.at), length) == from)
                .collect();
            let repairs: Vec<u64> = within.iter().filter_map(|run| run.repair_ms).collect();
            Period {
                from: from
                    .to_zoned(TimeZone::UTC)
                    .map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp()),
                label: match length {
                    Length::Day | Length::Week => from.to_string(),
                    Length::Month => from.strftime("%Y-%m").to_string(),
                },
                tried: within.len() as u64,
                resolved: within.iter().filter(|run| run.resolved).count() as u64,
                median_ms: spread(&repairs).map(|spread| spread.median_ms),
            }
        })
        .collect()
}

/// Where the period of a day begins. A week begins on Monday.
fn begin(day: Date, length: Length) -> Date {
    match length {
        Length::Day => day,
        Length::Week => {
            let since = i64::from(day.weekday().to_monday_zero_offset());
            day.checked_sub(Span::new().days(since)).unwrap_or(day)
        }
        Length::Month => day.first_of_month(),
    }
}

fn before(begin: Date, length: Length) -> Option<Date> {
    let back = match length {
        Length::Day => Span::new().days(1),
        Length::Week => Span::new().days(7),
        Length::Month => Span::new().months(1),
    };
    begin.checked_sub(back).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_numbers() {
        let numbers: Vec<u64> = (1..=10).collect();
        assert_eq!(quantile(&numbers, 50), Some(5));
        assert_eq!(quantile(&numbers, 90), Some(9));
        assert_eq!(quantile(&numbers, 100), Some(10));
        assert_eq!(quantile(&[7], 50), Some(7));
        assert_eq!(quantile(&[7], 90), Some(7));
        assert_eq!(quantile(&[], 50), None);
        let spread = spread(&[30, 10, 20]).unwrap();
        assert_eq!(
            (spread.count, spread.median_ms, spread.p90_ms, spread.longest_ms),
            (3, 20, 30, 30)
        );
    }

    #[test]
    fn a_change_needs_two_on_each_side() {
        assert_eq!(change(&[10, 20, 30]), None);
        let four = change(&[100, 100, 50, 50]).unwrap();
        assert_eq!((four.older_ms, four.newer_ms, four.percent), (100, 50, -50));
        let five = change(&[100, 100, 9_999, 150, 150]).unwrap();
        assert_eq!((five.older_ms, five.newer_ms, five.percent), (100, 150, 50));
        assert_eq!(change(&[0, 0, 5, 5]).unwrap().percent, 500);
    }

    #[test]
    fn parts_have_four_digits() {
        assert_eq!(format!("{}", part(2, 3)), "0.6667");
        assert_eq!(format!("{}", part(3, 3)), "1");
        assert_eq!(format!("{}", part(0, 0)), "0");
    }

    fn told(days: &[&str]) -> Vec<String> {
        let runs: Vec<Dated> = days
            .iter()
            .map(|day| Dated {
                at: format!("{day}T12:00:00Z").parse().unwrap(),
                resolved: true,
                repair_ms: Some(5),
            })
            .collect();
        periods(&runs)
            .iter()
            .map(|period| format!("{} {}", period.label, period.tried))
            .collect()
    }

    #[test]
    fn periods_are_as_long_as_the_time_wants_them() {
        assert_eq!(told(&[]), [""; 0]);
        assert_eq!(told(&["2026-05-04"]), ["2026-05-04 1"]);
        assert_eq!(
            told(&["2026-05-04", "2026-05-04", "2026-05-06"]),
            ["2026-05-04 2", "2026-05-05 0", "2026-05-06 1"]
        );
        assert_eq!(
            told(&["2026-05-06", "2026-05-20"]),
            ["2026-05-04 1", "2026-05-11 0", "2026-05-18 1"]
        );
        assert_eq!(told(&["2025-12-31", "2026-05-20"]).first().unwrap(), "2025-12 1");
        assert_eq!(told(&["2010-12-31", "2026-05-20"]).len(), PERIODS);
    }
}
