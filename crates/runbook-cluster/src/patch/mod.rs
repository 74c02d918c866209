//! The ways to say a change of an object.

mod fields;
mod json;
mod keys;
mod managers;
mod merge;
mod strategic;

use serde_json::Value;

pub(crate) use self::managers::{apply, track, track_first};
use self::merge::merge;
use crate::failure::Failure;
use crate::kinds::Kind;

/// How a patch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, in which lists are merged by keys.
    Strategic,
    /// What one manager wants of an object.
    Apply,
}

const ALL: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

impl Form {
    /// The form that a content type says, if the kind has it.
    pub(crate) fn of(content_type: &str, kind: &Kind) -> Result<Self, Failure> {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        match media {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" if kind.custom.is_none() => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            _ if kind.custom.is_some() => Err(Failure::unsupported_media(&[ALL[0], ALL[1], ALL[3]])),
            _ => Err(Failure::unsupported_media(&ALL)),
        }
    }
}

/// The object after a patch that is not applied by a manager.
pub(crate) fn patched(form: Form, live: &Value, patch: &Value, kind: &Kind) -> Result<Value, Failure> {
    match form {
        Form::Json => json::apply(live, patch),
        Form::Merge => Ok(merge(live.clone(), patch)),
        Form::Strategic => strategic::apply(kind, live, patch),
        Form::Apply => Err(Failure::unsupported_media(&ALL[..3])),
    }
}
