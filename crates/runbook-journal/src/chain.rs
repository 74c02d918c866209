//! How a line is tied to the one before it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// What the first line continues from.
pub(crate) const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const OPEN: &[u8] = b",\"hash\":\"";
const CLOSE: &[u8] = b"\"}";

/// A line without its end, taken apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// What the hash is over, after the hash of the line before.
    pub(crate) body: &'a [u8],
    /// The hash that the line states.
    pub(crate) hash: &'a str,
}

impl Parts<'_> {
    /// Whether the line's hash is that of its bytes after `previous`.
    pub(crate) fn follows(&self, previous: &str) -> bool {
        link(previous, self.body) == self.hash
    }

    /// The number that the line states.
    pub(crate) fn seq(&self) -> Option<u64> {
        self.numbered().map(|(seq, _)| seq)
    }

    /// The same bytes with another number, if they have one.
    pub(crate) fn renumbered(&self, seq: u64) -> Option<Vec<u8>> {
        let (_, rest) = self.numbered()?;
        let mut body = format!("{{\"seq\":{seq}").into_bytes();
        body.extend_from_slice(rest);
        Some(body)
    }

    fn numbered(&self) -> Option<(u64, &[u8])> {
        let rest = self.body.strip_prefix(b"{\"seq\":")?;
        let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = rest.split_at(end);
        Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
    }
}

/// Takes a line apart, if it has the form of one.
pub(crate) fn split(line: &[u8]) -> Option<Parts<'_>> {
    let rest = line.strip_suffix(CLOSE)?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(START.len())?)?;
    let hash = std::str::from_utf8(hash).ok()?;
    let is_hex = hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let body = rest.strip_suffix(OPEN)?;
    is_hex.then_some(Parts { body, hash })
}

/// Makes a line of a JSON object. Returns it with its end, and its hash.
pub(crate) fn close(previous: &str, mut object: Vec<u8>) -> (Vec<u8>, String) {
    object.pop();
    let hash = link(previous, &object);
    object.extend_from_slice(OPEN);
    object.extend_from_slice(hash.as_bytes());
    object.extend_from_slice(CLOSE);
    object.push(b'\n');
    (object, hash)
}

/// The hash of `body` after `previous`.
pub(crate) fn link(previous: &str, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    digest.update(previous.as_bytes());
    digest.update(body);
    hex(&digest.finalize())
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_checked_with_nothing_but_sha256() {
        let (line, hash) = close(START, br#"{"seq":0,"a":1}"#.to_vec());
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text, format!("{{\"seq\":0,\"a\":1,\"hash\":\"{hash}\"}}\n"));
        let by_hand = Sha256::digest(format!("{START}{{\"seq\":0,\"a\":1"));
        assert_eq!(hash, hex(&by_hand));
    }

    #[test]
    fn a_line_comes_apart_as_it_was_put_together() {
        let (line, hash) = close(START, br#"{"seq":12,"a":1}"#.to_vec());
        let parts = split(&line[..line.len() - 1]).unwrap();
        assert_eq!(parts.hash, hash);
        assert_eq!(parts.seq(), Some(12));
        assert_eq!(parts.renumbered(7).unwrap(), br#"{"seq":7,"a":1"#);
        assert!(parts.follows(START));
        assert!(!parts.follows(&hash));
    }

    #[test]
    fn what_has_no_hash_is_no_line() {
        for line in [
            "",
            "{}",
            "\"}",
            "{\"seq\":0}",
            &format!(",\"hash\":\"{}\"}}", START.replace('0', "G")),
        ] {
            assert!(split(line.as_bytes()).is_none(), "{line}");
        }
    }
}
