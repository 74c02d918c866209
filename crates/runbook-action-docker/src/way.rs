//! A way from here to a port that a container reaches.
//!
//! A port of the container itself is reached at its address, from the engine's machine: no program is needed in it. What
//! listens to nobody outside, and what only the container reaches, is reached by `nc` in it, where there is one.
//! Connections are taken at a port of this machine, and the container is looked up for each, so that the way stays when
//! it is made anew.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use bollard::exec::{CreateExecOptions, StartExecResults};
use futures_util::StreamExt as _;
use runbook_action::{Endpoint, ErrorKind, Failure, Forward};
use tokio::io::{AsyncWriteExt as _, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::look;
use crate::place::Inner;

/// An open way.
pub(crate) struct Way {
    local: Endpoint,
    relay: JoinHandle<()>,
    failure: Arc<Mutex<Option<Failure>>>,
}

/// Opens a way to a port.
pub(crate) async fn open(inner: Arc<Inner>, host: String, port: u16) -> Result<Way, Failure> {
    let no_port = |error: std::io::Error| {
        Failure::new(
            ErrorKind::Other,
            format!("no port of this machine is free: {error}"),
        )
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(no_port)?;
    let local = Endpoint::Tcp {
        host: Ipv4Addr::LOCALHOST.to_string(),
        port: listener.local_addr().map_err(no_port)?.port(),
    };
    let failure = Arc::new(Mutex::new(None));
    let relay = tokio::spawn(relay(listener, inner, (host, port), Arc::clone(&failure)));
    Ok(Way {
        local,
        relay,
        failure,
    })
}

async fn relay(
    listener: TcpListener,
    inner: Arc<Inner>,
    to: (String, u16),
    failure: Arc<Mutex<Option<Failure>>>,
) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((near, _)) = accepted else { return };
                let (inner, (host, port), failure) = (Arc::clone(&inner), to.clone(), Arc::clone(&failure));
                open.spawn(async move {
                    let passed = pass(near, &inner, &host, port).await;
                    let mut last = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    *last = passed.err();
                });
            }
            Some(_closed) = open.join_next() => {}
        }
    }
}

/// Passes one connection on until either side ends it.
async fn pass(mut near: TcpStream, inner: &Inner, host: &str, port: u16) -> Result<(), Failure> {
    let container = inner.container().await?;
    let looked = look::inspect(&inner.engine, &container).await?;
    let own = ["localhost", "127.0.0.1", "::1"].contains(&host) || host == look::name_of(&looked);
    if own && let Some(address) = address(&looked) {
        let reached = match &inner.through {
            None => TcpStream::connect((address.as_str(), port)).await.ok(),
            Some(place) => {
                let to = Endpoint::Tcp { host: address, port };
                let way = place.forward(&to).await?;
                let Endpoint::Tcp { host, port } = way.local() else {
                    return Err(unreached(inner, host, port));
                };
                let reached = TcpStream::connect((host.as_str(), *port)).await;
                if let Ok(mut far) = reached {
                    drop(copy_bidirectional(&mut near, &mut far).await);
                    return way.failure().map_or(Ok(()), Err);
                }
                None
            }
        };
        if let Some(mut far) = reached {
            drop(copy_bidirectional(&mut near, &mut far).await);
            return Ok(());
        }
    }
    by_program(near, inner, &container, host, port).await
}

/// The container's address in a network of its engine's machine.
fn address(container: &bollard::models::ContainerInspectResponse) -> Option<String> {
    let networks = container.network_settings.as_ref()?.networks.as_ref()?;
    let mut networks: Vec<_> = networks.iter().collect();
    networks.sort_by(|one, other| one.0.cmp(other.0));
    let mut addresses = networks
        .into_iter()
        .filter_map(|(_, network)| network.ip_address.clone());
    addresses.find(|address| !address.is_empty())
}

async fn by_program(
    near: TcpStream,
    inner: &Inner,
    container: &str,
    host: &str,
    port: u16,
) -> Result<(), Failure> {
    let docker = &inner.engine.docker;
    let host = if host == "localhost" { "127.0.0.1" } else { host };
    let options = CreateExecOptions {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        cmd: Some(vec!["nc".to_owned(), host.to_owned(), port.to_string()]),
        ..CreateExecOptions::default()
    };
    let failed = |error: bollard::errors::Error| inner.engine.failure(&error);
    let created = docker.create_exec(container, options).await.map_err(failed)?;
    let started = docker.start_exec(&created.id, None).await.map_err(failed)?;
    let StartExecResults::Attached {
        mut output,
        mut input,
    } = started
    else {
        return Err(unreached(inner, host, port));
    };
    let (mut from, mut to) = near.into_split();
    let sending = async move {
        drop(copy(&mut from, &mut input).await);
        drop(input.shutdown().await);
        std::future::pending::<()>().await;
    };
    let receiving = async {
        while let Some(Ok(piece)) = output.next().await {
            let said = piece.as_ref();
            if said.starts_with(b"OCI runtime exec failed") || to.write_all(said).await.is_err() {
                break;
            }
        }
        drop(to.shutdown().await);
    };
    tokio::select! {
        () = sending => {}
        () = receiving => {}
    }
    let looked = docker.inspect_exec(&created.id).await.map_err(failed)?;
    match looked.exit_code {
        None | Some(0) => Ok(()),
        Some(126..=128) => Err(Failure::new(
            ErrorKind::MissingProgram,
            format!(
                "port {port} of {} listens to nobody outside, and there is no `nc` in it",
                inner.shown()
            ),
        )
        .help("have the server listen to all addresses of the container")),
        Some(_) => Err(unreached(inner, host, port)),
    }
}

fn unreached(inner: &Inner, host: &str, port: u16) -> Failure {
    let message = format!(
        "`{host}:{port}`, as seen from {}, refuses connections",
        inner.shown()
    );
    Failure::new(ErrorKind::Refused, message)
}

impl Forward for Way {
    fn local(&self) -> &Endpoint {
        &self.local
    }

    fn failure(&self) -> Option<Failure> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.relay.abort();
    }
}
