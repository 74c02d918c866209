//! What `/proc` tells of processes.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

/// What the processes of a container use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Ticks of the processor's clock, of which Linux has a hundred in a second.
    pub(crate) ticks: u64,
    /// Bytes of memory that are theirs alone.
    pub(crate) memory: u64,
}

const PAGE: u64 = 4096;

/// A process, as far as it is of interest.
struct Process {
    parent: u32,
    ticks: u64,
}

fn read(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    Some(Process {
        parent: u32::try_from(number(1)?).ok()?,
        // Of its own and of the children that it has waited for.
        ticks: [11, 12, 13, 14].into_iter().filter_map(number).sum(),
    })
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The child of the child of a process: what `unshare` runs, which `nsenter` runs.
pub(super) fn grandchild(pid: u32) -> Option<u32> {
    let parents: HashMap<u32, u32> = all()
        .filter(|process| *process > pid)
        .chain(all().filter(|process| *process < pid))
        .filter_map(|process| Some((read(process)?.parent, process)))
        .collect();
    parents.get(parents.get(&pid)?).copied()
}

/// Which program a process runs.
pub(super) fn program(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// The PID namespace that a process is in.
pub(super) fn namespace(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// What the processes in each of these PID namespaces use.
pub(crate) fn usage_of(namespaces: &[PathBuf]) -> Vec<Usage> {
    let mut usages = vec![Usage::default(); namespaces.len()];
    for pid in all() {
        let Some(usage) = namespace(pid)
            .and_then(|own| namespaces.iter().position(|other| *other == own))
            .and_then(|at| usages.get_mut(at))
        else {
            continue;
        };
        usage.ticks += read(pid).map_or(0, |process| process.ticks);
        usage.memory += resident(pid);
    }
    usages
}

/// What a process has in memory and does not share with a file.
fn resident(pid: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let mut fields = statm
        .split(' ')
        .skip(1)
        .map(|field| field.parse::<u64>().unwrap_or_default());
    let (resident, shared) = (
        fields.next().unwrap_or_default(),
        fields.next().unwrap_or_default(),
    );
    resident.saturating_sub(shared) * PAGE
}
