//! Secret values, encrypted: what a run must keep to be gone on with or undone, and nobody may read in its journal.
//!
//! Each run has a key of its own, in a directory apart from the runs. Who gets a run's directory has no key, and
//! when the key is removed, nobody can read those values any more.
//!
//! A sealed value is base64 of a random nonce of 24 bytes and what XChaCha20-Poly1305 makes of the value; the run's
//! name is authenticated with it, so a value of one run is none of another.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use runbook_event::{JournalError, Vault};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::append::fault;
use crate::layout;

/// How long a key is, in bytes.
const KEY: usize = 32;

/// How long a nonce is, in bytes.
const NONCE: usize = 24;

/// A run's vault cannot be used.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The name could not be a run's.
    #[error("`{name}` cannot name a run: use letters, digits, `-`, `_` and `.`")]
    Name {
        /// What was asked for.
        name: String,
    },
    /// A new run would share the key of another.
    #[error("there is a key for run `{run}` already: `{path}`", path = path.display())]
    Exists {
        /// The run.
        run: String,
        /// The key's file.
        path: PathBuf,
    },
    /// The key's file does not hold a key.
    #[error("`{path}` is not a key: it does not have {KEY} bytes", path = path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot read the key `{path}`: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// The vault of one run, with its key in a file. The file is created when the first value is sealed.
pub struct FileVault {
    run: String,
    path: PathBuf,
    key: Mutex<Key>,
}

/// What is known of the key.
enum Key {
    /// Nothing was sealed yet.
    None,
    /// It is in the file.
    Kept(Zeroizing<[u8; KEY]>),
    /// It was removed.
    Forgotten,
}

impl FileVault {
    /// The vault of a new run.
    pub fn create(keys_dir: &Path, run: &str) -> Result<Self, VaultError> {
        let (vault, found) = Self::find(keys_dir, run)?;
        if found {
            return Err(VaultError::Exists {
                run: vault.run,
                path: vault.path,
            });
        }
        Ok(vault)
    }

    /// The vault of a run that is there. It may have no key: then it sealed nothing, or what it sealed is lost.
    pub fn open(keys_dir: &Path, run: &str) -> Result<Self, VaultError> {
        Self::find(keys_dir, run).map(|(vault, _)| vault)
    }

    /// Removes the key, for good: what was sealed can no longer be opened, and nothing more can be sealed.
    pub fn forget(&self) -> Result<(), JournalError> {
        let mut key = self.key();
        *key = Key::Forgotten;
        match layout::remove_file(&self.path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(fault(&self.path, error.to_string())),
        }
    }

    fn find(keys_dir: &Path, run: &str) -> Result<(Self, bool), VaultError> {
        if !layout::is_name(run) {
            let name = run.to_owned();
            return Err(VaultError::Name { name });
        }
        let path = keys_dir.join(format!("{run}.key"));
        let key = match read(&path) {
            Ok(Some(key)) => Key::Kept(key),
            Ok(None) => return Err(VaultError::NoKey { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Key::None,
            Err(source) => return Err(VaultError::Io { path, source }),
        };
        let found = matches!(key, Key::Kept(_));
        let vault = Self {
            run: run.to_owned(),
            path,
            key: Mutex::new(key),
        };
        Ok((vault, found))
    }

    /// A panic elsewhere cannot have left it half changed.
    fn key(&self) -> MutexGuard<'_, Key> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What encrypts, after the key is durable.
    fn cipher(&self) -> Result<XChaCha20Poly1305, String> {
        let mut key = self.key();
        match &*key {
            Key::Kept(bytes) => Ok(XChaCha20Poly1305::new((&**bytes).into())),
            Key::Forgotten => Err("the key was removed".to_owned()),
            Key::None => {
                let mut bytes = Zeroizing::new([0; KEY]);
                getrandom::fill(&mut *bytes).map_err(|error| error.to_string())?;
                keep(&self.path, &*bytes).map_err(|error| error.to_string())?;
                let cipher = XChaCha20Poly1305::new((&*bytes).into());
                *key = Key::Kept(bytes);
                Ok(cipher)
            }
        }
    }

    fn sealed(&self, plain: &[u8]) -> Result<String, String> {
        let cipher = self.cipher()?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| error.to_string())?;
        let payload = Payload {
            msg: plain,
            aad: self.run.as_bytes(),
        };
        let encrypted = cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| "the value is too long to be encrypted".to_owned())?;
        Ok(STANDARD.encode([nonce.as_slice(), &encrypted].concat()))
    }
}

impl Vault for FileVault {
    fn seal(&self, plain: &[u8]) -> Result<String, JournalError> {
        self.sealed(plain).map_err(|reason| fault(&self.path, reason))
    }

    fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, encrypted) = bytes.split_first_chunk::<NONCE>()?;
        let cipher = match &*self.key() {
            Key::Kept(key) => XChaCha20Poly1305::new((&**key).into()),
            Key::None | Key::Forgotten => return None,
        };
        let payload = Payload {
            msg: encrypted,
            aad: self.run.as_bytes(),
        };
        cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }
}

/// Without the key.
impl fmt::Debug for FileVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileVault")
            .field("run", &self.run)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Reads a key. None if the file does not hold one.
