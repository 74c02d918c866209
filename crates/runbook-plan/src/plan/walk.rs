//! Going through a plan: all of its steps, those that it calls, one by its id.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Body, Plan, RunbookCall, Step};

/// Where each step is: at every level its position among the steps within and those of the undo, counted through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(HashMap<String, Box<[usize]>>);

impl Places {
    fn of(steps: &[Step]) -> Self {
        let mut places = HashMap::new();
        let mut open: Vec<(Vec<usize>, &Step)> = numbered(&[], steps.iter()).collect();
        while let Some((place, step)) = open.pop() {
            open.extend(numbered(&place, step.below()));
            places.insert(step.id.clone(), place.into_boxed_slice());
        }
        Self(places)
    }
}

/// Steps with their places below another.
fn numbered<'a>(
    above: &[usize],
    steps: impl Iterator<Item = &'a Step>,
) -> impl Iterator<Item = (Vec<usize>, &'a Step)> {
    steps
        .enumerate()
        .map(move |(at, step)| ([above, &[at]].concat(), step))
}

impl Plan {
    /// A step by its id: of the sections, within others, or of an undo.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&Step> {
        let places = self.places.get_or_init(|| Places::of(&self.steps));
        let (first, further) = places.0.get(id)?.split_first()?;
        further
            .iter()
            .try_fold(self.steps.get(*first)?, |step, at| step.below().nth(*at))
    }

    /// The runbooks that it calls, itself or over others, each once and by name, with their plans. Empty where calls
    /// have no plans.
    #[must_use]
    pub fn runbooks(&self) -> Vec<(&str, &Arc<Self>)> {
        let mut found: BTreeMap<&str, &Arc<Self>> = BTreeMap::new();
        let mut open = vec![self];
        while let Some(plan) = open.pop() {
            for (name, called) in plan.called() {
                if found.insert(name, called).is_none() {
                    open.push(called);
                }
            }
        }
        found.into_iter().collect()
    }

    /// The runbooks that it calls itself, by name.
    pub(crate) fn called(&self) -> BTreeMap<&str, &Arc<Self>> {
        let mut called = BTreeMap::new();
        let mut open: Vec<&Step> = self.steps.iter().collect();
        while let Some(step) = open.pop() {
            open.extend(step.below());
            if let Some(RunbookCall {
                name,
                plan: Some(plan),
                ..
            }) = step.call()
            {
                called.insert(name.as_str(), plan);
            }
        }
        called
    }
}

impl Step {
    /// The steps within it, then those of its undo.
    fn below(&self) -> impl Iterator<Item = &Self> {
        self.within().iter().chain(self.undo_steps())
    }

    /// Its call of another runbook, if it is one.
    #[must_use]
    pub const fn call(&self) -> Option<&RunbookCall> {
        match &self.body {
            Body::Runbook(call) => Some(call),
            Body::Action(_)
            | Body::Manual(_)
            | Body::Wait(_)
            | Body::Notify(_)
            | Body::Fail(_)
            | Body::Let(_)
            | Body::Checks(_)
            | Body::Undo(_)
            | Body::Group(_)
            | Body::Choose(_)
            | Body::FirstOf(_) => None,
        }
    }
}
