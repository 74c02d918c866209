//! The project file.

use runbook_schema::{Field, Object, Shape};

use super::runbook::SECRET;
use super::{SLUGS, WAIVE};

/// The project file.
pub static CONFIG: Object = Object {
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
            "severities",
            Shape::Map(&Shape::Object(&SEVERITY)),
            "How bad an incident can be, and what is promised then.",
        ),
        Field::optional(
            "escalations",
            Shape::Map(&Shape::List(&Shape::Object(&ESCALATION_STEP))),
            "Who hears of an incident, one after the other.",
        ),
        Field::optional(
            "channels",
            Shape::Map(&Shape::Object(&CHANNEL)),
            "Where messages go.",
        ),
        Field::optional("on_call", Shape::Map(&Shape::Object(&ON_CALL)), "Who is on call."),
        Field::optional(
            "roles",
            Shape::Map(&Shape::List(&Shape::Literal)),
            "Who may approve what: users by role.",
        ),
        Field::optional(
            "policy",
            Shape::Object(&POLICY),
            "What this project demands of its runbooks.",
        ),
        Field::optional("report", Shape::Object(&REPORTING), "How reports are made."),
        Field::optional(
            "seal",
            Shape::Object(&SEAL),
            "What vouches for the journals of runs, and where.",
        ),
        Field::optional(
            "state",
            Shape::Literal,
            "The folder for runs (`.runbook`), relative to the project's root.",
        ),
    ],
};

/// An environment.
pub static ENVIRONMENT: Object = Object {
    name: "environment",
    open: false,
    fields: &[
        Field::optional("help", Shape::Literal, "What it is."),
        Field::optional(
            "connections",
            Shape::Named(&Shape::Any),
            "Connections that replace the runbook's.",
        ),
        Field::optional(
            "inputs",
            Shape::Named(&Shape::Any),
            "Inputs that replace the runbook's defaults.",
        ),
        Field::optional(
            "secrets",
            Shape::Named(&Shape::Object(&SECRET)),
            "Secrets that replace the runbook's.",
        ),
        Field::optional(
            "policy",
            Shape::Object(&POLICY),
            "What this environment demands besides.",
        ),
        Field::optional(
            "lab",
            Shape::Slug,
            "The practice system to start; its addresses are `lab.url`, `lab.database`.",
        ),
        WAIVE,
    ],
};

/// A severity.
pub static SEVERITY: Object = Object {
    name: "severity",
    open: false,
    fields: &[
        Field::optional("title", Shape::Literal, "What it means."),
        Field::optional(
            "respond_within",
            Shape::Duration,
            "How soon somebody is at work on it.",
        ),
        Field::optional("resolve_within", Shape::Duration, "How soon it is over."),
        Field::optional("escalation", Shape::Slug, "The escalation that it starts."),
    ],
};

/// One step of an escalation.
pub static ESCALATION_STEP: Object = Object {
    name: "escalation step",
    open: false,
    fields: &[
        Field::required("after", Shape::Duration, "How long after the beginning."),
        Field::required("to", SLUGS, "Channels, roles or on-call lists."),
        Field::optional("message", Shape::Literal, "What to tell."),
        Field::optional(
            "until",
            Shape::Choice(&["acknowledged", "resolved"]),
            "What makes it unnecessary (`resolved`).",
        ),
    ],
};

/// The keys that say what kind of channel it is.
pub const CHANNEL_KINDS: &[&str] = &["slack", "teams", "webhook", "email", "pagerduty", "command"];

