//! The addresses of services: whoever connects to one is led to a pod that is ready.
//!
//! Pods reach each other by their own addresses through the router of the machine. The addresses of services belong to
//! the router: for each port of a service that has a place to go to there is a listener, and what comes in is carried to one
//! of the service's endpoints, in turn. A service without any refuses connections, as it does on a real node.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::link::Link;
use super::{HOST, Inner};
use crate::object::Fields as _;

/// How long somebody at an endpoint may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the addresses of pods begin.
const PODS: &str = "10.244.";

/// An address of a service, with where it leads.
struct Door {
    places: watch::Sender<Vec<SocketAddr>>,
    task: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps the addresses of all services open.
pub(super) async fn serve(node: Arc<Inner>) {
    let mut doors: HashMap<SocketAddr, Door> = HashMap::new();
    let mut changes = node.link.changes();
    loop {
        changes.mark_unchanged();
        let ways = ways(&node.link);
        doors.retain(|address, _| ways.contains_key(address));
        for (address, places) in ways {
            if let Some(door) = doors.get(&address) {
                door.places.send_replace(places);
                continue;
            }
            // An address that the router cannot have is one that nobody reaches.
            if let Ok(listener) = node.machine.router().listen(address).await {
                let places = watch::Sender::new(places);
                let task = tokio::spawn(accept(Arc::clone(&node), listener, places.subscribe()));
                doors.insert(address, Door { places, task });
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Leads everybody who connects from outside to a port of a service, as soon as it has a place to go to.
pub(super) async fn lead(node: Arc<Inner>, listener: TcpListener, service: (String, String), port: u16) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut streams = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (node, next, service) = (Arc::clone(&node), Arc::clone(&next), service.clone());
        streams.spawn(async move {
            let found = tokio::time::timeout(PATIENCE, some_places(&node.link, &service, port)).await;
            carry(&node, stream, &found.unwrap_or_default(), &next).await;
        });
        while streams.try_join_next().is_some() {}
    }
}

async fn some_places(link: &Link, (namespace, name): &(String, String), port: u16) -> Vec<SocketAddr> {
    let mut changes = link.changes();
    loop {
        changes.mark_unchanged();
        let service = link.get("services", namespace, name);
        let found = service.and_then(|service| {
            let ports = service.items("/spec/ports").iter();
            let mut meant = ports.filter(|known| number(known, "/port") == Some(port));
            meant.next().map(|port| places(link, &service, port))
        });
        if let Some(found) = found.filter(|found| !found.is_empty()) {
            return found;
        }
        if changes.changed().await.is_err() {
            return Vec::new();
        }
    }
}

async fn accept(node: Arc<Inner>, listener: TcpListener, places: watch::Receiver<Vec<SocketAddr>>) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut streams = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let places = places.borrow().clone();
        let (node, next) = (Arc::clone(&node), Arc::clone(&next));
        streams.spawn(async move { carry(&node, stream, &places, &next).await });
        while streams.try_join_next().is_some() {}
    }
}

/// Carries bytes both ways between a client and the place whose turn it is.
async fn carry(node: &Inner, mut client: TcpStream, places: &[SocketAddr], next: &AtomicUsize) {
    let turn = next.fetch_add(1, Ordering::Relaxed);
    let place = turn.checked_rem(places.len()).and_then(|at| places.get(at));
    let Some(place) = place else { return };
    // Who cannot be reached has the client's connection closed.
    if let Ok(mut server) = reach(node, *place).await {
        let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}

/// Connects to an endpoint: a pod, a port of this machine by the address of the nodes, or anybody else.
async fn reach(node: &Inner, place: SocketAddr) -> io::Result<TcpStream> {
    let host = place.ip().to_string();
    if host.starts_with(PODS) {
        return node.machine.router().connect(place, PATIENCE).await;
    }
    let outside = if host == HOST {
        SocketAddr::from((Ipv4Addr::LOCALHOST, place.port()))
    } else {
        place
    };
    tokio::time::timeout(PATIENCE, TcpStream::connect(outside)).await?
}

/// Each address of a service that leads somewhere, with where.
fn ways(link: &Link) -> BTreeMap<SocketAddr, Vec<SocketAddr>> {
    let mut found = BTreeMap::new();
    for service in link.all("services", None) {
        let Ok(address) = service.text("/spec/clusterIP").parse::<IpAddr>() else {
            continue;
        };
        for port in service.items("/spec/ports") {
            let Some(number) = number(port, "/port").filter(|_| port.text("/protocol") == "TCP") else {
                continue;
            };
            let places = places(link, &service, port);
            if !places.is_empty() {
                found.insert(SocketAddr::new(address, number), places);
            }
        }
    }
    found
}

fn number(value: &Value, pointer: &str) -> Option<u16> {
    value
        .number(pointer)
        .and_then(|number| u16::try_from(number).ok())
}

/// Where a port of a service leads: to what slices say is ready, or to what somebody wrote into `Endpoints` by hand.
fn places(link: &Link, service: &Value, port: &Value) -> Vec<SocketAddr> {
    let named = |ports: &[Value]| {
        let mut same = ports
            .iter()
            .filter(|known| known.text("/name") == port.text("/name"));
        same.next().and_then(|known| number(known, "/port"))
    };
    let mut found = Vec::new();
    for slice in slices(link, service) {
        if let Some(number) = named(slice.items("/ports")) {
            found.extend(ready(&slice).map(|address| SocketAddr::new(address, number)));
        }
    }
    let is_by_hand = service.at("/spec/selector").is_null() && found.is_empty();
    let by_hand = is_by_hand.then(|| link.get("endpoints", service.namespace(), service.name()));
    for subset in by_hand.flatten().iter().flat_map(|all| all.items("/subsets")) {
        if let Some(number) = named(subset.items("/ports")) {
            let addresses = subset.items("/addresses").iter();
            let addresses = addresses.filter_map(|address| address.text("/ip").parse().ok());
            found.extend(addresses.map(|address| SocketAddr::new(address, number)));
        }
    }
    found
}

/// The addresses of a service's endpoints that are ready, whatever their ports.
pub(super) fn addresses(link: &Link, service: &Value) -> Vec<IpAddr> {
    let slices = slices(link, service);
    slices.iter().flat_map(|slice| ready(slice)).collect()
}

fn slices(link: &Link, service: &Value) -> Vec<Arc<Value>> {
    let mut slices = link.all("endpointslices.discovery.k8s.io", Some(service.namespace()));
    slices.retain(|slice| slice.text("/metadata/labels/kubernetes.io~1service-name") == service.name());
    slices
}

fn ready(slice: &Value) -> impl Iterator<Item = IpAddr> + '_ {
    let endpoints = slice.items("/endpoints").iter();
    let ready = endpoints.filter(|endpoint| endpoint.at("/conditions/ready") != &Value::Bool(false));
    ready
        .flat_map(|endpoint| endpoint.items("/addresses"))
        .filter_map(|address| address.as_str()?.parse().ok())
}
