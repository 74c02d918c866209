//! The kinds of connections that come with this action, as data.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{ConnectionSpec, Via};

use crate::spec::SELECTOR;

pub(crate) static CLUSTER: ConnectionSpec = ConnectionSpec {
    kind: "k8s",
    doc: "A Kubernetes cluster, with the namespace in which names are looked up.",
    shape: Object {
        name: "connection",
        fields: &[Field::required(
            "k8s",
            Shape::OneOf(&[Shape::Template, Shape::Object(&ACCESS)]),
            "The name of a context of the kubeconfig, or a mapping that says more.",
        )],
        open: false,
    },
    via: Via::Named(&["ssh"]),
};

static ACCESS: Object = Object {
    name: "cluster",
    fields: &[
        Field::optional(
            "context",
            Shape::Template,
            "The context of the kubeconfig; the current one of that file unless given.",
        ),
        Field::optional(
            "namespace",
            Shape::Template,
            "The namespace of all names without one of their own; that of the context unless given.",
        ),
        Field::optional(
            "kubeconfig",
            Shape::Template,
            "The file that says how to reach the cluster; the user's own unless given.",
        ),
        Field::optional(
            "in_cluster",
            Shape::Boolean,
            "Whether to use the service account of the pod in which the run is, and no kubeconfig.",
        ),
        Field::optional("as", Shape::Template, "The user to impersonate."),
        Field::optional(
            "as_groups",
            Shape::List(&Shape::Template),
            "The groups to impersonate.",
        ),
    ],
    open: false,
};

const CONTAINER: Field = Field::optional(
    "container",
    Shape::Template,
    "The container in the pod; needed only if there are several.",
);
const NAMESPACE: Field = Field::optional(
    "namespace",
    Shape::Template,
    "The namespace; that of the cluster's connection unless given.",
);

pub(crate) static POD: ConnectionSpec = ConnectionSpec {
    kind: "pod",
    doc: "A container of a pod, where programs run and from where ports are reached.",
    shape: Object {
        name: "connection",
        fields: &[
            Field::required(
                "pod",
                Shape::OneOf(&[Shape::Template, Shape::Object(&CHOSEN)]),
                "The name of the pod, or a selector that gives a ready one.",
            ),
            CONTAINER,
            NAMESPACE,
        ],
        open: false,
    },
    via: Via::Required(&["k8s"]),
};

static CHOSEN: Object = Object {
    name: "pod",
    fields: &[Field::required(
        "selector",
        SELECTOR,
        "The labels of the pod, as text or as a mapping.",
    )],
    open: false,
};

pub(crate) static DEPLOYMENT: ConnectionSpec = ConnectionSpec {
    kind: "deployment",
    doc: "A container of a ready pod of a deployment, where programs run and from where ports are reached.",
    shape: Object {
        name: "connection",
        fields: &[
            Field::required("deployment", Shape::Template, "The name of the deployment."),
            CONTAINER,
            NAMESPACE,
        ],
        open: false,
    },
    via: Via::Required(&["k8s"]),
};
