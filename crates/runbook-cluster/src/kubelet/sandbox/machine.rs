//! The namespace in which all containers of a cluster are, with a file system in memory.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::AsyncWriteExt as _;

use super::{Error, Space};

/// Where the file system in memory is, as the machine sees it: a directory that every Linux has.
pub(super) const BASE: &str = "/mnt";

/// The copy of busybox there, which needs no library.
pub(super) const BUSYBOX: &str = "/mnt/busybox";

/// Where programs are looked for.
const PLACES: [&str; 5] = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"];

/// Makes the files and the router, says so, and lives until its standard input closes. The shell stays, and reaps what
/// is left over. The router is the network namespace of the machine itself: pods are joined to it, and addresses of
/// services are its own.
const FIRST: &str = r"
set -e
B=$1
echo 1 > /proc/sys/net/ipv4/ip_forward
$2 -batch - <<END
link set lo up
addr add 10.244.0.1/32 dev lo
addr add 169.254.1.1/32 scope link dev lo
route add local 10.96.0.0/12 dev lo
route add local 192.168.49.2/32 dev lo
END
$B mount -t tmpfs -o mode=0755 runbook-cluster /mnt
$B mkdir /mnt/images /mnt/containers /mnt/volumes /mnt/dev /mnt/dev/pts /mnt/dev/shm
$B cp $B /mnt/busybox
for device in null:3 zero:5 full:7 random:8 urandom:9; do
    $B mknod -m 0666 /mnt/dev/${device%:*} c 1 ${device#*:}
done
$B mknod -m 0666 /mnt/dev/tty c 5 0
$B mknod -m 0666 /mnt/dev/ptmx c 5 2
$B chmod 1777 /mnt/dev/shm
$B ln -s /proc/self/fd /mnt/dev/fd
for stream in stdin:0 stdout:1 stderr:2; do $B ln -s /proc/self/fd/${stream#*:} /mnt/dev/${stream%:*}; done
$B mount --bind /dev/pts /mnt/dev/pts
echo ready
$B cat >/dev/null
";

/// The programs that are used.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) unshare: PathBuf,
    pub(super) nsenter: PathBuf,
    pub(super) busybox: PathBuf,
    pub(super) ip: PathBuf,
}

/// A mount and PID namespace. Dropping it ends everything in it.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(super) programs: Programs,
    /// The process whose mount namespace it is, and whose children are in its PID namespace.
    holder: u32,
    base: PathBuf,
    router: Space,
    next: AtomicU32,
    process: Mutex<(Child, Option<ChildStdin>)>,
}

impl Machine {
    /// Makes one. It takes some hundredths of a second, and blocks.
    pub(crate) fn start() -> Result<Self, Error> {
        let programs = Programs {
            unshare: find("unshare")?,
            nsenter: find("nsenter")?,
            busybox: find("busybox")?,
            ip: find("ip")?,
        };
        let mut command = command(&programs.unshare);
        command.args([
            "--mount",
            "--ipc",
            "--net",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "--",
        ]);
        command
            .arg(&programs.busybox)
            .args(["sh", "-c", FIRST, "sh"])
            .args([&programs.busybox, &programs.ip]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // What ends a test may be a signal to its whole group, and this must see it dead.
        command.process_group(0);
        let mut child = command
            .spawn()
            .map_err(|source| Error::spawn("unshare", source))?;
        let pipe = child.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            let _read = BufReader::new(stdout).read_line(&mut line);
        }
        if line != "ready\n" {
            drop(pipe);
            let mut output = line;
            if let Some(mut stderr) = child.stderr.take() {
                let _read = stderr.read_to_string(&mut output);
            }
            let _ended = child.wait();
            return Err(Error::SetUp {
                what: "a namespace for containers, which takes root",
                output,
            });
        }
        let holder = child.id();
        let router = Space::of(holder).map_err(|source| Error::spawn("unshare", source))?;
        Ok(Self {
            programs,
            holder,
            router,
            base: PathBuf::from(format!("/proc/{holder}/root{BASE}")),
            next: AtomicU32::new(0),
            process: Mutex::new((child, pipe)),
        })
    }

