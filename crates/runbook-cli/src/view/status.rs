//! The last line of the terminal while a run goes on: how long, how far, who is waited for, and until when it is to be over.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use runbook_event::{Phase, RunState};

/// How often what has to be counted is counted at most.
const AGAIN: SignedDuration = SignedDuration::from_millis(200);

/// What the last line says.
#[derive(Debug, Default)]
pub(super) struct Status {
    counted: Option<Timestamp>,
    text: String,
}

impl Status {
    /// What it says now, if that was not worked out just before.
    pub(super) fn of(&mut self, state: &RunState, now: Timestamp, is_urgent: bool) -> Option<&str> {
        let is_fresh = self
            .counted
            .is_some_and(|counted| now.duration_since(counted) < AGAIN);
        if is_fresh && !is_urgent {
            return None;
        }
        self.counted = Some(now);
        self.text = text(state);
        Some(&self.text)
    }
}

/// Until when a run is to be over, by what the project promises for its severity.
pub(super) fn due(state: &RunState) -> Option<Timestamp> {
    let promise = state.run()?.promise.as_ref()?;
    let within = Duration::from_millis(promise.resolve_within_ms?);
    state.started_at()?.checked_add(within).ok()
}

/// How much time is left until then, or by how much it is over.
pub(super) fn left(due: Timestamp, now: Timestamp) -> String {
    let seconds = due.duration_since(now).as_secs();
    if seconds < 0 || due < now {
        format!("overdue by {}", clock(seconds.unsigned_abs()))
    } else {
        format!("{} left", clock(seconds.unsigned_abs()))
    }
}

/// `1:30`, `2:01:30`.
pub(super) fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 {
        format!("{minutes}:{seconds:02}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}")
    }
}

fn text(state: &RunState) -> String {
    let work = state.work();
    let mut parts = vec![format!("{}/{} steps", state.done(&work), work.total())];
    if let Some(phase) = state.phase().filter(|phase| *phase != Phase::Steps) {
        parts.insert(0, phase.word().to_owned());
    }
    match state.asking() {
        0 => {}
        1 => parts.push("1 question waits".to_owned()),
        several => parts.push(format!("{several} questions wait")),
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::left;

    #[test]
    fn the_time_that_is_left_is_counted_down_and_beyond() {
        let due = "2026-05-04T12:00:00Z".parse().unwrap();
        let at = |now: &str| left(due, now.parse().unwrap());
        assert_eq!(at("2026-05-04T11:58:30Z"), "1:30 left");
        assert_eq!(at("2026-05-04T09:58:30Z"), "2:01:30 left");
        assert_eq!(at("2026-05-04T12:00:59.9Z"), "overdue by 0:59");
    }
}
