//! How a connection makes sure of the server, and of oneself.

use std::net::IpAddr;
use std::path::Path;

use reqwest::{Certificate, Identity};
use runbook_action::{Args, Failure};

use crate::body::kind_of;

/// What a connection says of its encryption. It counts for the connection's own origin only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    /// The authorities to trust, in place of the system's.
    pub(crate) ca: Option<Vec<Certificate>>,
    /// One's own certificate with its key.
    pub(crate) identity: Option<Identity>,
    /// The name that the server's certificate must have.
    pub(crate) server_name: Option<String>,
}

impl Tls {
    /// Reads the mapping and the files that it names, which start at `root`.
    pub(crate) async fn read(args: &Args<'_>, root: &Path) -> Result<Self, Failure> {
        let ca = match args.get("ca") {
            Some(ca) => Some(authorities(&ca, root).await?),
            None => None,
        };
        let identity = match (args.get("cert"), args.get("key")) {
            (Some(cert), Some(key)) => Some(identity(&cert, &key, root).await?),
            (None, None) => None,
            (Some(cert), None) => return Err(cert.wrong("needs the file with its key").help("add `key`")),
            (None, Some(key)) => {
                return Err(key
                    .wrong("needs the file with its certificate")
                    .help("add `cert`"));
            }
        };
        Ok(Self {
            ca,
            identity,
            server_name: args.get("server_name").map(|name| name_of(&name)).transpose()?,
        })
    }
}

async fn authorities(ca: &Args<'_>, root: &Path) -> Result<Vec<Certificate>, Failure> {
    let pem = read(ca, root).await?;
    let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if found.is_empty() {
        return Err(ca
            .wrong(format!("`{}` holds no certificate that can be read", ca.text()?))
            .help("give a file in PEM form, with `-----BEGIN CERTIFICATE-----`"));
    }
    Ok(found)
}

async fn identity(cert: &Args<'_>, key: &Args<'_>, root: &Path) -> Result<Identity, Failure> {
    let mut pem = read(key, root).await?;
    pem.push(b'\n');
    pem.extend(read(cert, root).await?);
    Identity::from_pem(&pem).map_err(|_unreadable| {
        cert.wrong("this certificate and its key cannot be read")
            .help("give both in PEM form, the key without a password")
    })
}

/// What `args` names, from the project's root.
async fn read(args: &Args<'_>, root: &Path) -> Result<Vec<u8>, Failure> {
    let text = args.text()?;
    tokio::fs::read(root.join(text.reveal())).await.map_err(|error| {
        let failure = args.wrong(format!("`{text}` cannot be read: {error}"));
        Failure {
            kind: kind_of(&error),
            ..failure
        }
    })
}

fn name_of(args: &Args<'_>) -> Result<String, Failure> {
    let name = args.text()?.reveal();
    let is_name = !name.is_empty()
        && name.parse::<IpAddr>().is_err()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if is_name {
        Ok(name)
    } else {
        Err(args.wrong("is not the name of a host"))
    }
}
