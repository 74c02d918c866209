//! Steps that only got another id, and steps that only stand elsewhere.

use serde_json::Value;

use crate::facts::{Step, holds_steps, items, steps, text};

/// Steps that are the same but for their id: what they were called, and what they are called.
pub(crate) fn pairs(before: &Value, after: &Value) -> Vec<(String, String)> {
    let (old, new) = (steps(before), steps(after));
    let is_in = |all: &[Step<'_>], id: &str| all.iter().any(|step| step.id == id);
    let mut pairs: Vec<(String, String)> = Vec::new();
    for is in new.iter().filter(|step| !is_in(&old, step.id)) {
        let mut same = old.iter().filter(|was| {
            let is_taken = pairs.iter().any(|(known, _)| known == was.id);
            !is_in(&new, was.id)
                && !is_taken
                && was.parent == is.parent
                && deeds(was.facts) == deeds(is.facts)
        });
        if let Some(was) = same.next() {
            pairs.push((was.id.to_owned(), is.id.to_owned()));
        }
    }
    pairs
}

/// All of a step but what it is called and where it stands.
fn deeds(step: &Value) -> Value {
    let facts = step.as_object().into_iter().flatten();
    let kept = facts.filter(|(key, _)| !matches!(key.as_str(), "id" | "needs" | "title"));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A plan in which these steps have their new ids.
pub(crate) fn with(plan: &Value, pairs: &[(String, String)]) -> Value {
    let mut plan = plan.clone();
    if !pairs.is_empty() {
        for section in ["steps", "finally"] {
            rename(&mut plan[section], pairs);
        }
    }
    plan
}

fn rename(list: &mut Value, pairs: &[(String, String)]) {
    let renamed = |id: &mut Value| {
        if let Some((_, is)) = pairs.iter().find(|(was, _)| was == text(id)) {
            *id = Value::from(is.as_str());
        }
    };
    for step in list.as_array_mut().into_iter().flatten() {
        for (key, value) in step.as_object_mut().into_iter().flatten() {
            match key.as_str() {
                "id" => renamed(value),
                "needs" => value.as_array_mut().into_iter().flatten().for_each(renamed),
                key if holds_steps(key) => rename(value, pairs),
                _ => {}
            }
        }
    }
}

/// Those of the second list that stand elsewhere than in the first, which has the same items: as few as explain it.
pub(crate) fn out_of_order<'a>(before: &[String], after: &'a [String]) -> Vec<&'a String> {
    // The length of the longest common sequence from each pair of places on.
    let mut longest = vec![vec![0_usize; after.len() + 1]; before.len() + 1];
    for (i, one) in before.iter().enumerate().rev() {
        for (j, other) in after.iter().enumerate().rev() {
            let at = |i: usize, j: usize| longest.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0);
            let length = if one == other {
                at(i + 1, j + 1) + 1
            } else {
                at(i + 1, j).max(at(i, j + 1))
            };
            if let Some(cell) = longest.get_mut(i).and_then(|row| row.get_mut(j)) {
                *cell = length;
            }
        }
    }
    let at = |i: usize, j: usize| longest.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0);
    let (mut i, mut j, mut moved) = (0, 0, Vec::new());
    while let Some(other) = after.get(j) {
        if before.get(i) == Some(other) {
            (i, j) = (i + 1, j + 1);
        } else if i < before.len() && at(i + 1, j) >= at(i, j + 1) {
            i += 1;
        } else {
            moved.push(other);
            j += 1;
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn as_few_as_possible_were_moved() {
        let list = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        for (before, after, expected) in [
            ("a b c d", "a b c d", ""),
            ("a b c d", "b c d a", "a"),
            ("a b c d", "d a b c", "d"),
            ("a b c d e", "a d b c e", "d"),
        ] {
            let after = list(after);
            let moved: Vec<&str> = out_of_order(&list(before), &after)
                .into_iter()
                .map(String::as_str)
                .collect();
            assert_eq!(moved.join(" "), expected, "{before} → {after:?}");
        }
    }

    #[test]
    fn a_step_with_another_id_is_the_same_step() {
        let plan = |id: &str| {
            json!({"steps": [
                {"id": id, "title": id, "effect": "read", "action": {"params": {"shell": "true"}}},
                {"id": "after", "needs": [id], "effect": "read"},
            ]})
        };
        let (before, after) = (plan("old"), plan("new"));
        let pairs = pairs(&before, &after);
        assert_eq!(pairs, [("old".to_owned(), "new".to_owned())]);
        assert_eq!(items(&with(&before, &pairs)["steps"])[1]["needs"], json!(["new"]));
    }
}
