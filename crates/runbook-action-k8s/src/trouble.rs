//! Why a cluster did not do what it was asked, in the kinds that a runbook can ask for.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use runbook_action::{ErrorKind, Failure};
use serde_json::Value;

/// What was asked, in the words of roles: `patch` on `deployments.apps` in the namespace `web`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Right {
    pub(crate) verb: &'static str,
    pub(crate) resource: String,
    pub(crate) namespace: Option<String>,
}

impl Right {
    /// The failure of a user who has not got it.
    pub(crate) fn missing(&self, user: &str) -> Failure {
        without(user, &self.shown(self.verb))
    }

    /// For people, with the verb that is missing.
    fn shown(&self, verb: &str) -> String {
        let place = match &self.namespace {
            Some(namespace) => format!(" in the namespace `{namespace}`"),
            None => String::new(),
        };
        format!("`{verb}` on `{}`{place}", self.resource)
    }
}

/// Why there is no answer, or what the answer was where it was no.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    /// The status of the answer; 0 where there was none.
    pub(crate) code: u16,
    /// The reason in one word, as the server gives it: `Conflict`.
    pub(crate) reason: String,
    /// What the server says.
    pub(crate) message: String,
    /// The causes that it gives, each with a field.
    pub(crate) causes: Vec<(String, String)>,
    /// How long it wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// The same as a failure.
    failure: Box<Failure>,
}

impl Trouble {
    /// What the server answered.
    pub(crate) fn answered(code: u16, body: &[u8], retry_after: Option<Duration>, right: &Right) -> Self {
        let status: Value = serde_json::from_slice(body).unwrap_or_default();
        let is_status = status.get("kind").and_then(Value::as_str) == Some("Status");
        let text = |pointer: &str| {
            status
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let message = if is_status {
            text("/message").to_owned()
        } else {
            String::from_utf8_lossy(body).into_owned()
        };
        let code = status
            .get("code")
            .and_then(Value::as_u64)
            .and_then(|code| u16::try_from(code).ok())
            .unwrap_or(code);
        let seconds = status
            .pointer("/details/retryAfterSeconds")
            .and_then(Value::as_u64);
        let causes = status.pointer("/details/causes").and_then(Value::as_array);
        let causes = causes.into_iter().flatten().map(|cause| {
            let part = |key: &str| {
                cause
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            (part("field"), part("message"))
        });
        let mut trouble = Self {
            code,
            reason: text("/reason").to_owned(),
            message: one_line(&message),
            causes: causes.collect(),
            retry_after: retry_after.or(seconds.map(Duration::from_secs)),
            failure: Box::new(Failure::new(ErrorKind::Other, "")),
        };
        trouble.failure = Box::new(trouble.told(right));
        trouble
    }

    /// What came of a request that was not answered.
    pub(crate) fn unanswered(error: &kube::Error, cluster: &str) -> Self {
        Self::from_failure(chain(error, cluster))
    }

    /// What was found out otherwise.
    pub(crate) fn from_failure(failure: Failure) -> Self {
        Self {
            code: 0,
            reason: String::new(),
            message: failure.message.clone(),
            causes: Vec::new(),
            retry_after: None,
            failure: Box::new(failure),
        }
    }

    /// Whether no answer came, as nothing was there that could give one.
    pub(crate) fn is_lost(&self) -> bool {
        self.code == 0 && self.failure.kind == ErrorKind::Unreachable
    }

    /// Whether there is no such thing.
    pub(crate) const fn is_missing(&self) -> bool {
        self.code == 404
    }

    /// Whether somebody else changed it in between: what was read is to be read again.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.code == 409 && self.reason != "AlreadyExists" && !self.is_owned()
    }

    /// Whether a field belongs to another manager.
    pub(crate) fn is_owned(&self) -> bool {
        self.code == 409 && self.message.contains("Apply failed with")
    }

    /// Whether the state that a watch goes on from is forgotten.
    pub(crate) fn is_gone(&self) -> bool {
        self.code == 410 || self.reason == "Expired" || self.reason == "Gone"
    }

    /// Whether the same may well succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        use ErrorKind::{Dns, Refused, Timeout, Unreachable};
        match self.code {
            0 => matches!(self.failure.kind, Refused | Unreachable | Timeout | Dns),
            429 | 500 | 502..=504 => !self.is_webhook(),
            _ => false,
        }
    }

