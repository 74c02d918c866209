//! What an action keeps in order to put it back: `rollback: auto`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{ErrorKind, Failure};

/// The longest value in a message, in characters.
const SHOWN: usize = 80;

/// What an action keeps, before it acts, in order to put back what was there.
///
/// It goes into the journal, and an undo may read it long after, written by an older version of the action:
/// `version` tells in which form `expects` and `data` are. They may hold what is secret, such as the old
/// contents of a file, so the journal keeps them encrypted, and the debug form does not show them. `summary` is
/// shown everywhere and never holds a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inverse {
    /// The form of `expects` and `data`. An action refuses one that it does not know.
    pub version: u32,
    /// One line for people: “put back `max_connections = 100`”.
    pub summary: String,
    /// What the fields that the action writes will hold after it, and no other fields: by this the undo tells
    /// somebody else's later change from its own.
    pub expects: Value,
    /// What is put back.
    pub data: Value,
}

impl Inverse {
    /// Compares what is there `now` with what the action left. It is a failure of kind
    /// [`Conflict`](ErrorKind::Conflict) that shows the difference if a field holds neither what the action
    /// wrote nor what was there before it. Otherwise the answer is whether there is anything to put back.
    ///
    /// For actions whose `expects`, `data` and `now` have the same form: mappings are compared field by field, since
    /// an action that was interrupted may have written only some of them; everything else is one field. A field
    /// that is not there is as one that is null.
    pub fn is_due(&self, now: &Value) -> Result<bool, Failure> {
        let mut due = false;
        let mut foreign = Map::new();
        let mut first = None;
        for (name, expected) in fields(&self.expects) {
            let (before, now) = (field(&self.data, name), field(now, name));
            if now == before {
                continue;
            }
            due = true;
            if now != expected {
                let what = name.map_or_else(|| "what is there".to_owned(), |name| format!("`{name}`"));
                first.get_or_insert_with(|| {
                    format!("{what} is {}, and was left as {}", shown(now), shown(expected))
                });
                foreign.insert(
                    name.unwrap_or("value").to_owned(),
                    json!({ "before": before, "left": expected, "now": now }),
                );
            }
        }
        match first {
            None => Ok(due),
            Some(difference) => Err(Failure::new(
                ErrorKind::Conflict,
                format!("somebody else has changed it since: {difference}"),
            )
            .help("find out whose change it is, and decide by hand which value stays")
            .with_result(Value::Object(foreign))),
        }
    }
}

impl fmt::Debug for Inverse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inverse")
            .field("version", &self.version)
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

/// The fields of a mapping by their names, or all of it without one.
fn fields(value: &Value) -> Vec<(Option<&str>, &Value)> {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (Some(name.as_str()), value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            vec![(None, value)]
        }
    }
}

fn field<'a>(value: &'a Value, name: Option<&str>) -> &'a Value {
    match name {
        Some(name) => value.get(name).unwrap_or(&Value::Null),
        None => value,
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inverse(expects: Value, data: Value) -> Inverse {
        Inverse {
            version: 1,
            summary: "put it back".to_owned(),
            expects,
            data,
        }
    }

    #[test]
    fn what_the_action_left_is_put_back_and_what_was_there_before_is_left_alone() {
        let kept = inverse(json!({ "a": 2, "b": null }), json!({ "a": 1, "b": "old" }));
        for (now, due) in [
            (json!({ "a": 2 }), true),
            (json!({ "a": 2, "b": null, "c": "not ours" }), true),
            (json!({ "a": 1, "b": "old" }), false),
            // It was interrupted between the two.
            (json!({ "a": 2, "b": "old" }), true),
        ] {
            assert_eq!(kept.is_due(&now), Ok(due), "{now}");
        }
        assert_eq!(inverse(json!("new"), Value::Null).is_due(&json!("new")), Ok(true));
        assert_eq!(inverse(json!("new"), Value::Null).is_due(&Value::Null), Ok(false));
    }

    #[test]
    fn a_foreign_change_is_a_conflict_that_shows_the_difference() {
        let kept = inverse(json!({ "a": 2, "b": 2 }), json!({ "a": 1, "b": 1 }));
        let failure = kept.is_due(&json!({ "a": 2, "b": 7 })).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Conflict);
        assert_eq!(
            failure.message,
            "somebody else has changed it since: `b` is 7, and was left as 2"
        );
        assert_eq!(
            failure.result,
            Some(json!({ "b": { "before": 1, "left": 2, "now": 7 } }))
        );
        assert!(!failure.may_have_applied);
    }

    #[test]
    fn what_is_kept_is_not_shown() {
        let kept = inverse(json!("hunter2"), json!("hunter1"));
        assert!(!format!("{kept:?}").contains("hunter"));
    }
}
