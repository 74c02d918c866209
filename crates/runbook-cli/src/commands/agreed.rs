//! A plan that people agreed on before, and that a run must be.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use runbook_plan::{Catalogue, Given, Origin};
use runbook_report::visible;
use runbook_review::{Weight, compare, digest};
use serde_json::Value;

use super::review::kept;
use crate::compiled::Compiled;
use crate::describe::{Told, json};
use crate::error::Error;

/// How many differences are named.
const NAMED: usize = 8;

/// The way out.
const ANEW: &str = "look at what it would do now, with `runbook plan`, and agree on that";

/// A plan that was kept.
pub(super) struct Agreed {
    path: PathBuf,
    plan: Value,
}

impl Agreed {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let plan = kept(path)?;
        if !plan["digest"].is_string() {
            return Err(Error::usage_with(
                format!("`{}` is not what `runbook plan` wrote", path.display()),
                "write it with `runbook plan FILE --format json`: `runbook show` knows no inputs",
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            plan,
        })
    }

    /// The inputs that were agreed on, where none are given now. Secret ones are not in it.
    pub(super) fn fill(&self, given: &mut Vec<Given>) {
        let known = self.plan["given"].as_object().into_iter().flatten();
        for (name, value) in known {
            if !given.iter().any(|one| one.name == *name) {
                given.push(Given {
                    name: name.clone(),
                    value: value.clone(),
                    origin: Origin::File(self.path.display().to_string()),
                });
            }
        }
    }

    /// Refuses a plan in which somebody changed what people read of an action and not what it does.
    fn says_what_it_does(&self, now: &Value) -> Result<(), Error> {
        let (said, meant) = (summaries(&self.plan), summaries(now));
        let Some((said, meant)) = said.iter().zip(&meant).find(|(said, meant)| said != meant) else {
            return Ok(());
        };
        let message = format!(
            "`{}` was changed by hand, so nothing was done: it says `{}` where it does `{}`",
            self.path.display(),
            visible(said),
            visible(meant)
        );
        Err(Error::usage_with(message, ANEW))
    }

    /// Refuses to run anything else.
    pub(super) fn holds(
        &self,
        root: &Path,
        compiled: &Compiled,
        catalogue: &Catalogue,
        inputs: &IndexMap<String, Value>,
    ) -> Result<(), Error> {
        let path = self.path.display();
        let engine = self.plan["engine"].as_str().unwrap_or_default();
        if engine != env!("CARGO_PKG_VERSION") {
            let message = format!(
                "`{path}` was made by runbook {}, and this is {}, so nothing was done",
                visible(engine),
                env!("CARGO_PKG_VERSION")
            );
            return Err(Error::usage_with(message, ANEW));
        }
        let foreseen = compiled.plan.foreseen(catalogue, inputs);
        let told = Told {
            plan: foreseen.plan(),
            path: &compiled.path,
            lacking: &[],
            foreseen: Some(&foreseen),
        };
        let now = json::planned(&told, root)?;
        // The number in the file is not asked: who changed the file could have changed that, too.
        if digest(&now) == digest(&self.plan) {
            return self.says_what_it_does(&now);
        }
        let told = compare(&self.plan, &now);
        let mut differences: Vec<String> = told
            .differences
            .iter()
            .filter(|one| one.weight > Weight::Words)
            .map(|one| match &one.step {
                Some(step) => format!("step `{step}`: {}", one.text),
                None => one.text.clone(),
            })
            .collect();
        let more = differences.len().saturating_sub(NAMED);
        differences.truncate(NAMED);
        if more > 0 {
            differences.push(format!("and {more} more"));
        }
        let what = if differences.is_empty() {
            "it differs in its order".to_owned()
        } else {
            differences.join("; ")
        };
        let message = format!("this would not do what `{path}` says, so nothing was done: {what}");
        Err(Error::usage_with(visible(&message), ANEW))
    }
}

/// What is said of each action, in their order.
fn summaries(plan: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open = vec![plan];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                let said = map.get("action").and_then(|action| action["summary"].as_str());
                found.extend(said);
                // What actions are given has names of the author's.
                open.extend(
                    map.iter()
                        .filter(|(key, _)| *key != "params")
                        .map(|(_, value)| value),
                );
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}
