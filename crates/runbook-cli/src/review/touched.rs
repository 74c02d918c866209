//! Which runbooks a change can touch at all: those that are written otherwise, those that could run one of them, those
//! that reach a file that differs, and all of them where the project itself is another. Only these are compared.
//!
//! What a runbook could run or name is taken from all texts in it, so that nothing has to be made a plan of for this, and
//! nothing is overlooked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Side;
use crate::error::Error;
use crate::named;
use crate::parallel;
use crate::project::Loaded;

/// The paths of the runbooks that differ in anything, or could. None if that is all of them.
pub(super) fn touched(
    before: &Side<'_>,
    after: &Side<'_>,
    settings_differ: bool,
) -> Result<Option<BTreeSet<String>>, Error> {
    if settings_differ {
        return Ok(None);
    }
    let all: Vec<&Loaded> = before.loaded.iter().chain(&after.loaded).collect();
    let said = parallel::each(&all, |_, one| Said::by(one));
    let mut touched: BTreeSet<String> = BTreeSet::new();
    let own = after.loaded.iter().filter(|one| !before.shares(&one.path));
    touched.extend(before.loaded.iter().chain(own).map(|one| one.path.clone()));
    reaching(before, after, &said, &mut touched)?;
    // Whoever runs one that is touched is touched, and so is one of the same name.
    loop {
        let names: BTreeSet<&str> = said
            .iter()
            .filter(|one| touched.contains(one.path))
            .map(|one| one.name)
            .collect();
        let more: Vec<String> = said
            .iter()
            .filter(|one| !touched.contains(one.path))
            .filter(|one| {
                names.contains(one.name) || one.texts.iter().any(|text| names.contains(text.as_str()))
            })
            .map(|one| one.path.to_owned())
            .collect();
        if more.is_empty() {
            return Ok(Some(touched));
        }
        touched.extend(more);
    }
}

/// Adds those that reach a file that differs.
fn reaching(
    before: &Side<'_>,
    after: &Side<'_>,
    said: &[Said<'_>],
    touched: &mut BTreeSet<String>,
) -> Result<(), Error> {
    // What the project gives to all runbooks names files, too.
    let config = before.project.config_text.as_deref().unwrap_or_default();
    let of_all = named::candidates(&Value::from(config));
    let mut names: BTreeSet<String> = of_all.iter().cloned().collect();
    names.extend(said.iter().flat_map(|one| one.files.iter().cloned()));
    let (were, are) = (before.reach(names.clone())?, after.reach(names)?);
    let mut differs: BTreeMap<String, bool> = BTreeMap::new();
    for one in said
        .iter()
        .filter(|one| !touched.contains(one.path))
        .collect::<Vec<_>>()
    {
        let names: Vec<String> = one.files.iter().chain(&of_all).cloned().collect();
        let mut reached = are.from(&names);
        reached.extend(were.from(&names));
        let any = reached.into_iter().any(|name| {
            *differs
                .entry(name)
                .or_insert_with_key(|name| were.text(name) != are.text(name))
        });
        if any {
            touched.insert(one.path.to_owned());
        }
    }
    Ok(())
}

/// What stands in a runbook, as far as others could be meant by it.
struct Said<'a> {
    path: &'a str,
    name: &'a str,
    /// All its texts.
    texts: BTreeSet<String>,
    /// What could be names of files.
    files: Vec<String>,
}

impl<'a> Said<'a> {
    fn by(one: &'a Loaded) -> Self {
        let tree = one
            .tree
            .as_ref()
            .map_or(Value::Null, runbook_document::Node::to_json);
        let mut texts = BTreeSet::new();
        gather(&tree, &mut texts);
        Self {
            path: &one.path,
            name: one
                .document
                .as_ref()
                .map_or("", |document| document.name.value.as_str()),
            texts,
            files: named::candidates(&tree),
        }
    }
}

fn gather(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            texts.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, texts)),
        Value::Object(map) => map.values().for_each(|value| gather(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
