//! The command line.

mod author;
mod list;
mod people;
mod review;
mod run;
mod runs;
mod watch;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint};

pub(crate) use self::author::{Explain, Fmt, Man, New};
pub(crate) use self::list::{List, Plugins, PluginsWhat};
pub(crate) use self::people::{Note, Timeline, TimelineFormat};
pub(crate) use self::review::{Diff, FailOn, Review, ReviewFormat};
pub(crate) use self::run::{
    Exec, Going, Inputs, LocksArgs, OnHangup, Plan, Practice, Resume, Rollback, Unlock, Wants, What,
};
pub(crate) use self::runs::{Ended, Prune, Runs, RunsWhat, SealArgs, SealWhat, Stats, StatsFormat, before};
pub(crate) use self::watch::Watch;

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
    0  resolved         every step is done and every gate passed
    1  -                a command that runs nothing found what it looked for wrong
    2  refused          wrong usage, invalid runbook or wrong input: nothing ran
    3  not_needed       `detect` found nothing to repair; nothing was touched
    4  failed           it stopped; what is done stays done
    5  rolled_back      it stopped, and what can be undone was undone
    6  rollback_failed  it stopped, and an undo did not pass: a person must finish it
    7  rejected         an approval was refused
    8  waiting          it waits for an answer
    9  unknown          a crash left an action whose effect is not known
   10  cleanup_failed   all went well but the clean-up
  130  interrupted      a signal ended it; what is done stays done
";

const NOTES: &str = "\
Examples:
    runbook note last --kind detected --at 14:05 \"the pager: checkout answers 500\"
    runbook note last --kind root-cause \"the pool had 5 connections for 20 workers\"
    runbook note last --kind action-item --owner ada --due 2026-06-01 \"alert on waiting connections\"
    runbook note last --corrects 12 --at 13:50 \"the first page was earlier\"

What is written stays: a correction is another note, which stands in the place of the first. A run that is going
on takes it up itself; else it is written at once, also long after the end.
";

const TIMELINES: &str = "\
Examples:
    runbook timeline last --follow            what happens in a run that is going on, until its end
    runbook timeline --incident INC-7         all runs of an incident, in one
    runbook timeline last --format csv        for a spreadsheet
    runbook timeline last --format otlp | curl -H 'Content-Type: application/json' -d @- HOST:4318/v1/traces
";

