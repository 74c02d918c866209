//! What a run is for programs. `schemas/report.schema.json` is made from these types.

use indexmap::IndexMap;
use jiff::Timestamp;
use jiff::civil::Date;
use runbook_action::{Effect, Failure, Stream};
use runbook_event::{
    Commit, NoteKind, Outcome, Promise, RunResumed, RunbookRef, SkipReason, Stop, Verdict, Wanted, Who,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A run: what it was, how it went, what people say of it, and what proves it.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "A report of `runbook`")]
pub(super) struct Report<'a> {
    /// The run's name.
    pub(super) run: &'a str,
    /// The version of the journal's format.
    pub(super) format: u32,
    /// The engine's version.
    pub(super) engine: &'a str,
    /// The runbook.
    pub(super) runbook: &'a RunbookRef,
    /// The plan's digest: SHA-256 in hexadecimal.
    pub(super) plan: &'a str,
    /// The environment of the project file, if one was chosen.
    pub(super) environment: Option<&'a str>,
    /// The practice system that stood in for the real one, if one did.
    pub(super) practice: Option<&'a str>,
    /// The incident that the run is a part of.
    pub(super) incident: Option<&'a str>,
    /// What the project promises for the severity, where it does.
    pub(super) promise: Option<Promise>,
    /// Where each connection leads, without credentials.
    pub(super) connections: &'a IndexMap<String, String>,
    /// The inputs, with secret ones masked.
    pub(super) inputs: &'a IndexMap<String, Value>,
    /// Who started it, and where.
    pub(super) who: &'a Who,
    /// What was asked for on the command line beyond the runbook.
    pub(super) wanted: &'a Wanted,
    /// What it owned while it ran.
    pub(super) locks: &'a [String],
    /// The commit of the repository, and whether files differed from it.
    pub(super) commit: Option<&'a Commit>,
    /// The texts that decided it: name and SHA-256 in hexadecimal.
    pub(super) pinned: &'a IndexMap<String, String>,
    /// How it ended. Null if no record says so.
    pub(super) outcome: Option<Outcome>,
    /// The exit code of its outcome.
    pub(super) exit_code: Option<u8>,
    /// When it began.
    pub(super) started_at: Timestamp,
    /// When it ended.
    pub(super) ended_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub(super) elapsed_ms: Option<u64>,
    /// What stopped it last.
    pub(super) stop: Option<&'a Stop>,
    /// How many of its steps are done.
    pub(super) steps_done: usize,
    /// How many there are.
    pub(super) steps_total: usize,
    /// The times of the incident, as far as they are known: `impact_start`, `detected`, `acknowledged`, `mitigated`,
    /// `resolved`.
    pub(super) times: IndexMap<&'static str, Option<Time>>,
    /// How long it took from one of them to another.
    pub(super) measures: Vec<Measured>,
    /// What is asked of people and not answered yet.
    pub(super) missing: Vec<Missing>,
    /// What people wrote, also what was corrected later.
    pub(super) notes: Vec<Noted<'a>>,
    /// From a beginning of the run to its end or to where it went on.
    pub(super) sessions: Vec<Session<'a>>,
    /// Its steps, in the author's order, what stands within one after it.
    pub(super) steps: Vec<Step<'a>>,
    /// The steps that may have changed something, in the order in which they did.
    pub(super) changed: Vec<&'a str>,
    /// The steps whose undo began, in that order.
    pub(super) undone: Vec<&'a str>,
    /// The steps that were attempted, and are neither undone nor to be.
    pub(super) kept: Vec<Kept<'a>>,
    /// The steps whose undo a person must finish.
    pub(super) by_hand: Vec<&'a str>,
    /// What a person must say before the run can go on.
    pub(super) doubts: Vec<Doubted>,
    /// What is to be known of the run, and changed nothing.
    pub(super) notices: Vec<Value>,
    /// Its checks, in the order in which they were first asked.
    pub(super) checks: Vec<Check<'a>>,
    /// What proves it.
    pub(super) evidence: Proof<'a>,
}

/// A time of the incident.
#[derive(Serialize, JsonSchema)]
pub(super) struct Time {
    /// When.
    pub(super) at: Timestamp,
    /// The `seq` of the note that says so. Null if the run itself shows it.
    pub(super) note: Option<u64>,
}

/// How long something took.
#[derive(Serialize, JsonSchema)]
pub(super) struct Measured {
    /// `ttd`, `tta`, `ttm` or `ttr`.
    pub(super) name: &'static str,
    /// The name of the time that it is measured from.
    pub(super) from: &'static str,
    /// The name of the time that it is measured to.
    pub(super) to: &'static str,
    /// How long, in milliseconds. Null if it is not known.
    pub(super) ms: Option<u64>,
    /// How long at least, where one of the times is not known and the run alone took so long.
    pub(super) at_least_ms: Option<u64>,
    /// What is promised, in milliseconds.
    pub(super) promised_ms: Option<u64>,
    /// Whether that was kept. Null if nothing is promised, or if nobody can tell.
    pub(super) kept: Option<bool>,
}

