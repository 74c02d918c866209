//! Locks within one process.

use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use super::*;

fn owner(run: &str) -> Owner {
    Owner {
        run: run.to_owned(),
        user: "ada".to_owned(),
        host: "ops1".to_owned(),
        boot_id: "b".to_owned(),
        pid: 42,
        since: "2026-05-04T10:00:00Z".parse().unwrap(),
    }
}

/// Another process's view of the same directory: what is held is not known there.
fn other(locks: &Locks) -> Locks {
    Locks::at(&locks.dir)
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn texts(locks: &Locks) -> Vec<(String, String, bool)> {
    let listing = locks.list().unwrap();
    assert_eq!(listing.unreadable, []);
    let of = |info: LockInfo| (info.lock, info.owner.run, info.alive);
    listing.locks.into_iter().map(of).collect()
}

#[test]
fn a_lock_has_one_run() {
    let dir = tempfile::tempdir().unwrap();
    let locks = Locks::at(dir.path().join("state/locks"));
    assert_eq!(locks.list().unwrap(), Listing::default());
    let held = locks.try_take("db main", &owner("a")).unwrap();
    assert_eq!(held.lock(), "db main");
    for view in [&locks, &other(&locks)] {
        let error = view.try_take("db main", &owner("b")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "lock `db main` is held by run `a` (ada on ops1, process 42, since 2026-05-04T10:00:00Z)"
        );
        assert!(matches!(error, TakeError::Held(LockInfo { alive: true, .. })));
    }
    let free = locks.try_take("db other", &owner("b")).unwrap();
    assert_eq!(texts(&locks).len(), 2);
    free.release().unwrap();
    held.release().unwrap();
    assert_eq!(files(&locks.dir), Vec::<String>::new());
    locks.try_take("db main", &owner("b")).unwrap().release().unwrap();
}

#[test]
fn what_is_not_released_is_left_to_its_run() {
    let dir = tempfile::tempdir().unwrap();
    let locks = Locks::at(dir.path());
    drop(locks.try_take("db", &owner("a")).unwrap());
    assert_eq!(texts(&locks), [("db".to_owned(), "a".to_owned(), false)]);
    let error = locks.try_take("db", &owner("b")).unwrap_err();
    assert!(
        matches!(error, TakeError::Left(LockInfo { alive: false, .. })),
        "{error}"
    );
    assert!(error.to_string().starts_with("lock `db` was left by run `a` ("));
    let mut resumed = owner("a");
    resumed.pid = 43;
    let held = other(&locks).try_take("db", &resumed).unwrap();
    assert_eq!(locks.list().unwrap().locks[0].owner, resumed);
    assert!(matches!(
        locks.try_take("db", &owner("b")),
        Err(TakeError::Held(_))
    ));
    held.release().unwrap();
    assert_eq!(files(dir.path()), Vec::<String>::new());
}

#[test]
fn a_run_may_take_again_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let locks = Locks::at(dir.path());
    let outer = locks.try_take("db", &owner("a")).unwrap();
    let inner = locks.clone().try_take("db", &owner("a")).unwrap();
    drop(inner);
    assert_eq!(texts(&locks), [("db".to_owned(), "a".to_owned(), true)]);
    // A part of the run is done before the whole.
    locks.try_take("db", &owner("a")).unwrap().release().unwrap();
    assert_eq!(texts(&locks), [("db".to_owned(), "a".to_owned(), true)]);
    let inner = locks.try_take("db", &owner("a")).unwrap();
    outer.release().unwrap();
    assert_eq!(texts(&locks), [("db".to_owned(), "a".to_owned(), true)]);
    inner.release().unwrap();
    assert_eq!(texts(&locks), []);
}

#[test]
fn all_or_none_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let locks = Locks::at(dir.path());
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let blocking = locks.try_take("c", &owner("b")).unwrap();
    // One was this run's before: it stays so.
    drop(locks.try_take("a", &owner("a")).unwrap());
    let error = locks.try_take_all(&names(&["d", "c", "b", "a"]), &owner("a"));
    assert!(matches!(error, Err(TakeError::Held(_))));
    assert_eq!(
        texts(&locks),
        [
            ("a".to_owned(), "a".to_owned(), false),
            ("c".to_owned(), "b".to_owned(), true)
        ]
    );
    blocking.release().unwrap();
    let held = locks
        .try_take_all(&names(&["d", "c", "b", "a", "b"]), &owner("a"))
        .unwrap();
    let order: Vec<&str> = held.iter().map(Held::lock).collect();
    assert_eq!(order, ["a", "b", "c", "d"]);
    for held in held {
        held.release().unwrap();
    }
    assert_eq!(texts(&locks), []);
}