/// Where messages go.
pub static CHANNEL: Object = Object {
    name: "channel",
    open: false,
    fields: &[
        Field::optional(
            "slack",
            Shape::Template,
            "The URL of an incoming webhook of Slack.",
        ),
        Field::optional(
            "teams",
            Shape::Template,
            "The URL of an incoming webhook of Teams.",
        ),
        Field::optional("webhook", Shape::Template, "A URL that gets the message as JSON."),
        Field::optional(
            "email",
            Shape::OneOf(&[Shape::List(&Shape::Literal), Shape::Literal]),
            "One address, or several.",
        ),
        Field::optional(
            "pagerduty",
            Shape::Template,
            "The routing key of a service of PagerDuty.",
        ),
        Field::optional(
            "command",
            Shape::List(&Shape::Template),
            "A program that reads the message from its input.",
        ),
        Field::optional(
            "headers",
            Shape::Map(&Shape::Template),
            "Headers, with `webhook`.",
        ),
        Field::optional("smtp", Shape::Template, "The mail server's URL, with `email`."),
        Field::optional("from", Shape::Literal, "The sender, with `email`."),
        Field::optional(
            "secrets",
            Shape::Named(&Shape::Object(&SECRET)),
            "Secrets that this channel uses.",
        ),
    ],
};

/// Who is on call.
pub static ON_CALL: Object = Object {
    name: "on-call list",
    open: false,
    fields: &[
        Field::required(
            "people",
            Shape::List(&Shape::Literal),
            "Users, in the order in which they take turns.",
        ),
        Field::optional(
            "rotate",
            Shape::Duration,
            "How long a turn is; without it the first is always on call.",
        ),
        Field::optional(
            "start",
            Shape::Literal,
            "When the first turn began: `2026-01-05T09:00:00Z`.",
        ),
        Field::optional("via", SLUGS, "The channels that reach them."),
    ],
};

/// What is demanded of runbooks.
pub static POLICY: Object = Object {
    name: "policy",
    open: false,
    fields: &[
        Field::optional(
            "lints",
            Shape::Map(&Shape::Choice(&["allow", "warn", "error"])),
            "How much a finding matters, by its code.",
        ),
        Field::optional(
            "approve",
            Shape::Object(&DEMANDS),
            "Approvals that a step of an effect must ask for.",
        ),
        Field::optional(
            "as",
            Shape::Boolean,
            "Whether `--as` may name somebody else than the user (false).",
        ),
    ],
};

static DEMANDS: Object = Object {
    name: "demand",
    open: false,
    fields: &[
        Field::optional("change", DEMAND_SHAPE, "For steps that change something."),
        Field::optional("destructive", DEMAND_SHAPE, "For steps that destroy something."),
    ],
};

const DEMAND_SHAPE: Shape = Shape::OneOf(&[Shape::Object(&DEMAND), Shape::Boolean]);

/// What an approval must ask for at least.
pub static DEMAND: Object = Object {
    name: "demanded approval",
    open: false,
    fields: &[
        Field::optional("by", SLUGS, "By one of these roles."),
        Field::optional("count", Shape::POSITIVE, "By how many people."),
        Field::optional("separate", Shape::Boolean, "Not by whoever started the run."),
    ],
};

static REPORTING: Object = Object {
    name: "report",
    open: false,
    fields: &[
        Field::optional("template", Shape::Literal, "The file of a template for reports."),
        Field::optional(
            "sections",
            Shape::List(&Shape::Object(&super::runbook::SECTION)),
            "Sections to add to the report of every run.",
        ),
        Field::optional("keep", Shape::Duration, "How long runs are kept."),
    ],
};

/// What vouches for the journals of runs.
static SEAL: Object = Object {
    name: "seal",
    open: false,
    fields: &[
        Field::optional(
            "key",
            Shape::Object(&SECRET),
            "The private key that signs heads of journals, as `runbook seal keygen` makes it.",
        ),
        Field::optional(
            "public",
            Shape::List(&Shape::Literal),
            "The public keys whose seals count: `ed25519:…`.",
        ),
        Field::optional(
            "git_notes",
            Shape::Boolean,
            "Whether heads are also written as notes onto the commit that a run is of (false).",
        ),
        Field::optional(
            "required",
            Shape::Boolean,
            "Whether no run begins or goes on that cannot be sealed so (false).",
        ),
    ],
};
