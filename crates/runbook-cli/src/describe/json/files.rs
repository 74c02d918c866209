//! The files of the project that a plan names: what an action runs or sends may stand in one of them, and then it does
//! something else when the file does.

use std::fs;
use std::path::{Component, Path};

use serde_json::{Map, Value};

use crate::project::sha256;

/// Longer ones are no scripts, queries or manifests.
const MOST: u64 = 1 << 20;

/// What stands between words in scripts, but for blanks.
const SIGNS: &str = "\"'`;|&()<>=,@";

/// The longest name.
const LONGEST: usize = 200;

/// What could be the name of a file in what actions are given: each once, in their order.
pub(crate) fn candidates(plan: &Value) -> Vec<String> {
    let mut found = Vec::new();
    gather(plan, false, &mut found);
    found
}

fn gather(value: &Value, given: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) if given => {
            // A script names files among its words.
            for word in text.split(|c: char| c.is_whitespace() || SIGNS.contains(c)) {
                let word = word.trim_start_matches("./");
                if is_name(word) && !found.iter().any(|known| known == word) {
                    found.push(word.to_owned());
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, given, found)),
        Value::Object(map) => {
            for (key, value) in map {
                gather(value, given || key == "params", found);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text can be the name of a file below the project's root.
fn is_name(text: &str) -> bool {
    text.len() <= LONGEST
        && text.contains(['.', '/'])
        && !text.contains(['{', '$', '*'])
        && Path::new(text)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

/// What stands in a file of the project, if it is there and is a text.
pub(crate) fn read(root: &Path, name: &str) -> Option<String> {
    let path = root.join(name);
    let length = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
    (length <= MOST).then(|| fs::read_to_string(&path).ok()).flatten()
}

/// The sums of the files that a plan names, by their names.
pub(super) fn sums(plan: &Value, root: &Path) -> Map<String, Value> {
    let names = candidates(plan).into_iter();
    names
        .filter_map(|name| {
            let text = read(root, &name)?;
            Some((name, Value::from(sha256(&text))))
        })
        .collect()
}
