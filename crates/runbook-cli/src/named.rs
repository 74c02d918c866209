//! The files of the project that a plan names: what an action runs or sends may stand in one of them, and then it does
//! something else when the file does. What such a file names in turn belongs to it, and so does what is in a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path};

use runbook_action_plugin::Lock;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::project::{RUNBOOKS, sha256};

/// What stands between words in scripts, but for blanks.
const SIGNS: &str = "\"'`;|&()<>=,@";

/// The longest name.
const LONGEST: usize = 200;

/// How many files of a folder are looked at.
const IN_FOLDER: usize = 256;

/// How many files are looked at that others name, and how far.
const FOLLOWED: usize = 2048;
const DEEPEST: usize = 8;

/// What people read: it names files, and does nothing with them.
const PROSE: [&str; 6] = [".md", ".txt", ".rst", ".adoc", ".html", ".svg"];

/// The files of a project at one time.
pub(crate) trait Tree {
    /// What stands in these files, in their order. Nothing of those that are not there.
    fn texts(&self, names: &[String]) -> Result<Vec<Option<String>>, Error>;

    /// The files below a folder, in the order of their names; none if there is no such folder.
    fn below(&self, folder: &str) -> Vec<String>;
}

/// The files as they are, below a folder.
pub(crate) struct Here<'a>(pub(crate) &'a Path);

impl Tree for Here<'_> {
    fn texts(&self, names: &[String]) -> Result<Vec<Option<String>>, Error> {
        Ok(names.iter().map(|name| read(self.0, name)).collect())
    }

    fn below(&self, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        gather_files(&self.0.join(folder), folder, &mut found);
        found.sort_unstable();
        found
    }
}

fn gather_files(folder: &Path, name: &str, found: &mut Vec<String>) {
    let is_folder = fs::symlink_metadata(folder).is_ok_and(|it| it.is_dir());
    if !is_folder || found.len() > IN_FOLDER {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        let below = format!("{name}/{file}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && file != ".git" => gather_files(&entry.path(), &below, found),
            Ok(kind) if kind.is_file() => found.push(below),
            Ok(_) | Err(_) => {}
        }
    }
}

/// The files that a plan reaches, by their names: those that it names, those below folders that it names, and those that
/// such files name in turn.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// What each file names.
    names: BTreeMap<String, Vec<String>>,
    /// What each text that could be a name stands for.
    means: BTreeMap<String, Vec<String>>,
    texts: BTreeMap<String, String>,
}

impl Reach {
    /// Looks for whatever these names reach.
    pub(crate) fn of(starts: BTreeSet<String>, tree: &dyn Tree) -> Result<Self, Error> {
        let mut reach = Self::default();
        let mut open = starts;
        for _ in 0..DEEPEST {
            let names: Vec<String> = open.iter().cloned().collect();
            let files = reach.meant(&names, tree)?;
            open = BTreeSet::new();
            for (name, text) in files {
                let others = if leads_on(&name) {
                    mentioned(&name, &text)
                } else {
                    Vec::new()
                };
                let unknown = others.iter().filter(|one| !reach.means.contains_key(*one));
                open.extend(unknown.cloned());
                reach.names.insert(name.clone(), others);
                reach.texts.insert(name, text);
            }
            if open.is_empty() || reach.texts.len() > FOLLOWED {
                break;
            }
        }
        Ok(reach)
    }

    /// The files that these names stand for and that were not met yet.
    fn meant(&mut self, names: &[String], tree: &dyn Tree) -> Result<Vec<(String, String)>, Error> {
        let mut wanted: Vec<String> = Vec::new();
        let texts = tree.texts(names)?;
        let mut met = Vec::new();
        for (name, text) in names.iter().zip(texts) {
            let files = match text {
                Some(text) => {
                    met.push((name.clone(), text));
                    vec![name.clone()]
                }
                None => tree.below(name),
            };
            let files: Vec<String> = files.into_iter().take(IN_FOLDER).collect();
            wanted.extend(files.iter().filter(|file| *file != name).cloned());
            self.means.insert(name.clone(), files);
        }
        let texts = tree.texts(&wanted)?;
        met.extend(
            wanted
                .into_iter()
                .zip(texts)
                .filter_map(|(name, text)| Some((name, text?))),
        );
        met.retain(|(name, _)| !self.texts.contains_key(name));
        Ok(met)
    }

