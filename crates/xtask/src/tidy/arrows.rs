//! Our crates depend on each other as the table in ARCHITECTURE.md allows, and the table lists exactly our crates.

use std::collections::BTreeSet;

use super::crate_table::{Allowed, MAP, Table, parse, short};
use crate::finding::Finding;
use crate::graph::Graph;
use crate::repo::Repo;

/// Compares the table with the directories and with cargo.
pub(super) fn check(repo: &Repo, graph: &Graph) -> Vec<Finding> {
    let table = parse(repo.text(MAP).unwrap_or_default());
    if table.is_empty() {
        return vec![Finding::new(MAP, 1, "no table whose first column is `crate`")];
    }
    let mut findings = rows_against_directories(repo, &table);
    findings.extend(rows_against_themselves(&table));
    for name in graph.ours() {
        let Some((_, allowed)) = table.get(short(name)) else {
            continue;
        };
        for dependency in graph
            .direct(name)
            .into_iter()
            .filter(|dependency| graph.is_ours(dependency))
        {
            if let Some(message) = forbidden(name, allowed, dependency, &table) {
                let manifest = format!("crates/{name}/Cargo.toml");
                findings.push(Finding::new(
                    &manifest,
                    repo.dependency_line(name, dependency),
                    message,
                ));
            }
        }
    }
    findings
}

fn rows_against_directories(repo: &Repo, table: &Table) -> Vec<Finding> {
    let crates: BTreeSet<&str> = repo.crates().into_iter().map(short).collect();
    let rows = table.iter().filter(|(name, _)| !crates.contains(name.as_str()));
    let missing = rows.map(|(name, (line, _))| {
        Finding::new(
            MAP,
            *line,
            format!("the table names `{name}`, and `crates/` has no such crate"),
        )
    });
    let directories = repo
        .crates()
        .into_iter()
        .filter(|name| !table.contains_key(short(name)));
    let unknown = directories.map(|name| {
        Finding::new(
            &format!("crates/{name}/Cargo.toml"),
            1,
            format!("`{name}` has no row in {MAP}"),
        )
    });
    missing.chain(unknown).collect()
}

fn rows_against_themselves(table: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, (line, allowed)) in table {
        let Allowed::Only(names) = allowed else { continue };
        let unknown = names.iter().filter(|dependency| !table.contains_key(*dependency));
        findings.extend(unknown.map(|dependency| {
            Finding::new(
                MAP,
                *line,
                format!("`{name}` is allowed `{dependency}`, which has no row"),
            )
        }));
    }
    findings
}

fn forbidden(name: &str, allowed: &Allowed, dependency: &str, table: &Table) -> Option<String> {
    let for_development = matches!(table.get(short(dependency)), Some((_, Allowed::DevOnly)));
    let message = match allowed {
        Allowed::Only(_) | Allowed::All if for_development => {
            format!("`{dependency}` is for development only: make it a dev-dependency of `{name}`")
        }
        Allowed::Only(names) if !names.contains(short(dependency)) => {
            format!("`{name}` may not depend on `{dependency}`: see the table in {MAP}")
        }
        Allowed::Only(_) | Allowed::All | Allowed::DevOnly => return None,
    };
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::super::assert_findings;
    use super::*;

    const TABLE: &str = "\
| crate | what lives there | depends on (of ours) |
| --- | --- | --- |
| [`runbook-a`](crates/runbook-a) | x | nothing |
| [`runbook-b`](crates/runbook-b) | x | `a` |
| `runbook-cli` | x | all |
| `kit` | x | dev only |
";

    fn repo<'a>(extra: &[(&'a str, &'a str)]) -> Repo {
        let manifests =
            ["runbook-a", "runbook-b", "runbook-cli", "kit"].map(|name| format!("crates/{name}/Cargo.toml"));
        let mut files = vec![(MAP, TABLE)];
        files.extend(
            manifests
                .iter()
                .map(|path| (path.as_str(), "[dependencies]\nrunbook-b.workspace = true\n")),
        );
        files.extend(extra);
        Repo::of(&files)
    }

    const OURS: [&str; 4] = ["runbook-a", "runbook-b", "runbook-cli", "kit"];

    #[test]
    fn allowed_arrows_pass() {
        let edges: [(&str, &[&str]); 3] = [
            ("runbook-b", &["runbook-a", "serde"]),
            ("runbook-cli", &["runbook-a", "runbook-b"]),
            ("kit", &["runbook-b"]),
        ];
        assert_findings(&check(&repo(&[]), &Graph::of(&OURS, &edges)), &[]);
    }

    #[test]
    fn forbidden_arrows_are_found() {
        let edges: [(&str, &[&str]); 2] = [("runbook-a", &["runbook-b"]), ("runbook-cli", &["kit"])];
        assert_findings(
            &check(&repo(&[]), &Graph::of(&OURS, &edges)),
            &[
                "crates/runbook-a/Cargo.toml:2: `runbook-a` may not depend on `runbook-b`: see the table in ARCHITECTURE.md",
                "crates/runbook-cli/Cargo.toml:1: `kit` is for development only: make it a dev-dependency of `runbook-cli`",
            ],
        );
    }

    #[test]
    fn rows_and_directories_match() {
        let map = "| crate | depends |\n| - | - |\n| `runbook-a` | `c` |\n| `runbook-gone` | nothing |\n";
        let repo = Repo::of(&[
            (MAP, map),
            ("crates/runbook-a/Cargo.toml", ""),
            ("crates/new/Cargo.toml", ""),
        ]);
        assert_findings(
            &check(&repo, &Graph::default()),
            &[
                "ARCHITECTURE.md:4: the table names `gone`, and `crates/` has no such crate",
                "crates/new/Cargo.toml:1: `new` has no row in ARCHITECTURE.md",
                "ARCHITECTURE.md:3: `a` is allowed `c`, which has no row",
            ],
        );
        assert_findings(
            &check(&Repo::of(&[]), &Graph::default()),
            &["ARCHITECTURE.md:1: no table whose first column is `crate`"],
        );
    }
}
