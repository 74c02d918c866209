//! The connection, from its parameters.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;
use runbook_action::schema::duration::parse_duration;
use runbook_action::{Connection, Failure};

use crate::{header, target};

/// How long an answer may take unless the connection says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a connection gives to a request.
#[derive(Debug)]
pub(crate) struct Server {
    /// The URL that paths are added to.
    pub(crate) base: Option<Url>,
    /// Headers for this origin.
    pub(crate) headers: HeaderMap,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
}

impl Server {
    /// Reads it; without a connection there is only the usual timeout.
    pub(crate) fn read(connection: Option<&Connection>) -> Result<Self, Failure> {
        let mut server = Self {
            base: None,
            headers: HeaderMap::new(),
            timeout: TIMEOUT,
        };
        let Some(connection) = connection else {
            return Ok(server);
        };
        let args = connection.args();
        server.base = Some(target::base(&args.require("http")?)?);
        server.headers = header::read(args.get("headers").as_ref())?;
        if let Some(timeout) = args.get("timeout") {
            server.timeout = parse_duration(&timeout.text()?.reveal())
                .filter(|timeout| !timeout.is_zero())
                .ok_or_else(|| timeout.wrong("expected a length of time such as `30s`"))?;
        }
        Ok(server)
    }

    /// The headers that may go to `url`.
    pub(crate) fn headers_for(&self, url: &Url) -> HeaderMap {
        match &self.base {
            Some(base) if base.origin() == url.origin() => self.headers.clone(),
            Some(_) | None => HeaderMap::new(),
        }
    }
}
