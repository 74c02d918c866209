//! A throw-away engine of Docker, with an image that needs nothing from outside.
//!
//! ```no_run
//! let engine = runbook_testkit::docker::Engine::shared();
//! let web = engine.container("web", &[], &["httpd", "-f", "-p", "8000"]);
//! ```
//!
//! An [`Engine`] is a `dockerd` of its own: its data, its socket, its bridge and its part of the control groups are in
//! nobody else's way, and it touches no rule of a firewall. It runs as root, as engines do. The image [`IMAGE`] is made of
//! a static busybox by `docker import`; nothing is ever pulled, unless from a [`Registry`] of the tests.
//!
//! The engine ends when the value is dropped, with all its containers. It also ends when the process that started it dies:
//! a watcher beside it reads from a pipe whose other end only that process holds. It clears up even if the engine itself
//! was killed.

mod image;
mod podman;
mod registry;

pub use podman::Podman;
pub use registry::{LOGIN, Registry};

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// The image that every engine has from the start: busybox, users `root` and `app`, a page in `/www`.
pub const IMAGE: &str = "lab:1";

/// The same under another name and with another page, for what changes images.
pub const NEWER: &str = "lab:2";

const POLL: Duration = Duration::from_millis(10);
const POLLS: u32 = 3000;

/// Numbers of bridges, which are parts of addresses too.
const NUMBERS: std::ops::Range<u32> = 100..250;

