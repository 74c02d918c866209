//! The crates that decide do no I/O: neither they nor what they link can reach files, network, clock, environment.

use crate::finding::Finding;
use crate::graph::Graph;
use crate::repo::Repo;
use crate::rust_code::{blank, is_word, line_of};

/// The crates that decide.
const PURE: [&str; 6] = [
    "runbook-schema",
    "runbook-action",
    "runbook-document",
    "runbook-plan",
    "runbook-event",
    "runbook-report",
];

/// What they must not link, however far away. A star stands for any end of the name.
const IMPURE: [&str; 14] = [
    "async-std",
    "dirs*",
    "fd-lock",
    "hyper",
    "mio",
    "nix",
    "reqwest",
    "rustix",
    "socket2",
    "sqlx*",
    "tempfile",
    "tokio",
    "walkdir",
    "xdg",
];

/// What their sources must not mention: modules and functions of `std`.
const MODULES: [&str; 5] = ["fs", "net", "process", "env", "thread"];
const CLOCKS: [&str; 2] = ["SystemTime", "Instant::now"];

/// Libraries that one crate wraps, so that the others never see their types.
const WRAPPED: [(&str, &[&str]); 3] = [
    ("minijinja", &["runbook-plan", "runbook-report"]),
    ("petgraph", &["runbook-plan"]),
    ("granit-parser", &["runbook-document"]),
];

/// Checks what is linked, and what is mentioned.
pub(super) fn check(repo: &Repo, graph: &Graph) -> Vec<Finding> {
    [linked(repo, graph), wrapped(repo, graph), mentioned(repo)].concat()
}

fn linked(repo: &Repo, graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in PURE {
        let reached = graph
            .reached(name)
            .into_iter()
            .filter(|(package, _)| is_impure(package));
        for (package, path) in reached {
            let line = path.get(1).map_or(1, |first| repo.dependency_line(name, first));
            let message = format!("`{name}` does no I/O but links `{package}`: {}", path.join(" → "));
            findings.push(Finding::new(&format!("crates/{name}/Cargo.toml"), line, message));
        }
    }
    findings
}

fn wrapped(repo: &Repo, graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in graph.ours() {
        let direct = graph.direct(name);
        for (library, owners) in WRAPPED {
            if direct.contains(library) && !owners.contains(&name) {
                let line = repo.dependency_line(name, library);
                let message = format!("`{library}` is wrapped by `{}`: use that", owners.join("`, `"));
                findings.push(Finding::new(&format!("crates/{name}/Cargo.toml"), line, message));
            }
        }
    }
    findings
}

fn mentioned(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in PURE {
        for (path, text) in repo.sources(name) {
            let code = blank(text);
            for (byte, what) in modules(&code).into_iter().chain(clocks(&code)) {
                let message = format!("`{name}` does no I/O but mentions `{what}`");
                findings.push(Finding::new(path, line_of(&code, byte), message));
            }
        }
    }
    findings
}

fn is_impure(package: &str) -> bool {
    IMPURE.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => package.starts_with(start),
        None => package == *pattern,
    })
}

/// Each of the modules in `std::fs` or in `use std::{fmt, fs::File}`, and where it stands.
fn modules(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, std) in code.match_indices("std::") {
        let tail = &code[at + std.len()..];
        let end = if tail.starts_with('{') {
            tail.find(';')
        } else {
            tail.find(',')
        };
        let mut offset = at + std.len();
        for item in tail[..end.unwrap_or(tail.len())].split(',') {
            let name = item.trim_start_matches(|char: char| char == '{' || char.is_whitespace());
            let word = name.split(|char| !is_word(char)).next().unwrap_or_default();
            if MODULES.contains(&word) {
                found.push((offset + item.len() - name.len(), format!("std::{word}")));
            }
            offset += item.len() + 1;
        }
    }
    found
}

fn clocks(code: &str) -> impl Iterator<Item = (usize, String)> {
    CLOCKS
        .iter()
        .flat_map(|clock| code.match_indices(clock))
        .map(|(at, clock)| (at, clock.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::assert_findings;
    use super::*;

    #[test]
    fn what_is_linked_far_away_is_found_with_its_path() {
        let graph = Graph::of(
            &["runbook-plan", "runbook-engine"],
            &[
                ("runbook-plan", &["regex", "helper"]),
                ("helper", &["sqlx-core"]),
                ("runbook-engine", &["tokio"]),
            ],
        );
        let repo = Repo::of(&[(
            "crates/runbook-plan/Cargo.toml",
            "[dependencies]\nhelper = \"1\"\n",
        )]);
        assert_findings(
            &check(&repo, &graph),
            &[
                "crates/runbook-plan/Cargo.toml:2: `runbook-plan` does no I/O but links `sqlx-core`: \
               runbook-plan → helper → sqlx-core",
            ],
        );
    }

    #[test]
    fn a_wrapped_library_stays_with_its_owner() {
        let graph = Graph::of(
            &["runbook-plan", "runbook-engine"],
            &[("runbook-plan", &["petgraph"]), ("runbook-engine", &["petgraph"])],
        );
        assert_findings(
            &check(&Repo::of(&[]), &graph),
            &["crates/runbook-engine/Cargo.toml:1: `petgraph` is wrapped by `runbook-plan`: use that"],
        );
    }

    #[test]
    fn what_is_mentioned_in_code_is_found() {
        let text = "//! no std::fs here\nuse std::{\nfmt, env,\n};\nlet a = \"std::net\";\nstd::thread::yield_now();\n\
                    let b = Instant::now();\nstd::fmt::Debug;\n";
        let repo = Repo::of(&[
            ("crates/runbook-event/src/lib.rs", text),
            ("crates/other/src/lib.rs", text),
        ]);
        assert_findings(
            &check(&repo, &Graph::default()),
            &[
                "crates/runbook-event/src/lib.rs:3: `runbook-event` does no I/O but mentions `std::env`",
                "crates/runbook-event/src/lib.rs:6: `runbook-event` does no I/O but mentions `std::thread`",
                "crates/runbook-event/src/lib.rs:7: `runbook-event` does no I/O but mentions `Instant::now`",
            ],
        );
    }
}
