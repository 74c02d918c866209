//! The kinds of connections that come with these actions, as data.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{ConnectionSpec, Via};

pub(crate) static ENGINE: ConnectionSpec = ConnectionSpec {
    kind: "docker",
    doc: "An engine that runs containers: Docker or Podman.",
    shape: Object {
        name: "connection",
        fields: &[Field::required(
            "docker",
            Shape::OneOf(&[Shape::Template, Shape::Object(&ACCESS)]),
            "The name of a context, or a mapping that says more; `default` is what the docker command would use.",
        )],
        open: false,
    },
    via: Via::Named(&["ssh"]),
};

static ACCESS: Object = Object {
    name: "engine",
    fields: &[
        Field::optional(
            "socket",
            Shape::Template,
            "The path of the engine's socket on its machine: `/run/podman/podman.sock`.",
        ),
        Field::optional("context", Shape::Template, "The name of a context."),
        Field::optional(
            "host",
            Shape::Template,
            "The engine's URL, as in `DOCKER_HOST`: `tcp://build-1:2376`, `ssh://ops@build-1`.",
        ),
        Field::optional(
            "tls",
            Shape::Object(&TLS),
            "How to make sure of the engine, and of oneself, where `host` is a TCP address.",
        ),
    ],
    open: false,
};

static TLS: Object = Object {
    name: "tls",
    fields: &[
        Field::optional(
            "ca",
            Shape::Template,
            "The file with the certificates of the authorities to trust.",
        ),
        Field::optional("cert", Shape::Template, "The file with one's own certificate."),
        Field::optional(
            "key",
            Shape::Template,
            "The file with the key of that certificate.",
        ),
    ],
    open: false,
};

pub(crate) static PROJECT: ConnectionSpec = ConnectionSpec {
    kind: "compose",
    doc: "A project of compose: a directory whose files describe services.",
    shape: Object {
        name: "connection",
        fields: &[Field::required(
            "compose",
            Shape::OneOf(&[Shape::Template, Shape::Object(&FILES)]),
            "The directory of the project, or a mapping that says more.",
        )],
        open: false,
    },
    via: Via::Named(&["docker", "ssh"]),
};

static FILES: Object = Object {
    name: "project",
    fields: &[
        Field::optional(
            "project",
            Shape::Template,
            "The name of the project; what the files or the directory say unless given.",
        ),
        Field::optional(
            "directory",
            Shape::Template,
            "The directory in which paths of the files start; the runbook project's root unless given.",
        ),
        Field::optional(
            "files",
            Shape::List(&Shape::Template),
            "The files, each over those before it; `compose.yaml` or its older names unless given.",
        ),
        Field::optional(
            "env_file",
            Shape::Template,
            "The file with variables for the files; `.env` unless given.",
        ),
        Field::optional(
            "profiles",
            Shape::List(&Shape::Template),
            "The profiles whose services take part.",
        ),
    ],
    open: false,
};

pub(crate) static CONTAINER: ConnectionSpec = ConnectionSpec {
    kind: "container",
    doc: "A running container, where programs run and from where ports are reached.",
    shape: Object {
        name: "connection",
        fields: &[
            Field::required(
                "container",
                Shape::Template,
                "The name of the container; through a project of compose, that of the service.",
            ),
            Field::optional(
                "index",
                Shape::Dynamic(&Shape::POSITIVE),
                "Which of the containers of a service; the first unless given.",
            ),
            Field::optional(
                "user",
                Shape::Template,
                "The user as whom programs run; the image's own unless given.",
            ),
        ],
        open: false,
    },
    via: Via::Required(&["docker", "compose"]),
};
