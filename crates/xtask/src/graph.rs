//! Which package depends on which, as `cargo metadata` tells.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use serde_json::Value;

use crate::program;

/// The normal dependencies (not those of tests or build scripts) of everything that is built.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// The name of each of our crates, and its id.
    ours: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
    /// From id to ids. A procedural macro has none: what it uses runs in the compiler.
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Asks cargo. All targets' and all members' features count together, so it errs on the strict side.
    pub(crate) fn load(root: &Path) -> Result<Self, String> {
        let mut cargo = program::cargo();
        cargo
            .current_dir(root)
            .args(["metadata", "--format-version", "1", "--locked"]);
        let text = program::output(&mut cargo)?;
        let metadata = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
        Ok(Self::parse(&metadata))
    }

    fn parse(metadata: &Value) -> Self {
        let mut graph = Self::default();
        let members: BTreeSet<&str> = texts(&metadata["workspace_members"]).collect();
        let mut macros = BTreeSet::new();
        for package in items(&metadata["packages"]) {
            let (id, name) = (text(&package["id"]), text(&package["name"]));
            graph.names.insert(id.to_owned(), name.to_owned());
            if members.contains(id) {
                graph.ours.insert(name.to_owned(), id.to_owned());
            }
            if items(&package["targets"])
                .any(|target| texts(&target["kind"]).any(|kind| kind == "proc-macro"))
            {
                macros.insert(id);
            }
        }
        for node in items(&metadata["resolve"]["nodes"]) {
            let id = text(&node["id"]);
            if macros.contains(id) {
                continue;
            }
            let normal = items(&node["deps"])
                .filter(|edge| items(&edge["dep_kinds"]).any(|kind| kind["kind"].is_null()))
                .map(|edge| text(&edge["pkg"]).to_owned());
            graph.edges.insert(id.to_owned(), normal.collect());
        }
        graph
    }

    /// A graph in which the packages of `ours` belong to the workspace.
    #[cfg(test)]
    pub(crate) fn of(ours: &[&str], edges: &[(&str, &[&str])]) -> Self {
        let all = edges.iter().flat_map(|(from, to)| to.iter().chain([from]));
        Self {
            ours: ours
                .iter()
                .map(|name| ((*name).to_owned(), (*name).to_owned()))
                .collect(),
            names: all
                .chain(ours)
                .map(|name| ((*name).to_owned(), (*name).to_owned()))
                .collect(),
            edges: edges
                .iter()
                .map(|(from, to)| {
                    (
                        (*from).to_owned(),
                        to.iter().map(|name| (*name).to_owned()).collect(),
                    )
                })
                .collect(),
        }
    }

    /// The names of our crates.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &str> {
        self.ours.keys().map(String::as_str)
    }

    /// Whether it is one of our crates.
    pub(crate) fn is_ours(&self, name: &str) -> bool {
        self.ours.contains_key(name)
    }

    /// What one of our crates names in its own manifest.
    pub(crate) fn direct(&self, name: &str) -> BTreeSet<&str> {
        let edges = self.ours.get(name).and_then(|id| self.edges.get(id));
        edges.into_iter().flatten().map(|id| self.name(id)).collect()
    }

    /// Everything that one of our crates links, each with a shortest path to it that begins with the crate.
    pub(crate) fn reached(&self, name: &str) -> BTreeMap<&str, Vec<&str>> {
        let mut reached: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut waiting = VecDeque::new();
        if let Some((name, id)) = self.ours.get_key_value(name) {
            waiting.push_back((id.as_str(), vec![name.as_str()]));
        }
        let mut seen = BTreeSet::new();
        while let Some((id, path)) = waiting.pop_front() {
            if !seen.insert(id) {
                continue;
            }
            for next in self.edges.get(id).into_iter().flatten() {
                let mut longer = path.clone();
                longer.push(self.name(next));
                waiting.push_back((next.as_str(), longer));
            }
            reached.entry(self.name(id)).or_insert(path);
        }
        reached.remove(name);
        reached
    }

    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    items(value).map(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, kind: &str) -> Value {
        json!({"id": format!("{name}#1"), "name": name, "targets": [{"kind": [kind]}]})
    }

    #[test]
    fn only_normal_edges_count_and_macros_end_a_path() {
        let normal = |id: &str| json!({"pkg": id, "dep_kinds": [{"kind": null}]});
        let dev = |id: &str| json!({"pkg": id, "dep_kinds": [{"kind": "dev"}]});
        let graph = Graph::parse(&json!({
            "workspace_members": ["mine#1"],
            "packages": [
                package("mine", "lib"), package("derive", "proc-macro"), package("syn", "lib"),
                package("tempfile", "lib"), package("leaf", "lib"),
            ],
            "resolve": {"nodes": [
                {"id": "mine#1", "deps": [normal("derive#1"), dev("tempfile#1"), normal("leaf#1")]},
                {"id": "derive#1", "deps": [normal("syn#1")]},
            ]},
        }));
        assert_eq!(graph.ours().collect::<Vec<_>>(), ["mine"]);
        assert_eq!(graph.direct("mine"), BTreeSet::from(["derive", "leaf"]));
        assert_eq!(
            graph.reached("mine").into_keys().collect::<Vec<_>>(),
            ["derive", "leaf"]
        );
    }

    #[test]
    fn a_path_names_each_step() {
        let graph = Graph::of(&["a"], &[("a", &["b"]), ("b", &["c"]), ("c", &["a"])]);
        assert_eq!(graph.reached("a")["c"], ["a", "b", "c"]);
    }
}
