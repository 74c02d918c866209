//! The proxy of a connection, and what does not go through it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use percent_encoding::percent_decode_str;
use reqwest::Url;
use runbook_action::{Args, Endpoint, ErrorKind, Failure};

use crate::target;

/// A proxy. What is shown of it never has its credentials.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// Its URL, without the credentials.
    url: Url,
    /// Who asks it.
    credentials: Option<(String, String)>,
    /// The hosts that are reached without it, in lower case.
    except: Vec<String>,
}

impl Proxy {
    /// Reads `proxy` and `no_proxy`.
    pub(crate) fn read(args: &Args<'_>) -> Result<Option<Self>, Failure> {
        let except = args.get("no_proxy");
        let Some(given) = args.get("proxy") else {
            return match except {
                Some(except) => Err(except
                    .wrong("says what goes around a proxy, and there is none")
                    .help("add `proxy`, or leave it out")),
                None => Ok(None),
            };
        };
        let mut url = target::base(&given)?;
        let credentials = credentials(&url);
        // A URL with `http` or `https` has a host, so both can be taken out.
        let _had_one = url.set_username("").is_ok() && url.set_password(None).is_ok();
        Ok(Some(Self {
            url,
            credentials,
            except: except
                .map(|except| hosts(&except))
                .transpose()?
                .unwrap_or_default(),
        }))
    }

    /// Whether the way to `url` leads through it.
    pub(crate) fn is_for(&self, url: &Url) -> bool {
        let host = bare(url.host_str().unwrap_or_default());
        let is_name = host.parse::<IpAddr>().is_err();
        !self.except.iter().any(|except| {
            let below = host.strip_suffix(except.as_str());
            host == *except || (is_name && below.is_some_and(|below| below.ends_with('.')))
        })
    }

    /// Where it takes connections, of which a place is asked that reaches it. To one that speaks TLS the client would
    /// have to connect by its name.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Failure> {
        if self.url.scheme() == "https" {
            let message =
                format!("the proxy `{self}` speaks TLS, and cannot be reached through another place");
            return Err(Failure::new(ErrorKind::Other, message)
                .help("name a proxy with `http://`: what goes through it to an `https` server is encrypted all the same"));
        }
        Ok(target::endpoint(&self.url))
    }

    /// The same proxy, where it is reached at a port of this machine.
    pub(crate) fn reached_at(&self, local: SocketAddr) -> Self {
        let mut url = self.url.clone();
        // A URL with `http` has a host and can have any port.
        let _moved = url.set_ip_host(local.ip()).is_ok() && url.set_port(Some(local.port())).is_ok();
        Self { url, ..self.clone() }
    }

    /// As the client takes it.
    pub(crate) fn for_client(&self) -> reqwest::Result<reqwest::Proxy> {
        let proxy = reqwest::Proxy::all(self.url.clone())?;
        Ok(match &self.credentials {
            Some((user, password)) => proxy.basic_auth(user, password),
            None => proxy,
        })
    }
}

/// `proxy:3128`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&target::host_of(&self.url))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

fn credentials(url: &Url) -> Option<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = url.password().unwrap_or_default();
    (!url.username().is_empty() || !password.is_empty()).then(|| (decoded(url.username()), decoded(password)))
}

fn hosts(except: &Args<'_>) -> Result<Vec<String>, Failure> {
    let mut hosts = Vec::new();
    for item in except.items()? {
        let text = item.text()?.reveal();
        let host = bare(text.trim_start_matches('.'));
        if host.is_empty() || host.contains(['/', '*', ' ', '@']) {
            return Err(item
                .wrong("is not a host")
                .help("write a name or an address, without scheme, port or wildcard"));
        }
        hosts.push(host);
    }
    Ok(hosts)
}

/// As it is compared: in lower case, and an IPv6 address without its brackets.
fn bare(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .to_ascii_lowercase()
}
