//! The arguments of the commands that run something, and of those for what runs own.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args as ClapArgs, ValueEnum, ValueHint};
use runbook_action::schema::duration::parse_duration;

use super::{Format, PlanFormat};

#[derive(Debug, ClapArgs)]
pub(crate) struct Exec {
    /// The runbook: a file, looked for as given and then under `runbooks/`
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) runbook: PathBuf,
    /// Run only what this plan says, which `runbook plan --format json` wrote; its inputs are taken from it
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["skip", "only", "from", "force", "no_rollback"]
    )]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// The environment of the project file to run in
    #[arg(short, long, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// The incident that the run is a part of, such as INC-7
    #[arg(long, value_name = "ID", value_parser = super::people::incident, value_hint = ValueHint::Other)]
    pub(crate) incident: Option<String>,
    #[command(flatten)]
    pub(crate) wants: Wants,
    /// Answer every approval with yes
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) going: Going,
    #[command(flatten)]
    pub(crate) practice: Practice,
}

/// The values of a runbook's inputs.
#[derive(Debug, ClapArgs)]
pub(crate) struct Inputs {
    /// Set an input; may be given several times, once for each
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// Read inputs from a YAML or JSON file; `-i` wins over it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) inputs: Vec<PathBuf>,
}

/// How the practice system is broken, where the environment starts one.
#[derive(Debug, ClapArgs)]
pub(crate) struct Practice {
    /// Break the practice system in a further way; `runbook lab --list` names them
    #[arg(long, value_name = "FAULT")]
    pub(crate) lab_fault: Vec<String>,
    /// Start the practice system unbroken
    #[arg(long, conflicts_with = "lab_fault")]
    pub(crate) lab_healthy: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Plan {
    /// The runbook: a file, looked for as given and then under `runbooks/`
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) runbook: PathBuf,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// The environment of the project file to plan for
    #[arg(short, long, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// Really ask what only reads, and let changes tell what they would change; nothing is changed
    #[arg(long)]
    pub(crate) probe: bool,
    /// Print the roles that it needs of Kubernetes clusters, for `kubectl apply`; no cluster is asked
    #[arg(long, conflicts_with = "probe")]
    pub(crate) rbac: bool,
    #[command(flatten)]
    pub(crate) practice: Practice,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: PlanFormat,
}

/// What is asked for beyond the runbook.
#[derive(Debug, ClapArgs)]
pub(crate) struct Wants {
    /// Leave this step out, with all that stands within it; may be given several times
    #[arg(long, value_name = "STEP", value_hint = ValueHint::Other)]
    pub(crate) skip: Vec<String>,
    /// Run this step only, with all that stands within it, and the clean-up; may be given several times
    #[arg(long, value_name = "STEP", value_hint = ValueHint::Other)]
    pub(crate) only: Vec<String>,
    /// Begin with this step: leave out all that surely comes before it
    #[arg(long, value_name = "STEP", conflicts_with = "only", value_hint = ValueHint::Other)]
    pub(crate) from: Option<String>,
    /// Why steps are left out, for the timeline
    #[arg(long, value_name = "TEXT", value_hint = ValueHint::Other)]
    pub(crate) reason: Option<String>,
    /// Go on also if `detect` answers no, or cannot be asked
    #[arg(long)]
    pub(crate) force: bool,
    /// Undo nothing: where it fails, all stays as it is
    #[arg(long)]
    pub(crate) no_rollback: bool,
}

/// How a run is shown, and what it waits for.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct Going {
    /// Show what the steps print, as it comes
    #[arg(short, long)]
    pub(crate) output: bool,
    /// Wait so long for a lock that another run has; without it the run is refused
    #[arg(long, value_name = "TIME", value_parser = time, value_hint = ValueHint::Other)]
    pub(crate) wait_lock: Option<Duration>,
    /// What happens when the terminal goes away
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) on_hangup: OnHangup,
    /// What to print on the output: the run as it goes, or a summary as JSON at its end
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Resume {
    /// The run: its name, a part of it, or `last`
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) run: String,
    /// Say what became of a step that nobody else can tell about: done, attempted or not-started
    #[arg(long, num_args = 2, value_names = ["WHAT", "STEP"], action = ArgAction::Append, requires = "reason")]
    pub(crate) assume: Vec<String>,
    /// Run such a step again, whatever became of it; may be given several times
    #[arg(long, value_name = "STEP", requires = "reason", value_hint = ValueHint::Other)]
    pub(crate) retry: Vec<String>,
    /// Why you do this, for the timeline
    #[arg(long, value_name = "TEXT", value_hint = ValueHint::Other)]
    pub(crate) reason: Option<String>,
    /// Go on with the texts that the run began with, whatever the files say now
    #[arg(long)]
    pub(crate) with_journal: bool,
    /// Answer every approval with yes
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) going: Going,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rollback {
    /// The run: its name, a part of it, or `last`
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) run: String,
    /// Why it is undone, for the timeline
    #[arg(long, value_name = "TEXT", value_hint = ValueHint::Other)]
    pub(crate) reason: Option<String>,
    /// Begin without asking, and answer every approval with yes
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) going: Going,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LocksArgs {
    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Unlock {
    /// A lock, as `runbook locks` lists it, or a run, whose locks are all taken away
    #[arg(value_name = "LOCK|RUN", value_hint = ValueHint::Other)]
    pub(crate) what: String,
    /// Why, for the timeline of the run that owned it
    #[arg(long, value_name = "TEXT", value_hint = ValueHint::Other)]
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum OnHangup {
    /// The run goes on without it
    #[default]
    GoOn,
    /// The run stops, and all stays as it is
    Hold,
}

/// What a person may say of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// It has happened
    Done,
    /// It may have happened in part
    Attempted,
    /// It has not happened
    NotStarted,
}

fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write it as `90s`, `5m` or `1h30m`".to_owned())
}
