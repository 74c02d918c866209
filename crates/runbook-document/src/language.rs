//! The language's own keys, as tables.
//!
//! An action's parameters are not here: they are in its own specification.

use runbook_schema::{Field, Object, Shape};

/// The one format that this version reads.
pub const API_VERSION: &str = "runbook/v1";

/// The incident phases that a step may be given.
pub const PHASES: &[&str] = &["detect", "diagnose", "mitigate", "resolve", "verify", "follow-up"];

/// The types of inputs.
pub const INPUT_TYPES: &[&str] = &[
    "string", "integer", "number", "boolean", "duration", "url", "enum", "list", "map",
];

/// A runbook.
pub const RUNBOOK: Object = Object {
    name: "runbook",
    open: false,
    fields: &[
        Field::required("apiVersion", Shape::Literal, "The format: `runbook/v1`."),
        Field::required("name", Shape::Slug, "A short name, unique in the project."),
        Field::required("version", Shape::Version, "The version of this runbook."),
        Field::required("title", Shape::Literal, "What it is for, in a few words."),
        Field::optional("summary", Shape::Literal, "What it does, in a sentence or two."),
        Field::optional(
            "severity",
            Shape::Literal,
            "A key of `severities` in the project file.",
        ),
        Field::optional("owner", Shape::Literal, "Who keeps it true."),
        Field::optional("labels", Shape::Map(&Shape::Literal), "Words to find it by."),
        Field::optional("links", Shape::List(&Shape::Literal), "Where to read more."),
        Field::optional(
            "inputs",
            Shape::Map(&Shape::Object(&INPUT)),
            "What a caller may set.",
        ),
        Field::optional(
            "vars",
            Shape::Map(&Shape::Expression),
            "Named expressions over inputs and earlier vars.",
        ),
        Field::optional(
            "secrets",
            Shape::Map(&Shape::Object(&SECRET)),
            "Values that are never shown.",
        ),
        Field::optional("connections", Shape::Map(&Shape::Any), "What actions talk to."),
        Field::optional("defaults", Shape::Object(&DEFAULTS), "What holds for all steps."),
        Field::optional(
            "detect",
            DETECT,
            "Is it really happening? If not, nothing is touched.",
        ),
        Field::required(
            "steps",
            Shape::List(&Shape::Object(&STEP)),
            "What to do, in order.",
        ),
        Field::optional(
            "verify",
            Shape::List(&Shape::Object(&CHECK)),
            "Is the incident over?",
        ),
        Field::optional(
            "finally",
            Shape::List(&Shape::Object(&STEP)),
            "What is done at the end whatever happened, after any rollback.",
        ),
        Field::optional(
            "on_failure",
            POLICY,
            "What a failure does: `rollback` (the default) or `hold`.",
        ),
        Field::optional(
            "on_interrupt",
            POLICY,
            "What a signal does: `rollback` (the default) or `hold`.",
        ),
        Field::optional(
            "max_parallel",
            Shape::POSITIVE,
            "How many steps may run side by side (8).",
        ),
    ],
};

const POLICY: Shape = Shape::Choice(&["rollback", "hold"]);

const DETECT: Shape = Shape::OneOf(&[Shape::List(&Shape::Object(&CHECK)), Shape::Object(&DETECT_ANY)]);

const DETECT_ANY: Object = Object {
    name: "detect",
    open: false,
    fields: &[Field::required(
        "any",
        Shape::List(&Shape::Object(&CHECK)),
        "One of these is enough.",
    )],
};

/// An input.
pub const INPUT: Object = Object {
    name: "input",
    open: false,
    fields: &[
        Field::required("type", Shape::Choice(INPUT_TYPES), "Its type."),
        Field::optional(
            "default",
            Shape::Any,
            "The value if none is given. Without it, one must be given.",
        ),
        Field::optional("help", Shape::Literal, "What it is for."),
        Field::optional("minimum", Shape::Any, "The least value."),
        Field::optional("maximum", Shape::Any, "The greatest value."),
        Field::optional(
            "pattern",
            Shape::Literal,
            "A regular expression that the whole text must match.",
        ),
        Field::optional("values", Shape::List(&Shape::Any), "The values of an `enum`."),
        Field::optional("items", Shape::Choice(INPUT_TYPES), "The type of a list's items."),
    ],
};

