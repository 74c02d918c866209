//! What is wrong in a text, and what to do about it.

use crate::{Code, Span, Waiver, codes};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth a thought.
    Warning,
    /// It must be mended before anything runs.
    Error,
}

/// What is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The stable code, with a page in the book.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong: a lower-case fragment with names in backticks.
    pub message: String,
    /// The place.
    pub span: Span,
    /// What to write beside the place, where the message alone is not enough.
    pub label: String,
    /// Other places that belong to it, each with a remark.
    pub related: Vec<(Span, String)>,
    /// What to do, in the imperative.
    pub help: Option<String>,
}

impl Finding {
    /// An error at a place.
    #[must_use]
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            span,
            label: String::new(),
            related: Vec::new(),
            help: None,
        }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message)
        }
    }

    /// With a remark beside the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With another place that belongs to it.
    #[must_use]
    pub fn related(mut self, span: Span, remark: impl Into<String>) -> Self {
        self.related.push((span, remark.into()));
        self
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With what to do, if there is something.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

/// All findings so far, and what the author waives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    list: Vec<Finding>,
    waivers: Vec<Waiver>,
    left_out: usize,
}

/// How many findings are kept. Who has as many has one mistake that is made everywhere.
pub const MAX_FINDINGS: usize = 1000;

impl Findings {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one that takes some work to put into words, which is not done for one that is left out.
    pub(crate) fn push_with(&mut self, finding: impl FnOnce() -> Finding) {
        if self.list.len() < MAX_FINDINGS {
            self.push(finding());
        } else {
            self.left_out += 1;
        }
    }

    /// Adds one, up to [`MAX_FINDINGS`]. An error is never left out for the sake of warnings.
    pub fn push(&mut self, finding: Finding) {
        if self.list.len() < MAX_FINDINGS {
            self.list.push(finding);
            return;
        }
        self.left_out += 1;
        if finding.severity == Severity::Error
            && let Some(last) = self
                .list
                .iter_mut()
                .rfind(|kept| kept.severity == Severity::Warning)
        {
            *last = finding;
        }
    }

    /// Adds a waiver.
    pub(crate) fn waive(&mut self, waiver: Waiver) {
        self.waivers.push(waiver);
    }

    /// What is waived in the value of a key is waived for the key too: that is where an unused one is reported.
    pub(crate) fn waive_for_key(&mut self, key: Span, value: Span) {
        for waiver in self.waivers.iter_mut().filter(|waiver| waiver.within == value) {
            waiver.within.start = key.start;
        }
    }

    /// What the author waives.
    #[must_use]
    pub fn waivers(&self) -> &[Waiver] {
        &self.waivers
    }

    /// Whether something must be mended before anything runs, whatever is waived.
    #[must_use]
    pub fn has_hard_errors(&self) -> bool {
        let hard = |finding: &Finding| finding.severity == Severity::Error && !finding.code.lint;
        self.list.iter().any(hard)
    }

    /// Whether something must be mended before anything runs.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    /// All of them, by place.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Finding> {
        if let (Some(last), true) = (self.list.last(), self.left_out > 0) {
            let message = format!("{} more findings are left out", self.left_out);
            let finding = Finding::error(codes::TOO_LARGE, last.span, message);
            self.list.push(finding.help("mend these first"));
        }
        self.list.sort_by_key(|finding| (finding.span, finding.code.id));
        self.list.dedup();
        self.list
    }
}
