//! The lock: which plugins a project uses, each with its digest and what it says of itself.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Descriptor;

/// The version of the file's form.
const VERSION: u64 = 1;

/// The content of `runbook.lock`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lock {
    /// The plugins by name, in the order of their names.
    pub plugins: IndexMap<String, Pin>,
}

/// A plugin that is pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// SHA-256 of the program, in hexadecimal.
    pub sha256: String,
    /// What it says of itself.
    pub descriptor: Descriptor,
}

/// Why a lock cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongLock(String);

impl fmt::Display for WrongLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongLock {}

impl Lock {
    /// The name of the file, at the project's root.
    pub const FILE: &str = "runbook.lock";

    /// Reads it.
    pub fn read(text: &str) -> Result<Self, WrongLock> {
        let wrong = |message: String| WrongLock(format!("`{}` {message}", Self::FILE));
        let value: Value =
            serde_json::from_str(text).map_err(|error| wrong(format!("is no JSON: {error}")))?;
        match value["version"].as_u64() {
            Some(VERSION) => {}
            Some(other) => {
                return Err(wrong(format!(
                    "is of version {other}, and this program knows version {VERSION}"
                )));
            }
            None => return Err(wrong("does not say its `version`".to_owned())),
        }
        let mut plugins: IndexMap<String, Pin> = serde_json::from_value(value["plugins"].clone())
            .map_err(|error| wrong(format!("is wrong: {error}")))?;
        for (name, pin) in &plugins {
            let descriptor = serde_json::to_value(&pin.descriptor).unwrap_or_default();
            Descriptor::read(&descriptor)
                .map_err(|failure| wrong(format!("is wrong at `{name}`: {failure}")))?;
        }
        plugins.sort_keys();
        Ok(Self { plugins })
    }

    /// As it is written: for people to read and for git to compare.
    #[must_use]
    pub fn text(&self) -> String {
        let mut plugins = self.plugins.clone();
        plugins.sort_keys();
        let value = serde_json::json!({"version": VERSION, "plugins": plugins});
        format!("{value:#}\n")
    }
}
