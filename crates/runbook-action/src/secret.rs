//! A value that must never be shown.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

/// A value that must never be shown. Printing it, in whatever way, gives `‹secret NAME›`.
///
/// Cloning is cheap and shares the memory, which is wiped when the last clone goes.
#[derive(Clone)]
pub struct Secret {
    name: Arc<str>,
    value: Arc<SecretString>,
}

impl Secret {
    /// Wraps `value` under the name by which people know it.
    #[must_use]
    pub fn new(name: &str, value: String) -> Self {
        Self {
            name: Arc::from(name),
            value: Arc::new(SecretString::from(value)),
        }
    }

    /// The name by which people know it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value itself, for the one place that must hand it to another program.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.value.expose_secret()
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "‹secret {}›", self.name)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Two secrets are equal when they have the same name and value.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.reveal() == other.reveal()
    }
}

impl Eq for Secret {}
