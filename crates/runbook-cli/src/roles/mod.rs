//! The roles that a runbook needs of Kubernetes clusters: from its plan, with everything written out that is known, and
//! without asking anybody.
//!
//! Which action asks what is the table of `runbook-action-k8s`; here is who uses it: steps, gates, undos, what runs in
//! pods and what is reached through them, in the runbook and in those that it calls.

mod printed;

use std::path::Path;

use indexmap::IndexMap;
use runbook_action::{Param, Text};
use runbook_action_k8s::rights::{Manifest, Pods, Rights, Scope, forwarded, of_place};
use runbook_plan::{Action, Body, Catalogue, Check, Connection, Plan, RunbookCall, Step, Undo};
use serde_json::Value;

pub(crate) use self::printed::{json, yaml};

/// What a runbook needs, cluster by cluster.
pub(crate) struct Needs {
    pub(crate) clusters: Vec<Cluster>,
}

/// What it needs of one.
pub(crate) struct Cluster {
    /// The name of its connection.
    pub(crate) name: String,
    /// How the connection is written: two runbooks may mean different clusters by one name.
    params: Param,
    pub(crate) rights: Rights,
}

impl Needs {
    /// Those of a plan for these inputs.
    pub(crate) fn of(
        plan: &Plan,
        catalogue: &Catalogue,
        inputs: &IndexMap<String, Value>,
        root: &Path,
    ) -> Self {
        let mut walk = Walk {
            catalogue,
            root,
            clusters: Vec::new(),
        };
        walk.plan(plan, inputs);
        Self {
            clusters: walk.clusters,
        }
    }
}

/// Goes through a plan.
struct Walk<'a> {
    catalogue: &'a Catalogue,
    root: &'a Path,
    clusters: Vec<Cluster>,
}

impl Walk<'_> {
    fn plan(&mut self, plan: &Plan, inputs: &IndexMap<String, Value>) {
        let foreseen = plan.foreseen(self.catalogue, inputs);
        let plan = foreseen.plan();
        self.checks(plan, plan.detect());
        self.checks(plan, plan.guards());
        for step in plan.steps() {
            self.step(plan, step);
        }
        self.checks(plan, plan.verify());
    }

    fn checks<'c>(&mut self, plan: &Plan, checks: impl IntoIterator<Item = &'c Check>) {
        for check in checks {
            self.action(plan, &check.action, false);
        }
    }

    fn step(&mut self, plan: &Plan, step: &Step) {
        self.checks(plan, &step.require);
        if let Some(before) = &step.before {
            self.action(plan, &before.action, false);
        }
        match &step.body {
            Body::Action(action) => self.action(plan, action, matches!(step.undo, Undo::Auto)),
            Body::Checks(rows) => self.checks(plan, rows.iter().map(|row| &row.check)),
            Body::Runbook(call) => self.call(call),
            Body::Group(steps) | Body::Choose(steps) | Body::FirstOf(steps) => {
                for step in steps {
                    self.step(plan, step);
                }
            }
            Body::Manual(_)
            | Body::Wait(_)
            | Body::Notify(_)
            | Body::Fail(_)
            | Body::Let(_)
            | Body::Undo(_) => {}
        }
        for then in &step.then {
            self.action(plan, &then.action, false);
        }
        self.checks(plan, &step.verify);
        match &step.undo {
            Undo::Action(undo) => {
                self.action(plan, &undo.action, false);
                self.checks(plan, &undo.verify);
            }
            Undo::Steps(steps) => {
                for step in steps {
                    self.step(plan, step);
                }
            }
            Undo::Auto | Undo::Within | Undo::Irreversible(_) | Undo::NotNeeded | Undo::Undeclared => {}
        }
    }

    /// A runbook that is called, with what is known of its inputs.
    fn call(&mut self, call: &RunbookCall) {
        let Some(plan) = &call.plan else { return };
        let mut inputs = IndexMap::new();
        for input in plan.inputs() {
            let value = match call.inputs.get(&input.name) {
                Some(given) => Some(given.sketch()).filter(is_known).map(|given| given.reveal()),
                None => input.default.clone(),
            };
            inputs.extend(value.map(|value| (input.name.clone(), value)));
        }
        self.plan(plan, &inputs);
    }

    /// What an action asks of the clusters on the way to what it talks to.
    fn action(&mut self, plan: &Plan, action: &Action, undone: bool) {
        let Some(name) = &action.connection else { return };
        let way = way(plan, name);
        for (at, link) in way.iter().enumerate() {
            let params = link.params.sketch();
            let behind = way.get(at + 1);
            match link.kind {
                "k8s" if at == 0 => {
                    let rights = self.of_action(action, &scope(&params), undone);
                    self.add(link, rights);
                }
                "pod" | "deployment" => {
                    let Some(cluster) = behind else { continue };
                    let own = scope(&cluster.params.sketch());
                    let Some((pods, scope)) = Pods::of(&params, &own) else {
                        continue;
                    };
                    let rights = if at == 0 {
                        of_place(&pods, &scope)
                    } else {
                        forwarded(&pods, &scope)
                    };
                    self.add(cluster, rights);
                }
                _ => {}
            }
        }
    }

    /// What an action asks of the cluster that it is about.
    fn of_action(&self, action: &Action, own: &Scope, undone: bool) -> Rights {
        let files = |path: &str| manifests(&self.root.join(path));
        let read = match action.kind {
            "k8s" => Rights::of(&action.params.sketch(), own, undone, &files),
            _ => return unknown(action),
        };
        read.unwrap_or_else(|_refused| unknown(action))
    }

    fn add(&mut self, connection: &Connection, rights: Rights) {
        let params = connection.params.sketch();
        let is_it = |known: &&mut Cluster| known.name == connection.name && known.params == params;
        if let Some(known) = self.clusters.iter_mut().find(is_it) {
            known.rights.add(rights);
            return;
        }
        let mut cluster = Cluster {
            name: connection.name.clone(),
            rights,
            params,
        };
        if let Some(user) = cluster.params.get("k8s").and_then(|access| access.get("as")) {
            let user = user.masked();
            cluster.rights.note(format!(
                "the connection acts as {user}: the roles are for that user, whom whoever runs it must be allowed to `impersonate`"
            ));
        }
        self.clusters.push(cluster);
    }
}

