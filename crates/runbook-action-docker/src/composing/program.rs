//! The program of compose: which one there is, and what it is told.

use indexmap::IndexMap;
use runbook_action::{Command, End, ErrorKind, Failure, Output, Stream};

use super::Asked;
use crate::access::Access;
use crate::attend::{self, Fine};

/// Which program it will be, as far as a plan can know: that asks nobody.
pub(crate) const EITHER: &str = "docker compose, or docker-compose where that is not there";

/// The program that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// The plugin of Docker's client.
    Plugin,
    /// The older program of its own.
    Alone,
}

impl Program {
    /// The plugin where it exists, else the other one.
    pub(crate) async fn find(asked: Asked<'_>) -> Result<Self, Failure> {
        let plugin = Command::new(["docker", "compose", "version"]);
        if let Ok(ended) = asked.place.output(&plugin, 0).await
            && ended.end == End::Code(0)
        {
            return Ok(Self::Plugin);
        }
        if asked.place.finds("docker-compose").await? {
            return Ok(Self::Alone);
        }
        Err(Failure::new(
            ErrorKind::MissingProgram,
            "neither `docker compose` nor `docker-compose` is installed",
        )
        .help("install Docker's plugin `compose`, or `docker-compose`"))
    }

    /// The same, and says in what the step prints which one it is.
    pub(crate) async fn said(asked: Asked<'_>) -> Result<Self, Failure> {
        let program = Self::find(asked).await?;
        let line = format!("by `{}`\n", program.name());
        asked.call.host.write(Stream::Stderr, line.as_bytes()).await?;
        Ok(program)
    }

    /// How people know it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plugin => "docker compose",
            Self::Alone => "docker-compose",
        }
    }
}

/// What the program is told: arguments, and variables that are not to be seen in a list of processes.
pub(crate) fn command(asked: Asked<'_>, program: Program, rest: Vec<String>) -> Result<Command, Failure> {
    let mut argv: Vec<String> = match program {
        Program::Plugin => vec!["docker".to_owned(), "compose".to_owned()],
        Program::Alone => vec!["docker-compose".to_owned()],
    };
    argv.extend(["--ansi", "never"].map(str::to_owned));
    let project = asked.project;
    let mut option = |name: &str, value: &str| argv.extend([name.to_owned(), value.to_owned()]);
    if let Some(name) = &project.name {
        option("-p", name);
    }
    if let Some(file) = &project.env_file {
        option("--env-file", file);
    }
    for file in &project.files {
        option("-f", file);
    }
    for profile in &project.profiles {
        option("--profile", profile);
    }
    argv.extend(rest);
    let mut env: IndexMap<String, String> = asked
        .call
        .env
        .iter()
        .map(|(name, text)| (name.clone(), text.reveal()))
        .collect();
    if asked.is_told {
        env.extend(engine(&asked.engine.at)?);
    }
    Ok(Command {
        argv,
        env,
        cwd: Some(project.directory.display().to_string()),
        ..Command::default()
    })
}

/// The variables by which the program finds the engine.
fn engine(at: &Access) -> Result<Vec<(String, String)>, Failure> {
    let set = |name: &str, value: String| (name.to_owned(), value);
    match at {
        Access::Socket(path) => Ok(vec![set("DOCKER_HOST", format!("unix://{}", path.display()))]),
        Access::Tcp {
            host,
            port,
            tls: None,
        } => Ok(vec![set("DOCKER_HOST", format!("tcp://{host}:{port}"))]),
        Access::Tcp {
            host,
            port,
            tls: Some(tls),
        } => {
            let directory = tls.ca.parent().map(std::path::Path::to_owned).unwrap_or_default();
            let usual = tls.ca == directory.join("ca.pem")
                && tls.cert == directory.join("cert.pem")
                && tls.key == directory.join("key.pem");
            if !usual {
                let message =
                    "the program of compose wants `ca.pem`, `cert.pem` and `key.pem` in one directory";
                return Err(Failure::new(ErrorKind::Tls, message).help("give the files these names"));
            }
            Ok(vec![
                set("DOCKER_HOST", format!("tcp://{host}:{port}")),
                set("DOCKER_TLS_VERIFY", "1".to_owned()),
                set("DOCKER_CERT_PATH", directory.display().to_string()),
            ])
        }
    }
}

/// Runs the program to its end. What it prints is passed on.
pub(crate) async fn run(asked: Asked<'_>, command: &Command, into: Output) -> Result<Output, Failure> {
    let started = tokio::select! {
        biased;
        started = asked.place.spawn(command) => started,
        () = asked.call.host.cancelled() => {
            Err(Failure::new(ErrorKind::Cancelled, "was stopped before it began").maybe_applied())
        }
    };
    let mut process = started.map_err(|failure| Failure {
        // The directory is the connection's, and the program nobody's.
        param: None,
        ..failure
    })?;
    attend::run(&mut *process, &Fine::default(), asked.call, || into).await
}
