//! How a connection is encrypted: whom to trust, and who one is.

use std::path::Path;

use runbook_action::{Args, Failure};

use crate::failure::kind_of_file;

/// The longest file with certificates or a key.
const LONGEST: u64 = 1024 * 1024;

/// That a connection must be encrypted, with what its files hold.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tls {
    /// The authorities to trust beside the system's.
    pub(crate) ca: Option<Vec<u8>>,
    /// One's own certificate and its key.
    pub(crate) own: Option<(Vec<u8>, Vec<u8>)>,
    /// The name that the server's certificate must have, if that is not the host's.
    pub(crate) server_name: Option<String>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads what a connection says of it. The names of files start at `root`.
    pub(crate) async fn read(tls: &Args<'_>, root: &Path) -> Result<Self, Failure> {
        tls.entries()?;
        let ca = match tls.get("ca") {
            Some(ca) => Some(certificates(&ca, root).await?),
            None => None,
        };
        let own = match (tls.get("cert"), tls.get("key")) {
            (Some(cert), Some(key)) => {
                let cert = certificates(&cert, root).await?;
                let (pem, path) = file(&key, root).await?;
                if !contains(&pem, b"PRIVATE KEY-----") {
                    return Err(key.wrong(format!("`{path}` holds no private key as PEM")));
                }
                Some((cert, pem))
            }
            (None, None) => None,
            (Some(given), None) => return Err(given.wrong("needs `key` beside it")),
            (None, Some(given)) => return Err(given.wrong("needs `cert` beside it")),
        };
        let server_name = match tls.get("server_name") {
            Some(name) => Some(server_name(&name)?),
            None => None,
        };
        Ok(Self { ca, own, server_name })
    }
}

fn server_name(args: &Args<'_>) -> Result<String, Failure> {
    let name = args.text()?.reveal();
    match rustls::pki_types::ServerName::try_from(name.as_str()) {
        Ok(_) => Ok(name),
        Err(_) => Err(args.wrong("is not the name of a host")),
    }
}

async fn certificates(args: &Args<'_>, root: &Path) -> Result<Vec<u8>, Failure> {
    let (pem, path) = file(args, root).await?;
    if contains(&pem, b"-----BEGIN CERTIFICATE-----") {
        Ok(pem)
    } else {
        Err(args.wrong(format!("`{path}` holds no certificate as PEM")))
    }
}

/// What a file holds, and its path for messages.
async fn file(args: &Args<'_>, root: &Path) -> Result<(Vec<u8>, String), Failure> {
    let text = args.text()?;
    let (path, shown) = (root.join(text.reveal()), text.to_string());
    let refuse = |error: &std::io::Error| Failure {
        kind: kind_of_file(error),
        ..args.wrong(format!("`{shown}` cannot be read: {error}"))
    };
    let found = tokio::fs::metadata(&path).await.map_err(|error| refuse(&error))?;
    if found.len() > LONGEST {
        return Err(args.wrong(format!("`{shown}` is too long for certificates")));
    }
    let bytes = tokio::fs::read(&path).await.map_err(|error| refuse(&error))?;
    Ok((bytes, shown))
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
