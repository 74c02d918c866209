//! The arguments of the commands for what people know of a run: `note` and `timeline`.

use clap::{Args as ClapArgs, ValueEnum, ValueHint};
use runbook_event::{NoteKind, Phase};

use super::Format;

#[derive(Debug, ClapArgs)]
pub(crate) struct Note {
    /// The run: its name, a part of it, or `last`
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) run: String,
    /// What you know, in your words; `-` reads them from the input
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) text: String,
    /// When it was so: `10m ago`, `14:05`, or with date and offset; without an offset it is UTC
    #[arg(long, value_name = "TIME", value_hint = ValueHint::Other)]
    pub(crate) at: Option<String>,
    /// What it is about
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
    /// Stand in the place of an earlier note, whose number this is
    #[arg(long, value_name = "N", value_hint = ValueHint::Other)]
    pub(crate) corrects: Option<u64>,
    /// Who is to do it, for an action item or a follow-up
    #[arg(long, value_name = "WHO", value_hint = ValueHint::Other)]
    pub(crate) owner: Option<String>,
    /// By which day, for an action item or a follow-up: `2026-05-04`
    #[arg(long, value_name = "DATE", value_hint = ValueHint::Other)]
    pub(crate) due: Option<String>,
    /// How to print where it stands
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// When it was noticed that something is wrong
    Detected,
    /// When somebody took it on
    Acknowledged,
    /// When it began to hurt
    ImpactStart,
    /// When it stopped hurting
    Mitigated,
    /// When it was over
    Resolved,
    /// Why it could happen
    RootCause,
    /// What set it off
    Trigger,
    /// Whom it hurt, and how
    Impact,
    /// What went well
    WentWell,
    /// What did not
    WentWrong,
    /// Where it was luck
    Lucky,
    /// What was learnt
    Lesson,
    /// What is to be done so that it does not happen again
    ActionItem,
    /// What else is to be looked after
    FollowUp,
    /// What it was, in a few sentences
    Summary,
    /// Anything else
    Note,
}

impl From<Kind> for NoteKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Detected => Self::Detected,
            Kind::Acknowledged => Self::Acknowledged,
            Kind::ImpactStart => Self::ImpactStart,
            Kind::Mitigated => Self::Mitigated,
            Kind::Resolved => Self::Resolved,
            Kind::RootCause => Self::RootCause,
            Kind::Trigger => Self::Trigger,
            Kind::Impact => Self::Impact,
            Kind::WentWell => Self::WentWell,
            Kind::WentWrong => Self::WentWrong,
            Kind::Lucky => Self::Lucky,
            Kind::Lesson => Self::Lesson,
            Kind::ActionItem => Self::ActionItem,
            Kind::FollowUp => Self::FollowUp,
            Kind::Summary => Self::Summary,
            Kind::Note => Self::Note,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Timeline {
    /// The run: its name, a part of it, or `last`
    #[arg(default_value = "last", conflicts_with = "incident", value_hint = ValueHint::Other)]
    pub(crate) run: String,
    /// All runs of this incident, in one
    #[arg(long, value_name = "ID", value_parser = incident, value_hint = ValueHint::Other)]
    pub(crate) incident: Option<String>,
    /// Tell further what happens, until the run ends
    #[arg(short, long, conflicts_with_all = ["incident", "format"])]
    pub(crate) follow: bool,
    /// Only this part of the run
    #[arg(long, value_enum, value_name = "PART")]
    pub(crate) phase: Option<PhaseArg>,
    /// Also what only the machinery is interested in
    #[arg(long)]
    pub(crate) all: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TimelineFormat,
}

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PhaseArg {
    /// Is there anything to repair?
    Detect,
    /// How is it before the first step?
    Baseline,
    /// The steps
    Steps,
    /// Is the incident over?
    Verify,
    /// Undoing what was attempted
    Rollback,
    /// The clean-up
    Finally,
}

impl From<PhaseArg> for Phase {
    fn from(phase: PhaseArg) -> Self {
        match phase {
            PhaseArg::Detect => Self::Detect,
            PhaseArg::Baseline => Self::Baseline,
            PhaseArg::Steps => Self::Steps,
            PhaseArg::Verify => Self::Verify,
            PhaseArg::Rollback => Self::Rollback,
            PhaseArg::Finally => Self::Finally,
        }
    }
}

/// How a timeline is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum TimelineFormat {
    /// For people
    #[default]
    Text,
    /// For pages
    Md,
    /// For programs
    Json,
    /// For spreadsheets
    Csv,
    /// Traces for OpenTelemetry: OTLP in JSON
    Otlp,
}

/// The name of an incident. It stands in names of files and in other systems, so it is plain.
pub(super) fn incident(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let begins = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && text.len() <= 64 && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err(
        "an incident has at most 64 letters, digits, `-`, `_` and `.`, and begins with a letter or a digit"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use runbook_event::NoteKind;

    use super::{Kind, incident};

    #[test]
    fn the_kinds_are_those_of_the_journal() {
        for (kind, known) in Kind::value_variants().iter().zip(NoteKind::ALL) {
            assert_eq!(NoteKind::from(*kind), known);
            let word = kind.to_possible_value().map(|value| value.get_name().to_owned());
            assert_eq!(word.as_deref(), Some(known.word()));
        }
        assert_eq!(Kind::value_variants().len(), NoteKind::ALL.len());
    }

    #[test]
    fn an_incident_has_a_plain_name() {
        let long = "x".repeat(64);
        for good in ["INC-7", "7", "2026_05.db", &long] {
            assert_eq!(incident(good).as_deref(), Ok(good));
        }
        let longer = "x".repeat(65);
        for bad in ["", "-7", ".", "../x", "a b", "ä", "a\n", "a/b", "=1+1", &longer] {
            assert!(incident(bad).is_err(), "{bad}");
        }
    }
}