fn read(path: &Path) -> io::Result<Option<Zeroizing<[u8; KEY]>>> {
    let mut file = File::open(path)?;
    let mut key = Zeroizing::new([0; KEY]);
    match file.read_exact(&mut *key) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let is_whole = file.read(&mut [0])? == 0;
    Ok(is_whole.then_some(key))
}

/// Keeps a key, whole and durable. There must be none.
fn keep(path: &Path, key: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let (_, draft) = layout::draft(dir, key)?;
    layout::place(&draft, path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn what_is_sealed_can_be_opened_by_its_run_later() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("state/keys");
        let vault = FileVault::create(&keys, "r").unwrap();
        assert!(!keys.exists(), "a run without secrets leaves no key");
        let values: [&[u8]; 4] = [b"", b"hunter2", &vec![0xff; 100_000], "‹ä›".as_bytes()];
        let sealed: Vec<String> = values.iter().map(|value| vault.seal(value).unwrap()).collect();
        assert_ne!(vault.seal(b"hunter2").unwrap(), sealed[1]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&keys), mode(&keys.join("r.key"))), (0o700, 0o600));
        assert_eq!(names(&keys), ["r.key"]);
        let later = FileVault::open(&keys, "r").unwrap();
        for (value, sealed) in values.iter().zip(&sealed) {
            assert_eq!(vault.open(sealed).unwrap(), *value);
            assert_eq!(later.open(sealed).unwrap(), *value);
        }
        assert_eq!(vault.open(&later.seal(b"x").unwrap()).unwrap(), b"x");
    }

    #[test]
    fn what_was_changed_or_is_of_another_run_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let vault = FileVault::create(dir.path(), "r").unwrap();
        let sealed = vault.seal(b"hunter2").unwrap();
        let bytes = STANDARD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert_eq!(vault.open(&STANDARD.encode(changed)), None, "{at}");
            assert_eq!(vault.open(&STANDARD.encode(&bytes[..at])), None, "{at}");
        }
        for text in ["", "‹secret›", "AAAA", &sealed[1..], &format!("{sealed} ")] {
            assert_eq!(vault.open(text), None, "{text}");
        }
        let other = FileVault::create(dir.path(), "s").unwrap();
        assert_eq!(other.open(&sealed), None);
        // Not even under the same key.
        fs::copy(dir.path().join("r.key"), dir.path().join("t.key")).unwrap();
        assert_eq!(FileVault::open(dir.path(), "t").unwrap().open(&sealed), None);
    }

    #[test]
    fn a_key_that_is_forgotten_opens_and_seals_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let vault = FileVault::create(dir.path(), "r").unwrap();
        let sealed = vault.seal(b"hunter2").unwrap();
        vault.forget().unwrap();
        assert_eq!(names(dir.path()), Vec::<String>::new());
        assert_eq!(vault.open(&sealed), None);
        assert_eq!(FileVault::open(dir.path(), "r").unwrap().open(&sealed), None);
        assert_eq!(vault.seal(b"x").unwrap_err().reason, "the key was removed");
        vault.forget().unwrap();
        // A run without secrets has nothing to forget.
        FileVault::create(dir.path(), "s").unwrap().forget().unwrap();
    }

    #[test]
    fn two_who_seal_first_share_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let vault = FileVault::create(dir.path(), "r").unwrap();
        let sealed: Vec<String> = std::thread::scope(|scope| {
            let sealing: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| vault.seal(b"x").unwrap()))
                .collect();
            sealing.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let later = FileVault::open(dir.path(), "r").unwrap();
        assert!(sealed.iter().all(|sealed| later.open(sealed).is_some()));
    }

    #[test]
    fn what_is_no_key_or_anothers_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for bytes in [&b""[..], &[1; 31], &[1; 33]] {
            fs::write(dir.path().join("r.key"), bytes).unwrap();
            let error = FileVault::open(dir.path(), "r").unwrap_err();
            assert!(matches!(error, VaultError::NoKey { .. }), "{error}");
        }
        fs::write(dir.path().join("r.key"), [1; 32]).unwrap();
        let error = FileVault::create(dir.path(), "r").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("there is a key for run `r` already: ")
        );
        for name in ["", "..", "a/b"] {
            let error = FileVault::create(dir.path(), name).unwrap_err();
            assert!(matches!(error, VaultError::Name { .. }), "{error}");
        }
    }

    #[test]
    fn a_key_is_never_told() {
        let dir = tempfile::tempdir().unwrap();
        let vault = FileVault::create(dir.path(), "r").unwrap();
        vault.seal(b"hunter2").unwrap();
        let key = fs::read(dir.path().join("r.key")).unwrap();
        let told = format!("{vault:?} {vault:#?}");
        assert!(!told.contains(&format!("{:?}", &key[..4]).replace(['[', ']'], "")));
        assert!(!told.contains(&crate::chain::hex(&key[..4])), "{told}");
        assert!(told.contains("FileVault { run: \"r\", path: "), "{told}");
    }

    #[test]
    fn a_key_that_cannot_be_kept_seals_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("keys"), "in the way").unwrap();
        let vault = FileVault::create(&dir.path().join("other"), "r").unwrap();
        fs::write(dir.path().join("other"), "in the way").unwrap();
        let error = vault.seal(b"x").unwrap_err();
        assert!(error.path.ends_with("other/r.key"), "{error}");
        let error = FileVault::open(&dir.path().join("keys"), "r").unwrap_err();
        assert!(matches!(error, VaultError::Io { .. }), "{error}");
    }
}