    /// Whether the answer says that nothing was done.
    pub(crate) const fn is_refusal(&self) -> bool {
        self.code >= 400 && self.code < 500
    }

    fn is_webhook(&self) -> bool {
        self.message.contains("failed calling webhook")
    }

    /// As a failure of something that changes nothing, or of which it is known that it did not.
    pub(crate) fn failure(self) -> Failure {
        *self.failure
    }

    /// As a failure of something that changes.
    pub(crate) fn of_change(self) -> Failure {
        // A webhook is asked before anything is written.
        let never_sent = self.code == 0
            && matches!(
                self.failure.kind,
                ErrorKind::Refused | ErrorKind::Dns | ErrorKind::Tls
            );
        if self.is_refusal() || self.is_webhook() || never_sent {
            *self.failure
        } else {
            self.failure.maybe_applied()
        }
    }

    fn told(&self, right: &Right) -> Failure {
        let message = self.message.clone();
        let failure = match self.code {
            401 => Failure::new(
                ErrorKind::Auth,
                "the cluster does not know who asks: the credentials are wrong or have expired",
            )
            .help("log in again, and resume the run"),
            403 => forbidden(&message, right),
            404 => Failure::new(ErrorKind::NotFound, message),
            409 if self.is_owned() => Failure::new(ErrorKind::Conflict, message)
                .help("leave these fields out, or take them over with `force_conflicts: true`"),
            409 => Failure::new(ErrorKind::Conflict, message),
            410 => Failure::new(ErrorKind::Conflict, message).help("read it again"),
            422 => self.invalid(),
            429 => Failure::new(ErrorKind::Conflict, message)
                .help("try it again later: `retry` waits as long as it was told"),
            _ if self.is_webhook() => webhook(&message),
            408 | 504 => Failure::new(ErrorKind::Timeout, message),
            502 | 503 => Failure::new(ErrorKind::Unreachable, message),
            _ => Failure::new(ErrorKind::Other, message),
        };
        match self.retry_after {
            Some(length) => failure.retry_after(length),
            None => failure,
        }
    }

    /// What is wrong with an object, field by field.
    fn invalid(&self) -> Failure {
        let fields: Vec<String> = self
            .causes
            .iter()
            .filter(|(field, _)| !field.is_empty())
            .map(|(field, why)| format!("`{field}`: {}", one_line(why)))
            .collect();
        let message = if fields.is_empty() {
            self.message.clone()
        } else {
            let subject = self.message.split(" is invalid").next().unwrap_or_default();
            format!("{subject} is invalid: {}", fields.join("; "))
        };
        let result: Value = self
            .causes
            .iter()
            .map(|(field, why)| serde_json::json!({ "field": field, "message": why }))
            .collect();
        Failure::new(ErrorKind::Other, message).with_result(serde_json::json!({ "causes": result }))
    }
}

/// A role that does not allow it, a quota, or a webhook that says no: all of them answer alike.
fn forbidden(message: &str, right: &Right) -> Failure {
    let user = message
        .split_once("User \"")
        .and_then(|(_, rest)| rest.split_once("\" cannot "));
    let Some((user, denied)) = user else {
        return Failure::new(ErrorKind::Forbidden, message);
    };
    // One request may need several rights, and the server tells which of them is missing.
    let verb = denied.split(' ').next().unwrap_or(right.verb);
    without(&format!("`{user}`"), &right.shown(verb))
}

fn without(user: &str, right: &str) -> Failure {
    Failure::new(ErrorKind::Forbidden, format!("{user} may not {right}"))
        .help("`runbook plan --rbac` prints the role that this runbook needs")
}

fn webhook(message: &str) -> Failure {
    let late = ["context deadline exceeded", "Client.Timeout", "timeout"];
    let kind = if late.iter().any(|word| message.contains(word)) {
        ErrorKind::Timeout
    } else {
        ErrorKind::Unreachable
    };
    Failure::new(kind, message)
        .help("look after the webhook: the cluster asks it before it takes any such change")
}

