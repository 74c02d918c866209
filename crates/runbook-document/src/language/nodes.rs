//! What the engine itself does in place of an action.

use runbook_schema::{Field, Object, Shape};

use super::checks::{CHECK, RATED_CHECK};
use super::{INPUT_TYPES, SLUGS};

/// Something that a step can be instead of an action.
#[derive(Debug, Clone, Copy)]
pub struct NodeKind {
    /// The key.
    pub key: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// One sentence for people.
    pub doc: &'static str,
    /// The names that `capture` may use, with what they hold.
    pub result: &'static [Field],
    /// Whether a check may ask it.
    pub asks: bool,
}

/// The names that `capture` may use of a `service`.
pub static SERVICE_RESULT: &[Field] = &[
    Field::required("running", Shape::Boolean, "Whether it runs."),
    Field::required(
        "state",
        Shape::Template,
        "Its state, in the words of what runs it.",
    ),
    Field::required("replicas", Shape::COUNT, "How many instances there are to be."),
    Field::required("ready", Shape::COUNT, "How many instances are ready."),
    Field::required("lines", Shape::List(&Shape::Template), "The lines of its log."),
    Field::required("changed", Shape::Boolean, "Whether something was changed."),
    Field::optional(
        "pid",
        Shape::Any,
        "The number of its first process, where systemd runs it; null if it does not run.",
    ),
    Field::optional(
        "memory",
        Shape::Any,
        "How many bytes it has, where systemd counts them, else null.",
    ),
    Field::optional(
        "limits",
        Shape::Any,
        "Its limits in systemd: `memory` in bytes and `cpus`, null where there is none.",
    ),
];

/// All of them.
pub static NODES: &[NodeKind] = &[
    NodeKind {
        key: "service",
        shape: Shape::Object(&SERVICE),
        doc: "Looks at or changes a service, whatever runs it: systemd, docker, compose or Kubernetes, by the target's kind.",
        result: SERVICE_RESULT,
        asks: true,
    },
    NodeKind {
        key: "manual",
        shape: Shape::Object(&MANUAL),
        doc: "A person does it, and says so.",
        result: &[Field::required(
            "answers",
            Shape::Map(&Shape::Any),
            "The answers, by their names.",
        )],
        asks: false,
    },
    NodeKind {
        key: "wait",
        shape: Shape::OneOf(&[Shape::Object(&WAIT), Shape::Dynamic(&Shape::Duration)]),
        doc: "Waits for a length of time, or until checks pass.",
        result: &[],
        asks: false,
    },
    NodeKind {
        key: "notify",
        shape: Shape::Object(&NOTIFY),
        doc: "Tells people.",
        result: &[],
        asks: false,
    },
    NodeKind {
        key: "fail",
        shape: Shape::Template,
        doc: "Fails here, on purpose, with this message.",
        result: &[],
        asks: false,
    },
    NodeKind {
        key: "let",
        shape: Shape::Named(&Shape::Expression),
        doc: "Gives names to values: `steps.ID.NAME`.",
        result: &[],
        asks: false,
    },
    NodeKind {
        key: "checks",
        shape: Shape::List(&Shape::Object(&RATED_CHECK)),
        doc: "Asks several checks, shows a table, and lets the worst decide.",
        result: &[
            Field::required(
                "worst",
                Shape::Choice(&["pass", "warn", "fail", "error"]),
                "The worst verdict.",
            ),
            Field::required(
                "results",
                Shape::List(&Shape::Any),
                "Each check with its verdict and value.",
            ),
        ],
        asks: false,
    },
    NodeKind {
        key: "undo",
        shape: SLUGS,
        doc: "Undoes earlier steps as part of the procedure.",
        result: &[],
        asks: false,
    },
    NodeKind {
        key: "runbook",
        shape: Shape::Object(&SUB_RUNBOOK),
        doc: "Runs another runbook of the project; it is undone as one.",
        result: &[
            Field::required("outcome", Shape::Literal, "How it ended."),
            Field::required("outputs", Shape::Map(&Shape::Any), "Its `outputs`."),
        ],
        asks: false,
    },
    NodeKind {
        key: "uses",
        shape: Shape::Slug,
        doc: "An action outside the program, by its name; its parameters are in `with`.",
        result: &[],
        asks: true,
    },
];

/// The node of this key.
#[must_use]
pub fn node(key: &str) -> Option<&'static NodeKind> {
    NODES.iter().find(|node| node.key == key)
}

