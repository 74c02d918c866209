//! The arguments of `runbook runs`, `runbook stats` and `runbook seal`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand, ValueEnum, ValueHint};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use runbook_action::schema::duration::parse_duration;
use runbook_event::Outcome;

use super::Format;
use super::list::label;

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Runs {
    #[command(subcommand)]
    pub(crate) what: Option<RunsWhat>,
    /// Only those of this runbook; may be given several times
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) runbook: Vec<String>,
    /// Only those that ended so, or are `running`, `killed` or `unreadable`; may be given several times
    #[arg(long, value_name = "OUTCOME", value_parser = ended, value_hint = ValueHint::Other)]
    pub(crate) outcome: Vec<Ended>,
    /// Only those that are going on
    #[arg(long)]
    pub(crate) running: bool,
    /// Only those that began then or later: `7d`, `2026-05-04` or `2026-05-04T10:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = When::read, value_hint = ValueHint::Other)]
    pub(crate) since: Option<When>,
    /// Only those that began before then; a day counts to its end
    #[arg(long, value_name = "TIME", value_parser = When::read, value_hint = ValueHint::Other)]
    pub(crate) until: Option<When>,
    /// Only those whose runbook had this label; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = label, value_hint = ValueHint::Other)]
    pub(crate) label: Vec<(String, String)>,
    /// Only those that ran in this environment
    #[arg(short, long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) env: Option<String>,
    /// Only those of this incident
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) incident: Option<String>,
    /// List what is kept of the runs that were pruned instead
    #[arg(long, conflicts_with = "running")]
    pub(crate) pruned: bool,
    /// How many to list; 0 lists all
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) limit: usize,
    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsWhat {
    /// Remove runs that were kept long enough; a line of each stays. Without `--yes` it only says which
    Prune(Prune),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Prune {
    /// Keep runs that ended within this time, such as `90d`; without it what `report.keep` of the project file says
    #[arg(long, value_name = "TIME", value_parser = time, value_hint = ValueHint::Other)]
    pub(crate) keep: Option<Duration>,
    /// Keep the last runs of each runbook, so many of them, however old they are
    #[arg(long, value_name = "NUMBER")]
    pub(crate) keep_last: Option<usize>,
    /// Remove them
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Also remove runs whose rollback failed
    #[arg(long)]
    pub(crate) force: bool,
    /// How to print what goes and what stays
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Stats {
    /// Only of this runbook
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) runbook: Option<String>,
    /// Only runs that began then or later: `90d`, `2026-05-04` or `2026-05-04T10:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = When::read, value_hint = ValueHint::Other)]
    pub(crate) since: Option<When>,
    /// Only runs that began before then; a day counts to its end
    #[arg(long, value_name = "TIME", value_parser = When::read, value_hint = ValueHint::Other)]
    pub(crate) until: Option<When>,
    /// Count runs on practice systems as all others, and not only as rehearsals
    #[arg(long)]
    pub(crate) practice: bool,
    /// After how many days without a run or a rehearsal a runbook is stale
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub(crate) stale: u32,
    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: StatsFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum StatsFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// A page with plots, in one file
    Html,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SealArgs {
    #[command(subcommand)]
    pub(crate) what: SealWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SealWhat {
    /// Write a new private key into a file that only you can read, and print its public key
    Keygen {
        /// The file. It must not be there
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    So(Outcome),
    Running,
    Killed,
    Unreadable,
}

fn ended(text: &str) -> Result<Ended, String> {
    let word = text.replace('-', "_");
    if let Some(outcome) = Outcome::ALL.into_iter().find(|outcome| outcome.word() == word) {
        return Ok(Ended::So(outcome));
    }
    match word.as_str() {
        "running" => Ok(Ended::Running),
        "killed" => Ok(Ended::Killed),
        "unreadable" => Ok(Ended::Unreadable),
        _ => {
            let words: Vec<&str> = Outcome::ALL.into_iter().map(Outcome::word).collect();
            Err(format!(
                "it is one of {}, running, killed, unreadable",
                words.join(", ")
            ))
        }
    }
}

fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write it as `90d`, `12h` or `30m`".to_owned())
}

/// A time as people give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    At(Timestamp),
    /// A day, in UTC.
    On(Date),
    Ago(Duration),
}

impl When {
    fn read(text: &str) -> Result<Self, String> {
        if let Some(ago) = parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        match text.parse::<Date>() {
            // A date with a time and without a zone would be read as its day.
            Ok(day) if text.len() <= 10 => Ok(Self::On(day)),
            Ok(_) | Err(_) => Err("write it as `7d`, `2026-05-04` or `2026-05-04T10:00:00Z`".to_owned()),
        }
    }

    /// From when on runs count.
    pub(crate) fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::On(day) => midnight(day),
            Self::Ago(ago) => before(now, ago),
        }
    }

    /// Until when runs count: of a day all of it.
    pub(crate) fn until(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::On(day) => midnight(day.checked_add(1.day()).unwrap_or(day)),
            Self::Ago(ago) => before(now, ago),
        }
    }
}

fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC)
        .map_or(Timestamp::MIN, |midnight| midnight.timestamp())
}

/// So long before; the beginning of all time where that would be before it.
pub(crate) fn before(now: Timestamp, ago: Duration) -> Timestamp {
    SignedDuration::try_from(ago)
        .ok()
        .and_then(|ago| now.checked_sub(ago).ok())
        .unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Timestamp = "2026-05-04T10:00:00Z".parse().unwrap();
        let read = |text: &str| When::read(text).unwrap();
        let told = |text: &str| {
            (
                read(text).from(now).to_string(),
                read(text).until(now).to_string(),
            )
        };
        let same = |at: &str| (at.to_owned(), at.to_owned());
        assert_eq!(told("7d"), same("2026-04-27T10:00:00Z"));
        assert_eq!(told("2026-05-01T08:00:00+02:00"), same("2026-05-01T06:00:00Z"));
        let day = (
            "2026-05-01T00:00:00Z".to_owned(),
            "2026-05-02T00:00:00Z".to_owned(),
        );
        assert_eq!(told("2026-05-01"), day);
        for bad in ["", "yesterday", "7", "2026-05-01T08:00:00", "2026-13-01"] {
            assert!(When::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_end_of_a_run_has_a_word() {
        for outcome in Outcome::ALL {
            assert_eq!(ended(outcome.word()), Ok(Ended::So(outcome)));
        }
        assert_eq!(ended("rolled-back"), Ok(Ended::So(Outcome::RolledBack)));
        assert_eq!(ended("killed"), Ok(Ended::Killed));
        assert!(ended("fine").unwrap_err().contains("resolved, "));
    }
}
