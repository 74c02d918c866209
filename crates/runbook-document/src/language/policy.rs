//! How a step is approved, repeated, retried, and what of its result is kept.

use runbook_schema::{Field, Object, Shape};

use super::{SLUGS, WAIVE};

/// An approval.
pub static APPROVE: Object = Object {
    name: "approval",
    open: false,
    fields: &[
        Field::optional("message", Shape::Template, "The question."),
        Field::optional("by", SLUGS, "The roles of the project file that may answer."),
        Field::optional("count", Shape::POSITIVE, "How many people must say yes (1)."),
        Field::optional("within", Shape::Duration, "How long to wait for an answer."),
        Field::optional(
            "on_timeout",
            Shape::Choice(&["fail", "skip"]),
            "What happens without an answer in time: the step fails (the default) or is skipped.",
        ),
        Field::optional(
            "on_reject",
            Shape::Choice(&["fail", "skip"]),
            "What happens after a no: the step fails (the default) or is skipped.",
        ),
        Field::optional("remind", Shape::Duration, "The time between reminders."),
        Field::optional(
            "separate",
            Shape::Boolean,
            "Whether whoever started the run may not answer (false).",
        ),
    ],
};

/// Names for values of a result.
pub(super) const CAPTURES: Shape = Shape::Named(&Shape::OneOf(&[Shape::Object(&CAPTURE), Shape::Expression]));

/// A captured value that is a secret.
pub static CAPTURE: Object = Object {
    name: "capture",
    open: false,
    fields: &[
        Field::required("value", Shape::Expression, "The value."),
        Field::optional(
            "secret",
            Shape::Boolean,
            "Whether it is a secret from then on (false).",
        ),
        WAIVE,
    ],
};

/// Retries.
pub static RETRY: Object = Object {
    name: "retry",
    open: false,
    fields: &[
        Field::required(
            "attempts",
            Shape::Integer {
                min: Some(2),
                max: Some(100),
            },
            "How many attempts there are in all.",
        ),
        Field::optional(
            "delay",
            Shape::Duration,
            "The time before the second attempt (1s).",
        ),
        Field::optional(
            "backoff",
            Shape::Number {
                min: Some(1),
                max: Some(10),
            },
            "By what the delay is multiplied after each attempt (2).",
        ),
        Field::optional("max_delay", Shape::Duration, "The longest delay (1m)."),
        Field::optional(
            "jitter",
            Shape::Number {
                min: Some(0),
                max: Some(1),
            },
            "Which share of the delay is random (0.2).",
        ),
        Field::optional(
            "on",
            Shape::List(&Shape::Choice(ERROR_KINDS)),
            "The kinds of errors that are worth another attempt; all unless given.",
        ),
    ],
};

/// The kinds of errors, as `error.kind` and `retry.on` name them.
pub const ERROR_KINDS: &[&str] = &[
    "refused",
    "unreachable",
    "timeout",
    "dns",
    "tls",
    "auth",
    "missing_program",
    "protocol",
    "not_found",
    "forbidden",
    "conflict",
    "cancelled",
    "other",
];

/// Who hears of a step that takes too long.
pub static STEP_ESCALATION: Object = Object {
    name: "escalation",
    open: false,
    fields: &[
        Field::required("after", Shape::Duration, "If the step is still not done by then."),
        Field::required(
            "to",
            SLUGS,
            "Roles, on-call lists or channels of the project file.",
        ),
    ],
};

/// The same steps for each item of a list.
pub static FOR_EACH: Object = Object {
    name: "loop",
    open: false,
    fields: &[
        Field::required("item", Shape::Slug, "The name of the item in the steps."),
        Field::required("in", Shape::Expression, "The list."),
        Field::optional(
            "batch",
            Shape::POSITIVE,
            "How many items are worked on side by side (1).",
        ),
        Field::optional(
            "max_failures",
            Shape::COUNT,
            "How many items may fail before the whole has failed (0).",
        ),
    ],
};

/// The same steps until something holds.
pub static REPEAT: Object = Object {
    name: "repetition",
    open: false,
    fields: &[
        Field::required("until", Shape::Expression, "It ends when this holds."),
        Field::required(
            "at_most",
            Shape::POSITIVE,
            "It has failed if that needs more rounds than this.",
        ),
        Field::optional(
            "every",
            Shape::Duration,
            "The time from one round to the next (2s).",
        ),
    ],
};
