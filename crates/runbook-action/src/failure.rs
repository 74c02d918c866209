//! Why an action did not do what it was asked.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The class of a failure: what an author may ask for as `error.kind`, and what a retry can choose by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The other side answered that nobody listens there.
    Refused,
    /// No way to the other side, or it is gone.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The name could not be resolved.
    Dns,
    /// The encrypted connection could not be made.
    Tls,
    /// Who asked is not known, or gave a wrong password.
    Auth,
    /// The program to run is not there.
    MissingProgram,
    /// The answer was not of the agreed form.
    Protocol,
    /// What was named does not exist.
    NotFound,
    /// Who asked is known, and may not.
    Forbidden,
    /// It is not in the state that the action needs.
    Conflict,
    /// The run stopped it.
    Cancelled,
    /// None of the others.
    Other,
}

impl ErrorKind {
    /// All kinds, in the order in which the documentation lists them.
    pub const ALL: [Self; 13] = [
        Self::Refused,
        Self::Unreachable,
        Self::Timeout,
        Self::Dns,
        Self::Tls,
        Self::Auth,
        Self::MissingProgram,
        Self::Protocol,
        Self::NotFound,
        Self::Forbidden,
        Self::Conflict,
        Self::Cancelled,
        Self::Other,
    ];

    /// The word that runbooks use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::MissingProgram => "missing_program",
            Self::Protocol => "protocol",
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Conflict => "conflict",
            Self::Cancelled => "cancelled",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why an action did not do what it was asked.
///
/// The text is a lower-case fragment with names in backticks, and never holds a secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// Its class.
    pub kind: ErrorKind,
    /// What happened.
    pub message: String,
    /// The parameter it is about, as a path: `json.max_size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// What a person can do about it, in the imperative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whether something may have been changed all the same.
    pub may_have_applied: bool,
    /// What was answered, where there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// How long the other side wants to be left alone, if it said so.
    #[serde(
        rename = "retry_after_ms",
        with = "millis",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<u64>")]
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure that certainly changed nothing.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            param: None,
            help: None,
            may_have_applied: false,
            result: None,
            retry_after: None,
        }
    }

    /// About the parameter at `path`.
    #[must_use]
    pub fn about(mut self, path: impl Into<String>) -> Self {
        self.param = Some(path.into());
        self
    }

    /// With a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The action may have taken effect before it failed.
    #[must_use]
    pub fn maybe_applied(mut self) -> Self {
        self.may_have_applied = true;
        self
    }

    /// The other side wants to be left alone for so long.
    #[must_use]
    pub fn retry_after(mut self, length: Duration) -> Self {
        self.retry_after = Some(length);
        self
    }

    /// With what was answered.
    #[must_use]
    pub fn with_result(mut self, result: Value) -> Self {
        self.result = Some(result);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.param {
            Some(param) => write!(f, "`{param}`: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Failure {}

/// A length of time as journals have it.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands over a reference")]
    pub(super) fn serialize<S: Serializer>(length: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        let millis = length.map(|length| u64::try_from(length.as_millis()).unwrap_or(u64::MAX));
        millis.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_read_as_it_is_written() {
        let plain = Failure::new(ErrorKind::Other, "no");
        let busy = plain.clone().retry_after(Duration::from_millis(1500));
        for failure in [plain, busy] {
            let text = serde_json::to_string(&failure).unwrap();
            let read: Failure = serde_json::from_str(&text).unwrap();
            assert_eq!(read, failure);
            assert_eq!(
                text.contains("\"retry_after_ms\":1500"),
                failure.retry_after.is_some()
            );
        }
    }
}
