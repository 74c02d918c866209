//! A run that goes on, or is undone: what `resume` and `rollback` share.

use std::path::{Path, PathBuf};

use runbook_engine::{Again, Prepared, Secrets};
use runbook_event::{Event, Outcome, Record, RunResumed, RunStarted};
use runbook_journal::{Locks, OpenError, Run, Unheard, Writer};
use runbook_plan::{Catalogue, Plan};
use runbook_report::visible;

use crate::args::Going;
use crate::catalogue::catalogue_of_run;
use crate::clock::now;
use crate::compiled::{self, Compiled};
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::seals::Seals;
use crate::session::{self, Session};
use crate::{secrets, signals};

/// A run that is there.
pub(super) struct Known<'a> {
    project: &'a Project,
    environment: &'a Environment,
    pub(super) dir: PathBuf,
    pub(super) name: String,
    pub(super) run: Run,
    pub(super) started: RunStarted,
}

/// How a run goes on.
pub(super) struct Way {
    pub(super) plan: Plan,
    pub(super) resumed: RunResumed,
    pub(super) yes: bool,
    pub(super) going: Going,
}

impl<'a> Known<'a> {
    /// Finds a run that nobody is writing.
    pub(super) fn find(
        project: &'a Project,
        environment: &'a Environment,
        text: &str,
    ) -> Result<Self, Error> {
        let dir = runbook_journal::find(&project.runs(), text)?;
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let running = is_going_on(&dir);
        let run = runbook_journal::read(&dir)?;
        // Asked again: what was read may be of one who began meanwhile.
        if running || runbook_journal::is_running(&dir) {
            return Err(going_on(&name, &run));
        }
        let Some(started) = run.state.run().cloned() else {
            return Err(Error::usage(format!("run `{name}` has not begun")));
        };
        Ok(Self {
            project,
            environment,
            dir,
            name,
            run,
            started,
        })
    }

    /// The practice system of a run ended with its process, so what is to be gone on with is not there any more.
    pub(super) fn is_no_practice(&self) -> Result<(), Error> {
        let Some(system) = &self.started.practice else {
            return Ok(());
        };
        let message = format!(
            "run `{}` was practice: the practice system {system} that it worked on ended with it, and all that it had \
             changed is gone, so nothing was done",
            self.name
        );
        let help = format!("begin anew with `runbook exec {}`", self.started.runbook.path);
        Err(Error::usage_with(visible(&message), visible(&help)))
    }

    /// The actions, with the plugins that the run began with.
    pub(super) fn catalogue(&self) -> Result<Catalogue, Error> {
        let lock = compiled::pinned_lock(&self.dir, &self.started)?;
        let root = &self.project.root;
        Ok(catalogue_of_run(self.environment, root, lock.as_deref()))
    }

    /// The runbook as the files say now. None if its file is gone.
    pub(super) fn of_files(&self, catalogue: &Catalogue) -> Result<Option<Compiled>, Error> {
        let path = self.project.root.join(&self.started.runbook.path);
        if !path.is_file() {
            return Ok(None);
        }
        let environment = self.started.environment.as_deref();
        self.project.knows_environment(environment)?;
        compiled::from_files(self.project, &path, environment, catalogue).map(Some)
    }

    /// What the files mean now, if they mean anything. Nothing is said of what is wrong with them.
    pub(super) fn digest_of_files(&self, catalogue: &Catalogue) -> Option<String> {
        let path = self.project.root.join(&self.started.runbook.path);
        let environment = self.started.environment.as_deref();
        let compiled = path
            .is_file()
            .then(|| compiled::quietly(self.project, &path, environment, catalogue));
        Some(compiled?.ok()?.plan.digest().to_owned())
    }

    /// The runbook as it was when the run began.
    pub(super) fn of_journal(&self, catalogue: &Catalogue) -> Result<Plan, Error> {
        let compiled = compiled::from_pinned(self.project, &self.dir, &self.started, catalogue)?;
        if compiled.plan.digest() == self.started.plan {
            return Ok(compiled.plan);
        }
        let message = format!(
            "the texts that run `{}` began with mean something else to runbook {} than to runbook {}, which began it, so \
             nothing was done",
            self.name,
            env!("CARGO_PKG_VERSION"),
            self.started.engine
        );
        let help = format!("go on with runbook {}", self.started.engine);
        Err(Error::usage_with(visible(&message), visible(&help)))
    }

