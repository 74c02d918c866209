//! Locks between processes.

use std::io;
use std::path::Path;
use std::process;

use runbook_journal::{Held, LockInfo, Locks, Owner, TakeError, UnlockError};

use crate::process::{Other, given_dir, given_role};

pub(crate) fn owner(run: &str) -> Owner {
    Owner {
        run: run.to_owned(),
        user: "ada".to_owned(),
        host: "ops1".to_owned(),
        boot_id: "1b7f".to_owned(),
        pid: process::id(),
        since: "2026-05-04T10:00:00Z".parse().unwrap(),
    }
}

/// Does as it is told, and answers how that went.
#[test]
fn takes_and_releases_as_it_is_told() {
    let (Some(dir), Some(run)) = (given_dir(), given_role()) else {
        return;
    };
    let locks = Locks::at(Path::new(&dir));
    let mut held: Option<Held> = None;
    for line in io::stdin().lines() {
        if line.unwrap() == "release" {
            held.take().unwrap().release().unwrap();
            eprintln!("released");
            continue;
        }
        match locks.try_take("db main", &owner(&run)) {
            Ok(taken) => {
                held = Some(taken);
                eprintln!("taken");
            }
            Err(error) => eprintln!("{}", said(&error)),
        }
    }
}

fn said(error: &TakeError) -> &'static str {
    match error {
        TakeError::Held(_) => "held",
        TakeError::Left(_) => "left",
        TakeError::Unreadable { .. } | TakeError::TooLong { .. } | TakeError::Io { .. } => "refused",
    }
}

fn other(run: &str, dir: &Path) -> Other {
    Other::start("locks::takes_and_releases_as_it_is_told", run, dir)
}

#[test]
fn of_two_processes_that_race_one_has_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let mut both = [other("a", dir.path()), other("b", dir.path())];
    for round in 0..200 {
        // Neither is told first every time.
        both.reverse();
        for one in &mut both {
            one.tell("take");
        }
        let answers = both.each_mut().map(Other::answer);
        let mut sorted = answers.clone();
        sorted.sort();
        assert_eq!(sorted, ["held", "taken"], "round {round}");
        for (one, answer) in both.iter_mut().zip(&answers) {
            if answer == "taken" {
                one.tell("release");
                assert_eq!(one.answer(), "released");
            }
        }
    }
    for one in both {
        one.kill();
    }
    assert_eq!(Locks::at(dir.path()).list().unwrap().locks, []);
}

#[test]
fn what_a_killed_process_held_waits_for_its_run() {
    let dir = tempfile::tempdir().unwrap();
    let locks = Locks::at(dir.path());
    let mut holder = other("a", dir.path());
    let pid = holder.pid();
    holder.tell("take");
    assert_eq!(holder.answer(), "taken");
    let error = locks.try_take("db main", &owner("a")).unwrap_err();
    assert!(
        matches!(error, TakeError::Held(_)),
        "not even its run, while it lives: {error}"
    );
    assert!(matches!(locks.unlock("db main"), Err(UnlockError::Alive(_))));
    assert!(locks.list().unwrap().locks[0].alive);
    holder.kill();

    let left = LockInfo {
        lock: "db main".to_owned(),
        owner: Owner { pid, ..owner("a") },
        alive: false,
    };
    assert_eq!(locks.list().unwrap().locks, std::slice::from_ref(&left));
    match locks.try_take("db main", &owner("b")) {
        Err(TakeError::Left(info)) => assert_eq!(info, left),
        Ok(_) | Err(_) => panic!("another run takes what a crashed one owns"),
    }
    let resumed = locks.try_take("db main", &owner("a")).unwrap();
    assert_eq!(locks.list().unwrap().locks[0].owner, owner("a"));
    let mut late = other("b", dir.path());
    late.tell("take");
    assert_eq!(late.answer(), "held");
    resumed.release().unwrap();
    late.tell("take");
    assert_eq!(late.answer(), "taken");
    late.kill();
}

#[test]
fn what_a_killed_process_held_can_be_unlocked() {
    let dir = tempfile::tempdir().unwrap();
    let locks = Locks::at(dir.path());
    let mut holder = other("a", dir.path());
    holder.tell("take");
    assert_eq!(holder.answer(), "taken");
    holder.kill();
    assert_eq!(locks.unlock("db main").unwrap().owner.run, "a");
    let error = locks.unlock("db main").unwrap_err();
    assert!(matches!(error, UnlockError::Free { .. }), "{error}");
    locks.try_take("db main", &owner("b")).unwrap().release().unwrap();
}
