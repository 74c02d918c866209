//! The clients that requests are sent with.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use runbook_action::{ErrorKind, Failure};

use crate::connection::Server;
use crate::proxy::Proxy;
use crate::tls::Tls;

/// How long it may take until a connection stands, unless one says otherwise.
const CONNECT: Duration = Duration::from_secs(10);

/// How to get to a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) tls: Option<&'a Tls>,
    pub(crate) proxy: Option<&'a Proxy>,
    /// The host whose addresses are meant where the URL has the name of the certificate.
    pub(crate) host: Option<&'a str>,
    /// The socket of this machine that leads to the host, where another place reaches it. Everything else stays as the
    /// URL says; only the connection is made there.
    pub(crate) socket: Option<&'a Path>,
}

/// The client that all requests share that have nothing special, and others made as they are needed. None keeps
/// connections: one that the server has given up meanwhile would make a request fail for no reason that a runbook
/// could know.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    usual: OnceLock<Client>,
}

impl Clients {
    /// Makes none yet.
    pub(crate) const fn new() -> Self {
        Self {
            usual: OnceLock::new(),
        }
    }

    /// The one for this way.
    pub(crate) fn of(&self, server: &Server, way: Way<'_>) -> Result<Client, Failure> {
        // Whoever installed one before us has the same.
        let _installed = rustls::crypto::ring::default_provider().install_default().is_ok();
        let is_usual = way.tls.is_none()
            && way.proxy.is_none()
            && way.socket.is_none()
            && server.connect_timeout.is_none();
        if !is_usual {
            return special(server, way).map_err(|error| none(&error));
        }
        if let Some(client) = self.usual.get() {
            return Ok(client.clone());
        }
        let client = built(|| Ok(builder(CONNECT))).map_err(|error| none(&error))?;
        Ok(self.usual.get_or_init(|| client).clone())
    }
}

fn none(error: &reqwest::Error) -> Failure {
    Failure::new(ErrorKind::Tls, format!("no client could be made: {error}"))
}

fn builder(connect_timeout: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("runbook/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .pool_max_idle_per_host(0)
        .connect_timeout(connect_timeout)
}

/// Without the system's certificates there is no https, and http goes on.
fn built(builder: impl Fn() -> reqwest::Result<ClientBuilder>) -> reqwest::Result<Client> {
    builder()?
        .build()
        .or_else(|_| builder()?.tls_certs_only([]).build())
}

fn special(server: &Server, way: Way<'_>) -> reqwest::Result<Client> {
    let with_proxy = || {
        let builder = builder(server.connect_timeout.unwrap_or(CONNECT));
        Ok(match (way.proxy, way.socket) {
            (Some(proxy), _) => builder.proxy(proxy.for_client()?),
            (None, Some(socket)) => builder.unix_socket(socket),
            (None, None) => builder,
        })
    };
    let Some(tls) = way.tls else {
        return built(with_proxy);
    };
    let all = || {
        let mut builder = with_proxy()?;
        if let Some(identity) = &tls.identity {
            builder = builder.identity(identity.clone());
        }
        if let Some(host) = way.host {
            // The first protocol tells the host in a header; the second would tell the name of the certificate.
            builder = builder.http1_only().dns_resolver(Instead(host.to_owned()));
        }
        Ok(builder)
    };
    match &tls.ca {
        Some(ca) => all()?.tls_certs_only(ca.iter().cloned()).build(),
        None => built(all),
    }
}

/// Finds the addresses of this host, whatever is asked for: the URL then has the name that the certificate must have.
struct Instead(String);

impl Resolve for Instead {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            // The port follows from the URL.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
