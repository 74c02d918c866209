//! Where the programs of plugins are, and which one it is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::PREFIX;

/// The project's own folder of plugins.
const FOLDER: &str = "plugins";

/// Where programs are looked for if the environment does not say.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The folders in which plugins are looked for.
#[derive(Debug, Clone)]
pub struct Places {
    /// The project's root.
    pub root: PathBuf,
    /// The environment variables.
    pub vars: Vec<(OsString, OsString)>,
}

/// A program of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The plugin's name.
    pub name: String,
    /// The program.
    pub file: PathBuf,
}

impl Places {
    /// The program of this name: the project's own, else the first of the path.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Place> {
        if !is_name(name) {
            return None;
        }
        let program = format!("{PREFIX}{name}");
        let file = self
            .folders()
            .into_iter()
            .map(|folder| folder.join(&program))
            .find(|file| is_program(file))?;
        Some(Place {
            name: name.to_owned(),
            file,
        })
    }

    /// The project's own, in the order of their names. What else is on the path is not the project's business.
    #[must_use]
    pub fn own(&self) -> Vec<Place> {
        let entries = fs::read_dir(self.root.join(FOLDER))
            .into_iter()
            .flatten()
            .flatten();
        let found: BTreeMap<String, PathBuf> = entries
            .filter_map(|entry| {
                let name = entry.file_name().to_str()?.strip_prefix(PREFIX)?.to_owned();
                Some((name, entry.path()))
            })
            .filter(|(name, file)| is_name(name) && is_program(file))
            .collect();
        found
            .into_iter()
            .map(|(name, file)| Place { name, file })
            .collect()
    }

    fn folders(&self) -> Vec<PathBuf> {
        let path = self.vars.iter().find(|(name, _)| name == "PATH");
        let path = path.map_or_else(|| OsString::from(USUAL_PATH), |(_, path)| path.clone());
        // What runs would depend on the working directory if a relative one counted.
        let others = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
        std::iter::once(self.root.join(FOLDER)).chain(others).collect()
    }
}

/// Whether runbooks can name it.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// SHA-256 of a file, in hexadecimal.
pub fn digest(file: &Path) -> io::Result<String> {
    let digit = |four: u8| char::from_digit(four.into(), 16);
    Ok(Sha256::digest(fs::read(file)?)
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .flatten()
        .collect())
}
