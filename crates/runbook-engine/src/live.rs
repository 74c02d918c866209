//! Captured values with a secret in them.
//!
//! Events are masked before they change the state, so what expressions read from the state is masked too. A
//! value that the mask changed is kept here as it is, for as long as the run lives, and as a secret: an undo
//! that writes it back writes the value and not the mask, and nothing shows it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use runbook_action::{Secret, Segment, Text};
use runbook_plan::expression::Val;

use crate::mask::Masker;

/// Captured values with a secret in them, by their owner (`steps.ID`, `checks.ID`) and name.
#[derive(Debug, Default)]
pub(crate) struct Live {
    values: Mutex<HashMap<(String, String), Val>>,
}

impl Live {
    /// Keeps a value if a secret is in it.
    pub(crate) fn keep(&self, masker: &Masker, owner: &str, name: &str, value: &Val) {
        let json = value.to_json();
        if masker.value(json.clone()) != json {
            let tainted = taint(masker, &format!("{owner}.{name}"), value);
            let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
            values.insert((owner.to_owned(), name.to_owned()), tainted);
        }
    }

    /// The value, if one is kept.
    pub(crate) fn get(&self, owner: &str, name: &str) -> Option<Val> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(&(owner.to_owned(), name.to_owned())).cloned()
    }
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

    #[test]
    fn what_the_mask_would_change_is_kept_as_a_secret() {
        let masker = Masker::new(&[Secret::new("pw", "hunter2".to_owned())]).unwrap();
        let live = Live::default();
        live.keep(&masker, "steps.a", "plain", &Val::text("nothing"));
        live.keep(
            &masker,
            "steps.a",
            "old",
            &Val::list(vec![Val::text("x hunter2 y"), Val::Int(1)]),
        );
        assert_eq!(live.get("steps.a", "plain"), None);
        let kept = live.get("steps.a", "old").unwrap();
        assert!(kept.has_secret() && !format!("{kept:?}").contains("hunter2"));
        assert_eq!(kept.to_param().reveal(), serde_json::json!(["x hunter2 y", 1]));
    }
}
