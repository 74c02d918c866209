//! Nothing of the machine that a change was made on gets in: no paths of it, no keys, no package mirrors.

use crate::finding::Finding;
use crate::repo::Repo;

// Written in pieces, so that this file does not hold what it looks for.
const WORK: &str = concat!("/wo", "rk/");
const ROOT: &str = concat!("/ro", "ot/");
const HOME: &str = concat!("/ho", "me/");
const KEY: &str = concat!("PRIVATE", " KEY-----");
const KEY_BEGIN: &str = concat!("-----", "BEGIN ");
const INDEXES: [&str; 2] = [concat!("registry", "+"), concat!("sparse", "+")];
const CRATES_IO: [&str; 2] = [
    "https://github.com/rust-lang/crates.io-index",
    "https://index.crates.io/",
];
const MIRRORS: [&str; 3] = [
    concat!("arti", "factory"),
    concat!("jfrog", ".io"),
    concat!("code", "artifact"),
];
const REPLACED: &str = concat!("replace", "-with");

/// Checks every text file.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repo.texts() {
        for (index, line) in text.lines().enumerate() {
            findings.extend(leak(path, line).map(|message| Finding::new(path, index + 1, message)));
        }
    }
    findings
}

fn leak(path: &str, line: &str) -> Option<String> {
    if let Some(start) = [WORK, ROOT]
        .into_iter()
        .find(|start| begins_path(line, start).is_some())
    {
        return Some(format!("a path of one machine: `{start}…`"));
    }
    if begins_path(line, HOME).is_some_and(|tail| tail.starts_with(|char: char| char.is_ascii_alphanumeric()))
    {
        return Some(format!("a path of one person: `{HOME}…`"));
    }
    if line.contains(KEY_BEGIN) && line.contains(KEY) {
        return Some("a private key".to_owned());
    }
    let mut indexes = INDEXES
        .iter()
        .filter_map(|index| line.split_once(index))
        .map(|(_, tail)| tail);
    let foreign =
        indexes.any(|url| url.starts_with("http") && !CRATES_IO.iter().any(|own| url.starts_with(own)));
    let mirrored = MIRRORS.iter().any(|mirror| line.contains(mirror));
    let replaced = path.split('.').next_back() == Some("toml") && line.contains(REPLACED);
    (foreign || mirrored || replaced).then(|| "a package registry other than crates.io".to_owned())
}

/// What follows a start of an absolute path. In `network/…` or `./…` the slash is not the start.
fn begins_path<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    let is_inside = |char: char| char.is_alphanumeric() || "_-.~}>*)$".contains(char);
    let mut found = line
        .match_indices(start)
        .filter(|(at, _)| !line[..*at].ends_with(is_inside));
    found.next().map(|(at, _)| &line[at + start.len()..])
}

#[cfg(test)]
mod tests {
    use super::super::assert_findings;
    use super::*;

    #[test]
    fn paths_keys_and_mirrors_are_found() {
        let lines = [
            format!("cd {WORK}main"),
            format!("file://{ROOT}.ssh"),
            format!("\"{HOME}ann\""),
            format!("{KEY_BEGIN}RSA {KEY}"),
            format!("source = \"{}https://mirror.example/index\"", INDEXES[0]),
            format!("https://{}/x", MIRRORS[1]),
            format!("{REPLACED} = \"x\""),
        ];
        let repo = Repo::of(&[("a/b.toml", &lines.join("\n"))]);
        let found: Vec<usize> = check(&repo).iter().map(|finding| finding.line).collect();
        assert_eq!(found, [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn what_only_looks_like_it_passes() {
        let lines = [
            format!("net{}", WORK.trim_start_matches('/')),
            format!("https://example.org{WORK}a"),
            format!("$dir{ROOT}a and {HOME}$USER and {HOME}<user>"),
            format!("source = \"{}{}\"", INDEXES[0], CRATES_IO[0]),
            format!("you may {REPLACED}draw"),
        ];
        assert_findings(&check(&Repo::of(&[("a.md", &lines.join("\n"))])), &[]);
    }
}
