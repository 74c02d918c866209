//! The arguments of the commands that compare what runbooks do.

use clap::{Args as ClapArgs, ValueEnum, ValueHint};

#[derive(Debug, ClapArgs)]
pub(crate) struct Review {
    /// The commit of git to compare with: what the runbooks were where this work branched off from it
    #[arg(long, value_name = "REF", value_hint = ValueHint::Other)]
    pub(crate) base: String,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReviewFormat,
    /// What ends with exit code 1
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) fail_on: FailOn,
    /// The most characters of a comment in Markdown
    #[arg(long, value_name = "NUMBER", default_value_t = runbook_review::comment::LIMIT, value_parser = clap::value_parser!(usize))]
    pub(crate) limit: usize,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Diff {
    /// What it was: a runbook, one at a commit (`REF:PATH`), a plan that was kept as JSON, or a run
    #[arg(value_name = "BEFORE", value_hint = ValueHint::FilePath)]
    pub(crate) before: String,
    /// What it is, in the same ways
    #[arg(value_name = "AFTER", value_hint = ValueHint::FilePath)]
    pub(crate) after: String,
    /// The environment of the project file to look at runbooks in
    #[arg(short, long, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReviewFormat,
}

/// How a comparison is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ReviewFormat {
    /// For people
    #[default]
    Text,
    /// For a comment on a change
    Markdown,
    /// For programs
    Json,
}

/// What a review must not let pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum FailOn {
    /// Nothing: people decide
    #[default]
    Never,
    /// What takes a protection away, does more, or reaches further
    Alarms,
    /// Whatever does something else
    Changes,
}
