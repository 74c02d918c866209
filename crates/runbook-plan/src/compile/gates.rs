//! The gate of `first_of`, which is that of each of its alternatives.

use std::collections::HashSet;
use std::time::Duration;

use runbook_document::{Check as Written, Span};

use crate::plan::{Body, Check, Step};

/// Gives alternatives the checks that are asked after each. One that has alternatives itself passes them on: there,
/// too, it is after each that they must pass.
pub(super) fn give(alternatives: &mut [Step], gate: &[Check], written: &[Written]) {
    let unnamed = written.iter().filter(|check| check.id.is_none());
    let unnamed: HashSet<Span> = unnamed.map(|check| check.span).collect();
    for alternative in alternatives {
        give_one(alternative, gate, &unnamed, None);
    }
}

fn give_one(step: &mut Step, gate: &[Check], unnamed: &HashSet<Span>, within: Option<Duration>) {
    let within = step.within.or(within);
    if let Body::FirstOf(alternatives) = &mut step.body {
        for alternative in alternatives {
            give_one(alternative, gate, unnamed, within);
        }
        return;
    }
    for check in gate {
        let id = if unnamed.contains(&check.span) {
            (step.verify.len() + 1).to_string()
        } else {
            check.id.clone()
        };
        step.verify.push(Check {
            id: free(id, &step.verify),
            within: within.or(check.within),
            inherited: true,
            ..check.clone()
        });
    }
}

/// An id that none of the checks has: this one, or with a number after it.
pub(super) fn free(id: String, checks: &[Check]) -> String {
    let is_free = |id: &String| checks.iter().all(|check| check.id != *id);
    let numbered = (2u32..).map(|number| format!("{id}-{number}"));
    std::iter::once(id.clone())
        .chain(numbered)
        .find(is_free)
        .unwrap_or(id)
}
