//! The connection, from its parameters.

use std::path::Path;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;
use runbook_action::schema::duration::parse_duration;
use runbook_action::{Args, Connection, Failure};

use crate::proxy::Proxy;
use crate::tls::Tls;
use crate::{auth, header, request, target};

/// How long an answer may take unless the connection says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a connection gives to a request.
#[derive(Debug)]
pub(crate) struct Server {
    /// The URL that paths are added to.
    pub(crate) base: Option<Url>,
    /// Headers for this origin, the one that says who asks included.
    pub(crate) headers: HeaderMap,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    /// How long it may take until the connection stands.
    pub(crate) connect_timeout: Option<Duration>,
    /// What counts for the encryption, on this origin.
    tls: Option<Tls>,
    /// What all requests go through.
    proxy: Option<Proxy>,
}

impl Server {
    /// Reads it; without a connection there is only the usual timeout. `kind` is the key that holds the URL, and
    /// files are looked for from `root`.
    pub(crate) async fn read(
        connection: Option<&Connection>,
        kind: &str,
        root: &Path,
    ) -> Result<Self, Failure> {
        let mut server = Self {
            base: None,
            headers: HeaderMap::new(),
            timeout: TIMEOUT,
            connect_timeout: None,
            tls: None,
            proxy: None,
        };
        let Some(connection) = connection else {
            return Ok(server);
        };
        let args = connection.args();
        server.base = Some(target::base(&args.require(kind)?)?);
        server.headers = header::read(args.get("headers").as_ref())?;
        if let Some(auth) = args.get("auth") {
            request::is_one_of(&auth, ["bearer", "basic"])?;
            auth::add(Some(&auth), &mut server.headers)?;
        }
        if let Some(timeout) = args.get("timeout") {
            server.timeout = length(&timeout)?;
        }
        server.connect_timeout = args.get("connect_timeout").map(|it| length(&it)).transpose()?;
        server.proxy = Proxy::read(&args)?;
        if let Some(tls) = args.get("tls") {
            server.tls = Some(Tls::read(&tls, root).await?);
            if let (Some(name), Some(_)) = (tls.get("server_name"), &server.proxy) {
                return Err(name.wrong("cannot be told apart from the host on the way through a proxy"));
            }
        }
        Ok(server)
    }

    /// Whether `url` is on the connection's own origin.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        self.base
            .as_ref()
            .is_some_and(|base| base.origin() == url.origin())
    }

    /// The headers that may go to `url`.
    pub(crate) fn headers_for(&self, url: &Url) -> HeaderMap {
        if self.is_own(url) {
            self.headers.clone()
        } else {
            HeaderMap::new()
        }
    }

    /// What counts for the encryption of what goes to `url`.
    pub(crate) fn tls_for(&self, url: &Url) -> Option<&Tls> {
        self.tls.as_ref().filter(|_| self.is_own(url))
    }

    /// The proxy that leads to `url`.
    pub(crate) fn proxy_for(&self, url: &Url) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|proxy| proxy.is_for(url))
    }
}

fn length(args: &Args<'_>) -> Result<Duration, Failure> {
    parse_duration(&args.text()?.reveal())
        .filter(|length| !length.is_zero())
        .ok_or_else(|| args.wrong("expected a length of time such as `30s`"))
}
