//! Relative links of all Markdown files lead to files that are there, and to headings that are in them.

use crate::finding::Finding;
use crate::markdown::{anchors, links};
use crate::repo::Repo;

/// Checks every link that stays in the repository.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repo.ending(".md") {
        let own = links(text)
            .into_iter()
            .filter(|(_, target)| !is_elsewhere(target));
        for (line, target) in own {
            let message = broken(repo, path, &target);
            findings.extend(message.map(|message| Finding::new(path, line, message)));
        }
    }
    findings
}

fn broken(repo: &Repo, from: &str, target: &str) -> Option<String> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = file.split_once('?').map_or(file, |(file, _)| file);
    let to = if file.is_empty() {
        Some(from.to_owned())
    } else {
        resolve(from, file)
    };
    let Some(to) = to else {
        return Some(format!("link `{target}` leaves the repository"));
    };
    if !repo.has(&to) {
        return Some(format!("link `{target}` leads to `{to}`, which is not there"));
    }
    let page = repo
        .text(&to)
        .filter(|_| to.split('.').next_back() == Some("md") && !anchor.is_empty())?;
    let known = anchors(page).contains(anchor);
    (!known).then(|| format!("link `{target}`: `{to}` has no heading `#{anchor}`"))
}

/// A path relative to the directory of a file, or to the root if it begins with a slash.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else {
        from.split('/').collect()
    };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn is_elsewhere(target: &str) -> bool {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme);
    target.is_empty() || scheme.is_some_and(|scheme| scheme.chars().all(|char| char.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::super::assert_findings;
    use super::*;

    #[test]
    fn links_that_lead_somewhere_pass() {
        let page = "[a](../other.md#two-words) [b](#here) [c](../crates/a) [d](https://x.org/y) [e](mailto:f@g)\n# Here\n";
        let repo = Repo::of(&[
            ("book/page.md", page),
            ("other.md", "## Two words\n"),
            ("crates/a/lib.rs", ""),
        ]);
        assert_findings(&check(&repo), &[]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let page = "[a](gone.md)\n[b](#nothing)\n[c](../other.md#gone)\n[d](../../up.md)\n";
        let repo = Repo::of(&[("book/page.md", page), ("other.md", "# Two\n")]);
        assert_findings(
            &check(&repo),
            &[
                "book/page.md:1: link `gone.md` leads to `book/gone.md`, which is not there",
                "book/page.md:2: link `#nothing`: `book/page.md` has no heading `#nothing`",
                "book/page.md:3: link `../other.md#gone`: `other.md` has no heading `#gone`",
                "book/page.md:4: link `../../up.md` leaves the repository",
            ],
        );
    }
}
