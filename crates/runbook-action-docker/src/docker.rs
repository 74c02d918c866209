//! What `docker` accepts and answers, as data.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{ConnectionNeed, Spec};

use crate::connection::{CONTAINER, ENGINE};
use crate::part::{self, name, names, switch};

/// What can be pruned.
pub(crate) const PRUNED: &[&str] = &["containers", "images", "volumes", "networks", "build_cache"];

pub(crate) static SPEC: Spec = Spec {
    kind: "docker",
    doc: "Does one thing with containers, images or volumes of an engine.",
    params: Shape::Object(&PARAMS),
    result: RESULT,
    connection: ConnectionNeed::Required(&["docker"]),
    connections: &[&ENGINE, &CONTAINER],
    takes_env: false,
};

static PARAMS: Object = Object {
    name: "docker",
    fields: &[
        // The verbs that read.
        Field::optional(
            "ps",
            Shape::Choice(&["running", "all"]),
            "Lists containers: those that are `running`, or `all`.",
        ),
        name(
            "inspect",
            "Reads all about a container, or about what `type` says.",
        ),
        names(
            "wait_healthy",
            "Waits until containers are healthy, and fails if one cannot be.",
        ),
        name("logs", "Reads what a container printed."),
        names(
            "stats",
            "Reads what containers, or `all` that run, use of processor and memory.",
        ),
        names(
            "events",
            "Reads what happened to containers, or to `all` of the engine.",
        ),
        // The verbs that change.
        names("start", "Starts containers that exist."),
        names("stop", "Asks containers to end, and kills those that do not."),
        names("restart", "Stops and starts containers."),
        name("run", "Makes a container of an image and starts it."),
        name("exec", "Runs a program in a container."),
        names(
            "update",
            "Sets the limits or the restart policy of containers while they run.",
        ),
        name("pull", "Pulls an image."),
        name("cp", "Copies a file between this machine and a container."),
        // The verbs that destroy.
        names(
            "kill",
            "Sends containers a signal, `KILL` unless `signal` says otherwise.",
        ),
        names("rm", "Removes containers."),
        Field::optional(
            "prune",
            Shape::OneOf(&[Shape::Choice(PRUNED), Shape::List(&Shape::Choice(PRUNED))]),
            "Removes what nothing uses.",
        ),
        // Which, and what of them.
        name(
            "name",
            "A part of the names to list, or the name of the container to make.",
        ),
        Field::optional(
            "labels",
            Shape::Map(&Shape::Template),
            "The labels that are looked for, or that a container is given.",
        ),
        Field::optional(
            "status",
            Shape::Choice(&["created", "running", "paused", "restarting", "exited", "dead"]),
            "The state of the containers to list.",
        ),
        Field::optional(
            "type",
            Shape::Choice(&["container", "image", "volume", "network"]),
            "What is looked at; `container` unless given.",
        ),
        part::TAIL,
        part::SINCE,
        part::TIMESTAMPS,
        part::GRACE,
        Field::optional(
            "signal",
            Shape::Literal,
            "The signal that `kill` sends: `HUP`, `TERM`.",
        ),
        switch("force", "Whether `rm` also removes containers that run."),
        switch(
            "volumes",
            "Whether `rm` also removes the volumes without a name that belong to them.",
        ),
        switch(
            "all",
            "Whether `prune` takes all that nothing uses, and not only what has no name.",
        ),
        Field::optional(
            "older_than",
            Shape::Dynamic(&Shape::Duration),
            "How old something must be to be pruned.",
        ),
        // Programs and new containers.
        part::ARGV,
        part::STDIN,
        part::USER,
        part::WORKDIR,
        part::ENV,
        part::OK_EXIT_CODES,
        part::PULL_POLICY,
        Field::optional(
            "entrypoint",
            Shape::List(&Shape::Template),
            "What is run before `argv`, in place of what the image says.",
        ),
        Field::optional(
            "ports",
            Shape::List(&Shape::Template),
            "The ports to publish: `127.0.0.1:8080:80`.",
        ),
        Field::optional(
            "mounts",
            Shape::List(&Shape::Template),
            "The volumes and directories to mount: `data:/var/lib/data`, `./conf:/etc/app:ro`.",
        ),
        name("network", "The network that the container joins."),
        switch(
            "detach",
            "Whether the container goes on by itself; else the step lasts until it ends.",
        ),
        switch(
            "keep",
            "Whether the container stays when it has ended; else it is removed.",
        ),
        // Limits.
        name("memory", "How much memory a container may use: `512Mi`, `1Gi`."),
        name("cpus", "How many processors a container may use: `1.5`."),
        Field::optional(
            "pids",
            Shape::Dynamic(&Shape::POSITIVE),
            "How many processes a container may have.",
        ),
        Field::optional(
            "restart_policy",
            Shape::Choice(&["no", "always", "on-failure", "unless-stopped"]),
            "When the engine restarts a container that ended.",
        ),
        // Files.
        name("path", "The file or directory in the container."),
        name("to", "The file of this machine that `path` is copied to."),
        name("from", "The file of this machine that is copied to `path`."),
    ],
    open: false,
};

static RESULT: &[Field] = &[
    Field::required(
        "container",
        Shape::Object(&part::CONTAINER),
        "The container; null where several were asked for.",
    ),
    Field::required(
        "containers",
        Shape::List(&Shape::Object(&part::CONTAINER)),
        "The containers.",
    ),
    Field::required(
        "object",
        Shape::Any,
        "What was inspected, as the engine describes it.",
    ),
    Field::required(
        "image",
        Shape::Template,
        "The identity of the image that was pulled or run.",
    ),
    part::CHANGED,
    Field::required("logs", Shape::Object(&part::LOGS), "What a container printed."),
    Field::required(
        "stats",
        Shape::Object(&STATS),
        "What a container uses; null where several were asked for.",
    ),
    Field::required(
        "all_stats",
        Shape::Map(&Shape::Object(&STATS)),
        "What each container uses, by its name.",
    ),
    Field::required(
        "events",
        Shape::List(&Shape::Object(&EVENT)),
        "What happened, the oldest first.",
    ),
    Field::required(
        "removed",
        Shape::List(&Shape::Template),
        "What was removed, by name or identity.",
    ),
    Field::required("bytes", Shape::COUNT, "How many bytes were copied or freed."),
    part::RESULT_EXIT_CODE,
    part::STDOUT,
    part::STDERR,
    part::JSON,
    part::LINES,
];

static STATS: Object = Object {
    name: "stats",
    fields: &[
        Field::required(
            "cpu_percent",
            Shape::Any,
            "The processor time in use, where 100 is one processor.",
        ),
        Field::required("memory", Shape::COUNT, "The memory in use, in bytes."),
        Field::required(
            "memory_limit",
            Shape::COUNT,
            "The memory that it may use, in bytes.",
        ),
        Field::required(
            "memory_percent",
            Shape::Any,
            "The memory in use, in percent of what it may use.",
        ),
        Field::required("pids", Shape::COUNT, "How many processes there are."),
    ],
    open: false,
};

static EVENT: Object = Object {
    name: "event",
    fields: &[
        Field::required("at", Shape::Template, "When it happened."),
        Field::required("type", Shape::Template, "To what: `container`, `image`."),
        Field::required("action", Shape::Template, "What happened: `die`, `oom`, `start`."),
        Field::required("name", Shape::Template, "The name of what it happened to."),
    ],
    open: false,
};
