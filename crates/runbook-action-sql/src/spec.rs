//! What the action accepts and answers, as data.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{ConnectionNeed, ConnectionSpec, Spec, Via};

/// The filters that make a value one piece of a statement.
pub(crate) const LITERAL: &str = "sql_literal";
pub(crate) const IDENT: &str = "sql_ident";

const QUERY: Shape = Shape::Quoted(&[LITERAL, IDENT]);

pub(crate) static SPEC: Spec = Spec {
    kind: "sql",
    doc: "Runs one statement and reads its rows.",
    params: Shape::OneOf(&[QUERY, Shape::Object(&PARAMS)]),
    result: &[
        Field::required(
            "rows",
            Shape::List(&Shape::Map(&Shape::Any)),
            "The rows, each by its columns' names.",
        ),
        Field::required(
            "rows_affected",
            Shape::COUNT,
            "How many rows were changed, or read.",
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
        Field::required(
            "query",
            QUERY,
            "The statement, with `:name` where a value belongs.",
        ),
        Field::optional("bind", Shape::Map(&Shape::Any), "The values, by name."),
        Field::optional(
            "max_rows",
            Shape::COUNT,
            "A statement that changes more rows is rolled back and fails.",
        ),
    ],
    open: false,
};

static CONNECTION: ConnectionSpec = ConnectionSpec {
    kind: "sql",
    doc: "A database: PostgreSQL or SQLite.",
    shape: Object {
        name: "connection",
        fields: &[
            Field::required(
                "sql",
                Shape::Template,
                "The URL: `postgres://user@host/database` or `sqlite:file.db`.",
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
    via: Via::Named(&["ssh", "container", "pod", "deployment"]),
};
