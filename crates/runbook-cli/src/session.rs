//! A run from when it may begin, or go on, to when all of it is told: what `exec`, `resume` and `rollback` share.

pub(crate) mod aside;
mod holding;
mod inbox;
pub(crate) mod next;

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use runbook_engine::{Approver, Finished, Ports, Prepared, Signal};
use runbook_event::{Outcome, Vault};
use runbook_journal::{FileVault, Unheard, Writer};
use runbook_plan::Plan;
use runbook_report::named;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use self::holding::{Holding, Patience, give_back, keeps_locks};
use crate::args::{Format, Going, OnHangup};
use crate::ask::{Always, Terminal};
use crate::clock::SystemClock;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::telling::{Telling, Template};
use crate::term;
use crate::view::{Screen, View};

/// How often it is looked whether what a process held that was killed is held yet by what it had just started.
pub(crate) const LOOKS: u32 = 100;

/// How soon that is looked at again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A run, and how it is shown.
pub(crate) struct Session<'a> {
    pub(crate) project: &'a Project,
    pub(crate) environment: &'a Environment,
    pub(crate) going: Going,
    /// Whether every approval is answered with yes.
    pub(crate) yes: bool,
    pub(crate) run: &'a str,
    pub(crate) vault: Arc<FileVault>,
    pub(crate) screen: Screen,
    /// What could not be kept elsewhere of the run's head.
    pub(crate) unheard: Unheard,
}

/// Waits for what is done by tasks.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| Error::usage(format!("cannot start: {error}")))?;
    let result = runtime.block_on(work);
    // Nobody waits for what may still block, such as the lookup of a name.
    runtime.shutdown_background();
    result
}

/// Where people see a run whose output is text.
pub(crate) fn screen_of_text(environment: &Environment) -> Screen {
    let is_on_github = environment.get("GITHUB_ACTIONS") == Some("true");
    Screen::on_output(std::io::stdout().is_terminal(), is_on_github)
}

/// Where people see the run.
pub(crate) fn screen(environment: &Environment, going: Going) -> Screen {
    if going.format == Format::Text {
        screen_of_text(environment)
    } else {
        Screen::silent()
    }
}

/// Refuses a run that would ask somebody where there is nobody to ask. `runs` says which steps may still run.
pub(crate) fn may_ask(
    plan: &Plan,
    yes: bool,
    going: Going,
    runs: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    if yes || can_ask(going) {
        return Ok(());
    }
    let called = plan.runbooks().into_iter().flat_map(|(_, plan)| plan.all_steps());
    let own = plan.all_steps().filter(|step| runs(&step.id));
    match own.chain(called).find(|step| step.approve.is_some()) {
        None => Ok(()),
        Some(step) => Err(Error::usage_with(
            format!(
                "step `{}` asks for approval, and there is no terminal to ask on, so nothing ran",
                step.id
            ),
            "pass `--yes` to approve everything, or run it on a terminal",
        )),
    }
}

/// Whether a question can be seen and answered.
pub(crate) fn can_ask(going: Going) -> bool {
    std::io::stdin().is_terminal() && (shows_on_terminal(going) || std::io::stderr().is_terminal())
}

/// Whether people see on a terminal how the run goes.
fn shows_on_terminal(going: Going) -> bool {
    going.format == Format::Text && std::io::stdout().is_terminal()
}

