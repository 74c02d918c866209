//! What programs find around them, as the command line found it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use indexmap::IndexMap;
use runbook_action::{Command, ErrorKind, Failure, Inherit};

/// Where programs are looked for if the environment does not say.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What programs find around them: a snapshot that the command line takes once.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The environment variables.
    pub vars: Vec<(OsString, OsString)>,
    /// The project's root: the working directory unless a step says otherwise.
    pub root: PathBuf,
}

impl Environment {
    /// The variables for one program: what is passed on of this snapshot, and over it what the step adds.
    pub(crate) fn for_program(&self, command: &Command) -> Result<IndexMap<OsString, OsString>, Failure> {
        let passes = |name: &OsString| match &command.inherit {
            Inherit::All => true,
            Inherit::Only(names) => names.iter().any(|known| name == known.as_str()),
        };
        let kept = self.vars.iter().filter(|(name, _)| passes(name));
        let mut vars: IndexMap<OsString, OsString> = kept.cloned().collect();
        for (name, value) in &command.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                let message = format!(
                    "`{}` cannot be the name of an environment variable",
                    name.escape_default()
                );
                return Err(Failure::new(ErrorKind::Other, message));
            }
            if value.contains('\0') {
                let message = format!("the environment variable `{name}` holds a NUL character");
                return Err(Failure::new(ErrorKind::Other, message)
                    .help("pass binary data through `stdin` or a file"));
            }
            vars.insert(OsString::from(name), OsString::from(value));
        }
        Ok(vars)
    }
}

/// The directories in which programs are looked for. Relative ones are left out: what runs would depend on the
/// working directory.
pub(crate) fn search_path(vars: &IndexMap<OsString, OsString>) -> Vec<PathBuf> {
    let path = vars
        .get(OsStr::new("PATH"))
        .map_or(OsStr::new(USUAL_PATH), OsString::as_os_str);
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .collect()
}
