//! Where an engine is, as a connection or the client's own settings tell it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use runbook_action::{Args, Connection, ErrorKind, Failure, Param};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::settings::Environment;

/// Where engines listen unless somebody says otherwise.
const USUAL: &str = "/var/run/docker.sock";

/// The name of the context that is no context: what the environment says, or the usual socket.
const DEFAULT: &str = "default";

/// Where an engine is, and as seen from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// The machine on which it is so, as the client of `ssh` is told it; nothing is this one.
    pub(crate) machine: Option<String>,
    pub(crate) access: Access,
}

/// Where an engine is, on some machine.
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

impl Address {
    const fn here(access: Access) -> Self {
        Self {
            machine: None,
            access,
        }
    }

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
            let path = around.root.join(socket.text()?.reveal());
            return Ok(Self::here(Access::Socket(path)));
        }
        if let Some(context) = docker.get("context") {
            return Self::named(&context.text()?.reveal(), around)
                .map_err(|failure| about(failure, &context));
        }
        let Some(host) = docker.get("host") else {
            return Self::named(DEFAULT, around).map_err(|failure| about(failure, &docker));
        };
        let tls = docker.get("tls");
        let files = tls.as_ref().map(|tls| tls_of(tls, around)).transpose()?;
        let address = Self::at(&host.text()?.reveal(), files).map_err(|failure| about(failure, &host))?;
        match tls.filter(|_| address.machine.is_some()) {
            Some(tls) => Err(tls
                .wrong("is for a TCP address, and `ssh` encrypts by itself")
                .help("leave it out")),
            None => Ok(address),
        }
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
            Some(_) | None => Ok(Self::here(Access::Socket(PathBuf::from(USUAL)))),
        }
    }

    /// What a URL says, as in `DOCKER_HOST`.
    fn at(url: &str, tls: Option<Tls>) -> Result<Self, Failure> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::here(Access::Socket(PathBuf::from(rest)))),
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
                Ok(Self::here(Access::Tcp {
                    host: host.trim_matches(['[', ']']).to_owned(),
                    port,
                    tls,
                }))
            }
            "ssh" => beyond(rest),
            _ => Err(Failure::new(ErrorKind::Other, "is not the address of an engine")
                .help("write `unix:///path/to/socket` `tcp://host:2376` or `ssh://user@host`")),
        }
    }
}

/// What a URL of `ssh` says: a machine, and perhaps the path of the socket there.
fn beyond(rest: &str) -> Result<Address, Failure> {
    let wrong = |message: &str| {
        Failure::new(ErrorKind::Other, message)
            .help("write `ssh://user@host:22/path/to/socket`, of which the host is enough")
    };
    let (machine, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (user, host) = machine.rsplit_once('@').unwrap_or(("", machine));
    if user.contains(':') {
        return Err(wrong(
            "holds a password, which the client of `ssh` takes from nobody",
        ));
    }
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "?#%".contains(c);
    if host.is_empty() || machine.starts_with('-') || host.starts_with('-') || rest.contains(is_odd) {
        return Err(wrong("is not the address of an engine"));
    }
    let socket = if path.len() > 1 { path } else { USUAL };
    Ok(Address {
        machine: Some(format!("ssh://{machine}")),
        access: Access::Socket(PathBuf::from(socket)),
    })
}

impl Access {
    /// How people know it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Socket(path) => format!("the engine at `{}`", path.display()),
            Self::Tcp { host, port, .. } => format!("the engine at `{host}:{port}`"),
        }
    }
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
fn in_context(name: &str, around: &Environment) -> Result<Address, Failure> {
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
    Address::at(host, tls)
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
            ..Environment::default()
        }
    }

    #[test]
    fn the_usual_engine_is_what_the_environment_says() {
        let socket = |path: &str| Address::here(Access::Socket(path.into()));
        assert_eq!(Address::usual(&around(&[])), Ok(socket(USUAL)));
        let host = ("DOCKER_HOST", "unix:///run/podman.sock");
        assert_eq!(Address::usual(&around(&[host])), Ok(socket("/run/podman.sock")));
        let tcp = around(&[
            ("DOCKER_HOST", "tcp://build-1"),
            ("DOCKER_TLS_VERIFY", "1"),
            ("DOCKER_CERT_PATH", "/certs"),
        ]);
        let expected = Address::here(Access::Tcp {
            host: "build-1".to_owned(),
            port: 2376,
            tls: Some(tls_in(Path::new("/certs"))),
        });
        assert_eq!(Address::usual(&tcp), Ok(expected));
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
        let far = Ok(Address::here(Access::Socket("/far.sock".into())));
        assert_eq!(Address::usual(&around(&vars)), far);
        assert_eq!(Address::named("far", &around(&vars[..1])), far);
        let unknown = Address::named("near", &around(&vars)).unwrap_err();
        assert_eq!(unknown.message, "there is no context `near` of Docker here");
    }

    #[test]
    fn a_url_of_ssh_names_a_machine_and_a_socket_there() {
        for (url, expected) in [
            ("ssh://build-1", Some(("ssh://build-1", USUAL))),
            ("ssh://ops@build-1:2222/", Some(("ssh://ops@build-1:2222", USUAL))),
            (
                "ssh://ops@[::1]:22/run/user/1000/podman.sock",
                Some(("ssh://ops@[::1]:22", "/run/user/1000/podman.sock")),
            ),
            ("ssh://", None),
            ("ssh:///var/run/docker.sock", None),
            ("ssh://ops:hunter2@build-1", None),
            ("ssh://-oProxyCommand=x", None),
            ("ssh://ops@-oProxyCommand=x", None),
            ("ssh://build 1", None),
            ("ssh://build-1?x", None),
        ] {
            let address = Address::usual(&around(&[("DOCKER_HOST", url)]));
            let expected = expected.map(|(machine, socket)| Address {
                machine: Some(machine.to_owned()),
                access: Access::Socket(socket.into()),
            });
            assert_eq!(address.as_ref().ok(), expected.as_ref(), "{url}");
            if let Err(failure) = address {
                assert!(!failure.to_string().contains("hunter2"), "{failure}");
            }
        }
    }
}
