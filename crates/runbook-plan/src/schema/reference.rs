//! The reference of the language as a page in Markdown, from the same tables as the schemas.

use std::fmt::Write as _;

use runbook_action::{ConnectionNeed, ConnectionSpec, Via};
use runbook_document::language::{CONFIG, RUNBOOK, STEP};
use runbook_schema::{Field, Object, Shape};

use super::actions::{self, ActionKind};
use super::{cells, words};
use crate::Catalogue;

/// How the page begins, down to its first table of keys.
const HEAD: &str = include_str!("reference.txt");

/// The parts of the page, in order.
const PARTS: &[&str] = &["Runbooks", "Actions", "Connections", "The project file"];
const RUNBOOKS: usize = 0;
const ACTIONS: usize = 1;
const CONNECTIONS: usize = 2;
const PROJECT: usize = 3;

/// The page: every key of every table, and every action with its parameters and results.
#[must_use]
pub fn reference(catalogue: &Catalogue) -> String {
    let mut page = Page::default();
    page.tables_from(&RUNBOOK, RUNBOOKS);
    for kind in actions::kinds(catalogue) {
        page.action(kind);
    }
    for spec in catalogue.connections() {
        page.connection(spec);
    }
    page.tables_from(&CONFIG, PROJECT);
    page.written(catalogue)
}

