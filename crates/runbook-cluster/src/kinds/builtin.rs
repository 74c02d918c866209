//! The kinds that every cluster has.

use std::sync::Arc;

use super::{Kind, Scale};

/// Group, version, kind, plural, short names, categories, and letters: `n` in namespaces, `s` with a status, `c` with
/// a scale, `r` a review.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static str,
);

const ALL: &[&str] = &["all"];

const ROWS: &[Row] = &[
    ("", "v1", "ConfigMap", "configmaps", &["cm"], &[], "n"),
    ("", "v1", "Endpoints", "endpoints", &["ep"], &[], "n"),
    ("", "v1", "Event", "events", &["ev"], &[], "n"),
    ("", "v1", "LimitRange", "limitranges", &["limits"], &[], "n"),
    ("", "v1", "Namespace", "namespaces", &["ns"], &[], "s"),
    ("", "v1", "Node", "nodes", &["no"], &[], "s"),
    (
        "",
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        &["pvc"],
        &[],
        "ns",
    ),
    (
        "",
        "v1",
        "PersistentVolume",
        "persistentvolumes",
        &["pv"],
        &[],
        "s",
    ),
    ("", "v1", "Pod", "pods", &["po"], ALL, "ns"),
    ("", "v1", "ResourceQuota", "resourcequotas", &["quota"], &[], "ns"),
    ("", "v1", "Secret", "secrets", &[], &[], "n"),
    ("", "v1", "ServiceAccount", "serviceaccounts", &["sa"], &[], "n"),
    ("", "v1", "Service", "services", &["svc"], ALL, "ns"),
    (
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        &["crd", "crds"],
        &["api-extensions"],
        "s",
    ),
    (
        "apps",
        "v1",
        "ControllerRevision",
        "controllerrevisions",
        &[],
        &[],
        "n",
    ),
    ("apps", "v1", "DaemonSet", "daemonsets", &["ds"], ALL, "ns"),
    ("apps", "v1", "Deployment", "deployments", &["deploy"], ALL, "nsc"),
    ("apps", "v1", "ReplicaSet", "replicasets", &["rs"], ALL, "nsc"),
    ("apps", "v1", "StatefulSet", "statefulsets", &["sts"], ALL, "nsc"),
    (
        "authentication.k8s.io",
        "v1",
        "SelfSubjectReview",
        "selfsubjectreviews",
        &[],
        &[],
        "r",
    ),
    (
        "authorization.k8s.io",
        "v1",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        &[],
        &[],
        "r",
    ),
    (
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        &["hpa"],
        ALL,
        "ns",
    ),
    ("batch", "v1", "CronJob", "cronjobs", &["cj"], ALL, "ns"),
    ("batch", "v1", "Job", "jobs", &[], ALL, "ns"),
    ("coordination.k8s.io", "v1", "Lease", "leases", &[], &[], "n"),
    (
        "discovery.k8s.io",
        "v1",
        "EndpointSlice",
        "endpointslices",
        &[],
        &[],
        "n",
    ),
    ("metrics.k8s.io", "v1beta1", "NodeMetrics", "nodes", &[], &[], ""),
    ("metrics.k8s.io", "v1beta1", "PodMetrics", "pods", &[], &[], "n"),
    (
        "networking.k8s.io",
        "v1",
        "IngressClass",
        "ingressclasses",
        &[],
        &[],
        "",
    ),
    (
        "networking.k8s.io",
        "v1",
        "Ingress",
        "ingresses",
        &["ing"],
        &[],
        "ns",
    ),
    (
        "networking.k8s.io",
        "v1",
        "NetworkPolicy",
        "networkpolicies",
        &["netpol"],
        &[],
        "n",
    ),
    (
        "policy",
        "v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        &["pdb"],
        &[],
        "ns",
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        &[],
        &[],
        "",
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "ClusterRole",
        "clusterroles",
        &[],
        &[],
        "",
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "RoleBinding",
        "rolebindings",
        &[],
        &[],
        "n",
    ),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", &[], &[], "n"),
    (
        "scheduling.k8s.io",
        "v1",
        "PriorityClass",
        "priorityclasses",
        &["pc"],
        &[],
        "",
    ),
    (
        "storage.k8s.io",
        "v1",
        "StorageClass",
        "storageclasses",
        &["sc"],
        &[],
        "",
    ),
];

/// All of them.
pub(super) fn all() -> Vec<Arc<Kind>> {
    ROWS.iter().map(|row| Arc::new(of(row))).collect()
}

fn of((group, version, kind, plural, short, categories, letters): &Row) -> Kind {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<String>>();
    let has = |letter| letters.contains(letter);
    let singular = match *group {
        // The kinds of metrics are told apart from pods and nodes by having no singular of their own.
        "metrics.k8s.io" => String::new(),
        _ => kind.to_lowercase(),
    };
    Kind {
        group: (*group).to_owned(),
        version: (*version).to_owned(),
        kind: (*kind).to_owned(),
        plural: (*plural).to_owned(),
        singular,
        short: owned(short),
        categories: owned(categories),
        namespaced: has('n'),
        status: has('s'),
        scale: has('c').then(|| Scale {
            wanted: "/spec/replicas".to_owned(),
            actual: "/status/replicas".to_owned(),
            selector: Some("/spec/selector".to_owned()),
        }),
        custom: None,
        review: has('r'),
    }
}
