//! The texts that decided a run, read back.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::Error;
use crate::layout;

/// The texts that were pinned when the run was created, as (name, bytes), sorted by name. The parts of a name
/// are separated by `/`.
pub fn pinned(run_dir: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let root = run_dir.join(layout::PINNED);
    let mut texts = Vec::new();
    let mut open = vec![(root.clone(), String::new())];
    while let Some((dir, prefix)) = open.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            // Nothing was pinned.
            Err(error) if error.kind() == io::ErrorKind::NotFound && dir == root => break,
            Err(source) => return Err(Error::io(&dir, source)),
        };
        for entry in entries {
            let entry = entry.map_err(|source| Error::io(&dir, source))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|source| Error::io(&path, source))?;
            let name = entry.file_name().into_string();
            let Some(name) = name.ok().filter(|name| layout::is_name(name)) else {
                return Err(strange(&path, "its name is none that is pinned"));
            };
            let name = format!("{prefix}{name}");
            if kind.is_dir() {
                open.push((path, format!("{name}/")));
            } else if kind.is_file() {
                let bytes = fs::read(&path).map_err(|source| Error::io(&path, source))?;
                texts.push((name, bytes));
            } else {
                // A link would lead elsewhere, to what nobody has pinned.
                return Err(strange(&path, "it is neither a file nor a directory"));
            }
        }
    }
    texts.sort_unstable();
    Ok(texts)
}

fn strange(path: &Path, why: &str) -> Error {
    Error::io(path, io::Error::new(io::ErrorKind::InvalidData, why))
}
