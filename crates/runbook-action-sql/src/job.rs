//! Statements that are ready to be run.

use std::time::Duration;

use runbook_action::{Call, ErrorKind, Failure};

use crate::bind::Bound;
use crate::failure::Place;
use crate::part::Part;
use crate::statement::{Statement, Values};

/// Statements, ready to be run.
pub(crate) struct Job<'a> {
    pub(crate) statement: &'a Statement<'a>,
    pub(crate) values: Values,
    /// How long each of them may take.
    pub(crate) limit: Option<Duration>,
    pub(crate) read_only: bool,
    pub(crate) call: Call<'a>,
    pub(crate) place: Place<'a>,
}

impl Job<'_> {
    /// The values of a statement, in the order of their numbers.
    pub(crate) fn values_of<'p>(&self, part: &'p Part) -> Vec<(&'p str, &Bound)> {
        self.in_order(part.names.iter())
    }

    /// The values of a statement, one for each place.
    pub(crate) fn values_in_places<'p>(&self, part: &'p Part) -> Vec<(&'p str, &Bound)> {
        self.in_order(part.places.iter())
    }

    fn in_order<'p>(&self, names: impl Iterator<Item = &'p String>) -> Vec<(&'p str, &Bound)> {
        names
            .filter_map(|name| self.values.get(name).map(|bound| (name.as_str(), bound)))
            .collect()
    }

    /// Refuses to have changed more rows than it may.
    pub(crate) fn is_within(&self, affected: u64) -> Result<(), Failure> {
        match self.statement.max_rows {
            Some(max) if affected > max => Err(Failure::new(
                ErrorKind::Other,
                format!(
                    "would have changed {affected} rows where at most {max} were expected; it was rolled back"
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// A failure of one of several statements.
    pub(crate) fn of_part(&self, part: &Part, failure: Failure) -> Failure {
        match self.statement.parts.len() {
            0 | 1 => failure,
            count => Failure {
                message: format!("statement {} of {count}: {}", part.index + 1, failure.message),
                ..failure
            },
        }
    }

    /// That it was stopped.
    pub(crate) fn cancelled(&self) -> Failure {
        let failure = Failure::new(ErrorKind::Cancelled, "the statement was stopped before it ended");
        if self.statement.analysis.only_reads() {
            failure
        } else {
            failure.maybe_applied()
        }
    }

    /// That it took too long.
    pub(crate) fn too_long(&self) -> Failure {
        Failure {
            kind: ErrorKind::Timeout,
            message: "the statement took longer than it may".to_owned(),
            ..self.cancelled()
        }
    }

    /// A failure of its execution.
    pub(crate) fn failed(&self, error: &sqlx::Error) -> Failure {
        self.place.failed(error, self.statement.analysis.only_reads())
    }
}
