//! Actions and connections as schemas, and that a step has exactly one action.

use runbook_action::{ConnectionSpec, Via};
use runbook_document::language::{
    CHANNEL, CHANNEL_KINDS, NODES, SECRET, SECRET_KINDS, TRIGGER, TRIGGER_KINDS, node,
};
use runbook_schema::{Field, Object, Shape};
use serde_json::{Value, json};

use super::Json;
use super::objects::{Owner, Writer, described, reference};
use super::shapes::json_of;
use super::words::{remark, results};
use crate::Catalogue;

/// The key that holds connections, in a runbook and in an environment: their kinds are the catalogue's.
pub(super) const CONNECTIONS: &str = "connections";

/// The keys by which a step holds other steps in place of an action.
const HOLDING: &[&str] = &["steps", "choose", "first_of"];

/// What a step may have as its action.
#[derive(Clone, Copy)]
pub(super) struct ActionKind {
    /// The key.
    pub(super) key: &'static str,
    /// One sentence for people.
    pub(super) doc: &'static str,
    /// What the key holds.
    pub(super) shape: &'static Shape,
    /// The names that `expect` and `capture` may use.
    pub(super) result: &'static [Field],
    /// Whose keys its objects have.
    owner: Owner,
    /// Whether only steps can have it, and not what is done beside a step's action.
    pub(super) only_in_steps: bool,
}

/// All kinds of actions: those of the catalogue, and what the engine itself does. Some are both, and then the
/// language's table tells them.
pub(super) fn kinds(catalogue: &Catalogue) -> Vec<ActionKind> {
    let specs = catalogue
        .kinds()
        .filter_map(|kind| Some(catalogue.kind(kind)?.spec()));
    let actions = specs
        .filter(|spec| node(spec.kind).is_none())
        .map(|spec| ActionKind {
            key: spec.kind,
            doc: spec.doc,
            shape: &spec.params,
            result: spec.result,
            owner: Owner::Action(spec.kind),
            only_in_steps: false,
        });
    let nodes = NODES.iter().map(|node| ActionKind {
        key: node.key,
        doc: node.doc,
        shape: &node.shape,
        result: node.result,
        owner: Owner::Node(node.key),
        only_in_steps: catalogue.kind(node.key).is_none(),
    });
    actions.chain(nodes).collect()
}

/// The keys of which an object has exactly one, beside those whose further key is their action.
pub(super) fn kinds_of_object(object: &Object) -> Option<&'static [&'static str]> {
    let known = [
        (&SECRET, SECRET_KINDS),
        (&TRIGGER, TRIGGER_KINDS),
        (&CHANNEL, CHANNEL_KINDS),
    ];
    known
        .into_iter()
        .find(|(known, _)| *known == object)
        .map(|(_, kinds)| kinds)
}

impl Writer {
    /// The kinds of actions that an object may have.
    pub(super) fn kinds_of(&self, object: &Object) -> Vec<ActionKind> {
        let is_step = HOLDING.iter().all(|key| object.field(key).is_some());
        let kinds = self.kinds.iter().filter(|kind| is_step || !kind.only_in_steps);
        kinds.copied().collect()
    }

    /// The schema of what the key of an action holds.
    pub(super) fn action(&mut self, kind: &ActionKind) -> Json {
        let name = format!("action.{}", kind.key);
        if !self.is_defined(&name) {
            // Taken before it is written: an action's steps may use the action.
            self.define(&name, Json::new());
            let form = match kind.owner {
                Owner::Node(_) => remark(kind.shape),
                // The forms of an action say less than what it answers.
                Owner::Action(_) | Owner::Connection(_) | Owner::Language => None,
            };
            let remarks: Vec<String> = form.into_iter().chain(results(kind.result)).collect();
            let mut schema = described(kind.doc, (!remarks.is_empty()).then(|| remarks.join("\n\n")));
            schema.insert("title".to_owned(), kind.key.into());
            for (key, value) in self.shape(kind.shape, kind.owner) {
                schema.entry(key).or_insert(value);
            }
            self.define(&name, schema);
        }
        reference(&name)
    }

    /// That there is exactly one action, or something in its place.
    pub(super) fn one_action(&mut self, object: &Object) -> Json {
        let kinds = self.kinds_of(object);
        let holding = HOLDING.iter().copied().filter(|key| object.field(key).is_some());
        let keys: Vec<&str> = kinds.iter().map(|kind| kind.key).chain(holding).collect();
        self.one_of_keys(&keys, "An action")
    }

