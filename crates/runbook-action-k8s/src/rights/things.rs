//! The kinds of things that every cluster has, by the names under which authors know them, as roles name them.
//!
//! What a cluster knows besides, only it can tell; of that the usual is assumed, and said.

/// Group, plural, singular, short names, and whether each is in a namespace.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    bool,
);

const ROWS: &[Row] = &[
    ("", "bindings", "binding", &[], true),
    ("", "componentstatuses", "componentstatus", &["cs"], false),
    ("", "configmaps", "configmap", &["cm"], true),
    ("", "endpoints", "endpoints", &["ep"], true),
    ("", "events", "event", &["ev"], true),
    ("", "limitranges", "limitrange", &["limits"], true),
    ("", "namespaces", "namespace", &["ns"], false),
    ("", "nodes", "node", &["no"], false),
    (
        "",
        "persistentvolumeclaims",
        "persistentvolumeclaim",
        &["pvc"],
        true,
    ),
    ("", "persistentvolumes", "persistentvolume", &["pv"], false),
    ("", "pods", "pod", &["po"], true),
    ("", "podtemplates", "podtemplate", &[], true),
    (
        "",
        "replicationcontrollers",
        "replicationcontroller",
        &["rc"],
        true,
    ),
    ("", "resourcequotas", "resourcequota", &["quota"], true),
    ("", "secrets", "secret", &[], true),
    ("", "serviceaccounts", "serviceaccount", &["sa"], true),
    ("", "services", "service", &["svc"], true),
    (
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        "mutatingwebhookconfiguration",
        &[],
        false,
    ),
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicies",
        "validatingadmissionpolicy",
        &[],
        false,
    ),
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicybindings",
        "validatingadmissionpolicybinding",
        &[],
        false,
    ),
    (
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        "validatingwebhookconfiguration",
        &[],
        false,
    ),
    (
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "customresourcedefinition",
        &["crd", "crds"],
        false,
    ),
    ("apiregistration.k8s.io", "apiservices", "apiservice", &[], false),
    ("apps", "controllerrevisions", "controllerrevision", &[], true),
    ("apps", "daemonsets", "daemonset", &["ds"], true),
    ("apps", "deployments", "deployment", &["deploy"], true),
    ("apps", "replicasets", "replicaset", &["rs"], true),
    ("apps", "statefulsets", "statefulset", &["sts"], true),
    (
        "autoscaling",
        "horizontalpodautoscalers",
        "horizontalpodautoscaler",
        &["hpa"],
        true,
    ),
    ("batch", "cronjobs", "cronjob", &["cj"], true),
    ("batch", "jobs", "job", &[], true),
    (
        "certificates.k8s.io",
        "certificatesigningrequests",
        "certificatesigningrequest",
        &["csr"],
        false,
    ),
    ("coordination.k8s.io", "leases", "lease", &[], true),
    ("discovery.k8s.io", "endpointslices", "endpointslice", &[], true),
    (
        "flowcontrol.apiserver.k8s.io",
        "flowschemas",
        "flowschema",
        &[],
        false,
    ),
    (
        "flowcontrol.apiserver.k8s.io",
        "prioritylevelconfigurations",
        "prioritylevelconfiguration",
        &[],
        false,
    ),
    ("networking.k8s.io", "ingressclasses", "ingressclass", &[], false),
    ("networking.k8s.io", "ingresses", "ingress", &["ing"], true),
    (
        "networking.k8s.io",
        "networkpolicies",
        "networkpolicy",
        &["netpol"],
        true,
    ),
    ("node.k8s.io", "runtimeclasses", "runtimeclass", &[], false),
    (
        "policy",
        "poddisruptionbudgets",
        "poddisruptionbudget",
        &["pdb"],
        true,
    ),
    (
        "rbac.authorization.k8s.io",
        "clusterrolebindings",
        "clusterrolebinding",
        &[],
        false,
    ),
    (
        "rbac.authorization.k8s.io",
        "clusterroles",
        "clusterrole",
        &[],
        false,
    ),
    (
        "rbac.authorization.k8s.io",
        "rolebindings",
        "rolebinding",
        &[],
        true,
    ),
    ("rbac.authorization.k8s.io", "roles", "role", &[], true),
    (
        "scheduling.k8s.io",
        "priorityclasses",
        "priorityclass",
        &["pc"],
        false,
    ),
    ("storage.k8s.io", "csidrivers", "csidriver", &[], false),
    ("storage.k8s.io", "csinodes", "csinode", &[], false),
    (
        "storage.k8s.io",
        "csistoragecapacities",
        "csistoragecapacity",
        &[],
        true,
    ),
    ("storage.k8s.io", "storageclasses", "storageclass", &["sc"], false),
    (
        "storage.k8s.io",
        "volumeattachments",
        "volumeattachment",
        &[],
        false,
    ),
];

