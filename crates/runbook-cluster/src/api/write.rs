//! Changes of objects: prepared against the store, judged by webhooks, and made if nobody was faster.

use std::sync::Arc;

use serde_json::Value;

use crate::failure::Failure;
use crate::object::Fields as _;
use crate::patch::{self, Form};
use crate::rules::{self, Admission, Wanted};
use crate::shared::Shared;
use crate::store::Store;

/// How often a change is tried anew that somebody else got in the way of.
const TRIES: usize = 5;

/// A change that can be made as long as the object is what it was.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) id: String,
    /// The version of the object as it was; none if there was none.
    pub(crate) base: Option<String>,
    /// The object as it is to be.
    pub(crate) object: Value,
    pub(crate) warnings: Vec<String>,
    /// Whether it is to be removed.
    pub(crate) removal: bool,
}

/// A change that was made, or would have been.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) object: Arc<Value>,
    pub(crate) warnings: Vec<String>,
    /// Whether the object is new.
    pub(crate) created: bool,
    /// Whether the object is gone.
    pub(crate) removed: bool,
}

/// Makes a change, with webhooks asked in between.
pub(crate) async fn make(
    shared: &Shared,
    wanted: &Wanted,
    plan: impl Fn(&Store) -> Result<Planned, Failure>,
) -> Result<Done, Failure> {
    for _ in 0..TRIES {
        let planned = shared.read(&plan)?;
        let operation = match (&planned.base, planned.removal) {
            (_, true) => "DELETE",
            (None, false) => "CREATE",
            (Some(_), false) => "UPDATE",
        };
        let admission = Admission {
            id: planned.id.clone(),
            operation,
            object: planned.object.clone(),
            user: wanted.user.clone(),
            dry: wanted.dry,
        };
        shared.hooks.judge(&admission).await?;
        if let Some(done) = shared.write(|store| settle(store, planned, wanted.dry)) {
            return Ok(done);
        }
    }
    Err(Failure::modified(&wanted.target.kind, &wanted.target.name))
}

/// Makes a change at once, for what is part of the cluster.
pub(crate) fn make_now(
    shared: &Shared,
    wanted: &Wanted,
    plan: impl Fn(&Store) -> Result<Planned, Failure>,
) -> Result<Done, Failure> {
    shared.write(|store| {
        let planned = plan(store)?;
        settle(store, planned, wanted.dry)
            .ok_or_else(|| Failure::modified(&wanted.target.kind, &wanted.target.name))
    })
}

/// Keeps what is planned; nothing if the object is not what it was any more.
pub(crate) fn settle(store: &mut Store, planned: Planned, dry: bool) -> Option<Done> {
    let Planned {
        id,
        base,
        object,
        warnings,
        removal,
    } = planned;
    let live = store.get(&id, object.namespace(), object.name());
    let version = live.as_ref().map(|live| live.text("/metadata/resourceVersion"));
    if version != base.as_deref() {
        return None;
    }
    let created = live.is_none();
    let finished =
        object.is_deleting() && object.items("/metadata/finalizers").is_empty() && released(&id, &object);
    let removed = removal || finished;
    let unchanged = live.as_ref().is_some_and(|live| **live == object);
    let object = if dry || (unchanged && !removed) {
        Arc::new(object)
    } else if removed {
        let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
        if !unchanged {
            store.put(&id, object);
        }
        store.remove(&id, &namespace, &name)?
    } else {
        store.put(&id, object)
    };
    Some(Done {
        object,
        warnings,
        created,
        removed,
    })
}

/// Whether an object that is being deleted waits for nothing more than its finalizers.
fn released(id: &str, object: &Value) -> bool {
    match id {
        "namespaces" => object.items("/spec/finalizers").is_empty(),
        "pods" => object.number("/metadata/deletionGracePeriodSeconds") == Some(0),
        _ => true,
    }
}

/// Plans a new object.
pub(crate) fn create(store: &Store, wanted: &Wanted, body: &Value) -> Result<Planned, Failure> {
    let (object, warnings) = rules::create(store, wanted, body.clone())?;
    Ok(Planned {
        id: wanted.target.kind.id(),
        base: None,
        object,
        warnings,
        removal: false,
    })
}

/// The object that a change is about.
pub(crate) fn live(store: &Store, wanted: &Wanted) -> Result<Arc<Value>, Failure> {
    super::read::get(store, &wanted.target)
}

/// Plans an object in place of another.
pub(crate) fn update(store: &Store, wanted: &Wanted, body: &Value) -> Result<Planned, Failure> {
    let found = live(store, wanted)?;
    replace(store, wanted, &found, body.clone())
}

/// Plans an object in place of one that was read from this store.
pub(crate) fn replace(store: &Store, wanted: &Wanted, live: &Value, body: Value) -> Result<Planned, Failure> {
    let (object, warnings) = rules::update(store, wanted, live, body)?;
    Ok(Planned {
        id: wanted.target.kind.id(),
        base: Some(live.text("/metadata/resourceVersion").to_owned()),
        object,
        warnings,
        removal: false,
    })
}

/// Plans what a patch leads to.
pub(crate) fn patched(store: &Store, wanted: &Wanted, form: Form, body: &Value) -> Result<Planned, Failure> {
    let kind = &*wanted.target.kind;
    if form == Form::Apply {
        return applied(store, wanted, body);
    }
    let found = live(store, wanted)?;
    let shown = super::read::in_version(kind, &found);
    let object = patch::patched(form, &shown, body, kind)?;
    replace(store, wanted, &found, object)
}

fn applied(store: &Store, wanted: &Wanted, body: &Value) -> Result<Planned, Failure> {
    let kind = &*wanted.target.kind;
    if body.text("/kind").is_empty() || body.text("/apiVersion").is_empty() {
        return Err(Failure::bad_request(format!(
            "error when unmarshaling the patch: Object 'Kind' is missing in '{body}'"
        )));
    }
    if !body.items("/metadata/managedFields").is_empty() {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    let Ok(found) = live(store, wanted) else {
        return create(store, wanted, body);
    };
    let shown = super::read::in_version(kind, &found);
    let part = &wanted.target.part;
    let object = patch::apply(kind, &wanted.manager, part, wanted.force, (&shown, body))?;
    replace(store, wanted, &found, object)
}
