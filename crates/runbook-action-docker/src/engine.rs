//! An engine that answers: a client of its interface, in the version that both know.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bollard::{API_DEFAULT_VERSION, Docker};
use runbook_action::{Call, Connection, Endpoint, Failure, Forward, Transport};
use tokio::time::sleep;

use crate::access::{Access, Address};
use crate::attend::POLL;
use crate::settings::Environment;
use crate::trouble;

/// How long the client waits for an answer, in seconds. The engine of runbooks has deadlines of its own, so this only
/// must not be shorter than the longest of them.
const PATIENCE: u64 = 7 * 24 * 3600;

/// How often one asks why a way led nowhere, before one says what is known without.
const TRIES: u32 = 20;

/// An engine that answers.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) docker: Docker,
    /// How people know it.
    pub(crate) shown: String,
    /// Where this machine reaches it.
    pub(crate) at: Access,
    /// Whether it is, or may be, on another machine.
    pub(crate) beyond: bool,
    /// The machine on which it is, where its address names one.
    pub(crate) machine: Option<Arc<dyn Transport>>,
    /// The way to it, which is open for as long as this lives.
    _way: Option<Arc<dyn Forward>>,
}

impl Engine {
    /// The one of a call's connection.
    pub(crate) async fn of_call(call: Call<'_>, around: &Environment) -> Result<Self, Failure> {
        let connection = call.connection.ok_or_else(|| {
            Failure::new(
                runbook_action::ErrorKind::Other,
                "needs a connection of kind `docker`",
            )
        })?;
        Self::of_connection(connection, call.transport, around)
            .await
            .map_err(|failure| call.mask_failure(failure))
    }

    /// The one of a connection; through a place, if it is reached from there.
    pub(crate) async fn of_connection(
        connection: &Connection,
        place: Option<&dyn Transport>,
        around: &Environment,
    ) -> Result<Self, Failure> {
        Self::at(&Address::read(connection, around)?, place, around).await
    }

    /// The one at an address; as seen from a place, if it is reached from there.
    pub(crate) async fn at(
        address: &Address,
        place: Option<&dyn Transport>,
        around: &Environment,
    ) -> Result<Self, Failure> {
        let Some(url) = &address.machine else {
            return Self::open(&address.access, place).await;
        };
        if let Some(place) = place {
            let message = format!(
                "`{url}` is a way of its own, and cannot go through {}",
                place.place()
            );
            return Err(Failure::new(runbook_action::ErrorKind::Other, message)
                .help("make the machine a connection of kind `ssh`, and go through it with `via`"));
        }
        let machine = around.places.machine(url).await?;
        let engine = Self::open(&address.access, Some(&*machine)).await?;
        Ok(Self {
            machine: Some(machine),
            ..engine
        })
    }

    /// The one that is there.
    async fn open(access: &Access, place: Option<&dyn Transport>) -> Result<Self, Failure> {
        let mut shown = access.shown();
        let (access, way) = match place {
            None => (access.clone(), None),
            Some(place) => {
                shown = format!("{shown} on {}", place.place());
                let (access, way) = through(access, place).await?;
                (access, Some(way))
            }
        };
        let client = match &access {
            Access::Socket(path) => {
                Docker::connect_with_unix(&path.display().to_string(), PATIENCE, API_DEFAULT_VERSION)
            }
            Access::Tcp { host, port, tls } => {
                let address = if host.contains(':') {
                    format!("tcp://[{host}]:{port}")
                } else {
                    format!("tcp://{host}:{port}")
                };
                match tls {
                    None => Docker::connect_with_http(&address, PATIENCE, API_DEFAULT_VERSION),
                    Some(tls) => Docker::connect_with_ssl(
                        &address,
                        &tls.key,
                        &tls.cert,
                        &tls.ca,
                        PATIENCE,
                        API_DEFAULT_VERSION,
                    ),
                }
            }
        };
        let client = client.map_err(|error| trouble::failure(&error, &shown))?;
        // Engines are older and younger than this client: both speak the greatest version that they have in common.
        let docker = match client.negotiate_version().await {
            Ok(docker) => docker,
            Err(error) => {
                let why = why(way.as_deref()).await;
                return Err(why.unwrap_or_else(|| trouble::failure(&error, &shown)));
            }
        };
        let beyond = way.is_some() || matches!(access, Access::Tcp { .. });
        Ok(Self {
            docker,
            shown,
            at: access,
            beyond,
            machine: None,
            _way: way,
        })
    }

    /// The failure of something that was asked of it.
    pub(crate) fn failure(&self, error: &bollard::errors::Error) -> Failure {
        trouble::failure(error, &self.shown)
    }
}

/// Why a way led nowhere, which is known a moment after its connection was closed.
async fn why(way: Option<&dyn Forward>) -> Option<Failure> {
    let way = way?;
    for _ in 0..TRIES {
        if let Some(failure) = way.failure() {
            return Some(failure);
        }
        sleep(POLL).await;
    }
    way.failure()
}

/// The way to an engine that another place reaches.
async fn through(access: &Access, place: &dyn Transport) -> Result<(Access, Arc<dyn Forward>), Failure> {
    let to = match access {
        Access::Socket(path) => Endpoint::Socket(path.clone()),
        Access::Tcp { host, port, .. } => Endpoint::Tcp {
            host: host.clone(),
            port: *port,
        },
    };
    let way: Arc<dyn Forward> = place.forward(&to).await?.into();
    let near = match (way.local(), access) {
        (Endpoint::Socket(path), _) => Access::Socket(Path::new(path).to_owned()),
        (Endpoint::Tcp { host, port }, Access::Tcp { tls, .. }) => Access::Tcp {
            host: host.clone(),
            port: *port,
            tls: tls.clone(),
        },
        (Endpoint::Tcp { host, port }, Access::Socket(_)) => Access::Tcp {
            host: host.clone(),
            port: *port,
            tls: None,
        },
    };
    Ok((near, way))
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}
