//! `runbook unlock`

use runbook_event::{Event, Notice};
use runbook_journal::{FindError, LockInfo, Locks, OpenError};
use runbook_report::visible;

use crate::args::Unlock;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::session::aside::Aside;
use crate::term::{self, GOOD, styled};

/// Takes locks away from a run whose process is gone, and notes that in its journal.
pub(crate) fn run(project: &Project, environment: &Environment, args: &Unlock) -> Result<u8, Error> {
    if args.reason.trim().is_empty() {
        let help = "say why nothing is left that the lock protects: the timeline keeps it";
        return Err(Error::usage_with("there is no reason", help));
    }
    let dir = project.locks();
    let locks = Locks::at(&dir);
    let listing = locks.list().map_err(|error| Error::file("list", &dir, &error))?;
    let meant = meant(project, &listing.locks, &args.what)?;
    if let Some(alive) = meant.iter().find(|lock| lock.alive) {
        return Err(Error::usage_with(
            visible(&format!(
                "lock `{}` is held by {alive}, whose process is alive",
                alive.lock
            )),
            "wait for its end, or end it there with Ctrl-C",
        ));
    }
    let by = environment.who().user;
    for lock in meant {
        take(project, &locks, lock, &by, &args.reason)?;
    }
    Ok(0)
}

/// The lock with this text, or all locks of the run that is meant.
fn meant<'a>(project: &Project, locks: &'a [LockInfo], what: &str) -> Result<Vec<&'a LockInfo>, Error> {
    let own: Vec<&LockInfo> = locks.iter().filter(|lock| lock.lock == what).collect();
    if !own.is_empty() {
        return Ok(own);
    }
    let of = |run: &str| -> Vec<&LockInfo> { locks.iter().filter(|lock| lock.owner.run == run).collect() };
    // Also of a run whose directory is gone.
    let own = of(what);
    if !own.is_empty() {
        return Ok(own);
    }
    match runbook_journal::find(&project.runs(), what) {
        Ok(dir) => {
            let run = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let own = of(&run);
            if own.is_empty() {
                return Err(Error::usage_with(
                    format!("run `{run}` owns no lock"),
                    "`runbook locks` lists who owns one",
                ));
            }
            Ok(own)
        }
        Err(FindError::None { .. }) => {
            let names = locks
                .iter()
                .flat_map(|lock| [lock.lock.as_str(), lock.owner.run.as_str()]);
            let help = match runbook_document::nearest(what, names) {
                Some(meant) => format!("did you mean `{}`?", visible(meant)),
                None => "`runbook locks` lists who owns one".to_owned(),
            };
            Err(Error::usage_with(
                format!("there is no lock and no run `{}`", visible(what)),
                help,
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// While the lock is taken away, nobody else can go on with the run.
fn take(project: &Project, locks: &Locks, lock: &LockInfo, by: &str, reason: &str) -> Result<(), Error> {
    let run = &lock.owner.run;
    let opened = match Aside::take(project, run) {
        Ok(opened) => Some(opened),
        Err(error @ OpenError::Locked { .. }) => return Err(error.into()),
        // Its journal is gone or not as it was written: the lock is taken away all the same, and that is told.
        Err(error @ (OpenError::Name { .. } | OpenError::Unreadable(_) | OpenError::Io { .. })) => {
            term::print_error(&visible(&format!(
                "this cannot be noted in the journal of run `{run}`: {error}"
            )));
            None
        }
    };
    locks.unlock(&lock.lock)?;
    if let Some(opened) = opened {
        note(project, opened, &lock.lock, by, reason)?;
    }
    term::print(&format!(
        "{} lock `{}` of run `{}` is free",
        styled(GOOD, "✓"),
        visible(&lock.lock),
        visible(run)
    ));
    Ok(())
}

fn note(project: &Project, mut aside: Aside, lock: &str, by: &str, reason: &str) -> Result<(), Error> {
    aside.add(Event::Noted {
        notice: Notice::Unlocked {
            lock: lock.to_owned(),
            by: by.to_owned(),
            reason: reason.to_owned(),
        },
    })?;
    aside.close(project)
}
