//! A container: a first process with a root, a PID namespace and a mount namespace of its own.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::{broadcast, watch};

use super::exec::{Executed, Program, SharedInput, code_of, spawn};
use super::log::{Log, Side};
use super::machine::BUSYBOX;
use super::root::{refusal, resolve};
use super::{Error, Image, Images, Machine, Network, process};

/// Lays the layers over each other. `$1` is the container's directory, `$2` the layers.
const LAY: &str = r#"
set -e
B=/mnt/busybox
$B mkdir -p "$1/upper" "$1/work" "$1/root"
$B mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
$B mkdir -p "$1/root/proc" "$1/root/dev" "$1/root/sys" "$1/root/tmp"
$B mount --rbind /mnt/dev "$1/root/dev"
"#;

/// Mounts what is given in threes: from where, to where, `ro` or `rw`.
const BIND: &str = r#"
set -e
B=/mnt/busybox
while [ $# -gt 0 ]; do
    if [ -d "$1" ]; then $B mkdir -p "$2"; else
        $B mkdir -p "${2%/*}"
        [ -e "$2" ] || : > "$2"
    fi
    $B mount --bind "$1" "$2"
    [ "$3" = rw ] || $B mount -o remount,ro,bind "$2"
    shift 3
done
"#;

/// Shows its own processes to the new namespace, and becomes what it is told. `$0` is the root.
const FIRST: &str = r#"/mnt/busybox mount -t proc proc "$0/proc" && exec "$@""#;

/// How long a first process may take until it is seen to run its program.
const SEEN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(1);

/// Where programs are when nothing says so.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Something of the machine that a container sees, too.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    /// As the machine sees it.
    pub(crate) source: PathBuf,
    pub(crate) target: String,
    pub(crate) is_read_only: bool,
}

/// What a container is to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Launch {
    pub(crate) image: Image,
    pub(crate) program: Program,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) directory: String,
    pub(crate) mounts: Vec<Mount>,
    /// Files that the node writes: path and content.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) user: Option<u32>,
    pub(crate) group: Option<u32>,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: i32,
    pub(crate) finished: Timestamp,
}

/// A container that was started.
#[derive(Debug)]
pub(crate) struct Container {
    machine: Arc<Machine>,
    launch: Launch,
    path: PathBuf,
    first: OnceLock<(u32, OwnedFd)>,
    namespace: OnceLock<PathBuf>,
    pub(crate) started: Timestamp,
    pub(crate) log: Log,
    pub(crate) input: SharedInput,
    pub(crate) output: broadcast::Sender<(Side, Vec<u8>)>,
    exit: watch::Sender<Option<Exit>>,
    is_out_of_memory: AtomicBool,
}

/// Why a container was not started.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The runtime cannot run its program, and says why.
    Program(String),
    /// This machine cannot.
    Machine(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Machine(error)
    }
}

impl Container {
    /// Makes its root and starts its first process. Returns when that runs the program, or has ended.
    pub(crate) async fn start(
        machine: &Arc<Machine>,
        images: &Images,
        network: &Network,
        mut launch: Launch,
    ) -> Result<Arc<Self>, Refused> {
        let path = prepare(machine, images, &launch).await?;
        if !launch.variables.iter().any(|(name, _)| name == "PATH") {
            launch.variables.insert(0, ("PATH".to_owned(), PATH.to_owned()));
        }
        if launch.directory.is_empty() {
            "/".clone_into(&mut launch.directory);
        }
        let root = path.join("root");
        let seen = machine.seen(&root);
        let name = launch.program.arguments.first().cloned().unwrap_or_default();
        if let Some(directory) = resolve(&seen, &launch.directory) {
            std::fs::create_dir_all(&directory).map_err(|source| Error::file(&directory, source))?;
        }
        if let Some(why) = refusal(&seen, &name, &launch.directory, search(&launch.variables)) {
            return Err(Refused::Program(why));
        }
        let mut arguments = vec![
            OsString::from(machine.mount_argument()),
            machine.processes().into(),
        ];
        arguments.extend(network.arguments().map(OsString::from));
        // The `unshare` of util-linux cannot pass on that its child was killed, and that of busybox knows no root.
        arguments.extend(["--", BUSYBOX, "unshare", "-m", "-p", "-f"].map(OsString::from));
        arguments.extend(["--", BUSYBOX, "sh", "-c", FIRST].map(OsString::from));
        arguments.push(root.clone().into_os_string());
        arguments.extend([machine.programs.unshare.clone().into_os_string()]);
        arguments.push(format!("--root={}", root.display()).into());
        arguments.push(format!("--wd={}", launch.directory).into());
        arguments.extend(launch.group.map(|group| format!("--setgid={group}").into()));
        arguments.extend(launch.user.map(|user| format!("--setuid={user}").into()));
        arguments.push("--".into());
        arguments.extend(launch.program.arguments.iter().map(OsString::from));
        let started = spawn(
            &machine.programs.nsenter,
            arguments,
            &launch.variables,
            &launch.program,
        )?;
        let container = Arc::new(Self {
            machine: Arc::clone(machine),
            launch,
            path,
            first: OnceLock::new(),
            namespace: OnceLock::new(),
            started: crate::clock::now(),
            log: Log::new(),
            input: SharedInput::default(),
            output: broadcast::channel(256).0,
            exit: watch::Sender::new(None),
            is_out_of_memory: AtomicBool::new(false),
        });
        container.attend(started).await;
        Ok(container)
    }

