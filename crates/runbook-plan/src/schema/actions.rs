//! Actions and connections as schemas, and that a step has exactly one action.

use runbook_action::{ConnectionSpec, Via};
use runbook_schema::{Field, Shape};
use serde_json::{Value, json};

use super::Json;
use super::objects::{Owner, Writer, described, reference};
use super::shapes::json_of;
use crate::Catalogue;

/// The key that holds connections, in a runbook and in an environment: their kinds are the catalogue's.
pub(super) const CONNECTIONS: &str = "connections";

/// What a step may have as its action.
#[derive(Clone, Copy)]
pub(super) struct ActionKind {
    /// The key.
    key: &'static str,
    /// One sentence for people.
    doc: &'static str,
    /// What the key holds.
    shape: &'static Shape,
    /// The names that `expect` and `capture` may use.
    result: &'static [Field],
    /// Whose keys its objects have.
    owner: Owner,
}

/// All kinds of actions.
pub(super) fn kinds(catalogue: &Catalogue) -> Vec<ActionKind> {
    let specs = catalogue
        .kinds()
        .filter_map(|kind| Some(catalogue.kind(kind)?.spec()));
    specs
        .map(|spec| ActionKind {
            key: spec.kind,
            doc: spec.doc,
            shape: &spec.params,
            result: spec.result,
            owner: Owner::Action(spec.kind),
        })
        .collect()
}

impl Writer {
    /// The key of an action and the schema of what it holds.
    pub(super) fn action(&mut self, at: usize) -> (&'static str, Json) {
        let kind = self.kinds[at];
        let name = format!("action.{}", kind.key);
        if !self.is_defined(&name) {
            // Taken before it is written: an action's steps may use the action.
            self.define(&name, Json::new());
            let mut schema = described(kind.doc, results(kind.result));
            schema.insert("title".to_owned(), kind.key.into());
            schema.extend(self.shape(kind.shape, kind.owner));
            self.define(&name, schema);
        }
        (kind.key, reference(&name))
    }

    /// That there is exactly one action. An editor says that none is there at the beginning of the step, and that
    /// there are several at each of them.
    pub(super) fn one_action(&mut self) -> Json {
        let keys: Vec<&str> = self.kinds.iter().map(|kind| kind.key).collect();
        let none = format!("An action is missing: one of {}.", keys.join(", "));
        let mut any = Vec::new();
        let mut all = Vec::new();
        for key in &keys {
            any.push(json!({"required": [key], "errorMessage": none}));
            let others = keys.iter().filter(|other| *other != key);
            let others: Json = others.map(|other| ((*other).to_owned(), false.into())).collect();
            let name = format!("no-action-beside.{key}");
            self.define(
                &name,
                json_of([
                    (
                        "errorMessage",
                        format!("There is another action, `{key}`, and there can be only one.").into(),
                    ),
                    ("properties", others.into()),
                ]),
            );
            all.push(json!({"if": {"required": [key]}, "then": reference(&name)}));
        }
        self.shared("one-action", || {
            json_of([("anyOf", any.into()), ("allOf", all.into())])
        })
    }

    /// The schema of a mapping of connections.
    pub(super) fn connections(&mut self, doc: &str) -> Json {
        let mut schema = described(doc, Some("A mapping of names to connections.".to_owned()));
        let connection = self.connection();
        schema.extend(json_of([
            ("type", "object".into()),
            ("additionalProperties", connection.into()),
        ]));
        schema
    }

    /// The schema of a connection. Which of the kinds' keys is there tells its kind. While none is, the kinds are
    /// offered, and nothing else.
    fn connection(&mut self) -> Json {
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
        for spec in specs {
            let (object, address) = self.connection_of(spec);
            let name = format!("connection.{}", spec.kind);
            self.define(&name, object);
            offered.insert(spec.kind.to_owned(), address.into());
            any.push(json!({"required": [spec.kind], "errorMessage": none}));
            all.push(json!({"if": {"required": [spec.kind]}, "then": reference(&name)}));
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

/// What a hover lists of an action's result.
fn results(fields: &[Field]) -> Option<String> {
    let lines: Vec<String> = fields
        .iter()
        .map(|field| format!("- `{}`: {}", field.key, field.doc))
        .collect();
    (!lines.is_empty()).then(|| format!("What `expect` and `capture` may use:\n\n{}", lines.join("\n")))
}
