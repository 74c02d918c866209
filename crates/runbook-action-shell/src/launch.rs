//! What is to be started, as the parameters tell it.

use std::path::{Path, PathBuf};

use runbook_action::{Args, ErrorKind, Failure, Param, Text};

/// What is to be started.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The program and its arguments; never empty.
    pub(crate) argv: Vec<String>,
    /// The parameter that names the program, if one does.
    pub(crate) named_by: Option<String>,
    /// How and where.
    pub(crate) options: Options,
}

/// What `shell` and `exec` have in common.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The working directory, with the parameter that gives it.
    pub(crate) cwd: Option<(String, String)>,
    /// What the program reads.
    pub(crate) stdin: Option<String>,
    /// The exit codes that mean success; empty for only zero.
    ok_exit_codes: Vec<i64>,
}

impl Options {
    /// Reads them from the long form of an action's parameters.
    pub(crate) fn read(args: &Args<'_>) -> Result<Self, Failure> {
        let mut options = Self::default();
        if let Some(cwd) = args.get("cwd") {
            let text = plain(&cwd, &cwd.text()?)?;
            if text.is_empty() {
                return Err(cwd.wrong("the working directory is empty"));
            }
            options.cwd = Some((cwd.path().to_owned(), text));
        }
        if let Some(stdin) = args.get("stdin") {
            options.stdin = Some(stdin.text()?.reveal());
        }
        if let Some(codes) = args.get("ok_exit_codes") {
            for code in codes.items()? {
                options.ok_exit_codes.push(code.integer()?);
            }
        }
        Ok(options)
    }

    /// Whether this exit code means success.
    pub(crate) fn is_ok(&self, code: i32) -> bool {
        if self.ok_exit_codes.is_empty() {
            code == 0
        } else {
            self.ok_exit_codes.contains(&i64::from(code))
        }
    }

    /// The working directory, which must be there.
    pub(crate) fn directory(&self, root: &Path) -> Result<PathBuf, Failure> {
        let Some((path, cwd)) = &self.cwd else {
            return Ok(root.to_owned());
        };
        let directory = root.join(cwd);
        if directory.is_dir() {
            return Ok(directory);
        }
        let what = if directory.exists() {
            "is not a directory"
        } else {
            "does not exist"
        };
        Err(Failure::new(ErrorKind::NotFound, format!("the working directory {what}")).about(path.clone()))
    }
}

/// The arguments in a list; an item that is a list gives several.
pub(crate) fn argv(list: &Args<'_>) -> Result<Vec<(String, Text)>, Failure> {
    let mut argv = Vec::new();
    for item in list.items()? {
        if matches!(item.param(), Param::List(_)) {
            for inner in item.items()? {
                argv.push((inner.path().to_owned(), inner.text()?));
            }
        } else {
            argv.push((item.path().to_owned(), item.text()?));
        }
    }
    if argv.is_empty() {
        return Err(list.wrong("names no program"));
    }
    Ok(argv)
}

/// The text with its secrets, without a NUL, which no argument can hold.
pub(crate) fn plain(args: &Args<'_>, text: &Text) -> Result<String, Failure> {
    let text = text.reveal();
    if text.contains('\0') {
        return Err(args.wrong("holds a NUL character, which no program can be given"));
    }
    Ok(text)
}
