//! What others ask of who holds a run: a file each, put there whole by renaming it.
//!
//! The file's owner is who asks. What stands in the file is that person's word and no more, so everything in it is
//! looked at before it is taken up: its size, its kind of file, its names.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use runbook_event::NoteKind;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::chain::hex;
use crate::error::Error;
use crate::layout;

/// The most bytes that a request may have. The text of a note has at most a sixth of that, and each of its bytes may be
/// written as six.
const MOST: u64 = 128 * 1024;

/// What the name of a request ends in.
const ASKED: &str = ".json";

/// What the name of the answer to one that was refused ends in.
const REFUSED: &str = ".refused";

/// What somebody asks of who holds a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// That something is noted.
    Note(NoteRequest),
}

/// What is to be noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteRequest {
    /// What it is about.
    pub kind: NoteKind,
    /// The words.
    pub text: String,
    /// The machine that it was written on, as its author says.
    pub host: String,
    /// When it was so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened_at: Option<Timestamp>,
    /// The `seq` of the note in whose place it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<u64>,
    /// Who is to do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
}

/// A request that waits to be taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Its name, which no other has.
    pub name: String,
    /// The number of the user whose file it is.
    pub uid: u32,
    /// What is asked, or why that cannot be read.
    pub request: Result<Request, String>,
}

/// Where a run's requests arrive.
#[derive(Debug, Clone)]
pub struct Inbox {
    dir: PathBuf,
}

impl Inbox {
    /// That of the run in this directory.
    #[must_use]
    pub fn of(run_dir: &Path) -> Self {
        Self {
            dir: run_dir.join(layout::INBOX),
        }
    }

    /// Creates it, where it is not there: it belongs to who holds the run, whoever asks first.
    pub(crate) fn create(&self) -> io::Result<()> {
        match layout::create_dir(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Puts a request there, and gives its name. It is durable then, and taken up whatever becomes of this process.
    pub fn put(&self, at: Timestamp, request: &Request) -> Result<String, Error> {
        let put = || -> io::Result<String> {
            let mut random = [0; 8];
            getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
            // In the order in which they were written, as far as clocks tell.
            let name = format!("{}-{}", at.strftime("%Y%m%d-%H%M%S%.6f"), hex(&random));
            let bytes = serde_json::to_vec(request)?;
            let (file, draft) = layout::draft(&self.dir, &bytes)?;
            // The run may belong to somebody else, and the directory says who may look.
            file.set_permissions(Permissions::from_mode(0o644))?;
            layout::replace(&draft, &self.path(&name, ASKED))?;
            Ok(name)
        };
        put().map_err(|source| Error::io(&self.dir, source))
    }

    /// All requests that wait, the oldest first. One that is being taken away meanwhile is none.
    pub fn waiting(&self) -> Result<Vec<Arrived>, Error> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::io(&self.dir, source)),
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| Some(name.strip_suffix(ASKED)?.to_owned()))
            .filter(|name| layout::is_name(name))
            .collect();
        names.sort_unstable();
        Ok(names.into_iter().filter_map(|name| self.arrived(name)).collect())
    }

    fn arrived(&self, name: String) -> Option<Arrived> {
        let path = self.path(&name, ASKED);
        let found = fs::symlink_metadata(&path).ok()?;
        Some(match asked(&path) {
            Ok((uid, request)) => Arrived {
                name,
                uid,
                request: Ok(request),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => Arrived {
                name,
                uid: found.uid(),
                request: Err(error.to_string()),
            },
        })
    }

    /// Whether a request waits yet.
    #[must_use]
    pub fn is_waiting(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path(name, ASKED)).is_ok()
    }

    /// Removes a request that was taken up.
    pub fn done(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name, ASKED);
        layout::remove_file(&path).map_err(|source| Error::io(&path, source))
    }

    /// Removes a request that cannot be taken up, and leaves word why.
    pub fn refuse(&self, name: &str, reason: &str) -> Result<(), Error> {
        let leave = || -> io::Result<()> {
            let (file, draft) = layout::draft(&self.dir, reason.as_bytes())?;
            file.set_permissions(Permissions::from_mode(0o644))?;
            layout::replace(&draft, &self.path(name, REFUSED))
        };
        leave().map_err(|source| Error::io(&self.dir, source))?;
        self.done(name)
    }

    /// Why a request was refused, if it was. Who asks takes that away.
    #[must_use]
    pub fn refusal(&self, name: &str) -> Option<String> {
        let path = self.path(name, REFUSED);
        let reason = fs::read_to_string(&path).ok()?;
        // What stays is in nobody's way.
        layout::remove_file(&path).ok();
        Some(reason)
    }

    fn path(&self, name: &str, end: &str) -> PathBuf {
        self.dir.join(format!("{name}{end}"))
    }
}

