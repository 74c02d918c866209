//! A throw-away registry of images on this machine.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::thread;

use super::{Engine, Error, POLL, POLLS, find, io_error, new, run};

/// Somebody may take the port between our look and the registry's start; then another one is tried.
const STARTS: u32 = 10;

/// Who is let in, where somebody must be.
pub const LOGIN: (&str, &str) = ("ops", "hunter2-hunter2");

/// The same, as `htpasswd -B` writes it.
const KNOWN: &str = "ops:$2y$05$abcdefghijklmnopqrstuuM6LdIRFtSO2kPdsnQR8QqPt6tFqthsy\n";

/// Runs the registry (`$1` is the directory), and ends it when the standard input closes.
const WATCHED: &str = r#"
directory=$1; shift
"$@" </dev/null & registry=$!
read -r _
kill -KILL "$registry"
wait "$registry"
rm -rf "$directory"
"#;

/// Debian's registry on a free port of 127.0.0.1, which engines take without encryption. Dropping it ends it.
#[derive(Debug)]
pub struct Registry {
    directory: PathBuf,
    port: u16,
    watcher: Child,
    /// While this is open, it lives.
    pipe: Option<ChildStdin>,
}

impl Registry {
    /// Starts one that lets everybody in.
    ///
    /// # Panics
    ///
    /// When it does not start: a test that needs it must not pass without it.
    #[must_use]
    pub fn start() -> Self {
        Self::wanted(false)
    }

    /// Starts one that lets in only [`LOGIN`].
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start_with_login() -> Self {
        Self::wanted(true)
    }

    fn wanted(login: bool) -> Self {
        match Self::try_start(login) {
            Ok(registry) => registry,
            Err(error) => panic!("no registry for this test: {error}: {error:?}"),
        }
    }

    fn try_start(login: bool) -> Result<Self, Error> {
        let mut said = None;
        for _ in 0..STARTS {
            let registry = Self::spawn(login)?;
            if registry.is_ready() {
                return Ok(registry);
            }
            let log = fs::read_to_string(registry.directory.join("log")).unwrap_or_default();
            if !log.contains("address already in use") {
                return Err(Error::NotStarted { log });
            }
            said = Some(log);
        }
        Err(Error::NotStarted {
            log: said.unwrap_or_default(),
        })
    }

    fn spawn(login: bool) -> Result<Self, Error> {
        let program = find("docker-registry")?;
        let directory = run(new("mktemp").args(["-d", "/tmp/runbook-registry-XXXXXXXX"]))?;
        let directory = PathBuf::from(directory.trim_end());
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.map_err(|source| io_error("a free port", source))?.port();
        let place = directory.display();
        let auth = if login {
            format!("auth: {{htpasswd: {{realm: lab, path: {place}/known}}}}\n")
        } else {
            String::new()
        };
        let config = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {place}/data}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\", secret: lab}}\n{auth}"
        );
        for (name, text) in [("config.yml", config.as_str()), ("known", KNOWN)] {
            fs::write(directory.join(name), text).map_err(|source| io_error(name, source))?;
        }
        let log = fs::File::create(directory.join("log")).map_err(|source| io_error("log", source))?;
        let mut command = new("/bin/sh");
        command.args(["-c", WATCHED, "sh"]).arg(&directory);
        command
            .arg(program)
            .arg("serve")
            .arg(directory.join("config.yml"));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let mut watcher = command
            .spawn()
            .map_err(|source| io_error("docker-registry", source))?;
        Ok(Self {
            pipe: watcher.stdin.take(),
            directory,
            port,
            watcher,
        })
    }

    /// Waits until it takes connections; false when it ended instead.
    fn is_ready(&self) -> bool {
        for _ in 0..POLLS {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return true;
            }
            let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            if log.contains("level=fatal") || log.contains("address already in use") {
                return false;
            }
            thread::sleep(POLL);
        }
        false
    }

    /// Its address, as names of images begin with it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A directory that is removed with it.
    #[must_use]
    pub const fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// Has the engine push one of its images, and forget the name under which it did. The answer is that name.
    ///
    /// # Panics
    ///
    /// When it cannot be pushed.
    #[must_use]
    pub fn push(&self, engine: &Engine, image: &str, name: &str) -> String {
        let name = format!("{}/{name}", self.address());
        let _tagged = engine.docker(&["tag", image, &name]);
        let client = self.directory.join("client").display().to_string();
        let (user, password) = LOGIN;
        let login = ["--config", &client, "login", "-u", user, "-p", password];
        // Whoever lets everybody in takes every login too.
        let _known = engine.docker(&[&login[..], &[&self.address()]].concat());
        let _pushed = engine.docker(&["--config", &client, "push", "-q", &name]);
        let _forgotten = engine.docker(&["rmi", &name]);
        name
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ended = self.watcher.wait();
    }
}
