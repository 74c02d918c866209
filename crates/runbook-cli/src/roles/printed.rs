//! Roles as text that `kubectl apply` takes, and as data.

use std::fmt::Write as _;

use runbook_action_k8s::rights::{Role, Rule, Scope};
use runbook_plan::About;
use serde_json::{Map, Value, json};

use super::{Cluster, Needs};

/// The version in which roles are written.
const VERSION: &str = "rbac.authorization.k8s.io/v1";

/// A role with the name and the words that go with it.
struct Named<'a> {
    role: Role,
    name: String,
    /// What it is for, and how it is bound.
    words: Vec<String>,
    cluster: &'a Cluster,
}

impl Named<'_> {
    const fn kind(&self) -> &'static str {
        match self.role.scope {
            Scope::Own | Scope::Namespace(_) => "Role",
            Scope::Unknown(_) | Scope::Everywhere => "ClusterRole",
        }
    }

    /// The object itself.
    fn object(&self) -> Value {
        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), self.name.clone().into());
        if let Scope::Namespace(namespace) = &self.role.scope {
            metadata.insert("namespace".to_owned(), namespace.clone().into());
        }
        let rules: Value = self.role.rules.iter().map(rule).collect();
        json!({"apiVersion": VERSION, "kind": self.kind(), "metadata": metadata, "rules": rules})
    }
}

fn rule(rule: &Rule) -> Value {
    let mut told = Map::new();
    told.insert("apiGroups".to_owned(), json!([rule.group]));
    told.insert("resources".to_owned(), json!(rule.resources));
    if !rule.names.is_empty() {
        told.insert("resourceNames".to_owned(), json!(rule.names));
    }
    told.insert("verbs".to_owned(), json!(rule.verbs));
    Value::Object(told)
}

/// The roles of all clusters, in order.
fn named<'a>(about: &About, needs: &'a Needs) -> Vec<Named<'a>> {
    let mut all = Vec::new();
    for (at, cluster) in needs.clusters.iter().enumerate() {
        let mut stem = format!("runbook-{}", slug(&about.name));
        if needs.clusters.len() > 1 {
            stem = format!("{stem}-{}", slug(&cluster.name));
            let earlier = needs
                .clusters
                .iter()
                .take(at)
                .filter(|known| known.name == cluster.name)
                .count();
            if earlier > 0 {
                stem = format!("{stem}-{}", earlier + 1);
            }
        }
        let roles = cluster.rights.roles();
        let has_own = roles.iter().any(|role| role.scope == Scope::Own);
        let mut open = 0;
        for role in roles {
            let (name, words) = match &role.scope {
                Scope::Own => (
                    stem.clone(),
                    "in the namespace of the kubeconfig's context, or of the pod in which the run is"
                        .to_owned(),
                ),
                // The context's own namespace may be the same one.
                Scope::Namespace(namespace) if has_own => (
                    format!("{stem}-{namespace}"),
                    format!("in the namespace `{namespace}`"),
                ),
                Scope::Namespace(namespace) => (stem.clone(), format!("in the namespace `{namespace}`")),
                Scope::Unknown(expression) => {
                    open += 1;
                    let words = format!("in the namespace `{expression}`: bind it there, by a RoleBinding");
                    (format!("{stem}-in-{open}"), words)
                }
                Scope::Everywhere => (
                    format!("{stem}-everywhere"),
                    "in all namespaces, and about what is in none: bind it by a ClusterRoleBinding"
                        .to_owned(),
                ),
            };
            all.push(Named {
                role,
                name,
                words: vec![format!("On the cluster of `{}`, {words}.", cluster.name)],
                cluster,
            });
        }
    }
    all
}

/// A name that objects of a cluster can have.
fn slug(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars()
        .map(plain)
        .collect::<String>()
        .trim_matches('-')
        .to_owned()
}

/// As text that `kubectl apply` takes.
pub(crate) fn yaml(about: &About, needs: &Needs) -> String {
    let all = named(about, needs);
    let mut text = format!(
        "# What `{}` {} asks of Kubernetes clusters.\n",
        about.name, about.version
    );
    if all.is_empty() {
        text.push_str("# It asks nothing of any.\n");
    }
    for cluster in &needs.clusters {
        for note in cluster.rights.notes() {
            // What stands in a comment stays in it.
            let note = note.split_whitespace().collect::<Vec<_>>().join(" ");
            let _written = writeln!(text, "# On the cluster of `{}`: {note}.", cluster.name).is_ok();
        }
    }
    for one in &all {
        text.push_str("---\n");
        for word in &one.words {
            let _written = writeln!(
                text,
                "# {}",
                word.split_whitespace().collect::<Vec<_>>().join(" ")
            )
            .is_ok();
        }
        text.push_str(&written(&one.object()));
    }
    text
}

/// An object of two levels and a list of rules, each list on one line.
fn written(object: &Value) -> String {
    let mut text = String::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        match value {
            Value::Object(fields) => {
                let _written = writeln!(text, "{key}:").is_ok();
                for (key, value) in fields {
                    let _written = writeln!(text, "  {key}: {value}").is_ok();
                }
            }
            Value::Array(rules) => {
                let _written = writeln!(text, "{key}:").is_ok();
                for rule in rules {
                    let fields = rule.as_object().into_iter().flatten();
                    for (at, (key, value)) in fields.enumerate() {
                        let mark = if at == 0 { "-" } else { " " };
                        let _written = writeln!(text, "  {mark} {key}: {value}").is_ok();
                    }
                }
            }
            Value::String(plain) => {
                let _written = writeln!(text, "{key}: {plain}").is_ok();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    text
}

/// As data.
pub(crate) fn json(about: &About, needs: &Needs) -> Value {
    let all = named(about, needs);
    let clusters = needs.clusters.iter().map(|cluster| {
        let own = all.iter().filter(|one| std::ptr::eq(one.cluster, cluster));
        json!({
            "connection": cluster.name,
            "notes": cluster.rights.notes().collect::<Vec<_>>(),
            "roles": own.map(Named::object).collect::<Vec<_>>(),
        })
    });
    let clusters: Value = clusters.collect();
    json!({"runbook": about.name, "version": about.version, "clusters": clusters})
}
