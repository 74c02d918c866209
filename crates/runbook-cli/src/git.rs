//! What git knows: what files were at a commit, and which commit a project is at. Nothing in the
//! repository is run or changed for it; only [`notes`] writes something, where the project wants that.

pub(crate) mod notes;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use runbook_event::Commit;

use crate::error::Error;
use crate::identity::Environment;
use crate::named;

/// The variables that git is given. Others could lead it to another repository, or make it run programs.
const VARIABLES: [&str; 4] = ["PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR"];

/// A commit that others are compared with.
pub(crate) struct Base<'a> {
    environment: &'a Environment,
    /// The folder of the repository, without links.
    top: PathBuf,
    commit: String,
}

impl<'a> Base<'a> {
    /// The commit that a name means, in the repository around a folder.
    pub(crate) fn find(environment: &'a Environment, folder: &Path, name: &str) -> Result<Self, Error> {
        let top = answer(environment, folder, &["rev-parse", "--show-toplevel"])?;
        let Some(top) = top else {
            let message = format!(
                "there is no git repository around `{}` to look for `{name}` in",
                folder.display()
            );
            return Err(Error::usage_with(
                message,
                "leave `--base` out, or check a project that is in git",
            ));
        };
        let top = PathBuf::from(top);
        let wanted = format!("{name}^{{commit}}");
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
        let Some(commit) = answer(environment, folder, &arguments)? else {
            let message = format!("git knows no commit `{}`", runbook_report::visible(name));
            let help =
                "name a branch, a tag or a commit that was fetched; a CI server may have fetched only one";
            return Err(Error::usage_with(message, help));
        };
        Ok(Self {
            environment,
            top: fs::canonicalize(&top).unwrap_or(top),
            commit,
        })
    }

    /// The commit at which what is here now branched off from it; itself where git does not know that.
    pub(crate) fn forked(self) -> Result<Self, Error> {
        let arguments = ["merge-base", "--end-of-options", &self.commit, "HEAD"];
        let commit = answer(self.environment, &self.top, &arguments)?;
        Ok(Self {
            commit: commit.unwrap_or(self.commit),
            ..self
        })
    }

    /// What these files were, in their order. None for one that was not there or that is elsewhere.
    pub(crate) fn texts(&self, paths: &[PathBuf]) -> Result<Vec<Option<String>>, Error> {
        self.contents(&paths.iter().map(|path| self.name(path)).collect::<Vec<_>>())
    }

    fn contents(&self, names: &[Option<String>]) -> Result<Vec<Option<String>>, Error> {
        let asked: Vec<&String> = names.iter().flatten().collect();
        let mut child = self.batch()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Ok(vec![None; names.len()]);
        };
        let answers = std::thread::scope(|scope| {
            // Beside the reading, since neither side keeps all that the other has to say.
            scope.spawn(|| ask(input, &asked));
            read(output, asked.len())
        });
        let ended = child.wait();
        let answers = answers.and_then(|answers| ended.map(|_| answers));
        let mut answers = answers
            .map_err(|error| Error::file("read from git in", &self.top, &error))?
            .into_iter();
        let texts = names
            .iter()
            .map(|name| name.as_ref().and_then(|_| answers.next().flatten()));
        Ok(texts.collect())
    }

    /// The files that were there, below these of a folder: their names from that folder.
    pub(crate) fn files(&self, folder: &Path, below: &[&str]) -> Result<Vec<String>, Error> {
        let mut arguments = vec![
            "ls-tree",
            "-r",
            "-z",
            "--full-tree",
            "--format=%(objectmode) %(path)",
            &self.commit,
            "--",
        ];
        let prefix = self.prefix(folder);
        let paths: Vec<String> = below.iter().map(|name| format!("{prefix}{name}")).collect();
        arguments.extend(paths.iter().map(String::as_str));
        let output = git(self.environment, &self.top)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| not_started(&error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let names = text.split('\0').filter_map(|entry| {
            // Neither links nor other repositories.
            let path = entry
                .strip_prefix("100644 ")
                .or_else(|| entry.strip_prefix("100755 "))?;
            path.strip_prefix(&prefix).map(str::to_owned)
        });
        Ok(names.collect())
    }

    /// What these files of a folder were, in their order, named from that folder. What is no text, or is very long, is
    /// told by its sum.
    pub(crate) fn texts_of(&self, folder: &Path, names: &[PathBuf]) -> Result<Vec<Option<String>>, Error> {
        let prefix = self.prefix(folder);
        let asked = |path: &PathBuf| {
            let name = path.to_str()?;
            (!name.contains(['\n', '\r'])).then(|| format!("{}:{prefix}{name}", self.commit))
        };
        self.contents(&names.iter().map(asked).collect::<Vec<_>>())
    }

    /// What stands before the names of a folder's files where git names them.
    fn prefix(&self, folder: &Path) -> String {
        let full = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        match full.strip_prefix(&self.top).ok().and_then(Path::to_str) {
            None | Some("") => String::new(),
            Some(below) => format!("{below}/"),
        }
    }

    /// How git names a file at this commit.
    fn name(&self, path: &Path) -> Option<String> {
        let full = fs::canonicalize(path).ok()?;
        let below = full.strip_prefix(&self.top).ok()?.to_str()?;
        // A question is a line.
        (!below.contains(['\n', '\r'])).then(|| format!("{}:{below}", self.commit))
    }

    fn batch(&self) -> Result<Child, Error> {
        git(self.environment, &self.top)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| not_started(&error))
    }
}