/// Becomes the engine (`$1` is the directory, `$2` the number of its bridge, `$3` the client), and leaves a watcher that
/// ends it and removes all that is its when the pipe on the standard input closes.
const WATCHED: &str = r#"
directory=$1; number=$2; client=$3; shift 3
exec 3<&0
(
    read -r _ <&3
    ask() { timeout 10 "$client" -H "unix://$directory/docker.sock" "$@"; }
    if kill -0 $$; then
        ids=$(ask ps -aq) && [ -n "$ids" ] && ask rm -f $ids
        ask network prune -f
        kill -TERM $$
        tries=0
        while kill -0 $$ && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    fi
    kill -KILL $$
    kill -KILL "$(cat "$directory/exec/containerd/containerd.pid")"
    tries=0
    while [ $tries -lt 50 ]; do
        left=$(cat /sys/fs/cgroup/*/runbook-"$number"/*/cgroup.procs /sys/fs/cgroup/runbook-"$number"/*/cgroup.procs | sort -u)
        [ -z "$left" ] && break
        kill -KILL $left; sleep 0.1; tries=$((tries + 1))
    done
    for process in /proc/[0-9]*; do
        case "$(cat "$process/comm") $(tr '\0' ' ' < "$process/cmdline")" in
            containerd*" $directory/"*) kill -KILL "${process#/proc/}" ;;
        esac
    done
    rmdir /sys/fs/cgroup/*/runbook-"$number"/* /sys/fs/cgroup/*/runbook-"$number" \
        /sys/fs/cgroup/runbook-"$number"/* /sys/fs/cgroup/runbook-"$number"
    while read -r _ mounted _; do
        case $mounted in "$directory"/*) umount -l "$mounted" ;; esac
    done < /proc/mounts
    for link in $(ip -o -4 addr show | awk -v net="10.$number." 'index($4, net) == 1 { print $2 }'); do
        ip link del "$link"
    done
    rm -rf "$directory"
) >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
"#;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something that it takes is not installed.
    #[error(
        "no `{0}` in the usual places: install `docker.io`, `podman`, `docker-registry`, `busybox-static` and `iproute2`"
    )]
    NotInstalled(&'static str),
    /// A program could not be run, or a file not be written.
    #[error("cannot use `{name}`")]
    Io {
        /// Which one.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program failed.
    #[error("`{program}` failed: {output}")]
    Failed {
        /// Which one.
        program: String,
        /// What it printed.
        output: String,
    },
    /// The engine ended while it started, or never got ready.
    #[error("the engine did not start: {log}")]
    NotStarted {
        /// What it logged.
        log: String,
    },
}

/// A running engine with its own data. Dropping it ends the engine, its containers, and removes the data.
pub struct Engine {
    directory: PathBuf,
    number: u32,
    client: PathBuf,
    process: Child,
    /// While this is open, the engine lives.
    pipe: Option<ChildStdin>,
}

impl Engine {
    /// The engine that the tests of this process share. Its containers are told apart by [`unique`] names.
    ///
    /// # Panics
    ///
    /// When it does not start: a test that needs an engine must not pass without one.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Engine> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts an engine, and returns when it answers and has its images.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more options of `dockerd`. `{}` in one stands for the engine's directory.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        match Self::try_start(options) {
            Ok(engine) => engine,
            Err(error) => panic!("no engine for this test: {error}: {error:?}"),
        }
    }

    /// The same for those who want to handle the failure.
    pub fn try_start(options: &[&str]) -> Result<Self, Error> {
        let (engine, client) = (find("dockerd")?, find("docker")?);
        let directory = run(new("mktemp").args(["-d", "/tmp/runbook-docker-XXXXXXXX"]))?;
        let directory = PathBuf::from(directory.trim_end());
        let number = bridge()?;
        let mut process = dockerd(&engine, &client, &directory, number, options)?;
        let mut started = Self {
            pipe: process.stdin.take(),
            directory,
            number,
            client,
            process,
        };
        started.is_ready()?;
        image::make(&started, IMAGE, "one")?;
        image::make(&started, NEWER, "two")?;
        Ok(started)
    }

    /// The path of its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.join("docker.sock")
    }

    /// Its URL, as in `DOCKER_HOST`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// A directory that is removed with it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Has Docker's own client ask it something.
    pub fn try_docker(&self, arguments: &[&str]) -> Result<String, Error> {
        run(new(&self.client).arg("-H").arg(self.url()).args(arguments))
    }

    /// The same, and gives what it printed without the last line break.
    ///
    /// # Panics
    ///
    /// When it fails.
    #[must_use]
    pub fn docker(&self, arguments: &[&str]) -> String {
        match self.try_docker(arguments) {
            Ok(printed) => printed.trim_end().to_owned(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Makes a container of [`IMAGE`] that goes on by itself, and answers its name: `stem` and a number.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[must_use]
    pub fn container(&self, stem: &str, options: &[&str], argv: &[&str]) -> String {
        let name = unique(stem);
        let head = ["run", "-d", "--name", name.as_str()];
        let arguments = [&head, options, &[IMAGE], argv].concat();
        let _id = self.docker(&arguments);
        name
    }

    /// One field of a container, by a template of Docker's own: `{{.State.Status}}`. Empty if there is no such container.
    #[must_use]
    pub fn field(&self, container: &str, template: &str) -> String {
        let asked = self.try_docker(&["inspect", "-f", template, container]);
        asked
            .map(|printed| printed.trim_end().to_owned())
            .unwrap_or_default()
    }

    /// Ends the engine as a crash would. What it ran goes on until the value is dropped.
    pub fn kill(&self) {
        if let Some(pid) = i32::try_from(self.process.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _sent = rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok();
        }
    }

    fn is_ready(&mut self) -> Result<(), Error> {
        let pid_file = self.directory.join("pid");
        for _ in 0..POLLS {
            if self.log().contains("API listen on") && pid_file.exists() {
                return Ok(());
            }
            if matches!(self.process.try_wait(), Ok(Some(_)) | Err(_)) {
                break;
            }
            thread::sleep(POLL);
        }
        Err(Error::NotStarted { log: self.log() })
    }

    fn log(&self) -> String {
        let bytes = fs::read(self.directory.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ended = self.process.wait();
        // The watcher removes the directory when all else is gone.
        for _ in 0..POLLS {
            if !self.directory.exists() {
                return;
            }
            thread::sleep(POLL);
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Engine")
            .field("directory", &self.directory)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// A name that nobody else of this process has.
#[must_use]
pub fn unique(stem: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    format!("{stem}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn dockerd(
    engine: &Path,
    client: &Path,
    directory: &Path,
    number: u32,
    options: &[&str],
) -> Result<Child, Error> {
    let in_directory = |name: &str| directory.join(name).display().to_string();
    let log = fs::File::create(directory.join("log")).map_err(|source| io_error("log", source))?;
    let mut command = new("/bin/sh");
    command.args(["-c", WATCHED, "sh"]).arg(directory);
    command.arg(number.to_string()).arg(client).arg(engine);
    for (name, value) in [
        ("data-root", in_directory("data")),
        ("exec-root", in_directory("exec")),
        ("pidfile", in_directory("pid")),
        ("host", format!("unix://{}", in_directory("docker.sock"))),
        // What is below it may be anything, so no layers are put over each other.
        ("storage-driver", "vfs".to_owned()),
        ("bridge", format!("rb{number}")),
        ("cgroup-parent", format!("/runbook-{number}")),
        ("default-address-pool", format!("base=10.{number}.0.0/17,size=24")),
        // Engines that run side by side would take each other's rules away. Ports are published by a program.
        ("iptables", "false".to_owned()),
        ("ip-masq", "false".to_owned()),
        ("shutdown-timeout", "1".to_owned()),
    ] {
        command.arg(format!("--{name}={value}"));
    }
    let place = directory.display().to_string();
    command.args(options.iter().map(|option| option.replace("{}", &place)));
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
    command.spawn().map_err(|source| io_error("dockerd", source))
}

/// Makes a bridge. That it can be made says that nobody else has its number.
fn bridge() -> Result<u32, Error> {
    let ip = find("ip")?;
    let start = std::process::id() % (NUMBERS.end - NUMBERS.start);
    let mut said = None;
    for number in NUMBERS.cycle().skip(start as usize).take(NUMBERS.len()) {
        let name = format!("rb{number}");
        match run(new(&ip).args(["link", "add", "name", &name, "type", "bridge"])) {
            Ok(_) => {
                let address = format!("10.{number}.128.1/24");
                run(new(&ip).args(["addr", "add", &address, "dev", &name]))?;
                run(new(&ip).args(["link", "set", &name, "up"]))?;
                return Ok(number);
            }
            Err(error) => said = Some(error),
        }
    }
    Err(said.unwrap_or(Error::NotInstalled("ip")))
}

fn find(name: &'static str) -> Result<PathBuf, Error> {
    // Not `/usr/local/bin`: what the set-up installs is what is tested.
    let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let mut found = places.iter().map(|place| Path::new(place).join(name));
    found.find(|path| path.is_file()).ok_or(Error::NotInstalled(name))
}

#[expect(clippy::disallowed_methods, reason = "the test kit starts real servers")]
fn new(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env_remove("DOCKER_HOST");
    command.env_remove("DOCKER_CONTEXT");
    command
}

/// Runs a program to its end and answers what it printed.
fn run(command: &mut Command) -> Result<String, Error> {
    let program = format!("{command:?}");
    match command.output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let output = String::from_utf8_lossy(&said).trim_end().to_owned();
            Err(Error::Failed { program, output })
        }
        Err(source) => Err(io_error(&program, source)),
    }
}

fn io_error(name: &str, source: io::Error) -> Error {
    Error::Io {
        name: name.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processes_of(directory: &Path) -> Vec<String> {
        let needle = directory.display().to_string();
        let processes = fs::read_dir("/proc").expect("there is /proc");
        let lines = processes.filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
        lines
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&needle))
            .collect()
    }

    #[test]
    fn an_engine_runs_containers_and_leaves_nothing_behind() {
        for is_killed in [false, true] {
            let engine = Engine::start();
            let web = engine.container("web", &["-p", "127.0.0.1::8000"], &["serve"]);
            let port = engine.docker(&["port", &web, "8000"]);
            assert!(port.starts_with("127.0.0.1:"), "{port}");
            let asked = engine.docker(&["exec", &web, "wget", "-q", "-O-", "http://127.0.0.1:8000/"]);
            assert_eq!(asked, "one");
            let (directory, number) = (engine.directory.clone(), engine.number);
            if is_killed {
                engine.kill();
            }
            drop(engine);
            assert!(!directory.exists());
            assert_eq!(processes_of(&directory), Vec::<String>::new());
            assert!(!Path::new(&format!("/sys/class/net/rb{number}")).exists());
        }
    }
}
