//! From errors of the network to the kinds that a runbook can ask for.

use std::error::Error;
use std::io;

use runbook_action::{ErrorKind, Failure};

/// What went wrong, told of `what` (`GET /health`) and `host` (`db:8000`). Whether something may have been applied
/// is for the caller to say; [`was_sent`] tells whether the request left.
pub(crate) fn of_error(error: &reqwest::Error, what: &str, host: &str) -> Failure {
    let causes = Causes::of(error);
    let kind = kind(error, &causes);
    let failure = |message: String| Failure::new(kind, format!("`{what}`: {message}"));
    match kind {
        ErrorKind::Refused => failure(format!("nobody listens at `{host}`")),
        ErrorKind::Dns => failure(format!("the name of `{host}` cannot be resolved")),
        ErrorKind::Timeout => failure(format!("`{host}` did not answer in time")),
        ErrorKind::Tls => failure(format!("no encrypted connection to `{host}`: {}", causes.last)),
        ErrorKind::Unreachable => failure(format!("no connection to `{host}`: {}", causes.last)),
        ErrorKind::Protocol => failure(format!("`{host}` gave no proper answer: {}", causes.last)),
        ErrorKind::Auth
        | ErrorKind::MissingProgram
        | ErrorKind::NotFound
        | ErrorKind::Forbidden
        | ErrorKind::Conflict
        | ErrorKind::Cancelled
        | ErrorKind::Other => failure(causes.last),
    }
}

/// Whether the request may have reached the other side.
pub(crate) fn was_sent(error: &reqwest::Error) -> bool {
    !error.is_connect() && !error.is_builder()
}

/// What is found by walking down the causes of an error.
struct Causes {
    io: Option<io::ErrorKind>,
    is_tls: bool,
    /// The text of the innermost cause. The outer ones hold the URL.
    last: String,
}

impl Causes {
    fn of(error: &reqwest::Error) -> Self {
        let mut causes = Self {
            io: None,
            is_tls: false,
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
        self.is_tls |= cause.is::<rustls::Error>();
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            self.io = Some(io.kind());
            // An error inside an I/O error is not its source: the source is that one's source.
            if let Some(inner) = io.get_ref() {
                self.see(inner);
                return;
            }
        }
        cause.to_string().trim_end_matches('.').clone_into(&mut self.last);
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
    if causes.is_tls {
        return ErrorKind::Tls;
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
