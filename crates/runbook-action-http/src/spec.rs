//! What the action accepts and answers, as data.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{ConnectionNeed, ConnectionSpec, Spec, Via};

/// The methods, as `method` takes them.
pub(crate) const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The keys that name a method and hold its URL.
pub(crate) const SHORT: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

const HEADER: Shape = Shape::OneOf(&[Shape::Template, Shape::List(&Shape::Template)]);
const STATUS: Shape = Shape::Integer {
    min: Some(100),
    max: Some(999),
};

pub(crate) static SPEC: Spec = Spec {
    kind: "http",
    doc: "Sends a request and reads the answer.",
    params: Shape::Object(&PARAMS),
    result: &[
        Field::required("status", STATUS, "The status code."),
        Field::required(
            "headers",
            Shape::Map(&Shape::Template),
            "The headers, by their names in lower case.",
        ),
        Field::required(
            "body",
            Shape::Any,
            "The body read as JSON; null if it is not JSON.",
        ),
        Field::required("text", Shape::Template, "The body as text."),
        Field::required(
            "elapsed_ms",
            Shape::COUNT,
            "How long the whole answer took, in milliseconds.",
        ),
    ],
    connection: ConnectionNeed::Optional(&["http"]),
    connections: &[&CONNECTION],
    takes_env: false,
};

static PARAMS: Object = Object {
    name: "http",
    fields: &[
        Field::optional("get", Shape::Template, "The URL or path to GET."),
        Field::optional("head", Shape::Template, "The URL or path to ask for its HEAD."),
        Field::optional("post", Shape::Template, "The URL or path to POST to."),
        Field::optional("put", Shape::Template, "The URL or path to PUT to."),
        Field::optional("patch", Shape::Template, "The URL or path to PATCH."),
        Field::optional("delete", Shape::Template, "The URL or path to DELETE."),
        Field::optional(
            "method",
            Shape::Choice(METHODS),
            "The method, together with `url`.",
        ),
        Field::optional("url", Shape::Template, "The URL or path, together with `method`."),
        Field::optional(
            "headers",
            Shape::Map(&HEADER),
            "Headers; a list gives several of one name.",
        ),
        Field::optional("query", Shape::Map(&Shape::Any), "Parameters to add to the URL."),
        Field::optional("json", Shape::Any, "The body, as a value to be sent as JSON."),
        Field::optional(
            "form",
            Shape::Map(&Shape::Any),
            "The body, as the fields of a form.",
        ),
        Field::optional("body", Shape::Template, "The body, as text."),
        Field::optional(
            "ok_status",
            Shape::List(&STATUS),
            "The status codes that mean success; those from 200 to 299 unless given.",
        ),
    ],
    open: false,
};

static CONNECTION: ConnectionSpec = ConnectionSpec {
    kind: "http",
    doc: "A server that speaks HTTP.",
    shape: Object {
        name: "connection",
        fields: &[
            Field::required("http", Shape::Template, "The URL that paths are added to."),
            Field::optional(
                "headers",
                Shape::Map(&HEADER),
                "Headers for this server, and for no other.",
            ),
            Field::optional(
                "timeout",
                Shape::Duration,
                "How long an answer may take; `30s` unless given.",
            ),
        ],
        open: false,
    },
    via: Via::Named(&["ssh", "container", "pod", "deployment"]),
};
