//! Values with a secret in them.
//!
//! Events are masked before they change the state, so what expressions read from the state is masked too. A
//! value that the mask changed is kept here as it is, and as a secret: an undo that writes it back writes the
//! value and not the mask, and nothing shows it. In the journal such values are encrypted beside the masked
//! ones, so that a resumed run has them too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure, Inverse, Secret, Segment, Text};
use runbook_event::{Event, Record, Vault};
use runbook_plan::expression::Val;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::mask::Masker;

/// What is encrypted beside an event.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sealed {
    /// The values that were masked, as they are.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(crate) values: IndexMap<String, Value>,
    /// What the action keeps to put back what was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inverse: Option<Inverse>,
    /// SHA-256 of the secrets of the start, by runbook and name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(crate) prints: IndexMap<String, String>,
}

impl Sealed {
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.inverse.is_none() && self.prints.is_empty()
    }
}

/// Values with a secret in them, by their owner (`step ID`, `check ID`) and name.
pub(crate) struct Live {
    values: Mutex<HashMap<(String, String), Val>>,
    inverses: Mutex<HashMap<String, Inverse>>,
    vault: Arc<dyn Vault>,
}

impl Live {
    pub(crate) fn new(vault: Arc<dyn Vault>) -> Self {
        Self {
            values: Mutex::default(),
            inverses: Mutex::default(),
            vault,
        }
    }

    /// Keeps the values that the mask would change, and says what must be encrypted.
    pub(crate) fn keep(&self, masker: &Masker, owner: &str, values: &IndexMap<String, Val>) -> Sealed {
        let mut sealed = Sealed::default();
        for (name, value) in values {
            let plain = value.to_param().reveal();
            if masker.value(plain.clone()) != plain || value.has_secret() {
                self.set(masker, owner, name, value);
                sealed.values.insert(name.clone(), plain);
            }
        }
        sealed
    }

    fn set(&self, masker: &Masker, owner: &str, name: &str, value: &Val) {
        let tainted = taint(masker, &format!("{owner} {name}"), value);
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.insert((owner.to_owned(), name.to_owned()), tainted);
    }

    /// Keeps what an undo puts back.
    pub(crate) fn keep_inverse(&self, step: &str, inverse: Inverse) {
        let mut inverses = self.inverses.lock().unwrap_or_else(PoisonError::into_inner);
        inverses.insert(step.to_owned(), inverse);
    }

    /// What an undo puts back.
    pub(crate) fn inverse(&self, step: &str) -> Option<Inverse> {
        let inverses = self.inverses.lock().unwrap_or_else(PoisonError::into_inner);
        inverses.get(step).cloned()
    }

    /// The value, if one is kept.
    pub(crate) fn get(&self, owner: &str, name: &str) -> Option<Val> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(&(owner.to_owned(), name.to_owned())).cloned()
    }

    /// Encrypts what an event may not show. None if there is nothing.
    pub(crate) fn seal(&self, sealed: &Sealed) -> Result<Option<String>, Failure> {
        if sealed.is_empty() {
            return Ok(None);
        }
        let failed = |reason: String| {
            Failure::new(
                ErrorKind::Other,
                format!("what is secret could not be encrypted: {reason}"),
            )
        };
        let plain = serde_json::to_vec(sealed).map_err(|error| failed(error.to_string()))?;
        let text = self
            .vault
            .seal(&plain)
            .map_err(|error| failed(error.to_string()))?;
        Ok(Some(text))
    }

    /// Decrypts what stands beside an event.
    pub(crate) fn open(&self, sealed: &str) -> Option<Sealed> {
        serde_json::from_slice(&self.vault.open(sealed)?).ok()
    }

    /// Takes in what is encrypted beside the events of a run that goes on.
    pub(crate) fn remember(&self, masker: &Masker, records: &[Record]) {
        for record in records {
            let Some((owner, sealed)) = sealed_in(&record.event) else {
                continue;
            };
            let Some(opened) = self.open(sealed) else { continue };
            for (name, value) in &opened.values {
                self.set(masker, &owner, name, &Val::from(value));
            }
            if let Some(inverse) = opened.inverse {
                let step = owner.strip_prefix("step ").unwrap_or(&owner);
                self.keep_inverse(step, inverse);
            }
        }
    }

    /// The texts that are secret because a step captured them so.
    pub(crate) fn secrets_in(&self, records: &[Record]) -> Vec<Secret> {
        let mut secrets = Vec::new();
        for record in records {
            let Some((owner, sealed)) = sealed_in(&record.event) else {
                continue;
            };
            let values = self.open(sealed).map(|opened| opened.values).unwrap_or_default();
            let shown = record.event.values();
            for (name, value) in &values {
                // Only what is a secret by itself; what merely holds another one is masked by that.
                let mask = format!("‹secret {}›", secret_name(&owner, name));
                if shown.and_then(|shown| shown.get(name)).and_then(Value::as_str) == Some(mask.as_str()) {
                    secrets.extend(secrets_of(&secret_name(&owner, name), value));
                }
            }
        }
        secrets
    }
}

