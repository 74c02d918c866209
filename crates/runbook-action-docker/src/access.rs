//! Where an engine is, as a connection or the client's own settings tell it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use runbook_action::{Args, Connection, ErrorKind, Failure, Lack, Param};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::settings::Environment;

/// Where engines listen unless somebody says otherwise.
const USUAL: &str = "/var/run/docker.sock";

/// The name of the context that is no context: what the environment says, or the usual socket.
const DEFAULT: &str = "default";

/// Where an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    /// A socket in the file system.
    Socket(PathBuf),
    /// A port.
    Tcp {
        host: String,
        port: u16,
        tls: Option<Tls>,
    },
}

/// The files that encrypt a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) ca: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Access {
    /// What the connection says.
    pub(crate) fn read(connection: &Connection, around: &Environment) -> Result<Self, Failure> {
        let args = connection.args();
        let docker = args.require("docker")?;
        if !matches!(docker.param(), Param::Map(_)) {
            return Self::named(&docker.text()?.reveal(), around).map_err(|failure| about(failure, &docker));
        }
        let given: Vec<Args<'_>> = ["socket", "context", "host"]
            .iter()
            .filter_map(|key| docker.get(key))
            .collect();
        if let [_, second, ..] = given.as_slice() {
            return Err(second.wrong("stands beside another address, and one of them is enough"));
        }
        if let Some(socket) = docker.get("socket") {
            return Ok(Self::Socket(around.root.join(socket.text()?.reveal())));
        }
        if let Some(context) = docker.get("context") {
            return Self::named(&context.text()?.reveal(), around)
                .map_err(|failure| about(failure, &context));
        }
        let Some(host) = docker.get("host") else {
            return Self::named(DEFAULT, around).map_err(|failure| about(failure, &docker));
        };
        let tls = docker.get("tls").map(|tls| tls_of(&tls, around)).transpose()?;
        Self::at(&host.text()?.reveal(), tls).map_err(|failure| about(failure, &host))
    }

    /// The engine that people mean when they say nothing.
    pub(crate) fn usual(around: &Environment) -> Result<Self, Failure> {
        Self::named(DEFAULT, around)
    }

    /// That of a context.
    fn named(context: &str, around: &Environment) -> Result<Self, Failure> {
        if context != DEFAULT {
            return in_context(context, around);
        }
        if let Some(host) = around.var("DOCKER_HOST") {
            let tls = around
                .var("DOCKER_TLS_VERIFY")
                .and_then(|_| {
                    around
                        .var("DOCKER_CERT_PATH")
                        .map(PathBuf::from)
                        .or(around.client())
                })
                .map(|directory| tls_in(&directory));
            return Self::at(&host, tls);
        }
        let chosen = around.var("DOCKER_CONTEXT").or_else(|| {
            let config = std::fs::read(around.client()?.join("config.json")).ok()?;
            let config: Value = serde_json::from_slice(&config).ok()?;
            config
                .get("currentContext")
                .and_then(Value::as_str)
                .map(str::to_owned)
        });
        match chosen {
            Some(context) if !context.is_empty() && context != DEFAULT => in_context(&context, around),
            Some(_) | None => Ok(Self::Socket(PathBuf::from(USUAL))),
        }
    }

    /// What a URL says, as in `DOCKER_HOST`.
    fn at(url: &str, tls: Option<Tls>) -> Result<Self, Failure> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Socket(PathBuf::from(rest))),
            "tcp" | "http" | "https" => {
                let rest = rest.trim_end_matches('/');
                let (host, port) = rest.rsplit_once(':').unwrap_or((rest, ""));
                let usual = if tls.is_some() { "2376" } else { "2375" };
                let port = if port.is_empty() { usual } else { port };
                let port = port
                    .parse()
                    .map_err(|_| Failure::new(ErrorKind::Other, "has no port that is a number"))?;
                if host.is_empty() {
                    return Err(Failure::new(ErrorKind::Other, "names no host"));
                }
                Ok(Self::Tcp {
                    host: host.trim_matches(['[', ']']).to_owned(),
                    port,
                    tls,
                })
            }
            "ssh" => Err(Failure::new(
                ErrorKind::Other,
                "this version cannot reach an engine by a URL of `ssh`",
            )
            .help(THROUGH_SSH)),
            _ => Err(Failure::new(ErrorKind::Other, "is not the address of an engine")
                .help("write `unix:///path/to/socket` or `tcp://host:2376`")),
        }
    }

    /// How people know it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Socket(path) => format!("the engine at `{}`", path.display()),
            Self::Tcp { host, port, .. } => format!("the engine at `{host}:{port}`"),
        }
    }
}

