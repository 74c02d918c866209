//! What the action accepts and answers, as data.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{ConnectionNeed, ConnectionSpec, Spec, Via};

/// The filters that make a value one piece of a statement.
pub(crate) const LITERAL: &str = "sql_literal";
pub(crate) const IDENT: &str = "sql_ident";

const QUERY: Shape = Shape::Quoted(&[LITERAL, IDENT]);

pub(crate) static SPEC: Spec = Spec {
    kind: "sql",
    doc: "Runs a statement on a database and reads its rows.",
    params: Shape::OneOf(&[QUERY, Shape::Object(&PARAMS)]),
    result: &[
        Field::required(
            "rows",
            Shape::List(&Shape::Map(&Shape::Any)),
            "The rows, each by its columns' names; of several statements those of the last that has any.",
        ),
        Field::required(
            "rows_affected",
            Shape::COUNT,
            "How many rows were changed, or read, by all statements.",
        ),
        Field::required(
            "columns",
            Shape::List(&Shape::Template),
            "The names of the columns.",
        ),
    ],
    connection: ConnectionNeed::Required(&["sql"]),
    connections: &[&CONNECTION],
    takes_env: false,
};

static PARAMS: Object = Object {
    name: "sql",
    fields: &[
        Field::optional(
            "query",
            QUERY,
            "The statement, with `:name` where a value belongs; several only if `transaction` says how.",
        ),
        Field::optional(
            "file",
            Shape::Literal,
            "The file with the statements, from the project's root, in place of `query`.",
        ),
        Field::optional("bind", Shape::Map(&Shape::Any), "The values, by name."),
        Field::optional(
            "max_rows",
            Shape::COUNT,
            "A statement that changes more rows is rolled back and fails.",
        ),
        Field::optional(
            "transaction",
            Shape::Boolean,
            "Whether all statements are done or none; with `false`, each is by itself.",
        ),
    ],
    open: false,
};

/// The places that lead to a server.
pub(crate) const THROUGH: &[&str] = &["ssh", "container", "pod", "deployment"];

static CONNECTION: ConnectionSpec = ConnectionSpec {
    kind: "sql",
    doc: "A database: PostgreSQL, MySQL, MariaDB or SQLite.",
    shape: Object {
        name: "connection",
        fields: &[
            Field::required(
                "sql",
                Shape::Template,
                "The URL: `postgres://user@host/database`, `mysql://user@host/database` or `sqlite:file.db`.",
            ),
            Field::optional(
                "tls",
                Shape::Object(&TLS),
                "That the connection must be encrypted, and how to make sure of the server and of oneself.",
            ),
            Field::optional(
                "statement_timeout",
                Shape::Duration,
                "How long a statement may take.",
            ),
            Field::optional(
                "read_only",
                Shape::Boolean,
                "Whether the database refuses changes through it.",
            ),
        ],
        open: false,
    },
    via: Via::Named(THROUGH),
};

static TLS: Object = Object {
    name: "tls",
    fields: &[
        Field::optional(
            "ca",
            Shape::Template,
            "The file with the certificates of authorities to trust beside the system's.",
        ),
        Field::optional("cert", Shape::Template, "The file with one's own certificate."),
        Field::optional(
            "key",
            Shape::Template,
            "The file with the key of that certificate.",
        ),
        Field::optional(
            "server_name",
            Shape::Template,
            "The name that the server's certificate must have; that of the URL unless given.",
        ),
    ],
    open: false,
};
