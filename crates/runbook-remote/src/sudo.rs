//! Programs as another user, through `sudo`, which never asks anybody.

use runbook_action::{ErrorKind, Failure};

/// The words by which `sudo` starts the shell that is told the rest.
#[must_use]
pub const fn as_user<'a>(user: &'a str, boot: &'a str) -> [&'a str; 8] {
    ["-n", "-H", "-u", user, "--", "/bin/sh", "-c", boot]
}

/// Why `sudo` did not start anything, from what it says.
#[must_use]
pub fn not_as_user(user: &str, said: &str) -> Failure {
    let last = said
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let reason = last.trim().trim_start_matches("sudo: ").trim_end_matches('.');
    if said.contains("password is required") || said.contains("a terminal is required") {
        return Failure::new(
            ErrorKind::Forbidden,
            format!("`sudo` would ask for a password before it runs anything as `{user}`"),
        )
        .about("user")
        .help("allow it without one: a rule with `NOPASSWD:` in `/etc/sudoers.d`");
    }
    if said.contains("unknown user") {
        return Failure::new(ErrorKind::NotFound, format!("there is no user `{user}`")).about("user");
    }
    if said.contains("sudo: not found") || said.contains("command not found") {
        return Failure::new(
            ErrorKind::MissingProgram,
            "the program `sudo` is not installed there",
        )
        .about("user");
    }
    Failure::new(
        ErrorKind::Forbidden,
        format!("`sudo` starts nothing as `{user}`: {reason}"),
    )
    .about("user")
}
