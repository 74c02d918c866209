//! Starting a program on this machine.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use indexmap::IndexMap;
use runbook_action::{Command, ErrorKind, Failure};
use runbook_remote::typed;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::child::{Input, Running};

/// Sets the permissions that new files do not get, and becomes the program: the standard library has no way to do
/// it between fork and exec.
const WITH_UMASK: [&str; 4] = ["/bin/sh", "-c", "umask \"$1\"; shift; exec \"$@\"", "sh"];

/// What a terminal shows when nothing is said of its size.
const SIZE: (u16, u16) = (24, 80);

/// A program that was found, and what it finds.
pub(crate) struct Start<'a> {
    pub(crate) command: &'a Command,
    pub(crate) file: PathBuf,
    pub(crate) vars: IndexMap<OsString, OsString>,
    pub(crate) directory: &'a Path,
}

impl Start<'_> {
    /// Starts it, with a terminal or with pipes.
    pub(crate) fn now(&self) -> Result<Running, Failure> {
        if self.command.tty {
            self.in_terminal()
        } else {
            self.with_pipes()
        }
    }

    fn name(&self) -> &str {
        self.command.argv.first().map_or("", String::as_str)
    }

    /// The file to execute, the name that it is told, and its arguments.
    fn line(&self) -> (&Path, &str, Vec<OsString>) {
        let arguments = self.command.argv.iter().skip(1).map(OsString::from);
        let Some(umask) = self.command.umask else {
            return (&self.file, self.name(), arguments.collect());
        };
        let [shell, before @ ..] = WITH_UMASK;
        let mut line: Vec<OsString> = before.iter().map(OsString::from).collect();
        line.push(format!("{umask:03o}").into());
        line.push(self.file.clone().into());
        line.extend(arguments);
        (Path::new(shell), shell, line)
    }

    fn with_pipes(&self) -> Result<Running, Failure> {
        let (file, name, arguments) = self.line();
        #[expect(clippy::disallowed_methods, reason = "this plugin's job is to start programs")]
        let mut command = tokio::process::Command::new(file);
        command
            .arg0(name)
            .args(arguments)
            .env_clear()
            .envs(&self.vars)
            .current_dir(self.directory)
            .process_group(0)
            .stdin(if self.command.stdin.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().map_err(|error| self.not_started(&error))?;
        Ok(Running::piped(child, self.command.stdin.clone(), true).recorded())
    }

    /// It leads a session of its own, whose terminal nobody sees.
    fn in_terminal(&self) -> Result<Running, Failure> {
        let (terminal, inner) = terminal()?;
        let (file, name, arguments) = self.line();
        let command = pty_process::Command::new(file)
            .arg0(name)
            .args(arguments)
            .env_clear()
            .envs(&self.vars)
            .current_dir(self.directory);
        let child = command.spawn(inner).map_err(|error| {
            if let pty_process::Error::Io(error) = error {
                self.not_started(&error)
            } else {
                self.not_started(&io::Error::other(error.to_string()))
            }
        })?;
        let bytes = typed(self.command.stdin.as_deref().unwrap_or_default());
        Ok(attached(child, terminal, bytes).recorded())
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        use std::io::ErrorKind as Io;
        let name = self.name();
        let failure = |kind, what: &str| {
            Failure::new(kind, format!("`{name}` could not be started: {what}")).about("argv")
        };
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the standard library's list is open"
        )]
        match error.kind() {
            Io::NotFound => failure(
                ErrorKind::MissingProgram,
                "the interpreter in its first line does not exist",
            ),
            Io::PermissionDenied => failure(ErrorKind::Forbidden, "permission denied"),
            Io::ArgumentListTooLong => failure(ErrorKind::Other, "its arguments are too long")
                .help("pass large data through `stdin` or a file"),
            _ => failure(ErrorKind::Other, &error.to_string()),
        }
    }
}

/// A terminal that nobody sees, and its end for a program.
pub(crate) fn terminal() -> Result<(pty_process::Pty, pty_process::Pts), Failure> {
    let opened = || -> Result<_, pty_process::Error> {
        let (terminal, inner) = pty_process::open()?;
        terminal.resize(pty_process::Size::new(SIZE.0, SIZE.1))?;
        Ok((terminal, inner))
    };
    let (terminal, inner) = opened().map_err(|error| {
        Failure::new(ErrorKind::Other, format!("no terminal could be opened: {error}")).about("tty")
    })?;
    quiet(&terminal);
    Ok((terminal, inner))
}

/// A program in a terminal, at which this is typed.
pub(crate) fn attached(child: tokio::process::Child, terminal: pty_process::Pty, bytes: Vec<u8>) -> Running {
    let (from, to) = terminal.into_split();
    let input = Input {
        to: Box::new(to),
        bytes,
        written: 0,
        // A terminal that is closed hangs up.
        closes: false,
    };
    Running::new(child, Some(input), Box::new(from), None)
}

/// What is typed is not shown: it may be secret, and is no output of the program.
fn quiet(terminal: &pty_process::Pty) {
    if let Ok(mut modes) = tcgetattr(terminal) {
        modes.local_modes.remove(LocalModes::ECHO);
        // A terminal that shows what is typed is no reason to run nothing.
        let _set = tcsetattr(terminal, OptionalActions::Now, &modes).is_ok();
    }
}