/// How long git may take to tell about a run's commit.
const PATIENCE: Duration = Duration::from_secs(5);

/// The commit that a folder is at, and whether files in the folder differ from it. None outside of a repository, where
/// there is no git, and where it takes too long: that never keeps a run from beginning.
pub(crate) fn commit(environment: &Environment, folder: &Path) -> Option<Commit> {
    let (environment, folder) = (environment.clone(), folder.to_owned());
    let (to, answer_of_git) = channel();
    std::thread::spawn(move || {
        let asked = |arguments: &[&str]| answer(&environment, &folder, arguments).ok().flatten();
        let known = asked(&["rev-parse", "--verify", "--quiet", "HEAD"]).map(|id| Commit {
            // What git keeps to see changes by itself is not started: it could be any program.
            dirty: asked(&["-c", "core.fsmonitor=false", "status", "--porcelain", "--", "."]).is_some(),
            id,
        });
        // Who asked may have given up.
        drop(to.send(known));
    });
    answer_of_git.recv_timeout(PATIENCE).ok().flatten()
}

fn ask(mut input: ChildStdin, names: &[&String]) {
    for name in names {
        // One that is gone has said what it has to say.
        if writeln!(input, "{name}").is_err() {
            return;
        }
    }
}

/// The answers of `git cat-file --batch`: `<id> blob <length>` and the bytes, or that there is nothing.
fn read(output: ChildStdout, count: usize) -> std::io::Result<Vec<Option<String>>> {
    let mut output = BufReader::new(output);
    let mut answers = Vec::new();
    while answers.len() < count {
        let mut head = Vec::new();
        if output.read_until(b'\n', &mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        // What is missing is told with its name, which may have blanks in it.
        let mut words = head.trim_end().rsplitn(3, ' ');
        let length = words.next().and_then(|length| length.parse::<u64>().ok());
        let (Some(length), Some(kind)) = (length, words.next()) else {
            answers.push(None);
            continue;
        };
        let text = named::content(output.by_ref().take(length), length)?;
        output.read_until(b'\n', &mut Vec::new())?;
        answers.push(Some(text).filter(|_| kind == "blob"));
    }
    Ok(answers)
}

/// What git prints on one line, or none if it says no.
fn answer(environment: &Environment, folder: &Path, arguments: &[&str]) -> Result<Option<String>, Error> {
    let output = git(environment, folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| not_started(&error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.trim_end_matches(['\n', '\r']).to_owned();
    Ok((output.status.success() && !line.is_empty()).then_some(line))
}

fn not_started(error: &std::io::Error) -> Error {
    Error::usage_with(
        format!("cannot start git, which `--base` asks: {error}"),
        "install git, or leave `--base` out",
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "only git knows its repository; it is started for `--base`, when a run begins and for notes, without a shell"
)]
fn git(environment: &Environment, folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(folder)
        .args(["--no-pager", "--no-replace-objects", "--literal-pathspecs"]);
    command.env_clear();
    for (name, value) in &environment.vars {
        if VARIABLES.iter().any(|known| name == known) {
            command.env(name, value);
        }
    }
    // It neither writes, nor fetches, nor asks anybody.
    command.envs([
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("LC_ALL", "C"),
    ]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}
