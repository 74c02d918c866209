//! A run that is pruned is gone for good, and a line of it stays; a crash in between leaves nothing half.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use runbook_event::Vault as _;
use runbook_event::{Journal as _, Outcome, Who};
use runbook_journal::{FileVault, Glance, PruneError, Pruned, Pruner, Writer, glances, pruned, runs};
use tempfile::TempDir;

use crate::sample::{endless, events, records, write};

struct Case {
    dir: TempDir,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let case = Self { dir };
        for run in ["a", "b"] {
            write(&case.runs(), run, &records(events(run, Vec::new())));
        }
        case
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn runs(&self) -> PathBuf {
        self.state().join("runs")
    }

    fn pruner(&self) -> Result<Pruner, PruneError> {
        Pruner::open(&self.state(), &self.runs(), &self.state().join("keys"))
    }

    fn prune(&self, run: &str) -> Result<Pruned, PruneError> {
        let at: Timestamp = "2026-08-04T10:00:00Z".parse().unwrap();
        let by = Who {
            user: "bob".to_owned(),
            host: "ops2".to_owned(),
        };
        self.pruner()?.prune(run, at, by, "--keep 90d")
    }

    fn kept(&self) -> Vec<Pruned> {
        pruned(&self.state(), &self.runs()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        runs(&self.runs())
            .unwrap()
            .into_iter()
            .map(|run| run.run)
            .collect()
    }
}

#[test]
fn a_line_stays_of_a_run_that_is_gone_with_its_key() {
    let case = Case::new();
    let keys = case.state().join("keys");
    FileVault::create(&keys, "a").unwrap().seal(b"secret").unwrap();
    let head = runbook_journal::verify(&case.runs().join("a"), None)
        .unwrap()
        .head;
    let size = fs::metadata(case.runs().join("a/journal.jsonl")).unwrap().len();
    let entry = case.prune("a").unwrap();
    assert_eq!(case.names(), ["b"]);
    assert!(!keys.join("a.key").exists());
    assert_eq!(fs::read_dir(case.state().join("pruning")).unwrap().count(), 0);
    assert_eq!(case.kept(), std::slice::from_ref(&entry));
    assert_eq!(
        (entry.run.as_str(), entry.runbook.as_str(), entry.version.as_str()),
        ("a", "pool", "1")
    );
    assert_eq!(
        (entry.outcome, entry.records, entry.head),
        (Outcome::RolledBack, 22, head)
    );
    assert_eq!(
        (
            entry.who.user.as_str(),
            entry.by.user.as_str(),
            entry.rule.as_str()
        ),
        ("ada", "bob", "--keep 90d")
    );
    assert!(entry.bytes >= size);
    let second = case.prune("b").unwrap();
    assert_eq!((second.seq, case.kept().len()), (1, 2));
}

#[test]
fn a_run_that_is_not_over_is_never_pruned() {
    let case = Case::new();
    let mut live = Writer::create(&case.runs(), "live", &[]).unwrap();
    for record in endless("live").take(5) {
        live.append(&record).unwrap();
    }
    live.sync().unwrap();
    assert!(matches!(case.prune("live"), Err(PruneError::Live { .. })));
    drop(live);
    assert!(matches!(case.prune("live"), Err(PruneError::Open { .. })));
    assert!(matches!(case.prune("../runs"), Err(PruneError::Name { .. })));
    assert_eq!(case.names().len(), 3);
    assert_eq!(case.kept(), []);
    let holder = case.pruner().unwrap();
    assert!(matches!(case.prune("a"), Err(PruneError::Busy { .. })));
    drop(holder);
    assert!(case.prune("a").is_ok());
}

#[test]
fn a_crash_in_between_leaves_a_whole_run_or_none() {
    let case = Case::new();
    case.prune("a").unwrap();
    // After the line, before the removal: the run is there, and is not told as pruned.
    write(&case.runs(), "a", &records(events("a", Vec::new())));
    assert_eq!(case.kept(), []);
    assert_eq!(case.names(), ["b", "a"]);
    case.prune("a").unwrap();
    let kept = case.kept();
    assert_eq!(
        kept.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
        [1],
        "the last line counts"
    );
    // After it was moved out of the way: what is left goes with the next.
    let left = case.state().join("pruning/half");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("journal.jsonl"), "{}").unwrap();
    case.prune("b").unwrap();
    assert!(!left.exists());
    // A torn line is cut off.
    let path = case.state().join("pruned.jsonl");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [whole.as_slice(), b"{\"seq\":3"].concat()).unwrap();
    write(&case.runs(), "c", &records(events("c", Vec::new())));
    assert_eq!(case.prune("c").unwrap().seq, 3);
    assert_eq!(case.kept().len(), 3);
}

#[test]
fn what_is_kept_of_runs_cannot_be_changed_unseen() {
    let case = Case::new();
    case.prune("a").unwrap();
    case.prune("b").unwrap();
    let path = case.state().join("pruned.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("rolled_back", "resolved", 1)).unwrap();
    let error = pruned(&case.state(), &case.runs()).unwrap_err();
    assert_eq!(error.bad().unwrap().line, 1, "{error}");
    // Nothing is removed where what is kept of it would not hold.
    write(&case.runs(), "c", &records(events("c", Vec::new())));
    assert!(case.prune("c").is_err());
    assert_eq!(case.names(), ["c"]);
}

#[test]
fn a_glance_tells_what_the_whole_tells() {
    let case = Case::new();
    let long = case.runs().join("long");
    let mut writer = Writer::create(&case.runs(), "long", &[]).unwrap();
    for record in endless("long").take(40) {
        writer.append(&record).unwrap();
    }
    writer.sync().unwrap();
    drop(writer);
    fs::create_dir(case.runs().join("empty")).unwrap();
    let glance = |name: &str| -> Glance {
        let all = glances(&case.runs()).unwrap();
        all.into_iter().find(|glance| glance.run == name).unwrap()
    };
    for whole in runs(&case.runs()).unwrap() {
        let glance = glance(&whole.run);
        assert_eq!(glance.ended_at, whole.ended_at);
        assert_eq!(glance.outcome, whole.outcome);
        assert_eq!(glance.running, whole.running);
        assert_eq!(glance.error.is_some(), whole.error.is_some());
        assert_eq!(glance.began.as_ref().map(|began| began.at), whole.started_at);
        assert_eq!(glance.summary(), whole);
    }
    let order = |names: Vec<String>| names;
    let all: Vec<String> = glances(&case.runs())
        .unwrap()
        .into_iter()
        .map(|run| run.run)
        .collect();
    assert_eq!(order(all), case.names());
    // A torn last line is none; a changed one is told.
    let path = long.join("journal.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 10]).unwrap();
    assert_eq!(glance("long").error, None);
    fs::write(&path, text.replacen("\"number\":37", "\"number\":36", 1)).unwrap();
    assert!(
        glance("long")
            .error
            .unwrap()
            .contains("the last line was changed")
    );
    fs::write(&path, text.replacen("Pool is full", "Pool was full", 1)).unwrap();
    assert!(glance("long").error.unwrap().contains("line 1 was changed"));
}