/// Reads a request, and who owns its file. It is a plain file with one name: not a link to what somebody else wrote,
/// and nothing that would have to be waited for.
fn asked(path: &Path) -> io::Result<(u32, Request)> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.nlink() != 1 {
        return Err(io::Error::other("it is no plain file of its own"));
    }
    let bytes = at_most(&file)?;
    let request = serde_json::from_slice(&bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok((found.uid(), request))
}

fn at_most(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::other(format!("it has more than {MOST} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str) -> Request {
        Request::Note(NoteRequest {
            kind: NoteKind::Note,
            text: text.to_owned(),
            host: "desk".to_owned(),
            happened_at: None,
            corrects: None,
            owner: None,
            due: None,
        })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn requests_wait_in_their_order_until_they_are_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Inbox::of(dir.path());
        assert_eq!(inbox.waiting().unwrap(), []);
        inbox.create().unwrap();
        inbox.create().unwrap();
        let second = inbox.put(at(2), &note("second")).unwrap();
        let first = inbox.put(at(1), &note("\u{1b}[2J\n\"first\"")).unwrap();
        let waiting = inbox.waiting().unwrap();
        let names: Vec<&str> = waiting.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, [&first, &second]);
        assert_eq!(waiting[0].request, Ok(note("\u{1b}[2J\n\"first\"")));
        assert_eq!(waiting[0].uid, rustix::process::getuid().as_raw());
        inbox.done(&first).unwrap();
        assert!(!inbox.is_waiting(&first) && inbox.is_waiting(&second));
        inbox.refuse(&second, "no").unwrap();
        assert_eq!(inbox.waiting().unwrap(), []);
        assert_eq!(inbox.refusal(&second).as_deref(), Some("no"));
        assert_eq!(inbox.refusal(&second), None);
    }

    #[test]
    fn what_is_no_request_is_said_to_be_none() {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Inbox::of(dir.path());
        inbox.create().unwrap();
        let below = dir.path().join("inbox");
        let outside = dir.path().join("theirs");
        fs::write(&outside, serde_json::to_vec(&note("theirs")).unwrap()).unwrap();
        std::os::unix::fs::symlink(&outside, below.join("a.json")).unwrap();
        fs::hard_link(&outside, below.join("b.json")).unwrap();
        fs::create_dir(below.join("c.json")).unwrap();
        fs::write(below.join("d.json"), "{}").unwrap();
        fs::write(below.join("e.json"), vec![b' '; 200_000]).unwrap();
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            below.join("f.json"),
            rustix::fs::Mode::from_raw_mode(0o600),
        )
        .unwrap();
        // Not even looked at.
        fs::write(below.join(".draft-1"), "{}").unwrap();
        fs::write(below.join(".hidden.json"), "{}").unwrap();
        let waiting = inbox.waiting().unwrap();
        let names: Vec<&str> = waiting.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "d", "e", "f"]);
        for one in waiting {
            assert!(one.request.is_err(), "{one:?}");
        }
    }
}
