//! The JSON schema of a line of a journal, for programs that read journals without this one.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::Record;

/// The schema (draft 2020-12) of a [`Record`] with the hash that a journal closes each line with. It leaves room for
/// more: a reader ignores what it does not know.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12();
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<Record>()
        .to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!("A line of a journal of `runbook`"));
        let hash = json!({
            "description": "SHA-256, in hexadecimal, over the hash of the line before, as text, and the bytes of this line \
                            before `,\"hash\"`. The first line follows 64 zeros.",
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
        });
        let readings = json!({
            "description": "How the file of readings stood when this line was written: where a check is decided, and where the run \
                            ends or goes on.",
            "type": "object",
            "properties": {
                "bytes": {"description": "How long it was.", "type": "integer", "minimum": 0},
                "sha256": {"description": "SHA-256 of those bytes, in hexadecimal.", "type": "string", "pattern": "^[0-9a-f]{64}$"},
            },
            "required": ["bytes", "sha256"],
        });
        if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert("hash".to_owned(), hash);
            properties.insert("readings_file".to_owned(), readings);
        }
        if let Some(required) = root.get_mut("required").and_then(Value::as_array_mut) {
            required.push(json!("hash"));
        }
    }
    schema
}
