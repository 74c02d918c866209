//! What was found out about statements, in words.

use runbook_action::{Mark, Preview, PreviewLine, Sounding};

use super::Verb;
use crate::job::Job;

/// Why nothing is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doubt {
    /// The statement that is in the way.
    pub(super) index: usize,
    pub(super) why: String,
}

/// What was found out about one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It was tried.
    Rows(Verb, u64),
    /// The database prepared it, and it only reads.
    Reads,
    /// The database prepared it.
    Accepted,
    /// The database read it, and looked at nothing that it names.
    Grammar,
    /// It cannot be prepared before another one is run.
    Later,
    /// The database was not asked.
    NotAsked,
}

impl Found {
    fn words(self) -> String {
        match self {
            Self::Rows(verb, count) => rows(verb, count),
            Self::Reads => "changes nothing".to_owned(),
            Self::Accepted => "the database would take it".to_owned(),
            Self::Grammar => "only its grammar was checked".to_owned(),
            Self::Later => "cannot be checked before what stands before it is done".to_owned(),
            Self::NotAsked => "was not checked".to_owned(),
        }
    }
}

pub(super) fn preview(found: &[Found], doubt: Option<&Doubt>, job: &Job<'_>) -> Preview {
    let line = |(index, found): (usize, &Found)| {
        PreviewLine::new(Mark::Note, format!("{}: {}", index + 1, found.words()))
    };
    let is_one = found.len() == 1;
    Preview {
        summary: job.call.mask(&summary(found, doubt)),
        sounding: match doubt {
            Some(_) => Sounding::Accepted,
            None => Sounding::Tried,
        },
        lines: if is_one {
            Vec::new()
        } else {
            found.iter().enumerate().map(line).collect()
        },
    }
}

fn summary(found: &[Found], doubt: Option<&Doubt>) -> String {
    let (Some(doubt), [one]) = (doubt, found) else {
        return match doubt {
            Some(Doubt { index, why }) => {
                format!("only checked, not tried: statement {}: {why}", index + 1)
            }
            None => all(found),
        };
    };
    match one {
        Found::Grammar => format!(
            "only its grammar was checked, for the database looks at nothing else before it runs: {}",
            doubt.why
        ),
        Found::Rows(..) | Found::Reads | Found::Accepted | Found::Later | Found::NotAsked => {
            format!("only checked, not tried: {}", doubt.why)
        }
    }
}

fn all(found: &[Found]) -> String {
    if let [one] = found {
        return one.words();
    }
    let count = found.iter().map(|found| match found {
        Found::Rows(_, count) => *count,
        Found::Reads | Found::Accepted | Found::Grammar | Found::Later | Found::NotAsked => 0,
    });
    rows(Verb::Merge, count.fold(0, u64::saturating_add))
}

fn rows(verb: Verb, count: u64) -> String {
    let rows = match count {
        0 => "no rows".to_owned(),
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    };
    match verb {
        Verb::Insert => format!("would add {rows}"),
        Verb::Upsert => format!("would add or change {rows}"),
        Verb::Delete => format!("would delete {rows}"),
        Verb::Update | Verb::Merge => format!("{rows} would change"),
    }
}
