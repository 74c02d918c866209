//! What the command line found around this program: which engine people mean when they name none.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use runbook_action::{Connection, ErrorKind, Failure, Opening, Param, Text, Transport, TransportKind};

/// What the command line found around this program. The actions read no environment themselves.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The environment variables: `DOCKER_HOST`, `DOCKER_CONTEXT`, `HOME` and their kin matter here.
    pub vars: Vec<(OsString, OsString)>,
    /// The project's root, where relative paths start.
    pub root: PathBuf,
    /// Where programs are run.
    pub places: Places,
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

/// Where programs are run, as the command line lends it: these actions start none themselves, and know no other crate
/// that does.
#[derive(Clone, Default)]
pub struct Places {
    lent: Option<Arc<Lent>>,
}

struct Lent {
    here: Arc<dyn Transport>,
    ssh: Arc<dyn TransportKind>,
    /// The machines of URLs of `ssh`, each reached by one connection for as long as this program runs.
    machines: Mutex<Vec<(String, Arc<dyn Transport>)>>,
}

impl Places {
    /// Programs of this machine run in `here`; `ssh` makes places of connections of that kind.
    #[must_use]
    pub fn new(here: Arc<dyn Transport>, ssh: Arc<dyn TransportKind>) -> Self {
        let machines = Mutex::default();
        Self {
            lent: Some(Arc::new(Lent { here, ssh, machines })),
        }
    }

    fn lent(&self, what: &str) -> Result<&Lent, Failure> {
        self.lent.as_deref().ok_or_else(|| {
            Failure::new(
                ErrorKind::MissingProgram,
                format!("there is no place to run {what}"),
            )
        })
    }

    /// This machine.
    pub(crate) fn here(&self, program: &str) -> Result<&dyn Transport, Failure> {
        Ok(&*self.lent(&format!("`{program}`"))?.here)
    }

    /// The machine that a URL of `ssh` names, without a path.
    pub(crate) async fn machine(&self, url: &str) -> Result<Arc<dyn Transport>, Failure> {
        let lent = self.lent("the client of `ssh`")?;
        let known = |machines: &[(String, Arc<dyn Transport>)]| {
            let found = machines.iter().find(|(known, _)| known == url);
            found.map(|(_, place)| Arc::clone(place))
        };
        if let Some(place) = known(&lent.machines.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(place);
        }
        let connection = Connection {
            name: url.to_owned(),
            params: Param::Map(
                [("ssh".to_owned(), Param::Text(Text::literal(url)))]
                    .into_iter()
                    .collect(),
            ),
        };
        let opening = Opening {
            kind: "ssh",
            connection: &connection,
            via: None,
            behind: None,
            through: None,
        };
        let opened = lent.ssh.open(opening).await.map_err(|failure| Failure {
            // The runbook has no such connection.
            param: None,
            ..failure
        })?;
        let mut machines = lent.machines.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have been faster.
        let place = known(&machines).unwrap_or_else(|| Arc::clone(&opened));
        if Arc::ptr_eq(&place, &opened) {
            machines.push((url.to_owned(), opened));
        }
        Ok(place)
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places")
            .field("are_lent", &self.lent.is_some())
            .finish_non_exhaustive()
    }
}
