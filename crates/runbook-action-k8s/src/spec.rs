//! What the action accepts and answers, as data.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{ConnectionNeed, Spec};

use crate::connection::{CLUSTER, DEPLOYMENT, POD};

/// Labels that objects have: code as one text, or a mapping in which values may stand.
pub(crate) const SELECTOR: Shape = Shape::OneOf(&[Shape::Literal, Shape::Map(&Shape::Template)]);

const PORT: Shape = Shape::Dynamic(&Shape::Integer {
    min: Some(1),
    max: Some(65535),
});
const EXIT_CODE: Shape = Shape::Integer {
    min: Some(0),
    max: Some(255),
};
const QUANTITIES: Shape = Shape::Map(&Shape::Template);

pub(crate) static SPEC: Spec = Spec {
    kind: "k8s",
    doc: "Does one thing with objects of a Kubernetes cluster, as kubectl would.",
    params: Shape::Object(&PARAMS),
    result: RESULT,
    connection: ConnectionNeed::Required(&["k8s"]),
    connections: &[&CLUSTER, &POD, &DEPLOYMENT],
    takes_env: false,
};

static PARAMS: Object = Object {
    name: "k8s",
    fields: &[
        // The verbs that read.
        verb("get", "Reads one object, `pod/web-0`, or all of a kind, `pods`."),
        verb("list", "Reads the objects of a kind, `pods`."),
        verb(
            "wait",
            "Waits, by watching, until `pod/web-0` or the chosen objects of a kind are as `for` says.",
        ),
        verb(
            "events",
            "Reads the events about one object, about the objects of a kind, or about `all`.",
        ),
        verb(
            "logs",
            "Reads what the containers of `pod/web-0` or of the pods of `deployment/web` printed.",
        ),
        verb(
            "top",
            "Reads how much `pods` or `nodes` use of processor and memory.",
        ),
        verb(
            "rollout_status",
            "Waits, by watching, until the rollout of `deployment/web` is complete, and fails early if it cannot be.",
        ),
        verb("rollout_history", "Reads the revisions of `deployment/web`."),
        verb(
            "port_forward",
            "Opens a port of this machine that leads to one of `pod/web-0` or `service/web`, until the run ends.",
        ),
        // The verbs that change.
        verb(
            "exec",
            "Runs a program in a container of `pod/web-0` or of a pod of `deployment/web`.",
        ),
        verb(
            "cp",
            "Copies a file between this machine and a container of `pod/web-0`.",
        ),
        verb("scale", "Sets how many replicas `deployment/web` has."),
        verb(
            "restart",
            "Replaces the pods of `deployment/web` one after the other.",
        ),
        verb("undo", "Takes `deployment/web` back to an earlier revision."),
        verb("set_image", "Sets the image of a container of `deployment/web`."),
        verb(
            "set_env",
            "Sets environment variables of the containers of `deployment/web`.",
        ),
        verb(
            "set_resources",
            "Sets what the containers of `deployment/web` request and are limited to.",
        ),
        verb("patch", "Changes fields of one object."),
        Field::optional(
            "apply",
            Shape::OneOf(&[Shape::Literal, Shape::List(&Shape::Any), Shape::Map(&Shape::Any)]),
            "Makes objects what a manifest says, by server-side apply: a file, a manifest, or a list of them.",
        ),
        verb("cordon", "Keeps new pods away from a node."),
        verb("uncordon", "Lets new pods come to a node again."),
        // The verbs that destroy.
        Field::optional(
            "delete",
            Shape::OneOf(&[Shape::Template, Shape::Object(&MANIFEST)]),
            "Deletes `pod/web-0`, the chosen objects of a kind, or what a file of manifests names.",
        ),
        verb(
            "drain",
            "Keeps new pods away from a node and evicts those that are there, as disruption budgets allow.",
        ),
        // Which objects.
        Field::optional(
            "namespace",
            Shape::Template,
            "The namespace; that of the connection unless given.",
        ),
        Field::optional(
            "all_namespaces",
            Shape::Boolean,
            "Whether to look in every namespace.",
        ),
        Field::optional(
            "selector",
            SELECTOR,
            "The labels of the objects: text such as `app=web,tier!=cache`, or a mapping such as `{app: web}`.",
        ),
        Field::optional(
            "field_selector",
            SELECTOR,
            "The fields of the objects: text such as `status.phase!=Running`, or a mapping.",
        ),
        Field::optional(
            "all",
            Shape::Boolean,
            "Whether every object of the kind in the namespace is meant, where no selector is given.",
        ),
        Field::optional(
            "limit",
            Shape::Dynamic(&Shape::POSITIVE),
            "How many objects to read at most.",
        ),
        Field::optional(
            "missing_ok",
            Shape::Boolean,
            "Whether it is fine that the object is not there.",
        ),
        Field::optional(
            "container",
            Shape::Template,
            "The container; needed only if there are several.",
        ),
        // What to wait for.
        Field::optional(
            "for",
            Shape::OneOf(&[Shape::Choice(&["created", "deleted"]), Shape::Object(&STATE)]),
            "What `wait` waits for: `created`, `deleted`, a condition or the value of a field.",
        ),
        // Logs and events.
        Field::optional(
            "tail",
            Shape::Dynamic(&Shape::COUNT),
            "How many of the last lines to read.",
        ),
        Field::optional(
            "since",
            Shape::Dynamic(&Shape::Duration),
            "How far back to look: `5m`.",
        ),
        Field::optional(
            "previous",
            Shape::Boolean,
            "Whether to read what the container printed before its last restart.",
        ),
        Field::optional(
            "timestamps",
            Shape::Boolean,
            "Whether each line begins with its time.",
        ),
        Field::optional(
            "all_containers",
            Shape::Boolean,
            "Whether to read every container of the pods.",
        ),
        Field::optional(
            "type",
            Shape::Choice(&["Normal", "Warning"]),
            "The type of the events; all unless given.",
        ),
        Field::optional(
            "containers",
            Shape::Boolean,
            "Whether `top` tells each container apart.",
        ),
        // Changing.
        Field::optional(
            "replicas",
            Shape::Dynamic(&Shape::COUNT),
            "How many replicas there are to be.",
        ),
        Field::optional(
            "current_replicas",
            Shape::Dynamic(&Shape::COUNT),
            "How many replicas there must be now; with another number nothing is changed.",
        ),
        Field::optional(
            "revision",
            Shape::Dynamic(&Shape::POSITIVE),
            "The revision to look at; the latest, or all of a history, unless given.",
        ),
        Field::optional(
            "to_revision",
            Shape::Dynamic(&Shape::POSITIVE),
            "The revision to go back to; the one before the present one unless given.",
        ),
        Field::optional("image", Shape::Template, "The image, with its tag or digest."),
        Field::optional(
            "env",
            Shape::Map(&Shape::Template),
            "The environment variables to set, by name.",
        ),
        Field::optional(
            "unset",
            Shape::List(&Shape::Literal),
            "The environment variables to remove, by name.",
        ),
        Field::optional(
            "requests",
            QUANTITIES,
            "What each container is promised: `{cpu: 250m, memory: 512Mi}`.",
        ),
        Field::optional(
            "limits",
            QUANTITIES,
            "What each container may use at most: `{memory: 1Gi}`.",
        ),
        Field::optional(
            "merge",
            Shape::Map(&Shape::Any),
            "The fields to change, as a JSON merge patch: a mapping is merged, all else is replaced.",
        ),
        Field::optional(
            "strategic",
            Shape::Map(&Shape::Any),
            "The fields to change, as a strategic merge patch: lists are merged by the names of their items.",
        ),
        Field::optional(
            "json",
            Shape::List(&Shape::Object(&OPERATION)),
            "The operations to do in turn, as a JSON patch.",
        ),
        Field::optional(
            "force_conflicts",
            Shape::Boolean,
            "Whether `apply` takes over fields that another manager has set.",
        ),
        // Destroying.
        Field::optional(
            "grace",
            Shape::Dynamic(&Shape::Duration),
            "How long pods may take to end; what each of them says unless given.",
        ),
        Field::optional(
            "cascade",
            Shape::Choice(&["background", "foreground", "orphan"]),
            "What becomes of objects that belong to the deleted one; `background` unless given.",
        ),
        Field::optional(
            "force",
            Shape::Boolean,
            "Whether `drain` also evicts pods that nothing brings back.",
        ),
        Field::optional(
            "delete_emptydir",
            Shape::Boolean,
            "Whether `drain` also evicts pods whose `emptyDir` volumes are lost by it.",
        ),
        Field::optional(
            "pod_selector",
            SELECTOR,
            "The labels of the pods that `drain` evicts; all unless given.",
        ),
        // Programs, files, ports.
        Field::optional(
            "argv",
            Shape::List(&Shape::Template),
            "The program and its arguments; an item that is a list becomes several.",
        ),
        Field::optional(
            "stdin",
            Shape::Template,
            "What the program reads from its standard input.",
        ),
        Field::optional(
            "ok_exit_codes",
            Shape::List(&EXIT_CODE),
            "The exit codes that mean success; `[0]` unless given.",
        ),
        Field::optional("path", Shape::Template, "The file or directory in the container."),
        Field::optional(
            "to",
            Shape::Template,
            "The file of this machine that `path` is copied to.",
        ),
        Field::optional(
            "from",
            Shape::Template,
            "The file of this machine that is copied to `path`.",
        ),
        Field::optional("port", PORT, "The port in the cluster."),
        Field::optional(
            "local_port",
            PORT,
            "The port of this machine; a free one unless given.",
        ),
    ],
    open: false,
};