    /// The network to which all pods are joined.
    pub(crate) const fn router(&self) -> &Space {
        &self.router
    }

    /// Joins the pod whose first process this is to the router.
    pub(super) async fn join(&self, number: u32, address: &str, process: u32) -> Result<(), Error> {
        let mut command = tokio_command(&self.programs.nsenter);
        command.arg(format!("--net=/proc/{}/ns/net", self.holder));
        command.arg("--").arg(&self.programs.ip).args(["-batch", "-"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let spawn = |source| Error::spawn("ip", source);
        let mut child = command.spawn().map_err(spawn)?;
        let orders = format!(
            "link add p{number} type veth peer name eth0 netns {process}\nlink set p{number} up\n\
             route add {address}/32 dev p{number} src 10.244.0.1\n"
        );
        if let Some(mut pipe) = child.stdin.take() {
            pipe.write_all(orders.as_bytes()).await.map_err(spawn)?;
        }
        let output = child.wait_with_output().await.map_err(spawn)?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::SetUp {
            what: "the network of a pod",
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// A number that nothing else of the machine has.
    pub(super) fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A file of the machine as this process sees it. `path` is below [`BASE`].
    pub(super) fn seen(&self, path: &Path) -> PathBuf {
        path.strip_prefix(BASE)
            .map_or_else(|_| path.to_owned(), |path| self.base.join(path))
    }

    /// A new directory of the machine, as the machine sees it.
    pub(crate) fn directory(&self, kind: &str) -> Result<PathBuf, Error> {
        let number = self.number();
        let path = Path::new(BASE).join(kind).join(number.to_string());
        let seen = self.seen(&path);
        std::fs::create_dir_all(&seen).map_err(|source| Error::file(&seen, source))?;
        Ok(path)
    }

    /// The directory as this process sees it.
    pub(crate) fn outside(&self, path: &Path) -> PathBuf {
        self.seen(path)
    }

    /// Starts the arguments of a program that sees the machine's files.
    pub(super) fn enter(&self) -> tokio::process::Command {
        let mut command = tokio_command(&self.programs.nsenter);
        command.arg(self.mount_argument());
        command
    }

    /// The argument with which a program sees the machine's files.
    pub(super) fn mount_argument(&self) -> String {
        format!("--mount=/proc/{}/ns/mnt", self.holder)
    }

    /// The argument with which a program's children are among the machine's processes.
    pub(super) fn processes(&self) -> String {
        format!("--pid=/proc/{}/ns/pid_for_children", self.holder)
    }

    /// Runs a script of ours among the machine's files. The arguments are data.
    pub(super) async fn run(
        &self,
        what: &'static str,
        script: &str,
        arguments: &[&str],
    ) -> Result<(), Error> {
        let mut command = self.enter();
        command.arg(self.processes());
        command
            .args(["--", BUSYBOX, "sh", "-c", script, "sh"])
            .args(arguments);
        let output = command
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|source| Error::spawn("nsenter", source))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::SetUp {
            what,
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}

impl Machine {
    /// Ends everything in it. The first process is gone only when all others are.
    pub(crate) fn end(&self) {
        let mut process = crate::shared::lock(&self.process);
        drop(process.1.take());
        let _ended = process.0.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}

fn find(name: &str) -> Result<PathBuf, Error> {
    PLACES
        .iter()
        .map(|place| Path::new(place).join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::NotInstalled {
            name: name.to_owned(),
        })
}

#[expect(clippy::disallowed_methods, reason = "the pods of the cluster are processes")]
pub(super) fn command(program: &Path) -> Command {
    Command::new(program)
}

#[expect(clippy::disallowed_methods, reason = "the pods of the cluster are processes")]
pub(super) fn tokio_command(program: &Path) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(program);
    command.process_group(0);
    command
}
