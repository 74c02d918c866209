//! The values that `capture` and `before` give names to.

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure};
use runbook_plan::Capture;
use runbook_plan::expression::{Scope, Val};
use serde_json::Value;

use super::Context;
use super::gate::uses_cut;
use crate::bounds;
use crate::live::{Sealed, secret_name, secrets_of};

/// Values with their names, as the journal takes them.
#[derive(Debug, Default)]
pub(crate) struct Values {
    pub(crate) shown: IndexMap<String, Value>,
    pub(crate) sealed: Sealed,
}

/// The values of a `capture`. One with a secret in it is kept beside the state as it is.
pub(crate) fn capture(
    context: &Context,
    owner: &str,
    capture: &Capture,
    scope: &Scope,
    cut: &[String],
) -> Result<Values, Failure> {
    let mut values: IndexMap<String, Val> = IndexMap::new();
    let mut secrets = Vec::new();
    for captured in capture {
        let (name, expression) = (&captured.name, &captured.value);
        let path = format!("capture.{name}");
        if let Some(cut) = uses_cut(expression, cut) {
            let message = format!("`{cut}` is longer than 1 MiB and was cut");
            return Err(Failure::new(ErrorKind::Other, message).about(path));
        }
        let value = expression.eval(scope).map_err(|error| {
            Failure::new(ErrorKind::Other, format!("`{}`: {error}", expression.source())).about(path.clone())
        })?;
        if let Err(reason) = bounds::check(&value.to_json()) {
            return Err(Failure::new(ErrorKind::Other, format!("the value {reason}")).about(path));
        }
        if captured.secret {
            secrets.extend(secrets_of(&secret_name(owner, name), &value.to_param().reveal()));
        }
        values.insert(name.clone(), value);
    }
    context
        .run
        .masks
        .learn(secrets)
        .map_err(|error| Failure::new(ErrorKind::Other, error.to_string()).about("capture"))?;
    Ok(keep(context, owner, &values))
}

/// Keeps what the mask would change beside the state.
pub(super) fn keep(context: &Context, owner: &str, values: &IndexMap<String, Val>) -> Values {
    let sealed = context.run.live.keep(&context.masker(), owner, values);
    let shown = values.iter().map(|(name, value)| (name.clone(), value.to_json()));
    Values {
        shown: shown.collect(),
        sealed,
    }
}