/// What a secret that a step captured is called.
pub(crate) fn secret_name(owner: &str, name: &str) -> String {
    match owner.split_once(' ') {
        Some((_, id)) if !id.is_empty() => format!("{id}.{name}"),
        Some(_) | None => name.to_owned(),
    }
}

/// The texts of a value that is secret as a whole.
pub(crate) fn secrets_of(name: &str, value: &Value) -> Vec<Secret> {
    match value {
        Value::String(text) => vec![Secret::new(name, text.clone())],
        Value::Number(number) => vec![Secret::new(name, number.to_string())],
        Value::Array(items) => items.iter().flat_map(|item| secrets_of(name, item)).collect(),
        Value::Object(map) => map.values().flat_map(|item| secrets_of(name, item)).collect(),
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

/// Whose values are encrypted beside an event.
fn sealed_in(event: &Event) -> Option<(String, &str)> {
    let sealed = event.sealed()?;
    let owner = match (event.step(), event) {
        (_, Event::CheckEnded { site, .. }) => {
            let within = site.within.as_deref().unwrap_or_default();
            format!("check {within} {}", site.check)
        }
        (Some(step), Event::Entered { .. }) => format!("into {step}"),
        (Some(step), _) => format!("step {step}"),
        (None, _) => "inputs ".to_owned(),
    };
    Some((owner, sealed))
}

/// The value with each part that the mask would change made a secret.
fn taint(masker: &Masker, name: &str, value: &Val) -> Val {
    let secret = |text: String| {
        if masker.text(&text) == text {
            return None;
        }
        Some(Val::Secret(Text::from_segments(vec![Segment::Secret(
            Secret::new(name, text),
        )])))
    };
    match value {
        Val::Text(text) => secret(text.to_string()).unwrap_or_else(|| value.clone()),
        Val::Int(number) => secret(number.to_string()).unwrap_or_else(|| value.clone()),
        Val::Float(number) => secret(number.to_string()).unwrap_or_else(|| value.clone()),
        Val::List(items) => Val::list(items.iter().map(|item| taint(masker, name, item)).collect()),
        Val::Map(map) => Val::map(
            map.iter()
                .map(|(key, item)| (key.clone(), taint(masker, name, item)))
                .collect(),
        ),
        Val::Null | Val::Bool(_) | Val::Secret(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It encrypts nothing, and is for tests.
    struct Open;

    impl Vault for Open {
        fn seal(&self, plain: &[u8]) -> Result<String, runbook_event::JournalError> {
            Ok(String::from_utf8_lossy(plain).into_owned())
        }

        fn open(&self, sealed: &str) -> Option<Vec<u8>> {
            Some(sealed.as_bytes().to_vec())
        }
    }

    #[test]
    fn what_the_mask_would_change_is_kept_as_a_secret() {
        let masker = Masker::new(&[Secret::new("pw", "hunter2".to_owned())]).unwrap();
        let live = Live::new(Arc::new(Open));
        let old = Val::list(vec![Val::text("x hunter2 y"), Val::Int(1)]);
        let values = IndexMap::from([
            ("plain".to_owned(), Val::text("nothing")),
            ("old".to_owned(), old),
        ]);
        let sealed = live.keep(&masker, "step a", &values);
        assert_eq!(live.get("step a", "plain"), None);
        let kept = live.get("step a", "old").unwrap();
        assert!(kept.has_secret() && !format!("{kept:?}").contains("hunter2"));
        assert_eq!(kept.to_param().reveal(), serde_json::json!(["x hunter2 y", 1]));
        assert_eq!(sealed.values.keys().collect::<Vec<_>>(), ["old"]);
    }
}
