//! What is known of many runs, as it is told: the JSON of `runbook stats`, from which all else is drawn.

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_event::Outcome;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Value, json};

/// What is known of many runs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Statistics {
    /// When it was asked for: what ages are counted from.
    pub as_of: Timestamp,
    /// Runs that began before this are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Runs that began then or later are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// After how many days without a run or a rehearsal a runbook is stale.
    pub stale_after_days: u32,
    /// Whether runs on practice systems are counted as all others.
    pub practice_counts: bool,
    /// All runs that were looked at.
    pub runs: Totals,
    /// The runbooks, by name: those of the project, and those that runs were of.
    pub runbooks: Vec<Runbook>,
}

/// How many runs were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// Runs that figures are made of.
    pub counted: u64,
    /// How many of these were pruned since: they count in everything but gates, steps and undos.
    pub pruned: u64,
    /// Runs on practice systems, which are counted only as rehearsals.
    pub rehearsals: u64,
    /// Runs that cannot be read, and are in no figure.
    pub unreadable: u64,
}

/// What is known of the runs of one runbook.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Runbook {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its file. None if the project has none of this name any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How often it was run.
    pub runs: u64,
    /// How the runs ended, the most frequent first. `running` and `killed` are those without an end.
    pub outcomes: IndexMap<String, u64>,
    /// How many of its runs had something to do and are over: all but `not_needed`, `waiting`, and those without an end.
    pub tried: u64,
    /// How many of these were resolved.
    pub resolved: u64,
    /// The part of these that was resolved, from 0 to 1. None if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_rate: Option<f64>,
    /// How long repairs took.
    pub repair: Repair,
    /// The checks of its runs, in the order in which they were first asked.
    pub gates: Vec<Gate>,
    /// The steps of its runs, those of the current runbook first, in its order.
    pub steps: Vec<Step>,
    /// The steps of the current runbook that no run has come to.
    pub never_used: Vec<Unused>,
    /// What was undone.
    pub undos: Vec<Undo>,
    /// Its last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<Last>,
    /// Its last run on a practice system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_rehearsal: Option<Last>,
    /// Whether somebody has tried it lately.
    pub freshness: Freshness,
    /// For how many days nobody has run or rehearsed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_since: Option<i64>,
}

/// How long repairs took: from when it was detected, as people noted that, or else from the run's beginning, until it was
/// resolved, as people noted that, or else until the run's end. By the clock on the wall, so with all waiting. Only runs
/// that were resolved count.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Repair {
    /// All of them. None if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<Spread>,
    /// The newer half against the older half, with at least four.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// Over time, the oldest first: days, weeks or months, with those between that have no run.
    pub periods: Vec<Period>,
}

/// How some lengths of time are spread. Each is one that was measured: the least that so many of them do not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Spread {
    /// How many there are.
    pub count: u64,
    /// What half of them do not exceed, in milliseconds.
    pub median_ms: u64,
    /// What nine of ten do not exceed, in milliseconds.
    pub p90_ms: u64,
    /// The longest, in milliseconds.
    pub longest_ms: u64,
}

/// The newer half against the older half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// The median of the older half, in milliseconds.
    pub older_ms: u64,
    /// The median of the newer half, in milliseconds.
    pub newer_ms: u64,
    /// By how many percent the newer is longer; less than 0 if it is shorter.
    pub percent: i64,
}

/// What began in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Period {
    /// Its beginning.
    pub from: Timestamp,
    /// How it is called: `2026-05-04`, `2026-05`.
    pub label: String,
    /// How many runs had something to do and are over.
    pub tried: u64,
    /// How many of these were resolved.
    pub resolved: u64,
    /// The median of their repairs, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_ms: Option<u64>,
}

/// A check, over all runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gate {
    /// What it is asked for: `gate`, `verify`, `require`.
    pub role: String,
    /// The step that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Its id.
    pub check: String,
    /// How often it was decided.
    pub decided: u64,
    /// How often it passed.
    pub passed: u64,
    /// In how many of these it had passed before and then did not, without being decided: it flapped.
    pub flapped: u64,
    /// How often that was, all together.
    pub flaps: u64,
    /// How many readings half of those that passed needed at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readings_median: Option<u64>,
    /// How many readings nine of ten of those that passed needed at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readings_p90: Option<u64>,
    /// Whether half of them needed at least five readings more than `consecutive` demands.
    pub needs_many: bool,
    /// How long deciding took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Spread>,
}

/// A step, over all runs and all its instances.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Step {
    /// Its id, after those of the sub-runbooks around it.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whether the current runbook has it.
    pub current: bool,
    /// In how many runs its turn came.
    pub used: u64,
    /// How often it was done.
    pub done: u64,
    /// How often it failed.
    pub failed: u64,
    /// How often it was skipped.
    pub skipped: u64,
    /// How often its action was tried once more.
    pub retries: u64,
    /// How long it took: its attempts, the time between them, and its checks; not the time in which people were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Spread>,
    /// Its part of the time that all steps of this runbook took, from 0 to 1.
    pub share: f64,
}

/// A step that no run has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unused {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How often it was skipped.
    pub skipped: u64,
    /// Why it mostly was: `when`, `not chosen`, `not needed`, `not approved`, `left out`, `stopped`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The undoing of a step, over all runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Undo {
    /// The step.
    pub step: String,
    /// How often it was undone.
    pub undone: u64,
    /// How often that failed.
    pub failed: u64,
}

/// A run that was the last of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Last {
    /// Its name.
    pub run: String,
    /// When it began.
    pub at: Timestamp,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// Whether somebody has tried a runbook lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// It was run or rehearsed lately.
    Fresh,
    /// It was run or rehearsed, and that is long ago.
    Stale,
    /// It was neither run nor rehearsed.
    NeverRun,
    /// The project has no such runbook any more.
    Gone,
}

impl Freshness {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::NeverRun => "never run",
            Self::Gone => "gone",
        }
    }
}

/// The schema (draft 2020-12) of [`Statistics`].
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<Statistics>()
        .to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert(
            "title".to_owned(),
            json!("What `runbook stats --format json` prints"),
        );
    }
    schema
}
