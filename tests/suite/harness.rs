//! A project in a temporary directory, the program started in it, and what a run left there.

mod browser;
pub(crate) mod cluster;
mod editor;
mod journal;
mod process;
mod recorder;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

pub(crate) use self::browser::{Browser, Page, Seen};
pub(crate) use self::editor::{Editor, Squiggle};
pub(crate) use self::journal::Run;
pub(crate) use self::process::{Lab, Running};
pub(crate) use self::recorder::{Recorder, Request};

const POLL: Duration = Duration::from_millis(20);
const POLLS: u32 = 1500;

/// The repository.
pub(crate) fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::canonicalize(root).expect("the repository is there")
}

/// Asks until there is an answer, and fails after half a minute without one.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..POLLS {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(POLL); // paced: another process needs the processor to get there
    }
    panic!("waited in vain: {what}");
}

/// The folders in a folder of `tests/cases/`, in order. There is at least one.
pub(crate) fn cases(below: &str) -> Vec<PathBuf> {
    let folder = repository().join("tests/cases").join(below);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it is readable").path())
        .collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    cases
}

/// What a program that has ended leaves.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            // What a signal ended has no code.
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails, with all that was printed, unless the exit code is this one.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "the exit code is wrong\n{}", self.all());
        assert!(!self.all().contains("panicked"), "it panicked\n{}", self.all());
        self
    }

    /// Fails unless the outputs say all of this.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        let all = self.all();
        for text in texts {
            assert!(all.contains(text), "`{text}` is not said\n{all}");
        }
        self
    }

    pub(crate) fn all(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{}", self.all()))
    }
}

/// A project of its own for each test.
pub(crate) struct Project {
    directory: TempDir,
    variables: Vec<(String, String)>,
}

impl Project {
    /// A project without any file.
    pub(crate) fn empty() -> Self {
        // No name that begins with a dot: editors leave such folders out of their patterns.
        let directory = TempDir::with_prefix("runbook-").expect("there is room");
        Self {
            directory,
            variables: Vec::new(),
        }
    }

    /// A project with copies of the repository's project file and runbooks.
    pub(crate) fn shipped() -> Self {
        let project = Self::empty();
        let root = repository();
        copy(
            &root.join("runbook.config.yaml"),
            &project.path("runbook.config.yaml"),
        );
        copy(&root.join("runbooks"), &project.path("runbooks"));
        project
    }

    /// A project with copies of all files of this folder.
    pub(crate) fn case(folder: &Path) -> Self {
        let project = Self::empty();
        for entry in fs::read_dir(folder).expect("the case is there") {
            let entry = entry.expect("it is readable");
            copy(&entry.path(), &project.path("").join(entry.file_name()));
        }
        project
    }

    /// A project with `runbook.yaml`: a head, then what is given, which begins with a key of a runbook.
    pub(crate) fn runbook(rest: &str) -> Self {
        Self::empty().with("runbook.yaml", &format!("{HEAD}{rest}"))
    }

    /// The same with a copy of this folder of the repository.
    pub(crate) fn with_copy(self, folder: &str) -> Self {
        copy(&repository().join(folder), &self.path(folder));
        self
    }

    pub(crate) fn with(self, path: &str, text: &str) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("it is below the project")).expect("there is room");
        fs::write(path, text).expect("there is room");
        self
    }

    /// The same with an environment variable for the program. It sees no others but `PATH`, `HOME` and `USER`.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path below the project.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// A program that runs in the project, without anything on its standard input.
    #[expect(
        clippy::disallowed_methods,
        reason = "the suite starts the program, with a path of its own"
    )]
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.directory.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("HOME", self.directory.path())
            .env("USER", "tester")
            .env("NO_COLOR", "1");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `runbook` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        let output = self.command(env!("CARGO_BIN_EXE_runbook"), args).output();
        Ended::of(&output.expect("the program starts"))
    }

    /// Runs a runbook, answers yes to all that it asks, and expects this outcome.
    #[track_caller]
    pub(crate) fn exec(&self, runbook: &str, inputs: &[&str], outcome: &str) -> (Ended, Run) {
        self.exec_with(&[], runbook, inputs, outcome)
    }

    /// The same with other options.
    #[track_caller]
    pub(crate) fn exec_with(
        &self,
        options: &[&str],
        runbook: &str,
        inputs: &[&str],
        outcome: &str,
    ) -> (Ended, Run) {
        let mut args = vec!["exec", runbook, "--yes", "--output"];
        args.extend(options);
        for input in inputs {
            args.extend(["-i", input]);
        }
        let before = self.runs().len();
        let ended = self.run(&args);
        let mut runs = self.runs();
        assert_eq!(runs.len(), before + 1, "there is one more run\n{}", ended.all());
        runs.sort_by_key(|run| {
            fs::metadata(run.path("journal.jsonl"))
                .and_then(|file| file.modified())
                .ok()
        });
        let run = runs.remove(before);
        assert_eq!(run.outcome(), outcome, "{}", ended.all());
        (ended, run)
    }

    /// Starts `runbook`.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::start(self.command(env!("CARGO_BIN_EXE_runbook"), args))
    }

    /// Starts `runbook` on a terminal of its own.
    pub(crate) fn start_on_terminal(&self, args: &[&str]) -> Running {
        let words: Vec<String> = std::iter::once(env!("CARGO_BIN_EXE_runbook"))
            .chain(args.iter().copied())
            .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
            .collect();
        self.start_in_terminal(&format!("exec {}", words.join(" ")))
    }

    /// Starts this line of shell on a terminal of its own.
    pub(crate) fn start_in_terminal(&self, line: &str) -> Running {
        let line = format!("stty cols 500; {line}");
        let mut command = self.command("script", &["-qefc", &line, "/dev/null"]);
        command
            .stdin(Stdio::piped())
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm");
        Running::start(command)
    }

    /// Starts the practice system as another process.
    pub(crate) fn lab(&self, args: &[&str]) -> Lab {
        Lab::start(self, args)
    }

    /// The runs that are kept, in order of their names.
    pub(crate) fn runs(&self) -> Vec<Run> {
        let Ok(entries) = fs::read_dir(self.path(".runbook/runs")) else {
            return Vec::new();
        };
        let mut runs: Vec<PathBuf> = entries
            .map(|entry| entry.expect("it is readable").path())
            .collect();
        runs.sort();
        runs.into_iter().map(Run::at).collect()
    }

    /// The one run.
    #[track_caller]
    pub(crate) fn only_run(&self) -> Run {
        let mut runs = self.runs();
        assert_eq!(runs.len(), 1, "there is one run");
        runs.remove(0)
    }
}

const HEAD: &str = "apiVersion: runbook/v1\nname: small\nversion: 1.0.0\ntitle: A small runbook\n";

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("there is room");
        for entry in fs::read_dir(from).expect("it is readable") {
            let entry = entry.expect("it is readable");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }
}
