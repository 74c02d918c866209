//! What the two actions accept and answer, as data.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{ConnectionNeed, ConnectionSpec, Lack, Param, Spec, Via};

const EXIT_CODE: Shape = Shape::Integer {
    min: Some(0),
    max: Some(255),
};
const CWD: Field = Field::optional(
    "cwd",
    Shape::Template,
    "The working directory; a relative one starts at the project's root.",
);
const STDIN: Field = Field::optional(
    "stdin",
    Shape::Template,
    "What the program reads from its standard input.",
);
const OK_EXIT_CODES: Field = Field::optional(
    "ok_exit_codes",
    Shape::List(&EXIT_CODE),
    "The exit codes that mean success; `[0]` unless given.",
);

const RESULT: &[Field] = &[
    Field::required("exit_code", EXIT_CODE, "The exit code."),
    Field::required(
        "stdout",
        Shape::Template,
        "Standard output, without its last line break.",
    ),
    Field::required(
        "stderr",
        Shape::Template,
        "Standard error, without its last line break.",
    ),
    Field::required(
        "json",
        Shape::Any,
        "Standard output read as JSON; null if it is not JSON.",
    ),
    Field::required(
        "lines",
        Shape::List(&Shape::Template),
        "The lines of standard output.",
    ),
];

pub(crate) static SHELL: Spec = Spec {
    kind: "shell",
    doc: "Runs a script; values reach it as environment variables.",
    params: Shape::OneOf(&[Shape::Literal, Shape::Object(&SHELL_OBJECT)]),
    result: RESULT,
    connection: ConnectionNeed::Named(PLACES),
    connections: &[&LOCAL, &SSH, &SYSTEMD],
    takes_env: true,
};

static SHELL_OBJECT: Object = Object {
    name: "shell",
    fields: &[
        Field::required("run", Shape::Literal, "The script."),
        Field::optional(
            "interpreter",
            Shape::OneOf(&[Shape::Literal, Shape::List(&Shape::Literal)]),
            "The program that runs the script, with its options; `bash -euo pipefail`, or `sh -eu` where there is no bash.",
        ),
        CWD,
        STDIN,
        OK_EXIT_CODES,
    ],
    open: false,
};

pub(crate) static EXEC: Spec = Spec {
    kind: "exec",
    doc: "Runs a program with arguments, without a shell.",
    params: Shape::OneOf(&[Shape::List(&Shape::Template), Shape::Object(&EXEC_OBJECT)]),
    result: RESULT,
    connection: ConnectionNeed::Named(PLACES),
    connections: &[&LOCAL, &SSH, &SYSTEMD],
    takes_env: true,
};

static EXEC_OBJECT: Object = Object {
    name: "exec",
    fields: &[
        Field::required(
            "argv",
            Shape::List(&Shape::Template),
            "The program and its arguments; an item that is a list becomes several.",
        ),
        CWD,
        STDIN,
        OK_EXIT_CODES,
    ],
    open: false,
};

/// Where a program can be run.
const PLACES: &[&str] = &["local", "ssh", "container", "pod", "deployment"];

static LOCAL: ConnectionSpec = ConnectionSpec {
    kind: "local",
    doc: "This machine.",
    shape: Object {
        name: "connection",
        fields: &[Field::required(
            "local",
            Shape::Choice(&["true"]),
            "`true`: the machine on which the run is.",
        )],
        open: false,
    },
    via: Via::Never,
};

static SSH: ConnectionSpec = ConnectionSpec {
    kind: "ssh",
    doc: "Another machine, through the system's OpenSSH client and its configuration.",
    shape: Object {
        name: "connection",
        fields: &[
            Field::required(
                "ssh",
                Shape::Template,
                "`user@host`, or a name of the configuration.",
            ),
            Field::optional(
                "config",
                Shape::Template,
                "The client's configuration file; the user's own unless given.",
            ),
        ],
        open: false,
    },
    via: Via::Named(&["ssh"]),
};

static SYSTEMD: ConnectionSpec = ConnectionSpec {
    kind: "systemd",
    doc: "The services of systemd, on this machine or on the one that `via` names.",
    shape: Object {
        name: "connection",
        fields: &[Field::required(
            "systemd",
            Shape::Choice(&["system", "user"]),
            "`system` for the machine's services, `user` for one's own.",
        )],
        open: false,
    },
    via: Via::Named(&["ssh"]),
};

/// Programs run on this machine only, so far.
pub(crate) fn lacks(connection: Option<(&str, &Param)>) -> Vec<Lack> {
    match connection {
        None | Some(("local", _)) => Vec::new(),
        Some((kind, _)) => vec![Lack {
            param: String::new(),
            what: format!("a program through a connection of kind `{kind}`"),
        }],
    }
}
