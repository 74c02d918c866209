//! What the client says when it does not get through, as a failure with its kind and a way out.

use runbook_action::{ErrorKind, Failure};

/// What the client prints, in the order in which it is looked for, with what that means.
const SAID: &[(&str, ErrorKind, &str, &str)] = &[
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        ErrorKind::Auth,
        "has another host key than the one that is known",
        "find out why; if the machine is new, remove the old key with `ssh-keygen -R HOST` and connect once by hand",
    ),
    (
        "Host key verification failed",
        ErrorKind::Auth,
        "has a host key that is not known here",
        "compare its fingerprint and connect once by hand, or add the key to the known hosts of the configuration",
    ),
    (
        "No matching host key",
        ErrorKind::Auth,
        "offers no kind of host key that the client takes",
        "look at `HostKeyAlgorithms` of the configuration",
    ),
    (
        "Permission denied",
        ErrorKind::Auth,
        "does not let this user in",
        "check the user and the key: `ssh -o BatchMode=yes` must work by hand",
    ),
    (
        "Too many authentication failures",
        ErrorKind::Auth,
        "does not let this user in",
        "name one key in the configuration: `IdentityFile` with `IdentitiesOnly yes`",
    ),
    (
        "Could not resolve hostname",
        ErrorKind::Dns,
        "has a name that cannot be resolved",
        "check the name of the host",
    ),
    (
        "Connection refused",
        ErrorKind::Refused,
        "refuses connections",
        "check the port, and whether the server runs",
    ),
    (
        "timed out",
        ErrorKind::Timeout,
        "gave no answer in time",
        "check the address and the firewall; `ConnectTimeout` of the configuration says how long is waited",
    ),
    (
        "No route to host",
        ErrorKind::Unreachable,
        "cannot be reached",
        "check the address and the network",
    ),
    (
        "Network is unreachable",
        ErrorKind::Unreachable,
        "cannot be reached",
        "check the address and the network",
    ),
    (
        "Bad configuration option",
        ErrorKind::Other,
        "has a configuration that the client does not understand",
        "check the client's configuration",
    ),
    (
        "Can't open user config file",
        ErrorKind::NotFound,
        "has a configuration file that does not exist",
        "check `config` of the connection",
    ),
    (
        "Invalid SSH identification string",
        ErrorKind::Protocol,
        "is no SSH server",
        "check the port",
    ),
    (
        "kex_protocol_error",
        ErrorKind::Protocol,
        "is no SSH server that the client understands",
        "check the port",
    ),
    (
        "Bad packet length",
        ErrorKind::Protocol,
        "is no SSH server that the client understands",
        "check the port",
    ),
];

/// The failure that what the client printed stands for.
pub(super) fn failure(place: &str, said: &str) -> Failure {
    let known = SAID.iter().find(|(words, ..)| said.contains(words));
    if let Some((_, kind, what, help)) = known {
        return Failure::new(*kind, format!("{place} {what}")).help(*help);
    }
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    let message = match last {
        Some(line) => format!(
            "{place} cannot be reached: {}",
            crate::output::one_line(line).trim_end_matches('.')
        ),
        None => format!("{place} closed the connection"),
    };
    Failure::new(ErrorKind::Unreachable, message).help("try it by hand: `ssh -o BatchMode=yes HOST true`")
}