/// Why no answer came, from the first cause that says more.
fn chain(error: &(dyn StdError + 'static), cluster: &str) -> Failure {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    let mut words = Vec::new();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && let Some(failure) = of_io(error, cluster)
        {
            return failure;
        }
        words.push(error.to_string());
        cause = error.source();
    }
    let said = words.join(": ");
    if let Some(failure) = of_tls(&said, words.last().map_or("", String::as_str), cluster) {
        return failure;
    }
    if said.contains("dns error") || said.contains("lookup address") {
        return Failure::new(
            ErrorKind::Dns,
            format!("the name of {cluster} cannot be resolved"),
        );
    }
    if said.contains("auth error") || said.contains("token file") {
        let message = format!("the credentials for {cluster} cannot be read");
        return Failure::new(ErrorKind::Auth, message).help("log in again");
    }
    if said.contains("deserializing") || said.contains("UTF-8") {
        let message = format!("{cluster} gave an answer that is not understood");
        return Failure::new(ErrorKind::Protocol, message);
    }
    if said.contains("deadline has elapsed") || said.contains("timed out") {
        return Failure::new(ErrorKind::Timeout, format!("{cluster} gives no answer"));
    }
    Failure::new(
        ErrorKind::Unreachable,
        format!("the connection to {cluster} was lost"),
    )
}

fn of_tls(said: &str, last: &str, cluster: &str) -> Option<Failure> {
    let is_tls = ["certificate", "tls", "TLS", "HandshakeFailure", "AlertReceived"];
    // A connection that ends in the middle was encrypted well enough.
    let is_cut = said.contains("close_notify");
    (!is_cut && is_tls.iter().any(|word| said.contains(word))).then(|| {
        let message = format!(
            "the connection to {cluster} cannot be encrypted: {}",
            one_line(last)
        );
        Failure::new(ErrorKind::Tls, message)
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of the system are open")]
fn of_io(error: &io::Error, cluster: &str) -> Option<Failure> {
    // The errors of others hide in those of the system.
    if let Some(inner) = error.get_ref()
        && let Some(failure) = of_tls(&inner.to_string(), &inner.to_string(), cluster)
    {
        return Some(failure);
    }
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorKind::Refused,
        io::ErrorKind::TimedOut => ErrorKind::Timeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ErrorKind::Unreachable,
        _ => return None,
    };
    let message = match kind {
        ErrorKind::Refused => format!("{cluster} refuses connections"),
        ErrorKind::Timeout => format!("{cluster} gives no answer"),
        _ => format!("there is no way to {cluster}"),
    };
    Some(Failure::new(kind, message))
}

/// One line for people, without control characters and full stop.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    if let Some((end, _)) = line.char_indices().nth(400) {
        line.truncate(end);
        line.push('…');
    }
    line.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(code: u16, body: &Value) -> Failure {
        let right = Right {
            verb: "patch",
            resource: "deployments.apps".to_owned(),
            namespace: Some("web".to_owned()),
        };
        Trouble::answered(code, body.to_string().as_bytes(), None, &right).failure()
    }

    #[test]
    fn who_may_not_is_told_what_and_how_to_find_out_more() {
        let message = r#"deployments.apps "a" is forbidden: User "ci" cannot patch resource "deployments" in API group "apps" in the namespace "web""#;
        let failure = answered(
            403,
            &json!({"kind": "Status", "message": message, "reason": "Forbidden", "code": 403}),
        );
        assert_eq!(failure.kind, ErrorKind::Forbidden);
        assert_eq!(
            failure.message,
            "`ci` may not `patch` on `deployments.apps` in the namespace `web`"
        );
        assert!(failure.help.unwrap().contains("runbook plan --rbac"));
    }

    #[test]
    fn a_quota_and_a_webhook_speak_for_themselves() {
        let message = "pods \"a\" is forbidden: exceeded quota: small";
        let failure = answered(403, &json!({"kind": "Status", "message": message}));
        assert_eq!(
            (failure.kind, failure.message.as_str()),
            (ErrorKind::Forbidden, message)
        );
        let message =
            "Internal error occurred: failed calling webhook \"v.example\": context deadline exceeded";
        let failure = answered(500, &json!({"kind": "Status", "message": message, "code": 500}));
        assert_eq!(failure.kind, ErrorKind::Timeout);
    }

    #[test]
    fn each_field_that_is_wrong_is_named() {
        let failure = answered(
            422,
            &json!({
                "kind": "Status", "code": 422, "reason": "Invalid",
                "message": "Deployment.apps \"a\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0",
                "details": {"causes": [{"field": "spec.replicas", "message": "Invalid value: -1"}]},
            }),
        );
        assert_eq!(
            failure.message,
            "Deployment.apps \"a\" is invalid: `spec.replicas`: Invalid value: -1"
        );
    }
}
