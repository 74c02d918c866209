//! What the server refuses, as the `Status` objects that clients read.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::kinds::Kind;
use crate::streams::Body;

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The code of HTTP.
    pub code: u16,
    /// The reason, in one word; empty where Kubernetes says none.
    pub reason: &'static str,
    /// What is told.
    pub message: String,
    /// What it is about, and its causes.
    pub details: Map<String, Value>,
    /// With what the rest of a list can be had whose version is no longer kept.
    pub rest: Option<String>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The reason: `FieldValueInvalid`.
    pub reason: &'static str,
    /// The field: `spec.replicas`.
    pub field: String,
    /// The message, without the field.
    pub message: String,
}

impl Cause {
    /// A value that cannot stand there.
    #[must_use]
    pub fn invalid(field: &str, value: &Value, why: &str) -> Self {
        Self {
            reason: "FieldValueInvalid",
            field: field.to_owned(),
            message: format!("Invalid value: {}: {why}", shown(value)),
        }
    }

    /// A field that must be there.
    #[must_use]
    pub fn required(field: &str, why: &str) -> Self {
        let message = if why.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {why}")
        };
        Self {
            reason: "FieldValueRequired",
            field: field.to_owned(),
            message,
        }
    }

    /// A value that is none of those that can be.
    #[must_use]
    pub fn unsupported(field: &str, value: &Value, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|value| format!("{value:?}")).collect();
        Self {
            reason: "FieldValueNotSupported",
            field: field.to_owned(),
            message: format!(
                "Unsupported value: {}: supported values: {}",
                shown(value),
                supported.join(", ")
            ),
        }
    }

    /// A field that must not be set, or not be changed.
    #[must_use]
    pub fn forbidden(field: &str, why: &str) -> Self {
        Self {
            reason: "FieldValueForbidden",
            field: field.to_owned(),
            message: format!("Forbidden: {why}"),
        }
    }

    /// A value that another item has already.
    #[must_use]
    pub fn duplicate(field: &str, value: &Value) -> Self {
        Self {
            reason: "FieldValueDuplicate",
            field: field.to_owned(),
            message: format!("Duplicate value: {}", shown(value)),
        }
    }

    /// A value that refers to nothing.
    #[must_use]
    pub fn not_found(field: &str, value: &Value) -> Self {
        Self {
            reason: "FieldValueNotFound",
            field: field.to_owned(),
            message: format!("Not found: {}", shown(value)),
        }
    }
}

/// A value as messages show it.
fn shown(value: &Value) -> String {
    value.to_string()
}