/// A question that nobody has answered yet.
#[derive(Serialize, JsonSchema)]
pub(super) struct Missing {
    /// The kind of note that answers it.
    pub(super) kind: NoteKind,
    /// What it is about.
    pub(super) title: &'static str,
    /// The question.
    pub(super) asks: &'static str,
}

/// What a person wrote.
#[derive(Serialize, JsonSchema)]
pub(super) struct Noted<'a> {
    /// The `seq` of its record.
    pub(super) seq: u64,
    /// When it was written.
    pub(super) at: Timestamp,
    /// When it was so, as its author claims.
    pub(super) happened_at: Option<Timestamp>,
    /// What it is about.
    pub(super) kind: NoteKind,
    /// That person's words.
    pub(super) text: &'a str,
    /// Who wrote it.
    pub(super) by: &'a runbook_event::Author,
    /// The `seq` of the note in whose place it stands.
    pub(super) corrects: Option<u64>,
    /// The `seq` of the note that stands in its place.
    pub(super) corrected_by: Option<u64>,
    /// Who is to do it.
    pub(super) owner: Option<&'a str>,
    /// By when.
    pub(super) due: Option<Date>,
}

/// From a beginning of the run, or from where it went on, to its end or the next of these.
#[derive(Serialize, JsonSchema)]
pub(super) struct Session<'a> {
    /// When it began.
    pub(super) at: Timestamp,
    /// How the run went on. Null for the first.
    pub(super) resumed: Option<&'a RunResumed>,
    /// What stopped it.
    pub(super) stop: Option<&'a Stop>,
    /// How it ended.
    pub(super) outcome: Option<Outcome>,
    /// When it ended.
    pub(super) ended_at: Option<Timestamp>,
}

/// A step, or one turn of it.
#[derive(Serialize, JsonSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "the members have these names in the JSON"
)]
pub(super) struct Step<'a> {
    /// Its id in the run: that of the step, with the sub-runbooks and loops around it.
    pub(super) id: &'a str,
    /// Its title.
    pub(super) title: &'a str,
    /// `steps`, `finally` or `undo`.
    pub(super) section: &'static str,
    /// The phase of the incident that its author gave it.
    pub(super) phase: Option<&'a str>,
    /// The kind of its action.
    pub(super) kind: &'a str,
    /// Its effect.
    pub(super) effect: Effect,
    /// What it does, in one line.
    pub(super) summary: &'a str,
    /// The connection that it goes through.
    pub(super) target: Option<&'a str>,
    /// The environment variables that its author gives it, masked.
    pub(super) env: Option<&'a IndexMap<String, String>>,
    /// Where it stands: `pending`, `running`, `done`, `failed`, `skipped` and so on.
    pub(super) status: &'static str,
    /// How often its action was started.
    pub(super) attempts: u32,
    /// Whether it may have changed something.
    pub(super) changed: bool,
    /// When its turn came.
    pub(super) started_at: Option<Timestamp>,
    /// When it was settled.
    pub(super) ended_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub(super) elapsed_ms: Option<u64>,
    /// Why it was not run.
    pub(super) skipped: Option<&'a SkipReason>,
    /// The same for people.
    pub(super) why_skipped: Option<String>,
    /// What a person was asked.
    pub(super) asked: Option<&'a str>,
    /// What that person said.
    pub(super) approval: Option<Approval<'a>>,
    /// What was kept for its undo.
    pub(super) before: &'a IndexMap<String, Value>,
    /// What its undo puts back, in one line.
    pub(super) inverse: Option<&'a str>,
    /// What its `capture` gave.
    pub(super) captures: &'a IndexMap<String, Value>,
    /// What told, after a crash, that its action had happened.
    pub(super) adopted: Option<&'a str>,
    /// What is known of it, where nobody can tell.
    pub(super) doubt: Option<&'a str>,
    /// Whether it took longer than its `timeout`.
    pub(super) timed_out: bool,
    /// Why it failed.
    pub(super) failure: Option<&'a Failure>,
    /// Its id in the runbook.
    pub(super) step: &'a str,
    /// The id of the step that it stands within.
    pub(super) within: Option<&'a str>,
    /// Which turn of a loop it is: `key` and `item`, or `round`.
    pub(super) turn: Option<Turn<'a>>,
    /// The sub-runbook that is its work.
    pub(super) runbook: Option<SubRunbook<'a>>,
    /// How it is undone, and what became of that.
    pub(super) undo: Undo<'a>,
}

