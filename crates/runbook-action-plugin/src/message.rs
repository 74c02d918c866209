//! The messages of the protocol, each one line of JSON.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runbook_action::{ErrorKind, Failure, Handle, Stream};
use serde::Deserialize;
use serde_json::{Value, json};

/// The longest line, in bytes, without its end.
pub(crate) const LONGEST: usize = 1024 * 1024;

/// What a plugin says.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// Output, as it comes.
    Output(Stream, Vec<u8>),
    /// How far it is, for people.
    Progress(String),
    /// Something that may outlive it.
    Record(Handle),
    /// It is done.
    Done(Value),
    /// It has failed.
    Failed(Box<Failure>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    #[serde(default)]
    stream: Option<Stream>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    base64: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    kind: ErrorKind,
    message: String,
    #[serde(default)]
    param: Option<String>,
    #[serde(default)]
    help: Option<String>,
    #[serde(default)]
    may_have_applied: bool,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

impl Said {
    /// Reads a line; what is wrong with it is told as a fragment.
    pub(crate) fn read(line: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(line).map_err(|_wrong| "is no JSON".to_owned())?;
        let entries = value.as_object().ok_or("is no mapping")?;
        let mut entries = entries.iter();
        let (Some((key, content)), None) = (entries.next(), entries.next()) else {
            return Err("has not exactly one key".to_owned());
        };
        let wrong = |error: serde_json::Error| format!("has a wrong `{key}`: {error}");
        let content = content.clone();
        match key.as_str() {
            "output" => output(serde_json::from_value(content).map_err(wrong)?),
            "progress" => serde_json::from_value(content).map(Self::Progress).map_err(wrong),
            "record" => serde_json::from_value(content).map(Self::Record).map_err(wrong),
            "done" => Ok(Self::Done(content)),
            "failed" => failed(serde_json::from_value(content).map_err(wrong)?),
            _ => Err(format!(
                "has the key `{}`, which there is not",
                key.escape_default()
            )),
        }
    }
}

fn output(output: Output) -> Result<Said, String> {
    let stream = output.stream.unwrap_or(Stream::Stdout);
    match (output.text, output.base64) {
        (Some(text), None) => Ok(Said::Output(stream, text.into_bytes())),
        (None, Some(encoded)) => STANDARD
            .decode(encoded)
            .map(|bytes| Said::Output(stream, bytes))
            .map_err(|_wrong| "has an `output` that is no base64".to_owned()),
        (Some(_), Some(_)) | (None, None) => {
            Err("has an `output` with not exactly one of `text` and `base64`".to_owned())
        }
    }
}

fn failed(failed: Failed) -> Result<Said, String> {
    let message = failed.message.trim().trim_end_matches('.').to_owned();
    if message.is_empty() {
        return Err("has a `failed` without a `message`".to_owned());
    }
    let mut failure = Failure::new(failed.kind, message);
    failure.help = failed.help;
    failure.may_have_applied = failed.may_have_applied;
    failure.result = failed.result;
    failure.retry_after = failed.retry_after_ms.map(Duration::from_millis);
    // Its parameters stand under `with`.
    failure.param = failed.param.map(|param| format!("with.{param}"));
    Ok(Said::Failed(Box::new(failure)))
}

/// That a handle is kept.
pub(crate) fn recorded() -> Value {
    json!({"recorded": true})
}

/// That it is to stop, within so long.
pub(crate) fn cancel(grace: Duration) -> Value {
    json!({"cancel": {"grace_ms": u64::try_from(grace.as_millis()).unwrap_or(u64::MAX)}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_none_are_told() {
        for (line, said) in [
            ("", "is no JSON"),
            ("hello", "is no JSON"),
            ("[]", "is no mapping"),
            ("{}", "has not exactly one key"),
            (r#"{"done": 1, "failed": 2}"#, "has not exactly one key"),
            (r#"{"finished": 1}"#, "has the key `finished`, which there is not"),
            (r#"{"output": {}}"#, "not exactly one of"),
            (
                r#"{"output": {"text": "a", "base64": "YQ=="}}"#,
                "not exactly one of",
            ),
            (r#"{"output": {"base64": "?"}}"#, "no base64"),
            (
                r#"{"output": {"text": "a", "stream": "both"}}"#,
                "a wrong `output`",
            ),
            (
                r#"{"failed": {"kind": "bad", "message": "x"}}"#,
                "a wrong `failed`",
            ),
            (
                r#"{"failed": {"kind": "other", "message": "."}}"#,
                "without a `message`",
            ),
            (r#"{"progress": 5}"#, "a wrong `progress`"),
            (r#"{"record": {"what": "x"}}"#, "a wrong `record`"),
        ] {
            let told = Said::read(line.as_bytes()).unwrap_err();
            assert!(told.contains(said), "{line}: {told}");
        }
    }

    #[test]
    fn lines_are_read() {
        let read = |line: &str| Said::read(line.as_bytes()).unwrap();
        assert_eq!(
            read(r#"{"output": {"text": "a\n"}}"#),
            Said::Output(Stream::Stdout, b"a\n".to_vec())
        );
        assert_eq!(
            read(r#"{"output": {"base64": "AP8=", "stream": "stderr"}}"#),
            Said::Output(Stream::Stderr, vec![0, 255])
        );
        let Said::Failed(failure) = read(
            r#"{"failed": {"kind": "conflict", "message": "No.", "param": "key", "retry_after_ms": 1500}}"#,
        ) else {
            panic!("not a failure")
        };
        assert_eq!(failure.param.as_deref(), Some("with.key"));
        assert_eq!(failure.message, "No");
        assert_eq!(failure.retry_after, Some(Duration::from_millis(1500)));
    }
}
