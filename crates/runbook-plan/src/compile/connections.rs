//! Connections: the runbook's, as its environment replaces them, and what they go through.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use runbook_action::schema::Shape;
use runbook_action::{ConnectionSpec, Via};
use runbook_document::{Connection as Written, Finding, Kind, Node, Span, codes, nearest};

use super::Compiler;
use super::names::Names;
use crate::plan::{Connection, Part};

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
        let specs = self.request.catalogue.connections();
        let kinds: IndexMap<&str, &'static ConnectionSpec> = all
            .iter()
            .filter_map(|written| Some((written.name.value.as_str(), kind_of(&written.node, &specs)?)))
            .collect();
        let declared = |written: &Written| {
            document
                .connections
                .iter()
                .any(|own| own.name.value == written.name.value)
        };
        let mut connections: Vec<Connection> = Vec::new();
        for written in &all {
            let connection = if declared(written) {
                self.connection(written, &kinds)
            } else {
                self.foreign_connection(written, &kinds)
            };
            connections.extend(connection);
        }
        self.find_circles(&connections);
        connections
    }

    /// A connection that only the environment has may be for other runbooks: that it needs an input or a secret
    /// which this one lacks is wrong only if something goes through it.
    fn foreign_connection(
        &mut self,
        written: &Written,
        kinds: &IndexMap<&str, &'static ConnectionSpec>,
    ) -> Option<Connection> {
        let others = std::mem::take(self.findings);
        let connection = self.connection(written, kinds);
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

    fn connection(
        &mut self,
        written: &Written,
        kinds: &IndexMap<&str, &'static ConnectionSpec>,
    ) -> Option<Connection> {
        let Some(spec) = kinds.get(written.name.value.as_str()).copied() else {
            self.unknown_kind(written);
            return None;
        };
        let via = self.via(written, spec, kinds);
        // `via` is the same for all kinds, and judged above.
        let own = without(&written.node, "via");
        let shape = Shape::Object(&spec.shape);
        if !runbook_document::check(&own, &shape, self.findings) {
            return None;
        }
        let used = self.used_secrets.clone();
        let inputs = self.used.clone();
        let uses_lab = std::mem::take(&mut self.uses_lab);
        let params = self.template(&own, &shape, &Names::default());
        let secrets: Vec<String> = self.used_secrets.difference(&used).cloned().collect();
        // What a connection uses counts as used when the connection is.
        self.used_secrets = used;
        let more = std::mem::replace(&mut self.used, inputs);
        self.connection_uses.insert(
            written.name.value.clone(),
            more.difference(&self.used).cloned().collect(),
        );
        if std::mem::replace(&mut self.uses_lab, uses_lab) {
            self.global.in_lab.push(written.name.value.clone());
        }
        self.global
            .connection_secrets
            .insert(written.name.value.clone(), secrets);
        Some(Connection {
            name: written.name.value.clone(),
            kind: spec.kind,
            via: via?,
            params: params?,
            span: written.name.span,
        })
    }

    /// What a connection goes through. The outer `None` says that a finding was made.
    #[expect(
        clippy::option_option,
        reason = "the outer level is a failure that was reported"
    )]
    fn via(
        &mut self,
        written: &Written,
        spec: &ConnectionSpec,
        kinds: &IndexMap<&str, &'static ConnectionSpec>,
    ) -> Option<Option<String>> {
        let fitting = carriers(spec);
        let Some(entry) = written.node.entry("via") else {
            return self.via_unsaid(written, spec, kinds);
        };
        if !runbook_document::check(&entry.value, &Shape::Slug, self.findings) {
            return None;
        }
        let (span, through) = (entry.value.span, entry.value.text().unwrap_or_default());
        match kinds.get(through) {
            _ if spec.via == Via::Never => {
                self.wrong_via(
                    entry.key.span,
                    format!("a connection of kind `{}` goes through no other one", spec.kind),
                    Some("leave `via` out".to_owned()),
                );
                None
            }
            Some(other) if fitting.contains(&other.kind) => {
                self.ask(Part::Key("via"), entry.key.span);
                Some(Some(through.to_owned()))
            }
            Some(other) => {
                let message = format!(
                    "a connection of kind `{}` cannot go through one of kind `{}`",
                    spec.kind, other.kind
                );
                self.wrong_via(
                    span,
                    message,
                    Some(format!(
                        "it can go through one of kind `{}`",
                        fitting.join("`, `")
                    )),
                );
                None
            }
            None => {
                let help = match nearest(through, kinds.keys().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!(
                        "the connections are `{}`",
                        kinds.keys().copied().collect::<Vec<_>>().join("`, `")
                    ),
                };
                self.wrong_via(span, format!("there is no connection `{through}`"), Some(help));
                None
            }
        }
    }

    /// What a connection goes through if that is not said.
    #[expect(
        clippy::option_option,
        reason = "the outer level is a failure that was reported"
    )]
    fn via_unsaid(
        &mut self,
        written: &Written,
        spec: &ConnectionSpec,
        kinds: &IndexMap<&str, &'static ConnectionSpec>,
    ) -> Option<Option<String>> {
        let name = &written.name.value;
        let fitting = carriers(spec);
        let candidates: Vec<&str> = kinds
            .iter()
            .filter(|(_, other)| fitting.contains(&other.kind))
            .map(|(name, _)| *name)
            .collect();
        match (spec.via, candidates.as_slice()) {
            (Via::Never | Via::Named(_), _) => Some(None),
            (Via::Required(_), [only]) => Some(Some((*only).to_owned())),
            (Via::Required(_), []) => {
                let message = format!(
                    "a connection of kind `{}` goes through one of kind `{}`, and there is none",
                    spec.kind,
                    fitting.join("` or `")
                );
                self.wrong_via(
                    written.name.span,
                    message,
                    Some(format!("add one, and name it: `via: NAME` in `{name}`")),
                );
                None
            }
            (Via::Required(_), several) => {
                let message = format!("`{name}` could go through `{}`", several.join("` or `"));
                self.wrong_via(written.name.span, message, Some("name one with `via`".to_owned()));
                None
            }
        }
    }

    fn wrong_via(&mut self, span: Span, message: String, help: Option<String>) {
        self.findings
            .push(Finding::error(codes::WRONG_VIA, span, message).maybe_help(help));
    }

    /// Connections that go through each other.
    fn find_circles(&mut self, connections: &[Connection]) {
        let named: HashMap<&str, &Connection> =
            connections.iter().map(|one| (one.name.as_str(), one)).collect();
        let mut seen: HashSet<&str> = HashSet::new();
        for connection in connections {
            let mut way: Vec<&Connection> = Vec::new();
            let mut next = Some(connection);
            while let Some(one) = next.filter(|one| seen.insert(&one.name)) {
                way.push(one);
                next = one.via.as_deref().and_then(|via| named.get(via).copied());
            }
            // The way ends where it has been before: in itself, or in one that was judged.
            let back = next.and_then(|end| way.iter().position(|one| one.name == end.name));
            if let Some(circle) = back.and_then(|at| way.get(at..)) {
                self.circle_of_connections(circle);
            }
        }
    }

    fn circle_of_connections(&mut self, circle: &[&Connection]) {
        let Some(first) = circle.first() else { return };
        let names: Vec<&str> = circle
            .iter()
            .chain([first])
            .map(|one| one.name.as_str())
            .collect();
        let message = format!("`{}` goes through itself: `{}`", first.name, names.join("` → `"));
        self.wrong_via(first.span, message, Some("remove one `via`".to_owned()));
    }

    fn unknown_kind(&mut self, written: &Written) {
        let specs = self.request.catalogue.connections();
        let entries = written.node.entries();
        let kinds: Vec<&str> = specs.iter().map(|spec| spec.kind).collect();
        let meant = entries
            .iter()
            .find_map(|entry| nearest(&entry.key.value, kinds.iter().copied()));
        let help = match (meant, written.node.text().and_then(with_kind)) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, Some(whole)) => format!("write `{whole}`"),
            (None, None) => format!(
                "its kind is one of `{}`: write `{{http: \"https://…\"}}`",
                kinds.join("`, `")
            ),
        };
        let message = format!("connection `{}` has no kind", written.name.value);
        self.findings
            .push(Finding::error(codes::UNKNOWN_CONNECTION, written.name.span, message).help(help));
    }

    /// Something goes through this connection.
    pub(super) fn use_connection(&mut self, name: &str) {
        if !self.used_connections.insert(name.to_owned()) {
            return;
        }
        self.uses_lab |= self.global.in_lab.iter().any(|known| known == name);
        if let Some(secrets) = self.global.connection_secrets.get(name) {
            self.used_secrets.extend(secrets.iter().cloned());
        }
        let uses = self.connection_uses.get(name).cloned().unwrap_or_default();
        self.used.extend(uses);
    }

    /// What connections go through is used when they are.
    pub(super) fn use_carriers(&mut self, known: &[Connection]) {
        let mut names: Vec<String> = self.used_connections.iter().cloned().collect();
        while let Some(name) = names.pop() {
            let via = known
                .iter()
                .find(|known| known.name == name)
                .and_then(|known| known.via.clone());
            if let Some(via) = via.filter(|via| !self.used_connections.contains(via)) {
                self.use_connection(&via);
                names.push(via);
            }
        }
    }
}