/// What a section tells of.
#[derive(Clone, Copy)]
enum Subject {
    /// A mapping of the language, or within the parameters of something.
    Table(&'static Object),
    /// A mapping within a result.
    Answer(&'static Object),
    /// An action.
    Action(ActionKind),
    /// A kind of connection.
    Connection(&'static ConnectionSpec),
}

struct Section {
    part: usize,
    /// The action or the kind of connection that it belongs to.
    of: &'static str,
    title: String,
    subject: Subject,
    /// Where it stands: the section and the key.
    stands: Vec<(usize, &'static str)>,
}

/// Where a key stands.
#[derive(Clone, Copy)]
struct Place {
    /// The section.
    section: usize,
    /// The key.
    key: &'static str,
    /// Whether it is part of a result.
    answers: bool,
}

/// The sections that there are.
#[derive(Default)]
struct Page {
    sections: Vec<Section>,
}

impl Page {
    fn add(&mut self, part: usize, of: &'static str, title: String, subject: Subject) -> usize {
        self.sections.push(Section {
            part,
            of,
            title,
            subject,
            stands: Vec::new(),
        });
        self.sections.len() - 1
    }

    /// The section of an object, if it has one.
    fn of_object(&self, object: &Object) -> Option<usize> {
        self.sections.iter().position(|section| match section.subject {
            Subject::Table(known) | Subject::Answer(known) => known == object,
            Subject::Action(kind) => direct(kind.shape) == Some(object),
            Subject::Connection(_) => false,
        })
    }

    /// A document and what stands in it, by how far down it stands.
    fn tables_from(&mut self, root: &'static Object, part: usize) {
        let first = self.add(part, "", cells::capital(root.name), Subject::Table(root));
        self.rest(first);
    }

    /// An action, and what its parameters and its result hold.
    fn action(&mut self, kind: ActionKind) {
        let title = format!("Action `{}`", kind.key);
        let section = self.add(ACTIONS, kind.key, title, Subject::Action(kind));
        if let Some(object) = direct(kind.shape) {
            self.below(section, object.fields, false);
        } else {
            let place = Place {
                section,
                key: kind.key,
                answers: false,
            };
            self.shape(place, kind.shape);
        }
        self.below(section, kind.result, true);
        self.rest(section + 1);
    }

    fn connection(&mut self, spec: &'static ConnectionSpec) {
        let title = format!("Connection `{}`", spec.kind);
        let section = self.add(CONNECTIONS, spec.kind, title, Subject::Connection(spec));
        self.below(section, spec.shape.fields, false);
        self.rest(section + 1);
    }

    /// What stands in the sections from here on, until there are no more.
    fn rest(&mut self, from: usize) {
        let mut at = from;
        while let Some(section) = self.sections.get(at) {
            match section.subject {
                Subject::Table(object) => self.below(at, object.fields, false),
                Subject::Answer(object) => self.below(at, object.fields, true),
                Subject::Action(_) | Subject::Connection(_) => {}
            }
            at += 1;
        }
    }

    fn below(&mut self, section: usize, fields: &'static [Field], answers: bool) {
        let like_a_step = self.sections.get(section).is_some_and(is_like_a_step);
        for field in fields {
            if !(like_a_step && is_of_a_step(field)) {
                let key = field.key;
                self.shape(
                    Place {
                        section,
                        key,
                        answers,
                    },
                    &field.shape,
                );
            }
        }
    }

    fn shape(&mut self, place: Place, shape: &'static Shape) {
        match shape {
            Shape::List(inner) | Shape::Map(inner) | Shape::Named(inner) | Shape::Dynamic(inner) => {
                self.shape(place, inner);
            }
            Shape::OneOf(ways) => ways.iter().for_each(|way| self.shape(place, way)),
            Shape::Object(object) => self.object(place, object),
            Shape::Template
            | Shape::Literal
            | Shape::Quoted(_)
            | Shape::Expression
            | Shape::Slug
            | Shape::Version
            | Shape::Integer { .. }
            | Shape::Number { .. }
            | Shape::Boolean
            | Shape::Duration
            | Shape::Choice(_)
            | Shape::Any => {}
        }
    }

    /// A mapping gets a section, unless it has one, which notes that it stands here too.
    fn object(&mut self, place: Place, object: &'static Object) {
        let Some(parent) = self.sections.get(place.section) else {
            return;
        };
        let (part, of) = (parent.part, parent.of);
        let known = self.of_object(object);
        let section = known.unwrap_or_else(|| {
            let title = self.title(place.section, object, of);
            let subject = if place.answers {
                Subject::Answer(object)
            } else {
                Subject::Table(object)
            };
            self.add(part, of, title, subject)
        });
        let here = (place.section, place.key);
        if let Some(section) = self.sections.get_mut(section)
            && !section.stands.contains(&here)
        {
            section.stands.push(here);
        }
    }

    /// A heading that no other section has.
    fn title(&self, parent: usize, object: &Object, of: &str) -> String {
        let name = cells::capital(object.name);
        let is_taken = |title: &str| self.sections.iter().any(|section| section.title == title);
        if of.is_empty() && !is_taken(&name) {
            return name;
        }
        let within = self
            .sections
            .get(parent)
            .map_or("", |section| section.title.as_str());
        let within = if of.is_empty() {
            within.to_lowercase()
        } else {
            format!("`{of}`")
        };
        let title = format!("{name} of {within}");
        let again = (2..).map(|count| format!("{title}, {count}"));
        std::iter::once(title.clone())
            .chain(again)
            .find(|title| !is_taken(title))
            .unwrap_or(title)
    }

    fn written(&self, catalogue: &Catalogue) -> String {
        let mut text = HEAD.to_owned();
        for (part, name) in PARTS.iter().enumerate() {
            let _ = write!(text, "\n## {name}\n");
            for section in self.sections.iter().filter(|section| section.part == part) {
                self.section(&mut text, section, catalogue);
            }
        }
        text
    }

    fn section(&self, text: &mut String, section: &Section, catalogue: &Catalogue) {
        let _ = write!(text, "\n### {}\n", section.title);
        if let Some(stands) = self.stands(section) {
            let _ = write!(text, "\n{stands}\n");
        }
        match section.subject {
            Subject::Table(object) => self.table(text, object),
            Subject::Answer(object) => self.rows(text, "result", object.fields),
            Subject::Action(kind) => self.of_action(text, &kind, catalogue),
            Subject::Connection(spec) => {
                let _ = write!(text, "\n{}\n", spec.doc);
                self.rows(text, "key", spec.shape.fields);
                let _ = write!(text, "\n{}\n", via(spec.via));
            }
        }
    }

    /// The keys of a mapping of the language, or of a parameter.
    fn table(&self, text: &mut String, object: &'static Object) {
        let own: Vec<&Field> = if is_steplike(object) {
            let _ = write!(
                text,
                "\nIt has the keys of a [step](#step), and these of its own:\n"
            );
            object
                .fields
                .iter()
                .filter(|field| !is_of_a_step(field))
                .collect()
        } else {
            object.fields.iter().collect()
        };
        self.rows(text, "key", own);
        if object.open {
            let instead = if object.field("choose").is_some() {
                ", or `steps`, `choose` or `first_of` in its place"
            } else {
                ""
            };
            let _ = write!(text, "\nAnd exactly one [action](#actions){instead}.\n");
        }
        if let Some(kinds) = actions::kinds_of_object(object) {
            let _ = write!(text, "\nExactly one of {} must be there.\n", cells::words(kinds));
        }
    }

    fn of_action(&self, text: &mut String, kind: &ActionKind, catalogue: &Catalogue) {
        let _ = write!(text, "\n{}", kind.doc);
        if kind.only_in_steps {
            text.push_str(" Only a step can have it.");
        }
        if let Some(known) = catalogue.kind(kind.key) {
            text.push_str(&through(known.spec().connection));
        }
        text.push('\n');
        let link = |object: &Object| self.link(object);
        if let Some(object) = direct(kind.shape) {
            if let Some(short) = cells::short_form(kind.shape, &link) {
                let _ = write!(text, "\nHolds: {short}, or a mapping:\n");
            }
            self.rows(text, "key", object.fields);
        } else {
            let _ = write!(text, "\nHolds: {}.\n", cells::holds(kind.shape, &link));
        }
        if !kind.result.is_empty() {
            self.rows(text, "result", kind.result);
        }
    }

    /// A table, with a column for defaults where keys are the author's.
    fn rows(&self, text: &mut String, first: &str, fields: impl IntoIterator<Item = &'static Field>) {
        let answers = first == "result";
        text.push_str(if answers {
            "\n| result | holds | what it is |\n| --- | --- | --- |\n"
        } else {
            "\n| key | holds | default | what it is |\n| --- | --- | --- | --- |\n"
        });
        let link = |object: &Object| self.link(object);
        for field in fields {
            let (default, sentence) = cells::default_and_sentence(field);
            let holds = if field.key == actions::CONNECTIONS && matches!(field.shape, Shape::Named(_)) {
                "mapping of [connections](#connections)".to_owned()
            } else {
                cells::holds(&field.shape, &link)
            };
            let row = if answers {
                format!(
                    "| `{}` | {} | {sentence} |",
                    field.key,
                    holds.replace("template", "text")
                )
            } else {
                format!("| `{}` | {holds} | {default} | {sentence} |", field.key)
            };
            text.push_str(&row);
            text.push('\n');
        }
    }

    /// Where a mapping stands.
    fn stands(&self, section: &Section) -> Option<String> {
        let mut places: Vec<(Vec<&str>, Vec<usize>)> = Vec::new();
        let mut parents: Vec<usize> = section.stands.iter().map(|(parent, _)| *parent).collect();
        parents.dedup();
        for parent in parents {
            let here = section.stands.iter().filter(|(known, _)| *known == parent);
            let keys: Vec<&str> = here.map(|(_, key)| *key).collect();
            match places.iter_mut().find(|(known, _)| *known == keys) {
                Some((_, parents)) => parents.push(parent),
                None => places.push((keys, vec![parent])),
            }
        }
        let places: Vec<String> = places
            .iter()
            .map(|(keys, parents)| self.place(keys, parents))
            .collect();
        (!places.is_empty()).then(|| format!("Stands in {}.", places.join("; in ")))
    }

    /// Keys, and whose they are.
    fn place(&self, keys: &[&str], parents: &[usize]) -> String {
        let parents = parents.iter().filter_map(|parent| self.sections.get(*parent));
        let whose: Vec<String> = parents
            .map(|parent| {
                let title = parent.title.as_str();
                let name = if title.starts_with('`') {
                    title.to_owned()
                } else {
                    title.to_lowercase()
                };
                let link = format!("[{name}](#{})", cells::anchor(title));
                match parent.subject {
                    Subject::Table(object) if *object == RUNBOOK || *object == CONFIG => {
                        format!("the {link}")
                    }
                    Subject::Action(_) => format!("the {link}"),
                    Subject::Table(_) | Subject::Answer(_) | Subject::Connection(_)
                        if title.starts_with('`') =>
                    {
                        link
                    }
                    Subject::Table(_) | Subject::Answer(_) | Subject::Connection(_) => {
                        words::a(&name).replacen(&name, &link, 1)
                    }
                }
            })
            .collect();
        format!("{} of {}", cells::words(keys), whose.join(", "))
    }

    /// The anchor of an object's section.
    fn link(&self, object: &Object) -> Option<String> {
        let section = self.sections.get(self.of_object(object)?)?;
        Some(cells::anchor(&section.title))
    }
}

/// The mapping that an action's key itself may hold.
fn direct(shape: &'static Shape) -> Option<&'static Object> {
    if let Shape::Object(object) = shape {
        return Some(object);
    }
    let Shape::OneOf(ways) = shape else { return None };
    ways.iter().find_map(direct)
}

/// Whether a mapping has the keys of a step and some of its own.
fn is_steplike(object: &Object) -> bool {
    *object != STEP && STEP.fields.iter().all(|field| object.field(field.key).is_some())
}

fn is_like_a_step(section: &Section) -> bool {
    matches!(section.subject, Subject::Table(object) if is_steplike(object))
}

/// Whether a key is just as it is of a step.
fn is_of_a_step(field: &Field) -> bool {
    STEP.field(field.key) == Some(field)
}

/// What an action talks through, as a sentence.
fn through(need: ConnectionNeed) -> String {
    let kinds = kinds(need.kinds());
    match need {
        ConnectionNeed::None => String::new(),
        ConnectionNeed::Named(_) => format!(" A `target` of kind {kinds} says where."),
        ConnectionNeed::Optional(_) => {
            format!(
                " It goes through the `target`, or the only connection, of kind {kinds}, if there is one."
            )
        }
        ConnectionNeed::Required(_) => {
            format!(" It goes through the `target`, or the only connection, of kind {kinds}.")
        }
    }
}

/// What a connection goes through, as a sentence.
fn via(via: Via) -> String {
    match via {
        Via::Never => "It goes through no other connection.".to_owned(),
        Via::Named(through) => format!("With `via` it goes through one of kind {}.", kinds(through)),
        Via::Required(through) => format!(
            "It goes through one of kind {}: the only one, or the one that `via` names.",
            kinds(through)
        ),
    }
}

fn kinds(kinds: &[&str]) -> String {
    let kinds: Vec<String> = kinds
        .iter()
        .map(|kind| format!("[`{kind}`](#connection-{kind})"))
        .collect();
    match kinds.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => kinds.concat(),
    }
}
