//! What is to be started, as the parameters tell it.

use runbook_action::{Args, Call, Command, Failure, Inherit, Param, Text};

use crate::permission;

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
    /// Which variables are passed on.
    inherit: Inherit,
    /// Whether it finds a terminal.
    tty: bool,
    /// The permissions that new files do not get.
    umask: Option<u32>,
    /// The user as whom it runs.
    user: Option<String>,
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
        if let Some(inherit) = args.get("inherit") {
            options.inherit = inherited(&inherit)?;
        }
        if let Some(tty) = args.get("tty") {
            options.tty = tty.boolean()?;
        }
        if let Some(umask) = args.get("umask") {
            options.umask = Some(permission::octal(&umask)?);
        }
        if let Some(user) = args.get("user") {
            options.user = Some(user_name(&user)?);
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
}

impl Launch {
    /// What a place is to run, with the variables of the call.
    pub(crate) fn command(&self, call: &Call<'_>) -> Command {
        let options = &self.options;
        Command {
            argv: self.argv.clone(),
            env: call
                .env
                .iter()
                .map(|(name, text)| (name.clone(), text.reveal()))
                .collect(),
            inherit: options.inherit.clone(),
            cwd: options.cwd.as_ref().map(|(_, cwd)| cwd.clone()),
            stdin: options.stdin.clone().map(String::into_bytes),
            tty: options.tty,
            umask: options.umask,
            user: options.user.clone(),
        }
    }

    /// A failure of a place, with the parameter that it is about: it knows the command and not what gave it.
    pub(crate) fn about_parameter(&self, failure: Failure) -> Failure {
        let param = match failure.param.as_deref() {
            Some("argv") => self.named_by.clone(),
            Some("cwd") => self.options.cwd.as_ref().map(|(path, _)| path.clone()),
            Some("user") => Some("user".to_owned()),
            Some(_) | None => None,
        };
        Failure { param, ..failure }
    }
}

/// Which variables are passed on.
fn inherited(args: &Args<'_>) -> Result<Inherit, Failure> {
    if let Param::List(_) = args.param() {
        let names: Result<Vec<String>, Failure> = args
            .items()?
            .iter()
            .map(|item| item.literal().map(str::to_owned))
            .collect();
        return Ok(Inherit::Only(names?));
    }
    match args.literal()? {
        "all" => Ok(Inherit::All),
        "none" => Ok(Inherit::Only(Vec::new())),
        _ => Err(args.wrong("expected `all`, `none` or a list of names")),
    }
}

/// A name that `sudo` takes for a user, and for nothing else.
fn user_name(args: &Args<'_>) -> Result<String, Failure> {
    let user = plain(args, &args.text()?)?;
    if user.is_empty() || user.starts_with('-') || user.contains(char::is_whitespace) {
        return Err(args.wrong("cannot be the name of a user"));
    }
    Ok(user)
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
