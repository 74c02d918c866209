//! Whether a run is as it was written.

mod readings;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use runbook_event::{Event, OutputRef, Record};
use sha2::{Digest, Sha256};

use crate::chain::hex;
use crate::error::{Bad, Error, Fault};
use crate::layout;
use crate::walk::Walk;

pub use self::readings::Readings;
use self::readings::{Noted, Wrong};

/// A run that is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many records it has.
    pub records: u64,
    /// The hash of the last line.
    pub head: String,
    /// Whether it says that the run ended.
    pub ended: bool,
    /// Whether it stops within a line, as after a crash.
    pub torn: bool,
    /// The files of output that a crash has taken, wholly or in part.
    pub lost: Vec<String>,
    /// What is known of the file of readings.
    pub readings: Readings,
    /// The number of the record with which the run last ended.
    pub end: Option<u64>,
    /// The hash of each line.
    heads: Vec<String>,
}

impl Verified {
    /// The hash of a record's line.
    #[must_use]
    pub fn head_of(&self, seq: u64) -> Option<&str> {
        let at = usize::try_from(seq).ok()?;
        self.heads.get(at).map(String::as_str)
    }
}

/// A file of output that a line names.
struct Named {
    line: u64,
    file: String,
    bytes: u64,
    sha256: String,
    /// Whether the run had an end after it, so that no crash can have taken it.
    is_settled: bool,
}

/// Checks a run: every line, every file of output and the file of readings. With `head`, the hash of the last line as it was kept
/// elsewhere, it also finds that lines are missing at the end.
pub fn verify(run_dir: &Path, head: Option<&str>) -> Result<Verified, Error> {
    let mut walk = Walk::open(run_dir)?;
    let mut named: Vec<Named> = Vec::new();
    let mut noted: Vec<Noted> = Vec::new();
    let mut heads = Vec::new();
    let (mut written, mut end) = (0, None);
    let mut head_at = None;
    // What was noted since the run last began or was gone on with: a crash may take its files until the run has an end.
    let mut session = 0;
    loop {
        let open = walk.state.outcome().is_none();
        let Some(record) = walk.next()? else { break };
        if matches!(record.event, Event::RunResumed(_)) {
            if !open {
                named[session..]
                    .iter_mut()
                    .for_each(|output| output.is_settled = true);
            }
            session = named.len();
        }
        named.extend(files(&record, walk.line()));
        let is_settled = matches!(record.event, Event::RunEnded { .. });
        noted.extend(walk.note.take().map(|note| Noted {
            line: walk.line(),
            note,
            is_settled,
        }));
        heads.push(walk.head.clone());
        if !matches!(record.event, Event::Note(_)) {
            written = walk.line();
        }
        if matches!(record.event, Event::RunEnded { .. }) {
            end = Some(record.seq);
        }
        if head.is_some_and(|head| head.eq_ignore_ascii_case(&walk.head)) {
            head_at = Some(walk.line());
        }
    }
    if walk.state.outcome().is_some() {
        named[session..]
            .iter_mut()
            .for_each(|output| output.is_settled = true);
    }
    walk.not_empty()?;
    let records = walk.state.next_seq();
    let ended = walk.state.outcome().is_some();
    if let Some(head) = head {
        is_last(&walk, head, head_at, written)?;
    }
    let mut lost = lost(run_dir, &walk, &named)?;
    let readings = readings::condition(run_dir, &noted, ended).map_err(|wrong| unlike(&walk, wrong))?;
    if readings == Readings::Lost {
        lost.push(layout::READINGS.to_owned());
    }
    Ok(Verified {
        records,
        head: walk.head,
        ended,
        torn: walk.torn.is_some(),
        lost,
        readings,
        end: end.filter(|_| ended),
        heads,
    })
}

fn unlike(walk: &Walk, wrong: Wrong) -> Error {
    match wrong {
        Wrong::Io(path, source) => Error::io(&path, source),
        Wrong::Changed(line, what) => {
            let text = format!("line {line} names `{}`, which {what}", layout::READINGS);
            bad(walk, line, Fault::Output, text)
        }
    }
}

