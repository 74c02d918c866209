//! `runbook report --fill`: asks for what is missing, and writes the answers into the run's journal.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use runbook_event::{Note, RunState};
use runbook_journal::NoteRequest;
use runbook_report::{Filled, FormError, Question, filled, form, missing, visible};

use super::editor;
use crate::args::Report;
use crate::clock::now;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::session::aside;
use crate::term::{self, BOLD, DIM, GOOD, styled};
use crate::when;

/// What the text with the answers is called, in the run's directory, while it is being written.
const ANSWERS: &str = "answers.txt";

/// How large a text with answers may be, in bytes.
const LARGEST: u64 = 1 << 20;

/// A text with answers, and where it is kept if something is wrong with it.
struct Answers {
    text: String,
    kept: Option<PathBuf>,
}

pub(super) fn run(
    project: &Project,
    environment: &Environment,
    dir: &Path,
    args: &Report,
) -> Result<u8, Error> {
    let state = runbook_journal::read(dir)?.state;
    let Some(answers) = answers(environment, dir, &state, args.fill_from.as_deref())? else {
        return Ok(0);
    };
    let requests = requests(environment, &state, &answers)?;
    for (at, request) in requests.iter().enumerate() {
        let kind = request.kind.word();
        let seq = aside::write(project, environment, dir, request.clone()).inspect_err(|_| {
            let done = format!("{at} of {} answers are in the journal", requests.len());
            term::print_error(&format!(
                "{done}, those after them are not{}",
                answers.where_kept()
            ));
        })?;
        let line = format!("{} {kind}: noted as record {seq}", styled(GOOD, "✓"));
        term::print(&line);
    }
    if requests.is_empty() {
        term::print("nothing was written, so nothing changed");
    }
    if let Some(kept) = answers.kept.filter(|kept| kept.starts_with(dir)) {
        fs::remove_file(&kept).map_err(|error| Error::file("remove", &kept, &error))?;
    }
    let left = missing(&runbook_journal::read(dir)?.state).len();
    if left > 0 {
        term::print(&styled(DIM, &format!("  answers that are still missing: {left}")));
    }
    Ok(0)
}

/// What somebody answers: from a file, the input, an editor, or one question after the other. None if nothing is asked.
fn answers(
    environment: &Environment,
    dir: &Path,
    state: &RunState,
    from: Option<&str>,
) -> Result<Option<Answers>, Error> {
    match from {
        Some("-") => {
            let text = read(io::stdin().lock(), Path::new("-"))?;
            return Ok(Some(Answers { text, kept: None }));
        }
        Some(file) => {
            let path = PathBuf::from(file);
            let open = fs::File::open(&path).map_err(|error| Error::file("read", &path, &error))?;
            let text = read(open, &path)?;
            return Ok(Some(Answers {
                text,
                kept: Some(path),
            }));
        }
        None => {}
    }
    let open = missing(state);
    if open.is_empty() {
        term::print("nothing is missing: `runbook note` adds to what was said, and corrects it");
        return Ok(None);
    }
    if let Some(editor) = editor::editor(environment) {
        return edited(editor, dir, state).map(Some);
    }
    if io::stdin().is_terminal() {
        let text = asked(&open)?;
        return Ok(Some(Answers { text, kept: None }));
    }
    Err(Error::usage_with(
        "there is neither an editor nor a terminal, so nobody can be asked",
        "set `EDITOR`, or give a text: `runbook report RUN --fill-from FILE`",
    ))
}

fn read(from: impl io::Read, path: &Path) -> Result<String, Error> {
    let mut text = String::new();
    let read = from.take(LARGEST + 1).read_to_string(&mut text);
    read.map_err(|error| Error::file("read", path, &error))?;
    if text.len() as u64 > LARGEST {
        return Err(Error::usage(format!("`{}` is larger than 1 MiB", path.display())));
    }
    Ok(text)
}

/// Has the questions answered in an editor. What was not taken the last time is there again.
fn edited(editor: &str, dir: &Path, state: &RunState) -> Result<Answers, Error> {
    let path = dir.join(ANSWERS);
    if !path.exists() {
        // Nobody else may read it, as all else in the run's directory.
        let mut options = OpenOptions::new();
        let open = options.write(true).create_new(true).mode(0o600).open(&path);
        open.and_then(|mut file| file.write_all(form(state).as_bytes()))
            .map_err(|error| Error::file("write", &path, &error))?;
    }
    editor::open(editor, &path)?;
    let open = fs::File::open(&path).map_err(|error| Error::file("read", &path, &error))?;
    let text = read(open, &path)?;
    Ok(Answers {
        text,
        kept: Some(path),
    })
}