/// Which turn of a loop a step is.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Turn<'a> {
    /// One item of a list.
    Item {
        /// What the item is called.
        key: &'a str,
        /// Its value.
        item: &'a Value,
    },
    /// One more round.
    Round {
        /// Which, from 1.
        round: u32,
    },
}

/// What a person said who was asked.
#[derive(Serialize, JsonSchema)]
pub(super) struct Approval<'a> {
    /// Whether the step may run.
    pub(super) approved: bool,
    /// Who answered.
    pub(super) by: &'a str,
    /// How.
    pub(super) how: &'a str,
}

/// A sub-runbook that was the work of a step.
#[derive(Serialize, JsonSchema)]
pub(super) struct SubRunbook<'a> {
    /// Which.
    pub(super) runbook: &'a RunbookRef,
    /// What it was given.
    pub(super) inputs: Option<&'a IndexMap<String, Value>>,
    /// What stopped it.
    pub(super) stop: Option<&'a Stop>,
    /// How it ended.
    pub(super) outcome: Option<Outcome>,
}

/// How a step is undone, and what became of that.
#[derive(Serialize, JsonSchema)]
pub(super) struct Undo<'a> {
    /// Where it stands.
    pub(super) status: &'static str,
    /// `rollback`, `steps`, `within`, `irreversible`, `not_needed` or `undeclared`.
    pub(super) how: &'static str,
    /// What it does, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<&'a str>,
    /// The steps that undo it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<&'a str>,
    /// What is lost, in the author's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<&'a str>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ended_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) elapsed_ms: Option<u64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<&'a Failure>,
    /// What was to be done, of an undo that failed, as rendered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) params: Option<&'a Value>,
    /// Its environment variables, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) env: Option<&'a IndexMap<String, String>>,
}

/// What was attempted, and is neither undone nor to be.
#[derive(Serialize, JsonSchema)]
pub(super) struct Kept<'a> {
    /// The step.
    pub(super) step: &'a str,
    /// Why.
    pub(super) why: String,
}

/// A step of which nobody can tell whether it, or its undo, has happened.
#[derive(Serialize, JsonSchema)]
pub(super) struct Doubted {
    /// The step.
    pub(super) step: String,
    /// Whether it is the step's undo.
    pub(super) undoing: bool,
    /// What is known.
    pub(super) detail: String,
    /// The command that says what is so.
    pub(super) assume: String,
    /// The command that runs it again.
    pub(super) retry: String,
}

/// A check.
#[derive(Serialize, JsonSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "the members have these names in the JSON"
)]
pub(super) struct Check<'a> {
    /// The step whose sub-runbook it belongs to.
    pub(super) within: Option<&'a str>,
    /// What it is asked for.
    pub(super) role: &'static str,
    /// The step that it belongs to.
    pub(super) step: Option<&'a str>,
    /// Its id among the checks of that role.
    pub(super) check: &'a str,
    /// Its title.
    pub(super) title: String,
    /// How it was decided.
    pub(super) verdict: Option<Verdict>,
    /// How often it was asked.
    pub(super) asked: u32,
    /// What its `capture` gave.
    pub(super) values: &'a IndexMap<String, Value>,
    /// The first reading, the last, and those that changed the verdict.
    pub(super) readings: Vec<Read<'a>>,
}

/// A reading of a check.
#[derive(Serialize, JsonSchema)]
pub(super) struct Read<'a> {
    /// When it was taken.
    pub(super) at: Timestamp,
    /// Which reading of the check, from 1.
    pub(super) number: u32,
    /// What it means.
    pub(super) verdict: Verdict,
    /// The same, or `warn` for a row of a table that passes with a warning.
    pub(super) result: &'static str,
    /// How many passes in a row.
    pub(super) streak: u32,
    /// The number to draw.
    pub(super) value: Option<&'a Value>,
    /// What was compared, or why it could not be asked.
    pub(super) detail: &'a str,
}

/// What proves a report.
#[derive(Serialize, JsonSchema)]
pub(super) struct Proof<'a> {
    /// The hash of the journal's last line.
    pub(super) head: &'a str,
    /// How many records there are.
    pub(super) records: usize,
    /// What programs printed.
    pub(super) output: Vec<Printed<'a>>,
}

/// What a program printed on one stream.
#[derive(Serialize, JsonSchema)]
pub(super) struct Printed<'a> {
    /// The step.
    pub(super) step: &'a str,
    /// What of it.
    pub(super) part: String,
    /// The stream.
    pub(super) stream: Stream,
    /// How much, in bytes.
    pub(super) bytes: u64,
    /// SHA-256 of those bytes, in hexadecimal.
    pub(super) sha256: &'a str,
    /// The file that holds it, relative to the run's directory. Null if it is in the journal.
    pub(super) file: Option<&'a str>,
}
