//! From errors of the network to the kinds that a runbook can ask for.

use std::error::Error;
use std::io;

use runbook_action::{ErrorKind, Failure};

/// Who was to be reached, and what the way led through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    /// `db:8000`.
    pub(crate) host: &'a str,
    /// `proxy:3128`.
    pub(crate) proxy: Option<&'a str>,
    /// The other place that reaches them.
    pub(crate) place: Option<&'a str>,
}

impl At<'_> {
    /// Whoever takes the connection.
    fn next(&self) -> String {
        let next = match self.proxy {
            Some(proxy) => format!("the proxy `{proxy}`"),
            None => format!("`{}`", self.host),
        };
        match self.place {
            Some(place) => format!("{next}, as seen from {place},"),
            None => next,
        }
    }

    /// The one who is to answer.
    fn last(&self) -> String {
        match (self.proxy, self.place) {
            (Some(proxy), Some(place)) => {
                format!("`{}` through the proxy `{proxy}` from {place}", self.host)
            }
            (Some(proxy), None) => format!("`{}` through the proxy `{proxy}`", self.host),
            (None, Some(place)) => format!("`{}` through {place}", self.host),
            (None, None) => format!("`{}`", self.host),
        }
    }
}

/// What went wrong, told of `what` (`GET /health`). Whether something may have been applied is for the caller to
/// say; [`was_sent`] tells whether the request left.
pub(crate) fn of_error(error: &reqwest::Error, what: &str, at: At<'_>) -> Failure {
    let causes = Causes::of(error);
    let kind = kind(error, &causes);
    let failure = |message: String| Failure::new(kind, format!("`{what}`: {message}"));
    let (next, last) = (at.next(), at.last());
    match kind {
        ErrorKind::Refused => failure(format!("nobody listens at {}", next.trim_end_matches(','))),
        ErrorKind::Dns => failure(format!("the name of {next} cannot be resolved")),
        ErrorKind::Timeout if error.is_connect() => {
            failure(format!("{next} did not take the connection in time"))
        }
        ErrorKind::Timeout => failure(format!("{last} did not answer in time")),
        ErrorKind::Tls => {
            let failure = failure(format!("no encrypted connection to {last}: {}", causes.last));
            match causes.tls.as_ref().and_then(way_out) {
                Some(help) => failure.help(help),
                None => failure,
            }
        }
        ErrorKind::Unreachable => failure(format!("no connection to {last}: {}", causes.last)),
        ErrorKind::Protocol => failure(format!("{last} gave no proper answer: {}", causes.last)),
        ErrorKind::Auth => failure(format!("{next} wants to know who asks: {}", causes.last)),
        ErrorKind::MissingProgram
        | ErrorKind::NotFound
        | ErrorKind::Forbidden
        | ErrorKind::Conflict
        | ErrorKind::Cancelled
        | ErrorKind::Other => failure(causes.last),
    }
}

/// What can be done about an encrypted connection that was not made.
fn way_out(error: &rustls::Error) -> Option<&'static str> {
    use rustls::CertificateError as Wrong;
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};
    if matches!(error, InvalidCertificate(Wrong::UnknownIssuer)) {
        Some("name the file with the authority's certificate as `tls.ca` of the connection")
    } else if matches!(
        error,
        InvalidCertificate(Wrong::NotValidForName | Wrong::NotValidForNameContext { .. })
    ) {
        Some("write the name that the certificate has, in the URL or as `tls.server_name` of the connection")
    } else if matches!(error, AlertReceived(_)) {
        Some("the server may want a certificate of ours: `tls.cert` and `tls.key` of the connection")
    } else if matches!(error, InvalidMessage(_)) {
        Some("the server may expect `http://` at this port")
    } else {
        None
    }
}

/// Whether the request may have reached the other side.
pub(crate) fn was_sent(error: &reqwest::Error) -> bool {
    // An alert ends an encrypted connection that was not agreed on, before anything in it is read.
    let is_refused = matches!(Causes::of(error).tls, Some(rustls::Error::AlertReceived(_)));
    !error.is_connect() && !error.is_builder() && !is_refused
}

/// What is found by walking down the causes of an error.
struct Causes {
    io: Option<io::ErrorKind>,
    tls: Option<rustls::Error>,
    /// Whether a proxy asked for credentials.
    is_proxy_auth: bool,
    /// The text of the innermost cause. The outer ones hold the URL.
    last: String,
}

impl Causes {
    fn of(error: &reqwest::Error) -> Self {
        let mut causes = Self {
            io: None,
            tls: None,
            is_proxy_auth: false,
            last: "it could not be sent".to_owned(),
        };
        let mut next = error.source();
        while let Some(cause) = next {
            causes.see(cause);
            next = cause.source();
        }
        causes
    }

    fn see(&mut self, cause: &(dyn Error + 'static)) {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            self.tls = Some(tls.clone());
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            self.io = Some(io.kind());
            // An error inside an I/O error is not its source: the source is that one's source.
            if let Some(inner) = io.get_ref() {
                self.see(inner);
                return;
            }
        }
        cause.to_string().trim_end_matches('.').clone_into(&mut self.last);
        // The client tells this by its text alone.
        self.is_proxy_auth |= self.last.contains("proxy authorization required");
    }
}

fn kind(error: &reqwest::Error, causes: &Causes) -> ErrorKind {
    use io::ErrorKind as Io;
    if error.is_timeout() {
        return ErrorKind::Timeout;
    }
    if error.is_dns() {
        return ErrorKind::Dns;
    }
    if causes.tls.is_some() {
        return ErrorKind::Tls;
    }
    if causes.is_proxy_auth {
        return ErrorKind::Auth;
    }
    match causes.io {
        Some(Io::ConnectionRefused) => ErrorKind::Refused,
        Some(Io::TimedOut) => ErrorKind::Timeout,
        Some(
            Io::HostUnreachable
            | Io::NetworkUnreachable
            | Io::NetworkDown
            | Io::AddrNotAvailable
            | Io::ConnectionReset
            | Io::ConnectionAborted
            | Io::BrokenPipe,
        ) => ErrorKind::Unreachable,
        _ if error.is_builder() => ErrorKind::Other,
        _ if error.is_connect() => ErrorKind::Unreachable,
        _ => ErrorKind::Protocol,
    }
}
