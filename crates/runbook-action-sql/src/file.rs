//! Statements in a file.

use std::path::Path;

use runbook_action::{Args, ErrorKind, Failure};

use crate::failure::kind_of_file;

/// The longest file of statements that is read.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The file that holds the statements, where they are not written in the runbook.
pub(crate) fn named<'a>(args: &Args<'a>) -> Result<Option<&'a str>, Failure> {
    let Some(file) = args.get("file") else {
        return Ok(None);
    };
    if args.get("query").is_some() {
        return Err(file.wrong("stands beside `query`, and one of them is enough"));
    }
    if let Some(max) = args.get("max_rows") {
        return Err(max.wrong("only the rows of one statement can be counted, and a file may hold more"));
    }
    if let Some(bind) = args.get("bind") {
        bind.entries()?;
    }
    if let Some(transaction) = args.get("transaction") {
        transaction.boolean()?;
    }
    let path = file.literal()?;
    if path.trim().is_empty() {
        return Err(file.wrong("names no file"));
    }
    Ok(Some(path))
}

/// What it holds. Its path starts at `root`.
pub(crate) async fn read(root: &Path, path: &str) -> Result<String, Failure> {
    let full = root.join(path);
    let refuse = |kind: ErrorKind, why: &str| {
        Failure::new(kind, format!("`{path}` cannot be read: {why}")).about("file")
    };
    let unreadable = |error: std::io::Error| refuse(kind_of_file(&error), &error.to_string());
    let length = tokio::fs::metadata(&full).await.map_err(unreadable)?.len();
    if length > LONGEST {
        return Err(refuse(ErrorKind::Other, "it is longer than 16 MiB"));
    }
    let bytes = tokio::fs::read(&full).await.map_err(unreadable)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()),
        Err(_) => Err(refuse(ErrorKind::Other, "it is not text in UTF-8")),
    }
}
