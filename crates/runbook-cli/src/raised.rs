//! Whether a runbook that has changed since a commit has a new version.

use runbook_document::{Finding, Findings, Node, SourceId, Span, codes};
use semver::{Prerelease, Version};
use serde_json::Value;

use crate::error::Error;
use crate::git::Base;
use crate::parallel;
use crate::project::Loaded;

/// A finding for each runbook that says something else than at the commit, and has no greater version.
pub(crate) fn findings(base: &Base<'_>, name: &str, loaded: &[&Loaded]) -> Result<Vec<Finding>, Error> {
    let paths: Vec<_> = loaded.iter().map(|one| one.file.clone()).collect();
    let texts = base.texts(&paths)?;
    let pairs: Vec<_> = loaded.iter().zip(&texts).collect();
    let found = parallel::each(&pairs, |_, (one, text)| {
        let before = text.as_ref()?;
        finding(name, one.tree.as_ref()?, before)
    });
    Ok(found.into_iter().flatten().collect())
}

fn finding(name: &str, now: &Node, before: &str) -> Option<Finding> {
    // What was wrong with it then is nobody's business now.
    let before = runbook_document::parse(SourceId(0), before, &mut Findings::new())?;
    if says(now) == says(&before) {
        return None;
    }
    let (new, span) = version(now)?;
    let (old, _) = version(&before)?;
    if new.cmp_precedence(&old).is_gt() {
        return None;
    }
    let message = if new == old {
        format!("this runbook has changed since `{name}`, and its version is still {old}")
    } else {
        format!("this runbook has changed since `{name}`, and its version went back from {old} to {new}")
    };
    let help = format!(
        "raise it to {} or more: whoever runs it should see that it is another one",
        next(&old)
    );
    Some(Finding::warning(codes::VERSION_NOT_RAISED, span, message).help(help))
}

/// What it says, without its version, whatever its layout.
fn says(tree: &Node) -> Value {
    let mut value = tree.to_json();
    if let Some(map) = value.as_object_mut() {
        map.remove("version");
    }
    value
}

fn version(tree: &Node) -> Option<(Version, Span)> {
    let node = tree.get("version")?;
    Some((Version::parse(node.text()?).ok()?, node.span))
}

/// The least version that is greater and none before a release.
fn next(version: &Version) -> Version {
    let mut next = version.clone();
    if next.pre.is_empty() {
        next.patch += 1;
    }
    next.pre = Prerelease::EMPTY;
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, now: &str) -> Option<String> {
        let now = runbook_document::parse(SourceId(0), now, &mut Findings::new()).unwrap();
        finding("main", &now, before).map(|finding| finding.help.unwrap_or_default())
    }

    #[test]
    fn what_says_something_else_needs_a_greater_version() {
        for (before, now) in [
            ("1.0.0", "1.0.1"),
            ("1.0.0", "2.0.0"),
            ("1.9.0", "1.10.0"),
            ("1.0.0-rc.1", "1.0.0"),
            ("1.0.0-rc.9", "1.0.0-rc.10"),
        ] {
            let text = |version: &str, title: &str| format!("version: {version}\ntitle: {title}\n");
            assert_eq!(told(&text(before, "a"), &text(now, "b")), None, "{before} {now}");
            assert!(
                told(&text(now, "a"), &text(before, "b")).is_some(),
                "{now} {before}"
            );
            assert!(told(&text(now, "a"), &text(now, "b")).is_some(), "{now}");
            assert_eq!(told(&text(now, "a"), &text(now, "a")), None, "{now}");
        }
    }

    #[test]
    fn layout_comments_and_order_do_not_count() {
        let before = "version: 1.0.0\ntitle: a\nlabels: {x: y, z: w}\n";
        let now = "# new\ntitle: 'a'\nlabels:\n  z: w\n  x: y\nversion: 1.0.0\n";
        assert_eq!(told(before, now), None);
        // Values that only look the same are not.
        assert!(told("version: 1.0.0\na: 1\n", "version: 1.0.0\na: '1'\n").is_some());
        // The order of a list is what it says.
        assert!(told("version: 1.0.0\na: [x, y]\n", "version: 1.0.0\na: [y, x]\n").is_some());
    }

    #[test]
    fn the_help_names_the_least_version_that_will_do() {
        let text = |version: &str, title: &str| format!("version: {version}\ntitle: {title}\n");
        for (version, next) in [("1.0.0", "1.0.1"), ("1.0.0-rc.1", "1.0.0"), ("0.9.9", "0.9.10")] {
            let help = told(&text(version, "a"), &text(version, "b")).unwrap();
            assert!(help.starts_with(&format!("raise it to {next} or more")), "{help}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_left_alone() {
        for before in ["a: [", "", "title: x\n", "version: old\ntitle: x\n"] {
            assert_eq!(told(before, "version: 1.0.0\ntitle: a\n"), None, "{before}");
        }
    }
}