    /// The files that are reached from these names.
    pub(crate) fn from(&self, names: &[String]) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&String> = names.iter().collect();
        while let Some(name) = open.pop() {
            for file in self.means.get(name).into_iter().flatten() {
                if reached.insert(file.clone()) {
                    open.extend(self.names.get(file).into_iter().flatten());
                }
            }
        }
        reached
    }

    /// What stands in a file that is reached.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }
}

/// Whether what a file names belongs to what it does. Runbooks are compared as what they are.
fn leads_on(name: &str) -> bool {
    let is_runbook = name.starts_with(&format!("{RUNBOOKS}/"))
        && Path::new(name)
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml");
    !is_runbook && name != Lock::FILE && !PROSE.iter().any(|end| name.ends_with(end))
}

/// What could be the name of a file in what actions are given: each once, in their order.
pub(crate) fn candidates(plan: &Value) -> Vec<String> {
    let mut texts = Vec::new();
    gather(plan, &mut texts);
    // A program that begins in another folder names its files from there.
    let folders: Vec<&str> = texts
        .iter()
        .filter(|(key, _)| *key == "cwd")
        .map(|(_, text)| *text)
        .collect();
    let itself = plan["path"].as_str().unwrap_or_default();
    let mut found = Names::default();
    for (key, text) in &texts {
        // Where a program begins is not what it works on.
        if *key != "cwd" {
            words(text, &folders, &mut found);
        }
    }
    found.list.retain(|name| name != itself);
    found.list
}

/// What could be the names of files in a file.
fn mentioned(name: &str, text: &str) -> Vec<String> {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Names::default();
    words(text, &[folder], &mut found);
    found.list.retain(|one| one != name);
    found.list
}

/// Names, each once.
#[derive(Default)]
struct Names {
    list: Vec<String>,
    seen: BTreeSet<String>,
}

impl Names {
    fn add(&mut self, text: &str) {
        if let Some(name) = normal(text)
            && self.seen.insert(name.clone())
        {
            self.list.push(name);
        }
    }
}

/// The names in a text, from the root of the project and from these folders. A script names files among its words; a
/// name with blanks is the whole text, or stands in quotes.
fn words(text: &str, folders: &[&str], found: &mut Names) {
    let words = text.split(|c: char| c.is_whitespace() || SIGNS.contains(c));
    let quoted = text
        .lines()
        .flat_map(|line| line.split(['"', '\'']))
        .filter(|part| part.contains(' '));
    for word in words.chain(quoted).chain([text.trim()]) {
        // What a variable or a program tells is a folder, as a rule the one that the script is in.
        let word = match word.split_once('/') {
            Some((before, rest)) if before.is_empty() || before.contains('$') => rest,
            Some(_) | None => word,
        };
        // The folder itself is where a script is, and not what it works on.
        if word.chars().all(|c| matches!(c, '.' | '/')) {
            continue;
        }
        found.add(word);
        for folder in folders.iter().filter(|folder| !folder.is_empty()) {
            found.add(&format!("{folder}/{word}"));
        }
    }
}

