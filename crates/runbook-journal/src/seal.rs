//! Seals: signatures over a run's head, in a file beside its journal.
//!
//! A seal says of all records up to one that they were there, in the name of whoever has the key. It is no event: a line
//! cannot sign its own hash, and the last seal must cover the run's end. The file needs no chain, since each seal proves
//! itself; that the last seals are gone is seen where the end has none.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::append::Appender;
use crate::chain::hex;
use crate::error::{Bad, Error, Fault};
use crate::layout;
use crate::lines::{Line, Lines, parse};
use crate::readings::last_line_end;
use crate::verify::Verified;
use crate::witness::{Mark, Witness};

/// What stands before a public key.
const KIND: &str = "ed25519:";

/// The lines around a private key. In two parts, so that whoever looks for keys that leaked does not find this.
const BEGIN: &str = concat!("-----BEGIN", " PRIVATE KEY-----");
const END: &str = concat!("-----END", " PRIVATE KEY-----");

/// A key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// It has another form.
    #[error("it is not a private key of ed25519 in PEM (PKCS#8)")]
    NoPrivateKey,
    /// It has another form.
    #[error("it is not `ed25519:` and 44 characters of base64")]
    NoPublicKey,
    /// The operating system gives no random numbers.
    #[error("there are no random numbers for a new key")]
    NoRandomness,
}

/// Who a seal is checked with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// A short name for it: the beginning of its SHA-256.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.0))[..16].to_owned()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KIND}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let encoded = text.trim().strip_prefix(KIND).ok_or(KeyError::NoPublicKey)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| KeyError::NoPublicKey)?;
        bytes.try_into().map(Self).map_err(|_| KeyError::NoPublicKey)
    }
}

/// What seals are made with.
pub struct SealingKey(Ed25519KeyPair);

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.public().id())
    }
}

impl SealingKey {
    /// A new key, as PEM for a file that only its owner reads.
    pub fn generate() -> Result<(Self, Zeroizing<String>), KeyError> {
        let document =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::NoRandomness)?;
        let encoded = Zeroizing::new(STANDARD.encode(document.as_ref()));
        let mut pem = Zeroizing::new(format!("{BEGIN}\n"));
        for start in (0..encoded.len()).step_by(64) {
            pem.push_str(&encoded[start..encoded.len().min(start + 64)]);
            pem.push('\n');
        }
        pem.push_str(END);
        pem.push('\n');
        Ok((Self::read(&pem)?, pem))
    }

    /// Reads one, as [`SealingKey::generate`] or `openssl genpkey -algorithm ed25519` writes it.
    pub fn read(pem: &str) -> Result<Self, KeyError> {
        let inner = pem
            .trim()
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(END));
        let encoded: Zeroizing<String> =
            Zeroizing::new(inner.ok_or(KeyError::NoPrivateKey)?.split_whitespace().collect());
        let der = Zeroizing::new(STANDARD.decode(&*encoded).map_err(|_| KeyError::NoPrivateKey)?);
        // The form of openssl has no public key in it to compare with.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| KeyError::NoPrivateKey)?;
        Ok(Self(pair))
    }

    /// What others check its seals with.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }
}

/// A line of the file of seals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    seq: u64,
    head: String,
    at: Timestamp,
    key: String,
    signature: String,
}

/// What is signed. The run's name keeps a seal from standing for another run.
fn message(run: &str, seq: u64, head: &str, at: Timestamp) -> String {
    format!("runbook seal v1\nrun {run}\nrecord {seq}\nhead {head}\nat {at}\n")
}

/// Seals a run.
#[derive(Debug)]
pub struct Sealer {
    key: SealingKey,
    file: Appender,
    required: bool,
}

impl Sealer {
    /// Opens the file of seals of a run. A line that a crash has torn is cut off.
    pub fn open(run_dir: &Path, key: SealingKey, required: bool) -> io::Result<Self> {
        let path = run_dir.join(layout::SEALS);
        drop(layout::open_file(&path)?);
        let len = last_line_end(&mut File::open(&path)?)?;
        let file = Appender::open(path, len)?;
        layout::sync_dir(run_dir)?;
        Ok(Self { key, file, required })
    }
}

impl Witness for Sealer {
    fn hear(&mut self, mark: &Mark) -> Result<(), String> {
        let message = message(&mark.run, mark.seq, &mark.head, mark.at);
        let seal = Seal {
            seq: mark.seq,
            head: mark.head.clone(),
            at: mark.at,
            key: self.key.public().id(),
            signature: STANDARD.encode(self.key.0.sign(message.as_bytes())),
        };
        let mut line = serde_json::to_vec(&seal).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let written = self.file.append(&line).and_then(|()| self.file.sync());
        written.map_err(|error| error.to_string())
    }

    fn is_required(&self) -> bool {
        self.required
    }
}

/// How far a run is vouched for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sealed {
    /// How many seals there are.
    pub seals: usize,
    /// How many records, from the first on, are vouched for by a key that is known.
    pub records: u64,
    /// The short names of the known keys that vouch for it, each once.
    pub by: Vec<String>,
    /// The short names of keys that seal it and are not known, each once.
    pub unknown: Vec<String>,
}

/// Checks the seals of a run that was verified, with keys that are trusted. A seal of a key that is not known proves
/// nothing, and is counted.
pub fn sealed(run_dir: &Path, verified: &Verified, keys: &[PublicKey]) -> Result<Sealed, Error> {
    let path = run_dir.join(layout::SEALS);
    let run = run_dir.file_name().unwrap_or_default().to_string_lossy();
    let mut found = Sealed::default();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(source) => return Err(Error::io(&path, source)),
    };
    let mut lines = Lines::new(file, &path);
    // What a crash has torn is no seal.
    while let Some(Line::Whole(bytes)) = lines.next()? {
        let parsed = parse::<Seal>(bytes).map_err(|error| error.to_string());
        let line = lines.number();
        let bad = |fault, text| Error::Bad {
            path: path.clone(),
            bad: Bad { line, fault, text },
        };
        let seal =
            parsed.map_err(|why| bad(Fault::NotRecord, format!("line {line} is not a seal: {why}")))?;
        found.seals += 1;
        let Some(key) = keys.iter().find(|key| key.id() == seal.key) else {
            note(&mut found.unknown, &seal.key);
            continue;
        };
        let message = message(&run, seal.seq, &seal.head, seal.at);
        let signature = STANDARD.decode(&seal.signature).unwrap_or_default();
        let is_own = UnparsedPublicKey::new(&ED25519, key.0).verify(message.as_bytes(), &signature);
        if is_own.is_err() {
            let text = format!("line {line} is no seal of this run: its signature does not fit");
            return Err(bad(Fault::Changed, text));
        }
        fits(verified, seal.seq, &seal.head)
            .map_err(|(fault, what)| bad(fault, format!("line {line} seals record {}, {what}", seal.seq)))?;
        found.records = found.records.max(seal.seq + 1);
        note(&mut found.by, &seal.key);
    }
    Ok(found)
}

/// Whether a head that was kept elsewhere is that of the run's record; if not, what is the matter.
pub fn fits(verified: &Verified, seq: u64, head: &str) -> Result<(), (Fault, String)> {
    match verified.head_of(seq) {
        Some(own) if own.eq_ignore_ascii_case(head) => Ok(()),
        Some(_) => Err((
            Fault::Changed,
            format!(
                "and line {} of the journal has another hash: the journal was rewritten",
                seq + 1
            ),
        )),
        None => Err((
            Fault::Cut,
            format!(
                "and the journal has only {} lines: its end was cut off",
                verified.records
            ),
        )),
    }
}

fn note(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}