const SECRET: Object = Object {
    name: "secret",
    open: false,
    fields: &[Field::required(
        "env",
        Shape::Literal,
        "The environment variable that holds it.",
    )],
};

const DEFAULTS: Object = Object {
    name: "defaults",
    open: false,
    fields: &[
        Field::optional(
            "env",
            Shape::Map(&Shape::Template),
            "Environment variables of `shell` and `exec`.",
        ),
        Field::optional("timeout", Shape::Duration, "How long an attempt may take (1m)."),
        Field::optional(
            "target",
            Shape::Map(&Shape::Slug),
            "The connection for each kind of action.",
        ),
    ],
};

/// A step. Its further key is its action.
pub const STEP: Object = Object {
    name: "step",
    open: true,
    fields: &[
        Field::required("id", Shape::Slug, "A short name, unique in the runbook."),
        Field::optional("title", Shape::Literal, "What it does, in a few words."),
        Field::optional("description", Shape::Literal, "Why, and what to know."),
        Field::optional(
            "phase",
            Shape::Choice(PHASES),
            "The incident phase that it belongs to.",
        ),
        Field::optional(
            "needs",
            Shape::List(&Shape::Slug),
            "The steps that it waits for. Without it: all above. `[]`: none.",
        ),
        Field::optional("when", Shape::Expression, "It is skipped unless this holds."),
        Field::optional(
            "target",
            Shape::Slug,
            "The connection that its action goes through.",
        ),
        Field::optional(
            "effect",
            Shape::Choice(&["read", "change", "destructive"]),
            "What it does to the world.",
        ),
        Field::optional(
            "before",
            Shape::Object(&BEFORE),
            "A read before the action, kept for the undo.",
        ),
        Field::optional(
            "rollback",
            Shape::OneOf(&[Shape::Literal, Shape::Object(&ROLLBACK), Shape::List(&Shape::Any)]),
            "An action that undoes it, or `not_needed`.",
        ),
        Field::optional("irreversible", Shape::Literal, "What is lost for good."),
        Field::optional(
            "require",
            Shape::List(&Shape::Object(&CHECK)),
            "What must hold before.",
        ),
        Field::optional(
            "verify",
            Shape::List(&Shape::Object(&CHECK)),
            "What proves that it worked.",
        ),
        Field::optional(
            "approve",
            Shape::OneOf(&[Shape::Boolean, Shape::Object(&APPROVE)]),
            "A person says yes first.",
        ),
        Field::optional(
            "capture",
            Shape::Map(&Shape::Expression),
            "Names for values of the result.",
        ),
        Field::optional(
            "idempotent",
            Shape::Boolean,
            "Whether it is harmless to run twice.",
        ),
        Field::optional("timeout", Shape::Duration, "How long an attempt may take."),
        Field::optional(
            "on_failure",
            Shape::Choice(&["rollback", "hold", "continue"]),
            "What its failure does. `continue`: it is noted, and the run goes on.",
        ),
        Field::optional(
            "env",
            Shape::Map(&Shape::Template),
            "Environment variables of `shell` and `exec`.",
        ),
    ],
};

const APPROVE: Object = Object {
    name: "approval",
    open: false,
    fields: &[
        Field::optional("message", Shape::Template, "The question."),
        Field::optional("within", Shape::Duration, "How long to wait for an answer."),
    ],
};

/// What `before` may have beside its action.
pub const BEFORE: Object = Object {
    name: "before",
    open: true,
    fields: &[
        Field::optional("target", Shape::Slug, "The connection that it goes through."),
        Field::optional(
            "env",
            Shape::Map(&Shape::Template),
            "Environment variables of `shell` and `exec`.",
        ),
        Field::required(
            "capture",
            Shape::Map(&Shape::Expression),
            "Names for values of the result.",
        ),
    ],
};

/// What a rollback may have beside its action.
pub const ROLLBACK: Object = Object {
    name: "rollback",
    open: true,
    fields: &[
        Field::optional(
            "target",
            Shape::Slug,
            "The connection that it goes through; else the step's.",
        ),
        Field::optional(
            "timeout",
            Shape::Duration,
            "How long it may take; else the step's.",
        ),
        Field::optional(
            "env",
            Shape::Map(&Shape::Template),
            "Environment variables; else the step's.",
        ),
    ],
};

