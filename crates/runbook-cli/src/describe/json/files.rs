//! The files of the project that a plan names: what an action runs or sends may stand in one of them, and then it does
//! something else when the file does.

use std::fs;
use std::path::{Component, Path};

use runbook_action_plugin::Lock;
use serde_json::{Map, Value};

use crate::project::sha256;

/// What stands between words in scripts, but for blanks.
const SIGNS: &str = "\"'`;|&()<>=,@";

/// The longest name.
const LONGEST: usize = 200;

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
    let mut found = Vec::new();
    for (_, text) in &texts {
        // A script names files among its words.
        for word in text.split(|c: char| c.is_whitespace() || SIGNS.contains(c)) {
            let from_there = folders.iter().map(|folder| format!("{folder}/{word}"));
            for name in std::iter::once(word.to_owned()).chain(from_there) {
                found.extend(normal(&name).filter(|name| name != itself && !found.contains(name)));
            }
        }
    }
    found
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
    if text.len() > LONGEST || !text.contains(['.', '/']) || text.contains(['{', '$', '*']) {
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

/// What stands in a file of the project, if it is there and is a text.
pub(crate) fn read(root: &Path, name: &str) -> Option<String> {
    let path = root.join(name);
    // As git has it: a link is no file.
    let length = fs::symlink_metadata(&path)
        .ok()
        .filter(fs::Metadata::is_file)?
        .len();
    let fits = length <= runbook_document::MAX_BYTES as u64;
    fits.then(|| fs::read_to_string(&path).ok()).flatten()
}

/// The sums of the files that a plan names, by their names.
pub(super) fn sums(plan: &Value, root: &Path) -> Map<String, Value> {
    // What pins plugins decides what they do.
    let names = candidates(plan).into_iter().chain([Lock::FILE.to_owned()]);
    names
        .filter_map(|name| {
            let text = read(root, &name)?;
            Some((name, Value::from(sha256(&text))))
        })
        .collect()
}
