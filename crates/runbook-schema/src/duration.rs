//! Lengths of time as runbooks write them: `90s`, `5m`, `1h30m`.
//!
//! A unit is always there, since `timeout: 30` has meant seconds, minutes and milliseconds to somebody. Units go
//! from the greatest to the smallest and each appears once, so that every text has one reading.

use std::time::Duration;

/// The units, from the greatest to the smallest, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// How many digits a number may have: with eleven, no text is too long to be counted, so that a pattern can say
/// which texts are read.
const DIGITS: usize = 11;

/// Reads a length of time: whole numbers of at most eleven digits with the units `d`, `h`, `m`, `s`, `ms`.
///
/// Gives nothing for a text that is not one.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut millis: u64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let (number, after) = split_at(rest, |c| !c.is_ascii_digit());
        let (unit, after) = split_at(after, |c| c.is_ascii_digit());
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        if number.len() > DIGITS {
            return None;
        }
        let part = number.parse::<u64>().ok()?.checked_mul(*length)?;
        millis = millis.checked_add(part)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_millis(millis))
}

/// A regular expression, in the syntax that JSON schemas use, for exactly the texts that [`parse_duration`] reads.
#[must_use]
pub fn pattern() -> String {
    let part = |(unit, _): &(&str, u64)| format!("[0-9]{{1,{DIGITS}}}{unit}");
    let begun_with = |at: usize| {
        let smaller = UNITS[at + 1..].iter();
        smaller.fold(part(&UNITS[at]), |way, unit| format!("{way}({})?", part(unit)))
    };
    let ways: Vec<String> = (0..UNITS.len()).map(begun_with).collect();
    format!("^({})$", ways.join("|"))
}

fn split_at(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
    use regex::Regex;

    use super::*;

    #[test]
    fn durations_with_units_are_read() {
        for (text, millis) in [
            ("250ms", 250),
            ("0s", 0),
            ("5s", 5_000),
            ("5m", 300_000),
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("1m5ms", 60_005),
            ("00000000001s", 1_000),
            ("99999999999ms", 99_999_999_999),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn the_longest_can_be_counted() {
        let number = "9".repeat(DIGITS);
        let parts: Vec<String> = UNITS.iter().map(|(unit, _)| format!("{number}{unit}")).collect();
        let text = parts.concat();
        assert!(parse_duration(&text).is_some_and(|duration| i64::try_from(duration.as_millis()).is_ok()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_pattern_is_for_just_what_is_read(text in "([0-9٣]{0,13}[dhms ]{0,2}){0,6}|[ -~]{0,4}\n?") {
            let pattern = Regex::new(&pattern()).expect("it is a regular expression");
            prop_assert_eq!(pattern.is_match(&text), parse_duration(&text).is_some(), "{}", text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "+5s",
            "1.5s",
            "5 s",
            " 5s",
            "5s ",
            "5S",
            "5min",
            "30m1h",
            "1s1s",
            "1w",
            "99999999999999999999s",
            "999999999999d",
            "000000000001s",
            "٣s",
            "1h30",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
