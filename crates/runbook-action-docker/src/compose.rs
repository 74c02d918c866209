//! What `compose` accepts and answers, as data.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{ConnectionNeed, Spec};

use crate::connection::{CONTAINER, ENGINE, PROJECT};
use crate::part::{self, name, names, switch};

pub(crate) static SPEC: Spec = Spec {
    kind: "compose",
    doc: "Does one thing with the services of a project of compose.",
    params: Shape::Object(&PARAMS),
    result: RESULT,
    connection: ConnectionNeed::Required(&["compose"]),
    connections: &[&PROJECT, &ENGINE, &CONTAINER],
    takes_env: false,
};

static PARAMS: Object = Object {
    name: "compose",
    fields: &[
        // The verbs that read.
        names("ps", "Reads the state of services, or of `all`."),
        names("logs", "Reads what services, or `all`, printed."),
        // The verbs that change.
        names(
            "up",
            "Makes services, or `all`, what the files say, and starts them.",
        ),
        names("start", "Starts the containers of services, or of `all`."),
        names("stop", "Stops the containers of services, or of `all`."),
        names(
            "restart",
            "Stops and starts the containers of services, or of `all`.",
        ),
        Field::optional(
            "scale",
            Shape::Map(&Shape::Dynamic(&Shape::COUNT)),
            "How many containers services are to have: `{web: 3}`.",
        ),
        names("pull", "Pulls the images of services, or of `all`."),
        names("build", "Builds the images of services, or of `all`."),
        name("exec", "Runs a program in a container of a service."),
        // The verb that may destroy.
        names(
            "down",
            "Stops services, or `all`, and removes their containers and networks.",
        ),
        // How.
        switch(
            "force_recreate",
            "Whether `up` makes containers anew that are as the files say.",
        ),
        switch(
            "dependencies",
            "Whether the services that they depend on are started, too; `true` unless given.",
        ),
        switch("with_build", "Whether `up` builds the images before."),
        switch(
            "remove_orphans",
            "Whether containers of services that the files no longer have are removed.",
        ),
        switch(
            "volumes",
            "Whether `down` also removes the volumes, with all that is in them.",
        ),
        Field::optional(
            "images",
            Shape::Choice(&["local", "all"]),
            "Which images `down` also removes: those without a name of their own, or all.",
        ),
        switch("no_cache", "Whether `build` starts from nothing."),
        Field::optional(
            "build_args",
            Shape::Map(&Shape::Template),
            "The arguments of the build, by name.",
        ),
        part::PULL_POLICY,
        part::GRACE,
        part::TAIL,
        part::SINCE,
        part::TIMESTAMPS,
        part::ARGV,
        part::STDIN,
        part::USER,
        part::WORKDIR,
        part::ENV,
        part::OK_EXIT_CODES,
        Field::optional(
            "index",
            Shape::Dynamic(&Shape::POSITIVE),
            "In which container of the service the program runs; the first unless given.",
        ),
    ],
    open: false,
};

static RESULT: &[Field] = &[
    Field::required(
        "services",
        Shape::Map(&Shape::Object(&SERVICE)),
        "The services, by their names.",
    ),
    Field::required(
        "containers",
        Shape::List(&Shape::Object(&part::CONTAINER)),
        "The containers of the services.",
    ),
    part::CHANGED,
    Field::required("logs", Shape::Object(&part::LOGS), "What the services printed."),
    Field::required(
        "removed",
        Shape::List(&Shape::Template),
        "What was removed, by name.",
    ),
    part::RESULT_EXIT_CODE,
    part::STDOUT,
    part::STDERR,
    part::JSON,
    part::LINES,
];

static SERVICE: Object = Object {
    name: "service",
    fields: &[
        Field::required("containers", Shape::COUNT, "How many containers it has."),
        Field::required("running", Shape::COUNT, "How many of them run."),
        Field::required(
            "healthy",
            Shape::COUNT,
            "How many of them are healthy, or run without being checked.",
        ),
        Field::required("image", Shape::Template, "The image that they were made from."),
    ],
    open: false,
};