/// Whether a key names something that the engine itself does.
#[must_use]
pub fn is_node(key: &str) -> bool {
    node(key).is_some()
}

/// A use of `service`.
pub static SERVICE: Object = Object {
    name: "service",
    open: false,
    fields: &[
        Field::optional("status", Shape::Template, "The service to look at."),
        Field::optional("logs", Shape::Template, "The service whose log to read."),
        Field::optional("start", Shape::Template, "The service to start."),
        Field::optional("stop", Shape::Template, "The service to stop."),
        Field::optional("restart", Shape::Template, "The service to restart."),
        Field::optional("scale", Shape::Template, "The service to run `replicas` times."),
        Field::optional(
            "set_env",
            Shape::Template,
            "The service whose environment variables to set.",
        ),
        Field::optional(
            "set_image",
            Shape::Template,
            "The service that is to run another image.",
        ),
        Field::optional("set_limits", Shape::Template, "The service whose limits to set."),
        Field::optional(
            "replicas",
            Shape::Dynamic(&Shape::COUNT),
            "How many instances, with `scale`.",
        ),
        Field::optional(
            "env",
            Shape::Map(&Shape::Template),
            "The variables, with `set_env`.",
        ),
        Field::optional("image", Shape::Template, "The image, with `set_image`."),
        Field::optional(
            "memory",
            Shape::Template,
            "The most memory, with `set_limits`: `512Mi`.",
        ),
        Field::optional(
            "cpus",
            Shape::Template,
            "The most processors, with `set_limits`: `1.5`.",
        ),
        Field::optional(
            "lines",
            Shape::Dynamic(&Shape::POSITIVE),
            "How many lines, with `logs` (100).",
        ),
        Field::optional(
            "since",
            Shape::Dynamic(&Shape::Duration),
            "How far back, with `logs`.",
        ),
    ],
};

static MANUAL: Object = Object {
    name: "manual step",
    open: false,
    fields: &[
        Field::required("instructions", Shape::Template, "What to do."),
        Field::optional(
            "ask",
            Shape::List(&Shape::Object(&ASK)),
            "What to answer: `answers.NAME`.",
        ),
        Field::optional("by", SLUGS, "The roles of the project file that may do it."),
        Field::optional("within", Shape::Duration, "How long to wait for it."),
    ],
};

/// A question to a person.
pub static ASK: Object = Object {
    name: "question",
    open: false,
    fields: &[
        Field::required("name", Shape::Slug, "The name of the answer."),
        Field::required("type", Shape::Choice(INPUT_TYPES), "Its type."),
        Field::optional("help", Shape::Literal, "The question in words."),
        Field::optional("values", Shape::List(&Shape::Any), "The values of an `enum`."),
        Field::optional("items", Shape::Choice(INPUT_TYPES), "The type of a list's items."),
        Field::optional(
            "pattern",
            Shape::Literal,
            "A regular expression that the whole text must match.",
        ),
        Field::optional("minimum", Shape::Any, "The least value."),
        Field::optional("maximum", Shape::Any, "The greatest value."),
        Field::optional("default", Shape::Any, "The answer if none is given."),
    ],
};

static WAIT: Object = Object {
    name: "wait",
    open: false,
    fields: &[
        Field::optional("for", Shape::Dynamic(&Shape::Duration), "How long."),
        Field::optional(
            "until",
            Shape::List(&Shape::Object(&CHECK)),
            "What is waited for, in place of a length of time: all of these checks pass.",
        ),
        Field::optional(
            "within",
            Shape::Duration,
            "How long that may take, for checks of `until` that do not say.",
        ),
        Field::optional(
            "every",
            Shape::Duration,
            "How often is asked, for checks of `until` that do not say (2s).",
        ),
        Field::optional(
            "consecutive",
            Shape::POSITIVE,
            "How often in a row each must pass, for checks of `until` that do not say (1).",
        ),
        Field::optional("why", Shape::Literal, "What is waited for."),
    ],
};

static NOTIFY: Object = Object {
    name: "notification",
    open: false,
    fields: &[
        Field::required(
            "to",
            SLUGS,
            "Channels, roles or on-call lists of the project file.",
        ),
        Field::required("message", Shape::Template, "What to tell."),
    ],
};

/// A use of another runbook.
pub static SUB_RUNBOOK: Object = Object {
    name: "use of a runbook",
    open: false,
    fields: &[
        Field::required("name", Shape::Slug, "The `name` of a runbook of this project."),
        Field::optional("inputs", Shape::Map(&Shape::Any), "Its inputs."),
    ],
};
