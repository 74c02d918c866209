//! The one place that masks secrets.
//!
//! A secret is looked for as it is and in the forms in which programs echo it: base64, percent-encoded, as a
//! JSON string, quoted for a shell or for SQL. One with several lines is also looked for line by line.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use runbook_action::Secret;
use serde_json::Value;
use thiserror::Error;

/// The least length of a secret, in bytes: a shorter one could not be masked without masking everything.
pub const MIN_SECRET: usize = 4;

/// Less of a secret within base64 would be found where it is not.
const LEAST_WITHIN_BASE64: usize = 6;

/// Secrets that cannot be protected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MaskError {
    /// A secret is too short.
    #[error("secret `{name}` is shorter than {MIN_SECRET} characters, so it cannot be masked")]
    TooShort {
        /// Its name.
        name: String,
    },
    /// The secrets cannot be searched for.
    #[error("the secrets cannot be searched for: {reason}")]
    Search {
        /// Why.
        reason: String,
    },
}

/// Replaces secrets by their names.
#[derive(Clone)]
pub struct Masker {
    search: Option<AhoCorasick>,
    masks: Vec<String>,
    /// The forms that are looked for, sorted.
    patterns: Vec<Vec<u8>>,
    longest: usize,
}

/// It holds secrets, so it tells nothing of itself.
impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker").finish_non_exhaustive()
    }
}

impl Masker {
    /// For these secrets.
    pub fn new(secrets: &[Secret]) -> Result<Self, MaskError> {
        let mut patterns: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        for secret in secrets {
            if secret.reveal().len() < MIN_SECRET {
                return Err(MaskError::TooShort {
                    name: secret.name().to_owned(),
                });
            }
            for form in forms(secret.reveal()) {
                patterns.entry(form).or_insert_with(|| secret.to_string());
            }
        }
        let longest = patterns.keys().map(Vec::len).max().unwrap_or(0);
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(patterns.keys())
            .map_err(|error| MaskError::Search {
                reason: error.to_string(),
            })?;
        Ok(Self {
            search: Some(search).filter(|_| !patterns.is_empty()),
            patterns: patterns.keys().cloned().collect(),
            masks: patterns.into_values().collect(),
            longest,
        })
    }

    /// The text with its secrets masked.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        match &self.search {
            Some(search) if search.is_match(text) => search.replace_all(text, &self.masks),
            Some(_) | None => text.to_owned(),
        }
    }

    /// The value with the secrets in its texts and keys masked.
    /// A number that shows a secret becomes text.
    #[must_use]
    pub(crate) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => map
                .into_iter()
                .map(|(key, value)| (self.text(&key), self.value(value)))
                .collect(),
            Value::Number(number) => {
                let (plain, masked) = (number.to_string(), self.text(&number.to_string()));
                if plain == masked {
                    Value::Number(number)
                } else {
                    Value::String(masked)
                }
            }
            other @ (Value::Null | Value::Bool(_)) => other,
        }
    }

    /// A masker for a stream of bytes, of which some were held back before.
    #[must_use]
    pub(crate) fn stream_from(&self, held: Vec<u8>) -> StreamMasker<'_> {
        StreamMasker { masker: self, held }
    }

    /// Where the end of these bytes begins that could still become a secret: the longest end with which a form
    /// begins.
    fn undecided_from(&self, bytes: &[u8]) -> usize {
        let from = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        let begins_a_form = |start: &usize| {
            let end = &bytes[*start..];
            let next = self.patterns.partition_point(|form| form.as_slice() <= end);
            self.patterns.get(next).is_some_and(|form| form.starts_with(end))
        };
        (from..bytes.len()).find(begins_a_form).unwrap_or(bytes.len())
    }

    fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        match &self.search {
            Some(search) => search.replace_all_bytes(bytes, &self.masks),
            None => bytes.to_vec(),
        }
    }
}

/// Masks a stream whose chunks may end in the middle of a secret.
#[derive(Debug)]
pub(crate) struct StreamMasker<'m> {
    masker: &'m Masker,
    held: Vec<u8>,
}

impl StreamMasker<'_> {
    /// Takes a chunk and gives what can be shown already.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        let Some(search) = &self.masker.search else {
            return chunk.to_vec();
        };
        self.held.extend_from_slice(chunk);
        let mut safe = self.masker.undecided_from(&self.held);
        for found in search.find_iter(&self.held) {
            if found.start() < safe && safe < found.end() {
                safe = found.end();
            }
        }
        let rest = self.held.split_off(safe);
        let shown = self.masker.bytes(&self.held);
        self.held = rest;
        shown
    }

    /// What is held back until more is known.
    pub(crate) fn into_held(self) -> Vec<u8> {
        self.held
    }

    /// What was held back, when nothing more comes.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        self.masker.bytes(&std::mem::take(&mut self.held))
    }
}

/// What encoders leave as it is in a URL: the unreserved characters, and more in a component or a path.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const COMPONENT: AsciiSet = UNRESERVED
    .remove(b'!')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*');
