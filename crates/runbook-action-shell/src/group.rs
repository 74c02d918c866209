//! A process group: a program and all that it started and that stayed with it.

use std::time::Duration;

use runbook_action::Host;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::time::{Instant, sleep};

/// How often is looked whether the group is gone. Nothing tells when a group becomes empty.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// How long a group that was killed may take to be gone.
pub(crate) const KILLED: Duration = Duration::from_secs(1);

/// A process group that is killed when nobody attends to it any more.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Option<Pid>,
    /// Whether it was asked to end, so that nothing of it is to stay.
    is_asked: bool,
}

impl Group {
    /// The group that the process of this id leads.
    pub(crate) fn led_by(id: Option<u32>) -> Self {
        let leader = id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self {
            leader,
            is_asked: false,
        }
    }

    /// The group that this process leads.
    pub(crate) const fn led_by_pid(leader: Pid) -> Self {
        Self {
            leader: Some(leader),
            is_asked: false,
        }
    }

    /// Leaves the group alone from now on.
    pub(crate) const fn release(&mut self) {
        self.leader = None;
    }

    /// Leaves the group alone from now on if its leader has ended by itself: what it left behind was meant.
    pub(crate) const fn release_unless_asked(&mut self) {
        if !self.is_asked {
            self.release();
        }
    }

    pub(crate) fn terminate(&mut self) {
        self.is_asked = true;
        self.signal(Signal::TERM);
    }

    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // It fails only when nobody is left to receive it.
            let _received = kill_process_group(leader, signal).is_ok();
        }
    }

    fn is_empty(&self) -> bool {
        self.leader
            .is_none_or(|leader| test_kill_process_group(leader).is_err())
    }

    /// Returns when the group is empty.
    pub(crate) async fn gone(&self) {
        while !self.is_empty() {
            sleep(POLL).await;
        }
    }

    /// Returns when the group is empty, or when its grace, which began at `since`, is over. The grace is asked for again and again: it
    /// shrinks when a person asks a second time.
    pub(crate) async fn gone_or_out_of_grace(&self, host: &dyn Host, since: Instant) {
        while !self.is_empty() && since.elapsed() < host.grace() {
            sleep(POLL).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