    /// Goes on to an end. All that can be refused is refused before the journal is touched.
    pub(super) fn go_on(&self, way: &Way, catalogue: &Catalogue) -> Result<u8, Error> {
        self.fits(&way.resumed)?;
        let settled = |id: &str| {
            self.run
                .state
                .step(id)
                .is_some_and(|step| step.status.is_settled())
        };
        let forward = way.resumed.how == runbook_event::Resumed::Forward;
        session::may_ask(&way.plan, way.yes || !forward, way.going, |step| !settled(step))?;
        let secrets = secrets::read(&way.plan, self.environment, &self.project.root)?;
        let session = Session {
            project: self.project,
            environment: self.environment,
            going: way.going,
            yes: way.yes,
            run: &self.name,
            vault: session::vault_of(self.project, self.environment, &self.name)?,
            unheard: Unheard::default(),
            screen: session::screen(self.environment, way.going),
        };
        let seals = Seals::prepare(self.project, self.environment, self.started.commit.as_ref())?;
        // Once without any effect, for what can be said against it.
        let again = |known: &Run, resumed: RunResumed, secrets: Secrets| {
            let again = Again {
                records: known.records.clone(),
                state: known.state.clone(),
                resumed,
                secrets,
                lab: None,
                vault: session::as_port(&session.vault),
            };
            Prepared::again(way.plan.clone(), catalogue.clone(), again)
        };
        again(&self.run, way.resumed.clone(), secrets.clone())?;
        session::block_on(async {
            let mut signals = signals::listen()?;
            let mut opened =
                Writer::open(&self.project.runs(), &self.name).map_err(|error| self.refused(error))?;
            if opened.state.next_seq() != self.run.state.next_seq() {
                let message = format!(
                    "another process went on with run `{}` meanwhile, so nothing was done",
                    self.name
                );
                let help = "look at it with `runbook show`, and try again";
                return Err(Error::usage_with(message, help));
            }
            let resumed = RunResumed {
                torn: opened.torn,
                ..way.resumed.clone()
            };
            let holding = session.take(&self.locks(), &mut signals).await?;
            let prepared = again(&self.run, resumed, secrets)?;
            seals.attach(&mut opened.writer, &session.unheard)?;
            let outcome = session.drive(prepared, opened.writer, holding, signals).await?;
            Ok(outcome.exit_code())
        })
    }

    /// Why its journal could not be taken. Whoever took it first is named.
    fn refused(&self, error: OpenError) -> Error {
        if matches!(error, OpenError::Locked { .. })
            && let Ok(run) = runbook_journal::read(&self.dir)
        {
            return going_on(&self.name, &run);
        }
        error.into()
    }

    /// What it owns: what it took when it began, and what a crash has left it of what runbooks that it calls have taken.
    fn locks(&self) -> Vec<String> {
        let mut locks = self.started.locks.clone();
        let listing = Locks::at(self.project.locks()).list().unwrap_or_default();
        let left = listing
            .locks
            .into_iter()
            .filter(|lock| lock.owner.run == self.name);
        locks.extend(left.map(|lock| lock.lock));
        locks
    }

    /// Whether the state lets it go on like that.
    fn fits(&self, resumed: &RunResumed) -> Result<(), Error> {
        let record = Record {
            seq: self.run.state.next_seq(),
            at: self.run.state.last_at().map_or_else(now, |last| last.max(now())),
            event: Event::RunResumed(Box::new(resumed.clone())),
        };
        let mut state = self.run.state.clone();
        state.apply(&record).map_err(|error| {
            Error::usage(visible(&format!(
                "run `{}` cannot go on like that, so nothing was done: {error}",
                self.name
            )))
        })
    }

    /// Does what a crash may have kept from being done after the run's end.
    pub(super) fn finish(&self, outcome: Outcome) -> Result<PathBuf, Error> {
        session::finish(self.project, self.environment, &self.dir, &self.name, outcome)
    }

    /// How the run ended, in words.
    pub(super) fn ended(&self, outcome: Outcome) -> String {
        let at = self.run.state.ended_at();
        let at = at.map_or_else(String::new, |at| {
            at.strftime(" on %Y-%m-%d at %H:%M:%S UTC").to_string()
        });
        format!("it ended as {}{at}: {}", outcome.word(), outcome.meaning())
    }
}

/// Whether a process writes the run. Where the program was killed in the moment in which it started another one, that
/// holds the run's files for an instant yet.
fn is_going_on(dir: &Path) -> bool {
    for _ in 0..session::LOOKS {
        if !runbook_journal::is_running(dir) {
            return false;
        }
        std::thread::sleep(session::LOOK_AGAIN);
    }
    true
}

/// Who writes a run that is going on.
fn going_on(name: &str, run: &Run) -> Error {
    let resumed = run.records.iter().rev().find_map(|record| {
        if let Event::RunResumed(resumed) = &record.event {
            return Some((&resumed.who, record.at));
        }
        None
    });
    let started = run.state.run().zip(run.state.started_at());
    let who = resumed.or(started.map(|(started, at)| (&started.who, at)));
    let who = who.map_or_else(String::new, |(who, at)| {
        let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
        format!(": {} on {} runs it since {at}", who.user, who.host)
    });
    Error::usage_with(
        visible(&format!("run `{name}` is going on{who}; nothing was done")),
        "wait for its end, or end it there with Ctrl-C",
    )
}
