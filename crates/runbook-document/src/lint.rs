//! Lints: findings that are a matter of judgement. A project sets their level, an author waives one with a reason.

use std::collections::{BTreeMap, HashSet};

use crate::{Code, Finding, Severity, Span, Spanned, codes, nearest};

/// A finding that the author has looked at and means to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The code of the finding.
    pub code: Spanned<String>,
    /// Why it is right here.
    pub reason: String,
    /// The mapping in which it holds.
    pub within: Span,
}

impl Waiver {
    fn covers(&self, finding: &Finding) -> bool {
        let (inner, outer) = (finding.span, self.within);
        finding.code.lint
            && finding.code.id == self.code.value
            && inner.source == outer.source
            && outer.start <= inner.start
            && inner.end <= outer.end
    }
}

/// How much a lint matters in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// It is not reported.
    Allow,
    /// It is a warning.
    Warn,
    /// It is an error.
    Error,
}

/// The levels that a project sets, by code.
pub type Levels = BTreeMap<&'static str, Level>;

/// The findings as a project wants them: what is waived is left out, and lints have their levels. A waiver that
/// waives nothing is a finding of its own.
#[must_use]
pub fn settle(findings: Vec<Finding>, waivers: &[Waiver], levels: &Levels) -> Vec<Finding> {
    let mut used: HashSet<usize> = HashSet::new();
    let mut settled: Vec<Finding> = findings
        .into_iter()
        .filter(|finding| {
            let mut covering = waivers
                .iter()
                .enumerate()
                .filter(|(_, waiver)| waiver.covers(finding));
            // The one that stands nearest is the one that is used.
            let nearest = covering.next().map(|first| covering.fold(first, nearer));
            nearest.is_none_or(|(at, _)| {
                used.insert(at);
                false
            })
        })
        .collect();
    for (at, waiver) in waivers.iter().enumerate() {
        settled.extend(judge(waiver, used.contains(&at)));
    }
    settled.retain_mut(
        |finding| match levels.get(finding.code.id).filter(|_| finding.code.lint) {
            Some(Level::Allow) => false,
            Some(Level::Warn) => {
                finding.severity = Severity::Warning;
                true
            }
            Some(Level::Error) => {
                finding.severity = Severity::Error;
                true
            }
            None => true,
        },
    );
    settled.sort_by_key(|finding| (finding.span, finding.code.id));
    settled.dedup();
    settled
}

fn nearer<'w>(one: (usize, &'w Waiver), other: (usize, &'w Waiver)) -> (usize, &'w Waiver) {
    let length = |waiver: &Waiver| waiver.within.end - waiver.within.start;
    if length(other.1) < length(one.1) {
        other
    } else {
        one
    }
}

/// What is wrong with a waiver.
fn judge(waiver: &Waiver, used: bool) -> Option<Finding> {
    let span = waiver.code.span;
    match lint(&waiver.code) {
        Err(finding) => Some(*finding),
        Ok(_) if waiver.reason.is_empty() => {
            let message = format!("`{}` is waived without a reason", waiver.code.value);
            let help = format!("say why it is right here: `{}: …`", waiver.code.value);
            Some(Finding::error(codes::WAIVER, span, message).help(help))
        }
        Ok(_) if !used => {
            let message = format!("there is no `{}` here to be waived", waiver.code.value);
            Some(Finding::warning(codes::WAIVER, span, message).help("leave the waiver out"))
        }
        Ok(_) => None,
    }
}

/// The lint of a code, or what is wrong with naming it.
pub(crate) fn lint(code: &Spanned<String>) -> Result<Code, Box<Finding>> {
    let known = codes::ALL.iter().find(|known| known.id == code.value);
    match known {
        Some(known) if known.lint => Ok(*known),
        Some(known) => {
            let message = format!("`{}` is no matter of judgement: {}", code.value, known.title);
            let help = "mend it; only lints have a level and can be waived";
            Err(Box::new(
                Finding::error(codes::WAIVER, code.span, message).help(help),
            ))
        }
        None => {
            let lints = codes::ALL.iter().filter(|code| code.lint).map(|code| code.id);
            let help = match nearest(&code.value, lints) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "lints are named by their codes, such as `RB0502`".to_owned(),
            };
            let message = format!("there is no finding `{}`", code.value);
            Err(Box::new(
                Finding::error(codes::WAIVER, code.span, message).help(help),
            ))
        }
    }
}