const fn verb(key: &'static str, doc: &'static str) -> Field {
    Field::optional(key, Shape::Template, doc)
}

static MANIFEST: Object = Object {
    name: "manifest",
    fields: &[Field::required(
        "file",
        Shape::Literal,
        "The file of manifests, from the project's root.",
    )],
    open: false,
};

static STATE: Object = Object {
    name: "state",
    fields: &[
        Field::optional("condition", Shape::Literal, "The type of a condition: `Ready`."),
        Field::optional(
            "status",
            Shape::Template,
            "The status that the condition must have; `True` unless given.",
        ),
        Field::optional("field", Shape::Literal, "The path of a field: `status.phase`."),
        Field::optional("equals", Shape::Any, "The value that the field must have."),
    ],
    open: false,
};

static OPERATION: Object = Object {
    name: "operation",
    fields: &[
        Field::required(
            "op",
            Shape::Choice(&["add", "remove", "replace", "move", "copy", "test"]),
            "What to do.",
        ),
        Field::required(
            "path",
            Shape::Literal,
            "Where, as a JSON pointer: `/spec/replicas`.",
        ),
        Field::optional(
            "from",
            Shape::Literal,
            "Where `move` and `copy` take the value from, as a JSON pointer.",
        ),
        Field::optional(
            "value",
            Shape::Any,
            "The value that `add`, `replace` and `test` use.",
        ),
    ],
    open: false,
};

