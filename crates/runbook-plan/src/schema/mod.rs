//! The JSON schemas (draft 2020-12) by which editors complete, explain and check runbooks and project files.
//!
//! They are written from the tables that the checks read: the language's own keys, and the specifications of the
//! actions in a [`Catalogue`]. A key that the tables get is in the schemas without a change here.
//!
//! A schema says what can be said of a shape. What needs more, names and expressions above all, is for `runbook
//! check`. The reverse holds: what a schema refuses, the check refuses.
//!
//! The reference of the book is written from the same tables.
//!
//! Beside the standard's keywords there are some that only editors know: `markdownDescription`, `errorMessage` and
//! `patternErrorMessage`. Where the standard offers several ways to say something, the one is taken that the YAML
//! language server understands and explains best, older ones of draft 7 included.

mod actions;
mod cells;
mod objects;
mod reference;
mod shapes;
#[cfg(test)]
mod tests;
mod words;

use runbook_document::language::{API_VERSION, CONFIG, RUNBOOK};
use runbook_schema::Object;
use serde_json::{Map, Value, json};

use self::objects::Writer;
pub use self::reference::reference;
use crate::Catalogue;

/// A mapping of a schema; its keys keep their order.
type Json = Map<String, Value>;

/// The schema of a runbook.
#[must_use]
pub fn runbook(catalogue: &Catalogue) -> Value {
    let mut schema = document(catalogue, &RUNBOOK, "runbook", "A runbook.");
    let format = schema
        .pointer_mut("/properties/apiVersion")
        .and_then(Value::as_object_mut);
    if let Some(format) = format {
        format.retain(|key, _| ["description", "markdownDescription"].contains(&key.as_str()));
        format.insert("const".to_owned(), API_VERSION.into());
    }
    schema
}

/// The schema of the project file, `runbook.config.yaml`.
#[must_use]
pub fn config(catalogue: &Catalogue) -> Value {
    document(
        catalogue,
        &CONFIG,
        "config",
        "The project file of `runbook`: `runbook.config.yaml`.",
    )
}

/// A schema whose root is this object. `name` is how `runbook schema` calls it.
fn document(catalogue: &Catalogue, object: &'static Object, name: &str, description: &str) -> Value {
    let mut writer = Writer::new(actions::kinds(catalogue), catalogue.connections());
    let root = writer.root(object);
    let mut schema = Json::new();
    let mut put = |key: &str, value: Value| schema.insert(key.to_owned(), value);
    put("$schema", "https://json-schema.org/draft/2020-12/schema".into());
    put("$id", format!("urn:runbook:schema:v1:{name}").into());
    put(
        "$comment",
        format!("Made from the program's tables: cargo run -- schema {name} > schemas/{name}.schema.json")
            .into(),
    );
    put("description", description.into());
    schema.extend(root);
    let mut defs = writer.into_defs();
    defs.sort_keys();
    schema.insert("$defs".to_owned(), json!(defs));
    Value::Object(schema)
}
