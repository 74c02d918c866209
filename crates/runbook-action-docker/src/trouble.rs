//! Why an engine did not do what it was asked, in the kinds that a runbook can ask for.

use std::error::Error as StdError;
use std::io;

use bollard::errors::Error;
use runbook_action::{ErrorKind, Failure};

/// The failure of something that was asked of an engine. `engine` is how people know it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the client has many kinds of errors, and those without a meaning of their own are told by their causes"
)]
pub(crate) fn failure(error: &Error, engine: &str) -> Failure {
    if let Error::DockerResponseServerError { status_code, message } = error {
        return answered(*status_code, message);
    }
    match error {
        Error::RequestTimeoutError => Failure::new(ErrorKind::Timeout, format!("{engine} gives no answer")),
        Error::SocketNotFoundError(_) => unreachable(engine),
        Error::DockerStreamError { error } => streamed(error),
        Error::DockerContainerWaitError { error, .. } => Failure::new(ErrorKind::Other, one_line(error)),
        Error::JsonDataError { .. } | Error::JsonSerdeError { .. } => Failure::new(
            ErrorKind::Protocol,
            format!("{engine} gave an answer that is not understood"),
        ),
        Error::IOError { err } => chain(err, engine),
        Error::HyperLegacyError { err } => chain(err, engine),
        Error::HyperResponseError { err } => chain(err, engine),
        other => chain(other, engine),
    }
}

/// Whether the engine said that there is no such thing.
pub(crate) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// Whether the engine said that it is as it was asked to be.
pub(crate) fn is_so_already(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 304, .. })
}

fn answered(status: u16, message: &str) -> Failure {
    let message = one_line(message);
    let is_full = message.contains("no space left");
    let kind = match status {
        401 => ErrorKind::Auth,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        // Registries are asked by the engine, which passes their refusals on as its own trouble.
        _ if is_denied(&message) => ErrorKind::Auth,
        _ if message.contains("i/o timeout") => ErrorKind::Timeout,
        _ if message.contains("connection refused") => ErrorKind::Refused,
        _ if message.contains("no such host") || message.contains("server misbehaving") => ErrorKind::Dns,
        // Podman has no status of its own for what a container's state forbids.
        _ if message.contains("container state improper") => ErrorKind::Conflict,
        _ if message.contains("port is already allocated") || message.contains("address already in use") => {
            ErrorKind::Conflict
        }
        _ => ErrorKind::Other,
    };
    let failure = Failure::new(kind, message);
    if is_full {
        failure.help("free some space on the engine's machine: `prune` removes what nothing uses")
    } else {
        failure
    }
}

fn is_denied(message: &str) -> bool {
    [
        "unauthorized",
        "access denied",
        "authentication required",
        "no basic auth",
    ]
    .iter()
    .any(|word| message.contains(word))
}

/// What an engine says in the middle of an answer.
fn streamed(message: &str) -> Failure {
    let status = if message.contains("not found") || message.contains("manifest unknown") {
        404
    } else {
        500
    };
    answered(status, message)
}

fn unreachable(engine: &str) -> Failure {
    Failure::new(ErrorKind::Unreachable, format!("{engine} is not there"))
        .help("start it, or name another one: `docker context ls` lists those that are known")
}

/// Why no answer came, from the first cause that says more.
fn chain(error: &(dyn StdError + 'static), engine: &str) -> Failure {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    let mut words = Vec::new();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && let Some(failure) = of_io(error, engine)
        {
            return failure;
        }
        words.push(error.to_string());
        cause = error.source();
    }
    let said = words.join(": ");
    if said.contains("certificate") || said.contains("tls") || said.contains("TLS") {
        let last = words.last().map_or("", String::as_str);
        return Failure::new(
            ErrorKind::Tls,
            format!(
                "the connection to {engine} cannot be encrypted: {}",
                one_line(last)
            ),
        );
    }
    if said.contains("dns error") {
        return Failure::new(ErrorKind::Dns, format!("the name of {engine} cannot be resolved"));
    }
    Failure::new(
        ErrorKind::Unreachable,
        format!("the connection to {engine} was lost"),
    )
    .help("look whether it still runs")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of the system are open")]
fn of_io(error: &io::Error, engine: &str) -> Option<Failure> {
    // The errors of others hide in those of the system.
    if let Some(inner) = error.get_ref()
        && !inner.is::<io::Error>()
    {
        let said = inner.to_string();
        if said.contains("certificate") || said.contains("alert") {
            let message = format!(
                "the connection to {engine} cannot be encrypted: {}",
                one_line(&said)
            );
            return Some(Failure::new(ErrorKind::Tls, message));
        }
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(
            Failure::new(ErrorKind::Refused, format!("{engine} refuses connections"))
                .help("start it, or name another one: `docker context ls` lists those that are known"),
        ),
        io::ErrorKind::PermissionDenied => Some(
            Failure::new(
                ErrorKind::Forbidden,
                format!("{engine} may not be used by this user"),
            )
            .help("add the user to the group of the socket, `docker` in most places"),
        ),
        io::ErrorKind::TimedOut => Some(Failure::new(
            ErrorKind::Timeout,
            format!("{engine} gives no answer"),
        )),
        io::ErrorKind::NotFound | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(unreachable(engine))
        }
        _ => None,
    }
}

/// One line for people, without control characters and full stop.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    if let Some((end, _)) = line.char_indices().nth(300) {
        line.truncate(end);
        line.push('…');
    }
    line.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_says_has_a_kind() {
        for (status, message, kind) in [
            (
                401,
                "unauthorized: incorrect username or password",
                ErrorKind::Auth,
            ),
            (403, "authorization denied by plugin", ErrorKind::Forbidden),
            (404, "No such container: web", ErrorKind::NotFound),
            (409, "Conflict. The container name is in use", ErrorKind::Conflict),
            (
                500,
                "Get https://x/v2/: unauthorized: authentication required",
                ErrorKind::Auth,
            ),
            (
                500,
                "dial tcp 127.0.0.1:1: connect: connection refused",
                ErrorKind::Refused,
            ),
            (500, "lookup x: no such host", ErrorKind::Dns),
            (
                500,
                "cannot remove container 39a8 as it is running: container state improper",
                ErrorKind::Conflict,
            ),
            (
                500,
                "Bind for 0.0.0.0:80 failed: port is already allocated",
                ErrorKind::Conflict,
            ),
            (500, "write /x: no space left on device", ErrorKind::Other),
        ] {
            let error = Error::DockerResponseServerError {
                status_code: status,
                message: format!("{message}.\n"),
            };
            let failure = failure(&error, "the engine");
            assert_eq!((failure.kind, failure.message.as_str()), (kind, message));
            assert_eq!(failure.help.is_some(), message.contains("space"));
        }
    }

    #[test]
    fn why_an_engine_is_not_reached_has_a_kind() {
        for (of, kind) in [
            (io::ErrorKind::NotFound, ErrorKind::Unreachable),
            (io::ErrorKind::ConnectionRefused, ErrorKind::Refused),
            (io::ErrorKind::PermissionDenied, ErrorKind::Forbidden),
            (io::ErrorKind::TimedOut, ErrorKind::Timeout),
            (io::ErrorKind::BrokenPipe, ErrorKind::Unreachable),
        ] {
            let failure = failure(&Error::IOError { err: of.into() }, "the engine at `/x`");
            assert_eq!(failure.kind, kind, "{failure}");
            assert!(failure.message.contains("the engine at `/x`"), "{failure}");
        }
    }
}