    /// That there is exactly one of the keys that tell the kind, where the object has such.
    pub(super) fn one_kind(&mut self, object: &Object) -> Option<Json> {
        let keys = kinds_of_object(object)?;
        Some(self.one_of_keys(keys, &format!("The kind of the {}", object.name)))
    }

    /// That exactly one of the keys is there. An editor says that none is at the beginning of the mapping, and that
    /// there are several at each of them.
    fn one_of_keys(&mut self, keys: &[&'static str], what: &str) -> Json {
        let set = self.number_of(keys);
        let none = format!("{what} is missing: one of {}.", keys.join(", "));
        let mut any = Vec::new();
        let mut all = Vec::new();
        for key in keys {
            any.push(json!({"required": [key], "errorMessage": none}));
            let name = format!("{set}.beside-{key}");
            let others = keys.iter().filter(|other| *other != key);
            let others: Json = others.map(|other| ((*other).to_owned(), false.into())).collect();
            let several = format!("There is `{key}` already, and there can be only one of the two.");
            all.push(json!({"if": {"required": [key]}, "then": reference(&name)}));
            self.shared(&name, || {
                json_of([("errorMessage", several.into()), ("properties", others.into())])
            });
        }
        self.shared(&set, || json_of([("anyOf", any.into()), ("allOf", all.into())]))
    }

    /// The schema of a connection. Which of the kinds' keys is there tells its kind. While none is, the kinds are
    /// offered, and nothing else.
    pub(super) fn connection(&mut self) -> Json {
        let name = "connection";
        if self.is_defined(name) {
            return reference(name);
        }
        let specs = self.connections.clone();
        let kinds: Vec<&str> = specs.iter().map(|spec| spec.kind).collect();
        let none = format!(
            "The kind of the connection is missing: one of {}.",
            kinds.join(", ")
        );
        let mut offered = Json::new();
        let mut any = Vec::new();
        let mut all = Vec::new();
        for &spec in &specs {
            let (object, address) = self.connection_of(spec);
            let name = format!("connection.{}", spec.kind);
            self.define(&name, object);
            offered.insert(spec.kind.to_owned(), address.into());
            any.push(json!({"required": [spec.kind], "errorMessage": none}));
            // What is a part of another kind is not meant by itself where that one is.
            let wholes = specs.iter().filter(|other| other.has_part(spec.kind));
            let wholes: Vec<Value> = wholes.map(|other| json!({"required": [other.kind]})).collect();
            let mut meant = json!({"required": [spec.kind]});
            if !wholes.is_empty() {
                meant["not"] = json!({"anyOf": wholes});
            }
            all.push(json!({"if": meant, "then": reference(&name)}));
        }
        let schema = json_of([
            ("title", name.into()),
            ("type", "object".into()),
            ("if", json!({"anyOf": any})),
            ("then", json!({"allOf": all})),
            ("else", json!({"properties": offered, "anyOf": any})),
        ]);
        self.define(name, schema);
        reference(name)
    }

    /// The schema of a kind of connection, and of the key that names the kind and holds the address.
    fn connection_of(&mut self, spec: &'static ConnectionSpec) -> (Json, Json) {
        let mut object = self.object(&spec.shape, Owner::Connection(spec.kind));
        object.insert("title".to_owned(), format!("{} connection", spec.kind).into());
        let properties = object.get_mut("properties").and_then(Value::as_object_mut);
        let Some(properties) = properties else {
            return (object, Json::new());
        };
        let mut address = Json::new();
        if let Some(field) = spec.shape.field(spec.kind) {
            address = described(spec.doc, Some(field.doc.to_owned()));
            let of_field = properties.get(spec.kind).and_then(Value::as_object).cloned();
            for (key, value) in of_field.unwrap_or_default() {
                address.entry(key).or_insert(value);
            }
            properties.insert(spec.kind.to_owned(), address.clone().into());
        }
        if let Some(via) = self.via(spec.via) {
            properties.insert("via".to_owned(), via.into());
        }
        (object, address)
    }

    /// The schema of `via`, for a kind of connection that can go through another.
    fn via(&mut self, via: Via) -> Option<Json> {
        let (doc, kinds) = match via {
            Via::Never => return None,
            Via::Named(kinds) => ("The connection that it goes through.", kinds),
            Via::Required(kinds) => (
                "The connection that it goes through; must be named if several fit.",
                kinds,
            ),
        };
        let remark = format!("The name of one of kind `{}`.", kinds.join("`, `"));
        let mut schema = described(doc, Some(remark));
        schema.extend(self.shape(&Shape::Slug, Owner::Language));
        Some(schema)
    }
}
