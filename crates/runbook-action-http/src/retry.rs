//! How long a server wants to be left alone.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};

/// What `Retry-After` says: seconds, or a moment, which is read by the server's own clock.
pub(crate) fn after(headers: &HeaderMap) -> Option<Duration> {
    let given = headers.get(RETRY_AFTER)?;
    let text = given.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let (until, now) = (moment(given)?, moment(headers.get(DATE)?)?);
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

fn moment(value: &HeaderValue) -> Option<Timestamp> {
    DateTimeParser::new()
        .parse_timestamp(value.to_str().ok()?.trim())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_moments_are_understood_and_all_else_is_passed_over() {
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        for (given, date, expected) in [
            ("7", None, Some(7)),
            (" 120 ", None, Some(120)),
            ("Wed, 21 Oct 2015 07:28:30 GMT", Some(date), Some(30)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(date), Some(0)),
            ("Wed, 21 Oct 2015 07:28:30 GMT", None, None),
            ("-1", None, None),
            ("soon", Some(date), None),
            ("99999999999999999999", Some(date), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, given.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            assert_eq!(after(&headers), expected.map(Duration::from_secs), "{given}");
        }
    }
}
