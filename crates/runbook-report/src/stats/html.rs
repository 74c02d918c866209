//! The page of many runs.

use super::Statistics;

/// A page in one file.
#[must_use]
pub fn html(statistics: &Statistics) -> String {
    format!("{}", statistics.runs.counted)
}