/// The kinds that a connection can go through.
const fn carriers(spec: &ConnectionSpec) -> &'static [&'static str] {
    match spec.via {
        Via::Never => &[],
        Via::Named(kinds) | Via::Required(kinds) => kinds,
    }
}

/// The kind whose key is there. The `container` of a `pod` is a part of that, wherever it stands.
fn kind_of(node: &Node, specs: &[&'static ConnectionSpec]) -> Option<&'static ConnectionSpec> {
    let keys = node.entries().iter().map(|entry| entry.key.value.as_str());
    let kinds: Vec<&'static ConnectionSpec> = keys
        .filter_map(|key| specs.iter().find(|spec| spec.kind == key).copied())
        .collect();
    let is_part = |one: &ConnectionSpec| kinds.iter().any(|other| other.has_part(one.kind));
    let whole = kinds.iter().find(|one| !is_part(one));
    whole.or_else(|| kinds.first()).copied()
}

/// The mapping that a lone address stands for.
fn with_kind(address: &str) -> Option<String> {
    let kind = match address.split_once(':')?.0 {
        "http" | "https" => "http",
        "postgres" | "postgresql" | "mysql" | "sqlite" => "sql",
        _ => return None,
    };
    Some(format!("{{{kind}: {address:?}}}"))
}

/// A mapping without a key.
fn without(node: &Node, key: &str) -> Node {
    let entries = node.entries().iter().filter(|entry| entry.key.value != key);
    Node {
        span: node.span,
        kind: Kind::Map(entries.cloned().collect()),
    }
}