    /// Starts another program in it.
    pub(crate) fn execute(&self, program: &Program) -> Result<Executed, Refused> {
        let gone = || Refused::Program("container is not running".to_owned());
        let (pid, _) = self
            .first
            .get()
            .filter(|_| self.exit().is_none())
            .ok_or_else(gone)?;
        let root = PathBuf::from(format!("/proc/{pid}/root"));
        let name = program.arguments.first().map(String::as_str).unwrap_or_default();
        if let Some(why) = refusal(
            &root,
            name,
            &self.launch.directory,
            search(&self.launch.variables),
        ) {
            return Err(Refused::Program(why));
        }
        let directory = resolve(&root, &self.launch.directory).unwrap_or_else(|| root.clone());
        let mut arguments: Vec<OsString> = vec![format!("--target={pid}").into()];
        arguments.extend(["--mount", "--uts", "--ipc", "--net", "--pid", "--root"].map(OsString::from));
        arguments.push(format!("--wd={}", directory.display()).into());
        arguments.extend(self.launch.group.map(|group| format!("--setgid={group}").into()));
        arguments.extend(self.launch.user.map(|user| format!("--setuid={user}").into()));
        arguments.push("--".into());
        arguments.extend(program.arguments.iter().map(OsString::from));
        let mut variables = self.launch.variables.clone();
        if program.has_terminal && !variables.iter().any(|(name, _)| name == "TERM") {
            variables.push(("TERM".to_owned(), "xterm".to_owned()));
        }
        Ok(spawn(
            &self.machine.programs.nsenter,
            arguments,
            &variables,
            program,
        )?)
    }

    /// How it ended, if it has.
    pub(crate) fn exit(&self) -> Option<Exit> {
        self.exit.borrow().clone()
    }

    /// Waits until it ends.
    pub(crate) async fn ended(&self) -> Exit {
        let mut exit = self.exit.subscribe();
        loop {
            if let Some(exit) = exit.borrow_and_update().clone() {
                return exit;
            }
            if exit.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Sends a signal to the first process. As in every PID namespace, it takes only those that it waits for, and `KILL`.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some((_, process)) = self.first.get() {
            let _gone = pidfd_send_signal(process, signal);
        }
    }

    /// Ends it because its processes use too much memory: all of them, as nodes of today do.
    pub(crate) fn kill_for_memory(&self) {
        self.is_out_of_memory.store(true, Ordering::Relaxed);
        self.signal(Signal::KILL);
    }

    /// Whether it ended because of its memory.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        self.is_out_of_memory.load(Ordering::Relaxed)
    }

    /// The PID namespace of its processes.
    pub(crate) fn namespace(&self) -> Option<&PathBuf> {
        self.namespace.get()
    }

    /// What it has written into the file for its last words, which is mounted last.
    pub(crate) fn last_words(&self) -> String {
        let file = self
            .launch
            .mounts
            .last()
            .map(|mount| self.machine.seen(&mount.source));
        file.and_then(|file| std::fs::read_to_string(file).ok())
            .unwrap_or_default()
    }

