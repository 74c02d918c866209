//! What an attempt starts that may outlive this program, and what a resumed run found of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that an attempt started and that may outlive this program: a process group, a session on a server.
///
/// It goes into the journal as it is, so it holds no secret; and it holds enough to tell that very thing from
/// another that was given the same number later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Handle {
    /// What it is, in one word with underscores: `process_group`. An action passes over what it does not know.
    pub what: String,
    /// How it is found again.
    pub data: Value,
}

/// What a resumed run found of an attempt that a crash interrupted. Nothing of it runs any more in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// Nothing was found running. It does not tell whether the attempt had taken effect.
    Nothing,
    /// It was found running, and was ended.
    Ended,
    /// Others that the attempt had started were found running, and have finished by themselves.
    Finished,
}

impl Settled {
    /// The word that journals use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Ended => "ended",
            Self::Finished => "finished",
        }
    }
}
