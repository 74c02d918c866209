//! Where a time stands in a picture: in hundredths of a percent of its width, so that every machine draws the same.
//!
//! The time between two sessions, in which nothing ran, is drawn short whatever it was: a night between a crash and the
//! morning would leave no room for what happened.

use jiff::Timestamp;
use runbook_event::Event;

use crate::story::Story;

/// The whole width.
const WHOLE: i64 = 10_000;

/// How wide all times between sessions may be together, and how wide one of them.
const GAPS: i64 = 2_400;
const GAP: i64 = 400;

/// How far the marks on the axis are apart at least.
const APART: i64 = 1_500;

/// How many marks an axis has at most, about.
const MARKS: i64 = 6;

/// The steps that marks are apart, in milliseconds.
const STEPS: [i64; 27] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000,
    300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000, 43_200_000,
    86_400_000,
];

/// A time during which the run ran.
struct Part {
    from: i64,
    to: i64,
    left: i64,
    width: i64,
}

/// Where times stand.
pub(super) struct Axis {
    parts: Vec<Part>,
}

/// A mark on the axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) place: i64,
    /// How long after the beginning, in milliseconds.
    pub(super) offset_ms: u64,
    /// Which session begins there, if it is not the first.
    pub(super) session: Option<usize>,
}

impl Axis {
    pub(super) fn new(story: &Story<'_>) -> Self {
        let start = story.started_at;
        let since = |at: Timestamp| i64::try_from(at.duration_since(start).as_millis()).unwrap_or(i64::MAX);
        let mut spans: Vec<(i64, i64)> = Vec::new();
        let mut last = 0;
        for record in story.records {
            // A machine's clock may be set back: nothing in a picture runs backwards.
            let at = since(record.at).max(last);
            if matches!(record.event, Event::RunStarted(_) | Event::RunResumed(_)) {
                spans.push((at, at));
            }
            if let Some(span) = spans.last_mut() {
                span.1 = at;
            }
            last = at;
        }
        Self { parts: parts(&spans) }
    }

    /// The place of a time that is so many milliseconds after the beginning.
    fn place_ms(&self, ms: i64) -> i64 {
        let part = self
            .parts
            .iter()
            .rev()
            .find(|part| part.from <= ms)
            .or(self.parts.first());
        part.map_or(0, |part| {
            let (done, all) = (
                (ms - part.from).clamp(0, part.to - part.from),
                part.to - part.from,
            );
            part.left + scaled(done, part.width, all)
        })
    }

    /// The place of a time.
    pub(super) fn place(&self, story: &Story<'_>, at: Timestamp) -> i64 {
        self.place_ms(i64::try_from(at.duration_since(story.started_at).as_millis()).unwrap_or(i64::MAX))
    }

    /// Where nothing ran: from where to where.
    pub(super) fn gaps(&self) -> Vec<(i64, i64)> {
        let pairs = self.parts.windows(2);
        let gaps = pairs.filter_map(|pair| match pair {
            [one, next] => Some((one.left + one.width, next.left)),
            _ => None,
        });
        gaps.collect()
    }

    /// What is written on the axis.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let ran: i64 = self.parts.iter().map(|part| part.to - part.from).sum();
        let step = STEPS.into_iter().find(|step| ran / step < MARKS);
        let step = step.unwrap_or(86_400_000 * (1 + ran / (86_400_000 * MARKS)));
        let mut marks: Vec<Mark> = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            marks.push(mark(part.left, part.from, (number > 0).then_some(number + 1)));
        }
        for part in &self.parts {
            let mut at = (part.from / step + 1).saturating_mul(step);
            while at <= part.to {
                let place = self.place_ms(at);
                if marks.iter().all(|mark| (mark.place - place).abs() >= APART) {
                    marks.push(mark(place, at, None));
                }
                at += step;
            }
        }
        marks.sort_by_key(|mark| mark.place);
        let mut last = -APART;
        marks.retain(|mark| {
            let keep = mark.place - last >= APART;
            last = if keep { mark.place } else { last };
            keep
        });
        marks
    }
}

fn mark(place: i64, ms: i64, session: Option<usize>) -> Mark {
    Mark {
        place,
        offset_ms: u64::try_from(ms).unwrap_or(0),
        session,
    }
}

fn parts(spans: &[(i64, i64)]) -> Vec<Part> {
    let count = i64::try_from(spans.len()).unwrap_or(i64::MAX).max(1);
    let gap = GAP.min(GAPS / (count - 1).max(1));
    // Even a session in which nothing took time has some width.
    let least = (WHOLE / 4) / count;
    let room = WHOLE - gap * (count - 1) - least * count;
    let ran: i64 = spans.iter().map(|(from, to)| to - from).sum();
    let mut left = 0;
    let mut parts = Vec::with_capacity(spans.len());
    for &(from, to) in spans {
        let share = if ran == 0 {
            room / count
        } else {
            scaled(to - from, room, ran)
        };
        let width = least + share;
        parts.push(Part {
            from,
            to,
            left,
            width,
        });
        left += width + gap;
    }
    parts
}

/// `of * part / whole`, without running over.
fn scaled(part: i64, of: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    i64::try_from(i128::from(part) * i128::from(of) / i128::from(whole)).unwrap_or(of)
}

/// A place as SVG writes it.
pub(super) fn percent(place: i64) -> String {
    format!("{}.{:02}%", place / 100, place % 100)
}
