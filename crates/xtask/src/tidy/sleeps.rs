//! Tests do not sleep: they are told by events, or by a clock that they turn themselves.
//!
//! Where only time itself will do, the line says why after `// paced:`.

use crate::finding::Finding;
use crate::repo::Repo;
use crate::rust_code::{blank, is_test_file, test_lines};

const SLEEPS: [&str; 2] = ["thread::sleep", "time::sleep"];
const EXCUSE: &str = "// paced:";

/// Checks test files and `#[cfg(test)]` modules.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repo.ending(".rs") {
        let code = blank(text);
        let tests = test_lines(&code);
        for (index, (code, line)) in code.lines().zip(text.lines()).enumerate() {
            let is_test = is_test_file(path) || tests.contains(&(index + 1));
            let sleeps = SLEEPS.iter().any(|sleep| code.contains(sleep));
            let excused = line
                .split_once(EXCUSE)
                .is_some_and(|(_, reason)| !reason.trim().is_empty());
            if is_test && sleeps && !excused {
                let message = format!("a test that sleeps: wait for an event, or say why after `{EXCUSE}`");
                findings.push(Finding::new(path, index + 1, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::assert_findings;
    use super::*;

    #[test]
    fn a_sleep_in_a_test_needs_a_reason() {
        let sleep = "//! A.\nfn a() { std::thread::sleep(b); }\n#[cfg(test)]\nmod tests {\n    \
                     fn c() { tokio::time::sleep(b).await; }\n    fn d() { thread::sleep(b); } // paced: real child\n    \
                     fn e() { thread::sleep(b); } // paced:\n}\n";
        let repo = Repo::of(&[
            ("crates/a/src/lib.rs", sleep),
            ("tests/suite/main.rs", "use std::thread::sleep;\n"),
        ]);
        let said = "a test that sleeps: wait for an event, or say why after `// paced:`";
        let at = |place: &str| format!("{place}: {said}");
        let expected = [
            at("crates/a/src/lib.rs:5"),
            at("crates/a/src/lib.rs:7"),
            at("tests/suite/main.rs:1"),
        ];
        assert_findings(&check(&repo), &expected.each_ref().map(String::as_str));
    }
}
