//! The socket of the API server: TLS, connections, going away and coming back.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::Error;
use crate::api;
use crate::shared::Shared;

/// The names under which the server is reached.
const NAMES: [&str; 5] = [
    "127.0.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// What the server shows to clients, and by which they know it.
#[derive(Clone)]
pub(crate) struct Identity {
    /// The certificate of the authority, in PEM form.
    pub(crate) authority: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    pub(crate) fn new() -> Result<Self, Error> {
        let tls = |error: rcgen::Error| Error::Tls(error.to_string());
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "kubernetes");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(tls)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(tls)?;
        let names: Vec<String> = NAMES.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(tls)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "kube-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().map_err(tls)?;
        let certificate = params.signed_by(&key, &issuer).map_err(tls)?;
        let wrong = |error: rustls::Error| Error::Tls(error.to_string());
        let private =
            PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| Error::Tls(error.to_owned()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .map_err(wrong)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            authority: issuer.pem(),
            config: Arc::new(config),
        })
    }
}

/// What connections are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wish {
    /// Whether the server is to be reached.
    pub(crate) away: bool,
    /// Connections from before this was raised are cut.
    pub(crate) cuts: u64,
}

/// Binds a port of this machine: a free one, or the same again.
pub(crate) fn bind(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(1024)
}

/// Serves until the wishes end.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    identity: Identity,
    listener: TcpListener,
    mut wishes: watch::Receiver<Wish>,
    listening: watch::Sender<bool>,
) {
    let Ok(port) = listener.local_addr().map(|address| address.port()) else {
        return;
    };
    let mut listener = Some(listener);
    let acceptor = TlsAcceptor::from(identity.config.clone());
    loop {
        if wishes.borrow_and_update().away {
            listener = None;
        } else if listener.is_none() {
            // Somebody else may have the port for a moment.
            listener = bind(port).ok();
        }
        listening.send_replace(listener.is_some());
        tokio::select! {
            changed = wishes.changed() => if changed.is_err() { return },
            accepted = accept(listener.as_ref()) => {
                if let Some(connection) = accepted {
                    tokio::spawn(connected(shared.clone(), acceptor.clone(), connection, wishes.clone()));
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.ok().map(|(connection, _)| connection),
        None => std::future::pending().await,
    }
}

/// One connection, until its client or the server has enough.
async fn connected(
    shared: Arc<Shared>,
    acceptor: TlsAcceptor,
    connection: TcpStream,
    mut wishes: watch::Receiver<Wish>,
) {
    let begun = *wishes.borrow_and_update();
    let serving = async {
        let _small = connection.set_nodelay(true);
        let Ok(connection) = acceptor.accept(connection).await else {
            return;
        };
        let service = service_fn(|request| api::handle(shared.clone(), request));
        let served = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(connection), service)
            .with_upgrades()
            .await;
        // A client that goes away in the middle is nothing to tell of.
        drop(served);
    };
    tokio::select! {
        () = serving => {}
        _ = wishes.wait_for(|wish| wish.away || wish.cuts != begun.cuts) => {}
    }
}
