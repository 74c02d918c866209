//! What the command line found around this program: which engine people mean when they name none.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What the command line found around this program. The actions read no environment themselves.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The environment variables: `DOCKER_HOST`, `DOCKER_CONTEXT`, `HOME` and their kin matter here.
    pub vars: Vec<(OsString, OsString)>,
    /// The project's root, where relative paths start.
    pub root: PathBuf,
}

impl Environment {
    /// A variable that is there and not empty.
    pub(crate) fn var(&self, name: &str) -> Option<String> {
        let found = self.vars.iter().find(|(known, _)| known == name)?;
        let value = found.1.to_string_lossy().into_owned();
        (!value.is_empty()).then_some(value)
    }

    /// Where the client of Docker keeps its settings.
    pub(crate) fn client(&self) -> Option<PathBuf> {
        if let Some(directory) = self.var("DOCKER_CONFIG") {
            return Some(PathBuf::from(directory));
        }
        Some(Path::new(&self.var("HOME")?).join(".docker"))
    }
}