/// A kind of things, as roles name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    /// `apps`; empty for the first group, and `*` where it is not known.
    pub(super) group: String,
    /// `deployments`.
    pub(super) plural: String,
    /// Whether each of its objects is in a namespace.
    pub(super) namespaced: bool,
    /// What is assumed of it.
    pub(super) assumed: Option<String>,
}

impl Thing {
    /// One that every cluster has.
    pub(super) fn known(group: &str, plural: &str) -> Self {
        Self::found(group, plural).unwrap_or_else(|| Self {
            group: group.to_owned(),
            plural: plural.to_owned(),
            namespaced: true,
            assumed: None,
        })
    }

    /// As an author names it in lower case: `deployment`, `deployments.apps`, `certificates.cert-manager.io`.
    pub(super) fn named(name: &str) -> Self {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        // A version may stand before the group.
        let group = match rest.split_once('.') {
            Some((version, group)) if is_version(version) => group,
            _ => rest,
        };
        let fits = |row: &&Row| group.is_empty() || row.0 == group;
        if let Some(row) = ROWS.iter().filter(fits).find(|row| is_called(row, first)) {
            return Self::of(row);
        }
        let plural = if first.ends_with('s') {
            first.to_owned()
        } else {
            plural(first)
        };
        Self::assumed(group, plural, name)
    }

    /// As a manifest names it: `apps/v1` and `Deployment`.
    pub(super) fn of_manifest(api_version: &str, kind: &str) -> Self {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let name = kind.to_lowercase();
        if let Some(row) = ROWS.iter().find(|row| row.0 == group && row.2 == name) {
            return Self::of(row);
        }
        Self::assumed(group, plural(&name), &format!("{kind}` of `{api_version}"))
    }

    fn found(group: &str, plural: &str) -> Option<Self> {
        let row = ROWS.iter().find(|row| row.0 == group && row.1 == plural);
        row.map(Self::of)
    }

    fn of(row: &Row) -> Self {
        Self {
            group: row.0.to_owned(),
            plural: row.1.to_owned(),
            namespaced: row.4,
            assumed: None,
        }
    }

    fn assumed(group: &str, plural: String, name: &str) -> Self {
        let group = if group.is_empty() { "*" } else { group };
        let of = match group {
            "*" => "of any group".to_owned(),
            group => format!("of the group `{group}`"),
        };
        let assumed = format!(
            "`{name}` is taken to be `{plural}` {of}, in a namespace: only the cluster knows that kind"
        );
        Self {
            group: group.to_owned(),
            plural,
            namespaced: true,
            assumed: Some(assumed),
        }
    }

    /// Whether it is this kind.
    pub(super) fn is(&self, group: &str, plural: &str) -> bool {
        self.group == group && self.plural == plural
    }
}

fn is_called(row: &Row, name: &str) -> bool {
    row.1 == name || row.2 == name || row.3.contains(&name)
}

fn is_version(text: &str) -> bool {
    text.strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The plural that kubectl would guess.
fn plural(singular: &str) -> String {
    let ends = |ending: &[&str]| ending.iter().any(|ending| singular.ends_with(ending));
    if ends(&["s", "x", "z", "ch", "sh"]) {
        return format!("{singular}es");
    }
    match singular.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        Some(_) | None => format!("{singular}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_as_roles_name_them() {
        for (name, group, plural, namespaced, assumed) in [
            ("deploy", "apps", "deployments", true, false),
            ("deployments.v1.apps", "apps", "deployments", true, false),
            ("pods", "", "pods", true, false),
            ("node", "", "nodes", false, false),
            (
                "certificates.cert-manager.io",
                "cert-manager.io",
                "certificates",
                true,
                true,
            ),
            ("policy.example.org", "example.org", "policies", true, true),
            ("widget", "*", "widgets", true, true),
        ] {
            let thing = Thing::named(name);
            assert_eq!(
                (thing.group.as_str(), thing.plural.as_str()),
                (group, plural),
                "{name}"
            );
            assert_eq!(thing.namespaced, namespaced, "{name}");
            assert_eq!(thing.assumed.is_some(), assumed, "{name}");
        }
    }

    #[test]
    fn so_are_those_of_manifests() {
        assert_eq!(Thing::of_manifest("v1", "Endpoints").plural, "endpoints");
        assert_eq!(
            Thing::of_manifest("networking.k8s.io/v1", "Ingress").plural,
            "ingresses"
        );
        let own = Thing::of_manifest("example.org/v1", "Gateway");
        assert_eq!(
            (own.plural.as_str(), own.group.as_str()),
            ("gateways", "example.org")
        );
    }
}
