//! The secrets that are known so far: those of the start, and those that steps capture.

use std::sync::{Arc, PoisonError, RwLock};

use runbook_action::Secret;

use crate::mask::{MaskError, Masker};

/// The masker of a run, which learns.
#[derive(Debug)]
pub(crate) struct Masks {
    known: RwLock<(Vec<Secret>, Arc<Masker>)>,
}

impl Masks {
    /// For these secrets.
    pub(crate) fn new(secrets: Vec<Secret>) -> Result<Self, MaskError> {
        let masker = Arc::new(Masker::new(&secrets)?);
        Ok(Self {
            known: RwLock::new((secrets, masker)),
        })
    }

    /// The masker for all that is known now.
    pub(crate) fn now(&self) -> Arc<Masker> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known.1)
    }

    /// From now on these are secrets too.
    pub(crate) fn learn(&self, secrets: Vec<Secret>) -> Result<(), MaskError> {
        if secrets.is_empty() {
            return Ok(());
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut all = known.0.clone();
        all.extend(secrets);
        let masker = Arc::new(Masker::new(&all)?);
        *known = (all, masker);
        Ok(())
    }
}