impl Failure {
    /// Any failure.
    #[must_use]
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: Map::new(),
            rest: None,
        }
    }

    /// A request that makes no sense.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// A failure of the server itself.
    #[must_use]
    pub fn internal(message: &str) -> Self {
        let mut failure = Self::new(
            500,
            "InternalError",
            format!("Internal error occurred: {message}"),
        );
        failure
            .details
            .insert("causes".to_owned(), json!([{"message": message}]));
        failure
    }

    /// No such object.
    #[must_use]
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} {name:?} not found", kind.id())).about(kind, name)
    }

    /// No such path.
    #[must_use]
    pub fn no_resource() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
    }

    /// The name is taken.
    #[must_use]
    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::new(
            409,
            "AlreadyExists",
            format!("{} {name:?} already exists", kind.id()),
        )
        .about(kind, name)
    }

    /// Somebody else was faster.
    #[must_use]
    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.id());
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// The object was changed since it was read.
    #[must_use]
    pub fn modified(kind: &Kind, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// An object that breaks the rules of its kind.
    #[must_use]
    pub fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let told: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        let told = match told.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let full = if kind.group.is_empty() {
            kind.kind.clone()
        } else {
            format!("{}.{}", kind.kind, kind.group)
        };
        let mut failure = Self::new(422, "Invalid", format!("{full} {name:?} is invalid: {told}"));
        failure.about_named(&kind.group, &kind.kind, name);
        let causes: Vec<Value> = causes
            .iter()
            .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
            .collect();
        failure.details.insert("causes".to_owned(), Value::Array(causes));
        failure
    }

    /// Parameters of a request that make no sense, of one of the kinds in which Kubernetes keeps them. `why` begins with the
    /// name of the parameter.
    #[must_use]
    pub fn of_options(kind: &str, why: &str) -> Self {
        let mut failure = Self::new(
            422,
            "Invalid",
            format!("{kind}.meta.k8s.io \"\" is invalid: {why}"),
        );
        failure.about_named("meta.k8s.io", kind, "");
        let (field, message) = why.split_once(": ").unwrap_or(("", why));
        let reason = match message.split(':').next().unwrap_or_default() {
            "Forbidden" => "FieldValueForbidden",
            "Required value" => "FieldValueRequired",
            "Unsupported value" => "FieldValueNotSupported",
            _ => "FieldValueInvalid",
        };
        failure.caused(json!({"reason": reason, "message": message, "field": field}))
    }

    /// A request that the user may not make, or that admission refuses.
    #[must_use]
    pub fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let id = kind.id();
        let message = if name.is_empty() {
            format!("{id} is forbidden: {why}")
        } else {
            format!("{id} {name:?} is forbidden: {why}")
        };
        Self::new(403, "Forbidden", message).about(kind, name)
    }

    /// A user that nobody knows.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// A version of the objects that is no longer kept.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// A verb that the resource does not have.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    /// A body in a format that is not understood.
    #[must_use]
    pub fn unsupported_media(accepted: &[&str]) -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: {}",
                accepted.join(", ")
            ),
        )
    }

    /// A request to be made again later.
    #[must_use]
    pub fn too_many_requests(message: impl Into<String>, retry_after: Option<u32>) -> Self {
        let mut failure = Self::new(429, "TooManyRequests", message);
        if let Some(seconds) = retry_after {
            failure
                .details
                .insert("retryAfterSeconds".to_owned(), json!(seconds));
        }
        failure
    }

    /// The same failure, with the object that it is about.
    #[must_use]
    pub fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.about_named(&kind.group, &kind.plural, name);
        self
    }

    fn about_named(&mut self, group: &str, kind: &str, name: &str) {
        for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
            if !value.is_empty() {
                self.details.insert(key.to_owned(), Value::from(value));
            }
        }
    }

    /// The same failure with one more cause.
    #[must_use]
    pub fn caused(mut self, cause: Value) -> Self {
        let causes = self
            .details
            .entry("causes")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(causes) = causes {
            causes.push(cause);
        }
        self
    }

    /// As an object of the kind `Status`.
    #[must_use]
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
        });
        if let Some(fields) = status.as_object_mut() {
            if !self.reason.is_empty() {
                fields.insert("reason".to_owned(), Value::from(self.reason));
            }
            if !self.details.is_empty() {
                fields.insert("details".to_owned(), Value::Object(self.details.clone()));
            }
            if let Some(rest) = &self.rest {
                fields.insert("metadata".to_owned(), json!({"continue": rest}));
            }
            fields.insert("code".to_owned(), Value::from(self.code));
        }
        status
    }

    /// As the answer to a request.
    #[must_use]
    pub fn response(&self) -> Response<Body> {
        let mut response = answer(self.code, &self.status());
        let after = self.details.get("retryAfterSeconds").and_then(Value::as_u64);
        if let Some(seconds) = after
            && let Ok(value) = seconds.to_string().parse()
        {
            response.headers_mut().insert("retry-after", value);
        }
        response
    }
}

/// An answer of JSON.
#[must_use]
pub(crate) fn answer(code: u16, body: &Value) -> Response<Body> {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    of_bytes(code, "application/json", bytes)
}

/// An answer of any type.
#[must_use]
pub(crate) fn of_bytes(code: u16, content_type: &'static str, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(bytes)).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        "content-type",
        hyper::header::HeaderValue::from_static(content_type),
    );
    response
}