/// Asks one question after the other, and gives the answers as the text that an editor would give.
fn asked(open: &[Question]) -> Result<String, Error> {
    let mut text = String::new();
    term::print(
        "Answer with one or more lines and then an empty one; an empty line at once leaves it missing.",
    );
    let mut lines = io::stdin().lock().lines();
    for question in open {
        term::print(&format!("\n{}: {}", styled(BOLD, question.title), question.asks));
        let mut part = Vec::new();
        if question.kind.is_a_time() {
            let Some(at) = time_asked(&mut lines)? else {
                continue;
            };
            part.push(format!("at: {at}"));
            term::print("How is that known?");
        }
        while let Some(line) = line(&mut lines)? {
            // What looks like a comment or a heading is an answer all the same.
            let mark = if question.kind.is_list() { "- " } else { " " };
            part.push(format!("{mark}{line}"));
        }
        if !part.is_empty() {
            let kind = question.kind.word();
            text.extend(["== ", kind, " ==\n", &part.join("\n"), "\n"]);
        }
    }
    Ok(text)
}

/// A line that is typed. None if it is empty, or if there is no more.
fn line(lines: &mut impl Iterator<Item = io::Result<String>>) -> Result<Option<String>, Error> {
    let line = lines.next().transpose();
    let line = line.map_err(|error| Error::usage(format!("the input cannot be read: {error}")))?;
    Ok(line.filter(|line| !line.trim().is_empty()))
}

/// When something was, asked until it is a time. None if it stays missing.
fn time_asked(lines: &mut impl Iterator<Item = io::Result<String>>) -> Result<Option<String>, Error> {
    loop {
        term::print("When? (`23:50`, `20m ago`, `2026-05-04 23:50`)");
        let Some(line) = line(lines)? else {
            return Ok(None);
        };
        match when::past(&line, now()) {
            Ok(_) => return Ok(Some(line)),
            Err(error) => error.print(),
        }
    }
}

impl Answers {
    fn where_kept(&self) -> String {
        let kept = self.kept.as_ref();
        kept.map_or_else(String::new, |kept| {
            format!("; the text is in `{}`", kept.display())
        })
    }

    /// What is wrong in a line of it.
    fn wrong(&self, wrong: &FormError) -> Error {
        Error::usage_with(
            format!("{wrong}, so nothing was noted{}", self.where_kept()),
            match &self.kept {
                Some(path) if path.ends_with(ANSWERS) => {
                    format!("{}; `--fill` opens the same text again", wrong.help)
                }
                Some(_) | None => wrong.help.clone(),
            },
        )
    }
}

/// What is to be noted, all of it looked at before the first is.
fn requests(
    environment: &Environment,
    state: &RunState,
    answers: &Answers,
) -> Result<Vec<NoteRequest>, Error> {
    let filled = filled(&answers.text).map_err(|wrong| answers.wrong(&wrong))?;
    let (now, host) = (now(), environment.who().host);
    let asked = filled.into_iter().map(|answer| {
        let line = answer.line;
        let request = request(answer, now, &host).map_err(|wrong| answers.wrong(&wrong))?;
        let author = runbook_event::Author {
            user: environment.who().user,
            host: host.clone(),
            known_by: runbook_event::KnownBy::Process,
        };
        let admitted = state.admits(&as_note(&request, author), now);
        admitted.map_err(|text| {
            answers.wrong(&FormError {
                line,
                text: visible(&text),
                help: "write it otherwise".to_owned(),
            })
        })?;
        Ok(request)
    });
    asked.collect()
}

fn request(answer: Filled, now: Timestamp, host: &str) -> Result<NoteRequest, FormError> {
    let at = answer.at.map(|(line, at)| {
        when::past(&at, now).map_err(|error| FormError {
            line,
            text: error.to_string(),
            help: "write it as `2026-05-04 23:50`, `23:50` or `20m ago`, in UTC".to_owned(),
        })
    });
    if answer.text.len() > Note::TEXT_BYTES {
        return Err(FormError {
            line: answer.line,
            text: format!("this answer has more than {} bytes", Note::TEXT_BYTES),
            help: "write what matters, and where the rest is to be found".to_owned(),
        });
    }
    Ok(NoteRequest {
        kind: answer.kind,
        text: answer.text,
        host: host.to_owned(),
        happened_at: at.transpose()?,
        corrects: None,
        owner: answer.owner,
        due: answer.due,
    })
}

/// The note that a request leads to.
fn as_note(request: &NoteRequest, by: runbook_event::Author) -> Note {
    Note {
        kind: request.kind,
        text: request.text.clone(),
        by,
        happened_at: request.happened_at,
        corrects: None,
        owner: request.owner.clone(),
        due: request.due,
        request: None,
    }
}
