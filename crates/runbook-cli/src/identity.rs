//! The environment, read once, and who runs this program where.

use std::ffi::OsString;
use std::path::PathBuf;

use runbook_event::Who;

/// The environment variables as they were when the program began.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) vars: Vec<(OsString, OsString)>,
    pub(crate) directory: PathBuf,
}

/// The name of a user of this machine, where its list of users has it.
pub(crate) fn user_of(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}

impl Environment {
    /// The one place that reads the environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub(crate) fn snapshot() -> Self {
        Self {
            vars: std::env::vars_os().collect(),
            directory: std::env::current_dir().unwrap_or_default(),
        }
    }

    /// A variable, if it is set and is text.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.vars
            .iter()
            .find(|(known, _)| known == name)
            .and_then(|(_, value)| value.to_str())
    }

    /// Who runs this program where.
    pub(crate) fn who(&self) -> Who {
        let user = self
            .get("USER")
            .or_else(|| self.get("LOGNAME"))
            .map(str::to_owned);
        let uid = rustix::process::getuid().as_raw();
        Who {
            user: user.unwrap_or_else(|| {
                if uid == 0 {
                    "root".to_owned()
                } else {
                    format!("uid {uid}")
                }
            }),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }
}
