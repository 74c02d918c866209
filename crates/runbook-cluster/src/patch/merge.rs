//! JSON merge patches.

use serde_json::{Map, Value};

/// A value after a patch: mappings are merged, null removes, all else replaces.
pub(super) fn merge(value: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch.clone();
    };
    let mut fields = if let Value::Object(fields) = value {
        fields
    } else {
        Map::new()
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
