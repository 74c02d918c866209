//! The names of services: what the resolver of the cluster answers at 10.96.0.10, which is where pods ask.
//!
//! It knows `SERVICE.NAMESPACE.svc.cluster.local`, the pods of a service without an address by their host names, and
//! `10-244-0-2.NAMESPACE.pod.cluster.local`. There is nobody else to ask, so all other names do not exist.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::Inner;
use super::link::Link;
use super::services;
use crate::object::Fields as _;

/// Where the resolver is.
pub(super) const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
const DOMAIN: &str = ".cluster.local";
/// Until a record is asked for again, in seconds.
const TIME: u32 = 5;
const HEADER: usize = 12;

const A: u16 = 1;
const CNAME: u16 = 5;
const ANY: u16 = 255;

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
enum Record {
    Unknown,
    Addresses(Vec<Ipv4Addr>),
    Alias(String),
}

/// Answers questions until the kubelet ends.
pub(super) async fn serve(node: Arc<Inner>) {
    let at = SocketAddr::from((RESOLVER, 53));
    let Ok(socket) = node.machine.router().receive(at).await else {
        return;
    };
    let mut buffer = [0; 512];
    loop {
        // Who asked may be gone when the answer comes, of which the socket tells the next time it is used.
        let Ok((length, asker)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let question = buffer.get(..length).and_then(Question::read);
        if let Some(question) = question {
            let answer = question.answer(|name| find(&node.link, name));
            let _gone = socket.send_to(&answer, asker).await;
        }
    }
}

/// A question, as far as it is understood.
struct Question<'a> {
    /// The header and the question itself.
    header: &'a [u8],
    asked: &'a [u8],
    name: String,
    kind: u16,
}

impl<'a> Question<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let mut labels = Vec::new();
        let mut at = HEADER;
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            let label = bytes.get(at..at + length).filter(|_| length < 64)?;
            labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
            at += length;
        }
        let kind = u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]);
        Some(Self {
            header,
            asked: bytes.get(HEADER..at + 4)?,
            name: labels.join("."),
            kind,
        })
    }

    fn answer(&self, find: impl Fn(&str) -> Record) -> Vec<u8> {
        let mut records = Vec::new();
        let mut count: u16 = 0;
        let mut add = |name: &[u8], kind: u16, data: &[u8]| {
            records.extend_from_slice(name);
            records.extend_from_slice(&kind.to_be_bytes());
            records.extend_from_slice(&1_u16.to_be_bytes());
            records.extend_from_slice(&TIME.to_be_bytes());
            let length = u16::try_from(data.len()).unwrap_or_default();
            records.extend_from_slice(&length.to_be_bytes());
            records.extend_from_slice(data);
            count += 1;
        };
        // The name of the question, which begins behind the header.
        let asked = [0xC0, 0x0C];
        let wants_addresses = matches!(self.kind, A | ANY);
        let is_unknown = match find(&self.name) {
            Record::Unknown => true,
            Record::Addresses(addresses) => {
                for address in addresses.iter().filter(|_| wants_addresses) {
                    add(&asked, A, &address.octets());
                }
                false
            }
            Record::Alias(other) => {
                let name = encode(&other);
                add(&asked, CNAME, &name);
                if let Record::Addresses(addresses) = find(&other) {
                    for address in addresses.iter().filter(|_| wants_addresses) {
                        add(&name, A, &address.octets());
                    }
                }
                false
            }
        };
        let (id, wishes) = self.header.split_at(2);
        let wishes = wishes.first().copied().unwrap_or_default();
        let mut answer = id.to_vec();
        // It is an answer, with authority, and recursion is wanted if it was and could be had.
        answer.extend_from_slice(&[0x84 | (wishes & 1), 0x80 | if is_unknown { 3 } else { 0 }]);
        answer.extend_from_slice(&1_u16.to_be_bytes());
        answer.extend_from_slice(&count.to_be_bytes());
        answer.extend_from_slice(&[0; 4]);
        answer.extend_from_slice(self.asked);
        answer.append(&mut records);
        answer
    }
}

fn encode(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap_or_default());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn find(link: &Link, name: &str) -> Record {
    let Some(rest) = name.strip_suffix(DOMAIN) else {
        return Record::Unknown;
    };
    let parts: Vec<&str> = rest.split('.').collect();
    match parts.as_slice() {
        [service, namespace, "svc"] => of_service(link, service, namespace),
        [host, service, namespace, "svc"] => of_host(link, host, service, namespace),
        [address, _, "pod"] => {
            let address = address.replace('-', ".").parse();
            address.map_or(Record::Unknown, |address| Record::Addresses(vec![address]))
        }
        _ => Record::Unknown,
    }
}

fn of_service(link: &Link, name: &str, namespace: &str) -> Record {
    let Some(service) = link.get("services", namespace, name) else {
        return Record::Unknown;
    };
    if service.text("/spec/type") == "ExternalName" {
        return Record::Alias(service.text("/spec/externalName").to_owned());
    }
    if let Ok(address) = service.text("/spec/clusterIP").parse() {
        return Record::Addresses(vec![address]);
    }
    let all = services::addresses(link, &service).into_iter();
    let all = all.filter_map(|address| match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    Record::Addresses(all.collect())
}

fn of_host(link: &Link, host: &str, service: &str, namespace: &str) -> Record {
    let Some(service) = link.get("services", namespace, service) else {
        return Record::Unknown;
    };
    let is_meant = |pod: &&Arc<serde_json::Value>| {
        pod.text("/spec/hostname") == host && pod.text("/spec/subdomain") == service.name()
    };
    let address = link
        .all("pods", Some(namespace))
        .iter()
        .find(is_meant)
        .map(|pod| {
            let address = pod.text("/status/podIP").parse::<Ipv4Addr>();
            address.ok().filter(|address| {
                service.is_true("/spec/publishNotReadyAddresses")
                    || services::addresses(link, &service).contains(&IpAddr::V4(*address))
            })
        });
    match address.flatten() {
        Some(address) => Record::Addresses(vec![address]),
        None => Record::Unknown,
    }
}
