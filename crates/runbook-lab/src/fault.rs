//! What can be broken on purpose.

use std::fmt;
use std::str::FromStr;

/// One thing that a practice system does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A background job has taken connections from the pool and never gives them back.
    ConnectionsLeaked,
    /// A change of the pool's size is accepted and answered as usual, but changes nothing.
    ResizeHasNoEffect,
    /// A change of the pool's size is answered with HTTP 500 and changes nothing.
    ResizeFails,
}

impl Fault {
    /// Every fault, in the order of a list for people.
    pub const ALL: &'static [Self] = &[
        Self::ConnectionsLeaked,
        Self::ResizeHasNoEffect,
        Self::ResizeFails,
    ];

    /// The word that a user types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectionsLeaked => "connections-leaked",
            Self::ResizeHasNoEffect => "resize-has-no-effect",
            Self::ResizeFails => "resize-fails",
        }
    }

    /// What it does, in one sentence.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::ConnectionsLeaked => {
                "A background job has taken connections from the pool and never gives them back."
            }
            Self::ResizeHasNoEffect => {
                "A change of the pool's size is accepted and answered as usual, but changes nothing."
            }
            Self::ResizeFails => "A change of the pool's size is answered with HTTP 500 and changes nothing.",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|fault| fault.name() == word)
            .ok_or_else(|| UnknownFault {
                word: word.to_owned(),
            })
    }
}

/// A word that names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown fault `{word}`, known are {}", known())]
pub struct UnknownFault {
    /// The word as it was given.
    pub word: String,
}

fn known() -> String {
    let names: Vec<_> = Fault::ALL.iter().map(|fault| format!("`{fault}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for fault in Fault::ALL {
            assert_eq!(fault.name().parse::<Fault>(), Ok(*fault));
            assert!(
                fault.summary().ends_with('.'),
                "`{fault}` is described by a sentence"
            );
        }
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        let error = "leak".parse::<Fault>().expect_err("`leak` is no fault");
        assert_eq!(
            error.to_string(),
            "unknown fault `leak`, known are `connections-leaked`, `resize-has-no-effect`, `resize-fails`"
        );
    }
}
