//! All readings of each check: those that are events, and those of the file beside the journal.

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_event::{CheckRole, CheckSite, Event, Reading, Record, TimedReading, Verdict};

/// One reading.
#[derive(Clone, Copy)]
pub(super) struct Point<'a> {
    pub(super) at: Timestamp,
    pub(super) reading: &'a Reading,
}

/// The readings of each check, in their order. Rows of tables are none: they are read once.
pub(super) type Series<'a> = IndexMap<&'a CheckSite, Vec<Point<'a>>>;

pub(super) fn collect<'a>(records: &'a [Record], beside: &'a [TimedReading]) -> Series<'a> {
    let mut series: Series<'a> = IndexMap::new();
    for record in records {
        if let Event::CheckRead { site, reading } = &record.event
            && site.role != CheckRole::Row
        {
            let at = record.at;
            series.entry(site).or_default().push(Point { at, reading });
        }
    }
    for timed in beside {
        // What was asked has an event at least of its first reading, so another check is none of this run.
        if let Some(points) = series.get_mut(&timed.site) {
            points.push(Point {
                at: timed.at,
                reading: &timed.reading,
            });
        }
    }
    for points in series.values_mut() {
        points.sort_by_key(|point| point.at);
    }
    series
}

/// So many of the readings that a picture can hold them: of each run of neighbours the one with the least and the one
/// with the greatest number, and every first one of a verdict as far as there is room.
pub(super) fn thinned<'a>(
    points: &[Point<'a>],
    most: usize,
    number: &dyn Fn(&Reading) -> Option<f64>,
) -> Vec<Point<'a>> {
    if points.len() <= most {
        return points.to_vec();
    }
    let size = points.len().div_ceil((most / 2).max(1));
    let mut kept = Vec::with_capacity(most);
    for bunch in points.chunks(size) {
        let by = |point: &Point<'_>| {
            number(point.reading).unwrap_or(match point.reading.verdict {
                Verdict::Pass => 1.0,
                Verdict::Fail | Verdict::Error => 0.0,
            })
        };
        let ends = bunch.iter().enumerate();
        let least = ends
            .clone()
            .min_by(|one, other| by(one.1).total_cmp(&by(other.1)));
        let most = ends.max_by(|one, other| by(one.1).total_cmp(&by(other.1)));
        let (Some(least), Some(most)) = (least, most) else {
            continue;
        };
        let (first, second) = if least.0 <= most.0 {
            (least, most)
        } else {
            (most, least)
        };
        kept.push(*first.1);
        if first.0 != second.0 {
            kept.push(*second.1);
        }
    }
    kept
}
