//! Manifests: from a file of the project, or written in the step itself.

use std::path::Path;

use runbook_action::{Args, ErrorKind, Failure, Param};
use serde::Deserialize as _;
use serde_json::Value;

use crate::object::{self, Target};
use crate::verbs::Asked;

/// A manifest, and where its object is.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) target: Target,
    pub(crate) body: Value,
}

/// The manifests that the parameter holds or names.
pub(crate) async fn read(asked: Asked<'_>, args: &Args<'_>) -> Result<Vec<Manifest>, Failure> {
    let bodies = match args.param() {
        Param::Map(_) => vec![args.param().reveal()],
        Param::List(items) => items.iter().map(Param::reveal).collect(),
        Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) => {
            from_file(&asked.around.root.join(args.literal()?))
                .map_err(|failure| failure.about(args.path()))?
        }
    };
    let mut manifests = Vec::new();
    for body in bodies {
        let found = place(asked, body).await;
        manifests.push(found.map_err(|failure| match failure.param {
            Some(_) => failure,
            None => failure.about(args.path()),
        })?);
    }
    Ok(manifests)
}

async fn place(asked: Asked<'_>, mut body: Value) -> Result<Manifest, Failure> {
    let (version, kind) = (object::text(&body, "/apiVersion"), object::text(&body, "/kind"));
    let name = object::name(&body);
    if version.is_empty() || kind.is_empty() || name.is_empty() {
        let message = "a manifest needs an `apiVersion`, a `kind` and a `metadata.name`";
        return Err(Failure::new(ErrorKind::Other, message));
    }
    if name.contains(['/', '%', '?', '#']) {
        return Err(Failure::new(
            ErrorKind::Other,
            "the name of a manifest holds a character that no name has",
        ));
    }
    let kind = asked.cluster.kind_of(&version, &kind).await?;
    let own = object::text(&body, "/metadata/namespace");
    let asked_for = crate::asked::namespace(asked.cluster, asked.chosen)?;
    if !own.is_empty() && asked.chosen.get("namespace").is_some() && own != asked_for {
        let message =
            format!("the manifest of `{name}` is for the namespace `{own}`, and the step for `{asked_for}`");
        return Err(Failure::new(ErrorKind::Other, message).about("namespace"));
    }
    let namespace = if own.is_empty() { asked_for } else { own };
    let target = Target::new(kind, &namespace, name);
    if let (Some(namespace), Some(Value::Object(metadata))) = (&target.namespace, body.get_mut("metadata")) {
        metadata.insert("namespace".to_owned(), namespace.clone().into());
    }
    Ok(Manifest { target, body })
}

/// The documents of a file; lists of objects are taken apart.
fn from_file(path: &Path) -> Result<Vec<Value>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let kind = if error.kind() == std::io::ErrorKind::NotFound {
            ErrorKind::NotFound
        } else {
            ErrorKind::Other
        };
        Failure::new(kind, "the file of manifests cannot be read")
    })?;
    let mut found = Vec::new();
    for document in serde_yaml::Deserializer::from_str(&text) {
        let body = Value::deserialize(document).map_err(|error| {
            Failure::new(
                ErrorKind::Other,
                format!("is no YAML: {}", crate::trouble::one_line(&error.to_string())),
            )
        })?;
        if body.is_null() {
            continue;
        }
        let is_list = object::text(&body, "/kind").ends_with("List") && body.get("items").is_some();
        if is_list {
            found.extend(object::list(&body, "/items").iter().cloned());
        } else {
            found.push(body);
        }
    }
    if found.is_empty() {
        return Err(Failure::new(ErrorKind::Other, "the file holds no manifest"));
    }
    Ok(found)
}