static RESULT: &[Field] = &[
    Field::required(
        "object",
        Shape::Any,
        "The object, as the cluster has it; null where several were asked for.",
    ),
    Field::required(
        "items",
        Shape::List(&Shape::Any),
        "The objects, each as the cluster has it.",
    ),
    Field::required(
        "names",
        Shape::List(&Shape::Template),
        "The names of the objects: read, restarted, deleted, evicted.",
    ),
    Field::required(
        "changed",
        Shape::Boolean,
        "Whether anything is now different from what it was.",
    ),
    Field::required(
        "replicas",
        Shape::Object(&REPLICAS),
        "The replicas of what was scaled, restarted or rolled out.",
    ),
    Field::required(
        "revision",
        Shape::COUNT,
        "The revision that is now rolled out; 0 where there are none.",
    ),
    Field::required(
        "revisions",
        Shape::List(&Shape::Object(&REVISION)),
        "The revisions of a history, the oldest first.",
    ),
    Field::required("logs", Shape::Object(&LOGS), "What containers printed."),
    Field::required(
        "events",
        Shape::List(&Shape::Object(&EVENT)),
        "The events, the oldest first.",
    ),
    Field::required(
        "usage",
        Shape::List(&Shape::Object(&USAGE)),
        "What pods, containers or nodes use.",
    ),
    Field::required("exit_code", EXIT_CODE, "The exit code of a program."),
    Field::required(
        "stdout",
        Shape::Template,
        "A program's standard output, without its last line break.",
    ),
    Field::required(
        "stderr",
        Shape::Template,
        "A program's standard error, without its last line break.",
    ),
    Field::required(
        "json",
        Shape::Any,
        "A program's standard output read as JSON; null if it is not JSON.",
    ),
    Field::required(
        "lines",
        Shape::List(&Shape::Template),
        "The lines of a program's standard output.",
    ),
    Field::required("bytes", Shape::COUNT, "How many bytes were copied."),
    Field::required(
        "address",
        Shape::Template,
        "Where a forwarded port is reached: `127.0.0.1:41231`.",
    ),
];

static REPLICAS: Object = Object {
    name: "replicas",
    fields: &[
        Field::required("desired", Shape::COUNT, "How many there are to be."),
        Field::required("updated", Shape::COUNT, "How many are of the latest revision."),
        Field::required("ready", Shape::COUNT, "How many are ready."),
        Field::required(
            "available",
            Shape::COUNT,
            "How many have been ready for long enough.",
        ),
    ],
    open: false,
};

static REVISION: Object = Object {
    name: "revision",
    fields: &[
        Field::required("revision", Shape::COUNT, "Its number."),
        Field::required(
            "cause",
            Shape::Template,
            "What was noted as its cause, or nothing.",
        ),
        Field::required(
            "images",
            Shape::Map(&Shape::Template),
            "The images of its containers, by their names.",
        ),
    ],
    open: false,
};

static LOGS: Object = Object {
    name: "logs",
    fields: &[
        Field::required("text", Shape::Template, "All of it."),
        Field::required("lines", Shape::List(&Shape::Template), "Line by line."),
    ],
    open: false,
};

static EVENT: Object = Object {
    name: "event",
    fields: &[
        Field::required("type", Shape::Template, "`Normal` or `Warning`."),
        Field::required("reason", Shape::Template, "Why, in one word."),
        Field::required("message", Shape::Template, "What happened."),
        Field::required("object", Shape::Template, "What it is about: `pod/web-0`."),
        Field::required("count", Shape::COUNT, "How often it was seen."),
        Field::required("last_seen", Shape::Template, "When it was last seen."),
    ],
    open: false,
};

static USAGE: Object = Object {
    name: "usage",
    fields: &[
        Field::required("name", Shape::Template, "The name of the pod or node."),
        Field::required(
            "container",
            Shape::Template,
            "The name of the container, where they are told apart.",
        ),
        Field::required("cpu", Shape::Any, "The processors in use, as a number: 0.25."),
        Field::required("memory", Shape::COUNT, "The memory in use, in bytes."),
    ],
    open: false,
};
