//! What `shell` and `exec` accept and answer, as data, and the places where programs run.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{Args, ConnectionNeed, ConnectionSpec, Failure, Lack, PLACES, Param, Spec, Via};

use crate::permission;

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
const USER: Field = Field::optional(
    "user",
    Shape::Template,
    "The user as whom the program runs, through `sudo` without a question.",
);
const TTY: Field = Field::optional(
    "tty",
    Shape::Boolean,
    "Whether the program finds a terminal; then its two outputs are one.",
);
const UMASK: Field = Field::optional(
    "umask",
    Shape::Literal,
    "The permissions that new files do not get, in quotes: `\"027\"`.",
);
const INHERIT: Field = Field::optional(
    "inherit",
    Shape::OneOf(&[Shape::Choice(INHERITED), Shape::List(&Shape::Literal)]),
    "Which environment variables of the runbook program are passed on: `all`, `none` or their names; `all` unless given.",
);
const INHERITED: &[&str] = &["all", "none"];

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
    connections: CONNECTIONS,
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
        USER,
        TTY,
        UMASK,
        INHERIT,
    ],
    open: false,
};

pub(crate) static EXEC: Spec = Spec {
    kind: "exec",
    doc: "Runs a program with arguments, without a shell.",
    params: Shape::OneOf(&[Shape::List(&Shape::Template), Shape::Object(&EXEC_OBJECT)]),
    result: RESULT,
    connection: ConnectionNeed::Named(PLACES),
    connections: CONNECTIONS,
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
        USER,
        TTY,
        UMASK,
        INHERIT,
    ],
    open: false,
};

/// The kinds of connections that come with these actions.
pub(crate) static CONNECTIONS: &[&ConnectionSpec] = &[&LOCAL, &SSH, &SYSTEMD];

static LOCAL: ConnectionSpec = ConnectionSpec {
    kind: "local",
    doc: "This machine.",
    shape: Object {
        name: "connection",
        fields: &[
            Field::required(
                "local",
                Shape::Choice(&["true"]),
                "`true`: the machine on which the run is.",
            ),
            Field::optional(
                "services",
                Shape::Map(&Shape::Object(&SERVICE)),
                "Services by their names, for `service`: the programs that look after each.",
            ),
        ],
        open: false,
    },
    via: Via::Never,
};

static SERVICE: Object = Object {
    name: "service of this machine",
    fields: &[
        Field::required(
            "start",
            Shape::List(&Shape::Template),
            "The program that starts it, and ends when it runs.",
        ),
        Field::required(
            "stop",
            Shape::List(&Shape::Template),
            "The program that stops it, and ends when it does not run.",
        ),
        Field::required(
            "status",
            Shape::List(&Shape::Template),
            "The program that exits with 0 if it runs, and with 1 to 125 if not; its first line is the state.",
        ),
        Field::optional(
            "restart",
            Shape::List(&Shape::Template),
            "The program that restarts it; it is stopped and started unless given.",
        ),
        Field::optional(
            "logs",
            Shape::List(&Shape::Template),
            "The program that prints its log.",
        ),
    ],
    open: false,
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

/// Whether what both actions have in common makes sense, as far as it is known.
pub(crate) fn is_sound(args: &Args<'_>) -> Result<(), Failure> {
    if let Some(umask) = args.get("umask") {
        permission::octal(&umask)?;
    }
    let Some(inherit) = args.get("inherit") else {
        return Ok(());
    };
    if !matches!(inherit.param(), Param::List(_)) {
        return if INHERITED.contains(&inherit.literal()?) {
            Ok(())
        } else {
            Err(inherit.wrong("expected `all`, `none` or a list of names"))
        };
    }
    for item in inherit.items()? {
        let name = item.literal()?;
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(item.wrong("cannot be the name of an environment variable"));
        }
    }
    Ok(())
}

/// What a place cannot do yet.
pub(crate) fn lacks(params: &Param, connection: Option<(&str, &Param)>) -> Vec<Lack> {
    let has_terminal = params.get("tty") == Some(&Param::Bool(true));
    let kind = connection.map(|(kind, _)| kind);
    match kind.filter(|kind| !["local", "ssh"].contains(kind)) {
        Some(kind) if has_terminal => vec![Lack {
            param: "tty".to_owned(),
            what: format!("a program with a terminal through a connection of kind `{kind}`"),
        }],
        Some(_) | None => Vec::new(),
    }
}