/// Runs operations runbooks: detects, repairs, proves, undoes, and writes the report.
#[derive(Debug, Parser)]
#[command(
    name = "runbook",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Begin with:\n  runbook exec incident/pool-exhaustion.yaml    rehearse an incident in the lab\n  runbook check                                 check all runbooks of the project",
    after_long_help = EXIT_CODES
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a runbook: detect, repair, prove, and write the report
    #[command(visible_alias = "run", after_help = EXIT_CODES)]
    Exec(Exec),
    /// Show what a runbook would do with these inputs, and with `--probe` what it would meet
    Plan(Plan),
    /// Go on with a run that was killed, held or interrupted
    #[command(after_help = EXIT_CODES)]
    Resume(Resume),
    /// Undo what a run did, also one that ended long ago
    #[command(after_help = EXIT_CODES)]
    Rollback(Rollback),
    /// Write into the timeline of a run what you know: when it was noticed, why, what is to be done
    #[command(after_help = NOTES)]
    Note(Note),
    /// Check runbooks and say all that is wrong, without running anything
    Check(Check),
    /// Say what runbooks do otherwise than at a commit of git, for whoever reviews the change
    #[command(after_help = "Exit codes: 0, or 1 if there is what `--fail-on` names.")]
    Review(Review),
    /// Say what differs in what two runbooks, revisions, plans or runs do
    #[command(after_help = "Exit codes: 0 if both do the same, 1 if not.")]
    Diff(Diff),
    /// Explain a code such as RB0101, or list all of them
    Explain(Explain),
    /// Write a new runbook to begin with
    New(New),
    /// Format runbooks and the project file
    Fmt(Fmt),
    /// List the runbooks of this project, with what calls for them and how they last ended
    List(List),
    /// List the runs of this project, the newest first, or remove old ones
    Runs(Runs),
    /// Compare all runs: how often, how they end, how long repairs take, what flaps, what is slow or never used
    Stats(Stats),
    /// Show what a runbook would do, or what happened in a run
    Show(Show),
    /// Watch a run that goes on elsewhere, or replay one that is over
    #[command(after_help = EXIT_CODES)]
    Watch(Watch),
    /// Tell what happened when, in a run or in all runs of an incident
    #[command(after_help = TIMELINES)]
    Timeline(Timeline),
    /// Print the report of a run
    Report(Report),
    /// Verify that the journal of a run was not changed
    Verify(Verify),
    /// Make a key that seals journals
    Seal(SealArgs),
    /// List the plugins of this project, or pin them
    Plugins(Plugins),
    /// List the locks that runs own, and who they are
    Locks(LocksArgs),
    /// Take a lock away from a run whose process is gone
    Unlock(Unlock),
    /// Start a practice system and keep it until Ctrl-C
    Lab(Lab),
    /// Print the JSON schema by which an editor completes and checks runbooks or the project file
    Schema(Schema),
    /// Print completions for a shell
    Completions(Completions),
    /// Print the manual page, or write one for each command
    Man(Man),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// Files or folders; without them all of `runbooks/`
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Check for this environment only; without it for every one of the project file
    #[arg(short, long, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// Also find runbooks that changed since this commit of git without a new version
    #[arg(long, value_name = "REF", value_hint = ValueHint::Other)]
    pub(crate) base: Option<String>,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: CheckFormat,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Show {
    /// A runbook: a file. Or a run: its name, a part of it, or `last`
    #[arg(value_name = "FILE|RUN", default_value = "last", value_hint = ValueHint::FilePath)]
    pub(crate) what: String,
    /// The environment of the project file that the runbook would run in
    #[arg(short, long, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// Show what this step of the run printed
    #[arg(long, value_name = "ID", conflicts_with = "env")]
    pub(crate) step: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Report {
    /// The run: its name, a part of it, or `last`
    #[arg(default_value = "last", conflicts_with = "incident")]
    pub(crate) run: String,
    /// All runs of this incident, in one report
    #[arg(
        long,
        value_name = "ID",
        value_parser = people::incident,
        value_hint = ValueHint::Other,
        conflicts_with_all = ["fill", "fill_from", "template"]
    )]
    pub(crate) incident: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
    /// Write it to this file instead
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Print it by this template in place of the project's; `default` is that of the program
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["fill", "fill_from"])]
    pub(crate) template: Option<String>,
    /// Ask for what is missing, in `$VISUAL`, `$EDITOR` or on the terminal, and note the answers in the run
    #[arg(long)]
    pub(crate) fill: bool,
    /// Note the answers in this file, or with `-` those on the input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) fill_from: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// The run: its name, a part of it, or `last`
    #[arg(default_value = "last")]
    pub(crate) run: String,
    /// The head that the run must end with, to find a tail that was cut off
    #[arg(long, value_name = "HASH")]
    pub(crate) head: Option<String>,
    /// Also compare with the heads that were written as notes of git onto the commit that the run was of
    #[arg(long)]
    pub(crate) git: bool,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Lab {
    /// The practice system to start
    #[arg(default_value = "codebase-mcp")]
    pub(crate) system: String,
    /// List the practice systems and what can be broken in them
    #[arg(long)]
    pub(crate) list: bool,
    /// Break it in this way; may be given several times
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<String>,
    /// Use this PostgreSQL database instead of SQLite; the variable named here holds its URL
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) postgres_from: Option<String>,
    /// Listen on this address; without it on a free port of the loopback
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// How large its pool is
    #[arg(long, value_name = "CONNECTIONS")]
    pub(crate) pool_size: Option<u32>,
    /// How many connections are leaked
    #[arg(long, value_name = "CONNECTIONS")]
    pub(crate) leaked: Option<u32>,
    /// How many sessions are really working
    #[arg(long, value_name = "SESSIONS")]
    pub(crate) busy: Option<u32>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Schema {
    /// What the schema is for
    #[arg(value_enum, default_value_t)]
    pub(crate) of: SchemaOf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// For comments and pages
    Markdown,
    /// For programs
    Json,
    /// The graph, as GitHub and GitLab draw it in Markdown
    Mermaid,
    /// The graph, for Graphviz
    Dot,
    /// The graph, as a picture
    Svg,
}

impl From<Format> for PlanFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Runbooks
    #[default]
    Runbook,
    /// The project file, `runbook.config.yaml`
    Config,
    /// A line of a run's journal
    Journal,
    /// What `runbook stats --format json` prints
    Stats,
    /// What `runbook report --format json` prints
    Report,
    /// All keys of runbooks and the project file, as a page in Markdown
    Reference,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// Annotations, for GitHub Actions
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for the test reports of CI servers
    Junit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Markdown
    #[default]
    Md,
    /// A page with pictures, in one file that needs nothing else
    Html,
    /// The same page made for paper: light, with all open that opens
    PdfReady,
    /// The facts, for programs
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Args::command().debug_assert();
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        for outcome in runbook_event::Outcome::ALL {
            let line = format!(
                "{:>5}  {:<15}  {}",
                outcome.exit_code(),
                outcome.word(),
                outcome.meaning()
            );
            assert!(super::EXIT_CODES.contains(&line), "{line}");
        }
    }
}
