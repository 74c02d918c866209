//! What actions do, and how often that goes wrong.

use runbook_testkit::play::Play;

use super::random::Random;

/// How things go wrong in a case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trouble {
    /// Whether what comes of it depends neither on time nor on which of two comes first: each action always does the
    /// same, and where something may fail there is one step after the other.
    pub(crate) steady: bool,
    /// One step after the other.
    pub(crate) one_by_one: bool,
    /// One in so many actions goes wrong.
    often: u64,
}

impl Trouble {
    pub(crate) fn new(random: &mut Random) -> Self {
        let steady = random.once_in(2);
        let fails = random.once_in(2);
        let often = if steady && !fails {
            u64::MAX
        } else {
            random.pick(&[4, 10, 20, 60, 1000])
        };
        Self {
            steady,
            one_by_one: (steady && fails) || random.once_in(10),
            often,
        }
    }

    /// Whether something may fail.
    pub(crate) const fn may_fail(&self) -> bool {
        self.often < u64::MAX
    }

    /// What one call does.
    pub(crate) fn play(&self, random: &mut Random, looks: bool) -> Play {
        let takes = if random.once_in(2) {
            0
        } else if looks {
            random.below(5) * 100
        } else {
            random.below(50) * 100
        };
        let play = match (random.once_in(self.often), self.steady) {
            (true, true) => match random.below(4) {
                0 => Play::panics(),
                _ => Play::fails("the script says no"),
            },
            (true, false) => match random.below(10) {
                0 => Play::hangs(),
                1 => Play::acts_then_hangs(),
                2 => Play::cleans_up(random.below(8000)),
                3 => Play::is_deaf(),
                4 => Play::panics(),
                5 | 6 => Play::acts_then_fails("late"),
                _ => Play::fails("the script says no"),
            },
            (false, _) => match random.below(5) {
                0 => Play::gives(f64::from(u32::try_from(random.below(1 << 30)).unwrap_or(1)) / 7.3e4),
                // No number: what compares it with one cannot tell.
                1 if self.may_fail() => Play::gives("text"),
                _ => Play::gives(random.below(5) + 3),
            },
        };
        play.takes(takes)
    }
}

/// What the calls of a name do, in order.
pub(crate) fn plays(trouble: &Trouble, random: &mut Random, looks: bool) -> Vec<Play> {
    let count = if trouble.steady {
        1
    } else {
        random.pick(&[1, 1, 1, 2, 3])
    };
    (0..count).map(|_| trouble.play(random, looks)).collect()
}
