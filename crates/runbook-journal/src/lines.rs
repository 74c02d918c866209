//! Lines of a file, one at a time.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Deserializer;

use crate::error::{Bad, Error, Fault};

/// The longest line, in bytes without its end.
const LIMIT: u64 = 64 * 1024 * 1024;

/// How deep a line may be nested: far over what an action can bring (a parser of JSON reads 127), far below what a
/// stack can bear.
const DEPTH: usize = 256;

/// Why no line like this one may be written, since nobody could read it. It comes without its end.
pub(crate) fn unreadable(line: &[u8]) -> Option<&'static str> {
    if line.len() as u64 > LIMIT {
        Some("the line would be longer than 64 MiB")
    } else if depth(line) > DEPTH {
        Some("the line would be nested deeper than 256 levels")
    } else {
        None
    }
}

/// Reads a line of JSON, as deep as lines are written.
pub(crate) fn parse<T: DeserializeOwned>(line: &[u8]) -> serde_json::Result<T> {
    let mut reader = Deserializer::from_slice(line);
    if depth(line) <= DEPTH {
        reader.disable_recursion_limit();
    }
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// How deep arrays and objects are nested.
fn depth(line: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A line without its end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Line<'a> {
    /// It had one.
    Whole(&'a [u8]),
    /// It had none: the file stops in it.
    Torn(&'a [u8]),
}

/// Lines of a file, one at a time.
#[derive(Debug)]
pub(crate) struct Lines {
    reader: BufReader<File>,
    path: PathBuf,
    number: u64,
    /// How many bytes all whole lines so far take up.
    whole: u64,
    buffer: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(file: File, path: &Path) -> Self {
        Self {
            reader: BufReader::new(file),
            path: path.to_owned(),
            number: 0,
            whole: 0,
            buffer: Vec::new(),
        }
    }

    /// The number of the last line, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where the last whole line ended, in bytes from the beginning.
    pub(crate) fn whole(&self) -> u64 {
        self.whole
    }

    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>, Error> {
        self.buffer.clear();
        self.reader
            .by_ref()
            .take(LIMIT + 1)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| Error::io(&self.path, source))?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if self.buffer.last() == Some(&b'\n') {
            self.whole += self.buffer.len() as u64;
            self.buffer.pop();
            return Ok(Some(Line::Whole(&self.buffer)));
        }
        if self.buffer.len() as u64 > LIMIT {
            return Err(self.too_long());
        }
        Ok(Some(Line::Torn(&self.buffer)))
    }

    fn too_long(&self) -> Error {
        let line = self.number;
        Error::Bad {
            path: self.path.clone(),
            bad: Bad {
                line,
                fault: Fault::TooLong,
                text: format!("line {line} is longer than 64 MiB"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let deep = nested(DEPTH);
        assert_eq!(unreadable(deep.as_bytes()), None);
        assert!(parse::<Value>(deep.as_bytes()).is_ok());
        let deeper = nested(DEPTH + 1);
        assert!(unreadable(deeper.as_bytes()).is_some());
        assert!(parse::<Value>(deeper.as_bytes()).is_err());
        assert!(parse::<Value>(b"{} {}").is_err());
        assert_eq!(depth(br#"{"a":"[[\"[{","b":[{}]}"#), 3);
    }
}