const PATH: AsciiSet = COMPONENT
    .remove(b'/')
    .remove(b':')
    .remove(b'@')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms: Vec<String> = vec![secret.to_owned()];
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        forms.push(engine.encode(secret));
    }
    forms.extend(within_base64(secret));
    for set in [NON_ALPHANUMERIC, &UNRESERVED, &COMPONENT, &PATH] {
        let encoded = utf8_percent_encode(secret, set).to_string();
        forms.push(encoded.replace("%20", "+"));
        forms.push(lower_hex(&encoded));
        forms.push(lower_hex(&encoded).replace("%20", "+"));
        forms.push(encoded);
    }
    forms.push(secret.replace(' ', "+"));
    let json = json_text(secret);
    forms.push(ascii_json(&json));
    forms.push(ascii_json(&json).replace('/', "\\/"));
    forms.push(json);
    forms.push(secret.replace('\'', "''"));
    forms.push(secret.replace('\'', "'\\''"));
    forms.push(secret.replace('\'', "'\"'\"'"));
    forms.push(backslashed(secret));
    if secret.contains('\n') {
        let lines: Vec<String> = secret.lines().map(|line| line.trim().to_owned()).collect();
        forms.extend(lines);
    }
    // Whatever was echoed may become part of JSON, or be shown in quotes.
    let quoted: Vec<String> = forms.iter().map(|form| json_text(form)).collect();
    forms.extend(quoted);
    forms
        .into_iter()
        .filter(|form| form.len() >= MIN_SECRET)
        .map(String::into_bytes)
        .collect()
}

/// What base64 makes of the secret where it is a part of something longer, as in `user:secret`: one text for
/// each place within the groups of three bytes, without the characters that also depend on what is beside it.
fn within_base64(secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        for (before, unsure) in [(0, 0), (1, 2), (2, 3)] {
            let bytes = [&[0; 2][..before], secret.as_bytes()].concat();
            let sure = unsure..bytes.len() * 8 / 6;
            found.extend(engine.encode(&bytes).get(sure).map(str::to_owned));
        }
    }
    found.retain(|form| form.len() >= LEAST_WITHIN_BASE64);
    found
}

/// What stands between the quotes of a JSON string.
fn json_text(text: &str) -> String {
    let json = Value::from(text).to_string();
    json.get(1..json.len() - 1).unwrap_or_default().to_owned()
}

/// `%2f` for `%2F`.
fn lower_hex(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        out.push('%');
        out.push_str(&code.to_ascii_lowercase());
        out.push_str(rest);
    }
    out
}

/// With `\u00e9` for what is not ASCII, as some encoders write it.
fn ascii_json(json: &str) -> String {
    let mut out = String::new();
    for char in json.chars() {
        if char.is_ascii() {
            out.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _infallible = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// As a shell quotes with backslashes.
fn backslashed(secret: &str) -> String {
    let mut out = String::new();
    for char in secret.chars() {
        let plain = char.is_alphanumeric() || !char.is_ascii() || "_-.,/:=@%+".contains(char);
        if !plain {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masker() -> Masker {
        let key = "-----BEGIN\nline-one-of-key\nline-two\n-----END".to_owned();
        Masker::new(&[
            Secret::new("pw", "pä ss'w\"rd".to_owned()),
            Secret::new("key", key),
        ])
        .unwrap()
    }

    #[test]
    fn the_forms_in_which_programs_echo() {
        let masker = masker();
        for echoed in [
            "x pä ss'w\"rd y",
            &format!("basic {}", STANDARD.encode("pä ss'w\"rd")),
            "q=p%C3%A4%20ss%27w%22rd&",
            r#"{"a": "pä ss'w\"rd"}"#,
            r#"'pä ss'\''w"rd'"#,
            "only line-one-of-key here",
        ] {
            let masked = masker.text(echoed);
            assert!(masked.contains("‹secret "), "{echoed}: {masked}");
            assert!(!masked.contains("ss'w") && !masked.contains("one-of"), "{masked}");
        }
        assert_eq!(masker.text("nothing here"), "nothing here");
    }

    #[test]
    fn chunks_may_end_within_a_secret() {
        let masker = Masker::new(&[Secret::new("pw", "hunter2hunter3".to_owned())]).unwrap();
        let whole = b"a hunter2hunter3 b hunter2hunter3hunter2hunter3 hunter2";
        for size in 1..whole.len() {
            let mut stream = masker.stream_from(Vec::new());
            let mut shown: Vec<u8> = whole.chunks(size).flat_map(|chunk| stream.push(chunk)).collect();
            shown.extend(stream.finish());
            assert_eq!(
                String::from_utf8(shown).unwrap(),
                "a ‹secret pw› b ‹secret pw›‹secret pw› hunter2"
            );
        }
    }

    #[test]
    fn what_cannot_become_a_secret_is_not_held_back() {
        let masker = Masker::new(&[Secret::new("pw", "hunter2hunter3".to_owned())]).unwrap();
        let mut stream = masker.stream_from(Vec::new());
        assert_eq!(stream.push(b"line one\n"), b"line one\n");
        assert_eq!(stream.push(b"and hunt"), b"and ");
        assert_eq!(stream.push(b"ing"), b"hunting");
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(Masker::new(&[Secret::new("pin", "123".to_owned())]).is_err());
        assert_eq!(Masker::new(&[]).unwrap().text("123"), "123");
    }
}
