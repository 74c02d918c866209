//! What a test can put in the way of changes: a webhook that is slow, refuses, or does not answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;
use crate::shared::lock;

/// A change that is about to be made.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The kind of things: `deployments.apps`.
    pub id: String,
    /// `CREATE`, `UPDATE` or `DELETE`.
    pub operation: &'static str,
    /// The object as it would be; of a deletion, as it was.
    pub object: Value,
    /// Who asks.
    pub user: String,
    /// Whether nothing is to be kept.
    pub dry: bool,
}

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The change may be made.
    Allow,
    /// It may not.
    Deny(String),
}

/// A validating webhook.
#[derive(Clone)]
pub struct Webhook {
    /// Its name: `images.example.com`.
    pub name: String,
    /// How long it takes to answer.
    pub delay: Duration,
    /// How long the server waits for it; with a longer delay the change fails.
    pub timeout: Duration,
    /// What it says.
    pub judge: Arc<dyn Fn(&Admission) -> Verdict + Send + Sync>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Webhook")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// All webhooks, each with whether changes are made without it.
#[derive(Debug, Default)]
pub(crate) struct Hooks(Mutex<Vec<(Webhook, bool)>>);

impl Hooks {
    pub(crate) fn add(&self, hook: Webhook) {
        lock(&self.0).push((hook, false));
    }

    /// One without which changes are made when it does not answer.
    pub(crate) fn add_optional(&self, hook: Webhook) {
        lock(&self.0).push((hook, true));
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Asks all of them in turn.
    pub(crate) async fn judge(&self, admission: &Admission) -> Result<(), Failure> {
        let hooks = lock(&self.0).clone();
        for (hook, is_optional) in hooks {
            if hook.delay > hook.timeout {
                tokio::time::sleep(hook.timeout).await;
                if is_optional {
                    continue;
                }
                let seconds = hook.timeout.as_secs_f64();
                return Err(Failure::internal(&format!(
                    "failed calling webhook {:?}: failed to call webhook: Post \"https://{}/validate?timeout={seconds}s\": context deadline exceeded",
                    hook.name, hook.name
                )));
            }
            if !hook.delay.is_zero() {
                tokio::time::sleep(hook.delay).await;
            }
            if let Verdict::Deny(why) = (hook.judge)(admission) {
                return Err(Failure::new(
                    403,
                    "Forbidden",
                    format!("admission webhook {:?} denied the request: {why}", hook.name),
                ));
            }
        }
        Ok(())
    }
}
