//! The runbook itself, with what it declares.

use runbook_schema::{Field, Object, Shape};

use super::checks::{CHECK, GUARD};
use super::steps::STEP;
use super::{ENV, INPUT_TYPES, SLUGS, WAIVE};

const CHECKS: Shape = Shape::List(&Shape::Object(&CHECK));

/// A runbook.
pub static RUNBOOK: Object = Object {
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
        Field::optional(
            "links",
            Shape::List(&Shape::OneOf(&[Shape::Object(&LINK), Shape::Literal])),
            "Where to read more.",
        ),
        Field::optional(
            "triggers",
            Shape::List(&Shape::Object(&TRIGGER)),
            "What calls for it.",
        ),
        Field::optional(
            "inputs",
            Shape::Named(&Shape::Object(&INPUT)),
            "What a caller may set.",
        ),
        Field::optional(
            "vars",
            Shape::Named(&Shape::Expression),
            "Named expressions over inputs and other vars.",
        ),
        Field::optional(
            "secrets",
            Shape::Named(&Shape::Object(&SECRET)),
            "Values that are never shown.",
        ),
        Field::optional("connections", Shape::Named(&Shape::Any), "What actions talk to."),
        Field::optional("defaults", Shape::Object(&DEFAULTS), "What holds for all steps."),
        Field::optional(
            "lock",
            Shape::OneOf(&[Shape::List(&Shape::Template), Shape::Template]),
            "What a run owns while it runs: one run at a time on this.",
        ),
        Field::optional(
            "detect",
            DETECT,
            "Is it really happening? If not, nothing is touched.",
        ),
        Field::optional(
            "guards",
            Shape::List(&Shape::Object(&GUARD)),
            "What must stay true while the run changes things.",
        ),
        Field::required(
            "steps",
            Shape::List(&Shape::Object(&STEP)),
            "What to do, in order.",
        ),
        Field::optional("verify", CHECKS, "Is the incident over?"),
        Field::optional(
            "finally",
            Shape::List(&Shape::Object(&STEP)),
            "What is done at the end whatever happened, after any rollback.",
        ),
        Field::optional(
            "on_failure",
            ON_FAILURE,
            "What a failure does: `rollback` (the default) or `hold`.",
        ),
        Field::optional(
            "on_interrupt",
            ON_INTERRUPT,
            "What a signal does: `rollback` (the default), `hold`, or `ask`.",
        ),
        Field::optional(
            "outputs",
            Shape::Named(&Shape::Expression),
            "Named values that a caller receives.",
        ),
        Field::optional("escalate", Shape::Slug, "An escalation of the project file."),
        Field::optional(
            "notifications",
            Shape::List(&Shape::Object(&NOTIFICATION)),
            "Who hears of what.",
        ),
        Field::optional("report", Shape::Object(&REPORT), "What the report gets besides."),
        Field::optional(
            "timeout",
            Shape::Duration,
            "How long the run may take, without waiting and rollback.",
        ),
        Field::optional(
            "max_parallel",
            Shape::Integer {
                min: Some(1),
                max: Some(1000),
            },
            "How many steps may run side by side (8).",
        ),
        WAIVE,
    ],
};

const ON_FAILURE: Shape = Shape::Choice(&["rollback", "hold"]);
const ON_INTERRUPT: Shape = Shape::Choice(&["rollback", "hold", "ask"]);

const DETECT: Shape = Shape::OneOf(&[CHECKS, Shape::Object(&DETECT_ANY)]);

static DETECT_ANY: Object = Object {
    name: "detect",
    open: false,
    fields: &[Field::required("any", CHECKS, "One of these is enough.")],
};

/// A link.
pub static LINK: Object = Object {
    name: "link",
    open: false,
    fields: &[
        Field::required("url", Shape::Literal, "The address."),
        Field::optional("title", Shape::Literal, "What is there."),
    ],
};

/// The keys that say what kind of trigger it is.
pub const TRIGGER_KINDS: &[&str] = &["alert", "schedule", "webhook"];

/// What calls for a runbook.
pub static TRIGGER: Object = Object {
    name: "trigger",
    open: false,
    fields: &[
        Field::optional(
            "alert",
            Shape::Map(&Shape::Literal),
            "An alert with these labels.",
        ),
        Field::optional(
            "schedule",
            Shape::Literal,
            "A time, as five fields of cron: `0 9 * * *`.",
        ),
        Field::optional(
            "timezone",
            Shape::Literal,
            "The time zone of `schedule` (UTC): `Europe/Berlin`.",
        ),
        Field::optional("webhook", Shape::Slug, "A request to the server under this name."),
        Field::optional(
            "inputs",
            Shape::Map(&Shape::Expression),
            "Inputs from what arrived: `labels`, `annotations`, or `body` of a webhook.",
        ),
    ],
};

/// An input.
pub static INPUT: Object = Object {
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
        Field::optional("secret", Shape::Boolean, "Whether its value is a secret (false)."),
        WAIVE,
    ],
};

/// The keys that say where a secret comes from.
pub const SECRET_KINDS: &[&str] = &["env", "file", "command"];

/// Where a secret comes from.
pub static SECRET: Object = Object {
    name: "secret",
    open: false,
    fields: &[
        Field::optional("env", Shape::Literal, "The environment variable that holds it."),
        Field::optional(
            "file",
            Shape::Literal,
            "The file that holds it, without its last line break.",
        ),
        Field::optional(
            "command",
            Shape::List(&Shape::Literal),
            "The program that prints it, with its arguments.",
        ),
        WAIVE,
    ],
};

static DEFAULTS: Object = Object {
    name: "defaults",
    open: false,
    fields: &[
        ENV,
        Field::optional("timeout", Shape::Duration, "How long an attempt may take (1m)."),
        Field::optional(
            "target",
            Shape::Map(&Shape::Slug),
            "The connection for each kind of action.",
        ),
    ],
};

/// What a notification can be about: the run's course, and its outcomes.
pub const NOTIFY_ON: &[&str] = &[
    "started",
    "waiting",
    "ended",
    "resolved",
    "not_needed",
    "failed",
    "rolled_back",
    "rollback_failed",
    "rejected",
    "unknown",
    "cleanup_failed",
    "interrupted",
];

/// Who hears of what.
pub static NOTIFICATION: Object = Object {
    name: "notification",
    open: false,
    fields: &[
        Field::required("on", Shape::List(&Shape::Choice(NOTIFY_ON)), "When."),
        Field::required(
            "to",
            SLUGS,
            "Channels, roles or on-call lists of the project file.",
        ),
        Field::optional(
            "message",
            Shape::Template,
            "What to tell; what happened unless given.",
        ),
    ],
};

static REPORT: Object = Object {
    name: "report",
    open: false,
    fields: &[Field::required(
        "sections",
        Shape::List(&Shape::Object(&SECTION)),
        "Sections to add.",
    )],
};

pub(super) static SECTION: Object = Object {
    name: "section",
    open: false,
    fields: &[
        Field::required("title", Shape::Literal, "Its heading."),
        Field::required("text", Shape::Template, "Its text, as Markdown."),
    ],
};
