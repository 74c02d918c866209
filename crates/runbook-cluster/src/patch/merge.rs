//! JSON merge patches.

use serde_json::{Map, Value};

/// A value after a patch: mappings are merged, null removes, all else replaces.
pub(crate) fn merge(value: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch.clone();
    };
    let mut fields = match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    for (key, change) in patch {
        if change.is_null() {
            fields.shift_remove(key);
        } else {
            let old = fields.get(key).cloned().unwrap_or(Value::Null);
            fields.insert(key.clone(), merge(old, change));
        }
    }
    Value::Object(fields)
}
