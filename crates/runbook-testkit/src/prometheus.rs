//! A throw-away Prometheus.
//!
//! It keeps its data in a temporary directory, listens on a free port of 127.0.0.1 and asks what it is told to ask, five
//! times a second. It ends when it is dropped, and also when the process that started it dies: a watcher beside it reads
//! from a pipe whose other end only that process holds.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::authority::Signed;

/// Somebody may take the port between our look and the server's start; then another one is tried.
const STARTS: u32 = 10;

const POLL: Duration = Duration::from_millis(20);
const POLLS: u32 = 1500;

/// Becomes the server (`$1` is the directory), and leaves a watcher that ends it and removes the directory when the pipe
/// on the standard input closes.
const WATCHED: &str = r#"
directory=$1; shift
exec 3<&0
(
    read -r _ <&3
    kill -KILL $$
    tries=0
    while kill -0 $$ && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    rm -rf "$directory"
) >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
"#;

/// The password of [`Options::password`], as Prometheus keeps it.
const HASH: &str = "$2b$04$muU3jryZVy35jSFfIZdd5OymXTXVnhcuFcTJCEHYVRAFGijY3h6yu";

/// What is different from usual.
#[derive(Debug, Clone, Default)]
pub struct Options<'a> {
    /// Addresses that it asks for metrics: `127.0.0.1:9100`.
    pub targets: Vec<String>,
    /// What it calls them: `app` unless given.
    pub job: Option<&'a str>,
    /// Who asks it must be `admin` with the password `open sesame`.
    pub password: bool,
    /// It speaks TLS, and shows this.
    pub shown: Option<&'a Signed>,
}

/// A running server. Dropping it ends the server and removes its data.
#[derive(Debug)]
pub struct Prometheus {
    directory: PathBuf,
    port: u16,
    server: Child,
    /// While this is open, the server lives.
    pipe: Option<ChildStdin>,
}

impl Prometheus {
    /// Starts a server, and returns when it answers queries.
    ///
    /// # Panics
    ///
    /// When it does not start: a test that needs a server must not pass without one.
    #[must_use]
    pub fn start(options: &Options<'_>) -> Self {
        for _ in 0..STARTS {
            match Self::try_start(options) {
                Ok(server) => return server,
                Err(log) if log.contains("address already in use") => {}
                Err(log) => panic!("no Prometheus for this test, install `prometheus`: {log}"),
            }
        }
        panic!("no Prometheus for this test: every port was taken")
    }

    /// Its URL, under this scheme and host.
    #[must_use]
    pub fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}", self.port)
    }

    fn try_start(options: &Options<'_>) -> Result<Self, String> {
        let told = |error: io::Error| error.to_string();
        let port = free_port().map_err(told)?;
        let directory =
            std::env::temp_dir().join(format!("runbook-prometheus-{}-{port}", std::process::id()));
        fs::create_dir(&directory).map_err(told)?;
        let started = configure(&directory, options).and_then(|()| spawn(&directory, port));
        let mut server = match started {
            Ok(server) => server,
            Err(error) => {
                remove(&directory);
                return Err(told(error));
            }
        };
        let pipe = server.stdin.take();
        let mut this = Self {
            directory,
            port,
            server,
            pipe,
        };
        if this.is_ready() {
            return Ok(this);
        }
        Err(fs::read_to_string(this.directory.join("log")).unwrap_or_default())
    }

    /// Waits until it listens and has read its data; false when it ended instead.
    fn is_ready(&mut self) -> bool {
        for _ in 0..POLLS {
            if matches!(self.server.try_wait(), Ok(Some(_)) | Err(_)) {
                return false;
            }
            let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            if log.contains("Server is ready to receive web requests") && self.is_ours() {
                return true;
            }
            thread::sleep(POLL);
        }
        false
    }

    /// Whether something takes connections there. The log tells that it is this server.
    fn is_ours(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ended = self.server.wait();
        remove(&self.directory);
    }
}

fn configure(directory: &Path, options: &Options<'_>) -> io::Result<()> {
    let mut config = "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs:\n".to_owned();
    let targets: Vec<String> = options
        .targets
        .iter()
        .map(|target| format!("{target:?}"))
        .collect();
    let _ = writeln!(
        config,
        "  - {{job_name: {}, static_configs: [{{targets: [{}]}}]}}",
        options.job.unwrap_or("app"),
        targets.join(", ")
    );
    fs::write(directory.join("prometheus.yml"), config)?;
    let mut web = String::new();
    if options.password {
        let _ = writeln!(web, "basic_auth_users: {{admin: {HASH:?}}}");
    }
    if let Some(shown) = options.shown {
        fs::write(directory.join("cert.pem"), &shown.cert)?;
        fs::write(directory.join("key.pem"), &shown.key)?;
        let _ = writeln!(
            web,
            "tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}"
        );
    }
    fs::write(directory.join("web.yml"), web)
}

#[expect(clippy::disallowed_methods, reason = "the test kit starts real servers")]
fn spawn(directory: &Path, port: u16) -> io::Result<Child> {
    let log = fs::File::create(directory.join("log"))?;
    let in_directory = |flag: &str, name: &str| format!("--{flag}={}", directory.join(name).display());
    Command::new("/bin/sh")
        .args(["-c", WATCHED, "sh"])
        .arg(directory)
        .arg("prometheus")
        .arg(in_directory("config.file", "prometheus.yml"))
        .arg(in_directory("web.config.file", "web.yml"))
        .arg(in_directory("storage.tsdb.path", "data"))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        // What ends a test may be a signal to its whole group, and the watcher has to see it dead.
        .process_group(0)
        .spawn()
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// The watcher may be removing it at the same time, which can make one removal fail.
fn remove(directory: &Path) {
    for _ in 0..POLLS {
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => thread::sleep(POLL),
            Ok(()) | Err(_) => return,
        }
    }
}

/// A program that tells metrics, until it is dropped. It listens on a free port of 127.0.0.1.
#[derive(Debug)]
pub struct Metrics {
    address: String,
    text: Arc<Mutex<String>>,
    ended: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Metrics {
    /// Tells these, in the format of Prometheus.
    ///
    /// # Panics
    ///
    /// When no port is free.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn start(text: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it has an address").to_string();
        let text = Arc::new(Mutex::new(text.to_owned()));
        let ended = Arc::new(AtomicBool::new(false));
        let (told, end) = (Arc::clone(&text), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let body = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // Who asked may have gone.
                let _told = stream.is_ok_and(|stream| tell(stream, &body).is_ok());
            }
        });
        Self {
            address,
            text,
            ended,
            thread: Some(thread),
        }
    }

    /// Where it listens: `127.0.0.1:9100`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Tells these from now on.
    pub fn tell(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // It waits for somebody who asks.
        let _woken = TcpStream::connect(&self.address).is_ok();
        let _ended = self.thread.take().is_some_and(|thread| thread.join().is_ok());
    }
}

fn tell(mut stream: TcpStream, body: &str) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
