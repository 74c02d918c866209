//! Changes as data: each verb says what it would write, and the same is then tried, done, or put back.

use http::Method;
use runbook_action::{ErrorKind, Failure};
use serde_json::{Value, json};

use crate::cluster::Ask;
use crate::object::{self, MANAGER, Target};
use crate::trouble::Trouble;
use crate::verbs::Asked;
use crate::verbs::{apply, node, patch, revision, scale, template};

/// How often a change is worked out anew, when somebody else changes the same object in between.
const TRIES: usize = 6;

/// How a change is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A mapping is merged, all else is replaced.
    Merge,
    /// Lists are merged by the names of their items.
    Strategic,
    /// Operations, one after the other.
    Json,
    /// What a manifest says, and who says so.
    Apply,
}

impl Form {
    const fn content(self) -> &'static str {
        match self {
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::Json => "application/json-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

/// One change of one object.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) target: Target,
    /// The part that is written, where it is not the object as a whole.
    pub(crate) part: Option<&'static str>,
    pub(crate) form: Form,
    pub(crate) body: Value,
    /// Whether fields of others are taken over.
    pub(crate) force: bool,
    /// What is there; null if nothing is.
    pub(crate) before: Value,
}

impl Write {
    /// A change of an object that is there.
    pub(crate) const fn new(target: Target, form: Form, body: Value, before: Value) -> Self {
        Self {
            target,
            part: None,
            form,
            body,
            force: false,
            before,
        }
    }

    fn request(&self, dry: bool) -> Ask {
        let ask = self.target.ask("patch", self.part);
        let mut ask = ask
            .sends(Method::PATCH, self.form.content(), self.body.clone())
            .with("fieldManager", MANAGER);
        if self.force {
            ask = ask.with("force", "true");
        }
        if dry {
            ask = ask.with("dryRun", "All");
        }
        ask
    }

    /// Whether somebody else came between what was read and what was written.
    fn is_overtaken(&self, trouble: &Trouble) -> bool {
        // A test in a JSON patch of ours fails with this.
        let tested = self.form == Form::Json && trouble.code == 422 && trouble.causes.is_empty();
        self.form != Form::Apply && (trouble.is_overtaken() || tested)
    }
}

/// A change that was done or tried.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) write: Write,
    pub(crate) after: Value,
}

/// What the verb would write, worked out from what is there; nothing if it is no such verb.
pub(crate) async fn planned(asked: Asked<'_>) -> Result<Option<Vec<Write>>, Failure> {
    let writes = match asked.chosen.verb.key {
        "scale" => scale::planned(asked).await?,
        "restart" => template::restart(asked).await?,
        "set_image" => template::image(asked).await?,
        "set_env" => template::env(asked).await?,
        "set_resources" => template::resources(asked).await?,
        "patch" => patch::planned(asked).await?,
        "apply" => apply::planned(asked).await?,
        "cordon" => node::planned(asked, true).await?,
        "uncordon" => node::planned(asked, false).await?,
        "undo" => revision::undo(asked).await?,
        _ => return Ok(None),
    };
    Ok(Some(writes))
}

/// Works out the changes of the verb and does them, or has the cluster try them without any effect.
pub(crate) async fn carry_out(asked: Asked<'_>, dry: bool) -> Result<Vec<Written>, Failure> {
    let mut tries = 0;
    let mut done: Vec<Written> = Vec::new();
    loop {
        tries += 1;
        let writes = planned(asked).await.map_err(|failure| after(failure, &done))?;
        let mut is_overtaken = false;
        for write in writes.unwrap_or_default() {
            if done.iter().any(|written| written.write.target == write.target) {
                continue;
            }
            match asked.cluster.ask(&write.request(dry)).await {
                Ok(answer) => {
                    let written = Written { write, after: answer };
                    // What was tried is compared with what was read, so nobody may have written in between.
                    if dry && tries < TRIES && written.is_of_another() {
                        is_overtaken = true;
                        break;
                    }
                    done.push(written);
                }
                Err(trouble)
                    if write.is_overtaken(&trouble) && tries < TRIES && asked.chosen.verb.key != "patch" =>
                {
                    is_overtaken = true;
                    break;
                }
                Err(trouble) => {
                    let failure = if dry {
                        untried(trouble)
                    } else {
                        trouble.of_change()
                    };
                    return Err(after(failure, &done));
                }
            }
        }
        if !is_overtaken {
            return Ok(done);
        }
    }
}

/// A failure when some of the changes are done already.
fn after(failure: Failure, done: &[Written]) -> Failure {
    if done.is_empty() {
        failure
    } else {
        failure.maybe_applied()
    }
}

/// What a cluster says that was asked to try something.
fn untried(trouble: Trouble) -> Failure {
    let cannot = trouble.message.contains("does not support dry run");
    let failure = trouble.failure();
    if cannot {
        failure.help("a webhook of the cluster has effects of its own, so nothing can be tried: write the undo by hand")
    } else {
        failure
    }
}

impl Written {
    /// Whether what was tried began from another state than the one that was read. A try leaves the version as it is.
    fn is_of_another(&self) -> bool {
        let version = |object: &Value| object::text(object, "/metadata/resourceVersion");
        !self.write.before.is_null() && version(&self.write.before) != version(&self.after)
    }

    /// Whether the object is now another one than before.
    pub(crate) fn has_changed(&self) -> bool {
        object::meant(&self.write.before) != object::meant(&self.after)
    }
}

/// A JSON patch that sets this place, if it still holds what was read.
pub(crate) fn replace(pointer: &str, before: Option<&Value>, after: &Value) -> Vec<Value> {
    match before {
        Some(before) => vec![
            json!({ "op": "test", "path": pointer, "value": before }),
            json!({ "op": "replace", "path": pointer, "value": after }),
        ],
        None => vec![json!({ "op": "add", "path": pointer, "value": after })],
    }
}

/// The failure of a thing that is not as the verb needs it.
pub(crate) fn conflict(message: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Conflict, message)
}
