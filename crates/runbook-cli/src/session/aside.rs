//! Adding to a run's journal beside the engine: what people write, and that a lock was taken from it.
//!
//! Nobody else may hold the run meanwhile. What others have left in its inbox is taken up first.

use std::path::{Path, PathBuf};

use runbook_event::{Author, Event, Journal as _, KnownBy, Note, Notice, Record, RunState};
use runbook_journal::{Inbox, NoteRequest, OpenError, Opened, Request, Writer};
use runbook_report::visible;

use super::write_report;
use crate::clock::now;
use crate::error::Error;
use crate::identity::{Environment, user_of};
use crate::project::Project;
use crate::term;

/// A run that is held for a moment.
pub(crate) struct Aside {
    writer: Writer,
    state: RunState,
    inbox: Inbox,
    path: PathBuf,
}

impl Aside {
    /// Takes a run that nobody holds. A last line that a crash had torn is cut off, and that is noted.
    pub(crate) fn take(project: &Project, run: &str) -> Result<Self, OpenError> {
        Writer::open(&project.runs(), run).map(Self::of)
    }

    fn of(opened: Opened) -> Self {
        let dir = opened.writer.dir();
        let mut aside = Self {
            inbox: Inbox::of(dir),
            path: dir.join("journal.jsonl"),
            writer: opened.writer,
            state: opened.state,
        };
        if let Some(torn) = opened.torn {
            // Where that cannot be written, nothing else can either, and that says so.
            drop(aside.add(Event::Noted {
                notice: Notice::Mended { torn },
            }));
        }
        aside
    }

    /// What the journal led to.
    pub(crate) const fn state(&self) -> &RunState {
        &self.state
    }

    /// Adds an event, and gives its `seq`. It is durable after [`Aside::close`].
    pub(crate) fn add(&mut self, event: Event) -> Result<u64, Error> {
        let record = Record {
            seq: self.state.next_seq(),
            at: self.state.last_at().map_or_else(now, |last| last.max(now())),
            event,
        };
        let failed = |why: String| Error::file("write", &self.path, &std::io::Error::other(why));
        let mut next = self.state.clone();
        next.apply(&record).map_err(|error| failed(error.to_string()))?;
        self.writer
            .append(&record)
            .map_err(|error| failed(error.to_string()))?;
        self.state = next;
        Ok(record.seq)
    }

    /// Takes up what waits in the inbox. What cannot be noted is refused, and whoever asked is told.
    pub(crate) fn take_up(&mut self) -> Result<(), Error> {
        let mut done = Vec::new();
        for arrived in self.inbox.waiting()? {
            match note_of(&arrived) {
                Ok(note) if self.state.note_of_request(&arrived.name).is_some() => drop(note),
                Ok(note) => {
                    if let Err(reason) = self.state.admits(&note, now()) {
                        self.inbox.refuse(&arrived.name, &reason)?;
                        continue;
                    }
                    self.add(Event::Note(Box::new(note)))?;
                }
                Err(reason) => {
                    self.inbox.refuse(&arrived.name, &reason)?;
                    continue;
                }
            }
            done.push(arrived.name);
        }
        self.sync()?;
        for name in done {
            self.inbox.done(&name)?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        let synced = self.writer.sync();
        synced.map_err(|error| Error::file("write", &self.path, &std::io::Error::other(error.to_string())))
    }

    /// Makes durable what was added, lets go of the run, and writes its report anew where it has one.
    pub(crate) fn close(mut self, project: &Project) -> Result<(), Error> {
        self.sync()?;
        let dir = self.writer.dir().to_owned();
        drop(self.writer);
        if dir.join("report.md").exists() {
            write_report(project, &dir)?;
        }
        Ok(())
    }
}

/// What a request asks to be noted, with who asked: the owner of its file.
pub(super) fn note_of(arrived: &runbook_journal::Arrived) -> Result<Note, String> {
    let Request::Note(wanted) = arrived
        .request
        .clone()
        .map_err(|error| format!("the request cannot be read: {error}"))?;
    let by = Author {
        user: user_of(arrived.uid),
        host: wanted.host.chars().take(255).collect(),
        known_by: KnownBy::RequestOwner,
    };
    Ok(note(wanted, by, Some(arrived.name.clone())))
}

fn note(wanted: NoteRequest, by: Author, request: Option<String>) -> Note {
    Note {
        kind: wanted.kind,
        text: wanted.text,
        by,
        happened_at: wanted.happened_at,
        corrects: wanted.corrects,
        owner: wanted.owner,
        due: wanted.due,
        request,
    }
}

/// Notes something, whoever holds the run: who does takes it up, and else it is written here. Gives its `seq`, once it
/// is in the journal.
pub(crate) fn write(
    project: &Project,
    environment: &Environment,
    dir: &Path,
    wanted: NoteRequest,
) -> Result<u64, Error> {
    let run = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let inbox = Inbox::of(dir);
    let mut asked: Option<String> = None;
    let mut looks: u32 = 0;
    loop {
        if !runbook_journal::is_running(dir) {
            match Aside::take(project, &run) {
                Ok(aside) => return settle(aside, project, environment, wanted, asked.as_deref()),
                // Somebody was faster.
                Err(OpenError::Locked { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let name = match &asked {
            Some(name) => name,
            None => asked.insert(inbox.put(now(), &Request::Note(wanted.clone()))?),
        };
        if let Some(reason) = inbox.refusal(name) {
            return Err(refused(&reason));
        }
        if !inbox.is_waiting(name)
            && let Some(seq) = runbook_journal::read(dir)?.state.note_of_request(name)
        {
            return Ok(seq);
        }
        if looks == super::LOOKS {
            term::print_error(&visible(&format!(
                "run `{run}` has not taken it up yet; it stays in its inbox, also after Ctrl-C, and whoever holds the run \
                 next takes it up"
            )));
        }
        looks = looks.saturating_add(1);
        std::thread::sleep(super::LOOK_AGAIN * 3);
    }
}

/// Notes it here, after what waited. What was asked for meanwhile may have been taken up by now.
fn settle(
    mut aside: Aside,
    project: &Project,
    environment: &Environment,
    wanted: NoteRequest,
    asked: Option<&str>,
) -> Result<u64, Error> {
    aside.take_up()?;
    let taken_up = asked.and_then(|name| aside.state().note_of_request(name));
    let refusal = asked.and_then(|name| aside.inbox.refusal(name));
    let seq = match (taken_up, refusal) {
        (Some(seq), _) => seq,
        (None, Some(reason)) => return Err(refused(&reason)),
        (None, None) => {
            let by = Author {
                user: user_of(rustix::process::getuid().as_raw()),
                host: environment.who().host,
                known_by: KnownBy::Process,
            };
            let note = note(wanted, by, None);
            let admitted = aside.state().admits(&note, now());
            admitted.map_err(|reason| refused(&reason))?;
            aside.add(Event::Note(Box::new(note)))?
        }
    };
    aside.close(project)?;
    Ok(seq)
}

/// Why a note cannot stand there.
pub(crate) fn refused(reason: &str) -> Error {
    Error::usage_with(
        visible(&format!("that cannot be noted: {reason}")),
        "`runbook timeline RUN --all` shows what was written, with its numbers",
    )
}
