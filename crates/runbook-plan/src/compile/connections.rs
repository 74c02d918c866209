//! Connections: the runbook's, as its environment replaces them.

use runbook_action::ConnectionSpec;
use runbook_document::{Connection as Written, Finding, codes, nearest};

use super::Compiler;
use super::names::Names;
use crate::plan::Connection;

/// Kinds of connections that are part of the language and that this version cannot use yet.
const LATER: &[&str] = &[
    "prometheus",
    "ssh",
    "docker",
    "compose",
    "k8s",
    "container",
    "pod",
    "deployment",
    "systemd",
    "local",
];

impl Compiler<'_, '_> {
    /// The connections that the runbook declares or names, each as it is in this environment. What else the
    /// environment has belongs to other runbooks.
    pub(super) fn connections(&mut self) -> Vec<Connection> {
        let document = self.request.document;
        let replaced = self
            .environment
            .map_or(&[] as &[Written], |environment| &environment.connections);
        let kept = document
            .connections
            .iter()
            .filter(|own| replaced.iter().all(|other| other.name.value != own.name.value));
        let all: Vec<&Written> = kept.chain(replaced).collect();
        self.global.connections = all.iter().map(|written| written.name.value.clone()).collect();
        let declared = |written: &Written| {
            document
                .connections
                .iter()
                .any(|own| own.name.value == written.name.value)
        };
        all.into_iter()
            .filter_map(|written| {
                if declared(written) {
                    self.connection(written)
                } else {
                    self.foreign_connection(written)
                }
            })
            .collect()
    }

    /// A connection that only the environment has may be for other runbooks: that it needs an input or a secret
    /// which this one lacks is wrong only if something goes through it.
    fn foreign_connection(&mut self, written: &Written) -> Option<Connection> {
        let others = std::mem::take(self.findings);
        let connection = self.connection(written);
        let own = std::mem::replace(self.findings, others).into_sorted();
        let (names, rest): (Vec<_>, Vec<_>) = own
            .into_iter()
            .partition(|finding| finding.code == codes::UNKNOWN_NAME);
        for finding in rest {
            self.findings.push(finding);
        }
        if !names.is_empty() {
            self.unfit.insert(written.name.value.clone(), names);
        }
        connection
    }

    /// What is wrong with connections of the environment that are used after all.
    pub(super) fn report_unfit(&mut self) {
        for (name, findings) in std::mem::take(&mut self.unfit) {
            if self.used_connections.contains(&name) {
                for finding in findings {
                    self.findings.push(finding);
                }
            }
        }
    }

    fn connection(&mut self, written: &Written) -> Option<Connection> {
        let specs = self.request.catalogue.connections();
        let entries = written.node.entries();
        let found = entries
            .iter()
            .find_map(|entry| specs.iter().find(|spec| spec.kind == entry.key.value));
        let Some(spec) = found else {
            self.unknown_kind(written, &specs);
            return None;
        };
        if let Some(via) = entries.iter().find(|entry| entry.key.value == "via") {
            let message = "`via` is part of the language, but this version cannot use it yet";
            self.findings
                .push(Finding::error(codes::NOT_YET, via.key.span, message));
            return None;
        }
        if !runbook_document::check(
            &written.node,
            &runbook_action::schema::Shape::Object(&spec.shape),
            self.findings,
        ) {
            return None;
        }
        let used = self.used_secrets.clone();
        let uses_lab = std::mem::take(&mut self.uses_lab);
        let params = self.template(
            &written.node,
            &runbook_action::schema::Shape::Object(&spec.shape),
            &Names::default(),
        );
        let own: Vec<String> = self.used_secrets.difference(&used).cloned().collect();
        // What a connection uses counts as used when the connection is.
        self.used_secrets = used;
        if std::mem::replace(&mut self.uses_lab, uses_lab) {
            self.global.in_lab.push(written.name.value.clone());
        }
        self.global
            .connection_secrets
            .insert(written.name.value.clone(), own);
        Some(Connection {
            name: written.name.value.clone(),
            kind: spec.kind,
            params: params?,
        })
    }

    fn unknown_kind(&mut self, written: &Written, specs: &[&ConnectionSpec]) {
        let entries = written.node.entries();
        if let Some(entry) = entries
            .iter()
            .find(|entry| LATER.contains(&entry.key.value.as_str()) || entry.key.value == "via")
        {
            let message = format!(
                "a connection with `{}` is part of the language, but this version cannot use it yet",
                entry.key.value
            );
            self.findings
                .push(Finding::error(codes::NOT_YET, entry.key.span, message));
            return;
        }
        let kinds: Vec<&str> = specs.iter().map(|spec| spec.kind).collect();
        let message = format!("connection `{}` has no kind", written.name.value);
        let meant = entries
            .iter()
            .find_map(|entry| nearest(&entry.key.value, kinds.iter().copied()));
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!(
                "begin with one of {}: `{{{}: \"…\"}}`",
                kinds.join(", "),
                kinds.first().unwrap_or(&"http")
            ),
        };
        self.findings
            .push(Finding::error(codes::UNKNOWN_CONNECTION, written.name.span, message).help(help));
    }

    /// Something goes through this connection.
    pub(super) fn use_connection(&mut self, name: &str) {
        self.used_connections.insert(name.to_owned());
        self.uses_lab |= self.global.in_lab.iter().any(|known| known == name);
        if let Some(secrets) = self.global.connection_secrets.get(name) {
            self.used_secrets.extend(secrets.iter().cloned());
        }
    }
}
