//! The kinds that a custom resource definition brings: one for each version that it serves.

use std::sync::Arc;

use serde_json::Value;

use super::{Custom, Kind, Scale};
use crate::object::Fields as _;

/// The kinds that a definition brings.
pub(crate) fn of_definition(definition: &Value) -> Vec<Arc<Kind>> {
    definition
        .items("/spec/versions")
        .iter()
        .filter(|version| version.is_true("/served"))
        .map(|version| Arc::new(of_version(definition, version)))
        .collect()
}

fn of_version(definition: &Value, version: &Value) -> Kind {
    let texts = |pointer: &str| {
        let items = definition.items(pointer).iter().filter_map(Value::as_str);
        items.map(str::to_owned).collect::<Vec<String>>()
    };
    let path = |key: &str| {
        let path = version.text(&format!("/subresources/scale/{key}"));
        (!path.is_empty()).then(|| path.replace('.', "/"))
    };
    let kind = definition.text("/spec/names/kind").to_owned();
    let singular = match definition.text("/spec/names/singular") {
        "" => kind.to_lowercase(),
        given => given.to_owned(),
    };
    Kind {
        group: definition.text("/spec/group").to_owned(),
        version: version.text("/name").to_owned(),
        kind,
        plural: definition.text("/spec/names/plural").to_owned(),
        singular,
        short: texts("/spec/names/shortNames"),
        categories: texts("/spec/names/categories"),
        namespaced: definition.text("/spec/scope") == "Namespaced",
        status: version.at("/subresources/status").is_object(),
        scale: path("specReplicasPath").map(|wanted| Scale {
            wanted,
            actual: path("statusReplicasPath").unwrap_or_default(),
            selector: path("labelSelectorPath"),
        }),
        custom: Some(Custom {
            schema: version.at("/schema/openAPIV3Schema").clone(),
            columns: version.at("/additionalPrinterColumns").clone(),
            storage: version.is_true("/storage"),
        }),
        review: false,
    }
}