    /// What it runs.
    pub(crate) const fn program(&self) -> &Program {
        &self.launch.program
    }

    /// Removes its files. What is mounted in it stays what it was.
    pub(crate) async fn remove(&self) {
        let path = self.path.display().to_string();
        let unmount = r#"/mnt/busybox umount -l "$1/root""#;
        if self.machine.run("an end", unmount, &[&path]).await.is_ok() {
            let seen = self.machine.seen(&self.path);
            for part in ["upper", "work"] {
                let _left = std::fs::remove_dir_all(seen.join(part));
            }
        }
    }

    /// Collects what it prints, and waits for its end in the background.
    async fn attend(self: &Arc<Self>, started: Executed) {
        let Executed {
            mut child,
            input,
            output,
            errors,
        } = started;
        *self.input.lock().await = input.filter(|_| self.launch.program.has_input);
        let pid = child.id();
        let mut streams = tokio::task::JoinSet::new();
        for (side, stream) in [(Side::Out, output), (Side::Err, errors)] {
            let Some(stream) = stream else { continue };
            let (log, live) = (self.log.clone(), self.output.clone());
            streams.spawn(log.collect(stream, move |bytes| {
                let _nobody = live.send((side, bytes.to_vec()));
            }));
        }
        let own = Arc::clone(self);
        tokio::spawn(async move {
            let status = child.wait().await;
            while streams.join_next().await.is_some() {}
            own.log.close();
            own.input.lock().await.take();
            own.exit.send_replace(Some(Exit {
                code: status.map_or(255, code_of),
                finished: crate::clock::now(),
            }));
        });
        if let Some(pid) = pid {
            let _late = tokio::time::timeout(SEEN, self.find_first(pid)).await;
        }
    }

    async fn find_first(&self, nsenter: u32) {
        while self.exit().is_none() {
            if let Some(first) = process::grandchild(nsenter)
                && process::program(first)
                    .is_some_and(|program| !program.ends_with("unshare") && !program.ends_with(BUSYBOX))
            {
                let pid = i32::try_from(first).ok().and_then(Pid::from_raw);
                if let Some(descriptor) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) {
                    if let Some(namespace) = process::namespace(first) {
                        let _again = self.namespace.set(namespace);
                    }
                    let _again = self.first.set((first, descriptor));
                    return;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn search(variables: &[(String, String)]) -> &str {
    let path = variables.iter().rev().find(|(name, _)| name == "PATH");
    path.map_or(PATH, |(_, value)| value)
}

async fn prepare(machine: &Arc<Machine>, images: &Images, launch: &Launch) -> Result<PathBuf, Error> {
    let (own, images, image) = (Arc::clone(machine), images.clone(), launch.image.clone());
    let unpacked = tokio::task::spawn_blocking(move || images.unpack(&own, &image)).await;
    let layers = unpacked.map_err(|error| Error::spawn("busybox", std::io::Error::other(error)))??;
    let path = machine.directory("containers")?;
    let upper = machine.seen(&path).join("upper");
    for (name, content) in &launch.files {
        let file = upper.join(name.trim_start_matches('/'));
        let written = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        written
            .and_then(|()| std::fs::write(&file, content))
            .map_err(|source| Error::file(&file, source))?;
    }
    machine
        .run(
            "the root of a container",
            LAY,
            &[&path.display().to_string(), &layers],
        )
        .await?;
    let root = path.join("root");
    let seen = machine.seen(&root);
    let mut arguments = Vec::new();
    for mount in &launch.mounts {
        let target = resolve(&seen, &mount.target).unwrap_or_else(|| seen.join("mount"));
        let inside = target
            .strip_prefix(&seen)
            .map_or_else(|_| root.clone(), |path| root.join(path));
        arguments.push(mount.source.display().to_string());
        arguments.push(inside.display().to_string());
        arguments.push(if mount.is_read_only { "ro" } else { "rw" }.to_owned());
    }
    if !arguments.is_empty() {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        machine
            .run("the volumes of a container", BIND, &arguments)
            .await?;
    }
    Ok(path)
}
