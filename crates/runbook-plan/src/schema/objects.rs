//! Objects and the shapes in them as schemas; each object stands once, under `$defs`.

use runbook_action::ConnectionSpec;
use runbook_schema::{Field, Object, Shape};
use serde_json::{Value, json};

use super::actions::ActionKind;
use super::shapes::{self, json_of};
use super::{Json, actions, words};

/// Whose keys are written: that decides the names under `$defs`, and what a further key of an open object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The language's: a further key is an action.
    Language,
    /// Those of what the engine itself does, which are the language's too.
    Node(&'static str),
    /// Those of this action: a further key is the action's business.
    Action(&'static str),
    /// Those of this kind of connection.
    Connection(&'static str),
}

/// An object that has its place under `$defs`.
struct Placed {
    object: &'static Object,
    name: String,
}

/// What is written so far.
pub(super) struct Writer {
    pub(super) kinds: Vec<ActionKind>,
    pub(super) connections: Vec<&'static ConnectionSpec>,
    placed: Vec<Placed>,
    sets: Vec<Vec<&'static str>>,
    defs: Json,
}

impl Writer {
    /// Nothing yet.
    pub(super) fn new(kinds: Vec<ActionKind>, connections: Vec<&'static ConnectionSpec>) -> Self {
        Self {
            kinds,
            connections,
            placed: Vec::new(),
            sets: Vec::new(),
            defs: Json::new(),
        }
    }

    /// All that stands under `$defs`.
    pub(super) fn into_defs(self) -> Json {
        self.defs
    }

    /// The schema of the document itself.
    pub(super) fn root(&mut self, object: &'static Object) -> Json {
        self.object(object, Owner::Language)
    }

    /// The schema of a shape.
    pub(super) fn shape(&mut self, shape: &'static Shape, owner: Owner) -> Json {
        match shape {
            Shape::Template => self.shared("template", || shapes::text("template")),
            Shape::Literal | Shape::Quoted(_) => self.shared("text", || shapes::text("text")),
            Shape::Expression => self.shared("expression", shapes::expression),
            Shape::Slug => self.shared("name", shapes::slug),
            Shape::Version => self.shared("version", shapes::version),
            Shape::Integer { min, max } => shapes::integer(*min, *max),
            Shape::Number { min, max } => shapes::number(*min, *max),
            Shape::Boolean => json_of([("type", "boolean".into())]),
            Shape::Duration => self.shared("length of time", shapes::duration),
            Shape::Choice(words) => shapes::choice(words),
            Shape::Dynamic(inner) => {
                let schema = self.shape(inner, owner);
                shapes::dynamic(inner, schema)
            }
            Shape::List(inner) => json_of([
                ("type", "array".into()),
                ("items", self.shape(inner, owner).into()),
            ]),
            Shape::Map(inner) => json_of([
                ("type", "object".into()),
                ("additionalProperties", self.shape(inner, owner).into()),
            ]),
            Shape::Named(inner) => json_of([
                ("type", "object".into()),
                (
                    "propertyNames",
                    self.shared("name-in-expressions", shapes::name_in_expressions)
                        .into(),
                ),
                ("additionalProperties", self.shape(inner, owner).into()),
            ]),
            Shape::Object(object) => self.place(object, owner),
            Shape::OneOf(ways) => {
                let ways = ways.iter().map(|way| (way, self.shape(way, owner)));
                shapes::one_of(ways.collect())
            }
            Shape::Any => shapes::any(),
        }
    }

    /// Writes an object under `$defs`, if it is not there, and gives a reference to it.
    fn place(&mut self, object: &'static Object, owner: Owner) -> Json {
        if let Some(known) = self.placed.iter().find(|placed| placed.object == object) {
            return reference(&known.name);
        }
        let wanted = match owner {
            Owner::Language => object.name.to_owned(),
            Owner::Action(kind) | Owner::Node(kind) if kind == object.name => {
                format!("action.{kind}.parameters")
            }
            Owner::Action(kind) | Owner::Node(kind) => format!("action.{kind}.{}", object.name),
            Owner::Connection(kind) => format!("connection.{kind}.{}", object.name),
        };
        let name = self.free_name(&wanted);
        // Its place is taken before it is written: an object may contain itself.
        self.placed.push(Placed {
            object,
            name: name.clone(),
        });
        let schema = self.object(object, owner);
        self.define(&name, schema);
        reference(&name)
    }

    fn free_name(&self, wanted: &str) -> String {
        let wanted = in_a_reference(wanted);
        let is_taken = |name: &str| self.placed.iter().any(|placed| placed.name == name);
        let numbered = (2..).map(|at| format!("{wanted}-{at}"));
        std::iter::once(wanted.clone())
            .chain(numbered)
            .find(|name| !is_taken(name))
            .unwrap_or(wanted)
    }

    /// Whether this stands under `$defs`.
    pub(super) fn is_defined(&self, name: &str) -> bool {
        self.defs.contains_key(name)
    }

    /// The name of what is said of this set of keys, of which there is exactly one.
    pub(super) fn number_of(&mut self, keys: &[&'static str]) -> String {
        let known = self.sets.iter().position(|known| known == keys);
        let at = known.unwrap_or_else(|| {
            self.sets.push(keys.to_vec());
            self.sets.len() - 1
        });
        format!("exactly-one-{}", at + 1)
    }

    /// Adds to `$defs`.
    pub(super) fn define(&mut self, name: &str, schema: Json) {
        self.defs.insert(name.to_owned(), schema.into());
    }

    /// A reference to what stands once under `$defs` because it is long.
    pub(super) fn shared(&mut self, name: &str, write: impl FnOnce() -> Json) -> Json {
        let name = in_a_reference(name);
        if !self.is_defined(&name) {
            self.define(&name, write());
        }
        reference(&name)
    }

    /// The schema of an object itself.
    pub(super) fn object(&mut self, object: &'static Object, owner: Owner) -> Json {
        let takes_action = object.open && matches!(owner, Owner::Language | Owner::Node(_));
        let mut properties = Json::new();
        for field in object.fields {
            let property = self.property(field, owner);
            properties.insert(field.key.to_owned(), property.into());
        }
        if takes_action {
            for kind in self.kinds_of(object) {
                let action = self.action(&kind);
                properties.insert(kind.key.to_owned(), action.into());
            }
        }
        let required: Vec<&str> = object
            .fields
            .iter()
            .filter(|field| field.required)
            .map(|field| field.key)
            .collect();
        let mut schema = json_of([
            ("title", object.name.into()),
            ("type", "object".into()),
            ("properties", properties.into()),
        ]);
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if takes_action {
            schema.insert("allOf".to_owned(), json!([self.one_action(object)]));
        } else if let Some(one) = self.one_kind(object) {
            schema.insert("allOf".to_owned(), json!([one]));
        }
        if !object.open || takes_action {
            schema.insert("additionalProperties".to_owned(), false.into());
        }
        schema
    }

    /// The schema of a key's value, with what the key is for.
    pub(super) fn property(&mut self, field: &'static Field, owner: Owner) -> Json {
        let mut schema = self.shape(&field.shape, owner);
        let mut remark = words::remark(&field.shape);
        if owner == Owner::Language && field.key == actions::CONNECTIONS {
            remark = Some("A mapping of names to connections.".to_owned());
            schema.insert("additionalProperties".to_owned(), self.connection().into());
        }
        let mut property = described(field.doc, remark);
        let default = field.default_text();
        if let Some(default) = default.and_then(|text| shapes::default(&field.shape, text)) {
            // Below `allOf`, since the server inserts defaults whose type it sees wherever an object is inserted.
            property.insert("default".to_owned(), default);
            property.insert("allOf".to_owned(), json!([schema]));
        } else {
            property.extend(schema);
        }
        property
    }
}

/// The beginning of a schema: its description, and the same for editors that show more.
pub(super) fn described(doc: &str, remark: Option<String>) -> Json {
    let mut schema = json_of([("description", doc.into())]);
    let markdown = match remark {
        Some(remark) => format!("{doc}\n\n{remark}"),
        // A text that is not said to be Markdown is shown with its backticks.
        None if doc.contains('`') => doc.to_owned(),
        None => return schema,
    };
    schema.insert("markdownDescription".to_owned(), markdown.into());
    schema
}

/// A name in letters that mean nothing else in a reference.
fn in_a_reference(name: &str) -> String {
    let kept = name
        .chars()
        .filter(|char| " .-_".contains(*char) || char.is_ascii_alphanumeric());
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}

/// A reference into `$defs`.
pub(super) fn reference(name: &str) -> Json {
    json_of([("$ref", Value::from(format!("#/$defs/{name}")))])
}
