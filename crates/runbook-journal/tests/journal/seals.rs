//! Seals vouch for a run as far as they go, and nothing of it can be taken away or rewritten without the key.

use std::fs;
use std::path::{Path, PathBuf};

use runbook_event::Journal as _;
use runbook_journal::{
    Fault, Mark, PublicKey, Sealed, Sealer, SealingKey, Unheard, Witness, Writer, sealed, verify,
};
use tempfile::TempDir;

use crate::sample::{events, records};

/// Writes the sample with seals, synced after each record as an engine would at most.
fn sealed_run(runs: &Path, run: &str, pem: &str) -> PathBuf {
    let mut writer = Writer::create(runs, run, &[]).unwrap();
    let sealer = Sealer::open(writer.dir(), SealingKey::read(pem).unwrap(), true).unwrap();
    writer.witnessed_by(vec![Box::new(sealer)], Unheard::default());
    for record in records(events(run, Vec::new())) {
        writer.append(&record).unwrap();
        writer.sync().unwrap();
    }
    writer.dir().to_owned()
}

fn key() -> (PublicKey, String) {
    let (key, pem) = SealingKey::generate().unwrap();
    (key.public(), pem.to_string())
}

fn case() -> (TempDir, PathBuf, PublicKey, String) {
    let dir = tempfile::tempdir().unwrap();
    let (public, pem) = key();
    let run = sealed_run(dir.path(), "r", &pem);
    (dir, run, public, pem)
}

fn judge(run: &Path, keys: &[PublicKey]) -> Result<Sealed, (u64, Fault, String)> {
    let verified = verify(run, None).unwrap();
    sealed(run, &verified, keys).map_err(|error| {
        let bad = error.bad().unwrap();
        (bad.line, bad.fault, bad.text.clone())
    })
}

#[test]
fn the_first_change_each_part_and_the_end_are_sealed() {
    let (_dir, run, public, _pem) = case();
    let text = fs::read_to_string(run.join("seals.jsonl")).unwrap();
    let seqs: Vec<u64> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"]
                .as_u64()
                .unwrap()
        })
        .collect();
    // The steps begin, the first change is about to happen, rollback begins, the end.
    assert_eq!(seqs, [1, 4, 16, 21]);
    let all = judge(&run, &[public]).unwrap();
    assert_eq!((all.seals, all.records, all.by), (4, 22, vec![public.id()]));
    let (other, _) = key();
    let strange = judge(&run, &[other]).unwrap();
    assert_eq!((strange.records, strange.unknown), (0, vec![public.id()]));
}

#[test]
fn every_changed_byte_of_a_seal_is_found_or_makes_it_a_strangers() {
    let (_dir, run, public, _pem) = case();
    let path = run.join("seals.jsonl");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        let found = match judge(&run, &[public]) {
            Err(_) => true,
            // Its key's name was changed, it is torn, or it became another member that says nothing.
            Ok(sealed) => sealed.seals < 4 || !sealed.unknown.is_empty(),
        };
        assert!(
            found,
            "byte {at}: {}",
            String::from_utf8_lossy(&changed[at.saturating_sub(20)..at + 20.min(whole.len() - at)])
        );
    }
}

#[test]
fn a_cut_tail_and_a_rewritten_journal_are_found_without_any_head() {
    let (dir, run, public, pem) = case();
    let path = run.join("journal.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    fs::write(&path, lines[..18].concat()).unwrap();
    let (line, fault, text) = judge(&run, &[public]).unwrap_err();
    assert_eq!((line, fault), (4, Fault::Cut), "{text}");
    assert!(
        text.contains("seals record 21") && text.contains("its end was cut off"),
        "{text}"
    );

    // Whoever has no key writes the whole chain anew, and keeps the seals.
    let mut other = Writer::create(dir.path(), "other", &[]).unwrap();
    let mut changed = events("r", Vec::new());
    changed[0] = crate::sample::started("r", "Nothing happened");
    for record in records(changed) {
        other.append(&record).unwrap();
    }
    fs::copy(other.dir().join("journal.jsonl"), &path).unwrap();
    let (line, fault, text) = judge(&run, &[public]).unwrap_err();
    assert_eq!((line, fault), (1, Fault::Changed), "{text}");
    assert!(text.contains("the journal was rewritten"), "{text}");

    // The seals of another run, with the same key, are none of this one.
    let second = sealed_run(dir.path(), "second", &pem);
    fs::write(&path, &whole).unwrap();
    fs::copy(second.join("seals.jsonl"), run.join("seals.jsonl")).unwrap();
    let (line, fault, text) = judge(&run, &[public]).unwrap_err();
    assert_eq!((line, fault), (1, Fault::Changed), "{text}");
    assert!(text.contains("no seal of this run"), "{text}");
}

#[test]
fn that_the_last_seals_are_gone_is_seen() {
    let (_dir, run, public, _pem) = case();
    let path = run.join("seals.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    fs::write(&path, lines[..2].concat()).unwrap();
    let sealed = judge(&run, &[public]).unwrap();
    assert_eq!((sealed.seals, sealed.records), (2, 5));
    fs::remove_file(&path).unwrap();
    assert_eq!(judge(&run, &[public]).unwrap(), Sealed::default());
}

#[test]
fn keys_are_read_as_they_are_written() {
    let (public, pem) = key();
    assert_eq!(SealingKey::read(&pem).unwrap().public(), public);
    assert_eq!(public.to_string().parse::<PublicKey>().unwrap(), public);
    // What `openssl genpkey -algorithm ed25519` writes has no public key in it.
    let openssl = format!(
        "-----BEGIN {0} KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END {0} KEY-----\n",
        "PRIVATE"
    );
    assert_eq!(
        SealingKey::read(&openssl).unwrap().public().to_string(),
        "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    );
    for bad in ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA"] {
        assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
    }
    assert!(SealingKey::read(&pem[1..]).is_err());
    assert!(!format!("{:?}", SealingKey::read(&pem).unwrap()).contains(&pem[30..50]));
}

/// A witness that cannot keep anything.
struct Deaf {
    required: bool,
}

impl Witness for Deaf {
    fn hear(&mut self, mark: &Mark) -> Result<(), String> {
        Err(format!("nobody keeps the head of {}", mark.run))
    }

    fn is_required(&self) -> bool {
        self.required
    }
}

#[test]
fn what_a_witness_cannot_keep_is_told_and_stops_only_where_it_is_required() {
    let dir = tempfile::tempdir().unwrap();
    for required in [false, true] {
        let run = format!("r-{required}");
        let mut writer = Writer::create(dir.path(), &run, &[]).unwrap();
        let unheard = Unheard::default();
        writer.witnessed_by(vec![Box::new(Deaf { required })], unheard.clone());
        let all = records(events(&run, Vec::new()));
        writer.append(&all[0]).unwrap();
        writer.sync().unwrap();
        assert_eq!(unheard.reasons(), [""; 0]);
        writer.append(&all[1]).unwrap();
        let synced = writer.sync();
        assert_eq!(synced.is_err(), required);
        let told = format!("nobody keeps the head of {run}");
        match synced {
            Ok(()) => assert_eq!(unheard.reasons(), [told]),
            Err(error) => assert!(error.to_string().contains(&told), "{error}"),
        }
    }
}
