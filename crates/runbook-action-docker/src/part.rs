//! What both actions have in common, as data: shapes, parameters, parts of results.

use runbook_action::schema::{Field, Object, Shape};

/// One name, or several.
pub(crate) const NAMES: Shape = Shape::OneOf(&[Shape::Template, Shape::List(&Shape::Template)]);

const EXIT_CODE: Shape = Shape::Integer {
    min: Some(0),
    max: Some(255),
};
const TIME: Shape = Shape::Dynamic(&Shape::Duration);

pub(crate) const fn names(key: &'static str, doc: &'static str) -> Field {
    Field::optional(key, NAMES, doc)
}

pub(crate) const fn name(key: &'static str, doc: &'static str) -> Field {
    Field::optional(key, Shape::Template, doc)
}

pub(crate) const fn switch(key: &'static str, doc: &'static str) -> Field {
    Field::optional(key, Shape::Boolean, doc)
}

pub(crate) const TAIL: Field = Field::optional(
    "tail",
    Shape::Dynamic(&Shape::COUNT),
    "How many of the last lines to read.",
);
pub(crate) const SINCE: Field = Field::optional("since", TIME, "How far back to look: `5m`.");
pub(crate) const TIMESTAMPS: Field = switch("timestamps", "Whether each line begins with its time.");
pub(crate) const GRACE: Field = Field::optional(
    "grace",
    TIME,
    "How long a container may take to end before it is killed; what it says itself unless given.",
);
pub(crate) const ARGV: Field = Field::optional(
    "argv",
    Shape::List(&Shape::Template),
    "The program and its arguments; an item that is a list becomes several.",
);
pub(crate) const STDIN: Field = name("stdin", "What the program reads from its standard input.");
pub(crate) const USER: Field = name("user", "The user as whom the program runs.");
pub(crate) const WORKDIR: Field = name("workdir", "The program's working directory in the container.");
pub(crate) const ENV: Field = Field::optional(
    "env",
    Shape::Map(&Shape::Template),
    "Environment variables of the program, by name.",
);
pub(crate) const OK_EXIT_CODES: Field = Field::optional(
    "ok_exit_codes",
    Shape::List(&EXIT_CODE),
    "The exit codes that mean success; `[0]` unless given.",
);
pub(crate) const PULL_POLICY: Field = Field::optional(
    "pull_policy",
    Shape::Choice(&["always", "missing", "never"]),
    "When images are pulled before; `missing` unless given.",
);

pub(crate) const CHANGED: Field = Field::required(
    "changed",
    Shape::Boolean,
    "Whether anything is now different from what it was.",
);
pub(crate) const RESULT_EXIT_CODE: Field =
    Field::required("exit_code", EXIT_CODE, "The exit code of a program.");
pub(crate) const STDOUT: Field = Field::required(
    "stdout",
    Shape::Template,
    "A program's standard output, without its last line break.",
);
pub(crate) const STDERR: Field = Field::required(
    "stderr",
    Shape::Template,
    "A program's standard error, without its last line break.",
);
pub(crate) const JSON: Field = Field::required(
    "json",
    Shape::Any,
    "A program's standard output read as JSON; null if it is not JSON.",
);
pub(crate) const LINES: Field = Field::required(
    "lines",
    Shape::List(&Shape::Template),
    "The lines of a program's standard output.",
);

pub(crate) static LOGS: Object = Object {
    name: "logs",
    fields: &[
        Field::required("text", Shape::Template, "All of it."),
        Field::required("lines", Shape::List(&Shape::Template), "Line by line."),
    ],
    open: false,
};

pub(crate) static CONTAINER: Object = Object {
    name: "container",
    fields: &[
        Field::required("id", Shape::Template, "Its identity."),
        Field::required("name", Shape::Template, "Its name."),
        Field::required("image", Shape::Template, "The image that it was made from."),
        Field::required("service", Shape::Template, "The service of compose, or nothing."),
        Field::required("state", Shape::Object(&STATE), "What it does now."),
        Field::required(
            "labels",
            Shape::Map(&Shape::Template),
            "Its labels, by their names.",
        ),
        Field::required(
            "ports",
            Shape::Map(&Shape::Template),
            "Where its ports are reached: `{\"80/tcp\": \"127.0.0.1:8080\"}`.",
        ),
        Field::required("limits", Shape::Object(&LIMITS), "What it may use at most."),
    ],
    open: false,
};

static STATE: Object = Object {
    name: "state",
    fields: &[
        Field::required(
            "status",
            Shape::Template,
            "`created`, `running`, `paused`, `restarting`, `exited` or `dead`.",
        ),
        Field::required(
            "health",
            Shape::Template,
            "`starting`, `healthy`, `unhealthy`, or `none` where it is not checked.",
        ),
        Field::required("exit_code", EXIT_CODE, "With what it ended; null while it runs."),
        Field::required(
            "oom_killed",
            Shape::Boolean,
            "Whether it was killed because it used too much memory.",
        ),
        Field::required("restarts", Shape::COUNT, "How often the engine has restarted it."),
        Field::required("started_at", Shape::Template, "When it was started."),
    ],
    open: false,
};

static LIMITS: Object = Object {
    name: "limits",
    fields: &[
        Field::required("memory", Shape::COUNT, "The memory in bytes; 0 for no limit."),
        Field::required("cpus", Shape::Any, "The processors, as a number; 0 for no limit."),
        Field::required("pids", Shape::COUNT, "How many processes; 0 for no limit."),
    ],
    open: false,
};
