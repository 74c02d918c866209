//! What a run owns while it runs.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runbook_engine::Signal;
use runbook_event::Outcome;
use runbook_journal::{Held, Locks, Owner, TakeError};
use runbook_report::{duration, visible};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::{LOOK_AGAIN, LOOKS};
use crate::args::OnHangup;
use crate::clock::now;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::signals;
use crate::term::{self, DIM, styled};
use crate::view::Screen;

/// How soon it is looked again whether a lock is free.
const LOOK: Duration = Duration::from_secs(1);

/// The locks of one run. Dropping it leaves them to the run, for whoever goes on with that.
pub(crate) struct Holding {
    runs: PathBuf,
    locks: Locks,
    owner: Owner,
    held: Mutex<Vec<Held>>,
}

/// How long a lock is waited for, and where that is told.
pub(crate) struct Patience<'a> {
    pub(crate) wait: Option<Duration>,
    pub(crate) on_hangup: OnHangup,
    pub(crate) screen: &'a Screen,
    pub(crate) signals: &'a mut UnboundedReceiver<Signal>,
}

impl Holding {
    pub(crate) fn new(project: &Project, environment: &Environment, run: &str) -> Self {
        let who = environment.who();
        Self {
            runs: project.runs(),
            locks: Locks::at(project.locks()),
            owner: Owner {
                run: run.to_owned(),
                user: who.user,
                host: who.host,
                boot_id: boot_id(),
                pid: std::process::id(),
                since: now(),
            },
            held: Mutex::default(),
        }
    }

