//! Keeps runs: a directory each, with a hash chain over its events and the output beside it.
//!
//! ```text
//! RUNS/RUN/journal.jsonl   one record a line; see below
//!          readings.jsonl  every reading that is no event, for whoever draws all of them
//!          seals.jsonl     signatures over heads of the journal, where the project wants them
//!          output/…        what programs printed, where it is more than 4 KiB
//!          pinned/…        the texts that decided the run
//!          inbox/…         what others ask of who writes the run, a file each
//!          lock            held while the run is being written
//!
//! LOCKS/….json             what runs own, and who they are
//! KEYS/RUN.key             encrypts the secret values in a run's journal
//! STATE/pruned.jsonl       what is left of runs that were removed: a line each, chained like a journal
//! ```
//!
//! # A line
//!
//! A line is a JSON object whose last member is its hash, with a fixed width:
//! `{"seq":0,"at":"…","event":"…",…,"hash":"<64 hexadecimal digits>"}`. The hash is SHA-256 over the 64 digits
//! of the line before (64 times `0` for the first) followed by the bytes of this line up to `,"hash":"`. It
//! is taken over bytes and not over values, so nothing has to be brought into a canonical form. Where a check is
//! decided, and where the run ends or goes on, a line also has `"readings_file":{"bytes":…,"sha256":"…"}` before its hash:
//! how the file of readings stood then.
//!
//! [`read`] and [`verify`] walk the same chain, so a journal that was tampered with is never told as facts:
//! reading it fails at the first bad line, and says what is wrong there.
//!
//! # The inbox
//!
//! Only who holds the run's lock adds to its journal. Others put a file into the run's [`Inbox`], whole, by renaming it,
//! and who asks is the owner of that file. Whoever holds the run takes it up, and then removes it; a crash in between
//! does no harm, since a note carries the name of the request that it came by.
//!
//! # Going on
//!
//! [`Writer::open`] goes on with a run after its process has gone. A crash can tear only the last line, since a
//! line is added when the one before is whole: that line is cut off, and what is left is durable before anything
//! is added. A line that is whole and wrong is never cut: then the run is refused.

mod append;
mod chain;
mod claim;
mod diagnose;
mod error;
mod follow;
mod glance;
mod inbox;
mod layout;
mod lines;
mod list;
mod locks;
mod output;
mod pinned;
mod prune;
mod readings;
mod seal;
mod vault;
mod verify;
mod walk;
mod witness;
mod writer;

pub use error::{Bad, CreateError, Error, Fault, FindError, OpenError};
pub use follow::Follower;
pub use glance::{Began, Glance, glances};
pub use inbox::{Arrived, Inbox, NoteRequest, Request};
pub use list::{Summary, find, is_running, of_incident, runs};
pub use locks::{Held, Listing, LockInfo, Locks, Owner, TakeError, UnlockError, UnreadableLock};
pub use pinned::pinned;
pub use prune::{PruneError, Pruned, Pruner, pruned, size};
pub use readings::readings;
pub use seal::{KeyError, PublicKey, Sealed, Sealer, SealingKey, fits, sealed};
pub use vault::{FileVault, VaultError};
pub use verify::{Readings, Verified, verify};
pub use walk::{Run, read};
pub use witness::{Mark, Unheard, Witness};
pub use writer::{Opened, Writer};
