//! Podman, which speaks the interface of Docker's engine at a socket when it is asked to.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::thread;

use super::{Error, IMAGE, POLL, POLLS, find, image, io_error, new, run};

/// Becomes the service (`$1` is the directory), and leaves a watcher that ends it and removes all that is its when the
/// pipe on the standard input closes.
const WATCHED: &str = r#"
directory=$1; shift
exec 3<&0
service=$$
(
    read -r _ <&3
    timeout 20 "$@" rm -a -f -t 0
    kill -TERM $service
    sleep 0.2
    kill -KILL $service
    while read -r _ mounted _; do
        case $mounted in "$directory"/*) umount -l "$mounted" ;; esac
    done < /proc/mounts
    rm -rf "$directory"
) >/dev/null 2>&1 &
exec "$@" system service --time 0 "unix://$directory/podman.sock" 3<&- </dev/null
"#;

/// Limits that every machine grants: what Podman asks for by itself is more than some do.
const SETTINGS: &str = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n[engine]\nevents_logger = \"file\"\n";

/// A Podman with its own data, which has [`IMAGE`] and answers at a socket. Dropping it ends it with its containers.
#[derive(Debug)]
pub struct Podman {
    directory: PathBuf,
    process: Child,
    /// While this is open, it lives.
    pipe: Option<ChildStdin>,
}

impl Podman {
    /// Starts it, and returns when it answers and has its image.
    ///
    /// # Panics
    ///
    /// When it does not start: a test that needs it must not pass without it.
    #[must_use]
    pub fn start() -> Self {
        match Self::try_start() {
            Ok(podman) => podman,
            Err(error) => panic!("no podman for this test: {error}: {error:?}"),
        }
    }

    /// The same for those who want to handle the failure.
    pub fn try_start() -> Result<Self, Error> {
        let directory = run(new("mktemp").args(["-d", "/tmp/runbook-podman-XXXXXXXX"]))?;
        let directory = PathBuf::from(directory.trim_end());
        let settings = directory.join("containers.conf");
        fs::write(&settings, SETTINGS).map_err(|source| io_error("containers.conf", source))?;
        let log = fs::File::create(directory.join("log")).map_err(|source| io_error("log", source))?;
        let mut command = new("/bin/sh");
        command.args(["-c", WATCHED, "sh"]).arg(&directory);
        command
            .args(program(&directory)?)
            .env("CONTAINERS_CONF", &settings);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let mut process = command.spawn().map_err(|source| io_error("podman", source))?;
        let mut started = Self {
            pipe: process.stdin.take(),
            directory,
            process,
        };
        started.is_ready()?;
        let archive = image::archive(&started.directory, "one")?.display().to_string();
        started.try_podman(&["import", "--change", "CMD [\"idle\"]", &archive, IMAGE])?;
        Ok(started)
    }

    /// The path of its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.join("podman.sock")
    }

    /// Has its own program do something, and gives what that printed without the last line break.
    ///
    /// # Panics
    ///
    /// When it fails.
    #[must_use]
    pub fn podman(&self, arguments: &[&str]) -> String {
        match self.try_podman(arguments) {
            Ok(printed) => printed.trim_end().to_owned(),
            Err(error) => panic!("{error}"),
        }
    }

    fn try_podman(&self, arguments: &[&str]) -> Result<String, Error> {
        let program = program(&self.directory)?;
        let mut words = program.iter();
        let mut command = new(words.next().map_or("podman", String::as_str));
        command.args(words).args(arguments);
        run(command.env("CONTAINERS_CONF", self.directory.join("containers.conf")))
    }

    fn is_ready(&mut self) -> Result<(), Error> {
        for _ in 0..POLLS {
            if UnixStream::connect(self.socket()).is_ok() {
                return Ok(());
            }
            if matches!(self.process.try_wait(), Ok(Some(_)) | Err(_)) {
                break;
            }
            thread::sleep(POLL);
        }
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        Err(Error::NotStarted { log })
    }
}

/// The program with its own places for all that it keeps.
fn program(directory: &Path) -> Result<Vec<String>, Error> {
    let mut words = vec![find("podman")?.display().to_string()];
    for (name, place) in [("root", "root"), ("runroot", "run"), ("tmpdir", "tmp")] {
        words.extend([format!("--{name}"), directory.join(place).display().to_string()]);
    }
    words.extend(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"].map(str::to_owned));
    Ok(words)
}

impl Drop for Podman {
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
