//! Changes to what a runbook says, and not to how it is written: each result is YAML, and much of it nearly right.

use serde_json::{Map, Value};

use crate::mutant::Mutant;

/// Parts of runbooks, to be put where they may not belong.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    roots: Vec<Value>,
    values: Vec<Value>,
    keys: Vec<String>,
}

impl Parts {
    /// The parts of these texts. What is no mapping in YAML gives none.
    #[must_use]
    pub fn new(texts: &[String]) -> Self {
        let mut parts = Self::default();
        for text in texts {
            if let Ok(root @ Value::Object(_)) = serde_yaml::from_str::<Value>(text) {
                parts.collect(&root);
                parts.roots.push(root);
            }
        }
        parts.keys.sort();
        parts.keys.dedup();
        parts
    }

    fn collect(&mut self, value: &Value) {
        self.values.push(value.clone());
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Object(map) => {
                for (key, value) in map {
                    self.keys.push(key.clone());
                    self.collect(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// One of the runbooks with some of its values changed, as JSON, which is YAML too.
    pub fn change(&self, mutant: &mut Mutant) -> String {
        let mut root = mutant.choose(&self.roots).cloned().unwrap_or_default();
        for _ in 0..=mutant.below(5) {
            let count = count(&root);
            let mut at = mutant.below(count);
            self.change_at(&mut root, &mut at, mutant);
        }
        root.to_string()
    }

    fn change_at(&self, value: &mut Value, at: &mut usize, mutant: &mut Mutant) {
        if *at == 0 {
            self.change_here(value, mutant);
            *at = usize::MAX;
            return;
        }
        *at -= 1;
        let children: Vec<&mut Value> = match value {
            Value::Array(items) => items.iter_mut().collect(),
            Value::Object(map) => map.values_mut().collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
        for child in children {
            if *at == usize::MAX {
                return;
            }
            self.change_at(child, at, mutant);
        }
    }

    fn change_here(&self, value: &mut Value, mutant: &mut Mutant) {
        match (mutant.below(5), value) {
            (0, Value::Object(map)) => {
                let (key, part) = (mutant.choose(&self.keys), mutant.choose(&self.values));
                map.insert(
                    key.cloned().unwrap_or_default(),
                    part.cloned().unwrap_or_default(),
                );
            }
            (1, Value::Object(map)) => rename(map, mutant, &self.keys),
            (2, Value::Object(map)) => {
                let key = map
                    .keys()
                    .nth(mutant.below(map.len()))
                    .cloned()
                    .unwrap_or_default();
                map.shift_remove(&key);
            }
            (0, Value::Array(items)) => items.extend(mutant.choose(&self.values).cloned()),
            (1, Value::Array(items)) => {
                let item = mutant.choose(items).cloned();
                items.extend(item);
            }
            (2, Value::Array(items)) if !items.is_empty() => {
                items.remove(mutant.below(items.len()));
            }
            (0..=2, Value::String(text)) => *text = mutant.change(std::slice::from_ref(text)),
            (_, value) => *value = mutant.choose(&self.values).cloned().unwrap_or_default(),
        }
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Object(map) => map.values().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn rename(map: &mut Map<String, Value>, mutant: &mut Mutant, keys: &[String]) {
    let Some(old) = map.keys().nth(mutant.below(map.len())).cloned() else {
        return;
    };
    if let (Some(value), Some(new)) = (map.shift_remove(&old), mutant.choose(keys)) {
        map.insert(new.clone(), value);
    }
}
