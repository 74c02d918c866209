//! A disk that can be read and not written.

use std::path::Path;

use runbook_event::Vault as _;
use runbook_journal::{
    CreateError, FileVault, Locks, OpenError, TakeError, UnlockError, Writer, is_running, read, verify,
};

use crate::locks::owner;
use crate::process::{given_dir, mounted};
use crate::sample::{endless, write};

#[test]
fn what_cannot_be_written_can_be_read_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<_> = endless("r").take(5).collect();
    write(dir.path(), "r", &all);
    let locks = Locks::at(dir.path().join("locks"));
    drop(locks.try_take("left", &owner("r")).unwrap());
    let vault = FileVault::create(&dir.path().join("keys"), "r").unwrap();
    std::fs::write(dir.path().join("sealed"), vault.seal(b"hunter2").unwrap()).unwrap();
    mounted(
        "read_only::reads_what_it_cannot_write",
        "mount --bind \"$D\" \"$D\"; mount -o remount,bind,ro \"$D\";",
        dir.path(),
    );
}

#[test]
fn reads_what_it_cannot_write() {
    let Some(dir) = given_dir() else { return };
    let dir = Path::new(&dir);
    let run = dir.join("r");
    assert_eq!(read(&run).unwrap().records.len(), 5);
    assert!(verify(&run, None).unwrap().lost.is_empty());
    assert!(!is_running(&run));
    let refused = |text: &str| assert!(text.contains("Read-only file system"), "{text}");

    let error = Writer::open(dir, "r").unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    refused(&error.to_string());
    let error = Writer::create(dir, "s", &[]).unwrap_err();
    assert!(matches!(error, CreateError::Io { .. }), "{error}");
    refused(&error.to_string());

    let locks = Locks::at(dir.join("locks"));
    assert_eq!(locks.list().unwrap().locks[0].lock, "left");
    for (lock, run) in [("left", "r"), ("new", "s")] {
        let error = locks.try_take(lock, &owner(run)).unwrap_err();
        assert!(matches!(error, TakeError::Io { .. }), "{error}");
        refused(&error.to_string());
    }
    let error = locks.try_take("left", &owner("s")).unwrap_err();
    assert!(matches!(error, TakeError::Left(_)), "{error}");
    let error = locks.unlock("left").unwrap_err();
    assert!(matches!(error, UnlockError::Io { .. }), "{error}");
    refused(&error.to_string());
    assert_eq!(locks.list().unwrap().locks.len(), 1);

    let keys = dir.join("keys");
    let sealed = std::fs::read_to_string(dir.join("sealed")).unwrap();
    let vault = FileVault::open(&keys, "r").unwrap();
    assert_eq!(vault.open(&sealed).unwrap(), b"hunter2");
    refused(&vault.forget().unwrap_err().reason);
    let new = FileVault::create(&keys, "s").unwrap();
    refused(&new.seal(b"x").unwrap_err().reason);
}
