//! Ports of pods, reached from this machine.
//!
//! Each connection is carried by a forwarded port of its own, into the pod that is ready when it is made. A pod that goes
//! away takes its connections with it; the next one is made into another pod. What leads there is the pod itself, so only
//! the port of what is asked for counts: the host stays a name for whoever speaks through it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runbook_action::{Endpoint, ErrorKind, Failure, Forward};
use serde_json::Value;
use tokio::io::copy;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::Place;
use crate::object::{self, Target};
use crate::pods;
use crate::trouble::one_line;
use crate::verbs::forward::connect;

/// The other end may tell why it closed a connection a moment after it did.
const TELLS: Duration = Duration::from_millis(500);

/// A port of this machine that leads to one of a pod.
#[derive(Debug)]
pub(super) struct Ports {
    local: Endpoint,
    why: Why,
    serving: JoinHandle<()>,
}

/// Why the last connection came to nothing.
type Why = Arc<Mutex<Option<Failure>>>;

impl Forward for Ports {
    fn local(&self) -> &Endpoint {
        &self.local
    }

    fn failure(&self) -> Option<Failure> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Where connections are carried to.
#[derive(Clone)]
struct Way {
    place: Place,
    host: String,
    port: u16,
    why: Why,
}

/// Opens a way to this port. There has to be a pod by then.
pub(super) async fn open(place: Place, to: &Endpoint) -> Result<Ports, Failure> {
    let Endpoint::Tcp { host, port } = to else {
        let failure = Failure::new(ErrorKind::Other, "a socket in a pod is not reached from here");
        return Err(failure.help("name a port in the URL"));
    };
    let first = place.running().await?;
    let none = |error: std::io::Error| {
        Failure::new(
            ErrorKind::Other,
            format!("no port of this machine is to be had: {error}"),
        )
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(none)?;
    let local = listener.local_addr().map_err(none)?;
    let way = Way {
        place,
        host: host.clone(),
        port: *port,
        why: Why::default(),
    };
    Ok(Ports {
        local: Endpoint::Tcp {
            host: local.ip().to_string(),
            port: local.port(),
        },
        why: Arc::clone(&way.why),
        serving: tokio::spawn(way.serve(listener, first)),
    })
}

impl Way {
    async fn serve(self, listener: TcpListener, first: Value) {
        let mut open = JoinSet::new();
        let mut first = Some(first);
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((near, _)) = accepted else { return };
                    let (way, pod) = (self.clone(), first.take());
                    open.spawn(async move { way.carry(near, pod).await });
                }
                Some(_closed) = open.join_next() => {}
            }
        }
    }

    /// Carries one connection. Why it came to nothing is known before it is closed.
    async fn carry(self, mut near: TcpStream, pod: Option<Value>) {
        // Small pieces are not held back; a socket that cannot do that carries them all the same.
        let _prompt = near.set_nodelay(true).is_ok();
        let failure = self.through(&mut near, pod).await.err();
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        drop(near);
    }

    async fn through(&self, near: &mut TcpStream, pod: Option<Value>) -> Result<(), Failure> {
        let (pod, mut forwarder) = self.connected(pod).await?;
        let said = forwarder.take_error(self.port);
        let Some(far) = forwarder.take_stream(self.port) else {
            return Ok(());
        };
        let (mut far_reads, mut far_writes) = tokio::io::split(far);
        let (mut near_reads, mut near_writes) = near.split();
        let has_come = tokio::select! {
            // Whoever does not write any more does not listen either: a port is forwarded as a whole.
            _closed = copy(&mut near_reads, &mut far_writes) => return Ok(()),
            come = copy(&mut far_reads, &mut near_writes) => come.unwrap_or_default(),
        };
        let said = match said {
            Some(said) if has_come == 0 => timeout(TELLS, said).await.ok().flatten(),
            Some(_) | None => None,
        };
        said.map_or(Ok(()), |said| Err(self.refused(&pod, &said)))
    }

    /// A way into a pod that is ready: another one, if the first has just gone.
    async fn connected(&self, pod: Option<Value>) -> Result<(Target, kube::api::Portforwarder), Failure> {
        let mut gone: Option<(String, Failure)> = None;
        let mut next = pod;
        loop {
            let pod = match next.take() {
                Some(pod) => pod,
                None => self.place.running().await?,
            };
            let uid = object::text(&pod, "/metadata/uid");
            // What was tried already is all that there is.
            if let Some((_, failure)) = gone.take_if(|(known, _)| *known == uid) {
                return Err(failure);
            }
            let target = Target::of(&pods::kind(), &pod);
            match connect(&self.place.cluster, &target, self.port).await {
                Ok(forwarder) => return Ok((target, forwarder)),
                Err(failure) if failure.kind == ErrorKind::NotFound && gone.is_none() => {
                    gone = Some((uid, failure));
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// What a cluster says of a port that it could not reach.
    fn refused(&self, pod: &Target, said: &str) -> Failure {
        let (port, name) = (self.port, &pod.name);
        if !said.contains("refused") {
            let message = format!(
                "port {port} of pod `{name}` cannot be reached: {}",
                one_line(said)
            );
            return Failure::new(ErrorKind::Unreachable, message);
        }
        let failure = Failure::new(
            ErrorKind::Refused,
            format!("nothing takes connections at port {port} of pod `{name}`"),
        );
        let is_itself = self.host == "localhost" || self.host == *name;
        if is_itself
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
        {
            return failure;
        }
        failure.help(format!(
            "the ports of a pod are its own: what `{}` is to the pod is not reached through it",
            self.host
        ))
    }
}
