//! Getting and listing.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::query::Query;
use super::route::Target;
use crate::failure::Failure;
use crate::kinds::Kind;
use crate::object::Fields as _;
use crate::store::{FieldSelector, Key, LabelSelector, Store};

/// Which objects are meant.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) namespace: Option<String>,
    pub(crate) labels: LabelSelector,
    pub(crate) fields: FieldSelector,
}

impl Choice {
    pub(crate) fn of(target: &Target, query: &Query) -> Result<Self, Failure> {
        let labels = LabelSelector::parse(query.get("labelSelector").unwrap_or_default())?;
        let mut fields = query.get("fieldSelector").unwrap_or_default().to_owned();
        if !target.name.is_empty() {
            // The old way to watch one object.
            fields = format!("metadata.name={}", target.name);
        }
        let fields = FieldSelector::parse(&fields, &target.kind.id())?;
        let namespace = (!target.namespace.is_empty()).then(|| target.namespace.clone());
        Ok(Self {
            namespace,
            labels,
            fields,
        })
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.namespace
            .as_ref()
            .is_none_or(|namespace| object.namespace() == namespace)
            && self.labels.matches(object)
            && self.fields.matches(object)
    }
}

/// An object in the version in which it was asked for.
pub(crate) fn in_version(kind: &Kind, object: &Value) -> Value {
    let mut object = object.clone();
    let version = kind.api_version();
    if object.text("/apiVersion") != version {
        object.put("/apiVersion", Value::from(version));
    }
    object
}

pub(crate) fn get(store: &Store, target: &Target) -> Result<Arc<Value>, Failure> {
    store
        .get(&target.kind.id(), &target.namespace, &target.name)
        .ok_or_else(|| Failure::not_found(&target.kind, &target.name))
}

/// What a list says of itself, and its objects.
pub(crate) struct Listed {
    pub(crate) metadata: Value,
    pub(crate) objects: Vec<Arc<Value>>,
}

pub(crate) fn list(store: &Store, target: &Target, query: &Query) -> Result<Listed, Failure> {
    let choice = Choice::of(target, query)?;
    let id = target.kind.id();
    let limit = usize::try_from(query.number("limit")?.unwrap_or(0)).unwrap_or(0);
    let (version, after) = match query.get("continue") {
        Some(token) => {
            let (version, key) = continued(token)?;
            // The rest of a list that has expired is read as it is now.
            let version = version.unwrap_or_else(|| store.version());
            if version < store.forgotten() {
                let mut failure = Failure::expired(
                    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
                );
                failure.rest = Some(self::token(None, &key));
                return Err(failure);
            }
            (version, Some(key))
        }
        None => (of_query(store, query)?, None),
    };
    let all: BTreeMap<Key, Arc<Value>> = store.list_at(&id, version);
    let mut chosen = all
        .into_iter()
        .filter(|(key, object)| after.as_ref().is_none_or(|after| key > after) && choice.matches(object));
    let mut objects = Vec::new();
    let mut last = None;
    for (key, object) in chosen.by_ref() {
        objects.push(object);
        if limit > 0 && objects.len() == limit {
            last = Some(key);
            break;
        }
    }
    let remaining = chosen.count();
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let Some(last) = last.filter(|_| remaining > 0) {
        metadata.put("/continue", Value::from(token(Some(version), &last)));
        if choice.labels.is_empty() && choice.fields.is_empty() {
            metadata.put("/remainingItemCount", Value::from(remaining));
        }
    }
    Ok(Listed { metadata, objects })
}

/// The version at which a list is to be read.
fn of_query(store: &Store, query: &Query) -> Result<u64, Failure> {
    let matching = query.get("resourceVersionMatch");
    let Some(text) = query.get("resourceVersion") else {
        if matching.is_some() && !query.flag("sendInitialEvents") && !query.flag("watch") {
            return Err(invalid_options(
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
            ));
        }
        return Ok(store.version());
    };
    let version = version_of(text)?;
    match matching {
        Some("Exact") if version == 0 => Err(invalid_options(
            "resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
        )),
        Some("Exact") if version < store.forgotten() => Err(Failure::expired(format!(
            "The resourceVersion for the provided list is too old. ({version})"
        ))),
        Some("Exact") if version <= store.version() => Ok(version),
        None | Some("NotOlderThan" | "Exact") if version <= store.version() => Ok(store.version()),
        None | Some("NotOlderThan" | "Exact") => Err(too_large(version, store.version())),
        Some(other) => Err(invalid_options(&format!(
            "resourceVersionMatch: Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\", \"\""
        ))),
    }
}

pub(crate) fn version_of(text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| {
        invalid_options(&format!(
            "resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
        ))
    })
}

pub(crate) fn invalid_options(why: &str) -> Failure {
    Failure::of_options("ListOptions", why)
}

pub(crate) fn too_large(version: u64, current: u64) -> Failure {
    let message = format!("Too large resource version: {version}, current: {current}");
    let mut failure = Failure::new(504, "Timeout", format!("Timeout: {message}"));
    failure.details.insert("retryAfterSeconds".to_owned(), json!(1));
    failure.caused(json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}))
}

fn token(version: Option<u64>, (namespace, name): &Key) -> String {
    // This number says that no version is meant.
    let version = version.map_or(json!(-1), |version| json!(version));
    let start = if namespace.is_empty() {
        format!("{name}\u{0}")
    } else {
        format!("{namespace}/{name}\u{0}")
    };
    URL_SAFE_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": version, "start": start}).to_string())
}

fn continued(token: &str) -> Result<(Option<u64>, Key), Failure> {
    let wrong = || Failure::bad_request("continue key is not valid: illegal base64 data");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
    let version = match value.at("/rv").as_i64() {
        Some(-1) => None,
        Some(version) => Some(u64::try_from(version).map_err(|_| wrong())?),
        None => return Err(wrong()),
    };
    let start = value.text("/start").trim_end_matches('\u{0}');
    let (namespace, name) = start.split_once('/').unwrap_or(("", start));
    Ok((version, (namespace.to_owned(), name.to_owned())))
}
