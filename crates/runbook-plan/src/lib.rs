//! A document to a plan: names, types, templates, graph and effects, checked before anything runs.
//!
//! [`compile`] is pure: no file, no clock, no environment variable, no secret. What it returns has been
//! checked once and for all: every expression parses and uses only names that have a value by then, the
//! graph has no circles, every action accepts its parameters, and the effect of each is known.
//!
//! Expressions (minijinja's grammar) and petgraph live here and nowhere else.

mod bits;
mod catalogue;
mod compile;
pub mod expression;
mod foresight;
mod graph;
mod inputs;
mod library;
mod longest;
mod plan;
pub mod schema;
mod service;
mod template;
mod trigger;

pub use catalogue::Catalogue;
pub use compile::{Request, check_everywhere, compile};
pub use expression::Expression;
pub use foresight::Foreseen;
pub use inputs::{Given, InputDecl, InputError, InputKind, Origin};
pub use library::Library;
pub use longest::Longest;
pub use plan::{
    About, Action, Approve, Asked, Before, Body, Capture, Captured, Check, Connection, ForEach, Manual,
    Notification, Notify, OnFailure, OnInterrupt, Part, Plan, Question, RatedCheck, Repeat, Retry,
    RunbookCall, Secret, SecretFrom, Section, Step, Then, Undo, UndoAction, Wait,
};
pub use runbook_document::Span;
pub use template::{RenderError, Room, Template};
pub use trigger::{Trigger, TriggerOn};