#[test]
fn a_person_unlocks_what_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let locks = Locks::at(dir.path());
    let error = locks.unlock("db").unwrap_err();
    assert_eq!(error.to_string(), "lock `db` has no owner");
    let held = locks.try_take("db", &owner("a")).unwrap();
    for view in [&locks, &other(&locks)] {
        let error = view.unlock("db").unwrap_err();
        assert!(matches!(error, UnlockError::Alive(_)), "{error}");
    }
    drop(held);
    let info = locks.unlock("db").unwrap();
    assert_eq!((info.owner, info.alive), (owner("a"), false));
    assert_eq!(files(dir.path()), Vec::<String>::new());
}

#[test]
fn what_cannot_be_read_is_told_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let locks = Locks::at(dir.path());
    drop(locks.try_take("a", &owner("a")).unwrap());
    let whole = fs::read(dir.path().join(file::name("a"))).unwrap();
    let path = dir.path().join(file::name("db"));
    let mut long = whole.clone();
    long.resize(1024 * 1024, b' ');
    // Empty, cut, another lock's, too long.
    for bytes in [b"".as_slice(), &whole[..20], &whole, &long] {
        fs::write(&path, bytes).unwrap();
        let error = locks.try_take("db", &owner("a")).unwrap_err();
        assert!(matches!(error, TakeError::Unreadable { .. }), "{error}");
        let error = locks.unlock("db").unwrap_err();
        assert!(matches!(error, UnlockError::Unreadable { .. }), "{error}");
        let listing = locks.list().unwrap();
        assert_eq!((listing.locks.len(), &listing.unreadable[0].path), (1, &path));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn any_text_is_a_lock() {
    let dir = tempfile::tempdir().unwrap();
    let locks = Locks::at(dir.path());
    let long = "\u{1}\n".repeat(32 * 1024);
    let texts = ["", " ", "a/../../b", "line\nline\0", "ä\u{1b}[31m", &long];
    let held: Vec<Held> = texts
        .iter()
        .map(|text| locks.try_take(text, &owner("a")).unwrap())
        .collect();
    let listing = locks.list().unwrap();
    assert_eq!(listing.locks.len(), texts.len());
    for (held, text) in held.into_iter().zip(texts) {
        assert!(listing.locks.iter().any(|info| info.lock == text));
        let error = locks.try_take(text, &owner("b")).unwrap_err().to_string();
        assert!(
            error.len() < 1_000 && !error.contains(char::is_control),
            "{error}"
        );
        held.release().unwrap();
    }
    assert_eq!(files(dir.path()), Vec::<String>::new());
    let error = locks.try_take(&"x".repeat(65 * 1024), &owner("a")).unwrap_err();
    assert!(matches!(error, TakeError::TooLong { bytes: 66_560 }), "{error}");
}

#[test]
fn what_was_taken_away_by_hand_is_not_taken_from_another() {
    let dir = tempfile::tempdir().unwrap();
    let locks = Locks::at(dir.path());
    let first = locks.try_take("db", &owner("a")).unwrap();
    fs::remove_file(dir.path().join(file::name("db"))).unwrap();
    let second = other(&locks).try_take("db", &owner("b")).unwrap();
    first.release().unwrap();
    assert_eq!(texts(&locks), [("db".to_owned(), "b".to_owned(), true)]);
    second.release().unwrap();
}

/// Takes and releases a lock 200 times. Nobody else may be inside meanwhile.
fn contend(dir: &Path, run: &str, inside: &AtomicUsize) {
    let locks = Locks::at(dir);
    let mut taken = 0;
    while taken < 200 {
        match locks.try_take("db", &owner(run)) {
            Ok(held) => {
                assert_eq!(inside.fetch_add(1, SeqCst), 0);
                taken += 1;
                inside.fetch_sub(1, SeqCst);
                held.release().unwrap();
            }
            Err(TakeError::Held(_)) => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn those_who_race_are_one_after_another() {
    let dir = tempfile::tempdir().unwrap();
    let inside = AtomicUsize::new(0);
    thread::scope(|scope| {
        let runs = ["a", "b", "c"].map(|run| {
            let (dir, inside) = (dir.path(), &inside);
            scope.spawn(move || contend(dir, run, inside))
        });
        // Whoever only looks turns nobody away, and never sees half a file.
        let view = Locks::at(dir.path());
        while !runs.iter().all(thread::ScopedJoinHandle::is_finished) {
            assert_eq!(view.list().unwrap().unreadable, []);
        }
    });
    assert_eq!(files(dir.path()), Vec::<String>::new());
}
