//! What differs between two plans: in what they do, and not in how they are written.
//!
//! Both sides come as data, as `runbook plan --format json` prints it, so that a plan that was kept can be compared with
//! one that is made now. [`compare`] tells each difference as a sentence with its weight: what takes a protection away
//! or reaches further is an [alarm](Weight::Alarm), what does something else is a [change](Weight::Change), and what
//! only says it differently is [words](Weight::Words). [`digest`] is one number over all that is more than words.
//!
//! It is pure: no file, no clock, no network.

mod actions;
mod checks;
pub mod comment;
mod danger;
mod digest;
mod facts;
mod head;
mod limits;
mod renamed;
mod settings;
mod steps;
mod weaker;

pub use comment::{Reviewed, changed_lines, comment};
pub use digest::digest;
pub use facts::{Step, steps};
pub use settings::settings;

use serde_json::Value;

/// How much a difference weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It says the same in other words.
    Words,
    /// It does something else.
    Change,
    /// It takes a protection away, does more to the world, or reaches further than before.
    Alarm,
}

impl Weight {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Change => "change",
            Self::Alarm => "alarm",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// How much it weighs.
    pub weight: Weight,
    /// The id of the step that it is about; none if it is about the runbook.
    pub step: Option<String>,
    /// What differs, in one sentence without its stop. Names stand in backticks.
    pub text: String,
    /// What it was and what it is, where that is worth to be seen line by line.
    pub texts: Option<(String, String)>,
    /// Whether nothing of the runbook itself differs here, but something that it runs does.
    pub of_another: bool,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was not there.
    Added,
    /// It is another.
    Changed,
    /// It is not there any more.
    Removed,
}

/// What differs between two plans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The differences: what weighs most first, and otherwise in the order of the steps.
    pub differences: Vec<Difference>,
    /// The steps that do something else than before, with what became of them.
    pub fates: Vec<(String, Fate)>,
}

impl Comparison {
    /// The greatest weight, if anything differs.
    #[must_use]
    pub fn weight(&self) -> Option<Weight> {
        self.differences.iter().map(|one| one.weight).max()
    }

    /// How many differences have this weight.
    #[must_use]
    pub fn count(&self, weight: Weight) -> usize {
        self.differences.iter().filter(|one| one.weight == weight).count()
    }

    /// Whether both do the same.
    #[must_use]
    pub fn does_the_same(&self) -> bool {
        self.weight().is_none_or(|weight| weight == Weight::Words)
    }

    /// Whether it differs only in what other runbooks do that it runs.
    #[must_use]
    pub fn is_only_of_others(&self) -> bool {
        !self.differences.is_empty() && self.differences.iter().all(|one| one.of_another)
    }

    fn add(&mut self, weight: Weight, step: Option<&str>, text: impl Into<String>) {
        self.differences.push(Difference {
            weight,
            step: step.map(str::to_owned),
            text: text.into(),
            texts: None,
            of_another: false,
        });
    }

    /// Makes alarms of all that differs from one place on.
    fn raise(&mut self, from: usize) {
        for one in self.differences.iter_mut().skip(from) {
            one.weight = Weight::Alarm;
        }
    }

    fn show(&mut self, weight: Weight, step: Option<&str>, text: impl Into<String>, texts: (String, String)) {
        self.differences.push(Difference {
            weight,
            step: step.map(str::to_owned),
            text: text.into(),
            texts: Some(texts),
            of_another: false,
        });
    }
}

/// What differs in a file that a runbook names, such as a script or a manifest. None for a side on which it is not there.
#[must_use]
pub fn file(name: &str, before: Option<&str>, after: Option<&str>) -> Option<Difference> {
    let (old, new) = (before.unwrap_or_default(), after.unwrap_or_default());
    let (weight, text) = match (before, after) {
        (None, None) => return None,
        (Some(_), None) => (Weight::Alarm, format!("the file `{name}` that it names is gone")),
        (None, Some(_)) => (Weight::Change, format!("the file `{name}` that it names is new")),
        (Some(_), Some(_)) if old == new => return None,
        (Some(_), Some(_)) => (
            Weight::Change,
            format!("the file `{name}` that it names has changed"),
        ),
    };
    let (weight, text) = danger::weighed(weight, text, old, new);
    Some(Difference {
        weight,
        step: None,
        text,
        texts: Some((old.to_owned(), new.to_owned())),
        of_another: false,
    })
}

/// Compares two plans, each as `runbook plan --format json` prints it.
#[must_use]
pub fn compare(before: &Value, after: &Value) -> Comparison {
    let mut told = Comparison::default();
    head::compare(&mut told, before, after);
    steps::compare(&mut told, before, after);
    let changed: Vec<String> = told
        .differences
        .iter()
        .filter(|one| one.weight > Weight::Words)
        .filter_map(|one| one.step.clone())
        .collect();
    for id in changed {
        if !told.fates.iter().any(|(known, _)| *known == id) {
            told.fates.push((id, Fate::Changed));
        }
    }
    // Stable: what weighs the same stays in the order of the steps.
    told.differences.sort_by_key(|one| std::cmp::Reverse(one.weight));
    told
}