    /// Takes all of these, or none: at once, or after others have let go of them.
    pub(crate) async fn take(&self, locks: &[String], patience: Patience<'_>) -> Result<(), Error> {
        let begun = Instant::now();
        let mut told = None;
        let result = loop {
            let error = match self.try_take(locks) {
                Ok(()) => break Ok(()),
                Err(error) => error,
            };
            if self.is_own(&error) && begun.elapsed() < LOOK_AGAIN * LOOKS {
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
            let left = patience.wait.and_then(|wait| wait.checked_sub(begun.elapsed()));
            let (Some(left), TakeError::Held(_) | TakeError::Left(_)) = (left, &error) else {
                break Err(refused(&error, patience.wait));
            };
            tell(&patience, &mut told, &error);
            tokio::select! {
                () = tokio::time::sleep(left.min(LOOK)) => {}
                Some(signal) = patience.signals.recv() => {
                    if signal.name != signals::HANGUP || patience.on_hangup == OnHangup::Hold {
                        break Err(Error::Interrupted { signal: signal.name });
                    }
                }
            }
        };
        if told.is_some() {
            patience.screen.end("lock");
        }
        result
    }

    /// Whether this run's own process, which was killed, seems to have it yet.
    fn is_own(&self, error: &TakeError) -> bool {
        matches!(error, TakeError::Held(info) if info.owner.run == self.owner.run)
    }

    fn try_take(&self, locks: &[String]) -> Result<(), TakeError> {
        let mut freed = Vec::new();
        let taken = loop {
            match self.locks.try_take_all(locks, &self.owner) {
                Ok(taken) => break taken,
                // It was killed in the moment between its end and giving it back, or before it had begun.
                Err(TakeError::Left(info))
                    if !freed.contains(&info.lock) && is_over(&self.runs, &info.owner.run) =>
                {
                    // Where that fails, it is not free, and the next try says so.
                    drop(self.locks.unlock(&info.lock));
                    freed.push(info.lock);
                }
                Err(error) => return Err(error),
            }
        };
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(taken);
        Ok(())
    }

    /// Lets others have them. One that cannot be given back stays, and is told.
    pub(crate) fn release(&self) {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        for one in held {
            let lock = one.lock().to_owned();
            if let Err(error) = one.release() {
                term::print_error(&format!(
                    "the lock `{}` could not be given back: {error}; `runbook unlock` takes it away",
                    visible(&lock)
                ));
            }
        }
    }
}

impl runbook_engine::Locks for Holding {
    fn take(&self, locks: &[String]) -> Result<(), String> {
        self.try_take(locks).map_err(|error| error.to_string())
    }
}

/// Says once of each owner that it is waited for.
fn tell(patience: &Patience<'_>, told: &mut Option<String>, error: &TakeError) {
    let text = visible(&error.to_string());
    if told.as_ref() == Some(&text) {
        return;
    }
    let wait = duration(patience.wait.map_or(0, millis));
    let line = format!("waits up to {wait}: {text}");
    if patience.screen.is_silent() {
        term::print_error(&line);
    } else {
        patience.screen.line(&styled(DIM, &line));
        if std::io::stdout().is_terminal() {
            patience.screen.end("lock");
            patience
                .screen
                .begin("lock", "waits for the lock; Ctrl-C ends it", Duration::ZERO);
        }
    }
    *told = Some(text);
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Takes away the locks of a run that has ended, which it was kept from giving back.
pub(crate) fn give_back(project: &Project, run: &str) {
    let locks = Locks::at(project.locks());
    let Ok(listing) = locks.list() else { return };
    let left = listing
        .locks
        .into_iter()
        .filter(|lock| lock.owner.run == run && !lock.alive);
    for lock in left {
        if let Err(error) = locks.unlock(&lock.lock) {
            term::print_error(&visible(&error.to_string()));
        }
    }
}

/// Whether a run has ended in a way in which it gives back its locks, or has not even begun.
fn is_over(runs: &Path, run: &str) -> bool {
    let dir = runs.join(run);
    if !dir.is_dir() || runbook_journal::is_running(&dir) {
        return false;
    }
    match runbook_journal::read(&dir) {
        Ok(run) => run.state.outcome().is_some_and(|outcome| !keeps_locks(outcome)),
        Err(_) => !has_begun(&dir),
    }
}

/// Whether a run has a first record. It is written before anything is done.
fn has_begun(dir: &Path) -> bool {
    let Ok(journal) = File::open(dir.join("journal.jsonl")) else {
        return false;
    };
    let mut line = Vec::new();
    // One that cannot be read may have begun.
    let read = BufReader::new(journal).read_until(b'\n', &mut line);
    read.is_err() || line.ends_with(b"\n")
}

/// Whether nobody else may touch what a run owns, although it has ended: it goes on, or somebody decides.
pub(crate) fn keeps_locks(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Waiting | Outcome::Unknown => true,
        Outcome::Resolved
        | Outcome::NotNeeded
        | Outcome::Failed
        | Outcome::RolledBack
        | Outcome::RollbackFailed
        | Outcome::Rejected
        | Outcome::CleanupFailed
        | Outcome::Interrupted => false,
    }
}

/// Why a lock is not had, and the way out.
fn refused(error: &TakeError, waited: Option<Duration>) -> Error {
    let after = waited.map_or_else(String::new, |wait| format!(" after {}", duration(millis(wait))));
    let message = visible(&format!("{error}, so nothing ran{after}"));
    match error {
        TakeError::Held(info) => {
            let run = visible(&info.owner.run);
            let look = format!("see what it does with `runbook show {run}`");
            let help = match waited {
                None => format!("wait for it with `--wait-lock 5m`, or {look}"),
                Some(_) => look,
            };
            Error::usage_with(message, help)
        }
        TakeError::Left(info) => {
            let run = visible(&info.owner.run);
            Error::usage_with(
                message,
                format!(
                    "that run was killed, or waits: `runbook resume {run}` goes on with it, `runbook rollback {run}` \
                     undoes it; if there is nothing left to protect, `runbook unlock {run} --reason …`"
                ),
            )
        }
        TakeError::Unreadable { .. } | TakeError::TooLong { .. } | TakeError::Io { .. } => {
            Error::usage(message)
        }
    }
}

/// Which start of the machine this is, where its kernel names it.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}
