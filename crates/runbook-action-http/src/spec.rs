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
            "multipart",
            Shape::Map(&PART),
            "The body, as the parts of a form: a text, or a file of this machine.",
        ),
        Field::optional(
            "auth",
            Shape::Object(&AUTH),
            "Who asks; what the connection says unless given.",
        ),
        Field::optional(
            "redirects",
            Shape::Choice(REDIRECTS),
            "Which redirects are followed: those on the `same_origin` unless given; credentials go to no other.",
        ),
        Field::optional(
            "ok_status",
            Shape::List(&STATUS),
            "The status codes that mean success; those from 200 to 299 unless given.",
        ),
    ],
    open: false,
};

/// The redirects that can be followed.
pub(crate) const REDIRECTS: &[&str] = &["same_origin", "any", "none"];

const PART: Shape = Shape::OneOf(&[Shape::Template, Shape::Object(&PART_OBJECT)]);

static PART_OBJECT: Object = Object {
    name: "part",
    fields: &[
        Field::optional("file", Shape::Template, "The file that is sent."),
        Field::optional("text", Shape::Template, "The text that is sent."),
        Field::optional(
            "filename",
            Shape::Template,
            "The name that the server is told; the file's own unless given.",
        ),
        Field::optional("type", Shape::Template, "The media type: `application/gzip`."),
    ],
    open: false,
};

/// Who asks.
pub(crate) static AUTH: Object = Object {
    name: "auth",
    fields: &[
        Field::optional("bearer", Shape::Template, "A token."),
        Field::optional("basic", Shape::Object(&BASIC), "A name and a password."),
    ],
    open: false,
};

static BASIC: Object = Object {
    name: "basic",
    fields: &[
        Field::required("user", Shape::Template, "The name."),
        Field::required("password", Shape::Template, "The password."),
    ],
    open: false,
};

static TLS: Object = Object {
    name: "tls",
    fields: &[
        Field::optional(
            "ca",
            Shape::Template,
            "The file with the certificates of the authorities to trust; the system's unless given.",
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

const HEADERS: Field = Field::optional(
    "headers",
    Shape::Map(&HEADER),
    "Headers for this server, and for no other.",
);
const CONNECTION_AUTH: Field = Field::optional(
    "auth",
    Shape::Object(&AUTH),
    "Who asks this server, and no other.",
);
const CONNECTION_TLS: Field = Field::optional(
    "tls",
    Shape::Object(&TLS),
    "How to make sure of the server, and of oneself.",
);
const PROXY: Field = Field::optional(
    "proxy",
    Shape::Template,
    "The URL of a proxy that all requests go through; the environment is not asked for one.",
);
const NO_PROXY: Field = Field::optional(
    "no_proxy",
    Shape::List(&Shape::Template),
    "Hosts that are reached without the proxy: addresses, and names with all names below them.",
);
const TIMEOUT: Field = Field::optional(
    "timeout",
    Shape::Duration,
    "How long an answer may take; `30s` unless given.",
);
const CONNECT_TIMEOUT: Field = Field::optional(
    "connect_timeout",
    Shape::Duration,
    "How long it may take until the connection stands; `10s` unless given.",
);

/// The kinds of places that reach a server.
pub(crate) const THROUGH: &[&str] = &["ssh", "container", "pod", "deployment"];

/// A server that answers queries about metrics.
pub(crate) static PROMETHEUS: ConnectionSpec = ConnectionSpec {
    kind: "prometheus",
    doc: "A server that speaks Prometheus' API for queries.",
    shape: Object {
        name: "connection",
        fields: &[
            Field::required(
                "prometheus",
                Shape::Template,
                "The URL of the server, without `/api/v1`.",
            ),
            HEADERS,
            CONNECTION_AUTH,
            CONNECTION_TLS,
            PROXY,
            NO_PROXY,
            TIMEOUT,
            CONNECT_TIMEOUT,
        ],
        open: false,
    },
    via: Via::Named(THROUGH),
};

static CONNECTION: ConnectionSpec = ConnectionSpec {
    kind: "http",
    doc: "A server that speaks HTTP.",
    shape: Object {
        name: "connection",
        fields: &[
            Field::required("http", Shape::Template, "The URL that paths are added to."),
            HEADERS,
            CONNECTION_AUTH,
            CONNECTION_TLS,
            PROXY,
            NO_PROXY,
            TIMEOUT,
            CONNECT_TIMEOUT,
        ],
        open: false,
    },
    via: Via::Named(THROUGH),
};
