//! The metadata of objects: what clients may say of it, and what the server says.

use serde_json::{Value, json};

use super::Wanted;
use crate::clock;
use crate::failure::{Cause, Failure};
use crate::object::Fields as _;
use crate::store::Store;

/// The letters of names that the server makes: none from which words come.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Fields that only the server sets.
const OWN: [&str; 6] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        // Without a source of randomness, the time tells names apart.
        let time = clock::now().as_nanosecond().to_le_bytes();
        for (byte, other) in bytes.iter_mut().zip(time) {
            *byte = other;
        }
    }
    bytes
}

/// The end of a name that the server makes.
pub(crate) fn suffix() -> String {
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte) % LETTERS.len()]);
    random::<5>().into_iter().map(letter).collect()
}

fn uid() -> String {
    let mut bytes = random::<16>();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for half in [byte >> 4, byte & 0x0f] {
            text.extend(char::from_digit(u32::from(half), 16));
        }
    }
    text
}

/// Of a new object.
pub(super) fn create(store: &Store, wanted: &Wanted, object: &mut Value) -> Result<(), Failure> {
    let kind = &*wanted.target.kind;
    if !object.text("/metadata/resourceVersion").is_empty() {
        return Err(Failure::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    place(wanted, object)?;
    if let Some(fields) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        for key in OWN {
            fields.shift_remove(key);
        }
        fields.shift_remove("selfLink");
    }
    let given = object.name().to_owned();
    if given.is_empty() {
        let stem = object.text("/metadata/generateName").to_owned();
        if stem.is_empty() {
            let cause = Cause::required("metadata.name", "name or generateName is required");
            return Err(Failure::invalid(kind, "", &[cause]));
        }
        let stem: String = stem.chars().take(58).collect();
        object.put("/metadata/name", Value::from(format!("{stem}{}", suffix())));
    }
    let causes = check(object, &kind.id());
    if !causes.is_empty() {
        return Err(Failure::invalid(kind, object.name(), &causes));
    }
    if kind.namespaced {
        in_namespace(store, wanted, object)?;
    }
    object.put("/metadata/uid", Value::from(uid()));
    object.put("/metadata/creationTimestamp", Value::from(clock::now_stamp()));
    Ok(())
}

/// The namespace must be there, and stay there.
fn in_namespace(store: &Store, wanted: &Wanted, object: &Value) -> Result<(), Failure> {
    let namespace = object.namespace();
    let Some(found) = store.get("namespaces", "", namespace) else {
        let kind = store
            .kind("", "v1", "namespaces")
            .unwrap_or_else(|| wanted.target.kind.clone());
        return Err(Failure::not_found(&kind, namespace));
    };
    if found.is_deleting() {
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        let cause = json!({
            "reason": "NamespaceTerminating", "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        });
        return Err(Failure::forbidden(&wanted.target.kind, object.name(), &why).caused(cause));
    }
    Ok(())
}

/// Name and namespace of the path and of the body must agree.
fn place(wanted: &Wanted, object: &mut Value) -> Result<(), Failure> {
    let target = &wanted.target;
    let given = object.namespace().to_owned();
    if target.kind.namespaced {
        if given.is_empty() {
            object.put("/metadata/namespace", Value::from(target.namespace.clone()));
        } else if given != target.namespace {
            return Err(Failure::bad_request(format!(
                "the namespace of the provided object does not match the namespace sent on the request ({given} does not match {})",
                target.namespace
            )));
        }
    } else {
        object.take_out("/metadata/namespace");
    }
    if target.name.is_empty() {
        return Ok(());
    }
    let given = object.name().to_owned();
    if given.is_empty() {
        object.put("/metadata/name", Value::from(target.name.clone()));
    } else if given != target.name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({})",
            target.name
        )));
    }
    Ok(())
}