/// The files of output that a crash has taken. Fails at the first that was changed otherwise.
fn lost(run_dir: &Path, walk: &Walk, named: &[Named]) -> Result<Vec<String>, Error> {
    let mut lost = Vec::new();
    for output in named {
        match condition(run_dir, output)? {
            Condition::Whole => {}
            Condition::Short(_) if !output.is_settled => lost.push(output.file.clone()),
            Condition::Short(what) | Condition::Changed(what) => {
                let text = format!("line {} names `{}`, which {what}", output.line, output.file);
                return Err(bad(walk, output.line, Fault::Output, text));
            }
        }
    }
    Ok(lost)
}

/// Whether the run still ends where it did, but for what people wrote since. `written` is the last line that is not theirs.
fn is_last(walk: &Walk, head: &str, head_at: Option<u64>, written: u64) -> Result<(), Error> {
    match head_at {
        Some(line) if line >= written => Ok(()),
        Some(line) => {
            let added = line + 1;
            let text =
                format!("line {added} was added: the given hash is that of line {line}, and there it ended");
            Err(bad(walk, added, Fault::Inserted, text))
        }
        None => {
            let missing = walk.state.next_seq() + 1;
            let text =
                format!("line {missing} is missing: the end was cut off, no line has the hash `{head}`");
            Err(bad(walk, missing, Fault::Cut, text))
        }
    }
}

fn bad(walk: &Walk, line: u64, fault: Fault, text: String) -> Error {
    Error::Bad {
        path: walk.path.clone(),
        bad: Bad { line, fault, text },
    }
}

fn files(record: &Record, line: u64) -> Vec<Named> {
    outputs(&record.event)
        .iter()
        .filter_map(|output| {
            Some(Named {
                line,
                file: output.file.clone()?,
                bytes: output.bytes,
                sha256: output.sha256.clone(),
                is_settled: false,
            })
        })
        .collect()
}

fn outputs(event: &Event) -> &[OutputRef] {
    match event {
        Event::AttemptEnded { output, .. }
        | Event::ThenEnded { output, .. }
        | Event::UndoEnded { output, .. } => output,
        Event::RunStarted(_)
        | Event::RunResumed(_)
        | Event::PhaseStarted { .. }
        | Event::CheckStarted { .. }
        | Event::CheckRead { .. }
        | Event::CheckEnded { .. }
        | Event::StepStarted { .. }
        | Event::StepSkipped { .. }
        | Event::Entered { .. }
        | Event::TimedOut { .. }
        | Event::ApprovalAsked { .. }
        | Event::ApprovalAnswered { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::HandleKept { .. }
        | Event::RetryPlanned { .. }
        | Event::ThenStarted { .. }
        | Event::Adopted { .. }
        | Event::Doubted { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::Stopping { .. }
        | Event::UndoStarted { .. }
        | Event::UndoRetried { .. }
        | Event::RunbookEnded { .. }
        | Event::Noted { .. }
        | Event::Note(_)
        | Event::RunEnded { .. } => &[],
    }
}

/// What has become of a file of output.
enum Condition {
    Whole,
    /// Not there, or shorter: a crash can do that.
    Short(&'static str),
    Changed(&'static str),
}

fn condition(run_dir: &Path, output: &Named) -> Result<Condition, Error> {
    let relative = Path::new(&output.file);
    if !layout::is_below(relative) || !relative.starts_with(layout::OUTPUT) {
        return Ok(Condition::Changed("is not a file of the run"));
    }
    let path = run_dir.join(relative);
    let digest = match File::open(&path).and_then(|file| digest(file, output.bytes)) {
        Ok(digest) => digest,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Condition::Short("was changed: it is gone"));
        }
        Err(source) => return Err(Error::io(&path, source)),
    };
    Ok(match digest {
        (bytes, _) if bytes < output.bytes => Condition::Short("was changed: it is shorter than it was"),
        (bytes, _) if bytes > output.bytes => Condition::Changed("was changed: it is longer than it was"),
        (_, digest) if digest != output.sha256 => {
            Condition::Changed("was changed: its digest is not the one that was noted")
        }
        (_, _) => Condition::Whole,
    })
}

/// The length and digest of a file, as far as one byte past `expected`.
fn digest(file: File, expected: u64) -> io::Result<(u64, String)> {
    let mut file = file.take(expected.saturating_add(1));
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((bytes, hex(&digest.finalize()))),
            Ok(read) => {
                digest.update(&buffer[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
