//! What people write into a run's journal.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a person wrote into a run's journal: before it went on, while it ran, or long after its end. It changes
/// nothing of the run, and is never edited: a correction is another note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// What it is about.
    pub kind: NoteKind,
    /// That person's words.
    pub text: String,
    /// Who wrote it.
    pub by: Author,
    /// When it was so, as that person claims: it may be before the run. None for when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened_at: Option<Timestamp>,
    /// The `seq` of the note in whose place it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<u64>,
    /// Who is to do it, for what is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// By when, for what is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    /// The name of the request that it came by, where another process held the run. It is taken up once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

impl Note {
    /// The most bytes that its text may have. A page says more than that.
    pub const TEXT_BYTES: usize = 16 * 1024;
    /// The most bytes that the name of its owner may have.
    pub const OWNER_BYTES: usize = 200;
}

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// When it was noticed that something is wrong.
    Detected,
    /// When somebody took it on.
    Acknowledged,
    /// When it began to hurt.
    ImpactStart,
    /// When it stopped hurting.
    Mitigated,
    /// When it was over.
    Resolved,
    /// Why it could happen.
    RootCause,
    /// What set it off.
    Trigger,
    /// Whom it hurt, and how.
    Impact,
    /// What went well.
    WentWell,
    /// What did not.
    WentWrong,
    /// Where it was luck.
    Lucky,
    /// What was learnt.
    Lesson,
    /// What is to be done so that it does not happen again.
    ActionItem,
    /// What else is to be looked after.
    FollowUp,
    /// What it was, in a few sentences.
    Summary,
    /// Anything else.
    Note,
}

impl NoteKind {
    /// All of them, in the order in which people think of them.
    pub const ALL: [Self; 16] = [
        Self::Detected,
        Self::Acknowledged,
        Self::ImpactStart,
        Self::Mitigated,
        Self::Resolved,
        Self::RootCause,
        Self::Trigger,
        Self::Impact,
        Self::WentWell,
        Self::WentWrong,
        Self::Lucky,
        Self::Lesson,
        Self::ActionItem,
        Self::FollowUp,
        Self::Summary,
        Self::Note,
    ];

    /// The word for people and for the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Acknowledged => "acknowledged",
            Self::ImpactStart => "impact-start",
            Self::Mitigated => "mitigated",
            Self::Resolved => "resolved",
            Self::RootCause => "root-cause",
            Self::Trigger => "trigger",
            Self::Impact => "impact",
            Self::WentWell => "went-well",
            Self::WentWrong => "went-wrong",
            Self::Lucky => "lucky",
            Self::Lesson => "lesson",
            Self::ActionItem => "action-item",
            Self::FollowUp => "follow-up",
            Self::Summary => "summary",
            Self::Note => "note",
        }
    }

    /// Whether it is something to do, which somebody owns and which may be due.
    #[must_use]
    pub const fn is_to_do(self) -> bool {
        match self {
            Self::ActionItem | Self::FollowUp => true,
            Self::Detected
            | Self::Acknowledged
            | Self::ImpactStart
            | Self::Mitigated
            | Self::Resolved
            | Self::RootCause
            | Self::Trigger
            | Self::Impact
            | Self::WentWell
            | Self::WentWrong
            | Self::Lucky
            | Self::Lesson
            | Self::Summary
            | Self::Note => false,
        }
    }

    /// Whether there may well be several that have nothing to do with each other.
    #[must_use]
    pub const fn is_list(self) -> bool {
        match self {
            Self::WentWell
            | Self::WentWrong
            | Self::Lucky
            | Self::Lesson
            | Self::ActionItem
            | Self::FollowUp => true,
            Self::Detected
            | Self::Acknowledged
            | Self::ImpactStart
            | Self::Mitigated
            | Self::Resolved
            | Self::RootCause
            | Self::Trigger
            | Self::Impact
            | Self::Summary
            | Self::Note => false,
        }
    }

    /// Whether it tells when something was, and not what or why.
    #[must_use]
    pub const fn is_a_time(self) -> bool {
        match self {
            Self::Detected | Self::Acknowledged | Self::ImpactStart | Self::Mitigated | Self::Resolved => {
                true
            }
            Self::RootCause
            | Self::Trigger
            | Self::Impact
            | Self::WentWell
            | Self::WentWrong
            | Self::Lucky
            | Self::Lesson
            | Self::ActionItem
            | Self::FollowUp
            | Self::Summary
            | Self::Note => false,
        }
    }
}

/// Who wrote a note, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Author {
    /// The operating system's user.
    pub user: String,
    /// The machine.
    pub host: String,
    /// How that is known.
    pub known_by: KnownBy,
}

/// How it is known who wrote a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KnownBy {
    /// The command ran as that user, and wrote it itself.
    Process,
    /// The file with the request belongs to that user. Who holds the run wrote it for them.
    RequestOwner,
}

impl KnownBy {
    /// The words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Process => "the user whom the command ran as",
            Self::RequestOwner => "the owner of the request's file",
        }
    }
}
