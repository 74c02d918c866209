//! The language's own keys, as tables.
//!
//! A table says which keys a mapping may have, what each holds and what it is for. The checker, the suggestions,
//! the templates and the schemas for editors all read these. What an action accepts is not here, but in its own
//! specification; what the engine itself does in place of an action is, in [`NODES`].

mod checks;
mod nodes;
mod policy;
mod project;
mod runbook;
mod steps;

pub use self::checks::{CHECK, GUARD, RATED_CHECK};
pub use self::nodes::{ASK, NODES, NodeKind, SERVICE, SERVICE_RESULT, SUB_RUNBOOK, is_node, node};
pub use self::policy::{APPROVE, CAPTURE, ERROR_KINDS, FOR_EACH, REPEAT, RETRY, STEP_ESCALATION};
pub use self::project::{
    CHANNEL, CHANNEL_KINDS, CONFIG, DEMAND, ENVIRONMENT, ESCALATION_STEP, ON_CALL, POLICY, SEVERITY,
};
pub use self::runbook::{
    INPUT, LINK, NOTIFICATION, NOTIFY_ON, RUNBOOK, SECRET, SECRET_KINDS, TRIGGER, TRIGGER_KINDS,
};
pub use self::steps::{ALTERNATIVE, BEFORE, BRANCH, ROLLBACK, STEP, THEN, UNDO_STEP};

use runbook_schema::{Field, Shape};

/// The one format that this version reads.
pub const API_VERSION: &str = "runbook/v1";

/// The incident phases that a step may be given.
pub const PHASES: &[&str] = &["detect", "diagnose", "mitigate", "resolve", "verify", "follow-up"];

/// The types of inputs.
pub const INPUT_TYPES: &[&str] = &[
    "string", "integer", "number", "boolean", "duration", "url", "enum", "list", "map",
];

/// What something does to the world, from the least to the greatest.
pub const EFFECTS: &[&str] = &["read", "change", "destructive"];

/// The key by which a finding is waived where it arises, in every mapping that can have findings of its own.
const WAIVE: Field = Field::optional(
    "waive",
    Shape::Map(&Shape::Literal),
    "Findings that are right here all the same: the code, and the reason.",
);

/// Environment variables.
const ENV: Field = Field::optional(
    "env",
    Shape::Map(&Shape::Template),
    "Environment variables of `shell` and `exec`.",
);

/// One word, or several.
const SLUGS: Shape = Shape::OneOf(&[Shape::List(&Shape::Slug), Shape::Slug]);

/// One expression, or several that must all hold.
const CONDITIONS: Shape = Shape::OneOf(&[Shape::List(&Shape::Expression), Shape::Expression]);
