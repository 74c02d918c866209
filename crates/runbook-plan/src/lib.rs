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
mod graph;
mod inputs;
mod plan;
pub mod schema;
mod template;

pub use catalogue::Catalogue;
pub use compile::{Request, compile};
pub use inputs::{Given, InputDecl, InputError, InputKind, Origin};
pub use plan::{
    About, Action, Approve, Before, Capture, Check, Connection, OnFailure, Plan, Section, Step, Undo,
};
pub use template::{RenderError, Template};