/// What cannot be worked out is said.
fn unknown(action: &Action) -> Rights {
    let mut rights = Rights::default();
    rights.note(format!(
        "what `{}` needs is not known before the run",
        action.summary
    ));
    rights
}

/// A connection, what it goes through, and so on.
fn way<'p>(plan: &'p Plan, name: &str) -> Vec<&'p Connection> {
    let mut way: Vec<&Connection> = Vec::new();
    let mut next = Some(name);
    while let Some(name) = next {
        let found = plan.connections().iter().find(|known| known.name == name);
        // A compiled plan has no circles.
        next = found.and_then(|found| found.via.as_deref());
        way.extend(found);
    }
    way
}

/// The namespace of a connection of kind `k8s`.
fn scope(params: &Param) -> Scope {
    match params.get("k8s").and_then(|access| access.get("namespace")) {
        Some(Param::Text(text)) => Scope::of(text),
        Some(Param::Null | Param::Bool(_) | Param::Number(_) | Param::List(_) | Param::Map(_)) | None => {
            Scope::Own
        }
    }
}

fn is_known(param: &Param) -> bool {
    match param {
        Param::Text(text) => !text.is_unknown() && !text.is_secret(),
        Param::List(items) => items.iter().all(is_known),
        Param::Map(map) => map.values().all(is_known),
        Param::Null | Param::Bool(_) | Param::Number(_) => true,
    }
}

/// The manifests in a file, if it can be read.
fn manifests(path: &Path) -> Option<Vec<Manifest>> {
    use serde::Deserialize as _;
    let text = std::fs::read_to_string(path).ok()?;
    let mut found = Vec::new();
    for document in serde_yaml::Deserializer::from_str(&text) {
        let body = Value::deserialize(document).ok()?;
        let items = body.get("items").and_then(Value::as_array);
        let is_list = body["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
        match items.filter(|_| is_list) {
            Some(items) => found.extend(items.iter().map(manifest)),
            None if body.is_null() => {}
            None => found.push(manifest(&body)),
        }
    }
    Some(found)
}

fn manifest(body: &Value) -> Manifest {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Manifest {
        api_version: text("/apiVersion").unwrap_or_default(),
        kind: text("/kind").unwrap_or_default(),
        name: text("/metadata/name"),
        namespace: text("/metadata/namespace").map(|name| Scope::of(&Text::literal(name))),
    }
}