/// A check. Its further key is its action.
pub const CHECK: Object = Object {
    name: "check",
    open: true,
    fields: &[
        Field::optional("id", Shape::Slug, "A short name."),
        Field::optional("title", Shape::Literal, "What it asks, in a few words."),
        Field::optional("target", Shape::Slug, "The connection that it goes through."),
        Field::optional(
            "expect",
            Shape::OneOf(&[Shape::Expression, Shape::List(&Shape::Expression)]),
            "What must hold. Without it: that the action succeeds.",
        ),
        Field::optional(
            "value",
            Shape::Expression,
            "The number to draw; `value` in `expect`.",
        ),
        Field::optional("every", Shape::Duration, "The time between readings (2s)."),
        Field::optional("within", Shape::Duration, "How long it may take until it passes."),
        Field::optional(
            "consecutive",
            Shape::POSITIVE,
            "How many readings in a row must pass (1).",
        ),
        Field::optional(
            "baseline",
            Shape::Boolean,
            "Whether a final check is also read before the first step.",
        ),
        Field::optional("timeout", Shape::Duration, "How long one reading may take."),
        Field::optional(
            "capture",
            Shape::Map(&Shape::Expression),
            "Names for values of the result.",
        ),
    ],
};

/// The project file.
pub const CONFIG: Object = Object {
    name: "project file",
    open: false,
    fields: &[
        Field::optional(
            "default_environment",
            Shape::Slug,
            "The environment of a run for which none is named.",
        ),
        Field::optional(
            "environments",
            Shape::Map(&Shape::Object(&ENVIRONMENT)),
            "Where runbooks run.",
        ),
        Field::optional(
            "state",
            Shape::Literal,
            "The folder for runs (`.runbook`), relative to the project's root.",
        ),
    ],
};

/// An environment.
pub const ENVIRONMENT: Object = Object {
    name: "environment",
    open: false,
    fields: &[
        Field::optional("help", Shape::Literal, "What it is."),
        Field::optional(
            "connections",
            Shape::Map(&Shape::Any),
            "Connections that replace the runbook's.",
        ),
        Field::optional(
            "inputs",
            Shape::Map(&Shape::Any),
            "Inputs that replace the runbook's defaults.",
        ),
        Field::optional(
            "secrets",
            Shape::Map(&Shape::Object(&SECRET)),
            "Secrets that replace the runbook's.",
        ),
        Field::optional(
            "lab",
            Shape::Slug,
            "The practice system to start; its addresses are `lab.url`, `lab.database`.",
        ),
    ],
};

/// Keys that are part of the language and that this version cannot run yet, by the name of their object.
pub const LATER: &[(&str, &[&str])] = &[
    (
        "runbook",
        &[
            "triggers",
            "lock",
            "guards",
            "outputs",
            "escalate",
            "notifications",
            "report",
            "timeout",
        ],
    ),
    (
        "step",
        &[
            "then",
            "save",
            "verify_decides",
            "retry",
            "may_fail",
            "escalate",
            "for_each",
            "choose",
            "first_of",
            "repeat",
            "steps",
            "uses",
            "with",
            "uses_connections",
        ],
    ),
    ("check", &["each", "warn", "fail"]),
    (
        "approval",
        &["by", "count", "on_timeout", "on_reject", "remind", "separate"],
    ),
    ("rollback", &["steps", "retry", "verify"]),
    ("input", &["secret"]),
    ("secret", &["file", "command"]),
    (
        "project file",
        &[
            "severities",
            "escalations",
            "channels",
            "on_call",
            "roles",
            "policy",
            "report",
        ],
    ),
    ("environment", &["policy"]),
];

/// Actions that are part of the language and that this version cannot run yet.
pub const LATER_ACTIONS: &[&str] = &[
    "promql", "file", "k8s", "docker", "compose", "service", "manual", "wait", "notify", "fail", "let",
    "checks", "undo", "runbook",
];

/// Whether a key of an object is part of the language and cannot be run yet.
#[must_use]
pub fn is_later(object: &str, key: &str) -> bool {
    LATER
        .iter()
        .any(|(name, keys)| *name == object && keys.contains(&key))
}