/// Of an object in place of one that is there.
pub(super) fn update(wanted: &Wanted, live: &Value, object: &mut Value) -> Result<(), Failure> {
    let kind = &*wanted.target.kind;
    let name = live.name();
    place(wanted, object)?;
    let given = object.text("/metadata/uid");
    if !given.is_empty() && given != live.uid() {
        let why = format!(
            "Precondition failed: UID in precondition: {given}, UID in object meta: {}",
            live.uid()
        );
        return Err(Failure::conflict(kind, name, &why));
    }
    let given = object.text("/metadata/resourceVersion");
    if given.is_empty() && kind.custom.is_some() {
        let cause = Cause::invalid(
            "metadata.resourceVersion",
            &json!(0),
            "must be specified for an update",
        );
        return Err(Failure::invalid(kind, name, &[cause]));
    }
    if !given.is_empty() && given != live.text("/metadata/resourceVersion") {
        return Err(Failure::modified(kind, name));
    }
    for key in OWN {
        let pointer = format!("/metadata/{key}");
        match live.at(&pointer) {
            value if value.is_null() => drop(object.take_out(&pointer)),
            value => object.put(&pointer, value.clone()),
        }
    }
    let mut causes = check(object, &kind.id());
    if live.is_deleting() {
        let added: Vec<&str> = object
            .items("/metadata/finalizers")
            .iter()
            .filter(|finalizer| !live.items("/metadata/finalizers").contains(finalizer))
            .filter_map(Value::as_str)
            .collect();
        if !added.is_empty() {
            causes.push(Cause::forbidden(
                "metadata.finalizers",
                &format!("no new finalizers can be added if the object is being deleted, found new finalizers []string{added:?}"),
            ));
        }
    }
    if causes.is_empty() {
        Ok(())
    } else {
        Err(Failure::invalid(kind, name, &causes))
    }
}

/// What is wrong with names and labels.
fn check(object: &Value, id: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = object.name();
    if let Some(why) = wrong_name(name, id) {
        causes.push(Cause::invalid("metadata.name", &Value::from(name), why));
    }
    for (key, value) in object.map("/metadata/labels").into_iter().flatten() {
        if !qualified(key) {
            causes.push(Cause::invalid(
                "metadata.labels",
                &Value::from(key.as_str()),
                NAME_PART,
            ));
        }
        if !value.as_str().is_some_and(is_label_value) {
            causes.push(Cause::invalid("metadata.labels", value, LABEL));
        }
    }
    for key in object
        .map("/metadata/annotations")
        .into_iter()
        .flatten()
        .map(|(key, _)| key)
    {
        if !qualified(&key.to_lowercase()) {
            causes.push(Cause::invalid(
                "metadata.annotations",
                &Value::from(key.as_str()),
                NAME_PART,
            ));
        }
    }
    causes
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

fn wrong_name(name: &str, id: &str) -> Option<&'static str> {
    if id.ends_with("rbac.authorization.k8s.io") {
        let bad = name == "." || name == ".." || name.contains(['/', '%']);
        return bad.then_some("may not contain '/' or '%'");
    }
    if matches!(id, "namespaces" | "services") {
        return (!is_dns_label(name)).then_some(DNS_LABEL);
    }
    if name.len() > 253 {
        return Some("must be no more than 253 characters");
    }
    (!name.split('.').all(is_dns_part)).then_some(SUBDOMAIN)
}

fn is_dns_part(part: &str) -> bool {
    let plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    part.starts_with(plain)
        && part.ends_with(plain)
        && part.chars().all(|character| plain(character) || character == '-')
}

/// Whether a text is a label of a name in the domain name system.
pub(super) fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_dns_part(text)
}

fn word(text: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric();
    text.len() <= 63
        && text.starts_with(plain)
        && text.ends_with(plain)
        && text
            .chars()
            .all(|character| plain(character) || "-_.".contains(character))
}

/// Whether a text can be the value of a label.
pub(super) fn is_label_value(text: &str) -> bool {
    text.is_empty() || word(text)
}

fn qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => prefix.len() <= 253 && prefix.split('.').all(is_dns_part) && word(name),
        None => word(key),
    }
}
