//! The files of the repository, loaded once, so that each check is a function over texts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program;

/// The files that are or would be committed, by their path from the root.
#[derive(Debug, Default)]
pub(crate) struct Repo {
    paths: BTreeSet<String>,
    texts: BTreeMap<String, String>,
}

impl Repo {
    /// All files that git tracks, or would if told to add everything.
    pub(crate) fn load(root: &Path) -> Result<Self, String> {
        let mut git = Command::new("git");
        git.current_dir(root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = program::output(&mut git)?;
        let mut repo = Self::default();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            // A file that is deleted but still in the index is on its way out.
            let Ok(bytes) = fs::read(root.join(path)) else {
                continue;
            };
            repo.paths.insert(path.to_owned());
            if let Ok(text) = String::from_utf8(bytes) {
                repo.texts.insert(path.to_owned(), text);
            }
        }
        Ok(repo)
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self {
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
            texts: files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
        }
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// All texts, by path.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The texts whose path ends so.
    pub(crate) fn ending(&self, suffix: &'static str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.ends_with(suffix))
    }

    /// Whether this is a file, or a directory with files in it. The empty path is the root.
    pub(crate) fn has(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        path.is_empty()
            || self.paths.contains(path)
            || self
                .paths
                .range(inside.clone()..)
                .next()
                .is_some_and(|next| next.starts_with(&inside))
    }

    /// The names of the directories under `crates/`.
    pub(crate) fn crates(&self) -> BTreeSet<&str> {
        let inside = self.paths.iter().filter_map(|path| path.strip_prefix("crates/"));
        inside
            .filter_map(|path| path.split_once('/'))
            .map(|(name, _)| name)
            .collect()
    }

    /// The Rust files in the `src` of one crate.
    pub(crate) fn sources<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let inside = format!("crates/{name}/src/");
        self.ending(".rs")
            .filter(move |(path, _)| path.starts_with(&inside))
    }

    /// Every line of the `src` of our crates, with its file and number; but of this crate, whose tests are full of
    /// examples.
    pub(crate) fn source_lines(&self) -> impl Iterator<Item = (&str, usize, &str)> {
        let shipped = self
            .crates()
            .into_iter()
            .filter(|name| *name != env!("CARGO_PKG_NAME"));
        let files = shipped.flat_map(|name| self.sources(name));
        files.flat_map(|(path, text)| {
            (1..)
                .zip(text.lines())
                .map(move |(number, line)| (path, number, line))
        })
    }

    /// The line of a crate's manifest on which a dependency is declared, or its first line.
    pub(crate) fn dependency_line(&self, name: &str, dependency: &str) -> usize {
        let manifest = self
            .text(&format!("crates/{name}/Cargo.toml"))
            .unwrap_or_default();
        let declares = |line: &str| {
            line.strip_prefix(dependency)
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        };
        manifest.lines().position(declares).map_or(1, |index| index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_known_by_its_files() {
        let repo = Repo::of(&[("book/src/a.md", ""), ("book.toml", "")]);
        assert!(repo.has("book") && repo.has("book/src") && repo.has("book.toml") && repo.has(""));
        assert!(!repo.has("boo") && !repo.has("book/src/b.md") && !repo.has("target"));
    }

    #[test]
    fn a_dependency_is_found_by_its_whole_name() {
        let manifest = "[dependencies]\nserde_json.workspace = true\nserde = \"1\"\n";
        let repo = Repo::of(&[("crates/a/Cargo.toml", manifest)]);
        assert_eq!(repo.dependency_line("a", "serde"), 3);
        assert_eq!(repo.dependency_line("a", "serde_json"), 2);
        assert_eq!(repo.dependency_line("a", "tokio"), 1);
    }
}