impl Session<'_> {
    /// Takes what the run owns, or says who has it.
    pub(crate) async fn take(
        &self,
        locks: &[String],
        signals: &mut UnboundedReceiver<Signal>,
    ) -> Result<Holding, Error> {
        let holding = Holding::new(self.project, self.environment, self.run);
        let patience = Patience {
            wait: self.going.wait_lock,
            on_hangup: self.going.on_hangup,
            screen: &self.screen,
            signals,
        };
        holding.take(locks, patience).await?;
        Ok(holding)
    }

    /// Runs it to its end, and tells of it.
    pub(crate) async fn drive(
        &self,
        prepared: Prepared,
        journal: Writer,
        holding: Holding,
        signals: UnboundedReceiver<Signal>,
    ) -> Result<Outcome, Error> {
        let dir = journal.dir().to_owned();
        let holding = Arc::new(holding);
        let asks_here = !self.yes && shows_on_terminal(self.going);
        let view = View::new(self.screen.clone(), self.going.output, asks_here);
        let (serving, requests) = inbox::serve(&dir);
        let ports = Ports {
            clock: Arc::new(SystemClock::new()),
            journal: Box::new(journal),
            observers: vec![Box::new(view)],
            approver: self.approver(),
            locks: Arc::clone(&holding) as Arc<dyn runbook_engine::Locks>,
            signals,
            requests,
            on_hangup: match self.going.on_hangup {
                OnHangup::GoOn => runbook_engine::OnHangup::GoOn,
                OnHangup::Hold => runbook_engine::OnHangup::Hold,
            },
        };
        let finished = prepared.run(ports).await;
        for why in self.unheard.reasons() {
            term::print_error(&format!(
                "the run's head was not kept everywhere: {}",
                runbook_report::visible(&why)
            ));
        }
        serving.abort();
        if let Err(error) = inbox::take_up_rest(self.project, &dir) {
            error.print();
        }
        let report = write_report(self.project, &dir);
        let finished = finished.inspect_err(|_| {
            self.say_where(&dir, report.as_deref().ok());
            self.say_next(&dir);
        })?;
        if !keeps_locks(finished.outcome) {
            holding.release();
        }
        forget(&self.vault, finished.outcome);
        // What happened has happened, whether or not there is still a place to write about it.
        let report = report.inspect_err(Error::print).ok();
        self.tell(&finished, &dir, report.as_deref());
        Ok(finished.outcome)
    }

    fn tell(&self, finished: &Finished, dir: &Path, report: Option<&Path>) {
        if self.going.format == Format::Json {
            term::print(&self.summary(finished, dir, report).to_string());
            return;
        }
        match &finished.outputs {
            Ok(outputs) if outputs.is_empty() => {}
            Ok(outputs) => term::print(&format!("  outputs  {}", named(outputs))),
            Err(error) => term::print(&format!("  outputs  none: {}", runbook_report::visible(error))),
        }
        self.say_where(dir, report);
        for line in next::lines(Some(finished.outcome), &finished.state) {
            term::print(&line);
        }
        if let Some(system) = finished.state.run().and_then(|run| run.practice.as_deref()) {
            term::print(&format!(
                "this was practice: the practice system {system} stood in for the real one"
            ));
        }
    }

    fn summary(&self, finished: &Finished, dir: &Path, report: Option<&Path>) -> Value {
        let mut summary = json!({
            "run": self.run,
            "outcome": finished.outcome.word(),
            "exit_code": finished.outcome.exit_code(),
            "outputs": finished.outputs.as_ref().ok(),
            "journal": dir.join("journal.jsonl"),
            "report": report,
        });
        if let (Err(error), Some(summary)) = (&finished.outputs, summary.as_object_mut()) {
            summary.insert("outputs_error".to_owned(), Value::from(error.as_str()));
        }
        summary
    }

    fn approver(&self) -> Arc<dyn Approver> {
        let user = self.environment.who().user;
        let aside = !shows_on_terminal(self.going);
        let terminal = Terminal::new(user.clone(), self.screen.clone(), aside, can_ask(self.going));
        if self.yes {
            Arc::new(Always { user, terminal })
        } else {
            Arc::new(terminal)
        }
    }

    fn print(&self, line: &str) {
        if self.going.format == Format::Text {
            term::print(line);
        } else {
            term::print_error(line);
        }
    }

    fn say_where(&self, dir: &Path, report: Option<&Path>) {
        let shown = |path: &Path| {
            path.strip_prefix(&self.project.directory)
                .unwrap_or(path)
                .display()
                .to_string()
        };
        self.print(&format!("  journal  {}", shown(&dir.join("journal.jsonl"))));
        if let Some(report) = report {
            self.print(&format!("  report   {}", shown(report)));
        }
    }

    /// What can be done with a run that was left in the middle.
    fn say_next(&self, dir: &Path) {
        if let Ok(run) = runbook_journal::read(dir) {
            for line in next::lines(run.state.outcome(), &run.state) {
                self.print(&line);
            }
        }
    }
}

/// The vault of a run that begins.
pub(crate) fn new_vault(
    project: &Project,
    environment: &Environment,
    run: &str,
) -> Result<Arc<FileVault>, Error> {
    Ok(Arc::new(FileVault::create(&keys(project, environment), run)?))
}

/// The vault of a run that is there.
pub(crate) fn vault_of(
    project: &Project,
    environment: &Environment,
    run: &str,
) -> Result<Arc<FileVault>, Error> {
    Ok(Arc::new(FileVault::open(&keys(project, environment), run)?))
}

/// The vault as the engine wants it.
pub(crate) fn as_port(vault: &Arc<FileVault>) -> Arc<dyn Vault> {
    Arc::clone(vault) as Arc<dyn Vault>
}

/// Where the keys are: apart from the runs, so that who gets a run's directory cannot read what is secret in it.
pub(crate) fn keys(project: &Project, environment: &Environment) -> PathBuf {
    let below = |variable: &str| {
        environment
            .get(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = below("XDG_STATE_HOME").or_else(|| below("HOME").map(|home| home.join(".local/state")));
    state
        .map_or_else(|| project.state(), |state| state.join("runbook"))
        .join("keys")
}

/// Where nothing can be gone on with or undone, nobody needs what was encrypted.
fn forget(vault: &FileVault, outcome: Outcome) {
    let over = match outcome {
        Outcome::NotNeeded | Outcome::RolledBack => true,
        Outcome::Resolved
        | Outcome::Failed
        | Outcome::RollbackFailed
        | Outcome::Rejected
        | Outcome::Waiting
        | Outcome::Unknown
        | Outcome::CleanupFailed
        | Outcome::Interrupted => false,
    };
    if over && let Err(error) = vault.forget() {
        term::print_error(&format!("the run's key could not be removed: {error}"));
    }
}

/// Does what is done after a run's end, where a crash came between. Answers where the report is.
pub(crate) fn finish(
    project: &Project,
    environment: &Environment,
    dir: &Path,
    run: &str,
    outcome: Outcome,
) -> Result<PathBuf, Error> {
    if !keeps_locks(outcome) {
        give_back(project, run);
    }
    forget(&*vault_of(project, environment, run)?, outcome);
    write_report(project, dir)
}

/// The report beside the journal, made from what the journal holds, by the project's template where it has one in
/// Markdown. A template that is wrong leaves nobody without a report.
pub(crate) fn write_report(project: &Project, dir: &Path) -> Result<PathBuf, Error> {
    let told = Telling::of(dir)?;
    let template = Template::wanted(project, None).map(|template| template.filter(Template::is_markdown));
    let report = template.and_then(|template| told.markdown(template.as_ref()));
    let report = report.or_else(|error| {
        error.print();
        told.markdown(None)
    })?;
    let path = dir.join("report.md");
    // Nobody else may read it, as all else in the run's directory.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(&path)
        .and_then(|mut file| file.write_all(report.as_bytes()))
        .map_err(|error| Error::file("write", &path, &error))?;
    Ok(path)
}
