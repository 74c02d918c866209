//! Crashes: where a process ends, and what is left of it.

/// A process ends in the middle of an append, as by SIGKILL or by a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// At which of its appends, from 1.
    pub(crate) appends: usize,
    /// Whether that record is still kept.
    pub(crate) keeps_last: bool,
    /// Whether what was not synced is lost.
    pub(crate) power: bool,
    /// Whether what actions were about to do then happens all the same.
    pub(crate) acts: bool,
}

impl Crash {
    /// The process is killed right after this append, from 1.
    #[must_use]
    pub const fn after(append: usize) -> Self {
        Self {
            appends: append,
            keeps_last: true,
            power: false,
            acts: false,
        }
    }

    /// The process is killed right before this append, from 1: what it would tell has happened, and is not kept.
    #[must_use]
    pub const fn before(append: usize) -> Self {
        Self {
            keeps_last: false,
            ..Self::after(append)
        }
    }

    /// The machine loses its power right after this append, from 1: what was not synced is lost.
    #[must_use]
    pub const fn of_power(append: usize) -> Self {
        Self {
            power: true,
            ..Self::after(append)
        }
    }

    /// What actions were about to do then happens all the same.
    #[must_use]
    pub const fn while_it_acts(mut self) -> Self {
        self.acts = true;
        self
    }
}
