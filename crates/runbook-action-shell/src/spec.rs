//! What the two actions accept and answer, as data.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{ConnectionNeed, Spec};

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
    connection: ConnectionNeed::None,
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
    connection: ConnectionNeed::None,
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