const THROUGH_SSH: &str = "make the machine a connection of kind `ssh`, and go through it with `via`";

/// What of a connection cannot be reached yet.
pub(crate) fn lacks(connection: Option<(&str, &Param)>) -> Option<Lack> {
    let Some(("docker", params)) = connection else {
        return None;
    };
    let host = params.get("docker")?.get("host")?;
    let Param::Text(text) = host else { return None };
    let begins = text.to_string().starts_with("ssh://");
    begins.then(|| Lack {
        param: String::new(),
        what: "an engine whose `host` is a URL of `ssh` (go through a connection of kind `ssh` with `via`)"
            .to_owned(),
    })
}

fn tls_of(args: &Args<'_>, around: &Environment) -> Result<Tls, Failure> {
    // The client presents itself, or is not let in: what engines ask for.
    let file = |key: &str| {
        let file = args
            .get(key)
            .ok_or_else(|| args.wrong(format!("`{key}` is missing, and an engine wants all three")))?;
        Ok(around.root.join(file.text()?.reveal()))
    };
    Ok(Tls {
        ca: file("ca")?,
        cert: file("cert")?,
        key: file("key")?,
    })
}

fn tls_in(directory: &Path) -> Tls {
    Tls {
        ca: directory.join("ca.pem"),
        cert: directory.join("cert.pem"),
        key: directory.join("key.pem"),
    }
}

/// A context as the client of Docker keeps it.
fn in_context(name: &str, around: &Environment) -> Result<Access, Failure> {
    let unknown = || {
        Failure::new(
            ErrorKind::NotFound,
            format!("there is no context `{name}` of Docker here"),
        )
        .help("`docker context ls` lists them")
    };
    let kept = around.client().ok_or_else(unknown)?.join("contexts");
    let digest = digest_of(name);
    let meta = std::fs::read(kept.join("meta").join(&digest).join("meta.json")).map_err(|_| unknown())?;
    let meta: Value = serde_json::from_slice(&meta).map_err(|_| unknown())?;
    let host = meta
        .pointer("/Endpoints/docker/Host")
        .and_then(Value::as_str)
        .ok_or_else(unknown)?;
    let tls = kept.join("tls").join(&digest).join("docker");
    let tls = tls.join("ca.pem").is_file().then(|| tls_in(&tls));
    Access::at(host, tls)
}

/// The client names a context's directory by this.
fn digest_of(name: &str) -> String {
    hex(&Sha256::digest(name.as_bytes()))
}

/// Bytes in digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn about(failure: Failure, args: &Args<'_>) -> Failure {
    match failure.param {
        Some(_) => failure,
        None => failure.about(args.path()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(vars: &[(&str, &str)]) -> Environment {
        Environment {
            vars: vars
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            root: "/project".into(),
        }
    }

    #[test]
    fn the_usual_engine_is_what_the_environment_says() {
        let socket = |path: &str| Access::Socket(path.into());
        assert_eq!(Access::usual(&around(&[])), Ok(socket(USUAL)));
        let host = ("DOCKER_HOST", "unix:///run/podman.sock");
        assert_eq!(Access::usual(&around(&[host])), Ok(socket("/run/podman.sock")));
        let tcp = around(&[
            ("DOCKER_HOST", "tcp://build-1"),
            ("DOCKER_TLS_VERIFY", "1"),
            ("DOCKER_CERT_PATH", "/certs"),
        ]);
        let expected = Access::Tcp {
            host: "build-1".to_owned(),
            port: 2376,
            tls: Some(tls_in(Path::new("/certs"))),
        };
        assert_eq!(Access::usual(&tcp), Ok(expected));
    }

    #[test]
    fn a_context_is_found_where_the_client_keeps_it() {
        let home = tempfile::tempdir().unwrap();
        let meta = home.path().join(".docker/contexts/meta").join(digest_of("far"));
        std::fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"far","Endpoints":{"docker":{"Host":"unix:///far.sock"}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        let home = home.path().display().to_string();
        let vars = [("HOME", home.as_str()), ("DOCKER_CONTEXT", "far")];
        let far = Ok(Access::Socket("/far.sock".into()));
        assert_eq!(Access::usual(&around(&vars)), far);
        assert_eq!(Access::named("far", &around(&vars[..1])), far);
        let unknown = Access::named("near", &around(&vars)).unwrap_err();
        assert_eq!(unknown.message, "there is no context `near` of Docker here");
    }
}
