//! What pods and nodes use, for `metrics.k8s.io`.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Inner;
use super::member::Member;
use super::pod::Pod;
use super::sandbox::{Usage, usage_of};

/// Linux counts the time of processors in hundredths of a second for programs.
const TICK: u64 = 10_000_000;

impl Inner {
    /// The containers of a pod that run, with what they use.
    pub(super) fn usage(pod: &Pod) -> Vec<(String, u64, u64)> {
        let mut running: Vec<(Arc<Member>, PathBuf, Timestamp)> = Vec::new();
        for member in &pod.members {
            let life = member.life();
            if let Some(container) = life.running()
                && let Some(namespace) = container.namespace()
            {
                running.push((Arc::clone(member), namespace.clone(), container.started));
            }
        }
        let namespaces: Vec<PathBuf> = running
            .iter()
            .map(|(_, namespace, _)| namespace.clone())
            .collect();
        let usages = usage_of(&namespaces);
        let measured = running.into_iter().zip(usages);
        measured
            .map(|((member, _, started), usage)| {
                let used = rate(&member, started, usage);
                (member.spec.name.clone(), used, usage.memory)
            })
            .collect()
    }

    /// As `usage` says it.
    pub(super) fn shown(cpu: u64, memory: u64) -> Value {
        json!({"cpu": format!("{cpu}n"), "memory": format!("{}Ki", memory.div_ceil(1024))})
    }
}

/// Billionths of a processor since it was last measured, or since it was started.
fn rate(member: &Member, started: Timestamp, usage: Usage) -> u64 {
    let now = crate::clock::now();
    let mut life = member.life();
    let (ticks, since) = life.measured.unwrap_or((0, started));
    let passed = u64::try_from(now.duration_since(since).as_nanos()).unwrap_or_default();
    // What is measured again at once would say little, so the older measurement stays for a while.
    if passed > 1_000_000_000 {
        life.measured = Some((usage.ticks, now));
    }
    let used = usage.ticks.saturating_sub(ticks).saturating_mul(TICK);
    u64::try_from(u128::from(used) * 1_000_000_000 / u128::from(passed.max(1))).unwrap_or_default()
}