/// All texts of a plan, each with the key that it stands under.
fn gather<'a>(value: &'a Value, texts: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => texts.push(("", text)),
        Value::Array(items) => items.iter().for_each(|item| gather(item, texts)),
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) => texts.push((key, text)),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                        gather(value, texts);
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The name of a file below the project's root, without `.` and `..`, if a text can be one.
fn normal(text: &str) -> Option<String> {
    if text.len() > LONGEST || !text.contains(['.', '/']) || text.contains(['$', '*', '\n']) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in Path::new(text).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// What stands in a file of the project, if it is there; what is no text, or is very long, by its sum.
pub(crate) fn read(root: &Path, name: &str) -> Option<String> {
    let path = root.join(name);
    // As git has it: a link is no file.
    let length = fs::symlink_metadata(&path)
        .ok()
        .filter(fs::Metadata::is_file)?
        .len();
    content(File::open(path).ok()?, length).ok()
}

/// The text that is read, or what stands for it: what is no text, or is very long, is told by its sum.
pub(crate) fn content(from: impl Read, length: u64) -> io::Result<String> {
    if length <= runbook_document::MAX_BYTES as u64 {
        let mut bytes = Vec::new();
        from.take(length).read_to_end(&mut bytes)?;
        return Ok(String::from_utf8(bytes).unwrap_or_else(|other| summed(other.as_bytes(), length)));
    }
    let (mut sum, mut part) = (Sha256::new(), vec![0; 1 << 16]);
    let mut rest = from.take(length);
    loop {
        match rest.read(&mut part)? {
            0 => return Ok(told(&sum.finalize(), length)),
            read => sum.update(part.get(..read).unwrap_or_default()),
        }
    }
}

fn summed(bytes: &[u8], length: u64) -> String {
    told(&Sha256::digest(bytes), length)
}

fn told(sum: &[u8], length: u64) -> String {
    let hex: Vec<String> = sum.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("‹{length} bytes that are not shown, SHA-256 {}…›\n", hex.concat())
}

/// The sums of the files that a plan reaches, by their names.
pub(crate) fn sums(plan: &Value, root: &Path) -> Result<Map<String, Value>, Error> {
    // What pins plugins decides what they do.
    let mut names = candidates(plan);
    names.push(Lock::FILE.to_owned());
    let reach = Reach::of(names.iter().cloned().collect(), &Here(root))?;
    let sums = reach.from(&names).into_iter().filter_map(|name| {
        let sum = sha256(reach.text(&name)?);
        Some((name, Value::from(sum)))
    });
    Ok(sums.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project of a few files.
    struct Few(&'static [(&'static str, &'static str)]);

    impl Tree for Few {
        fn texts(&self, names: &[String]) -> Result<Vec<Option<String>>, Error> {
            let text = |name: &String| self.0.iter().find(|(known, _)| known == name);
            Ok(names
                .iter()
                .map(|name| text(name).map(|(_, text)| (*text).to_owned()))
                .collect())
        }

        fn below(&self, folder: &str) -> Vec<String> {
            let below = format!("{folder}/");
            let names = self.0.iter().map(|(name, _)| *name);
            names
                .filter(|name| name.starts_with(&below))
                .map(str::to_owned)
                .collect()
        }
    }

    fn reached(params: &Value, tree: &Few) -> Vec<String> {
        let plan = serde_json::json!({"steps": [{"action": {"params": params}}]});
        let names = candidates(&plan);
        let reach = Reach::of(names.iter().cloned().collect(), tree).unwrap();
        reach.from(&names).into_iter().collect()
    }

    #[test]
    fn what_a_script_reads_in_turn_belongs_to_it() {
        let tree = Few(&[
            (
                "ops/fix.sh",
                ". \"$(dirname \"$0\")/lib.sh\"\nsource ${HERE}/more.sh\n",
            ),
            ("ops/lib.sh", "psql -f sql/clean.sql\n"),
            ("ops/more.sh", "true\n"),
            ("sql/clean.sql", "delete from t;\n"),
            ("README.md", "see ops/other.sh"),
            ("ops/other.sh", "true\n"),
        ]);
        let found = reached(
            &serde_json::json!({"shell": "sh ops/fix.sh; cat README.md"}),
            &tree,
        );
        let expected = [
            "README.md",
            "ops/fix.sh",
            "ops/lib.sh",
            "ops/more.sh",
            "sql/clean.sql",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_folder_is_all_that_is_in_it_and_names_may_have_blanks() {
        let tree = Few(&[
            ("k8s/web.yaml", "kind: Service\n"),
            ("k8s/deep/db.yaml", "kind: Service\n"),
            ("my scripts/a b.sh", "true\n"),
            ("a{1}.sh", "true\n"),
        ]);
        let params = serde_json::json!({"apply": "k8s/", "shell": "sh 'my scripts/a b.sh' a{1}.sh"});
        let expected = ["a{1}.sh", "k8s/deep/db.yaml", "k8s/web.yaml", "my scripts/a b.sh"];
        assert_eq!(reached(&params, &tree), expected);
    }

    #[test]
    fn what_is_no_text_is_told_by_its_sum() {
        let one = content(&[0xff_u8, 1][..], 2).unwrap();
        let other = content(&[0xff_u8, 2][..], 2).unwrap();
        assert_ne!(one, other);
        assert!(one.starts_with("‹2 bytes that are not shown, SHA-256 "), "{one}");
    }

    #[test]
    fn files_that_name_each_other_come_to_an_end() {
        let tree = Few(&[("a.sh", "./b.sh\n"), ("b.sh", "./a.sh\n")]);
        assert_eq!(reached(&serde_json::json!("sh ./a.sh"), &tree), ["a.sh", "b.sh"]);
    }
}
