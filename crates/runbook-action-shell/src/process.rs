//! Processes as `/proc` shows them: which one it is, what it was given, when it has ended.
//!
//! A number is no identity, since the system gives it again. A process is the number together with the time at
//! which it started, in the life of the machine that began with one boot.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use runbook_action::Handle;
use rustix::process::{Pid, geteuid};
use serde_json::json;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

use crate::group::POLL;

/// What a handle of this module is.
const PROCESS_GROUP: &str = "process_group";

/// A process: its number, and when it started, in the system's ticks since it booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    started: u64,
}

impl Process {
    /// The one that has this number now, unless it has ended and only waits to be collected.
    fn at(pid: Pid) -> Option<Self> {
        let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The name before may hold anything, spaces and brackets included, and none of the numbers after it does.
        let end_of_name = stat.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(stat.get(end_of_name + 1..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?;
        // The state is the third field of the line, and the start the twenty-second.
        let started = fields.nth(18)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Self { pid, started })
    }

    /// Whether it has not ended.
    pub(crate) fn lives(self) -> bool {
        Self::at(self.pid) == Some(self)
    }

    /// The name of its program, for people.
    pub(crate) fn name(self) -> String {
        let name = fs::read(format!("/proc/{}/comm", self.pid.as_raw_nonzero())).unwrap_or_default();
        String::from_utf8_lossy(&name).trim_end().to_owned()
    }

    /// Returns when it has ended.
    pub(crate) async fn ended(self) {
        // Opened before it is looked whether it still lives: if it does, this is the one that was opened.
        let watched = open(self.pid).and_then(watch);
        if !self.lives() {
            return;
        }
        match watched {
            Ok(watched) => {
                if watched.readable().await.is_ok() {
                    return;
                }
            }
            // The system is too old to tell, or has no more descriptors to give.
            Err(_untold) => {}
        }
        while self.lives() {
            sleep(POLL).await;
        }
    }
}

#[expect(
    deprecated,
    reason = "what replaces it is unsafe; an owned descriptor is neither closed nor replaced while it is watched"
)]
fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}

/// A descriptor that becomes readable when the process ends.
#[cfg(target_os = "linux")]
fn open(pid: Pid) -> io::Result<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

#[cfg(not(target_os = "linux"))]
fn open(_pid: Pid) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What tells the process of this number, which leads a group, from every other. Nothing where the system does not
/// show its processes.
pub(crate) fn handle(pid: u32) -> Option<Handle> {
    let leader = Process::at(Pid::from_raw(i32::try_from(pid).ok()?)?)?;
    handle_of(pid, leader.started, &boot()?)
}

/// The same for one that is known.
pub(crate) fn handle_of(pid: u32, started: u64, boot: &str) -> Option<Handle> {
    (!boot.is_empty()).then(|| Handle {
        what: PROCESS_GROUP.to_owned(),
        data: json!({ "pgid": pid, "start_time": started, "boot_id": boot }),
    })
}

/// The leader of a group that was recorded, if it lives.
pub(crate) fn leader(handle: &Handle) -> Option<Process> {
    if handle.what != PROCESS_GROUP || handle.data.get("boot_id")?.as_str()? != boot()? {
        return None;
    }
    let pid = Pid::from_raw(i32::try_from(handle.data.get("pgid")?.as_u64()?).ok()?)?;
    let started = handle.data.get("start_time")?.as_u64()?;
    let leader = Process { pid, started };
    leader.lives().then_some(leader)
}

/// The name of the time since the machine was started.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// The processes of this user that were started with all of these variables, but for this one. Each variable is
/// given as `NAME=value`. What may not be read is nobody that we started.
pub(crate) fn started_with(variables: &[Vec<u8>]) -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            if i32::try_from(std::process::id()) == Ok(pid)
                || entry.metadata().ok()?.uid() != geteuid().as_raw()
            {
                return None;
            }
            let process = Process::at(Pid::from_raw(pid)?)?;
            let given = fs::read(entry.path().join("environ")).ok()?;
            let has = |variable: &Vec<u8>| given.split(|byte| *byte == 0).any(|entry| entry == variable);
            variables.iter().all(has).then_some(process)
        })
        .collect()
}
