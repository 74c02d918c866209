//! Objects as rows, and objects without all but their metadata.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::object::Fields as _;

/// Only the metadata of an object.
pub(crate) fn metadata(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object.at("/metadata")})
}

/// Objects as a table. Only the first one of a watch tells its columns.
pub(crate) fn table(kind: &Kind, list: &Value, objects: &[Arc<Value>], columns: bool) -> Value {
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            json!({
                "cells": [object.name(), object.text("/metadata/creationTimestamp")],
                "object": metadata(object),
            })
        })
        .collect();
    let columns = if columns {
        json!([
            {"name": "Name", "type": "string", "format": "name", "description": kind.kind, "priority": 0},
            {"name": "Created At", "type": "date", "format": "", "description": "", "priority": 0},
        ])
    } else {
        json!([])
    };
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": list, "columnDefinitions": columns, "rows": rows,
    })
}
