//! Tests that run in a process of their own: limited, in a file system of their own, or to be killed.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};

const DIR: &str = "RUNBOOK_TEST_ALONE_DIR";
const ROLE: &str = "RUNBOOK_TEST_ALONE_ROLE";

/// The directory that was given to this process, if it is one of its own.
#[expect(clippy::disallowed_methods, reason = "the way from one process to the other")]
pub(crate) fn given_dir() -> Option<String> {
    env::var(DIR).ok()
}

/// What this process is to be among several, if it is one of its own.
#[expect(clippy::disallowed_methods, reason = "the way from one process to the other")]
pub(crate) fn given_role() -> Option<String> {
    env::var(ROLE).ok()
}

#[expect(clippy::disallowed_methods, reason = "a process of its own must be spawned")]
fn command(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.env(DIR, dir);
    command
}

/// Runs one test in a process of its own, after these commands of a shell.
pub(crate) fn alone(test: &str, before: &str, dir: &Path) {
    finish(command(Path::new("sh"), dir).args(inner(test, before)));
}

/// Runs one test in a process of its own that sees mounts of its own, after these commands of a shell. They find the
/// directory in `$D`.
pub(crate) fn mounted(test: &str, before: &str, dir: &Path) {
    let before = format!("set -e; D=\"${DIR}\"; {before}");
    let mut unshare = command(Path::new("unshare"), dir);
    // In a user's own namespace everyone may mount, and outside of it nothing is seen of that.
    finish(
        unshare
            .args(["--map-root-user", "--mount", "sh"])
            .args(inner(test, &before)),
    );
}

fn inner(test: &str, before: &str) -> [String; 3] {
    let run = env::current_exe().unwrap().display().to_string();
    [
        "-c".to_owned(),
        format!("{before} exec \"$0\" --exact {test}"),
        run,
    ]
}

fn finish(command: &mut Command) {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A test that runs in another process meanwhile. It is told lines on its standard input and answers with lines on its
/// standard error, which the test harness leaves alone.
#[derive(Debug)]
pub(crate) struct Other {
    child: Child,
    told: ChildStdin,
    answers: BufReader<ChildStderr>,
}

impl Other {
    pub(crate) fn start(test: &str, role: &str, dir: &Path) -> Self {
        let mut child = command(&env::current_exe().unwrap(), dir)
            .args(["--exact", test, "--nocapture"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            told: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.told, "{line}").unwrap();
    }

    /// The next answer. It must come.
    pub(crate) fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the other process is gone after `{line}`");
        line.trim_end().to_owned()
    }

    /// Kills it, and returns the whole lines that it had still answered.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut lines = Vec::new();
        let mut line = String::new();
        while self.answers.read_line(&mut line).unwrap() > 0 {
            if let Some(whole) = line.strip_suffix('\n') {
                lines.push(whole.to_owned());
            }
            line.clear();
        }
        lines
    }
}
